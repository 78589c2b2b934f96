// Goal: the end-to-end harness itself works, so that a failure elsewhere is the pooler's.
// Method: its parts against a real PostgreSQL, without the pooler.
#include <functional>
#include <stdexcept>

#include "support/catch.h"
#include "support/e2e/postgres_cluster.h"
#include "support/e2e/raw_client.h"

using pglynx::e2e::ChildProcess;
using pglynx::e2e::Connection;
using pglynx::e2e::PostgresCluster;
using pglynx::e2e::QueryResult;
using pglynx::e2e::RawClient;
using pglynx::e2e::Rows;
using pglynx::e2e::TempDirectory;

namespace {

// What the harness says when it gives up; Catch2's own matchers differ between v2 and v3.
std::string Message(const std::function<void()>& failing) {
  try {
    failing();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("PostgresCluster serves, reports errors and survives a restart") {
  PostgresCluster postgres;
  postgres.Exec("create role app login password 'secret'");

  Connection client = postgres.Connect("postgres", "app", "secret");
  REQUIRE(client.ok());
  CHECK(client.Exec("select 1, null").rows == Rows{{"1", "(null)"}});
  CHECK(client.ExecParams("select $1::int + 1", {"41"}).value() == "42");
  CHECK(client.Prepare("add", "select $1::int + $2::int").ok());
  CHECK(client.ExecPrepared("add", {"2", "3"}).value() == "5");
  CHECK(client.Exec("select nothing").sqlstate == "42703");
  CHECK(client.Exec("do $$ begin raise notice 'heard'; end $$").ok());
  REQUIRE(client.notices().size() == 1);
  CHECK(client.notices().front() == "NOTICE:  heard\n");

  Connection stranger = postgres.Connect("postgres", "app", "wrong");
  CHECK_FALSE(stranger.ok());
  CHECK(stranger.error().find("password authentication failed") != std::string::npos);

  postgres.Restart();
  CHECK(client.Exec("select 1").sqlstate == "57P01");
  CHECK(postgres.Exec("select 1").value() == "1");
}

TEST_CASE("Connection sends and receives apart, and cancels") {
  const PostgresCluster postgres;
  Connection client = postgres.Superuser();
  client.Send("do $$ begin raise notice 'running'; perform pg_sleep(60); end $$");
  // A cancel that overtakes its query cancels nothing.
  REQUIRE(client.WaitForNotices(1));
  CHECK_FALSE(client.Answered(std::chrono::milliseconds(0)));
  CHECK(client.Cancel());
  CHECK(client.Receive().sqlstate == "57014");
}

TEST_CASE("RawClient logs in by trust and reads messages") {
  const PostgresCluster postgres({.max_connections = 20,
                                  .settings = {"application_name=raw"},
                                  .hba = {"host all postgres 127.0.0.1/32 trust"}});
  RawClient client(postgres.port());
  CHECK(client.Login("postgres", "postgres").back().type == 'Z');
  client.Send(RawClient::Query("select 1"));
  CHECK(client.ReadUntil('Z').back().body == "I");
  CHECK_FALSE(client.Readable(std::chrono::milliseconds(0)));
  client.Send(RawClient::Frame('X', ""));
  CHECK(client.ClosedByPeer());
}

TEST_CASE("ChildProcess tells the exit status, the signal and a missing log line") {
  const TempDirectory directory;
  const std::string log = directory.path() + "/log";
  const auto run = [&](const std::string& script) {
    return ChildProcess({.argv = {"/bin/sh", "-c", script},
                         .log_path = log,
                         .environment = {"WORD=spoken"},
                         .as_postgres_user = false,
                         .death_signal = SIGKILL});
  };
  CHECK(run("exit 7").WaitExit() == 7);
  CHECK(run("kill -TERM $$").WaitExit() == -SIGTERM);
  const std::string missing = Message([&] { run("echo $WORD").WaitForLog("unspoken"); });
  CHECK(missing.find("ended before \"unspoken\"; its log:\nspoken") != std::string::npos);
  const auto at_once = std::chrono::milliseconds(1);
  const std::string late = Message([&] { run("exec sleep 60").WaitExit(at_once); });
  CHECK(late.find("did not end in time") != std::string::npos);
}
