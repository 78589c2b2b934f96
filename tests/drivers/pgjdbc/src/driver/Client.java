package driver;

import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Properties;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * One logical client: a connection that it keeps over all its steps, more that a step opens and
 * closes, and the transcript of all that it was told.
 */
final class Client {
  /** Something that has to fail. */
  @FunctionalInterface
  interface Action {
    void run() throws Exception;
  }

  private final int number;
  private final StringBuffer text = new StringBuffer();  // read by another thread if it hangs
  private String prefix = "";
  private int round;
  private volatile boolean failed;
  private Connection main;

  Client(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }

  int round() {
    return round;
  }

  void setRound(int value) {
    round = value;
  }

  boolean failed() {
    return failed;
  }

  String transcript() {
    return text.toString();
  }

  /** A name that no other client uses. */
  String name(String what) {
    return what + "_" + number;
  }

  static String env(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  static String url() {
    return "jdbc:postgresql://" + env("PGHOST", "127.0.0.1") + ":" + env("PGPORT", "5432") + "/"
        + env("PGDATABASE", "postgres");
  }

  /** Name and password only, and what an application sets for its own sake (key, value, …). */
  static Properties properties(String... more) {
    Properties properties = new Properties();
    properties.setProperty("user", env("PGUSER", "postgres"));
    properties.setProperty("password", env("PGPASSWORD", ""));
    for (int i = 0; i < more.length; i += 2) {
      properties.setProperty(more[i], more[i + 1]);
    }
    return properties;
  }

  static Connection connect(String... more) throws SQLException {
    return DriverManager.getConnection(url(), properties(more));
  }

  /** The connection that lives as long as the client. */
  Connection main() throws SQLException {
    if (main == null) {
      main = connect();
    }
    return main;
  }

  void close() {
    try {
      if (main != null) {
        main.close();
      }
    } catch (SQLException error) {
      line("closing: " + error);
    }
    main = null;
  }

  void step(String name, Step step) {
    prefix = "c" + number + " r" + round + " " + name + ": ";
    try {
      step.run(this);
      line("done");
    } catch (Exception | AssertionError error) {
      failed = true;
      line("UNEXPECTED " + error.getClass().getSimpleName());
      describe(error);
      frames(error.getStackTrace());
      close();  // The next step shall not see what this one left.
    }
  }

  void hangs(StackTraceElement[] stack) {
    failed = true;
    line("NOT AT ITS END");
    frames(stack);
  }

  private void frames(StackTraceElement[] stack) {
    for (StackTraceElement frame : stack) {
      if (frame.getClassName().startsWith("driver.")) {
        line("  at " + frame);
      }
    }
  }

  void line(String what) {
    text.append(prefix).append(what).append('\n');
  }

  /** Runs what has to fail and writes the error down. */
  void fails(String what, Action action) throws Exception {
    try {
      action.run();
    } catch (SQLException error) {
      line(what + " failed:");
      describe(error);
      return;
    }
    throw new AssertionError(what + " did not fail");
  }

  void describe(Throwable error) {
    for (Throwable cause = error; cause != null; cause = next(cause)) {
      if (cause instanceof BatchUpdateException batch) {
        line("  counts " + Arrays.toString(batch.getUpdateCounts()));
      }
      if (cause instanceof PSQLException psql && psql.getServerErrorMessage() != null) {
        server(psql.getServerErrorMessage());
      } else if (cause instanceof SQLException sql) {
        line("  " + sql.getSQLState() + " " + sql.getMessage());
      } else {
        line("  " + cause);
      }
    }
  }

  private static Throwable next(Throwable error) {
    if (error instanceof SQLException sql && sql.getNextException() != null) {
      return sql.getNextException();
    }
    return error.getCause() == error ? null : error.getCause();
  }

  private void server(ServerErrorMessage message) {
    line("  " + message.getSeverity() + " " + message.getSQLState() + " " + message.getMessage());
    line("  detail=" + message.getDetail() + " hint=" + message.getHint() + " position="
        + message.getPosition() + " schema=" + message.getSchema() + " table="
        + message.getTable() + " column=" + message.getColumn() + " constraint="
        + message.getConstraint() + " where=" + message.getWhere());
    if ("0A000".equals(message.getSQLState())) {
      line("  routine=" + message.getRoutine());  // by which the driver tells a stale statement
    }
  }

  /** Notices of a statement or a connection, and forgets none of them. */
  void warnings(SQLWarning first) {
    for (SQLWarning warning = first; warning != null; warning = warning.getNextWarning()) {
      line("  notice " + warning.getSQLState() + " " + warning.getMessage());
    }
  }

  static void execute(Connection connection, String... statements) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  /** First column of the first row, as text. */
  static String value(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      return result.next() ? result.getString(1) : "(no row)";
    }
  }

  void query(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      rows(result);
    }
  }

  /** Columns with their types, and all rows. */
  void rows(ResultSet result) throws SQLException {
    ResultSetMetaData meta = result.getMetaData();
    StringBuilder head = new StringBuilder("  columns");
    for (int i = 1; i <= meta.getColumnCount(); i++) {
      head.append(' ').append(meta.getColumnLabel(i)).append(':').append(meta.getColumnTypeName(i));
    }
    line(head.toString());
    int count = 0;
    while (result.next()) {
      StringBuilder row = new StringBuilder("  row");
      for (int i = 1; i <= meta.getColumnCount(); i++) {
        row.append(" | ").append(show(result, i, meta.getColumnTypeName(i)));
      }
      line(row.toString());
      count++;
    }
    line("  rows " + count);
  }

  private static String show(ResultSet result, int column, String type) throws SQLException {
    if (type.equals("bytea")) {
      byte[] bytes = result.getBytes(column);
      return bytes == null ? "NULL" : "\\x" + HexFormat.of().formatHex(bytes);
    }
    String value = result.getString(column);
    return value == null ? "NULL" : value;
  }
}
