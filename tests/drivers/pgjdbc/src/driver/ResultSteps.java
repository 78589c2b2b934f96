package driver;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Results: many rows, in portions, scrolled, updated, with generated keys. */
final class ResultSteps {
  private ResultSteps() {}

  private static final int ROWS = 3000;

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("many rows", ResultSteps::manyRows);
    steps.put("portions", ResultSteps::portions);
    steps.put("two at once", ResultSteps::twoAtOnce);
    steps.put("portions ended", ResultSteps::portionsEnded);
    steps.put("portions failed", ResultSteps::portionsFailed);
    steps.put("max rows", ResultSteps::maxRows);
    steps.put("scrolled", ResultSteps::scrolled);
    steps.put("updated", ResultSteps::updated);
    steps.put("keys", ResultSteps::keys);
    return steps;
  }

  private static String filled(Client client) throws SQLException {
    String table = client.name("rows");
    Client.execute(client.main(), "drop table if exists " + table, "create table " + table
        + " as select n as id, md5(n::text) as v from generate_series(1, " + ROWS + ") n");
    return table;
  }

  /** Reads to the end: how many rows and a sum over all of them. */
  private static String drained(ResultSet result) throws SQLException {
    int count = 0;
    int sum = 0;
    while (result.next()) {
      count++;
      sum = sum * 31 + result.getInt(1) + result.getString(2).hashCode();
    }
    return count + " rows, sum " + sum;
  }

  private static void manyRows(Client client) throws Exception {
    String sql = "select * from " + filled(client) + " order by id";
    try (PreparedStatement statement = client.main().prepareStatement(sql)) {
      for (int i = 0; i < 7; i++) {
        client.line(drained(statement.executeQuery()));
      }
    }
  }

  private static void portions(Client client) throws Exception {
    Connection connection = client.main();
    String table = filled(client);
    connection.setAutoCommit(false);
    for (int size : new int[] {1000, 7, ROWS - 1, ROWS, ROWS + 1, 100, 100}) {
      try (PreparedStatement statement = connection.prepareStatement(
          "select * from " + table + " where id > ? - 1 order by id")) {
        statement.setInt(1, 1);
        statement.setFetchSize(size);
        client.line(size + ": " + drained(statement.executeQuery()));
      }
    }
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(50);
      ResultSet result = statement.executeQuery("select * from " + table + " order by id");
      for (int i = 0; i < 60; i++) {
        result.next();
      }
      result.setFetchSize(500);
      client.line("at " + result.getInt(1) + ", then " + drained(result));
    }
    connection.commit();
    connection.setAutoCommit(true);
    // Without a transaction the driver reads all at once.
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(100);
      client.line(drained(statement.executeQuery("select * from " + table + " order by id")));
    }
  }

  private static void twoAtOnce(Client client) throws Exception {
    Connection connection = client.main();
    String table = filled(client);
    connection.setAutoCommit(false);
    try (PreparedStatement one = connection.prepareStatement(
            "select * from " + table + " order by id");
        PreparedStatement two = connection.prepareStatement(
            "select * from " + table + " order by id desc");
        PreparedStatement update = connection.prepareStatement(
            "update " + table + " set v = v || '!' where id = ?")) {
      one.setFetchSize(10);
      two.setFetchSize(13);
      ResultSet up = one.executeQuery();
      ResultSet down = two.executeQuery();
      int sum = 0;
      for (int i = 0; i < 200; i++) {
        up.next();
        down.next();
        sum = sum * 31 + up.getInt(1) * 7 + down.getInt(1);
        update.setInt(1, up.getInt(1));
        sum += update.executeUpdate();
      }
      client.line("sum " + sum);
      up.close();
      client.line("rest " + drained(down));
    }
    connection.commit();
    connection.setAutoCommit(true);
    client.line(Client.value(connection, "select count(*) from " + table + " where v like '%!'"));
  }

  private static void portionsEnded(Client client) throws Exception {
    // A connection of its own: the portal's name, which the error tells, counts from its start.
    try (Connection connection = Client.connect()) {
      String table = filled(client);
      connection.setAutoCommit(false);
      try (PreparedStatement statement = connection.prepareStatement(
          "select * from " + table + " order by id")) {
        statement.setFetchSize(10);
        ResultSet result = statement.executeQuery();
        result.next();
        connection.commit();
        client.fails("after commit", () -> drained(result));
        connection.rollback();
        client.line("then " + drained(statement.executeQuery()));
      }
      connection.rollback();
    }
  }

  private static void portionsFailed(Client client) throws Exception {
    Connection connection = client.main();
    connection.setAutoCommit(false);
    try (PreparedStatement statement = connection.prepareStatement(
        "select n, (100 / (150 - n))::text from generate_series(1, 1000) n")) {
      statement.setFetchSize(20);
      ResultSet result = statement.executeQuery();
      client.fails("in a later portion", () -> drained(result));
      client.line("at " + result.getRow());
      client.fails("and after it", () -> Client.value(connection, "select 1"));
    }
    connection.rollback();
    connection.setAutoCommit(true);
    client.line(Client.value(connection, "select 'alive'"));
  }

  private static void maxRows(Client client) throws Exception {
    String table = filled(client);
    try (PreparedStatement statement =
        client.main().prepareStatement("select * from " + table + " order by id")) {
      for (int max : new int[] {1, 10, 0, 100, 10, 10, 10}) {
        statement.setMaxRows(max);
        client.line(max + ": " + drained(statement.executeQuery()));
      }
    }
  }

  private static void scrolled(Client client) throws Exception {
    try (Statement statement = client.main().createStatement(
        ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY)) {
      ResultSet result = statement.executeQuery("select * from " + filled(client) + " order by id");
      result.last();
      client.line("last " + result.getRow() + " " + result.getString(2));
      result.absolute(-10);
      client.line("from the end " + result.getInt(1));
      result.relative(-100);
      client.line("back " + result.getInt(1) + " " + result.previous() + " " + result.first());
      result.beforeFirst();
      client.line(drained(result));
    }
  }

  private static void updated(Client client) throws Exception {
    Connection connection = client.main();
    String table = client.name("updated");
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (id int primary key, v text)",
        "insert into " + table + " select n, 'v' || n from generate_series(1, 5) n");
    try (Statement statement = connection.createStatement(
            ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
        ResultSet result = statement.executeQuery("select id, v from " + table + " order by id")) {
      while (result.next()) {
        if (result.getInt(1) % 2 == 0) {
          result.deleteRow();
        } else {
          result.updateString("v", "new " + result.getInt(1));
          result.updateRow();
          result.refreshRow();
          client.line(result.getString("v"));
        }
      }
      result.moveToInsertRow();
      result.updateInt("id", 99);
      result.updateString("v", "inserted");
      result.insertRow();
    }
    client.query(connection, "select * from " + table + " order by id");
  }

  private static void keys(Client client) throws Exception {
    Connection connection = client.main();
    String table = client.name("keys");
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (id serial primary key, v text)");
    for (int i = 0; i < 7; i++) {
      try (PreparedStatement statement = connection.prepareStatement(
          "insert into " + table + " (v) values (?)", Statement.RETURN_GENERATED_KEYS)) {
        statement.setString(1, "row " + i);
        statement.executeUpdate();
        client.rows(statement.getGeneratedKeys());
      }
    }
    try (PreparedStatement statement = connection.prepareStatement(
        "insert into " + table + " (v) values (?)", new String[] {"id", "v"})) {
      for (int i = 0; i < 300; i++) {
        statement.setString(1, "batch " + i);
        statement.addBatch();
      }
      client.line("batch " + Arrays.stream(statement.executeBatch()).sum());
      ResultSet keys = statement.getGeneratedKeys();
      client.line("keys " + drained(keys));
    }
    connection.setAutoCommit(false);
    Client.execute(connection, "insert into " + table + " (v) values ('last')");
    client.line("currval " + Client.value(connection, "select currval('" + table + "_id_seq')")
        + " lastval " + Client.value(connection, "select lastval()"));
    connection.rollback();
    connection.setAutoCommit(true);
  }
}
