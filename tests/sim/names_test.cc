// A server that is known by a name, and moves: who is on it stays until its transaction is over,
// everybody else goes where the name points now.

#include <chrono>
#include <string>
#include <vector>

#include "pglynx/server/name_watch.h"
#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kName = "db.example";

// Servers 0 and 2 have addresses in numbers; the name stands for the first.
struct Moving {
  Moving() : sim(1, Config(), 3, PostgresUser::Method::kTrust) {
    PointTo({0});
    watch.Apply(sim.pooler().config());
  }

  static config::Config Config() {
    config::Config config = MakeConfig(OnePool{.pool_size = 4});
    config.pools[0].shards[0].servers[0].host = kName;
    return config;
  }
  void PointTo(const std::vector<size_t>& servers) {
    std::vector<std::string>& addresses = sim.network().names[kName];
    addresses.clear();
    for (const size_t server : servers) addresses.push_back(ServerAddress(server).host);
  }
  void RequireClean() {
    sim.Drain();
    INFO(sim.violations().ToString());
    REQUIRE(sim.violations().empty());
  }
  [[nodiscard]] size_t connections() { return sim.pooler().pool("app", "app").server_count(); }

  Simulation sim;
  server::NameWatch watch{{sim.loop(), sim.network(), sim.log()},
                          [this](const std::string& name, std::span<const std::string> addresses) {
                            sim.pooler().pools().OnAddresses(name, addresses);
                          }};
};

}  // namespace

TEST_CASE("connections to a server that moved are closed when they are free") {
  Moving world;
  Simulation& sim = world.sim;
  FakeClient& anna = sim.NewClient();
  FakeClient& bert = sim.NewClient();
  anna.Query({Begin(), Echo()});
  bert.Query({Echo()});
  REQUIRE(sim.Settle());
  const uint64_t logins = sim.server(0).logins();
  REQUIRE(world.connections() == 2);
  world.PointTo({2});
  sim.RunFor(seconds(31));
  CHECK(world.connections() == 1);  // that of the transaction
  bert.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server(2).logins() == 1);
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server(0).logins() == logins);
  anna.Query({Commit()});
  REQUIRE(sim.Settle());
  CHECK(world.connections() == 1);
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server(0).logins() == logins);
  CHECK(anna.errors_seen() == 0);
  CHECK(bert.errors_seen() == 0);
  world.RequireClean();
}

TEST_CASE("connections stay where a name has further addresses, or none that is known") {
  Moving world;
  Simulation& sim = world.sim;
  FakeClient& anna = sim.NewClient();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  const uint64_t logins = sim.server(0).logins();
  SECTION("further ones") {
    world.PointTo({2, 0});
  }
  SECTION("none") {
    sim.network().names.erase(kName);
  }
  sim.RunFor(seconds(100));
  CHECK(world.connections() == 1);
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server(0).logins() == logins);
  CHECK(sim.server(2).logins() == 0);
  CHECK(anna.errors_seen() == 0);
  world.RequireClean();
}

TEST_CASE("a statement that runs on a server that moved can still be cancelled") {
  Moving world;
  Simulation& sim = world.sim;
  FakeClient& anna = sim.NewClient({.tolerated = {"57014"}});
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  anna.Query({Sleep(seconds(60))});
  sim.RunFor(milliseconds(100));
  world.PointTo({2});
  anna.CancelMine();
  sim.RunFor(seconds(1));
  CHECK(anna.last_error() == "57014");
  world.RequireClean();
}

}  // namespace pglynx::sim
