// Goal: limits hold over all pools and say which they are; nobody starves behind one; memory
// stays bounded.
// Method: scenarios of many clients on few servers.

#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pglynx/wire/message_writer.h"
#include "sim/raw_client.h"
#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Pools db0, db1 … on one server, each with a user of its name.
config::Config Pools(size_t count, const OnePool& pool) {
  config::Config config = MakeConfig(pool);
  config.pools.clear();
  for (size_t i = 0; i < count; ++i) {
    config.pools.push_back(MakePool(fmt::format("db{}", i), pool, 0));
  }
  config.general.max_client_conn = 10'000;
  return config;
}

ClientOptions Of(size_t pool) {
  const std::string name = fmt::format("db{}", pool);
  return {.user = name, .database = name, .tolerated = {"53300"}};
}

TEST_CASE("fifty pools share ten connections of a server, which never sees more") {
  config::Config config = Pools(50, OnePool{.pool_size = 5, .query_wait_timeout = seconds(20)});
  config.pools[7].shards[0].servers[0].max_connections = 10;  // the server's, whoever says so
  Simulation sim(1, std::move(config), 1, PostgresUser::Method::kTrust);
  for (size_t i = 0; i < 500; ++i) {
    ClientOptions options = Of(i % 50);
    options.tolerated.clear();
    FakeClient& client = sim.NewClient(std::move(options));
    for (int j = 0; j < 5; ++j) client.Query({Begin(), Sleep(milliseconds(5)), Commit()});
  }
  REQUIRE(sim.Settle());
  for (const auto& client : sim.clients()) CHECK(client->statements_done() == 15);
  CHECK(sim.server().sessions_peak() == 10);
  RequireClean(sim);
}

TEST_CASE("a pool whose clients never pause does not keep the budget from another") {
  config::Config config = Pools(2, OnePool{.pool_size = 2, .query_wait_timeout = seconds(2)});
  config.general.max_user_connections = 0;
  for (config::Pool& pool : config.pools) pool.max_db_connections = 0;
  config.pools[0].shards[0].servers[0].max_connections = 2;
  Simulation sim(2, std::move(config), 1, PostgresUser::Method::kTrust);
  std::vector<FakeClient*> busy;
  for (int i = 0; i < 4; ++i) busy.push_back(&sim.NewClient(Of(0)));
  const auto work = [&](int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      for (FakeClient* client : busy) {
        if (client->idle()) client->Query({Sleep(milliseconds(10))});
      }
      sim.RunFor(milliseconds(1));
    }
  };
  work(100);
  FakeClient& other = sim.NewClient(Of(1));
  other.Query({Echo()});
  work(500);
  CHECK(other.statements_done() == 1);
  CHECK(sim.server().sessions_peak() == 2);
  CHECK(other.errors_seen() == 0);
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

TEST_CASE("max_db_connections and max_user_connections are told to those who wait in vain") {
  struct Case {
    uint32_t db;
    uint32_t user;
    std::string text;
  };
  const Case cases[] = {
      {1, 0, "max_db_connections = 1 is reached for database db0 on server 10.0.2.1:5432"},
      {0, 1, "max_user_connections = 1 is reached for server user db0"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    config::Config config = Pools(1, OnePool{.pool_size = 3, .query_wait_timeout = seconds(1)});
    config.pools[0].max_db_connections = c.db;
    config.general.max_user_connections = c.user;
    Simulation sim(3, std::move(config), 1, PostgresUser::Method::kTrust);
    sim.NewClient(Of(0)).Query({Sleep(seconds(5))});
    sim.RunFor(milliseconds(100));
    FakeClient& second = sim.NewClient(Of(0));
    second.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(second.last_error() == "53300");
    CHECK(Has(second.last_error_text(), c.text));
    CHECK(Has(second.last_error_text(), "query_wait_timeout = 1000 ms"));
    CHECK(sim.server().sessions_peak() == 1);
    RequireClean(sim);
  }
}

TEST_CASE("clients of a user, and of a pool, are limited at their login") {
  config::Config config = Pools(2, OnePool{});
  config.pools[0].users[0].max_client_conn = 2;
  config.pools[1].max_client_conn = 1;
  Simulation sim(4, std::move(config), 1, PostgresUser::Method::kTrust);
  const auto login = [&sim](size_t pool) -> FakeClient& {
    ClientOptions options = Of(pool);
    options.may_be_cut_off = true;
    FakeClient& client = sim.NewClient(std::move(options));
    sim.RunFor(milliseconds(200));
    return client;
  };
  FakeClient& first = login(0);
  CHECK(!first.ended());
  CHECK(!login(0).ended());
  FakeClient& third = login(0);
  CHECK(third.fatal() == "53300");
  CHECK(Has(third.last_error_text(), "max_client_conn = 2"));
  CHECK(!login(1).ended());
  FakeClient& fifth = login(1);
  CHECK(fifth.fatal() == "53300");
  CHECK(Has(fifth.last_error_text(), "max_client_conn of the pool = 1"));
  first.Leave();
  sim.RunFor(milliseconds(200));
  CHECK(!login(0).ended());
  RequireClean(sim);
}

TEST_CASE("logins that come together do not exceed a limit") {
  config::Config config = Pools(1, OnePool{});
  config.pools[0].users[0].max_client_conn = 3;
  Simulation sim(5, std::move(config), 1, PostgresUser::Method::kTrust);
  for (int i = 0; i < 20; ++i) {
    ClientOptions options = Of(0);
    options.may_be_cut_off = true;
    options.settings = {{"application_name", fmt::format("a{}", i)}};  // asks the server
    sim.NewClient(std::move(options));
  }
  REQUIRE(sim.Settle());
  CHECK(sim.pooler().sessions().client_count() == 3);
  RequireClean(sim);
}

TEST_CASE("min_pool_size is there before the first client, and again after a restart") {
  config::Config config = Pools(1, OnePool{.pool_size = 5});
  config.pools[0].users[0].min_pool_size = 3;
  Simulation sim(6, std::move(config), 1, PostgresUser::Method::kTrust);
  sim.RunFor(seconds(1));
  CHECK(sim.server().session_count() == 3);
  sim.server().Restart(seconds(3));
  sim.RunFor(seconds(1));
  CHECK(sim.server().session_count() == 0);
  const uint64_t logins = sim.server().logins();
  sim.RunFor(seconds(10));
  CHECK(sim.server().session_count() == 3);
  CHECK(sim.server().logins() - logins <= 8);  // with back-off
  RequireClean(sim);
}

TEST_CASE("a client that waits longer than query_wait_notify is told, and served") {
  config::Config config = Pools(1, OnePool{.pool_size = 1, .query_wait_timeout = seconds(30)});
  config.pools[0].users[0].query_wait_notify = seconds(2);
  config.pools[0].name = "app";
  config.pools[0].users[0].username = "app";
  Simulation sim(7, std::move(config), 1, PostgresUser::Method::kTrust);
  ClientOptions options;
  sim.NewClient(options).Query({Sleep(seconds(5))});
  sim.RunFor(milliseconds(500));
  RawClient waits(sim);
  waits.LogIn();
  sim.RunFor(milliseconds(500));
  waits.Forget();
  std::string query;
  wire::AppendQuery(query, "SELECT 'x'");
  waits.Say(query);
  sim.RunFor(milliseconds(1500));
  CHECK(waits.types().empty());
  sim.RunFor(milliseconds(1000));
  CHECK(waits.types() == "N");
  CHECK(Has(waits.heard(), "waits for a server connection of pool app/app"));
  sim.RunFor(seconds(5));
  CHECK(waits.types() == "NTDCZ");
  waits.Close();
  RequireClean(sim);
}

// Each has said the beginning of a long message, or says more while it waits for a server.
TEST_CASE("clients together hold no more than max_buffered_bytes, and who is over it is told") {
  constexpr uint64_t kMost = 4U << 20U;
  config::Config config = MakeConfig(OnePool{.pool_size = 1, .query_wait_timeout = seconds(60)});
  config.general.max_buffered_bytes = kMost;
  config.general.max_query_bytes = 1U << 20U;
  Simulation sim(8, std::move(config), 1, PostgresUser::Method::kTrust);
  FakeClient& bystander = sim.NewClient();
  bystander.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  std::vector<std::unique_ptr<RawClient>> greedy;
  std::string half("Q\0\x0f\xff\xff", 5);
  half.append(900'000, 'x');
  for (int i = 0; i < 20; ++i) {
    greedy.push_back(std::make_unique<RawClient>(sim));
    greedy.back()->LogIn();
    greedy.back()->Say(half);
  }
  uint64_t peak = 0;
  size_t told = 0;
  for (int i = 0; i < 3000; ++i) {
    sim.RunFor(milliseconds(100));
    peak = std::max<uint64_t>(peak, sim.loop().blocks().taken_bytes());
  }
  for (const auto& client : greedy) told += client->last_sqlstate() == "53200" ? 1U : 0U;
  INFO(told << " told, peak " << peak);
  CHECK(told >= 15);
  CHECK(peak <= kMost);
  bystander.Query({Echo(), Commit()});
  REQUIRE(sim.Settle());
  CHECK(bystander.statements_done() == 4);
  greedy.clear();
  RequireClean(sim);
}

TEST_CASE("what waiting clients send ahead is bounded together too") {
  constexpr uint64_t kMost = 2U << 20U;
  config::Config config = MakeConfig(OnePool{.pool_size = 1, .query_wait_timeout = seconds(5)});
  config.general.max_buffered_bytes = kMost;
  config.general.max_query_bytes = 1U << 20U;
  Simulation sim(9, std::move(config), 1, PostgresUser::Method::kTrust);
  FakeClient& holder = sim.NewClient();
  holder.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  std::vector<std::unique_ptr<RawClient>> crowd;
  std::string ahead;
  for (int i = 0; i < 3000; ++i) wire::AppendQuery(ahead, "SELECT 'x'");
  for (int i = 0; i < 200; ++i) {
    crowd.push_back(std::make_unique<RawClient>(sim));
    crowd.back()->LogIn();
    crowd.back()->Say(ahead);
  }
  for (int i = 0; i < 100; ++i) {
    sim.RunFor(milliseconds(20));
    REQUIRE(sim.loop().blocks().taken_bytes() <= kMost);
  }
  holder.Query({Commit()});
  REQUIRE(sim.Settle());
  CHECK(holder.statements_done() == 3);
  crowd.clear();
  RequireClean(sim);
}

}  // namespace
}  // namespace pglynx::sim
