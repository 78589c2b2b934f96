// Goal: how the program starts, reloads and ends, as an operator and a service manager see it:
// signals, exit statuses, and what it says when it cannot start.
// Method: a pooler for each signal, with an idle client and one in a transaction; runs of the
// program to its end for command lines and files, right and wrong.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using pglynx::e2e::AppConfig;
using pglynx::e2e::AppOptions;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Connection;
using pglynx::e2e::Eventually;
using pglynx::e2e::Field;
using pglynx::e2e::Fill;
using pglynx::e2e::FreePort;
using pglynx::e2e::PoolerRun;
using pglynx::e2e::Postgres;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::RunPooler;
using pglynx::e2e::ServerCount;
using pglynx::e2e::Superuser;
using pglynx::e2e::TempDirectory;
using pglynx::e2e::WriteFile;

namespace {

constexpr std::chrono::milliseconds kAtOnce{3'000};  // far below shutdown_timeout
constexpr int kConfigStatus = 78;                    // EX_CONFIG of sysexits.h

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t LinesWith(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (Has(text.substr(at, end - at), part)) ++count;
    at = end + 1;
  }
  return count;
}

// The reply to one statement: its last message.
RawMessage Run(RawClient& client, const std::string& sql) {
  client.Send(RawClient::Query(sql));
  return client.ReadUntil('Z').back();
}

void CheckFatal57P01(RawClient& client) {
  const RawMessage error = client.Read();
  CHECK(error.type == 'E');
  CHECK(Field(error, 'S') == "FATAL");
  CHECK(Field(error, 'C') == "57P01");
  CHECK(client.ClosedByPeer(kAtOnce));
}

bool ListensAt(uint16_t port) {
  try {
    const RawClient client(port);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

// A configuration file for runs to the end.
class File {
 public:
  explicit File(const std::string& text) : path_(directory_.path() + "/pglynx.toml") {
    WriteFile(path_, Fill(text, {{"@PORT@", std::to_string(FreePort())},
                                 {"@ADMIN_PORT@", std::to_string(FreePort())}}));
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const TempDirectory directory_;
  const std::string path_;
};

std::string ValidConfig() {
  return AppConfig(AppOptions{});
}

// Three mistakes, in three tables.
std::string WrongConfig() {
  return AppConfig({.general = "connect_timeuot = \"5s\"\nmax_client_conn = 0",
                    .pool = "pool_mode_of_all = \"session\""});
}

}  // namespace

TEST_CASE("SIGHUP reloads the file, and who is connected stays so") {
  AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  const std::string pid = client.Exec("select pg_backend_pid()").value();
  REQUIRE(pooler.Shown("databases", "name", "app", "pool_size") == "1");
  pooler.WriteConfig(AppConfig({.pool_size = 3}));
  pooler.Signal(SIGHUP);
  pooler.WaitForLog("configuration reloaded");
  CHECK(pooler.Shown("databases", "name", "app", "pool_size") == "3");
  CHECK(client.Exec("select pg_backend_pid()").value() == pid);
}

TEST_CASE("SIGHUP with a broken file logs every error and changes nothing") {
  AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  pooler.WriteConfig(WrongConfig());
  pooler.Signal(SIGHUP);
  pooler.WaitForLog("pool_mode_of_all");
  CHECK(Has(pooler.log(), "reload failed"));
  CHECK(Has(pooler.log(), "connect_timeuot"));
  CHECK(Has(pooler.log(), "max_client_conn"));
  CHECK(client.Exec("select 1").value() == "1");
  CHECK(pooler.Client().Exec("select 1").value() == "1");
  const size_t seen = pooler.log().size();
  pooler.WriteConfig(ValidConfig());
  pooler.Signal(SIGHUP);
  pooler.WaitForLog("configuration reloaded", seen);
}

TEST_CASE("SIGTERM and SIGINT end idle clients, let transactions finish, and exit with 0") {
  const int signal = GENERATE(SIGTERM, SIGINT);
  CAPTURE(signal);
  AppPooler pooler({.pool_size = 2});
  Superuser().Exec("create table if not exists committed (i int)");
  Superuser().Exec("alter table committed owner to app; truncate committed");
  RawClient idle = pooler.Raw();
  RawClient busy = pooler.Raw();
  REQUIRE(Run(busy, "begin").body == "T");
  pooler.Signal(signal);
  CheckFatal57P01(idle);
  CHECK(Eventually([&] { return !ListensAt(pooler.port()); }, kAtOnce));
  CHECK(Run(busy, "insert into committed values (1)").body == "T");
  CHECK(pooler.running());
  CHECK(Run(busy, "commit").body == "I");
  CheckFatal57P01(busy);
  CHECK(pooler.WaitExit(kAtOnce) == 0);
  CHECK(Superuser().Exec("select count(*) from committed").value() == "1");
  CHECK(Eventually([] { return ServerCount() == 0; }));
}

TEST_CASE("at SIGTERM a statement that runs is answered first") {
  AppPooler pooler({.pool_size = 1});
  RawClient busy = pooler.Raw();
  busy.Send(RawClient::Query("do $$ begin raise notice 'running'; perform pg_sleep(0.3); end $$"));
  REQUIRE(busy.Read().type == 'N');
  pooler.Signal(SIGTERM);
  CHECK(busy.ReadUntil('Z').back().body == "I");
  CheckFatal57P01(busy);
  CHECK(pooler.WaitExit(kAtOnce) == 0);
}

TEST_CASE("at SIGTERM a client that waits for a server is answered or ended, and nobody hangs") {
  AppPooler pooler({.pool_size = 1});
  RawClient holder = pooler.Raw();
  RawClient waiter = pooler.Raw();
  REQUIRE(Run(holder, "begin").body == "T");
  waiter.Send(RawClient::Query("select 1"));
  REQUIRE(pooler.HasWaiting(1));
  pooler.Signal(SIGTERM);
  pooler.WaitForLog("stopping");
  CHECK(Run(holder, "commit").body == "I");
  CHECK(waiter.ClosedByPeer(kAtOnce));
  CHECK(pooler.WaitExit(kAtOnce) == 0);
}

TEST_CASE("SIGTERM without clients exits at once") {
  AppPooler pooler({.pool_size = 1});
  CHECK(pooler.Client().Exec("select 1").ok());
  const Connection console = pooler.Admin();
  pooler.Signal(SIGTERM);
  CHECK(pooler.WaitExit(kAtOnce) == 0);
}

TEST_CASE("a second SIGTERM or SIGINT ends transactions at once") {
  const int second = GENERATE(SIGTERM, SIGINT);
  CAPTURE(second);
  AppPooler pooler({.pool_size = 1});
  RawClient busy = pooler.Raw();
  REQUIRE(Run(busy, "begin").body == "T");
  pooler.Signal(SIGTERM);
  pooler.WaitForLog("stopping");
  pooler.Signal(second);
  CheckFatal57P01(busy);
  CHECK(pooler.WaitExit(kAtOnce) == 0);
  CHECK(Eventually([] { return ServerCount() == 0; }));
}

TEST_CASE("shutdown_timeout ends what outlasts it") {
  AppPooler pooler({.pool_size = 1, .general = "shutdown_timeout = \"300ms\""});
  RawClient busy = pooler.Raw();
  REQUIRE(Run(busy, "begin").body == "T");
  const auto start = std::chrono::steady_clock::now();
  pooler.Signal(SIGTERM);
  CheckFatal57P01(busy);
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(250));
  CHECK(pooler.WaitExit(kAtOnce) == 0);
  CHECK(Has(pooler.log(), "shutdown_timeout"));
  CHECK(Eventually([] { return ServerCount() == 0; }));
}

TEST_CASE(
    "what runs at the end of shutdown_timeout is cancelled, and does not outlive the pooler") {
  AppPooler pooler({.pool_size = 1, .general = "shutdown_timeout = \"300ms\""});
  RawClient busy = pooler.Raw();
  busy.Send(RawClient::Query("do $$ begin raise notice 'running'; perform pg_sleep(600); end $$"));
  busy.ReadUntil('N');
  pooler.Signal(SIGTERM);
  CheckFatal57P01(busy);
  CHECK(pooler.WaitExit(kAtOnce) == 0);
  CHECK(Eventually([] { return ServerCount() == 0; }));
}

TEST_CASE("SIGQUIT waits for nobody") {
  AppPooler pooler({.pool_size = 2});
  RawClient idle = pooler.Raw();
  RawClient busy = pooler.Raw();
  REQUIRE(Run(busy, "begin").body == "T");
  pooler.Signal(SIGQUIT);
  CHECK(pooler.WaitExit(kAtOnce) == 0);
  CHECK(idle.ClosedByPeer(kAtOnce));
  CHECK(busy.ClosedByPeer(kAtOnce));
  CHECK(Eventually([] { return ServerCount() == 0; }));
}

// It comes when the reader of the log goes away: a pipe to a program that ended.
TEST_CASE("SIGPIPE does not harm") {
  AppPooler pooler({.pool_size = 1});
  pooler.Signal(SIGPIPE);
  Connection client = pooler.Client();
  CHECK(client.error().empty());
  CHECK(client.Exec("select 1").value() == "1");
  CHECK(pooler.running());
}

TEST_CASE("a port in use is one clear line") {
  const std::string port = std::to_string(Postgres().port());
  SECTION("of the clients") {
    const File file(Fill(ValidConfig(), {{"@PORT@", port}}));
    const PoolerRun run = RunPooler({file.path()});
    CAPTURE(run.output);
    CHECK(run.exit_status > 0);
    CHECK(LinesWith(run.output, "") == 1);
    CHECK(Has(run.output, "127.0.0.1:" + port));
    CHECK(Has(run.output, "in use"));
  }
  SECTION("of the console") {
    const File file(Fill(ValidConfig(), {{"@ADMIN_PORT@", port}}));
    const PoolerRun run = RunPooler({file.path()});
    CAPTURE(run.output);
    CHECK(run.exit_status > 0);
    CHECK(LinesWith(run.output, "in use") == 1);
    CHECK(Has(run.output, "127.0.0.1:" + port));
  }
}

TEST_CASE("a wrong file exits with 78 and lists every error with its place") {
  const bool check = GENERATE(false, true);
  const File file(WrongConfig());
  const PoolerRun run =
      check ? RunPooler({"--check", file.path()}) : RunPooler({"--config", file.path()});
  CAPTURE(run.output);
  CHECK(run.exit_status == kConfigStatus);
  for (const char* key : {"connect_timeuot", "max_client_conn", "pool_mode_of_all"}) {
    CAPTURE(key);
    CHECK(LinesWith(run.output, "key '" + std::string(key) + "'") == 1);
  }
  CHECK(LinesWith(run.output, file.path() + ":") == 3);
  CHECK(Has(run.output, "connect_timeout"));  // did you mean
  CHECK_FALSE(Has(run.output, "secret"));
}

TEST_CASE("a file that is missing, or no TOML, exits with 78") {
  const TempDirectory directory;
  const std::string missing = directory.path() + "/missing.toml";
  const File broken("[general\nport = 6432\n");
  for (const std::string& path : {missing, broken.path(), directory.path()}) {
    for (const char* how : {"--config", "--check"}) {
      const PoolerRun run = RunPooler({how, path});
      CAPTURE(how, run.output);
      CHECK(run.exit_status == kConfigStatus);
      CHECK(Has(run.output, path));
    }
  }
}

TEST_CASE("--check says whether a file is valid, and starts nothing") {
  const File file(Fill(ValidConfig(), {{"@PORT@", std::to_string(Postgres().port())}}));
  const std::vector<std::vector<std::string>> lines = {
      {"--check", file.path()},
      {"--check", "--config", file.path()},
      {"--config", file.path(), "--check"},
      {"-c", file.path(), "--check"},
  };
  for (const std::vector<std::string>& line : lines) {
    const PoolerRun run = RunPooler(line);
    CAPTURE(run.output);
    CHECK(run.exit_status == 0);
    CHECK(Has(run.output, file.path() + " is valid"));
  }
}

TEST_CASE("--version and --help answer and exit with 0") {
  for (const char* option : {"--version", "-V"}) {
    const PoolerRun run = RunPooler({option});
    CHECK(run.exit_status == 0);
    CHECK(run.output.starts_with("pglynx "));
    CHECK(LinesWith(run.output, "") == 1);
  }
  for (const char* option : {"--help", "-h"}) {
    const PoolerRun run = RunPooler({option});
    CHECK(run.exit_status == 0);
    for (const char* part : {"--config", "--check", "--version", "pglynx.toml"}) {
      CAPTURE(part);
      CHECK(Has(run.output, part));
    }
  }
}

TEST_CASE("a wrong command line is one line that points to --help") {
  const File file(ValidConfig());
  const std::vector<std::vector<std::string>> lines = {
      {"--chekc", file.path()},
      {"--config"},
      {file.path(), "another.toml"},
      {"--config", file.path(), "another.toml"},
  };
  for (const std::vector<std::string>& line : lines) {
    const PoolerRun run = RunPooler(line);
    CAPTURE(line.front(), run.output);
    CHECK(run.exit_status > 0);
    CHECK(run.exit_status != kConfigStatus);
    CHECK(LinesWith(run.output, "") == 1);
    CHECK(Has(run.output, "--help"));
  }
}
