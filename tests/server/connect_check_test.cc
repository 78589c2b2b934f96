// Goal: every login is made, so many at once and no more, and what is said comes in the order of
// the file. Method: a world without sockets, where the test speaks for each server. What real
// servers answer is for tests/shards/check_connect.py.
#include "pglynx/server/connect_check.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace pglynx::server {
namespace {

using test::FakeBackend;
using test::FakeWire;
using test::Message;
using Lines = std::vector<std::string>;

config::Pool PoolOf(std::string name, size_t shards, size_t users) {
  config::Pool pool;
  pool.name = std::move(name);
  for (size_t shard = 0; shard < shards; ++shard) {
    pool.shards.push_back(
        {.database = "db" + std::to_string(shard), .servers = {{.host = "10.0.0.1"}}});
  }
  for (size_t user = 0; user < users; ++user) {
    pool.users.emplace_back().username = "user" + std::to_string(user);
    pool.users.back().connect_timeout = std::chrono::seconds(5);
  }
  return pool;
}

// Of one column.
std::string Row(std::string_view cell) {
  std::string body("\0\1", 2);
  AppendU32(body, static_cast<uint32_t>(cell.size()));
  return Message('D', body.append(cell));
}

struct World {
  explicit World(config::Config config_in)
      : config(std::move(config_in)), check({loop, connector, random}, config) {
    check.Start([this] { ++done; });
  }
  ~World() { loop.turns.EndTurn(); }
  [[nodiscard]] const Lines& lines() const { return check.report().lines; }
  FakeWire& LogIn(size_t attempt, std::string_view in_recovery = "f") {
    FakeWire& wire = connector.Accept(attempt);
    wire.Receive(FakeBackend::LoginOk());
    wire.Receive(Row(in_recovery) + Message('Z', "I"));
    loop.turns.EndTurn();
    return wire;
  }
  [[nodiscard]] size_t open() const {
    return static_cast<size_t>(
        std::count_if(connector.attempts.begin(), connector.attempts.end(),
                      [](const auto& attempt) { return attempt.listener != nullptr; }));
  }

  test::FakeEventLoop loop;
  test::FakeConnector connector;
  SeededRandom random{1};
  const config::Config config;
  int done = 0;
  ConnectCheck check;
};

config::Config ConfigOf(std::vector<config::Pool> pools) {
  config::Config config;
  config.pools = std::move(pools);
  return config;
}

TEST_CASE("all users log in, so many at once") {
  World world(ConfigOf({PoolOf("app", 1, 20)}));
  CHECK(world.open() == ConnectCheck::kAtOnceMax);
  world.connector.Refuse(15, "refused\n");
  CHECK(world.open() == ConnectCheck::kAtOnceMax);
  for (size_t attempt = 14; attempt > 0; --attempt) world.LogIn(attempt);
  CHECK(world.open() == 5);
  for (const size_t attempt : {19U, 18U, 17U, 16U, 0U}) {
    CHECK(world.done == 0);
    world.LogIn(attempt);
  }
  CHECK(world.done == 1);
  CHECK(world.check.report().findings == 1);
  REQUIRE(world.lines().size() == 20);
  CHECK(world.lines()[0] ==
        "pool app, shard 0, server 10.0.0.1:5432, database \"db0\", user \"user0\": ok");
  CHECK(world.lines()[15] ==
        "pool app, shard 0, server 10.0.0.1:5432, database \"db0\", user \"user15\": failed: "
        "refused?");
  CHECK(world.lines()[19] ==
        "pool app, shard 0, server 10.0.0.1:5432, database \"db0\", user \"user19\": ok");
}

TEST_CASE("who cannot log in is skipped") {
  config::Pool any = PoolOf("*", 1, 1);
  any.shards[0].database.clear();
  config::Pool named = PoolOf("*", 1, 1);
  World world(ConfigOf({any, named}));
  REQUIRE(world.connector.attempts.size() == 1);
  world.LogIn(0);
  CHECK(world.done == 1);
  CHECK(world.check.report().findings == 0);
  CHECK(world.lines() ==
        Lines{"pool *, shard 0, server 10.0.0.1:5432, database \"\", user \"user0\": skipped: the "
              "pool is for any database",
              "pool *, shard 0, server 10.0.0.1:5432, database \"db0\", user \"user0\": ok"});
}

TEST_CASE("nobody to log in as is the end") {
  config::Pool any = PoolOf("*", 1, 1);
  any.shards[0].database.clear();
  World world(ConfigOf({any}));
  CHECK(world.done == 1);
  CHECK(world.check.report().findings == 0);
}

TEST_CASE("a server is asked for its role") {
  for (const auto& [role, in_recovery, finding] :
       std::vector<std::tuple<balancer::Role, std::string, std::string>>{
           {balancer::Role::kPrimary, "f", ""},
           {balancer::Role::kReplica, "t", ""},
           {balancer::Role::kPeer, "t", ""},
           {balancer::Role::kPeer, "f", ""},
           {balancer::Role::kPrimary, "t",
            "pool app, shard 0: server 10.0.0.1:5432 is a primary in the file, but it is in "
            "recovery, as replicas are"},
           {balancer::Role::kReplica, "f",
            "pool app, shard 0: server 10.0.0.1:5432 is a replica in the file, but it is not in "
            "recovery, as replicas are"},
       }) {
    config::Pool pool = PoolOf("app", 1, 2);
    pool.shards[0].servers[0].role = role;
    World world(ConfigOf({pool}));
    world.LogIn(0, in_recovery);
    world.LogIn(1, in_recovery);
    CHECK(world.done == 1);
    CHECK(world.check.report().findings == (finding.empty() ? 0 : 1));
    CHECK(world.lines().size() == (finding.empty() ? 2 : 3));
    CHECK((finding.empty() || world.lines().back() == finding));
  }
}

TEST_CASE("each shard is asked once, as the first that logged in") {
  World world(ConfigOf({PoolOf("app", 3, 2)}));
  REQUIRE(world.connector.attempts.size() == 6);
  world.connector.Refuse(0, "refused");
  for (const size_t login : {1U, 2U, 3U}) world.LogIn(login);
  world.connector.Refuse(4, "refused");
  world.connector.Refuse(5, "refused");
  REQUIRE(world.connector.attempts.size() == 8);
  FakeWire& first = world.connector.Accept(6);
  CHECK(first.TakeSent().find("user1") != std::string::npos);
  first.Receive(FakeBackend::LoginOk());
  first.Receive(Message('Z', "I"));
  first.Receive(Message('Z', "I"));
  FakeWire& second = world.connector.Accept(7);
  CHECK(second.TakeSent().find("user0") != std::string::npos);
  second.Receive(FakeBackend::LoginOk());
  second.Receive(FakeBackend::ErrorMessage("ERROR", "42501", "permission denied"));
  CHECK(world.done == 1);
  CHECK(world.check.report().findings == 4);
  REQUIRE(world.lines().size() == 8);
  CHECK(world.lines()[6] == "pool app: shard 2 is not compared: there was no login");
  CHECK(world.lines()[7] ==
        "pool app, shard 1: server 10.0.0.1:5432: its types: the server says ERROR: permission "
        "denied (SQLSTATE 42501)");
}

}  // namespace
}  // namespace pglynx::server
