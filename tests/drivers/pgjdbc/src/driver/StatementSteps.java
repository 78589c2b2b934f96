package driver;

import java.math.BigDecimal;
import java.sql.Array;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.jdbc.PreferQueryMode;
import org.postgresql.util.PGobject;

/** Prepared statements in all the ways in which the driver sends them, and all common types. */
final class StatementSteps {
  private StatementSteps() {}

  private static final BigDecimal NUMBER = new BigDecimal("12345678901234567890.0123456789");

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("types", client -> types(client, client.main()));
    steps.put("types at once", StatementSteps::typesAtOnce);
    steps.put("prepared", client -> prepared(client, client.main(), 12));
    steps.put("prepared at once", StatementSteps::preparedAtOnce);
    steps.put("many statements", StatementSteps::manyStatements);
    steps.put("same text, other types", StatementSteps::otherTypes);
    steps.put("query modes", StatementSteps::queryModes);
    steps.put("several statements", StatementSteps::several);
    steps.put("large values", StatementSteps::largeValues);
    steps.put("calls", StatementSteps::calls);
    steps.put("ddl between", StatementSteps::ddlBetween);
    steps.put("ddl by another", StatementSteps::ddlByAnother);
    steps.put("search path between", StatementSteps::searchPathBetween);
    return steps;
  }

  private static void typesAtOnce(Client client) throws Exception {
    try (Connection connection = Client.connect("prepareThreshold", "1")) {
      types(client, connection);
    }
  }

  private static void types(Client client, Connection connection) throws Exception {
    String table = client.name("types");
    Client.execute(connection, "drop table if exists " + table, "create table " + table
        + " (k int, b bool, i2 int2, i8 int8, f8 float8, n numeric, t text, c char(5), d date,"
        + " ts timestamp, tz timestamptz, u uuid, j json, jb jsonb, y bytea, ai int[], at text[],"
        + " iv interval, m money, r int4range, ip inet, bits bit(4))");
    String sql = "insert into " + table + " values (?,?,?,?,?,?,?,?,?,?,?,?,?::json,?,?,?,?,"
        + "?::interval,?::money,?::int4range,?::inet,?::bit(4))";
    // Seven times: the driver goes over to a named statement and binary values at the fifth.
    for (int k = 0; k < 7; k++) {
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        statement.setInt(1, k);
        if (k == 3) {
          for (int i = 2; i <= 22; i++) {
            statement.setNull(i, i == 15 ? Types.BINARY : Types.OTHER);
          }
        } else {
          fill(connection, statement, k);
        }
        client.line("inserted " + statement.executeUpdate());
      }
    }
    for (int k = 0; k < 7; k++) {
      try (PreparedStatement statement =
          connection.prepareStatement("select * from " + table + " where k = ?")) {
        statement.setInt(1, k);
        try (ResultSet result = statement.executeQuery()) {
          client.rows(result);
        }
        try (ResultSet result = statement.executeQuery()) {
          result.next();
          client.line(result.getBigDecimal("n") + " " + result.getObject("ts", LocalDateTime.class)
              + " " + result.getObject("tz", OffsetDateTime.class) + " "
              + result.getObject("u", UUID.class) + " " + result.getArray("ai"));
        }
      }
    }
  }

  private static void fill(Connection connection, PreparedStatement statement, int k)
      throws SQLException {
    statement.setBoolean(2, k % 2 == 0);
    statement.setShort(3, (short) -k);
    statement.setLong(4, Long.MIN_VALUE + k);
    statement.setDouble(5, k / 3.0);
    statement.setBigDecimal(6, NUMBER.scaleByPowerOfTen(k));
    statement.setString(7, "é'\"\\ ☃ 𝄞 \n" + k);
    statement.setString(8, "a" + k);
    statement.setDate(9, Date.valueOf("2024-02-2" + k));
    statement.setObject(10, LocalDateTime.parse("2024-03-31T02:30:00.123456"));
    statement.setObject(11, OffsetDateTime.parse("2024-06-01T12:00:00.654321+05:30"));
    statement.setObject(12, new UUID(k, 42));
    statement.setString(13, "{\"a\": [1, 2, null], \"k\": " + k + "}");
    PGobject json = new PGobject();
    json.setType("jsonb");
    json.setValue("{\"b\": {\"c\": \"é\"}}");
    statement.setObject(14, json);
    statement.setBytes(15, new byte[] {0, 1, (byte) 0xff, (byte) k, '\\', '\''});
    Array numbers = connection.createArrayOf("int4", new Integer[] {1, null, k});
    statement.setArray(16, numbers);
    statement.setArray(17, connection.createArrayOf("text", new String[] {"a,b", "\"", null, ""}));
    statement.setString(18, k + " days 3 hours");
    statement.setString(19, "1234.5");
    statement.setString(20, "[1," + (k + 5) + ")");
    statement.setString(21, "10.0.0." + k + "/24");
    statement.setString(22, "1010");
  }

  private static void prepared(Client client, Connection connection, int times) throws Exception {
    String table = client.name("prepared");
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (id int primary key, v text)");
    try (PreparedStatement insert =
            connection.prepareStatement("insert into " + table + " values (?, ?)");
        PreparedStatement select =
            connection.prepareStatement("select v, id from " + table + " where id = ?")) {
      for (int i = 0; i < times; i++) {
        insert.setInt(1, i);
        insert.setString(2, "value " + i);
        insert.executeUpdate();
        select.setInt(1, i);
        try (ResultSet result = select.executeQuery()) {
          client.rows(result);
        }
        insert.setInt(1, i);
        client.fails("again " + i, insert::executeUpdate);
      }
      // Without the extended protocol the driver would run the statement to tell its types.
      if (connection.unwrap(PGConnection.class).getPreferQueryMode() != PreferQueryMode.SIMPLE) {
        described(client, insert, select);
      }
    }
    // Closed and prepared again: from the driver's cache, with the name that it had.
    for (int i = 0; i < times; i++) {
      try (PreparedStatement update = connection.prepareStatement(
          "update " + table + " set v = v || ? where id >= ? returning id, v")) {
        update.setString(1, "+");
        update.setInt(2, times - 2);
        client.rows(update.executeQuery());
      }
    }
  }

  private static void described(Client client, PreparedStatement insert, PreparedStatement select)
      throws SQLException {
    client.line(insert.getParameterMetaData().getParameterTypeName(1) + " "
        + insert.getParameterMetaData().getParameterTypeName(2) + " "
        + select.getMetaData().getColumnTypeName(1));
  }

  private static void preparedAtOnce(Client client) throws Exception {
    try (Connection connection = Client.connect("prepareThreshold", "1")) {
      prepared(client, connection, 4);
    }
    try (Connection connection = Client.connect("prepareThreshold", "0")) {
      prepared(client, connection, 2);
    }
    try (Connection connection =
        Client.connect("prepareThreshold", "-1", "binaryTransfer", "false")) {
      prepared(client, connection, 2);
    }
  }

  private static void manyStatements(Client client) throws Exception {
    // More than the driver keeps: it closes the oldest at the server.
    try (Connection connection =
        Client.connect("prepareThreshold", "1", "preparedStatementCacheQueries", "20")) {
      long sum = 0;
      for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 60; i++) {
          try (PreparedStatement statement =
              connection.prepareStatement("select ?::int + " + i + " as n" + i)) {
            statement.setInt(1, turn);
            ResultSet result = statement.executeQuery();
            result.next();
            sum += result.getInt("n" + i);
          }
        }
      }
      client.line("sum " + sum);
    }
  }

  private static void otherTypes(Client client) throws Exception {
    try (PreparedStatement statement =
        client.main().prepareStatement("select pg_typeof(?)::text, ?::text")) {
      for (int i = 0; i < 8; i++) {
        statement.setInt(1, i);
        statement.setInt(2, i);
        client.rows(statement.executeQuery());
        statement.setLong(1, i);
        statement.setBoolean(2, true);
        client.rows(statement.executeQuery());
        statement.setBigDecimal(1, BigDecimal.TEN);
        statement.setNull(2, Types.VARCHAR);
        client.rows(statement.executeQuery());
      }
    }
  }

  private static void queryModes(Client client) throws Exception {
    for (String mode : new String[] {"simple", "extendedForPrepared", "extendedCacheEverything"}) {
      try (Connection connection = Client.connect("preferQueryMode", mode)) {
        client.line("mode " + mode);
        prepared(client, connection, 7);
        for (int i = 0; i < 7; i++) {
          client.line(Client.value(connection, "select 'same text'"));
        }
      }
    }
  }

  private static void several(Client client) throws Exception {
    String table = client.name("several");
    Connection connection = client.main();
    try (Statement statement = connection.createStatement()) {
      for (int i = 0; i < 7; i++) {
        boolean rows = statement.execute("drop table if exists " + table + "; create table "
            + table + " (a int); insert into " + table + " values (1), (2); select a from " + table
            + " order by a; select; update " + table + " set a = a + 1; select sum(a) from "
            + table);
        while (rows || statement.getUpdateCount() != -1) {
          if (rows) {
            client.rows(statement.getResultSet());
          } else {
            client.line("count " + statement.getUpdateCount());
          }
          rows = statement.getMoreResults();
        }
      }
      client.fails("in the middle", () -> statement.execute("insert into " + table
          + " values (10); select 1/0; insert into " + table + " values (11)"));
      client.query(connection, "select a from " + table + " order by a");
      statement.execute("");
      client.line("empty " + statement.getUpdateCount());
      statement.execute("do $$ begin raise notice 'first'; raise warning 'second'; end $$");
      client.warnings(statement.getWarnings());
    }
  }

  private static void largeValues(Client client) throws Exception {
    String big = "0123456789abcdef".repeat(65_536);
    byte[] bytes = new byte[300_000];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 31);
    }
    try (PreparedStatement statement = client.main().prepareStatement(
        "select length(t), md5(t), length(b), md5(b), t, b"
            + " from (select ?::text, ?::bytea) x(t, b)")) {
      for (int i = 0; i < 6; i++) {
        statement.setString(1, big);
        statement.setBytes(2, bytes);
        ResultSet result = statement.executeQuery();
        result.next();
        client.line(result.getInt(1) + " " + result.getString(2) + " " + result.getInt(3) + " "
            + result.getString(4) + " " + big.equals(result.getString(5)) + " "
            + java.util.Arrays.equals(bytes, result.getBytes(6)));
      }
    }
    StringBuilder sql = new StringBuilder("select 0");
    sql.append(" + ?::int".repeat(3000));
    try (PreparedStatement statement = client.main().prepareStatement(sql.toString())) {
      for (int i = 1; i <= 3000; i++) {
        statement.setInt(i, i);
      }
      client.rows(statement.executeQuery());
    }
  }

  private static void calls(Client client) throws Exception {
    Connection connection = client.main();
    String name = client.name("twice");
    Client.execute(connection,
        "create or replace function " + name + "(inout a int, out b text) language plpgsql as"
            + " $$ begin a := a * 2; b := 'b' || a; end $$",
        "create or replace procedure " + name + "_p(inout a int) language plpgsql as"
            + " $$ begin a := a + 1; end $$",
        "create or replace function " + name + "_c() returns refcursor language plpgsql as"
            + " $$ declare c refcursor := 'mine'; begin open c for select n from"
            + " generate_series(1, 3) n; return c; end $$");
    for (int i = 0; i < 7; i++) {
      try (CallableStatement call = connection.prepareCall("{call " + name + "(?, ?)}")) {
        call.setInt(1, i);
        call.registerOutParameter(1, Types.INTEGER);
        call.registerOutParameter(2, Types.VARCHAR);
        call.execute();
        client.line(call.getInt(1) + " " + call.getString(2));
      }
      try (PreparedStatement call = connection.prepareStatement("call " + name + "_p(?)")) {
        call.setInt(1, i);
        client.rows(call.executeQuery());
      }
    }
    connection.setAutoCommit(false);
    try (CallableStatement call = connection.prepareCall("{? = call " + name + "_c()}")) {
      call.registerOutParameter(1, Types.REF_CURSOR);
      call.execute();
      try (ResultSet result = (ResultSet) call.getObject(1)) {
        client.rows(result);
      }
    }
    connection.commit();
    connection.setAutoCommit(true);
  }

  private static void ddlBetween(Client client) throws Exception {
    Connection connection = client.main();
    String table = client.name("ddl");
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (a int)", "insert into " + table + " values (1)");
    String[] changes = {"alter table " + table + " add column b text default 'b'",
        "alter table " + table + " alter column a type text", "drop table " + table
            + "; create table " + table + " (c date, d int); insert into " + table
            + " values ('2024-01-01', 5)"};
    try (PreparedStatement statement = connection.prepareStatement("select * from " + table)) {
      for (String change : changes) {
        for (int i = 0; i < 7; i++) {
          client.rows(statement.executeQuery());
        }
        Client.execute(connection, change);
      }
      client.rows(statement.executeQuery());
    }
    connection.setAutoCommit(false);
    try (PreparedStatement statement = connection.prepareStatement("select * from " + table)) {
      for (int i = 0; i < 7; i++) {
        client.rows(statement.executeQuery());
      }
      Client.execute(connection, "alter table " + table + " add column e int default 6");
      client.rows(statement.executeQuery());
    }
    connection.rollback();
    connection.setAutoCommit(true);
  }

  /** Another connection alters the table. Where the result keeps its shape, nothing is seen. */
  private static void ddlByAnother(Client client) throws Exception {
    String table = client.name("other");
    Connection connection = client.main();
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (a int, b text)", "insert into " + table + " values (1, 'x')");
    String[] harmless = {"create index on " + table + " (a)",
        "alter table " + table + " add column c int", "drop table " + table + "; create table "
            + table + " (a int, b text); insert into " + table + " values (2, 'y')"};
    try (PreparedStatement statement =
            connection.prepareStatement("select a, b from " + table + " where a > ?");
        Connection other = Client.connect()) {
      statement.setInt(1, 0);
      for (String change : harmless) {
        for (int i = 0; i < 7; i++) {
          client.rows(statement.executeQuery());
        }
        Client.execute(other, change);
        client.rows(statement.executeQuery());
      }
    }
    resultChanged(client, table);
  }

  /**
   * The result's type changes under a statement that the driver has described: Postgres answers
   * 0A000. The pooler may have prepared it anew and answer the new rows; with the old types they
   * must not be read. Both are right, a wrong value is not.
   */
  private static void resultChanged(Client client, String table) throws Exception {
    try (Connection connection = Client.connect("prepareThreshold", "1");
        Connection other = Client.connect();
        PreparedStatement statement = connection.prepareStatement("select a from " + table)) {
      for (int i = 0; i < 3; i++) {
        client.rows(statement.executeQuery());
      }
      Client.execute(other, "alter table " + table + " alter column a type float4");
      String answer;
      try (ResultSet result = statement.executeQuery()) {
        result.next();
        answer = result.getString(1);
      } catch (SQLException error) {
        answer = error.getSQLState();
      }
      boolean right = Set.of("0A000", "2", "2.0").contains(answer);
      client.line("0A000 or the new value: " + (right ? "yes" : answer));
      client.query(connection, "select a from " + table + " where true");
    }
  }

  private static void searchPathBetween(Client client) throws Exception {
    Connection connection = client.main();
    String[] schemas = {client.name("first"), client.name("second")};
    for (String schema : schemas) {
      Client.execute(connection, "drop schema if exists " + schema + " cascade",
          "create schema " + schema, "create table " + schema + ".here as select '" + schema
              + "'::text as v");
    }
    try (PreparedStatement statement = connection.prepareStatement("select v from here")) {
      for (int i = 0; i < 14; i++) {
        connection.setSchema(schemas[i / 7]);
        client.line(connection.getSchema());
        client.rows(statement.executeQuery());
      }
      connection.setSchema(schemas[0]);
      client.rows(statement.executeQuery());
    }
    Client.execute(connection, "reset search_path");
    for (String schema : schemas) {
      Client.execute(connection, "drop schema " + schema + " cascade");
    }
  }
}
