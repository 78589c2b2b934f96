package driver;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.copy.CopyOut;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;

/** Much at once: batches, COPY, large objects. */
final class BulkSteps {
  private BulkSteps() {}

  static Map<String, Step> all() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("batch", client -> batch(client, "false"));
    steps.put("batch rewritten", client -> batch(client, "true"));
    steps.put("batch of statements", BulkSteps::batchOfStatements);
    steps.put("copy", BulkSteps::copy);
    steps.put("copy failed", BulkSteps::copyFailed);
    steps.put("large objects", BulkSteps::largeObjects);
    return steps;
  }

  private static String digest(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 8);
  }

  private static void batch(Client client, String rewritten) throws Exception {
    String table = client.name("batch");
    try (Connection connection = Client.connect("reWriteBatchedInserts", rewritten)) {
      Client.execute(connection, "drop table if exists " + table,
          "create table " + table + " (id int primary key, v text)");
      String sql = "insert into " + table + " (id, v) values (?, ?)";
      for (int turn = 0; turn < 4; turn++) {
        connection.setAutoCommit(turn % 2 == 0);
        try (PreparedStatement insert = connection.prepareStatement(sql)) {
          for (int i = 0; i < 777; i++) {
            insert.setInt(1, turn * 1000 + i);
            insert.setString(2, i % 50 == 0 ? null : "value " + i);
            insert.addBatch();
          }
          int[] counts = insert.executeBatch();
          client.line(counts.length + " counts, " + Arrays.stream(counts).distinct().count()
              + " kinds, first " + counts[0]);
        }
        if (!connection.getAutoCommit()) {
          connection.commit();
        }
      }
      connection.setAutoCommit(true);
      client.query(connection, "select count(*), count(v), sum(id) from " + table);
      for (int turn = 0; turn < 2; turn++) {
        connection.setAutoCommit(turn == 0);
        try (PreparedStatement insert = connection.prepareStatement(sql)) {
          for (int id : new int[] {10_000 + turn, 10_010 + turn, 5, 10_020 + turn}) {
            insert.setInt(1, id);
            insert.setString(2, "x");
            insert.addBatch();
          }
          client.fails("duplicate", insert::executeBatch);
        }
        connection.setAutoCommit(true);
        client.query(connection, "select count(*) from " + table + " where id >= 10000");
      }
    }
  }

  private static void batchOfStatements(Client client) throws Exception {
    Connection connection = client.main();
    String table = client.name("mixed");
    try (Statement statement = connection.createStatement()) {
      statement.addBatch("drop table if exists " + table);
      statement.addBatch("create table " + table + " (a int primary key)");
      statement.addBatch("insert into " + table + " select generate_series(1, 10)");
      statement.addBatch("update " + table + " set a = a + 100 where a > 5");
      statement.addBatch("set work_mem = '3MB'");
      statement.addBatch("delete from " + table + " where a < 3");
      statement.addBatch("insert into " + table + " values (500)");
      client.line(Arrays.toString(statement.executeBatch()));
      client.line(Client.value(connection, "show work_mem"));
      statement.addBatch("insert into " + table + " values (501)");
      statement.addBatch("insert into " + table + " values (500)");
      statement.addBatch("insert into " + table + " values (502)");
      client.fails("in the middle", statement::executeBatch);
      client.query(connection, "select a from " + table + " order by a");
      statement.execute("reset work_mem");
    }
    try (PreparedStatement update = connection.prepareStatement(
        "update " + table + " set a = a + 1000 where a = ?")) {
      for (int i = 0; i < 20; i++) {
        update.setInt(1, i);
        update.addBatch();
      }
      client.line(Arrays.toString(update.executeBatch()));
    }
  }

  private static void copy(Client client) throws Exception {
    Connection connection = client.main();
    CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
    String table = client.name("copied");
    Client.execute(connection, "drop table if exists " + table,
        "create table " + table + " (id int, v text)");
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 5000; i++) {
      rows.append(i).append(",\"row ").append(i).append(" é ☃\"\n");
    }
    String in = "copy " + table + " from stdin (format csv)";
    client.line("in " + manager.copyIn(in, new StringReader(rows.toString())));
    client.line("in " + manager.copyIn(in, new ByteArrayInputStream(
        "7000,\n7001,\"\"\n".getBytes(StandardCharsets.UTF_8))));
    StringWriter writer = new StringWriter();
    client.line("out " + manager.copyOut("copy (select * from " + table
        + " order by id) to stdout", writer) + " "
        + digest(writer.toString().getBytes(StandardCharsets.UTF_8)));
    ByteArrayOutputStream binary = new ByteArrayOutputStream();
    manager.copyOut("copy (select id from " + table + " order by id) to stdout (format binary)",
        binary);
    client.line("binary " + binary.size() + " " + digest(binary.toByteArray()));
    connection.setAutoCommit(false);
    CopyIn copy = manager.copyIn("copy " + table + " from stdin");
    byte[] row = "8000\tslowly\n".getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < 100; i++) {
      copy.writeToCopy(row, 0, row.length / 2);
      copy.flushCopy();
      copy.writeToCopy(row, row.length / 2, row.length - row.length / 2);
    }
    client.line("slowly " + copy.endCopy());
    CopyOut out = manager.copyOut("copy (select * from " + table + " where id = 8000) to stdout");
    int read = 0;
    while (out.readFromCopy() != null) {
      read++;
    }
    client.line("read " + read + " " + out.getHandledRowCount());
    connection.rollback();
    connection.setAutoCommit(true);
    client.query(connection, "select count(*), count(v) from " + table);
  }

  private static void copyFailed(Client client) throws Exception {
    Connection connection = client.main();
    CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
    String table = client.name("copied");
    client.fails("a wrong row", () -> manager.copyIn("copy " + table + " from stdin",
        new StringReader("1\ta\nx\tb\n" + "2\tc\n".repeat(20_000))));
    client.line("alive " + Client.value(connection, "select count(*) from " + table));
    client.fails("no table", () -> manager.copyIn("copy no_such_table from stdin",
        new StringReader("1\n")));
    client.fails("not COPY", () -> manager.copyIn("select 1", new StringReader("1\n")));
    CopyIn copy = manager.copyIn("copy " + table + " from stdin");
    byte[] row = "9000\tnever\n".getBytes(StandardCharsets.UTF_8);
    copy.writeToCopy(row, 0, row.length);
    copy.cancelCopy();
    client.line("cancelled, alive " + Client.value(connection,
        "select count(*) from " + table + " where id = 9000"));
    client.fails("fails late", () -> manager.copyOut(
        "copy (select 10 / (500 - n) from generate_series(1, 1000) n) to stdout",
        new StringWriter()));
    client.line("alive " + Client.value(connection, "select 1"));
  }

  private static void largeObjects(Client client) throws Exception {
    Connection connection = client.main();
    LargeObjectManager manager = connection.unwrap(PGConnection.class).getLargeObjectAPI();
    client.fails("no transaction", () -> manager.createLO());
    connection.setAutoCommit(false);
    long oid = manager.createLO(LargeObjectManager.READWRITE);
    byte[] bytes = new byte[200_000];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 7 + client.number());
    }
    try (LargeObject written = manager.open(oid, LargeObjectManager.READWRITE)) {
      written.write(bytes);
      written.seek(1000);
      client.line("at " + written.tell() + " of " + written.size64() + " "
          + digest(written.read(5000)));
      written.seek(-10, LargeObject.SEEK_END);
      client.line("end " + HexFormat.of().formatHex(written.read(100)));
      written.truncate(100_000);
    }
    connection.commit();
    LargeObject object = manager.open(oid, LargeObjectManager.READ);
    client.line("read " + digest(object.getInputStream().readAllBytes()));
    client.fails("read only", () -> object.write(new byte[] {1}));
    connection.rollback();  // which closes it too
    manager.delete(oid);
    connection.commit();
    try {
      manager.open(oid, LargeObjectManager.READ);
      throw new AssertionError("a deleted object was opened");
    } catch (java.sql.SQLException error) {
      client.line("deleted " + error.getSQLState() + " "
          + error.getMessage().replace(Long.toString(oid), "OID").lines().findFirst().orElse(""));
    }
    connection.rollback();
    connection.setAutoCommit(true);
  }
}
