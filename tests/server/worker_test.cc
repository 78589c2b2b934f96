// Goal: the worker joins configuration, pools and console as the file says, before a single
// client comes. Clients, signals and reloads are tested end to end.
#include "pglynx/server/worker.h"

#include "pglynx/config/load.h"
#include "pglynx/server/pools.h"
#include "pglynx/session/session_table.h"
#include "pglynx/session/session_world.h"
#include "support/catch.h"

using namespace std::string_view_literals;
using pglynx::server::Worker;

namespace {

constexpr std::string_view kFile = R"(
[general]
host = "127.0.0.1"
port = 6432
[admin]
password = "console"
stats_users = ["reader"]
[pools.app]
database = "app"
servers = [{ host = "127.0.0.1", port = 1 }]
[[pools.app.users]]
username = "writer"
password = "one"
pool_size = 3
[[pools.app.users]]
username = "reader"
password = "two"
pool_mode = "session"
)";

pglynx::config::Config MakeConfig() {
  pglynx::config::LoadResult loaded =
      pglynx::config::LoadConfigText(kFile, "test.toml", pglynx::config::ProcessEnvironment());
  REQUIRE(loaded.has_value());
  loaded->general.port = 0;  // the system chooses
  loaded->admin.port = 0;
  return std::move(*loaded);
}

}  // namespace

TEST_CASE("every pool of the file is shown before its first client") {
  pglynx::StderrLog log(pglynx::LogLevel::kError, pglynx::LogFormat::kText);
  Worker worker(log, "missing.toml", MakeConfig());
  const pglynx::pool::Snapshot snapshot = worker.TakeSnapshot(pglynx::admin::WhatToInclude::kPools);
  REQUIRE(snapshot.pools.size() == 2);
  CHECK(snapshot.pools[0].user == "reader");
  CHECK(snapshot.pools[0].pool_mode == "session"sv);
  CHECK(snapshot.pools[1].user == "writer");
  CHECK(snapshot.pools[1].pool_size == 3);
  CHECK(snapshot.pools[1].server_database == "app");
}

TEST_CASE("the console knows its admin and those who may look, nobody else") {
  pglynx::StderrLog log(pglynx::LogLevel::kError, pglynx::LogFormat::kText);
  Worker worker(log, "missing.toml", MakeConfig());
  REQUIRE(worker.FindConsoleUser("admin").has_value());
  CHECK(worker.FindConsoleUser("admin")->rights == pglynx::admin::Rights::kAdmin);
  CHECK(worker.FindConsoleUser("admin")->credential->verifier() != nullptr);
  REQUIRE(worker.FindConsoleUser("reader").has_value());
  CHECK(worker.FindConsoleUser("reader")->rights == pglynx::admin::Rights::kStats);
  CHECK_FALSE(worker.FindConsoleUser("writer").has_value());
}

TEST_CASE("a reload without a file fails and leaves everything as it was") {
  pglynx::StderrLog log(pglynx::LogLevel::kError, pglynx::LogFormat::kText);
  Worker worker(log, "missing.toml", MakeConfig());
  const auto reloaded = worker.Reload();
  REQUIRE_FALSE(reloaded.has_value());
  CHECK(reloaded.error().code == pglynx::ErrorCode::kConfigFile);
  CHECK(worker.TakeSnapshot(pglynx::admin::WhatToInclude::kPools).pools.size() == 2);
}

TEST_CASE("an address that cannot be bound is named") {
  pglynx::StderrLog log(pglynx::LogLevel::kError, pglynx::LogFormat::kText);
  pglynx::config::Config config = MakeConfig();
  config.general.hosts = {"192.0.2.1"};  // TEST-NET-1: on no machine
  Worker worker(log, "missing.toml", std::move(config));
  const pglynx::Status listening = worker.Listen();
  REQUIRE_FALSE(listening.has_value());
  CHECK(listening.error().detail.find("192.0.2.1:0") != std::string::npos);
}
