// Goal: whatever takes too long ends with the error that says so, at the cost of nobody else.
// Method: one scenario for each timeout, on one server that the next client must find clean.

#include <chrono>
#include <string>

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

config::Config With(Duration config::PoolUser::* timeout, Duration value,
                    config::PoolMode mode = config::PoolMode::kTransaction) {
  config::Config config = MakeConfig(OnePool{.mode = mode, .pool_size = 1});
  config.pools[0].users[0].*timeout = value;
  return config;
}

Simulation Make(uint64_t seed, config::Config config) {
  return Simulation(seed, std::move(config), 1, PostgresUser::Method::kTrust);
}

ClientOptions Tolerates(const std::string& sqlstate) {
  return {.tolerated = {sqlstate}, .may_be_cut_off = true};
}

// The one server is free, clean and, if it was to be reused, the same.
void RequireServes(Simulation& sim) {
  FakeClient& next = sim.NewClient();
  next.Query({Begin(), Echo(), Commit()});
  REQUIRE(sim.Settle());
  REQUIRE(next.statements_done() == 3);
}

TEST_CASE("client_idle_timeout ends a client between transactions with 57P05") {
  for (const auto mode : {config::PoolMode::kTransaction, config::PoolMode::kSession}) {
    Simulation sim = Make(1, With(&config::PoolUser::client_idle_timeout, seconds(10), mode));
    FakeClient& client = sim.NewClient(Tolerates("57P05"));
    for (int i = 0; i < 5; ++i) {  // each query starts its time anew
      sim.RunFor(seconds(9));
      REQUIRE(!client.ended());
      client.Query({Echo()});
    }
    sim.RunFor(seconds(11));
    CHECK(client.ended());
    CHECK(client.fatal() == "57P05");
    CHECK(Has(client.last_error_text(), "client_idle_timeout = 10000 ms"));
    CHECK(sim.server().logins() == 1);
    sim.RunFor(seconds(1));
    RequireServes(sim);
    CHECK(sim.server().logins() == 1);
    RequireClean(sim);
  }
}

TEST_CASE("client_idle_timeout does not count a transaction, nor half a message as activity") {
  Simulation sim = Make(2, With(&config::PoolUser::client_idle_timeout, seconds(10)));
  FakeClient& client = sim.NewClient(Tolerates("57P05"));
  client.Query({Begin(), Echo()});
  sim.RunFor(seconds(60));
  CHECK(!client.ended());
  client.Query({Commit()});
  REQUIRE(sim.Settle());
  RawClient drips(sim);
  drips.LogIn();
  sim.RunFor(seconds(1));
  const std::string half("Q\0\1\0\0SELECT 1 ", 14);
  for (const char byte : half) {
    drips.Say({&byte, 1});
    sim.RunFor(seconds(1));
  }
  CHECK(drips.ended());
  CHECK(drips.last_sqlstate() == "57P05");
  RequireClean(sim);
}

TEST_CASE("idle_client_in_transaction_timeout ends it with 25P03 and rolls back") {
  Simulation sim =
      Make(3, With(&config::PoolUser::idle_client_in_transaction_timeout, seconds(10)));
  FakeClient& client = sim.NewClient(Tolerates("25P03"));
  client.Query({Begin(), Sleep(seconds(15)), Echo()});  // a long statement is not idle
  sim.RunFor(seconds(16));
  CHECK(client.statements_done() == 3);
  sim.RunFor(seconds(9));
  client.Query({Echo()});
  sim.RunFor(seconds(9));
  CHECK(!client.ended());
  sim.RunFor(seconds(2));
  CHECK(client.fatal() == "25P03");
  RequireServes(sim);
  CHECK(sim.server().logins() == 1);  // rolled back and reused
  // Out of a transaction there is no such limit.
  FakeClient& idle = sim.NewClient();
  idle.Query({Echo()});
  sim.RunFor(seconds(60));
  CHECK(!idle.ended());
  RequireClean(sim);
}

TEST_CASE("a pipeline without its Sync is a transaction that idles") {
  Simulation sim =
      Make(4, With(&config::PoolUser::idle_client_in_transaction_timeout, seconds(10)));
  FakeClient& client = sim.NewClient(Tolerates("25P03"));
  client.Extended({Echo()}, FakeClient::BatchEnd::kFlush);
  sim.RunFor(seconds(12));
  CHECK(client.fatal() == "25P03");
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("transaction_timeout ends a transaction with 25P04, busy or not") {
  for (const bool busy : {true, false}) {
    Simulation sim = Make(5, With(&config::PoolUser::transaction_timeout, seconds(10)));
    FakeClient& client = sim.NewClient(Tolerates("25P04"));
    client.Query({Begin(), Echo()});
    sim.RunFor(seconds(5));
    if (busy) client.Query({Sleep(seconds(60))});
    sim.RunFor(seconds(4));
    CHECK(!client.ended());
    sim.RunFor(seconds(2));
    CHECK(client.fatal() == "25P04");
    CHECK(Has(client.last_error_text(), "transaction_timeout = 10000 ms"));
    RequireServes(sim);
    RequireClean(sim);
  }
}

TEST_CASE("transaction_timeout counts each transaction for itself") {
  Simulation sim = Make(6, With(&config::PoolUser::transaction_timeout, seconds(10)));
  FakeClient& client = sim.NewClient();
  for (int i = 0; i < 10; ++i) {
    client.Query({Begin(), Sleep(seconds(4)), Commit()});
    sim.RunFor(seconds(6));
  }
  CHECK(client.statements_done() == 30);
  RequireClean(sim);
}

TEST_CASE("query_timeout cancels the statement with 57014, and the server is reused") {
  for (const auto mode : {config::PoolMode::kTransaction, config::PoolMode::kSession}) {
    Simulation sim = Make(7, With(&config::PoolUser::query_timeout, seconds(3), mode));
    FakeClient& client = sim.NewClient({.tolerated = {"57014"}});
    client.Query({Sleep(seconds(60))});
    sim.RunFor(milliseconds(3500));
    REQUIRE(client.idle());
    CHECK(client.last_error() == "57014");
    CHECK(client.last_error_text() ==
          "canceling statement due to statement timeout: query_timeout = 3000 ms");
    client.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(client.statements_done() == 1);
    CHECK(sim.server().cancels_received() == 1);
    CHECK(sim.server().session_count() == 1);
    client.Leave();
    sim.RunFor(seconds(1));
    RequireServes(sim);
    RequireClean(sim);
  }
}

TEST_CASE("query_timeout in a transaction fails that transaction alone") {
  Simulation sim = Make(8, With(&config::PoolUser::statement_timeout, seconds(3)));
  FakeClient& client = sim.NewClient({.tolerated = {"57014"}});
  client.Query({Begin(), Echo()});
  client.Query({Sleep(seconds(60))});
  sim.RunFor(seconds(4));
  CHECK(client.last_error() == "57014");
  CHECK(Has(client.last_error_text(), "statement_timeout = 3000 ms"));
  client.Query({Rollback()});
  client.Query({Echo()});
  REQUIRE(sim.Settle());
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("query_timeout counts each statement of a pipeline, and not the client's own time") {
  Simulation sim = Make(9, With(&config::PoolUser::query_timeout, seconds(3)));
  FakeClient& client = sim.NewClient();
  for (int i = 0; i < 5; ++i) client.Extended({Sleep(seconds(2))});
  sim.RunFor(seconds(11));
  CHECK(client.statements_done() == 5);
  client.Query({Begin(), Echo()});
  sim.RunFor(seconds(30));
  client.Extended({Echo()}, FakeClient::BatchEnd::kFlush);
  sim.RunFor(seconds(30));
  client.SendSync();
  client.Query({Commit()});
  REQUIRE(sim.Settle());
  CHECK(client.errors_seen() == 0);
  RequireClean(sim);
}

TEST_CASE("a server that does not hear the cancel is closed, and its client told") {
  Simulation sim = Make(10, With(&config::PoolUser::query_timeout, seconds(3)));
  FakeClient& client = sim.NewClient(Tolerates("08006"));
  sim.server().faults.hang = 1;
  client.Query({Echo()});
  sim.RunFor(milliseconds(12'900));
  CHECK(!client.ended());
  sim.RunFor(seconds(1));
  CHECK(client.fatal() == "08006");
  CHECK(Has(client.last_error_text(), "did not end the statement within 10 s"));
  sim.server().faults.hang = 0;
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("timeouts that a reload sets hold for clients that are here") {
  Simulation sim = Make(11, MakeConfig(OnePool{.pool_size = 1}));
  FakeClient& client = sim.NewClient(Tolerates("57P05"));
  client.Query({Echo()});
  sim.RunFor(seconds(30));
  CHECK(!client.ended());
  config::Config config = sim.pooler().config();
  config.pools[0].users[0].client_idle_timeout = seconds(60);
  sim.pooler().Reload(std::move(config));
  sim.RunFor(seconds(29));
  CHECK(!client.ended());
  sim.RunFor(seconds(2));
  CHECK(client.fatal() == "57P05");
  RequireClean(sim);
}

// Found by tests/soak.sh: with settings in front of the statement its time began before it.
TEST_CASE("query_timeout counts from the statement though settings go ahead of it") {
  Simulation sim = Make(20, With(&config::PoolUser::query_timeout, seconds(2)));
  FakeClient& first = sim.NewClient({.settings = {{"application_name", "first"}}});
  FakeClient& second =
      sim.NewClient({.settings = {{"application_name", "second"}}, .tolerated = {"57014"}});
  first.Query({Echo()});
  second.Query({Echo()});
  sim.RunFor(seconds(10));
  first.Query({Sleep(seconds(1))});
  sim.RunFor(milliseconds(100));
  sim.pooler().Reload(sim.pooler().config());  // looks at every deadline
  REQUIRE(sim.Settle());
  CHECK(first.errors_seen() == 0);
  second.Query({Sleep(seconds(4))});
  REQUIRE(sim.Settle());
  CHECK(second.last_error() == "57014");
  RequireClean(sim);
}

// Found by tests/soak.sh: a cancel that came before its statement was lost, the connection was
// closed, and the statement ran on outside of every limit.
TEST_CASE("the statement of a client that vanished is ended before its server is anybody's") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Simulation sim = Make(seed, MakeConfig(OnePool{.pool_size = 1}));
    FakeClient& victim = sim.NewClient();
    victim.Query({Echo()});
    REQUIRE(sim.Settle());
    victim.Query({Sleep(seconds(30))});
    victim.Vanish(seed % 2 == 0 ? FakeClient::Exit::kClose : FakeClient::Exit::kReset, 0);
    sim.RunFor(milliseconds(5));
    FakeClient& next = sim.NewClient();
    next.Query({Echo()});
    sim.RunFor(seconds(1));
    CHECK(next.statements_done() == 1);
    CHECK(sim.server().logins() - sim.server().cancels_received() == 1);
    CHECK(sim.server().session_count() == 1);
    RequireClean(sim);
  }
}

}  // namespace
}  // namespace pglynx::sim
