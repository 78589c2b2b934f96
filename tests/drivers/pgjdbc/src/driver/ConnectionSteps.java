package driver;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.postgresql.PGConnection;

/** Logging in, what is known after it, and errors after which the connection lives on. */
final class ConnectionSteps {
  private ConnectionSteps() {}

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("connect", ConnectionSteps::connect);
    steps.put("startup", ConnectionSteps::startup);
    steps.put("refused", ConnectionSteps::refused);
    steps.put("reports", ConnectionSteps::reports);
    steps.put("errors", ConnectionSteps::errors);
    steps.put("metadata", ConnectionSteps::metadata);
    steps.put("valid", ConnectionSteps::valid);
    steps.put("closed in a transaction", ConnectionSteps::closedInTransaction);
    return steps;
  }

  private static void parameters(Client client, Connection connection) throws SQLException {
    new TreeMap<>(connection.unwrap(PGConnection.class).getParameterStatuses())
        .forEach((name, value) -> client.line("  " + name + " = " + value));
  }

  private static void connect(Client client) throws Exception {
    for (int i = 0; i < 5; i++) {
      try (Connection connection = Client.connect()) {
        client.line(i + " " + Client.value(connection, "select 40 + " + i));
      }
    }
    try (Connection connection = Client.connect()) {
      parameters(client, connection);
    }
  }

  private static void startup(Client client) throws Exception {
    String schema = client.name("startup");
    Client.execute(client.main(), "create schema if not exists " + schema);
    try (Connection connection = Client.connect("ApplicationName", "O'Reilly \"" + schema + "\"",
        "currentSchema", schema + ",public", "options",
        "-c statement_timeout=12s -c work_mem=3MB --lock_timeout=4s")) {
      parameters(client, connection);
      for (int i = 0; i < 3; i++) {
        for (String name : new String[] {"application_name", "search_path", "statement_timeout",
            "work_mem", "lock_timeout"}) {
          client.line(name + " = " + Client.value(connection, "show " + name));
        }
        client.line("schema " + connection.getSchema());
      }
      Client.execute(connection, "set statement_timeout = '3s'", "reset statement_timeout",
          "set work_mem = '5MB'", "reset all");
      client.line("after reset " + Client.value(connection, "show statement_timeout") + " "
          + Client.value(connection, "show work_mem") + " "
          + Client.value(connection, "show search_path"));
    }
    try (Connection connection = Client.connect("readOnly", "true", "readOnlyMode", "always")) {
      client.line("read only " + Client.value(connection, "show transaction_read_only"));
      client.fails("a write", () -> Client.execute(connection, "create table never (a int)"));
    }
  }

  private static void refused(Client client) throws Exception {
    client.fails("an unknown parameter",
        () -> Client.connect("options", "-c no_such_parameter=1").close());
    client.fails("a bad value",
        () -> Client.connect("options", "-c statement_timeout=never").close());
  }

  private static void reports(Client client) throws Exception {
    Connection connection = client.main();
    PGConnection postgres = connection.unwrap(PGConnection.class);
    Client.execute(connection, "set TimeZone = 'Asia/Kolkata'", "set IntervalStyle = iso_8601");
    client.line(postgres.getParameterStatus("TimeZone") + " "
        + postgres.getParameterStatus("IntervalStyle"));
    client.query(connection,
        "select '2024-02-29 12:00+00'::timestamptz::text, '1 day 2:03'::interval::text");
    connection.setClientInfo("ApplicationName", "O'Reilly\\" + client.number());
    client.line(postgres.getParameterStatus("application_name") + " / "
        + Client.value(connection, "show application_name") + " / "
        + connection.getClientInfo("ApplicationName"));
    // The driver refuses to go on with another DateStyle than ISO: it must be told the truth.
    Client.execute(connection, "set DateStyle = 'ISO, DMY'");
    client.line(postgres.getParameterStatus("DateStyle"));
    client.query(connection, "select '03/02/2024'::date");
    Client.execute(connection, "reset all");
    client.line(postgres.getParameterStatus("TimeZone") + " "
        + postgres.getParameterStatus("IntervalStyle") + " "
        + postgres.getParameterStatus("DateStyle") + " "
        + postgres.getParameterStatus("application_name"));
  }

  private static void errors(Client client) throws Exception {
    Connection connection = client.main();
    String table = client.name("errors");
    Client.execute(connection, "drop table if exists " + table, "create table " + table
        + " (id int constraint " + table + "_pk primary key, v text not null,"
        + " n int check (n > 0))", "insert into " + table + " values (1, 'one', 1)");
    String[] wrong = {"insert into " + table + " values (1, 'again', 1)",
        "insert into " + table + " values (2, null, 1)",
        "insert into " + table + " values (2, 'two', -1)", "selec 1", "select 1 / 0",
        "select * from no_such_table", "select no_such_column from " + table,
        "select no_such_function(1)", "select 'x'::int", "select 1; select 1/0; select 3",
        "do $$ begin raise exception 'custom %', 7 using errcode = 'PL777', hint = 'try',"
            + " detail = 'more'; end $$"};
    for (String sql : wrong) {
      client.fails(sql, () -> Client.execute(connection, sql));
      client.line("alive " + Client.value(connection, "select count(*) from " + table));
    }
    for (int i = 0; i < 7; i++) {
      try (var statement = connection.prepareStatement("select 10 / ?::int")) {
        statement.setInt(1, 0);
        client.fails("prepared " + i, statement::executeQuery);
        statement.setInt(1, 5);
        client.rows(statement.executeQuery());
      }
    }
  }

  private static void metadata(Client client) throws Exception {
    Connection connection = client.main();
    String table = client.name("meta");
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (id bigserial primary key, v varchar(20) default 'x',"
            + " n numeric(8,3), a int[], t timestamptz not null)",
        "create index on " + table + " (n, v)");
    DatabaseMetaData meta = connection.getMetaData();
    client.line(meta.getDatabaseProductName() + " " + meta.getDatabaseProductVersion() + " "
        + meta.getMaxConnections() + " " + meta.getDefaultTransactionIsolation());
    try (ResultSet result = meta.getTables(null, "public", table, null)) {
      client.rows(result);
    }
    try (ResultSet result = meta.getColumns(null, "public", table, "%")) {
      while (result.next()) {
        client.line(result.getString("COLUMN_NAME") + " " + result.getString("TYPE_NAME") + " "
            + result.getInt("COLUMN_SIZE") + " " + result.getString("COLUMN_DEF") + " "
            + result.getString("IS_NULLABLE"));
      }
    }
    try (ResultSet result = meta.getPrimaryKeys(null, "public", table)) {
      client.rows(result);
    }
    try (ResultSet result = meta.getIndexInfo(null, "public", table, false, false)) {
      while (result.next()) {
        client.line(result.getString("INDEX_NAME") + " " + result.getString("COLUMN_NAME"));
      }
    }
  }

  private static void valid(Client client) throws Exception {
    Connection connection = Client.connect();
    client.line("valid " + connection.isValid(20) + " " + connection.isValid(20));
    connection.setNetworkTimeout(Runnable::run, 20_000);
    client.line("timeout " + connection.getNetworkTimeout() + " "
        + Client.value(connection, "select 1"));
    connection.close();
    client.line("closed " + connection.isClosed() + " valid " + connection.isValid(20));
    client.fails("after close", () -> Client.value(connection, "select 1"));
    Connection aborted = Client.connect();
    aborted.abort(Runnable::run);
    client.line("aborted " + aborted.isClosed());
  }

  private static void closedInTransaction(Client client) throws Exception {
    String table = client.name("closed");
    Client.execute(client.main(), "drop table if exists " + table,
        "create table " + table + " (a int)");
    for (int i = 0; i < 3; i++) {
      Connection connection = Client.connect();
      connection.setAutoCommit(false);
      Client.execute(connection, "insert into " + table + " values (1)",
          "set local work_mem = '1234kB'", "set lock_timeout = '1234ms'");
      connection.close();
    }
    // Takes the table's lock: it is free only when all three were rolled back.
    Client.execute(client.main(), "alter table " + table + " add column b int");
    client.query(client.main(), "select a, b from " + table);
    client.line(Client.value(client.main(), "show work_mem") + " "
        + Client.value(client.main(), "show lock_timeout"));
  }
}
