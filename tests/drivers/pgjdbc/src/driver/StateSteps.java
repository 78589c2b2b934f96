package driver;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** State that stays at one server: it is made, used and given up; and statements cut short. */
final class StateSteps {
  private StateSteps() {}

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("listen", StateSteps::listen);
    steps.put("locks", StateSteps::locks);
    steps.put("temporary", StateSteps::temporary);
    steps.put("held cursors", StateSteps::heldCursors);
    steps.put("cursors", StateSteps::cursors);
    steps.put("sql prepare", StateSteps::sqlPrepare);
    steps.put("discard", StateSteps::discard);
    steps.put("statement timeout", StateSteps::statementTimeout);
    steps.put("query timeout", StateSteps::queryTimeout);
    steps.put("cancel", StateSteps::cancel);
    return steps;
  }

  private static void listen(Client client) throws Exception {
    Connection connection = client.main();
    PGConnection postgres = connection.unwrap(PGConnection.class);
    String channel = client.name("channel");
    String quoted = "\"Channel " + client.number() + "\"";
    Client.execute(connection, "listen " + channel, "listen " + quoted);
    Client.execute(connection, "notify " + channel + ", 'own O''Reilly'", "notify " + quoted);
    received(client, postgres, 2);
    connection.setAutoCommit(false);
    Client.execute(connection, "notify " + channel + ", 'committed'");
    connection.commit();
    Client.execute(connection, "notify " + channel + ", 'undone'");
    connection.rollback();
    connection.setAutoCommit(true);
    received(client, postgres, 1);
    try (Connection other = Client.connect()) {
      Client.execute(other, "select pg_notify('" + channel + "', 'by another')",
          "notify " + channel + ", 'and again'");
    }
    received(client, postgres, 2);
    client.query(connection, "select count(*) from pg_listening_channels()");
    Client.execute(connection, "unlisten " + channel, "unlisten *");
    Client.execute(connection, "notify " + channel + ", 'nobody listens'");
    client.query(connection, "select count(*) from pg_listening_channels()");
    PGNotification[] left = postgres.getNotifications();
    client.line("left " + (left == null ? 0 : left.length));
  }

  private static void received(Client client, PGConnection postgres, int count)
      throws SQLException {
    List<PGNotification> all = new ArrayList<>();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (all.size() < count && System.nanoTime() < deadline) {
      PGNotification[] some = postgres.getNotifications(200);
      all.addAll(some == null ? List.of() : List.of(some));
    }
    for (PGNotification one : all) {
      // An application tells by the process id what it has sent itself.
      client.line("got " + one.getName() + " [" + one.getParameter() + "] own "
          + (one.getPID() == postgres.getBackendPID()));
    }
  }

  private static void locks(Client client) throws Exception {
    Connection connection = client.main();
    int key = 1000 + client.number();
    client.query(connection, "select pg_advisory_lock(" + key + ")");
    for (int i = 0; i < 3; i++) {
      client.query(connection, "select count(*) from pg_locks where locktype = 'advisory'"
          + " and pid = pg_backend_pid() and objid = " + key);
    }
    client.query(connection, "select pg_try_advisory_lock(" + key + ")");
    client.query(connection, "select pg_advisory_unlock(" + key + ")");
    client.query(connection, "select pg_advisory_unlock(" + key + ")");
    try (Statement statement = connection.createStatement()) {
      statement.execute("select pg_advisory_unlock(" + key + ")");
      client.warnings(statement.getWarnings());
    }
    try (PreparedStatement statement = connection.prepareStatement(
        "select pg_try_advisory_lock_shared(?, 1), pg_advisory_unlock_shared(?, 1)")) {
      for (int i = 0; i < 7; i++) {
        statement.setInt(1, key);
        statement.setInt(2, key);
        client.rows(statement.executeQuery());
      }
    }
    connection.setAutoCommit(false);
    client.query(connection, "select pg_advisory_xact_lock(" + key + ")");
    connection.commit();
    connection.setAutoCommit(true);
    client.query(connection, "select pg_advisory_unlock_all()");
    client.query(connection, "select count(*) from pg_locks where locktype = 'advisory'"
        + " and objid = " + key);
  }

  private static void temporary(Client client) throws Exception {
    Connection connection = client.main();
    Client.execute(connection, "create temp table mine (a int)",
        "insert into mine values (" + client.number() + ")");
    for (int i = 0; i < 7; i++) {
      try (PreparedStatement statement = connection.prepareStatement("select a from mine")) {
        client.rows(statement.executeQuery());
      }
    }
    Client.execute(connection, "drop table mine");
    client.fails("gone", () -> Client.execute(connection, "select a from mine where true"));
    connection.setAutoCommit(false);
    Client.execute(connection, "create temp table mine on commit drop as select 5 as b");
    client.query(connection, "select b from mine");
    connection.commit();
    connection.setAutoCommit(true);
    client.fails("gone too", () -> Client.execute(connection, "select b from mine where true"));
    Client.execute(connection, "create temporary table mine as select 6 as c",
        "create temp view seen as select c + 1 as d from mine");
    client.query(connection, "select d from seen");
    Client.execute(connection, "discard temp");
    client.fails("discarded", () -> Client.execute(connection, "select c from mine where true"));
  }

  private static void heldCursors(Client client) throws Exception {
    Connection connection = client.main();
    Client.execute(connection,
        "declare held cursor with hold for select n from generate_series(1, 10) n");
    for (int i = 0; i < 3; i++) {
      client.query(connection, "fetch 3 from held");
    }
    Client.execute(connection, "close held");
    client.fails("closed", () -> Client.execute(connection, "fetch held"));
    connection.setAutoCommit(false);
    Client.execute(connection,
        "declare \"Held 2\" scroll cursor with hold for select n from generate_series(1, 5) n");
    client.query(connection, "fetch last from \"Held 2\"");
    connection.commit();
    client.query(connection, "fetch prior from \"Held 2\"");
    Client.execute(connection, "close all");
    connection.commit();
    connection.setAutoCommit(true);
    client.fails("closed too", () -> Client.execute(connection, "fetch \"Held 2\""));
  }

  private static void cursors(Client client) throws Exception {
    Connection connection = client.main();
    client.fails("no transaction",
        () -> Client.execute(connection, "declare plain cursor for select 1"));
    connection.setAutoCommit(false);
    Client.execute(connection, "declare plain scroll cursor for select n, n * n as q from"
        + " generate_series(1, 100) n");
    client.query(connection, "fetch 2 from plain");
    client.query(connection, "fetch absolute 50 from plain");
    client.query(connection, "fetch backward 2 from plain");
    Client.execute(connection, "move 10 in plain");
    client.query(connection, "fetch next from plain");
    connection.commit();
    client.fails("after commit", () -> Client.execute(connection, "fetch plain"));
    connection.rollback();
    connection.setAutoCommit(true);
  }

  private static void sqlPrepare(Client client) throws Exception {
    Connection connection = client.main();
    Client.execute(connection, "prepare mine(int, text) as select $1 + " + client.number()
        + " as n, $2 as t");
    for (int i = 0; i < 4; i++) {
      client.query(connection, "execute mine(" + i + ", 'O''Reilly')");
    }
    client.fails("twice", () -> Client.execute(connection, "prepare mine as select 1"));
    client.fails("count", () -> Client.execute(connection, "execute mine(1)"));
    Client.execute(connection, "deallocate mine");
    client.fails("gone", () -> Client.execute(connection, "execute mine(1, 'x')"));
    client.fails("gone", () -> Client.execute(connection, "deallocate mine"));
  }

  private static void discard(Client client) throws Exception {
    Connection connection = client.main();
    try (PreparedStatement statement = connection.prepareStatement("select ?::int + 1 as n")) {
      String[] resets = {"deallocate all", "discard plans", "discard all", "deallocate all",
          "discard sequences", "discard temp", "reset all; select 1"};
      for (String reset : resets) {
        for (int i = 0; i < 7; i++) {
          statement.setInt(1, i);
          client.rows(statement.executeQuery());
        }
        Client.execute(connection, "set work_mem = '3MB'", reset);
        client.line(reset + ": " + Client.value(connection, "show work_mem"));
      }
      statement.setInt(1, 99);
      client.rows(statement.executeQuery());
    }
    connection.setAutoCommit(false);
    client.line(Client.value(connection, "select 1"));
    client.fails("in a transaction", () -> Client.execute(connection, "discard all"));
    connection.rollback();
    connection.setAutoCommit(true);
    Client.execute(connection, "reset all");
  }

  private static void statementTimeout(Client client) throws Exception {
    Connection connection = client.main();
    Client.execute(connection, "set statement_timeout = '100ms'");
    client.fails("sleep", () -> Client.value(connection, "select pg_sleep(30)"));
    client.line(Client.value(connection, "show statement_timeout"));
    Client.execute(connection, "reset statement_timeout");
    connection.setAutoCommit(false);
    Client.execute(connection, "set local statement_timeout = '50ms'");
    client.fails("in a transaction", () -> Client.value(connection, "select pg_sleep(30)"));
    client.fails("aborted", () -> Client.value(connection, "select 1"));
    connection.rollback();
    connection.setAutoCommit(true);
    client.line(Client.value(connection, "show statement_timeout"));
    client.line("sleeps " + Client.value(connection, "select pg_sleep(0.06)"));
  }

  private static void queryTimeout(Client client) throws Exception {
    Connection connection = client.main();
    try (Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      client.fails("sleep", () -> statement.executeQuery("select pg_sleep(60)"));
      statement.setQueryTimeout(50);
      client.rows(statement.executeQuery("select 'in time'"));
    }
    client.line("alive " + Client.value(connection, "select 1"));
  }

  /**
   * Another thread cancels until the statement has ended. A cancel that is too early or too late
   * is allowed to do nothing, therefore it asks again and lets the last one pass.
   */
  private static void cancel(Client client) throws Exception {
    try (Connection connection = Client.connect();
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      client.line("begun " + Client.value(connection, "select 1"));
      Thread canceller = new Thread(() -> {
        try {
          while (!Thread.interrupted()) {
            TimeUnit.MILLISECONDS.sleep(50);
            statement.cancel();
          }
        } catch (SQLException | InterruptedException ended) {
          return;  // Interrupted: the statement has ended.
        }
      });
      canceller.start();
      client.fails("sleep", () -> statement.executeQuery("select pg_sleep(60)"));
      canceller.interrupt();
      canceller.join();
      connection.rollback();
    }
    try (ResultSet result = client.main().createStatement().executeQuery("select 'alive'")) {
      client.rows(result);
    }
  }
}
