// Goal: the console tells the truth about what goes on, and its commands do what they say.
// Method: a known number of clients in known states, and every table beside it; reloads of
// changed and of broken files; libpq in both protocols and both formats.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using pglynx::e2e::AppConfig;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Cell;
using pglynx::e2e::Connection;
using pglynx::e2e::Eventually;
using pglynx::e2e::Fill;
using pglynx::e2e::Postgres;
using pglynx::e2e::QueryResult;
using pglynx::e2e::RawClient;
using pglynx::e2e::ServerCount;
using pglynx::e2e::SqlState;
using pglynx::e2e::Values;

namespace {

using Names = std::vector<std::string>;

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Names ConnectionColumns() {
  return {"type",
          "user",
          "database",
          "replication",
          "state",
          "addr",
          "port",
          "local_addr",
          "local_port",
          "connect_time",
          "request_time",
          "wait",
          "wait_us",
          "close_needed",
          "ptr",
          "link",
          "remote_pid",
          "tls",
          "application_name",
          "prepared_statements",
          "id"};
}

// Two clients in transactions, one that waits for them, one idle.
struct Scene {
  AppPooler pooler{{.pool_size = 2, .more = R"([pools.other]
database = "app"
servers = [{ host = "127.0.0.1", port = 1 }]
[[pools.other.users]]
username = "app"
password = "secret"
pool_size = 7
)"}};
  Connection first = pooler.Client({{"application_name", "first"}});
  Connection second = pooler.Client({{"application_name", "second"}});
  Connection waiting = pooler.Client({{"application_name", "waiting"}});
  Connection idle = pooler.Client({{"application_name", "idle"}});
  Connection console = pooler.Admin();

  Scene() {
    REQUIRE(first.Exec("begin").ok());
    REQUIRE(second.Exec("begin").ok());
    REQUIRE(first.Exec("select 1").ok());
    REQUIRE(second.Exec("select 1").ok());
    waiting.Send("select 1");
    REQUIRE(pooler.HasWaiting(1));
  }

  std::string Shown(const std::string& table, const std::string& key_column, const std::string& key,
                    const std::string& column) {
    return Cell(console.Exec("show " + table), key_column, key, column);
  }
  std::string Pool(const std::string& column) { return Shown("pools", "database", "app", column); }
  std::string Stat(const std::string& column) { return Shown("stats", "database", "app", column); }
  void Finish() {
    REQUIRE(first.Exec("commit").ok());
    REQUIRE(second.Exec("commit").ok());
    REQUIRE(waiting.Receive().ok());
  }
};

size_t CountOf(const QueryResult& result, const std::string& column, const std::string& value) {
  const auto at = std::find(result.columns.begin(), result.columns.end(), column);
  REQUIRE(at != result.columns.end());
  const auto index = static_cast<size_t>(at - result.columns.begin());
  size_t count = 0;
  for (const std::vector<std::string>& row : result.rows) count += row[index] == value ? 1U : 0U;
  return count;
}

}  // namespace

TEST_CASE("SHOW POOLS counts clients and servers by what they do") {
  Scene scene;
  const QueryResult pools = scene.console.Exec("show pools");
  CHECK(pools.columns == Names{"database",
                               "user",
                               "cl_active",
                               "cl_waiting",
                               "cl_active_cancel_req",
                               "cl_waiting_cancel_req",
                               "sv_active",
                               "sv_active_cancel",
                               "sv_being_canceled",
                               "sv_idle",
                               "sv_used",
                               "sv_tested",
                               "sv_login",
                               "maxwait",
                               "maxwait_us",
                               "pool_mode",
                               "load_balance_hosts",
                               "cl_pinned",
                               "max_pinned",
                               "shard",
                               "role"});
  CHECK(pools.command_tag == "SHOW");
  CHECK(pools.rows.size() == 2);
  CHECK(scene.Pool("user") == "app");
  CHECK(scene.Pool("cl_active") == "3");  // linked or idle, as in PgBouncer
  CHECK(scene.Pool("cl_waiting") == "1");
  CHECK(scene.Pool("sv_active") == "2");
  CHECK(scene.Pool("sv_idle") == "0");
  CHECK(scene.Pool("sv_login") == "0");
  CHECK(scene.Pool("pool_mode") == "transaction");
  CHECK(std::stoi(scene.Pool("maxwait_us")) + 1'000'000 * std::stoi(scene.Pool("maxwait")) > 0);
  CHECK(scene.Shown("pools", "database", "other", "cl_active") == "0");
  scene.Finish();
  CHECK(scene.Pool("cl_active") == "4");
  CHECK(scene.Pool("cl_waiting") == "0");
  CHECK(scene.Pool("sv_active") == "0");
  CHECK(scene.Pool("sv_idle") == "2");
  CHECK(scene.Pool("maxwait_us") == "0");
  scene.idle.Close();
  CHECK(Eventually([&] { return scene.Pool("cl_active") == "3"; }));
}

TEST_CASE("SHOW CLIENTS and SHOW SERVERS list who is there, and who has whom") {
  Scene scene;
  const QueryResult clients = scene.console.Exec("show clients");
  Names columns = ConnectionColumns();
  const QueryResult servers = scene.console.Exec("show servers");
  Names server_columns = columns;
  server_columns.emplace_back("shard");
  server_columns.emplace_back("role");
  CHECK(servers.columns == server_columns);
  columns.emplace_back("pin_reason");
  columns.emplace_back("pin_seconds");
  CHECK(clients.columns == columns);
  CHECK(CountOf(clients, "database", "app") == 4);
  CHECK(CountOf(servers, "database", "app") == 2);
  CHECK(CountOf(servers, "state", "active") == 2);
  CHECK(CountOf(servers, "type", "S") == 2);

  CHECK(Cell(clients, "application_name", "first", "state") == "active");
  CHECK(Cell(clients, "application_name", "waiting", "state") == "waiting");
  CHECK(Cell(clients, "application_name", "idle", "state") == "idle");
  CHECK(Cell(clients, "application_name", "first", "type") == "C");
  CHECK(Cell(clients, "application_name", "first", "addr") == "127.0.0.1");
  CHECK(Cell(clients, "application_name", "first", "local_port") ==
        std::to_string(scene.pooler.port()));
  CHECK(Cell(clients, "application_name", "first", "remote_pid") ==
        std::to_string(scene.first.backend_pid()));
  CHECK(Cell(clients, "application_name", "idle", "link").empty());

  // Each other's handles, and the process that PostgreSQL knows.
  const std::string server = Cell(clients, "application_name", "first", "link");
  CHECK_FALSE(server.empty());
  CHECK(Cell(servers, "ptr", server, "link") == Cell(clients, "application_name", "first", "ptr"));
  CHECK(Cell(servers, "ptr", server, "remote_pid") ==
        scene.first.Exec("select pg_backend_pid()").value());
  CHECK(Cell(servers, "ptr", server, "port") == std::to_string(Postgres().port()));
  CHECK(Cell(servers, "ptr", server, "application_name") == "first");

  scene.Finish();
  CHECK(CountOf(scene.console.Exec("show servers"), "state", "idle") == 2);
  CHECK(CountOf(scene.console.Exec("show clients"), "state", "waiting") == 0);
}

TEST_CASE("SHOW DATABASES, USERS and LISTS count what there is") {
  Scene scene;
  const QueryResult databases = scene.console.Exec("show databases");
  CHECK(databases.columns == Names{"name",
                                   "host",
                                   "port",
                                   "database",
                                   "force_user",
                                   "pool_size",
                                   "min_pool_size",
                                   "reserve_pool_size",
                                   "server_lifetime",
                                   "pool_mode",
                                   "load_balance_hosts",
                                   "max_connections",
                                   "current_connections",
                                   "max_client_connections",
                                   "current_client_connections",
                                   "paused",
                                   "disabled",
                                   "shard",
                                   "role",
                                   "weight",
                                   "banned"});
  CHECK(Cell(databases, "name", "app", "host") == "127.0.0.1");
  CHECK(Cell(databases, "name", "app", "port") == std::to_string(Postgres().port()));
  CHECK(Cell(databases, "name", "app", "database") == "app");
  CHECK(Cell(databases, "name", "app", "pool_size") == "2");
  CHECK(Cell(databases, "name", "app", "current_connections") == "2");
  CHECK(Cell(databases, "name", "app", "current_client_connections") == "4");
  CHECK(Cell(databases, "name", "other", "pool_size") == "7");
  CHECK(Cell(databases, "name", "other", "current_connections") == "0");

  const QueryResult users = scene.console.Exec("show users");
  CHECK(users.columns == Names{"name", "pool_size", "reserve_pool_size", "pool_mode",
                               "max_user_connections", "current_connections",
                               "max_user_client_connections", "current_client_connections"});
  CHECK(Cell(users, "name", "app", "current_connections") == "2");
  CHECK(Cell(users, "name", "app", "current_client_connections") == "4");

  const QueryResult lists = scene.console.Exec("show lists");
  CHECK(lists.columns == Names{"list", "items"});
  CHECK(Cell(lists, "list", "databases", "items") == "2");
  CHECK(Cell(lists, "list", "pools", "items") == "2");
  CHECK(Cell(lists, "list", "users", "items") == "1");
  CHECK(Cell(lists, "list", "used_clients", "items") == "4");
  CHECK(Cell(lists, "list", "used_servers", "items") == "2");
  CHECK(Cell(lists, "list", "login_clients", "items") == "0");
}

TEST_CASE("SHOW STATS counts queries, transactions, bytes, times and logins") {
  Scene scene;
  scene.Finish();
  const auto number = [&](const std::string& column) { return std::stoull(scene.Stat(column)); };
  const QueryResult stats = scene.console.Exec("show stats");
  CHECK(stats.columns.front() == "database");
  CHECK(stats.columns.size() == 29 + 2);
  CHECK(scene.Stat("total_client_login_count") == "4");
  CHECK(number("total_wait_time") > 0);
  const auto xacts = number("total_xact_count");
  const auto queries = number("total_query_count");
  const auto received = number("total_received");
  const auto sent = number("total_sent");
  const auto query_time = number("total_query_time");
  const auto xact_time = number("total_xact_time");
  const auto assignments = number("total_server_assignment_count");
  CHECK(xacts == 3);  // of the scene
  CHECK(queries == 7);

  for (int i = 0; i < 5; ++i) REQUIRE(scene.idle.Exec("select 1").ok());
  REQUIRE(scene.idle.Exec("begin").ok());
  REQUIRE(scene.idle.Exec("select pg_sleep(0.05), repeat('x', 100000)").ok());
  REQUIRE(scene.idle.Exec("commit").ok());
  CHECK(number("total_xact_count") - xacts == 6);
  CHECK(number("total_query_count") - queries == 8);
  CHECK(number("total_server_assignment_count") - assignments == 6);
  CHECK(number("total_received") - received > 8 * 10);
  CHECK(number("total_received") - received < 1'000);
  CHECK(number("total_sent") - sent > 100'000);
  CHECK(number("total_sent") - sent < 110'000);
  CHECK(number("total_query_time") - query_time >= 50'000);
  CHECK(number("total_xact_time") - xact_time >= 50'000);

  REQUIRE(scene.idle.Prepare("one", "select $1::int").ok());
  for (int i = 0; i < 3; ++i) REQUIRE(scene.idle.ExecPrepared("one", {"1"}).ok());
  CHECK(number("total_client_parse_count") == 1);
  CHECK(number("total_server_parse_count") >= 1);
  CHECK(number("total_bind_count") == 3);
  CHECK(scene.Shown("stats_totals", "database", "app", "bind_count") == "3");
  CHECK(scene.Shown("stats", "database", "other", "total_query_count") == "0");
  for (const char* table : {"stats_totals", "stats_averages", "totals"}) {
    CAPTURE(table);
    CHECK(scene.console.Exec(std::string("show ") + table).ok());
  }
}

TEST_CASE("SHOW VERSION, CONFIG and HELP") {
  const AppPooler pooler({.pool_size = 1, .general = "max_client_conn = 123"});
  Connection console = pooler.Admin();
  const std::string version = console.Exec("show version").value();
  CHECK(version.rfind("pglynx ", 0) == 0);
  CHECK(console.Exec("select version()").value() == version);
  CHECK(console.Exec("SHOW VERSION;").value() == version);

  const QueryResult config = console.Exec("show config");
  CHECK(config.columns == Names{"key", "value", "default", "changeable"});
  CHECK(Cell(config, "key", "max_client_conn", "value") == "123");
  CHECK(Cell(config, "key", "max_client_conn", "default") == "1000");
  CHECK(Cell(config, "key", "max_client_conn", "changeable") == "yes");
  CHECK(Cell(config, "key", "port", "value") == std::to_string(pooler.port()));
  CHECK(Cell(config, "key", "port", "changeable") == "no");
  for (const std::vector<std::string>& row : config.rows) {
    for (const std::string& cell : row) CHECK_FALSE(Has(cell, "secret"));
  }
  CHECK(console.Exec("show help").ok());
  REQUIRE(console.notices().size() == 1);
  for (const char* word : {"SHOW", "RELOAD", "SHUTDOWN"}) {
    CHECK(Has(console.notices().front(), word));
  }
  const QueryResult nonsense = console.Exec("drop table students");
  CHECK(nonsense.sqlstate == "42601");
  CHECK(Has(nonsense.error, "SHOW HELP"));
  CHECK(console.Exec("show version").ok());
}

TEST_CASE("the extended protocol shows the same, in text and in binary") {
  const AppPooler pooler({.pool_size = 3});
  Connection client = pooler.Client();
  REQUIRE(client.Exec("select 1").ok());
  Connection console = pooler.Admin();
  const QueryResult simple = console.Exec("show databases");
  const QueryResult extended = console.ExecParams("show databases", {});
  CHECK(extended.columns == simple.columns);
  CHECK(extended.rows == simple.rows);
  REQUIRE(console.Prepare("shown", "show databases").ok());
  CHECK(console.ExecPrepared("shown", {}).rows == simple.rows);

  constexpr int kBinary = 1;
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexecParams(console.raw(), "show databases", 0, nullptr, nullptr, nullptr, nullptr, kBinary),
      &PQclear);
  REQUIRE(PQresultStatus(result.get()) == PGRES_TUPLES_OK);
  const int name = PQfnumber(result.get(), "name");
  const int pool_size = PQfnumber(result.get(), "pool_size");
  CHECK(PQfformat(result.get(), name) == kBinary);
  CHECK(std::string(PQgetvalue(result.get(), 0, name)) == "app");
  CHECK(PQfformat(result.get(), pool_size) == kBinary);
  CHECK(PQftype(result.get(), pool_size) == 23);
  REQUIRE(PQgetlength(result.get(), 0, pool_size) == 4);
  CHECK(std::memcmp(PQgetvalue(result.get(), 0, pool_size), "\0\0\0\3", 4) == 0);

  const std::unique_ptr<PGresult, decltype(&PQclear)> stats(
      PQexecParams(console.raw(), "show stats", 0, nullptr, nullptr, nullptr, nullptr, kBinary),
      &PQclear);
  CAPTURE(PQresultErrorMessage(stats.get()));
  CHECK(PQresultStatus(stats.get()) == PGRES_TUPLES_OK);
  CHECK(console.Exec("show version").ok());
}

TEST_CASE("RELOAD applies what changed, and says what that is") {
  AppPooler pooler({.pool_size = 1});
  Connection holder = pooler.Client();
  Connection waiter = pooler.Client();
  REQUIRE(holder.Exec("begin").ok());
  REQUIRE(holder.Exec("select 1").ok());
  waiter.Send("select 1");
  REQUIRE(pooler.HasWaiting(1));
  pooler.WriteConfig(AppConfig({.pool_size = 2}));
  Connection console = pooler.Admin();
  CHECK(console.Exec("reload").command_tag == "RELOAD");
  REQUIRE_FALSE(console.notices().empty());
  CHECK(Has(console.notices().front(), "pool_size"));
  CHECK(waiter.Receive().ok());  // it has the new server
  CHECK(holder.Exec("commit").ok());
  CHECK(ServerCount() == 2);
  CHECK(pooler.Shown("databases", "name", "app", "pool_size") == "2");

  pooler.WriteConfig(AppConfig({.pool_size = 1}));
  CHECK(console.Exec("reload").ok());
  CHECK(Eventually([] { return ServerCount() == 1; }));
  CHECK(holder.Exec("select 1").ok());
  CHECK(waiter.Exec("select 1").ok());
}

TEST_CASE("RELOAD of a password holds for new logins, and who is here stays") {
  AppPooler pooler({.pool_size = 1, .auth = "scram-sha-256"});
  Connection here = pooler.Client();
  REQUIRE(here.Exec("select 1").ok());
  std::string config = AppConfig({.pool_size = 1, .auth = "scram-sha-256"});
  const std::string old_line = "password = \"secret\"";
  config.replace(config.find(old_line), old_line.size(),
                 "password = \"changed\"\nserver_password = \"secret\"");
  pooler.WriteConfig(config);
  REQUIRE(pooler.Admin().Exec("reload").ok());
  CHECK(here.Exec("select 2").value() == "2");
  CHECK(Has(pooler.Client().error(), "password authentication failed"));
  CHECK(pooler.Connect("app", "app", "changed").Exec("select 3").value() == "3");
}

TEST_CASE("RELOAD of a broken file tells where it is broken, and changes nothing") {
  AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  Connection console = pooler.Admin();
  const auto [more, place] = GENERATE(table<std::string, std::string>(
      {{"[pools.broken\n", ":22:"}, {"[general]\nnonsense = 1\n", ":22:"}, {"x = 1\n", ":22:1:"}}));
  CAPTURE(more);
  pooler.WriteConfig(AppConfig({.pool_size = 9, .more = more}));
  const QueryResult failed = console.Exec("reload");
  CHECK_FALSE(failed.ok());
  CAPTURE(failed.error);
  CHECK(failed.sqlstate == "F0000");
  CHECK(Has(failed.error, pooler.config_path() + ":"));
  CHECK(Has(failed.error, place));
  CHECK(pooler.Shown("databases", "name", "app", "pool_size") == "1");
  CHECK(client.Exec("select 1").value() == "1");
  CHECK(pooler.Client().ok());
  pooler.WriteConfig(AppConfig({.pool_size = 9}));
  CHECK(console.Exec("reload").ok());
  CHECK(pooler.Shown("databases", "name", "app", "pool_size") == "9");
}

TEST_CASE("RELOAD tells all errors of the file at once") {
  AppPooler pooler({.pool_size = 1});
  Connection console = pooler.Admin();
  pooler.WriteConfig(AppConfig({.general = "max_client_conn = 0\nnonsense = 1"}));
  const QueryResult failed = console.Exec("reload");
  CHECK(Has(failed.error, "max_client_conn"));
  CHECK(Has(failed.error, "nonsense"));
  CHECK(Has(failed.error, ":4:"));
  CHECK(Has(failed.error, ":5:"));
}

TEST_CASE("a pool that a reload takes away ends its idle clients; a new one serves at once") {
  const std::string extra = Fill(R"([pools.extra]
database = "app"
servers = [{ host = "127.0.0.1", port = @P@ }]
[[pools.extra.users]]
username = "app"
password = "secret"
)",
                                 {{"@P@", std::to_string(Postgres().port())}});
  AppPooler pooler({.pool_size = 1});
  Connection console = pooler.Admin();
  CHECK_FALSE(pooler.Connect("extra", "app", "secret").ok());
  pooler.WriteConfig(AppConfig({.pool_size = 1, .more = extra}));
  REQUIRE(console.Exec("reload").ok());
  RawClient idle(pooler.port());
  RawClient busy(pooler.port());
  REQUIRE(idle.Login("app", "extra").back().type == 'Z');
  REQUIRE(busy.Login("app", "extra").back().type == 'Z');
  Connection other = pooler.Client();
  busy.Send(RawClient::Query("begin; select 1"));
  busy.ReadUntil('Z');

  pooler.WriteConfig(AppConfig({.pool_size = 1}));
  REQUIRE(console.Exec("reload").ok());
  CHECK(SqlState({idle.Read()}) == "57P01");
  CHECK(idle.ClosedByPeer());
  busy.Send(RawClient::Query("select 2"));  // its transaction may end
  CHECK(Values(busy.ReadUntil('Z')) == Names{"2"});
  busy.Send(RawClient::Query("commit"));
  CHECK(SqlState(busy.ReadUntil('Z')).empty());
  CHECK(SqlState({busy.Read()}) == "57P01");
  CHECK(busy.ClosedByPeer());
  CHECK(other.Exec("select 1").value() == "1");
  CHECK_FALSE(pooler.Connect("extra", "app", "secret").ok());
  CHECK(Eventually([] { return ServerCount() == 1; }));
}

TEST_CASE("the console opens for its password alone; stats_users may look and nothing else") {
  AppPooler pooler({.pool_size = 1, .admin = "stats_users = [\"app\"]"});
  const Connection wrong = pooler.Console("admin", "wrong");
  CHECK_FALSE(wrong.ok());
  CHECK(Has(wrong.error(), "password authentication failed for user \"admin\""));
  CHECK(Has(pooler.Console("stranger", "admin-secret").error(),
            "password authentication failed for user \"stranger\""));
  CHECK_FALSE(pooler.Console("admin", "").ok());
  Connection stats = pooler.Console("app", "secret");
  REQUIRE(stats.ok());
  CHECK(stats.Exec("show pools").ok());
  CHECK(stats.Exec("show clients").ok());
  CHECK(stats.Exec("reload").sqlstate == "42501");
  CHECK(stats.Exec("shutdown").sqlstate == "42501");
  CHECK(stats.ExecParams("reload", {}).sqlstate == "42501");
  CHECK(stats.Exec("show version").ok());
  CHECK(pooler.running());
}

TEST_CASE("the console answers on the client port only where it is told to") {
  const bool on_client_port = GENERATE(false, true);
  CAPTURE(on_client_port);
  const AppPooler pooler(
      {.admin = on_client_port ? "on_client_port = true" : "on_client_port = false"});
  for (const char* name : {"pglynx", "pgbouncer", "pgcat"}) {
    CAPTURE(name);
    CHECK(pooler.Connect(name, "admin", "admin-secret").ok() == on_client_port);
    CHECK_FALSE(pooler.Connect(name, "admin", "wrong").ok());
  }
}

TEST_CASE("SHUTDOWN ends the pooler, now or when its clients are done") {
  AppPooler pooler({.pool_size = 1});
  Connection console = pooler.Admin();
  Connection client = pooler.Client();
  REQUIRE(client.Exec("begin").ok());
  REQUIRE(client.Exec("select 1").ok());

  SECTION("now") {
    console.Exec("shutdown");
    CHECK(pooler.WaitExit() == 0);
    CHECK_FALSE(client.Exec("select 1").ok());
  }
  SECTION("when transactions have ended") {
    Connection idle = pooler.Client();
    CHECK(console.Exec("shutdown wait_for_servers").ok());
    CHECK(idle.Exec("select 1").sqlstate == "57P01");
    CHECK(client.Exec("select 2").value() == "2");
    CHECK(client.Exec("commit").ok());
    CHECK(pooler.WaitExit() == 0);
  }
  SECTION("when clients have left") {
    CHECK(console.Exec("shutdown wait_for_clients").ok());
    CHECK(client.Exec("commit").ok());
    CHECK(client.Exec("select 2").value() == "2");
    CHECK(pooler.running());
    client.Close();
    CHECK(pooler.WaitExit() == 0);
  }
}
