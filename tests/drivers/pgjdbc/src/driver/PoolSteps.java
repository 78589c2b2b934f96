package driver;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** HikariCP: what it sets on connections, checks before lending and puts back after. */
final class PoolSteps {
  private PoolSteps() {}

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("pool", PoolSteps::pool);
    steps.put("pool puts back", PoolSteps::putsBack);
    steps.put("pool with settings", PoolSteps::withSettings);
    steps.put("pool and threads", PoolSteps::threads);
    return steps;
  }

  private static HikariConfig config(Client client, int size) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(Client.url());
    config.setUsername(Client.env("PGUSER", "postgres"));
    config.setPassword(Client.env("PGPASSWORD", ""));
    config.setMaximumPoolSize(size);
    config.setPoolName(client.name("pool"));
    return config;
  }

  private static void pool(Client client) throws Exception {
    try (HikariDataSource pool = new HikariDataSource(config(client, 2))) {
      for (int i = 0; i < 30; i++) {
        try (Connection connection = pool.getConnection();
            PreparedStatement statement = connection.prepareStatement("select ?::int * 2 as n")) {
          statement.setInt(1, i);
          try (ResultSet result = statement.executeQuery()) {
            result.next();
            client.line(i + " " + result.getInt(1) + " " + connection.isValid(20));
          }
        }
      }
      // An error does not cost the connection, and what was open is rolled back.
      String table = client.name("pooled");
      try (Connection connection = pool.getConnection()) {
        Client.execute(connection, "drop table if exists " + table,
            "create table " + table + " (a int)");
        connection.setAutoCommit(false);
        Client.execute(connection, "insert into " + table + " values (1)");
        client.fails("error", () -> Client.execute(connection, "select 1/0"));
      }
      try (Connection connection = pool.getConnection()) {
        client.line("after it " + Client.value(connection, "select count(*) from " + table) + " "
            + connection.getAutoCommit());
      }
      try (Connection connection = pool.getConnection()) {
        pool.evictConnection(connection);
      }
      try (Connection connection = pool.getConnection()) {
        client.line("after eviction " + Client.value(connection, "select 1"));
      }
    }
  }

  private static void state(Client client, Connection connection, String when) throws Exception {
    client.line(when + " " + connection.getAutoCommit() + " " + connection.isReadOnly() + " "
        + connection.getTransactionIsolation() + " " + connection.getSchema() + " "
        + Client.value(connection, "show default_transaction_isolation") + " "
        + Client.value(connection, "show default_transaction_read_only") + " "
        + Client.value(connection, "show search_path"));
  }

  private static void putsBack(Client client) throws Exception {
    try (HikariDataSource pool = new HikariDataSource(config(client, 1))) {
      try (Connection connection = pool.getConnection()) {
        state(client, connection, "new");
      }
      for (int i = 0; i < 3; i++) {
        try (Connection connection = pool.getConnection()) {
          connection.setReadOnly(true);
          connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
          connection.setSchema("pg_catalog");
          connection.setAutoCommit(false);
          connection.setNetworkTimeout(Runnable::run, 30_000);
          state(client, connection, "changed");
          connection.commit();
        }
        try (Connection connection = pool.getConnection()) {
          state(client, connection, "lent again");
        }
      }
    }
  }

  private static void withSettings(Client client) throws Exception {
    HikariConfig config = config(client, 2);
    config.setAutoCommit(false);
    config.setReadOnly(true);
    config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ");
    config.setSchema("pg_catalog");
    config.addDataSourceProperty("ApplicationName", client.name("O'Reilly"));
    try (HikariDataSource pool = new HikariDataSource(config)) {
      for (int i = 0; i < 4; i++) {
        try (Connection connection = pool.getConnection()) {
          state(client, connection, "lent");
          client.line(Client.value(connection, "show application_name") + " "
              + Client.value(connection, "show transaction_isolation"));
          client.fails("write", () -> Client.execute(connection, "create table never (a int)"));
          connection.rollback();
        }
      }
    }
    HikariConfig other = config(client, 2);
    other.setConnectionTestQuery("select 1");
    other.setConnectionInitSql("set TimeZone = 'Asia/Tokyo'; set work_mem = '3MB'");
    try (HikariDataSource pool = new HikariDataSource(other)) {
      for (int i = 0; i < 4; i++) {
        try (Connection connection = pool.getConnection()) {
          client.line(Client.value(connection, "show TimeZone") + " "
              + Client.value(connection, "show work_mem"));
        }
      }
    }
  }

  private static void threads(Client client) throws Exception {
    String table = client.name("counter");
    Client.execute(client.main(), "drop table if exists " + table,
        "create table " + table + " (id int primary key, n int)",
        "insert into " + table + " select n, 0 from generate_series(0, 4) n");
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try (HikariDataSource pool = new HikariDataSource(config(client, 3))) {
      List<Callable<Integer>> tasks = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        int id = i % 5;
        tasks.add(() -> {
          try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            int count;
            try (PreparedStatement update = connection.prepareStatement(
                "update " + table + " set n = n + 1 where id = ?")) {
              update.setInt(1, id);
              count = update.executeUpdate();
            }
            connection.commit();
            return count;
          }
        });
      }
      int sum = 0;
      for (Future<Integer> future : executor.invokeAll(tasks)) {
        sum += future.get();
      }
      client.line("updated " + sum);
    } finally {
      executor.shutdown();
    }
    client.query(client.main(), "select * from " + table + " order by id");
  }
}
