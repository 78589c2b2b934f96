package driver;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The pgjdbc script of the driver matrix: CLIENTS clients walk through the same steps at the same
 * time, ROUNDS times, and each writes a transcript. The same program runs on Postgres and through
 * pglynx, and both must print the same.
 */
final class Main {
  private Main() {}

  private static final List<Map<String, Step>> STEPS =
      List.of(ConnectionSteps.all(), StatementSteps.all(), ResultSteps.all(), SessionSteps.all(),
          StateSteps.all(), BulkSteps.all(), PoolSteps.all());

  private static int number(String name, int otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : Integer.parseInt(value);
  }

  private static void walk(Client client, int rounds) {
    for (int round = 1; round <= rounds; round++) {
      client.setRound(round);
      for (Map<String, Step> group : STEPS) {
        group.forEach(client::step);
      }
    }
    client.close();
  }

  public static void main(String[] args) throws InterruptedException {
    if (args.length == 1 && args[0].equals("version")) {
      System.out.println("pgjdbc " + org.postgresql.util.DriverInfo.DRIVER_VERSION
          + ", HikariCP " + jarVersion("com.zaxxer", "HikariCP")
          + ", Java " + System.getProperty("java.version"));
      return;
    }
    int rounds = number("ROUNDS", 3);
    List<Client> clients = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < number("CLIENTS", 8); i++) {
      Client client = new Client(i);
      clients.add(client);
      threads.add(new Thread(() -> walk(client, rounds), "client-" + i));
    }
    threads.forEach(Thread::start);
    // Before matrix.py loses patience: what there is shows where each client hangs.
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(number("PATIENCE", 240));
    boolean failed = false;
    for (int i = 0; i < threads.size(); i++) {
      Thread thread = threads.get(i);
      thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())));
      if (thread.isAlive()) {
        clients.get(i).hangs(thread.getStackTrace());
      }
    }
    for (Client client : clients) {
      System.out.print(client.transcript());
      failed |= client.failed();
    }
    System.out.flush();
    // Not a return: a thread that a failed step left behind must not keep the program alive.
    System.exit(failed ? 1 : 0);
  }

  /** The version that Maven wrote into a jar. */
  private static String jarVersion(String group, String artifact) {
    String path = "/META-INF/maven/" + group + "/" + artifact + "/pom.properties";
    try (var in = Main.class.getResourceAsStream(path)) {
      var properties = new java.util.Properties();
      properties.load(in);
      return properties.getProperty("version");
    } catch (java.io.IOException | NullPointerException error) {
      return "unknown";
    }
  }
}
