// Several servers behind one pool: what clients notice when one of them goes, which is nothing as
// long as their own statement was not under way there.

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/wire/message_writer.h"
#include "sim/raw_client.h"
#include "sim/simulation.h"
#include "sim/topology.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using balancer::Role;
using balancer::WantedRole;
using std::chrono::milliseconds;
using std::chrono::seconds;

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

Simulation WithServers(const std::vector<Role>& roles, WantedRole wanted, uint64_t seed = 1) {
  config::Config config = MakeConfig(OnePool{.pool_size = 4});
  config::Pool& pool = config.pools[0];
  pool.default_role = wanted;
  pool.ban_time = seconds(5);
  std::vector<config::ServerTarget>& servers = pool.shards[0].servers;
  servers.clear();
  for (size_t i = 0; i < roles.size(); ++i) {
    const net::Address address = ServerAddress(i);
    servers.push_back({.host = address.host, .port = address.port, .role = roles[i]});
  }
  return Simulation(seed, std::move(config), roles.size(), PostgresUser::Method::kTrust);
}

const std::vector<Role> kPrimaryAndTwo = {Role::kPrimary, Role::kReplica, Role::kReplica};

}  // namespace

TEST_CASE("reads go to the replicas in turn") {
  Simulation sim = WithServers(kPrimaryAndTwo, WantedRole::kReplica);
  FakeClient& anna = sim.NewClient();
  REQUIRE(sim.Settle());
  const uint64_t primary = sim.server(0).logins();  // a login asks any server
  for (int i = 0; i < 20; ++i) {
    anna.Query({Echo()});
    REQUIRE(sim.Settle());
  }
  CHECK(sim.server(0).logins() == primary);
  CHECK(sim.server(1).logins() == 1);
  CHECK(sim.server(2).logins() == 1);
  RequireClean(sim);
}

TEST_CASE("a replica that goes is banned, left alone and taken back; idle clients notice nothing") {
  Simulation sim = WithServers(kPrimaryAndTwo, WantedRole::kReplica);
  std::vector<FakeClient*> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(&sim.NewClient());
  const auto all_ask = [&] {
    for (FakeClient* client : clients) client->Query({Begin(), Echo(), Commit()});
    REQUIRE(sim.Settle());
  };
  all_ask();
  const uint64_t primary = sim.server(0).logins();
  sim.server(1).Restart(seconds(20));
  sim.RunFor(milliseconds(100));
  const uint64_t logins = sim.server(1).logins();
  for (int i = 0; i < 20; ++i) {
    all_ask();
    sim.RunFor(seconds(1));
  }
  sim.RunFor(seconds(20));
  for (int i = 0; i < 10; ++i) {
    all_ask();
    sim.RunFor(seconds(2));
  }
  for (const FakeClient* client : clients) CHECK(client->errors_seen() == 0);
  CHECK(sim.server(1).logins() > logins);
  CHECK(sim.server(0).logins() == primary);
  RequireClean(sim);
}

TEST_CASE("a server that goes right behind its last answer is no client's matter") {
  Simulation sim = WithServers({Role::kPeer, Role::kPeer}, WantedRole::kAny);
  FakeClient& anna = sim.NewClient();
  for (int i = 0; i < 4; ++i) {
    anna.Query({Echo()});
    REQUIRE(sim.Settle());
  }
  for (size_t i = 0; i < 2; ++i) {
    sim.server(i).faults.die_behind = 1;
    for (int k = 0; k < 2; ++k) {
      anna.Query({Begin(), Echo(), Commit()});
      REQUIRE(sim.Settle());
      anna.Extended({Echo()});
      REQUIRE(sim.Settle());
    }
    sim.server(i).faults.die_behind = 0;
    CHECK(sim.server(i).session_count() == 0);
    sim.RunFor(seconds(2));
  }
  CHECK(anna.errors_seen() == 0);
  RequireClean(sim);
}

TEST_CASE("a server that has gone before anything was sent to it is no client's matter") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim = WithServers({Role::kPeer, Role::kPeer}, WantedRole::kAny, seed);
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient();
    for (int i = 0; i < 4; ++i) {
      anna.Query({Echo()});
      ben.Extended({Echo()});
      REQUIRE(sim.Settle());
    }
    sim.network().Break(ServerAddress(0), milliseconds(5));
    anna.Query({Begin(), Echo(), Commit()});
    ben.Extended({Echo()});
    REQUIRE(sim.Settle());
    CHECK(anna.errors_seen() == 0);
    CHECK(ben.errors_seen() == 0);
    RequireClean(sim);
  }
}

TEST_CASE("when no server can be had the client is told why, and the session goes on") {
  Simulation sim = WithServers({Role::kPeer, Role::kPeer}, WantedRole::kAny);
  FakeClient& anna = sim.NewClient({.tolerated = {"08001", "57P03"}});
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  sim.server(0).Restart(seconds(10));
  sim.server(1).Restart(seconds(10));
  sim.RunFor(milliseconds(100));
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK((anna.last_error() == "08001" || anna.last_error() == "57P03"));
  sim.RunFor(seconds(30));
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  const uint64_t errors = anna.errors_seen();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(anna.errors_seen() == errors);
  RequireClean(sim);
}

namespace {

std::string Query(std::string_view sql) {
  std::string message;
  wire::AppendQuery(message, sql);
  return message;
}

// Parse, Bind of one text value, Describe, Execute, Sync.
std::string Extended(std::string_view sql, std::string_view value) {
  std::string messages;
  wire::AppendParse(messages, "", std::string(sql) + std::string(3, '\0'));
  {
    const wire::MessageScope bind(messages, 'B');
    messages += std::string("\0\0\0\0\0\1\0\0\0", 9);
    messages += static_cast<char>(value.size());
    messages += value;
    messages += std::string("\0\0", 2);
  }
  wire::AppendDescribe(messages, 'S', "");
  messages += std::string("E\0\0\0\x09\0\0\0\0\0", 10);
  wire::AppendSync(messages);
  return messages;
}

Simulation WithShards(const std::function<void(config::Pool&)>& change = [](config::Pool&) {}) {
  config::Config config = MakeConfig(OnePool{.pool_size = 2});
  config::Pool& pool = config.pools[0];
  for (size_t i = 1; i < 3; ++i) {
    config::Shard shard = pool.shards[0];
    shard.servers[0].host = ServerAddress(i).host;
    shard.servers[0].port = ServerAddress(i).port;
    pool.shards.push_back(shard);
  }
  change(pool);
  return Simulation(1, std::move(config), 3, PostgresUser::Method::kTrust);
}

}  // namespace

// Behind the first batch the unnamed statement may have been replaced for good.
TEST_CASE("of two batches whose server has gone before either was sent the client is told") {
  Simulation sim = WithServers({Role::kPeer, Role::kPeer}, WantedRole::kAny);
  RawClient anna(sim);
  anna.LogIn();
  sim.RunFor(seconds(1));
  for (int i = 0; i < 4; ++i) {
    anna.Say(Query("SELECT 'anna'"));
    sim.RunFor(milliseconds(100));
  }
  for (size_t i = 0; i < 2; ++i) sim.network().Break(ServerAddress(i), milliseconds(5));
  anna.Forget();
  anna.Say(Query("SELECT 'anna'") + Query("SELECT 'anna'"));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "E");
  CHECK(anna.last_sqlstate() == "08006");
  CHECK(anna.ended());
  RequireClean(sim);
}

TEST_CASE("commands choose a shard, and say what is wrong with them") {
  Simulation sim = WithShards();
  RawClient anna(sim);
  anna.LogIn();
  sim.RunFor(seconds(1));
  anna.Forget();
  const auto answer = [&](const std::string& bytes) {
    anna.Forget();
    anna.Say(bytes);
    sim.RunFor(seconds(1));
    return anna.types();
  };
  CHECK(answer(Query("SHOW SHARD")) == "TDCZ");
  CHECK(answer(Query("SET SHARD TO 7")) == "EZ");
  CHECK(anna.last_sqlstate() == "22023");
  CHECK(answer(Query("SELECT x FROM t")) == "EZ");  // no shard is chosen
  CHECK(anna.last_sqlstate() == "22023");
  CHECK(answer(Query("SELECT 'anna'")) == "TDCZ");  // needs none
  CHECK(answer(Query("/* a */ set shard to '2';")) == "CZ");
  CHECK(answer(Query("BEGIN")) == "CZ");
  CHECK(answer(Query("SELECT 'anna'")) == "TDCZ");
  CHECK(answer(Query("SET SHARD TO 1")) == "EZ");
  CHECK(anna.last_sqlstate() == "25001");
  CHECK(answer(Query("ROLLBACK")) == "CZ");
  CHECK(answer(Extended("SET SHARDING KEY TO $1", "-5")) == "12tnCZ");
  CHECK(answer(Extended("SET SHARDING KEY TO $1", "five")) == "12tnEZ");
  CHECK(anna.last_sqlstate() == "22023");
  CHECK(answer(Query("SET SERVER ROLE TO 'primary'") + Query("SHOW SERVER ROLE")) == "CZTDCZ");
  anna.Close();
  RequireClean(sim);
}

// pgbench -M prepared prepares all statements of its script before it runs the first.
TEST_CASE(
    "a statement may be prepared before its shard is chosen, and does not use up the choice") {
  Simulation sim = WithShards();
  RawClient anna(sim);
  anna.LogIn();
  sim.RunFor(seconds(1));
  const auto answer = [&](const std::string& bytes) {
    anna.Forget();
    anna.Say(bytes);
    sim.RunFor(seconds(1));
    return anna.types();
  };
  std::string parse;
  wire::AppendParse(parse, "", std::string("SELECT nextval('sq0')") + std::string(3, '\0'));
  std::string run("B\0\0\0\x0c\0\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0", 23);
  std::string sync;
  wire::AppendSync(sync);
  CHECK(answer(parse + sync) == "1Z");
  CHECK(answer(run + sync) == "EZ");
  CHECK(anna.last_sqlstate() == "22023");
  CHECK(answer(parse + run + sync) == "1EZ");
  CHECK(anna.last_sqlstate() == "22023");
  CHECK(answer(Query("SET SHARD TO 2")) == "CZ");
  CHECK(answer(parse + sync) == "1Z");
  const uint64_t logins = sim.server(2).logins();
  CHECK(answer(run + sync) == "2DCZ");
  CHECK(sim.server(2).logins() <= logins + 1);
  CHECK(answer(run + sync) == "EZ");  // the choice is used up
  anna.Close();
  RequireClean(sim);
}

TEST_CASE("a command in a pipeline counts for what follows it") {
  Simulation sim = WithShards();
  RawClient anna(sim);
  anna.LogIn();
  sim.RunFor(seconds(1));
  anna.Forget();
  const uint64_t first = sim.server(1).logins();
  const uint64_t second = sim.server(2).logins();
  anna.Say(Query("SET SHARD TO 1") + Query("SELECT 'anna'") + Query("SET SHARD TO 2") +
           Query("SELECT 'anna'"));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "CZTDCZCZTDCZ");
  CHECK(sim.server(1).logins() == first + 1);
  CHECK(sim.server(2).logins() == second + 1);
  anna.Close();
  RequireClean(sim);
}

TEST_CASE("a transaction that has begun with nothing that needs a shard keeps to default_shard") {
  PoolMap map;
  Simulation sim = WithShards([&map](config::Pool& pool) {
    pool.default_shard = {.kind = config::DefaultShard::Kind::kFixed, .shard = 1};
    map = MapOf(pool, 3, false);
  });
  for (int i = 0; i < 6; ++i) {  // their home shards differ
    FakeClient& client = sim.NewClient({.tolerated = {"22023"}, .map = &map});
    for (const Op& op : {Begin(), Echo(), Notify("c"), Commit()}) {
      client.Query({op});  // the client checks where they run
      REQUIRE(sim.Settle());
    }
  }
  RequireClean(sim);
}

TEST_CASE("the shard in the comment of a BEGIN is not that of the next transaction") {
  Simulation sim = WithShards();
  RawClient anna(sim);
  anna.LogIn();
  anna.Say(Query("/* shard_id: 1 */ BEGIN") + Query("ROLLBACK") + Query("NOTIFY c"));
  sim.RunFor(seconds(1));
  CHECK(anna.last_sqlstate() == "22023");  // nothing is chosen
  anna.Close();
  RequireClean(sim);
}

TEST_CASE("each transaction of a pipeline goes to the shard that it names") {
  Simulation sim = WithShards();
  RawClient anna(sim);
  anna.LogIn();
  sim.RunFor(seconds(1));
  anna.Forget();
  const uint64_t first = sim.server(1).logins();
  const uint64_t second = sim.server(2).logins();
  anna.Say(Query("/* shard_id: 1 */ SELECT 'anna'") + Query("/* shard_id: 2 */ SELECT 'anna'") +
           Query("SET SHARD TO 1") + Query("NOTIFY c") + Query("NOTIFY c"));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "TDCZTDCZCZCZEZ");
  CHECK(anna.last_sqlstate() == "22023");  // the second NOTIFY has chosen none
  CHECK(sim.server(1).logins() == first + 1);
  CHECK(sim.server(2).logins() == second + 1);
  anna.Close();
  RequireClean(sim);
}

}  // namespace pglynx::sim
