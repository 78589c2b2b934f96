// Goal: what the console orders is done, and nobody is lost by it.
// Method: scenarios for PAUSE, RESUME, KILL, KILL_CLIENT, RECONNECT, DISABLE and DRAIN.

#include <chrono>
#include <string>

#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Error kKilled = {ErrorCode::kAdminShutdown, "terminating connection: KILL"};

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

TEST_CASE("PAUSE lets transactions finish, holds the others, and RESUME goes on") {
  Simulation sim(1, OnePool{.pool_size = 2, .query_wait_timeout = seconds(60)});
  FakeClient& busy = sim.NewClient();
  busy.Query({Begin(), Echo()});
  FakeClient& idle = sim.NewClient();
  idle.Query({Echo()});
  REQUIRE(sim.Settle());
  sim.pooler().pools().Pause("app");
  sim.RunFor(seconds(1));
  CHECK(!sim.pooler().pools().IsPaused("app"));
  CHECK(sim.server().session_count() == 1);
  idle.Query({Echo()});
  FakeClient& fresh = sim.NewClient();  // logs in without a server
  fresh.Query({Echo()});
  sim.RunFor(seconds(5));
  CHECK(idle.statements_done() == 1);
  busy.Query({Echo(), Commit()});
  sim.RunFor(seconds(1));
  CHECK(busy.statements_done() == 4);
  CHECK(sim.pooler().pools().IsPaused("app"));
  CHECK(sim.server().session_count() == 0);
  sim.server().Restart(seconds(3));  // which is what PAUSE is for
  sim.RunFor(seconds(5));
  CHECK(sim.pooler().pools().Resume("app"));
  CHECK(!sim.pooler().pools().Resume("app"));
  REQUIRE(sim.Settle());
  CHECK(idle.statements_done() == 2);
  CHECK(fresh.statements_done() == 1);
  CHECK(idle.errors_seen() + fresh.errors_seen() + busy.errors_seen() == 0);
  RequireClean(sim);
}

// Swarm, profile limits, seed 294: the welcome of the old servers was read though it was gone.
// Swarm, profile hard, seed 8990: the pool went before the servers that had just been closed.
TEST_CASE("a pool that a reload takes away may be dropped in the turn that closes its servers") {
  config::Config config = MakeConfig(OnePool{.pool_size = 2});
  config.pools.push_back(MakePool("other", OnePool{}, 0));
  Simulation sim(8, config, 1, PostgresUser::Method::kTrust);
  FakeClient& client = sim.NewClient({.user = "other", .database = "other"});
  client.Query({Echo()});
  REQUIRE(sim.Settle());
  client.Leave();
  sim.RunFor(seconds(1));
  config.pools.pop_back();
  sim.pooler().Reload(std::move(config));
  sim.pooler().Tick();
  sim.RunFor(seconds(1));
  CHECK(sim.server().session_count() == 0);
  RequireClean(sim);
}

TEST_CASE("RECONNECT in the middle of a login that asks the server holds it up and no more") {
  for (int64_t after_us = 0; after_us < 4000; after_us += 50) {
    Simulation sim(7, OnePool{.pool_size = 1});
    FakeClient& first = sim.NewClient();
    first.Query({Echo()});
    REQUIRE(sim.Settle());
    FakeClient& client = sim.NewClient({.settings = {{"application_name", "new"}}});
    client.Query({Show("application_name")});
    sim.RunFor(Duration(after_us));
    sim.pooler().pools().Reconnect("app");
    REQUIRE(sim.Settle());
    CHECK(client.statements_done() == 1);
    RequireClean(sim);
  }
}

TEST_CASE("RECONNECT replaces servers between transactions and nobody notices") {
  Simulation sim(2, OnePool{.pool_size = 2});
  FakeClient& busy = sim.NewClient();
  busy.Query({Begin(), Echo()});
  FakeClient& idle = sim.NewClient();
  idle.Query({Echo()});
  REQUIRE(sim.Settle());
  sim.pooler().pools().Reconnect("");
  CHECK(!sim.pooler().pools().AreReplaced(""));
  idle.Query({Echo()});
  sim.RunFor(seconds(1));
  busy.Query({Commit()});
  busy.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.pooler().pools().AreReplaced(""));
  CHECK(busy.statements_done() == 4);
  CHECK(idle.statements_done() == 2);
  RequireClean(sim);
}

TEST_CASE("KILL ends clients and servers at once, then the pool waits for RESUME") {
  Simulation sim(3, OnePool{.pool_size = 1, .query_wait_timeout = seconds(60)});
  const ClientOptions cut_off{.tolerated = {"57P01"}, .may_be_cut_off = true};
  FakeClient& busy = sim.NewClient(cut_off);
  busy.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  busy.Query({Sleep(seconds(60))});
  FakeClient& waiting = sim.NewClient(cut_off);
  waiting.Query({Echo()});
  sim.RunFor(milliseconds(100));
  for (pool::Pool* pool : sim.pooler().pools().Of("app")) {
    sim.pooler().sessions().EndNow(pool, kKilled);
  }
  sim.pooler().pools().Kill("app");
  sim.RunFor(seconds(1));
  CHECK(busy.fatal() == "57P01");
  CHECK(waiting.fatal() == "57P01");
  CHECK(sim.server().session_count() == 0);
  FakeClient& next = sim.NewClient();
  next.Query({Echo()});
  sim.RunFor(seconds(1));
  CHECK(next.statements_done() == 0);
  sim.pooler().pools().Resume("app");
  REQUIRE(sim.Settle());
  CHECK(next.statements_done() == 1);
  RequireClean(sim);
}

TEST_CASE("KILL_CLIENT ends that one") {
  Simulation sim(4, OnePool{.pool_size = 1});
  FakeClient& victim = sim.NewClient({.tolerated = {"57P01"}, .may_be_cut_off = true});
  victim.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  pool::Snapshot snapshot;
  sim.pooler().sessions().FillSnapshot(snapshot, true);
  REQUIRE(snapshot.clients.size() == 1);
  CHECK(!sim.pooler().sessions().EndClient(snapshot.clients[0].id + 1, kKilled));
  CHECK(sim.pooler().sessions().EndClient(snapshot.clients[0].id, kKilled));
  sim.RunFor(seconds(1));
  CHECK(victim.fatal() == "57P01");
  FakeClient& next = sim.NewClient();
  next.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(next.statements_done() == 1);
  RequireClean(sim);
}

TEST_CASE("DISABLE and DRAIN refuse new clients, and those who are here go on") {
  for (const bool drain : {true, false}) {
    Simulation sim(5, OnePool{});
    FakeClient& here = sim.NewClient();
    here.Query({Echo()});
    REQUIRE(sim.Settle());
    if (drain) {
      sim.pooler().sessions().RefuseLogins({ErrorCode::kCannotConnectNow, "draining"});
    } else {
      sim.pooler().pools().Disable("app", true);
    }
    FakeClient& refused = sim.NewClient({.tolerated = {"57P03"}, .may_be_cut_off = true});
    here.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(refused.fatal() == "57P03");
    CHECK(here.statements_done() == 2);
    if (drain) {
      sim.pooler().sessions().AllowLogins();
    } else {
      sim.pooler().pools().Disable("app", false);
    }
    FakeClient& next = sim.NewClient();
    next.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(next.statements_done() == 1);
    RequireClean(sim);
  }
}

}  // namespace
}  // namespace pglynx::sim
