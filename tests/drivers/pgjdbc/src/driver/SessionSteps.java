package driver;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.LinkedHashMap;
import java.util.Map;

/** Settings, transactions, savepoints, isolation: what has to follow the client everywhere. */
final class SessionSteps {
  private SessionSteps() {}

  private static final String[] NAMES = {"statement_timeout", "search_path", "TimeZone",
      "work_mem", "application_name", "role"};

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("transactions", SessionSteps::transactions);
    steps.put("savepoints", SessionSteps::savepoints);
    steps.put("autosave always", client -> autosave(client, "always"));
    steps.put("autosave conservative", client -> autosave(client, "conservative"));
    steps.put("autosave and a changed result", SessionSteps::autosaveHeals);
    steps.put("isolation", SessionSteps::isolation);
    steps.put("read only", SessionSteps::readOnly);
    steps.put("settings", SessionSteps::settings);
    steps.put("settings undone", SessionSteps::settingsUndone);
    steps.put("own settings", SessionSteps::ownSettings);
    steps.put("roles", SessionSteps::roles);
    steps.put("schema", SessionSteps::schema);
    return steps;
  }

  private static String fresh(Client client, String what) throws SQLException {
    String table = client.name(what);
    Client.execute(client.main(), "drop table if exists " + table,
        "create table " + table + " (a int primary key)");
    return table;
  }

  private static String all(Connection connection, String table) throws SQLException {
    return Client.value(connection, "select array_agg(a order by a) from " + table);
  }

  private static void transactions(Client client) throws Exception {
    Connection connection = client.main();
    String table = fresh(client, "tx");
    connection.setAutoCommit(false);
    Client.execute(connection, "insert into " + table + " values (1)");
    connection.commit();
    Client.execute(connection, "insert into " + table + " values (2)");
    connection.rollback();
    client.line("in " + all(connection, table));
    client.fails("duplicate",
        () -> Client.execute(connection, "insert into " + table + " values (1)"));
    client.fails("aborted", () -> all(connection, table));
    connection.commit();  // Postgres answers ROLLBACK.
    client.line("after it " + all(connection, table));
    connection.commit();
    connection.commit();
    connection.rollback();
    Client.execute(connection, "insert into " + table + " values (3)");
    connection.setAutoCommit(true);  // commits
    client.line("out " + all(connection, table));
    Client.execute(connection, "begin", "insert into " + table + " values (4)", "rollback",
        "begin isolation level serializable; insert into " + table + " values (5); commit",
        "start transaction", "insert into " + table + " values (6)", "commit and no chain");
    client.line("by hand " + all(connection, table));
    client.fails("multi", () -> Client.execute(connection,
        "begin; insert into " + table + " values (7); select 1/0; commit"));
    Client.execute(connection, "rollback");
    client.line("end " + all(connection, table));
    String now = Client.value(connection, "select now() = statement_timestamp()");
    client.line("own time " + now);
  }

  private static void savepoints(Client client) throws Exception {
    Connection connection = client.main();
    String table = fresh(client, "sp");
    connection.setAutoCommit(false);
    Client.execute(connection, "insert into " + table + " values (1)");
    Savepoint named = connection.setSavepoint("O'Reilly \"1\"");
    Client.execute(connection, "insert into " + table + " values (2)");
    Savepoint numbered = connection.setSavepoint();
    Client.execute(connection, "insert into " + table + " values (3)");
    client.fails("duplicate",
        () -> Client.execute(connection, "insert into " + table + " values (3)"));
    connection.rollback(numbered);
    client.line("one back " + all(connection, table));
    connection.rollback(named);
    client.line("two back " + all(connection, table));
    client.fails("gone", () -> connection.rollback(numbered));
    connection.rollback(named);
    connection.releaseSavepoint(named);
    client.fails("released", () -> connection.rollback(named));
    connection.rollback();
    client.line("none " + all(connection, table));
    connection.rollback();
    connection.setAutoCommit(true);
    client.fails("no transaction", () -> connection.setSavepoint("x"));
    client.fails("by hand", () -> Client.execute(connection, "savepoint x"));
  }

  private static void autosave(Client client, String mode) throws Exception {
    String table = fresh(client, "autosave");
    try (Connection connection = Client.connect("autosave", mode)) {
      connection.setAutoCommit(false);
      for (int i = 0; i < 8; i++) {
        try (PreparedStatement insert =
            connection.prepareStatement("insert into " + table + " values (?)")) {
          insert.setInt(1, i);
          insert.executeUpdate();
        }
        if (mode.equals("always")) {
          int value = i;
          try (PreparedStatement insert =
              connection.prepareStatement("insert into " + table + " values (?)")) {
            insert.setInt(1, value);
            client.fails("again", insert::executeUpdate);
          }
          client.fails("syntax", () -> Client.execute(connection, "selec " + value));
        }
        client.line("goes on " + all(connection, table));
      }
      connection.commit();
      client.fails("last", () -> Client.execute(connection, "select 1/0"));
      connection.rollback();
      client.line("end " + all(connection, table));
      connection.rollback();
    }
  }

  /** In a transaction the driver goes back to its savepoint and prepares anew, by itself. */
  private static void autosaveHeals(Client client) throws Exception {
    String table = fresh(client, "heals");
    for (String mode : new String[] {"conservative", "always"}) {
      try (Connection connection = Client.connect("autosave", mode, "prepareThreshold", "1")) {
        connection.setAutoCommit(false);
        try (PreparedStatement select =
            connection.prepareStatement("select * from " + table)) {
          for (int i = 0; i < 4; i++) {
            client.rows(select.executeQuery());
          }
          connection.commit();
          Client.execute(client.main(), "alter table " + table + " add column " + mode + " text",
              "delete from " + table, "insert into " + table + " values (1)");
          client.line("begun " + Client.value(connection, "select 1"));
          client.rows(select.executeQuery());
          client.rows(select.executeQuery());
        }
        connection.rollback();
      }
    }
  }

  private static void isolation(Client client) throws Exception {
    Connection connection = client.main();
    int[] levels = {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ,
        Connection.TRANSACTION_READ_UNCOMMITTED, Connection.TRANSACTION_READ_COMMITTED};
    for (int level : levels) {
      connection.setTransactionIsolation(level);
      client.line("set " + connection.getTransactionIsolation());
      for (int i = 0; i < 3; i++) {
        client.line(Client.value(connection, "show transaction_isolation") + " "
            + Client.value(connection, "show default_transaction_isolation"));
      }
      connection.setAutoCommit(false);
      client.line("in " + Client.value(connection, "show transaction_isolation"));
      client.fails("change", () -> connection.setTransactionIsolation(
          Connection.TRANSACTION_SERIALIZABLE));
      connection.rollback();
      Client.execute(connection, "set transaction isolation level repeatable read, deferrable");
      client.line("this one " + Client.value(connection, "show transaction_isolation"));
      connection.rollback();
      client.line("next " + Client.value(connection, "show transaction_isolation"));
      connection.rollback();
      connection.setAutoCommit(true);
    }
    Client.execute(connection, "reset default_transaction_isolation");
  }

  private static void readOnly(Client client) throws Exception {
    Connection connection = client.main();
    String table = fresh(client, "ro");
    connection.setReadOnly(true);
    connection.setAutoCommit(false);
    client.line(Client.value(connection, "show transaction_read_only"));
    client.fails("write", () -> Client.execute(connection, "insert into " + table + " values (1)"));
    connection.rollback();
    connection.setAutoCommit(true);
    client.line("auto " + Client.value(connection, "show transaction_read_only"));
    connection.setReadOnly(false);
    Client.execute(connection, "insert into " + table + " values (2)");
    Client.execute(connection, "set session characteristics as transaction read only");
    client.fails("write", () -> Client.execute(connection, "insert into " + table + " values (3)"));
    Client.execute(connection, "set session characteristics as transaction read write");
    Client.execute(connection, "set default_transaction_read_only = on");
    client.fails("write", () -> Client.execute(connection, "insert into " + table + " values (4)"));
    Client.execute(connection, "reset default_transaction_read_only");
    client.line(all(connection, table));
  }

  private static void show(Client client, Connection connection, String when) throws SQLException {
    StringBuilder values = new StringBuilder(when);
    for (String name : NAMES) {
      values.append(" | ").append(Client.value(connection, "show " + name));
    }
    client.line(values.toString());
  }

  private static void settings(Client client) throws Exception {
    Connection connection = client.main();
    int own = 1000 + client.number();
    show(client, connection, "before");
    Client.execute(connection, "set statement_timeout = " + own, "set search_path to s" + own
        + ", public, \"Odd, name\"", "set time zone 'Europe/Paris'", "set session work_mem to '"
            + own + "kB'");
    show(client, connection, "set");
    client.line(Client.value(connection, "select set_config('work_mem', '" + (own + 1)
        + "kB', false)") + Client.value(connection, "select current_setting('work_mem')"));
    try (PreparedStatement statement =
        connection.prepareStatement("select set_config(?, ?, false), set_config(?, ?, true)")) {
      for (int i = 0; i < 7; i++) {
        statement.setString(1, "statement_timeout");
        statement.setString(2, own + i + "ms");
        statement.setString(3, "work_mem");
        statement.setString(4, "999kB");
        client.rows(statement.executeQuery());
        show(client, connection, "config " + i);
      }
    }
    connection.setAutoCommit(false);
    Client.execute(connection, "set local statement_timeout = '77s'",
        "set TimeZone = 'Asia/Tokyo'");
    show(client, connection, "in");
    connection.commit();
    show(client, connection, "committed");
    connection.setAutoCommit(true);
    for (String name : new String[] {"statement_timeout", "search_path", "TimeZone"}) {
      Client.execute(connection, "reset " + name);
      show(client, connection, "reset " + name);
    }
    Client.execute(connection, "set work_mem to default", "set time zone local");
    show(client, connection, "default");
    client.fails("value", () -> Client.execute(connection, "set work_mem = 'much'"));
    client.fails("name", () -> Client.execute(connection, "set no_such_name = 1"));
    client.fails("outside", () -> Client.execute(connection, "reset no_such_name"));
    show(client, connection, "after errors");
  }

  private static void settingsUndone(Client client) throws Exception {
    Connection connection = client.main();
    Client.execute(connection, "set statement_timeout = '50s'");
    connection.setAutoCommit(false);
    Client.execute(connection, "set statement_timeout = '51s'", "set TimeZone = 'Asia/Tokyo'");
    connection.rollback();
    show(client, connection, "rolled back");
    Client.execute(connection, "set statement_timeout = '52s'");
    Savepoint savepoint = connection.setSavepoint();
    Client.execute(connection, "set statement_timeout = '53s'", "set search_path = nowhere");
    show(client, connection, "inner");
    connection.rollback(savepoint);
    show(client, connection, "to the savepoint");
    Client.execute(connection, "set local work_mem = '2MB'", "reset statement_timeout");
    connection.commit();
    show(client, connection, "committed");
    Client.execute(connection, "set statement_timeout = '54s'");
    client.fails("error", () -> Client.execute(connection, "select 1/0"));
    connection.rollback();
    show(client, connection, "failed");
    connection.rollback();
    connection.setAutoCommit(true);
    client.fails("several", () -> Client.execute(connection, "set work_mem = '7MB'; select 1/0"));
    show(client, connection, "several");
    Client.execute(connection, "set work_mem = '8MB'; set search_path = s8; select 1");
    show(client, connection, "several went well");
    Client.execute(connection, "reset all");
    show(client, connection, "reset");
  }

  private static void ownSettings(Client client) throws Exception {
    Connection connection = client.main();
    Client.execute(connection, "set my.client = 'number " + client.number() + "'");
    for (int i = 0; i < 5; i++) {
      client.line(Client.value(connection, "select current_setting('my.client')"));
    }
    Client.execute(connection, "begin", "set local my.other = 'O''Reilly\\'");
    client.line(Client.value(connection, "show my.other"));
    Client.execute(connection, "commit", "reset my.client");
    client.line("[" + Client.value(connection, "show my.client") + "]");
    try (PreparedStatement statement =
        connection.prepareStatement("select set_config('my.row', ?, true)")) {
      connection.setAutoCommit(false);
      statement.setString(1, "tenant " + client.number());
      client.rows(statement.executeQuery());
      client.line(Client.value(connection, "select current_setting('my.row')"));
      connection.commit();
      connection.setAutoCommit(true);
    }
    client.line(Client.value(connection, "select current_setting('no.such', true)"));
    client.fails("unknown", () -> Client.value(connection, "select current_setting('no.such')"));
  }

  private static void roles(Client client) throws Exception {
    Connection connection = client.main();
    String sql = "select current_user = session_user, current_user::text";
    // The role that matrix.py makes for this.
    String reader = Client.env("PGUSER", "postgres") + "_reader";
    Client.execute(connection, "set role " + reader);
    for (int i = 0; i < 3; i++) {
      client.line(Client.value(connection, "select current_user") + " "
          + Client.value(connection, "show role"));
    }
    client.fails("not allowed",
        () -> Client.execute(connection, "create role " + client.name("r")));
    Client.execute(connection, "reset role");
    client.line(Client.value(connection, sql) + " " + Client.value(connection, "show role"));
    Client.execute(connection, "begin", "set local role " + reader);
    client.line(Client.value(connection, "select current_user"));
    Client.execute(connection, "commit");
    client.line(Client.value(connection, sql));
    client.fails("unknown", () -> Client.execute(connection, "set role no_such_role"));
    Client.execute(connection, "set role none");
    client.line(Client.value(connection, sql));
  }

  private static void schema(Client client) throws Exception {
    Connection connection = client.main();
    String schema = client.name("Schema's");
    String quoted = '"' + schema + '"';
    Client.execute(connection, "drop schema if exists " + quoted + " cascade",
        "create schema " + quoted);
    connection.setSchema(schema);
    for (int i = 0; i < 3; i++) {
      client.line(connection.getSchema() + " " + Client.value(connection, "show search_path"));
    }
    Client.execute(connection, "create table here as select 1 as a");
    client.line(Client.value(connection, "select schemaname from pg_tables where tablename = 'here'"
        + " and schemaname = current_schema"));
    connection.setAutoCommit(false);
    connection.setSchema("public");
    client.line(connection.getSchema());
    connection.rollback();
    client.line("back " + connection.getSchema());
    connection.rollback();
    connection.setAutoCommit(true);
    connection.setSchema("public");
    Client.execute(connection, "drop schema " + quoted + " cascade", "reset search_path");
    client.line(connection.getSchema());
  }
}
