// Goal: who gets a server, when, for how long, and in which state it is handed on.
// Method: a few clients on a pool of one to three servers; PostgreSQL itself tells which
// backend answered (pg_backend_pid) and how many there are (pg_stat_activity).

#include <algorithm>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using pglynx::e2e::AppPooler;
using pglynx::e2e::Connection;
using pglynx::e2e::Eventually;
using pglynx::e2e::Field;
using pglynx::e2e::Postgres;
using pglynx::e2e::QueryResult;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::ServerCount;
using pglynx::e2e::Superuser;

namespace {

constexpr std::chrono::milliseconds kNotAnswered{100};

std::string Pid(Connection& client) {
  return client.Exec("select pg_backend_pid()").value();
}

// What a session can leave behind on its server.
constexpr const char* kLeaveState[] = {"create temp table leftover (i int)",
                                       "select pg_advisory_lock(4711)",
                                       "set work_mem = '123kB'",
                                       "set application_name = 'leftover'",
                                       "listen leftover",
                                       "prepare leftover as select 1",
                                       "create sequence if not exists counter",
                                       "select nextval('counter')"};

void CheckNothingIsLeft(Connection& client) {
  CHECK(client.Exec("select count(*) from pg_class where relname = 'leftover'").value() == "0");
  CHECK(Superuser().Exec("select count(*) from pg_locks where locktype = 'advisory'").value() ==
        "0");
  CHECK(client.Exec("show work_mem").value() == "4MB");
  CHECK(client.Exec("show application_name").value().empty());
  CHECK(client.Exec("select pg_listening_channels()").rows.empty());
  CHECK(client.Exec("select count(*) from pg_prepared_statements").value() == "0");
  CHECK(client.Exec("select currval('counter')").sqlstate == "55000");
}

}  // namespace

TEST_CASE("in transaction mode clients share one server between transactions") {
  const AppPooler pooler({.pool_size = 1});
  Connection first = pooler.Client();
  Connection second = pooler.Client();
  const std::string pid = Pid(first);
  REQUIRE_FALSE(pid.empty());
  for (int round = 0; round < 20; ++round) {
    CHECK(Pid(second) == pid);
    CHECK(Pid(first) == pid);
  }
  CHECK(ServerCount() == 1);
}

TEST_CASE("an open transaction keeps its server, whoever waits") {
  const AppPooler pooler({.pool_size = 1});
  Connection holder = pooler.Client();
  Connection waiter = pooler.Client();
  REQUIRE(holder.Exec("begin").ok());
  const std::string pid = Pid(holder);
  waiter.Send("select pg_backend_pid()");
  CHECK(pooler.HasWaiting(1));
  CHECK(Pid(holder) == pid);
  CHECK_FALSE(holder.Exec("select nothing").ok());
  CHECK_FALSE(waiter.Answered(kNotAnswered));  // a failed transaction is a transaction
  CHECK(holder.Exec("rollback").command_tag == "ROLLBACK");
  CHECK(waiter.Receive().value() == pid);
}

TEST_CASE("in session mode a client keeps its server until it leaves") {
  const AppPooler pooler({.pool_size = 2, .pool_mode = "session"});
  Connection first = pooler.Client();
  Connection second = pooler.Client();
  Connection third = pooler.Client();
  const std::string first_pid = Pid(first);
  const std::string second_pid = Pid(second);
  CHECK(first_pid != second_pid);
  third.Send("select pg_backend_pid()");
  for (int round = 0; round < 5; ++round) {
    CHECK(Pid(second) == second_pid);
    CHECK(Pid(first) == first_pid);
  }
  CHECK_FALSE(third.Answered(kNotAnswered));
  second.Close();
  CHECK(third.Receive().value() == second_pid);
}

TEST_CASE("waiting clients are served in the order in which they came") {
  const AppPooler pooler({.pool_size = 1});
  Connection holder = pooler.Client();
  REQUIRE(holder.Exec("create table if not exists served (n serial, who int)").ok());
  REQUIRE(holder.Exec("truncate served").ok());
  std::vector<Connection> clients;
  for (int who = 0; who < 8; ++who) clients.push_back(pooler.Client());
  REQUIRE(holder.Exec("begin").ok());
  for (size_t who = 0; who < clients.size(); ++who) {
    clients[who].Send("insert into served (who) values (" + std::to_string(who) + ")");
    REQUIRE(pooler.HasWaiting(who + 1));
  }
  REQUIRE(holder.Exec("commit").ok());
  for (Connection& client : clients) CHECK(client.Receive().ok());
  CHECK(holder.Exec("select string_agg(who::text, '' order by n) from served").value() ==
        "01234567");
}

TEST_CASE("query_wait_timeout is an error of the statement, not of the connection") {
  const AppPooler pooler({.pool_size = 1, .general = "query_wait_timeout = \"200ms\""});
  Connection holder = pooler.Client();
  Connection waiter = pooler.Client();
  REQUIRE(holder.Exec("begin").ok());
  const QueryResult simple = waiter.Exec("select 1");
  CHECK(simple.sqlstate == "53300");
  CHECK(simple.error.find("200 ms") != std::string::npos);
  CHECK(simple.error.find("pool_size = 1") != std::string::npos);
  CHECK(waiter.ExecParams("select $1::int", {"1"}).sqlstate == "53300");
  CHECK(waiter.ok());
  REQUIRE(holder.Exec("commit").ok());
  CHECK(waiter.Exec("select 1").value() == "1");
  CHECK(waiter.ExecParams("select $1::int", {"7"}).value() == "7");
}

TEST_CASE("max_client_conn refuses one client more, in words that name the limit") {
  const AppPooler pooler(
      {.pool_size = 1, .general = "max_client_conn = 2", .admin = "on_client_port = true"});
  Connection first = pooler.Client();
  Connection second = pooler.Client();
  REQUIRE(second.ok());
  RawClient third(pooler.port());
  const RawMessage refusal = third.Login("app", "app").back();
  CHECK(Field(refusal, 'S') == "FATAL");
  CHECK(Field(refusal, 'C') == "53300");
  CHECK(Field(refusal, 'M').find("max_client_conn = 2") != std::string::npos);
  CHECK(third.ClosedByPeer());

  SECTION("cancels are not counted") {
    first.Send("do $$ begin raise notice 'running'; perform pg_sleep(60); end $$");
    REQUIRE(first.WaitForNotices(1));
    CHECK(first.Cancel());
    CHECK(first.Receive().sqlstate == "57014");
  }
  SECTION("consoles are not counted") {
    CHECK(pooler.Admin().Exec("show version").ok());
    Connection on_client_port = pooler.Connect("pglynx", "admin", "admin-secret");
    CHECK(on_client_port.Exec("show version").ok());
  }
  SECTION("a place that became free is used") {
    first.Close();
    CHECK(Eventually([&] { return pooler.Client().ok(); }));
  }
}

TEST_CASE("there are never more servers than pool_size") {
  constexpr size_t kPoolSize = 3;
  const AppPooler pooler({.pool_size = kPoolSize});
  std::vector<Connection> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(pooler.Client());
  size_t most = 0;
  for (int round = 0; round < 5; ++round) {
    for (Connection& client : clients) client.Send("select pg_sleep(0.01)");
    for (Connection& client : clients) {
      most = std::max(most, ServerCount());
      CHECK(client.Receive().ok());
    }
  }
  CHECK(most == kPoolSize);
}

TEST_CASE("servers that are idle for longer than idle_timeout are closed") {
  const AppPooler pooler({.pool_size = 2, .general = "idle_timeout = \"150ms\""});
  Connection client = pooler.Client();
  const std::string pid = Pid(client);
  CHECK(ServerCount() == 1);
  CHECK(Eventually([] { return ServerCount() == 0; }));
  CHECK(Pid(client) != pid);
}

TEST_CASE("servers older than server_lifetime are replaced") {
  const AppPooler pooler({.pool_size = 1, .general = "server_lifetime = \"150ms\""});
  Connection client = pooler.Client();
  const std::string pid = Pid(client);
  CHECK(Eventually([&] { return Pid(client) != pid; }));
  CHECK(ServerCount() <= 1);
}

TEST_CASE("connect_query runs on every new server") {
  const AppPooler pooler({.pool_size = 1, .pool = "connect_query = \"set work_mem = '111kB'\""});
  Connection client = pooler.Client();
  CHECK(client.Exec("show work_mem").value() == "111kB");
}

TEST_CASE("a session's leftovers are gone for the next client of its server") {
  const std::string mode = GENERATE(as<std::string>(), "session", "transaction");
  CAPTURE(mode);
  const AppPooler pooler({.pool_size = 1, .pool_mode = mode});
  std::string pid;
  {
    Connection client = pooler.Client();
    pid = Pid(client);
    for (const char* statement : kLeaveState) {
      CAPTURE(statement);
      CHECK(client.Exec(statement).ok());
    }
    CHECK(Pid(client) == pid);
  }
  Connection next = pooler.Client();
  CHECK(Pid(next) == pid);  // reset, not replaced
  CheckNothingIsLeft(next);
}

TEST_CASE("a transaction left open is rolled back before the next client") {
  const std::string mode = GENERATE(as<std::string>(), "session", "transaction");
  CAPTURE(mode);
  const AppPooler pooler({.pool_size = 1, .pool_mode = mode});
  {
    Connection client = pooler.Client();
    REQUIRE(client.Exec("create table if not exists left_open (i int)").ok());
    REQUIRE(client.Exec("truncate left_open").ok());
    REQUIRE(client.Exec("begin").ok());
    REQUIRE(client.Exec("insert into left_open values (1)").ok());
  }
  Connection next = pooler.Client();
  CHECK(next.Exec("select count(*) from left_open").value() == "0");
  CHECK(next.transaction_status() == PQTRANS_IDLE);
  CHECK(next.Exec("begin").ok());
  CHECK(next.notices().empty());
}

TEST_CASE("the pool * serves every database that has no pool of its own") {
  Postgres().Exec("create database other owner app");
  const AppPooler pooler({.pool_size = 1,
                          .more = pglynx::e2e::Fill(R"([pools."*"]
servers = [{ host = "127.0.0.1", port = @P@ }]
[[pools."*".users]]
username = "app"
password = "secret"
pool_size = 1
)",
                                                    {{"@P@", std::to_string(Postgres().port())}})});
  Connection app = pooler.Client();
  Connection other = pooler.Connect("other", "app", "secret");
  CHECK(app.Exec("select current_database()").value() == "app");
  CHECK(other.Exec("select current_database()").value() == "other");
  Connection missing = pooler.Connect("missing", "app", "secret");
  CHECK(missing.error().find("database \"missing\" does not exist") != std::string::npos);
}
