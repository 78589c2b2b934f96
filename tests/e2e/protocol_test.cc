// Goal: a client cannot tell the pooler from PostgreSQL by what the protocol does.
// Method: libpq and a client of bytes run each part of the protocol ("Message Flow" in the
// PostgreSQL manual) on one or two servers; big results are compared with a direct connection's.
#include <memory>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using namespace std::string_literals;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Bind;
using pglynx::e2e::BodyOf;
using pglynx::e2e::ClosePortal;
using pglynx::e2e::CloseStatement;
using pglynx::e2e::Connection;
using pglynx::e2e::DescribePortal;
using pglynx::e2e::DescribeStatement;
using pglynx::e2e::Execute;
using pglynx::e2e::Flush;
using pglynx::e2e::Parse;
using pglynx::e2e::Postgres;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::SqlState;
using pglynx::e2e::Sync;
using pglynx::e2e::Terminate;
using pglynx::e2e::Types;
using pglynx::e2e::Values;

namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

Result Take(PGresult* result) {
  return {result, &PQclear};
}

Connection Direct() {
  return Postgres().Connect("app", "app", "secret");
}

// One answer to what was sent: "types of the messages/SQLSTATE/values", up to ReadyForQuery.
std::string Answer(RawClient& client, const std::string& messages) {
  client.Send(messages);
  const std::vector<RawMessage> reply = client.ReadUntil('Z');
  std::string text = Types(reply) + "/" + SqlState(reply) + "/";
  for (const std::string& value : Values(reply)) text += value + " ";
  if (text.back() == ' ') text.pop_back();
  return text;
}

std::string Run(const std::string& sql) {
  return Parse("", sql) + Bind("", "") + Execute("") + Sync();
}

// The results of a pipeline, one word each: a value, a SQLSTATE, "sync" or "aborted".
std::string DrainPipeline(PGconn* connection, int syncs) {
  std::string words;
  while (syncs > 0) {
    const Result result = Take(PQgetResult(connection));
    if (!result) continue;  // the end of one query's results
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        words += "sync ";
        --syncs;
        break;
      case PGRES_PIPELINE_ABORTED:
        words += "aborted ";
        break;
      case PGRES_TUPLES_OK:
        words += PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) + " "s : "none ";
        break;
      case PGRES_COMMAND_OK:
        words += "ok ";
        break;
      default:
        words += PQresultErrorField(result.get(), PG_DIAG_SQLSTATE) + " "s;
    }
  }
  return words;
}

void SendParams(Connection& client, const std::string& sql) {
  PQsendQueryParams(client.raw(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0);
}

// COPY FROM STDIN with this data; "" or the SQLSTATE.
std::string CopyIn(Connection& client, const std::string& sql, const std::string& data,
                   const char* fail = nullptr) {
  const Result start = Take(PQexec(client.raw(), sql.c_str()));
  if (PQresultStatus(start.get()) != PGRES_COPY_IN) return "no copy";
  PQputCopyData(client.raw(), data.data(), static_cast<int>(data.size()));
  PQputCopyEnd(client.raw(), fail);
  return client.Receive().sqlstate;
}

std::string CopyOut(Connection& client, const std::string& sql) {
  const Result start = Take(PQexec(client.raw(), sql.c_str()));
  if (PQresultStatus(start.get()) != PGRES_COPY_OUT) return "no copy";
  std::string data;
  char* row = nullptr;
  for (int size = 0; (size = PQgetCopyData(client.raw(), &row, 0)) > 0;) {
    data.append(row, static_cast<size_t>(size));
    PQfreemem(row);
  }
  return data + client.Receive().sqlstate;
}

}  // namespace

TEST_CASE("simple queries: one, several, none, and those that fail") {
  const AppPooler pooler;
  RawClient client = pooler.Raw();
  const auto query = [&](const std::string& sql) { return Answer(client, RawClient::Query(sql)); };
  CHECK(query("select 1") == "TDCZ//1");
  CHECK(query("select 1; select 2; select 3") == "TDCTDCTDCZ//1 2 3");
  CHECK(query("") == "IZ//");
  CHECK(query(" ;; -- nothing") == "IZ//");
  CHECK(query("select 1/0") == "EZ/22012/");
  CHECK(query("select 1; select 1/0; select 2") == "TDCEZ/22012/1");
  CHECK(query("selekt") == "EZ/42601/");
  CHECK(query("begin; select 1/0") == "CEZ/22012/");
  CHECK(query("select 1") == "EZ/25P02/");
  CHECK(query("rollback") == "CZ//");
  CHECK(query("select 'last'") == "TDCZ//last");
}

TEST_CASE("notices and parameter changes are passed on") {
  const AppPooler pooler;
  Connection client = pooler.Client();
  CHECK(client.Exec("drop table if exists nothing_there").ok());
  REQUIRE(client.notices().size() == 1);
  CHECK(client.notices().front().find("\"nothing_there\" does not exist") != std::string::npos);
  CHECK(client.Exec("set timezone to 'Asia/Kolkata'").ok());
  CHECK(client.Parameter("TimeZone") == "Asia/Kolkata");
  RawClient raw = pooler.Raw();
  CHECK(Answer(raw, RawClient::Query("set datestyle to german")) == "CSZ//");
  CHECK(Answer(raw, RawClient::Query("set datestyle to german")) == "CZ//");
}

TEST_CASE("the extended protocol carries parameters, types, NULL and binary") {
  const AppPooler pooler;
  Connection client = pooler.Client();
  CHECK(client.ExecParams("select $1::int + $2::int", {"40", "2"}).value() == "42");
  CHECK(client.ExecParams("select $1::int", {"many"}).sqlstate == "22P02");
  CHECK(client.ExecParams("", {}).ok());
  const Oid type = 17;  // bytea
  const std::string bytes("\0\1\xff\0", 4);
  const char* values[] = {bytes.data(), nullptr};
  const int lengths[] = {4, 0};
  const int formats[] = {1, 0};
  const Oid types[] = {type, 25};
  const Result result = Take(
      PQexecParams(client.raw(), "select $1, $2 is null", 2, types, values, lengths, formats, 1));
  REQUIRE(PQresultStatus(result.get()) == PGRES_TUPLES_OK);
  CHECK(std::string(PQgetvalue(result.get(), 0, 0), 4) == bytes);
  CHECK(PQgetvalue(result.get(), 0, 1)[0] == 1);
}

TEST_CASE("a pipeline of libpq with several syncs and an error in the middle") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  Connection other = pooler.Client();
  REQUIRE(PQenterPipelineMode(client.raw()) == 1);
  for (int round = 0; round < 3; ++round) {
    SendParams(client, "select 'a'");
    SendParams(client, "select 'b'");
    PQpipelineSync(client.raw());
    SendParams(client, "select 'c'");
    SendParams(client, "select 1/0");
    SendParams(client, "select 'skipped'");
    PQpipelineSync(client.raw());
    SendParams(client, "select 'd'");
    PQpipelineSync(client.raw());
    other.Send("select 'between'");
    CHECK(DrainPipeline(client.raw(), 3) == "a b sync c 22012 aborted sync d sync ");
    CHECK(other.Receive().value() == "between");
  }
  CHECK(PQexitPipelineMode(client.raw()) == 1);
  CHECK(client.Exec("select 1").value() == "1");
}

TEST_CASE("a long pipeline comes back whole and in order") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client = pooler.Raw();
  std::string messages;
  for (int i = 0; i < 20'000; ++i) {
    messages += Parse("", "select " + std::to_string(i)) + Bind("", "") + Execute("");
    if (i % 100 == 99) messages += Sync();
  }
  client.Send(messages);
  int next = 0;
  for (int syncs = 0; syncs < 200; ++syncs) {
    for (const std::string& value : Values(client.ReadUntil('Z'))) {
      if (value != std::to_string(next)) FAIL("expected " << next << ", got " << value);
      ++next;
    }
  }
  CHECK(next == 20'000);
}

TEST_CASE("Flush brings replies without ending the transaction") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client = pooler.Raw();
  client.Send(Parse("", "select 5") + DescribeStatement("") + Flush());
  CHECK(Types(client.ReadUntil('T')) == "1tT");
  client.Send(Bind("", "") + Execute("") + Flush());
  CHECK(Types(client.ReadUntil('C')) == "2DC");
  CHECK(Answer(client, Sync()) == "Z//");
  client.Send(Flush());
  CHECK(Answer(client, Sync()) == "Z//");
}

TEST_CASE("a portal with a row limit is suspended and continued") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client = pooler.Raw();
  client.Send(Parse("", "select generate_series(1, 5)") + Bind("", "") + Execute("", 2) + Flush());
  CHECK(Types(client.ReadUntil('s')) == "12DDs");
  client.Send(Execute("", 2) + Flush());
  CHECK(Values(client.ReadUntil('s')) == std::vector<std::string>{"3", "4"});
  CHECK(Answer(client, Execute("", 2) + Sync()) == "DCZ//5");

  CHECK(Answer(client, RawClient::Query("begin")) == "CZ//");
  CHECK(Answer(client, Parse("many", "select generate_series(1, 3)") + Bind("p", "many") +
                           DescribePortal("p") + Execute("p", 1) + Sync()) == "12TDsZ//1");
  CHECK(Answer(client, Execute("p", 1) + Sync()) == "DsZ//2");
  CHECK(Answer(client, ClosePortal("p") + Sync()) == "3Z//");
  CHECK(Answer(client, Execute("p", 1) + Sync()) == "EZ/34000/");
  CHECK(Answer(client, RawClient::Query("rollback")) == "CZ//");
}

TEST_CASE("Terminate right behind a query: the query is still carried out") {
  const AppPooler pooler({.pool_size = 1});
  Connection other = pooler.Client();
  REQUIRE(other.Exec("drop table if exists parting").ok());
  REQUIRE(other.Exec("create table parting (i int)").ok());
  {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query("insert into parting select 1 from pg_sleep(0.1)") + Terminate());
    CHECK(client.ClosedByPeer());
  }
  CHECK(other.Exec("select count(*) from parting").value() == "1");
  {
    RawClient client = pooler.Raw();
    client.Send(Run("insert into parting values (2)") + Terminate());
    CHECK(client.ClosedByPeer());
  }
  CHECK(other.Exec("select count(*) from parting").value() == "2");
}

TEST_CASE("COPY in both directions and both protocols, with errors") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  Connection other = pooler.Client();
  REQUIRE(client.Exec("drop table if exists copied").ok());
  REQUIRE(client.Exec("create table copied (i int, t text)").ok());
  CHECK(CopyIn(client, "copy copied from stdin", "1\tone\n2\ttwo\n").empty());
  CHECK(other.Exec("select count(*) from copied").value() == "2");
  CHECK(CopyOut(client, "copy (select * from copied order by i) to stdout") == "1\tone\n2\ttwo\n");
  CHECK(CopyIn(client, "copy copied from stdin", "x\ty\n") == "22P02");
  CHECK(CopyIn(client, "copy copied from stdin", "3\tthree\n", "changed my mind") == "57014");
  CHECK(CopyIn(client, "copy missing from stdin", "") == "no copy");
  CHECK(client.Exec("select count(*) from copied").value() == "2");
  CHECK(other.Exec("select count(*) from copied").value() == "2");

  RawClient raw = pooler.Raw();
  raw.Send(Parse("", "copy copied from stdin") + Bind("", "") + Execute("") + Sync());
  CHECK(Types(raw.ReadUntil('G')) == "12G");
  // "COPY Operations": the Sync that stands before the data is ignored by the server.
  CHECK(Answer(raw, RawClient::Frame('d', "3\tthree\n") + RawClient::Frame('c', "") + Sync()) ==
        "CZ//");
  CHECK(Answer(raw, Run("copy (select i from copied order by i) to stdout")) == "12HdddcCZ//");
  raw.Send(Parse("", "copy copied from stdin") + Bind("", "") + Execute(""));
  CHECK(Types(raw.ReadUntil('G')) == "12G");
  CHECK(Answer(raw, RawClient::Frame('f', "no\0"s) + Sync()) == "EZ/57014/");
  CHECK(Answer(raw, RawClient::Query("select count(*) from copied")) == "TDCZ//3");
  CHECK(other.Exec("select count(*) from copied").value() == "3");
}

TEST_CASE("COPY data behind an error is skipped, and the session goes on") {
  const AppPooler pooler({.pool_size = 1});
  REQUIRE(pooler.Client().Exec("drop table if exists numbers; create table numbers (i int)").ok());
  RawClient raw = pooler.Raw();
  raw.Send(RawClient::Query("copy numbers from stdin"));
  CHECK(raw.Read().type == 'G');
  std::string data = RawClient::Frame('d', "bad\n");
  for (int i = 0; i < 5000; ++i) data += RawClient::Frame('d', std::to_string(i) + "\n");
  CHECK(Answer(raw, data + RawClient::Frame('c', "")) == "EZ/22P02/");
  CHECK(Answer(raw, RawClient::Query("select count(*) from numbers")) == "TDCZ//0");
  CHECK(pooler.Client().Exec("select count(*) from numbers").value() == "0");
}

TEST_CASE("large values and many rows equal those of a direct connection") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  Connection direct = Direct();
  const std::string sql =
      GENERATE(as<std::string>(), "select repeat('0123456789', 2 * 1024 * 1024)",
               "select i, md5(i::text), null from generate_series(1, 200000) i",
               "select repeat('x', i % 20000) from generate_series(1, 3000) i");
  CAPTURE(sql);
  CHECK((client.Exec(sql).rows == direct.Exec(sql).rows));
  CHECK((client.ExecParams(sql, {}).rows == direct.ExecParams(sql, {}).rows));
  const std::string big(20 * 1024 * 1024, 'y');
  CHECK(client.ExecParams("select length($1)", {big}).value() == std::to_string(big.size()));
  CHECK(client.Exec("select length('" + big + "')").value() == std::to_string(big.size()));
}

TEST_CASE("a large COPY goes in and out unchanged") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  REQUIRE(client.Exec("drop table if exists bulk; create table bulk (t text)").ok());
  std::string data;
  for (int i = 0; i < 100'000; ++i) data += "row " + std::to_string(i) + " and some words\n";
  CHECK(CopyIn(client, "copy bulk from stdin", data).empty());
  CHECK((CopyOut(client, "copy bulk to stdout") == data));
}

TEST_CASE("a FunctionCall is answered") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  const int oid = std::stoi(client.Exec("select 'int4pl'::regproc::oid").value());
  PQArgBlock arguments[2] = {{.len = 4, .isint = 1, .u = {.integer = 40}},
                             {.len = 4, .isint = 1, .u = {.integer = 2}}};
  int value = 0;
  int length = 0;
  const Result result = Take(PQfn(client.raw(), oid, &value, &length, 1, arguments, 2));
  CHECK(PQresultStatus(result.get()) == PGRES_COMMAND_OK);
  CHECK(value == 42);
  const Result failed = Take(PQfn(client.raw(), 1, &value, &length, 1, arguments, 2));
  CHECK(PQresultStatus(failed.get()) == PGRES_FATAL_ERROR);
  CHECK(client.Exec("select 1").value() == "1");
}

TEST_CASE("named statements of four clients on two servers") {
  const AppPooler pooler({.pool_size = 2});
  std::vector<Connection> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(pooler.Client());
  const auto each = [&](const auto& act) {
    for (size_t i = 0; i < clients.size(); ++i) act(clients[i], std::to_string(i + 1));
  };
  const auto all_execute = [&] {
    each([](Connection& client, const std::string& n) {
      CHECK(client.ExecPrepared("own", {"5"}).value() == std::to_string(5 + std::stoi(n)));
      CHECK(client.ExecPrepared("same", {"5"}).value() == "10");
    });
  };
  each([](Connection& client, const std::string& n) {
    REQUIRE(client.Prepare("own", "select $1::int + " + n).ok());
    REQUIRE(client.Prepare("same", "select $1::int * 2").ok());
  });
  for (int round = 0; round < 5; ++round) {
    // Two at a time, so that both servers are in use.
    clients[0].Exec("begin");
    all_execute();
    clients[0].Exec("commit");
    clients[3].Exec("begin");
    all_execute();
    clients[3].Exec("commit");
  }
  const Result described = Take(PQdescribePrepared(clients[1].raw(), "own"));
  CHECK(PQnparams(described.get()) == 1);
  CHECK(PQparamtype(described.get(), 0) == 23);
  CHECK(PQftype(described.get(), 0) == 23);

  SECTION("a name used twice is refused, a name never used too; the connection lives") {
    CHECK(clients[0].Prepare("own", "select 1").sqlstate == "42P05");
    CHECK(clients[0].ExecPrepared("never", {}).sqlstate == "26000");
    all_execute();
  }
  SECTION("DEALLOCATE ALL and DISCARD ALL of one client are its own affair") {
    const std::string sql = GENERATE(as<std::string>(), "deallocate all", "discard all");
    REQUIRE(clients[0].Exec(sql).ok());
    CHECK(clients[0].ExecPrepared("own", {"1"}).sqlstate == "26000");
    REQUIRE(clients[0].Prepare("own", "select $1::int + 1").ok());
    REQUIRE(clients[0].Prepare("same", "select $1::int * 2").ok());
    all_execute();
  }
  SECTION("a table that changes under a statement") {
    REQUIRE(clients[0].Exec("drop table if exists shape; create table shape (a int)").ok());
    REQUIRE(clients[0].Exec("insert into shape values (1)").ok());
    REQUIRE(clients[0].Prepare("shape", "select * from shape").ok());
    CHECK(clients[0].ExecPrepared("shape", {}).value() == "1");
    REQUIRE(clients[1].Exec("alter table shape add b int").ok());
    // libpq asks for the description in the same batch: it gets the new one.
    CHECK(clients[0].ExecPrepared("shape", {}).ok());
    all_execute();
  }
}

TEST_CASE("statements are described, closed and parsed again under the same name") {
  const AppPooler pooler({.pool_size = 2});
  RawClient client = pooler.Raw();
  RawClient other = pooler.Raw();
  const std::string one = Parse("s", "select 1");
  const std::string run = Bind("", "s") + Execute("") + Sync();
  CHECK(Answer(client, one + Sync()) == "1Z//");
  CHECK(Answer(other, Parse("s", "select 'other'") + Sync()) == "1Z//");
  CHECK(Answer(client, DescribeStatement("s") + Sync()) == "tTZ//");
  CHECK(Answer(client, one + Sync()) == "EZ/42P05/");
  CHECK(Answer(client, run) == "2DCZ//1");
  CHECK(Answer(client, CloseStatement("s") + Sync()) == "3Z//");
  CHECK(Answer(client, run) == "EZ/26000/");
  CHECK(Answer(client, DescribeStatement("s") + Sync()) == "EZ/26000/");
  CHECK(Answer(client, CloseStatement("s") + Sync()) == "3Z//");
  CHECK(Answer(client, Parse("s", "select 2") + run) == "12DCZ//2");
  CHECK(Answer(client, CloseStatement("s") + Parse("s", "select 3") + run) == "312DCZ//3");
  CHECK(Answer(other, run) == "2DCZ//other");
}

TEST_CASE("a refused statement in a transaction breaks it, as in PostgreSQL") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client = pooler.Raw();
  CHECK(Answer(client, Parse("s", "select 1") + Sync()) == "1Z//");
  CHECK(Answer(client, RawClient::Query("begin")) == "CZ//");
  const auto [messages, answer] = GENERATE(
      table<std::string, std::string>({{Parse("s", "select 2") + Sync(), "EZ/42P05/"},
                                       {Bind("", "unknown") + Execute("") + Sync(), "EZ/26000/"},
                                       {DescribeStatement("unknown") + Sync(), "EZ/26000/"}}));
  CHECK(Answer(client, messages) == answer);
  CHECK(Answer(client, RawClient::Query("select 1")) == "EZ/25P02/");
  CHECK(Answer(client, RawClient::Query("rollback")) == "CZ//");
  CHECK(Answer(client, Bind("", "s") + Execute("") + Sync()) == "2DCZ//1");
}

TEST_CASE("an error in a pipeline takes back the statements behind it") {
  const AppPooler pooler({.pool_size = 2});
  RawClient client = pooler.Raw();
  RawClient other = pooler.Raw();
  const std::string run_good = Bind("", "good") + Execute("") + Sync();
  const std::string run_bad = Bind("", "bad") + Execute("") + Sync();
  CHECK(Answer(client, Parse("good", "select 1") + Parse("wrong", "selekt") +
                           Parse("bad", "select 2") + Sync()) == "1EZ/42601/");
  CHECK(Answer(client, run_good) == "2DCZ//1");
  CHECK(Answer(client, run_bad) == "EZ/26000/");
  CHECK(Answer(client, Parse("bad", "select 3") + run_bad) == "12DCZ//3");
  CHECK(Answer(other, Parse("good", "select 2") + run_good) == "12DCZ//2");

  // A Close that was skipped did not close.
  CHECK(Answer(client, Parse("wrong", "selekt") + CloseStatement("good") + Sync()) == "EZ/42601/");
  CHECK(Answer(client, run_good) == "2DCZ//1");
  // Prepared before the error of a later request of the same batch: it stays.
  CHECK(Answer(client, Parse("stays", "select 7") + Parse("", "select 1/0") + Bind("", "") +
                           Execute("") + Sync()) == "11EZ/22012/");
  CHECK(Answer(client, Bind("", "stays") + Execute("") + Sync()) == "2DCZ//7");
  CHECK(Answer(other, run_good) == "2DCZ//2");
}

TEST_CASE("the unnamed statement is its client's, whoever used the server in between") {
  const AppPooler pooler({.pool_size = 1});
  RawClient first = pooler.Raw();
  RawClient second = pooler.Raw();
  const std::string run = Bind("", "") + Execute("") + Sync();
  for (int round = 0; round < 3; ++round) {
    CHECK(Answer(first, Parse("", "select 'first'") + Sync()) == "1Z//");
    CHECK(Answer(second, Parse("", "select 'second'") + Sync()) == "1Z//");
    CHECK(Answer(first, DescribeStatement("") + Sync()) == "tTZ//");
    CHECK(Answer(first, run) == "2DCZ//first");
    CHECK(Answer(second, run) == "2DCZ//second");
    CHECK(Answer(second, RawClient::Query("select 'simple'")) == "TDCZ//simple");
    CHECK(Answer(first, run) == "2DCZ//first");
    CHECK(Answer(second, run) == "EZ/26000/");  // a simple query ends the unnamed statement
  }
}

TEST_CASE("statements beyond the server's cache are prepared again when they are used") {
  const AppPooler pooler({.pool_size = 2, .pool = "prepared_statements_cache_size = 3"});
  RawClient client = pooler.Raw();
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    CHECK(Answer(client, Parse("s" + n, "select " + n) + Sync()) == "1Z//");
  }
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    CHECK(Answer(client, Bind("", "s" + n) + Execute("") + Sync()) == "2DCZ//" + n);
  }
  const std::string held = Answer(client, RawClient::Query("select count(*) from "
                                                           "pg_prepared_statements"));
  CHECK((held >= "TDCZ//0" && held <= "TDCZ//3"));
}

TEST_CASE("bytes that break the protocol end that connection alone, with 08P01") {
  const AppPooler pooler({.pool_size = 1});
  RawClient other = pooler.Raw();
  const std::string bytes =
      GENERATE(as<std::string>(), RawClient::Frame('?', ""), "Q"s + RawClient::Int32(3),
               RawClient::Frame('P', "no end"), RawClient::Frame('B', "no end"));
  RawClient client = pooler.Raw();
  client.Send(bytes);
  CHECK(SqlState({client.Read()}) == "08P01");
  CHECK(client.ClosedByPeer());
  CHECK(Answer(other, RawClient::Query("select 1")) == "TDCZ//1");
}

TEST_CASE("a Query whose text has no end is an error, and the session goes on, as in Postgres") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client = pooler.Raw();
  client.Send(RawClient::Frame('Q', "no end"));
  CHECK(SqlState({client.Read()}) == "08P01");
  CHECK(client.Read().type == 'Z');
  CHECK(Answer(client, RawClient::Query("select 1")) == "TDCZ//1");
}

TEST_CASE("the stream may be cut anywhere") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client = pooler.Raw();
  const std::string messages = Parse("cut", "select $1::text") + DescribeStatement("cut") +
                               Bind("", "cut", {"value"}) + Execute("") + CloseStatement("cut") +
                               Sync();
  for (size_t at = 1; at < messages.size(); ++at) {
    client.Send(messages.substr(0, at));
    if (Answer(client, messages.substr(at)) != "1tT2DC3Z//value") FAIL("cut at byte " << at);
  }
}
