// Servers that fail behind a pool of several: how they are banned, tried and taken back, and that
// clients notice only what nobody could spare them. How pools choose is in cluster_test.cc.

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "sim/simulation.h"
#include "sim/topology.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using balancer::Role;
using balancer::WantedRole;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kBanTime = seconds(5);

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

// Shards of these servers each.
config::Config Spread(const std::vector<std::vector<Role>>& shards, WantedRole wanted) {
  config::Config config = MakeConfig(OnePool{.pool_size = 3});
  config::Pool& pool = config.pools[0];
  pool.default_role = wanted;
  pool.ban_time = kBanTime;
  pool.ban_time_max = seconds(60);
  pool.shards.clear();
  size_t number = 0;
  for (const std::vector<Role>& roles : shards) {
    config::Shard& shard =
        pool.shards.emplace_back(config::Shard{.database = "app", .servers = {}});
    for (const Role role : roles) {
      const net::Address address = ServerAddress(number++);
      shard.servers.push_back({.host = address.host, .port = address.port, .role = role});
    }
  }
  return config;
}

Simulation Start(config::Config config) {
  size_t servers = 0;
  for (const config::Shard& shard : config.pools[0].shards) servers += shard.servers.size();
  return Simulation(1, std::move(config), servers, PostgresUser::Method::kTrust);
}

const std::vector<Role> kPrimaryAndTwo = {Role::kPrimary, Role::kReplica, Role::kReplica};
const std::vector<Role> kTwoPeers = {Role::kPeer, Role::kPeer};

void SetReach(Simulation& sim, size_t server, Reach reach) {
  sim.network().SetReach(sim.server(server).address(), reach);
}

// Logged in, on whichever server.
std::vector<FakeClient*> Clients(Simulation& sim, size_t count, const ClientOptions& options = {}) {
  std::vector<FakeClient*> clients;
  for (size_t i = 0; i < count; ++i) clients.push_back(&sim.NewClient(options));
  REQUIRE(sim.Settle());
  return clients;
}

void AllAsk(Simulation& sim, const std::vector<FakeClient*>& clients) {
  for (FakeClient* client : clients) client->Query({Begin(), Sleep(milliseconds(10)), Commit()});
  REQUIRE(sim.Settle());
}

size_t Idle(const std::vector<FakeClient*>& clients) {
  return static_cast<size_t>(std::count_if(clients.begin(), clients.end(),
                                           [](const auto* client) { return client->idle(); }));
}

uint64_t Errors(const std::vector<FakeClient*>& clients) {
  uint64_t errors = 0;
  for (const FakeClient* client : clients) errors += client->errors_seen();
  return errors;
}

}  // namespace

TEST_CASE("a connect that is refused bans its server, and its clients go elsewhere unawares") {
  Simulation sim = Start(Spread({kPrimaryAndTwo}, WantedRole::kReplica));
  SetReach(sim, 1, Reach::kRefuses);
  const std::vector<FakeClient*> clients = Clients(sim, 4);
  for (int i = 0; i < 5; ++i) AllAsk(sim, clients);
  CHECK(Errors(clients) == 0);
  CHECK(sim.pooler().HasBans());
  CHECK(sim.server(1).logins() == 0);
  // It is well again, and left alone until its ban is over.
  SetReach(sim, 1, Reach::kOpen);
  sim.RunFor(seconds(1));
  for (int i = 0; i < 5; ++i) AllAsk(sim, clients);
  CHECK(sim.server(1).logins() == 0);
  sim.RunFor(kBanTime);
  for (int i = 0; i < 5; ++i) AllAsk(sim, clients);
  CHECK(sim.server(1).logins() > 0);
  CHECK_FALSE(sim.pooler().HasBans());
  CHECK(Errors(clients) == 0);
  RequireClean(sim);
}

TEST_CASE("a ban that has run out is tried by one login, not by all who wait") {
  Simulation sim = Start(Spread({kTwoPeers}, WantedRole::kAny));
  SetReach(sim, 1, Reach::kRefuses);
  const std::vector<FakeClient*> clients = Clients(sim, 12);
  AllAsk(sim, clients);
  SetReach(sim, 1, Reach::kOpen);
  sim.server(1).faults.late_login = 1;
  sim.server(1).faults.late_max = seconds(1);
  sim.RunFor(kBanTime + seconds(1));
  REQUIRE(sim.server(1).logins() == 0);
  AllAsk(sim, clients);  // three at a time on the other one, while the probe is under way
  CHECK(sim.server(1).logins() == 1);
  sim.RunFor(seconds(2));
  for (int i = 0; i < 3; ++i) AllAsk(sim, clients);
  CHECK(sim.server(1).logins() > 1);
  CHECK(Errors(clients) == 0);
  RequireClean(sim);
}

TEST_CASE("a failed probe makes the ban twice as long") {
  Simulation sim = Start(Spread({kTwoPeers}, WantedRole::kAny));
  SetReach(sim, 1, Reach::kRefuses);
  const std::vector<FakeClient*> clients = Clients(sim, 2);
  AllAsk(sim, clients);
  sim.RunFor(kBanTime + milliseconds(100));
  AllAsk(sim, clients);  // the probe
  SetReach(sim, 1, Reach::kOpen);
  sim.RunFor(kBanTime + seconds(1));
  AllAsk(sim, clients);
  CHECK(sim.server(1).logins() == 0);
  sim.RunFor(kBanTime);
  for (int i = 0; i < 3; ++i) AllAsk(sim, clients);
  CHECK(sim.server(1).logins() > 0);
  CHECK(Errors(clients) == 0);
  RequireClean(sim);
}

TEST_CASE("when all are banned each cause is named, and the first that is back serves") {
  Simulation sim = Start(Spread({kTwoPeers}, WantedRole::kAny));
  const std::vector<FakeClient*> clients = Clients(sim, 1, {.tolerated = {"08001"}});
  for (size_t i = 0; i < 2; ++i) {
    SetReach(sim, i, Reach::kRefuses);
    sim.server(i).KillSessions();
  }
  sim.RunFor(milliseconds(100));
  const TimePoint asked = sim.Now();
  AllAsk(sim, clients);
  CHECK(sim.Now() - asked < seconds(2));
  const std::string text = clients[0]->last_error_text();
  CHECK(clients[0]->last_error() == "08001");
  for (size_t i = 0; i < 2; ++i) {
    INFO(text);
    CHECK(text.find(sim.server(i).address().ToString() + ": Connection refused") !=
          std::string::npos);
  }
  // Their bans are lifted for a try each, long before they are over.
  SetReach(sim, 1, Reach::kOpen);
  sim.RunFor(seconds(2));
  const uint64_t errors = Errors(clients);
  AllAsk(sim, clients);
  CHECK(Errors(clients) == errors);
  RequireClean(sim);
}

TEST_CASE("the primary stands in for banned replicas where it may") {
  const bool may = GENERATE(true, false);
  config::Config config = Spread({kPrimaryAndTwo}, WantedRole::kReplica);
  config.pools[0].primary_reads_enabled = may;
  Simulation sim = Start(std::move(config));
  const std::vector<FakeClient*> clients = Clients(sim, 2, {.tolerated = {"08001"}});
  for (size_t i = 1; i < 3; ++i) {
    SetReach(sim, i, Reach::kRefuses);
    sim.server(i).KillSessions();
  }
  sim.RunFor(milliseconds(100));
  for (int i = 0; i < 3; ++i) AllAsk(sim, clients);
  CHECK((Errors(clients) == 0) == may);
  RequireClean(sim);
}

TEST_CASE("a server that answers no connect costs nobody an error while another is there") {
  Simulation sim = Start(Spread({kTwoPeers}, WantedRole::kAny));
  SetReach(sim, 1, Reach::kSilent);
  const std::vector<FakeClient*> clients = Clients(sim, 6);
  for (int i = 0; i < 10; ++i) {
    const TimePoint asked = sim.Now();
    AllAsk(sim, clients);
    CHECK(sim.Now() - asked < seconds(1));  // nobody waits for it
  }
  sim.RunFor(seconds(3));
  CHECK(sim.pooler().HasBans());
  CHECK(Errors(clients) == 0);
  RequireClean(sim);
}

TEST_CASE("one shard is down: the others are undisturbed, and random_healthy goes round it") {
  config::Config config = Spread({{Role::kPeer}, {Role::kPeer}, {Role::kPeer}}, WantedRole::kAny);
  config.pools[0].default_shard.kind = config::DefaultShard::Kind::kRandomHealthy;
  config.pools[0].shard_scope = config::ShardScope::kSession;
  const PoolMap map = MapOf(config.pools[0], 3, true);
  Simulation sim = Start(std::move(config));
  std::vector<FakeClient*> clients = Clients(sim, 3, {.map = &map});
  FakeClient& lost = *Clients(sim, 1, {.tolerated = {"08001"}, .map = &map})[0];
  FakeClient& anywhere = *Clients(sim, 1, {.map = &map})[0];
  clients[0]->Query({SetShard("0")});
  clients[1]->Query({SetShard("2")});
  clients[2]->Query({SetShard("0")});
  lost.Query({SetShard("1")});
  REQUIRE(sim.Settle());
  AllAsk(sim, clients);
  AllAsk(sim, {&lost});
  SetReach(sim, 1, Reach::kRefuses);
  sim.server(1).KillSessions();
  sim.RunFor(milliseconds(100));
  AllAsk(sim, {&lost});
  CHECK(lost.last_error() == "08001");
  CHECK(lost.last_error_text().find("no server of shard 1") != std::string::npos);
  for (int i = 0; i < 10; ++i) {
    anywhere.Query({Notify("c")});  // needs a shard
    AllAsk(sim, clients);
  }
  CHECK(anywhere.errors_seen() == 0);
  CHECK(Errors(clients) == 0);
  RequireClean(sim);
}

TEST_CASE("who waits gets the connections of a server whose ban has ended") {
  Simulation sim = Start(Spread({kTwoPeers}, WantedRole::kAny));
  const std::vector<FakeClient*> clients = Clients(sim, 6);
  AllAsk(sim, clients);  // three connections to each
  sim.pooler().Ban(sim.server(1).address(), seconds(2));
  for (FakeClient* client : clients) client->Query({Begin(), Sleep(milliseconds(10))});
  sim.RunFor(seconds(1));
  CHECK(Idle(clients) == 3);  // their transactions are open, the others wait
  sim.RunFor(milliseconds(1500));
  CHECK(Idle(clients) == 6);
  for (FakeClient* client : clients) client->Query({Commit()});
  REQUIRE(sim.Settle());
  CHECK(Errors(clients) == 0);
  RequireClean(sim);
}

TEST_CASE("a reload in the middle of a probe does not ban its server for ever") {
  Simulation sim = Start(Spread({kTwoPeers}, WantedRole::kAny));
  SetReach(sim, 1, Reach::kRefuses);
  const std::vector<FakeClient*> clients = Clients(sim, 2);
  AllAsk(sim, clients);
  SetReach(sim, 1, Reach::kSilent);
  sim.RunFor(kBanTime + milliseconds(100));
  AllAsk(sim, clients);  // the probe has no answer
  sim.pooler().Reload(sim.pooler().config());
  SetReach(sim, 1, Reach::kOpen);
  sim.RunFor(seconds(3));
  for (int i = 0; i < 5; ++i) AllAsk(sim, clients);
  CHECK_FALSE(sim.pooler().HasBans());
  CHECK(sim.server(1).logins() > 0);
  RequireClean(sim);
}

TEST_CASE("a probe keeps to max_user_connections") {
  config::Config config = Spread({{Role::kPeer, Role::kPeer, Role::kPeer}}, WantedRole::kAny);
  config.general.max_user_connections = 2;
  Simulation sim = Start(std::move(config));
  SetReach(sim, 0, Reach::kRefuses);
  const std::vector<FakeClient*> clients = Clients(sim, 4);
  for (int i = 0; i < 5; ++i) AllAsk(sim, clients);
  REQUIRE(sim.pooler().HasBans());
  SetReach(sim, 0, Reach::kOpen);
  sim.RunFor(kBanTime);
  // The simulation counts connections. Only when nobody waits is there one for the probe.
  for (int i = 0; i < 5; ++i) AllAsk(sim, clients);
  for (int i = 0; i < 5; ++i) AllAsk(sim, {clients[0]});
  CHECK_FALSE(sim.pooler().HasBans());
  RequireClean(sim);
}

}  // namespace pglynx::sim
