// Scenarios: the whole pooler in virtual time, in the words of the field. Each client checks
// every message it gets against what a Postgres session of its own would say, and each server
// watches what is done to it, so a scenario only has to say what happens.

#include <chrono>

#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kSession = config::PoolMode::kSession;

// Nothing was broken, and nothing is left when everybody has gone.
void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

ClientOptions CutOffClient() {
  ClientOptions options;
  options.may_be_cut_off = true;
  return options;
}

TEST_CASE("a client logs in by SCRAM and its query runs on a server that asks for SCRAM") {
  Simulation sim(1, OnePool{.method = config::AuthMethod::kScramSha256,
                            .server_method = PostgresUser::Method::kScram});
  FakeClient& anna = sim.NewClient();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 1);
  CHECK(anna.Reported("server_version") == "16.4");
  RequireClean(sim);
}

TEST_CASE("a server that asks for md5 gets its answer") {
  Simulation sim(2, OnePool{.server_method = PostgresUser::Method::kMd5});
  sim.NewClient().Query({Echo(), Rows(3, 5)});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

TEST_CASE("a wrong password is refused") {
  Simulation sim(3, OnePool{.method = config::AuthMethod::kScramSha256});
  FakeClient& mallory = sim.NewClient({.password = "guess", .tolerated = {"28P01"}});
  REQUIRE(sim.Settle());
  CHECK(mallory.fatal() == "28P01");
  RequireClean(sim);
}

TEST_CASE("two clients share one server in transaction mode") {
  Simulation sim(4, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  for (int i = 0; i < 5; ++i) {
    anna.Query({Echo()});
    ben.Query({Rows(2, 3)});
  }
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 5);
  CHECK(ben.statements_done() == 5);
  CHECK(sim.server().logins() == 1);
  RequireClean(sim);
}

// BEGIN alone takes no server: deferred_begin.
TEST_CASE("an open transaction keeps its server") {
  Simulation sim(5, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  ben.Query({Echo()});
  sim.RunFor(seconds(1));
  CHECK(ben.outstanding() == 1);
  anna.Query({Echo(), Commit()});
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

TEST_CASE("who waits longer than query_wait_timeout is told so and may go on") {
  Simulation sim(6, OnePool{.pool_size = 1, .query_wait_timeout = seconds(2)});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient({.tolerated = {"53300"}});
  anna.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(ben.last_error() == "53300");
  anna.Query({Commit()});
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

TEST_CASE("the next client gets a clean server when one vanishes inside its transaction") {
  for (const auto exit : {FakeClient::Exit::kClose, FakeClient::Exit::kReset}) {
    Simulation sim(7, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    anna.Query({Begin(), CreateTemp("t"), Insert("t"), Set("DateStyle", "German")});
    REQUIRE(sim.Settle());
    anna.Vanish(exit, 0);
    FakeClient& ben = sim.NewClient();
    ben.Query({Show("DateStyle")});
    ben.Query({CreateTemp("t"), ReadTable("t"), DropTable("t")});
    REQUIRE(sim.Settle());
    CHECK(ben.statements_done() == 4);
    RequireClean(sim);
  }
}

TEST_CASE("a client whose server dies under its query is told and cut off") {
  Simulation sim(8, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient(CutOffClient());
  anna.Query({Sleep(seconds(1))});
  sim.RunFor(milliseconds(500));
  sim.server().KillSessions();
  REQUIRE(sim.Settle());
  CHECK(anna.ended());
  CHECK(!anna.fatal().empty());
  FakeClient& ben = sim.NewClient();
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

TEST_CASE("a server that refuses its login is an error with the server's own words") {
  Simulation sim(9, OnePool{});
  sim.server().refuse_with = "57P03";
  FakeClient& anna = sim.NewClient({.tolerated = {"57P03"}, .may_be_cut_off = true});
  REQUIRE(sim.Settle());
  CHECK(anna.ended());
  CHECK(anna.last_error() == "57P03");
  CHECK(anna.last_error_text().find("the server refuses logins") != std::string::npos);
  sim.server().refuse_with.clear();
  sim.RunFor(seconds(5));
  FakeClient& ben = sim.NewClient();
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

TEST_CASE("a client that waits for a server can be canceled") {
  Simulation sim(10, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  ben.Query({Echo()});
  sim.RunFor(milliseconds(100));
  ben.CancelMine();
  REQUIRE(sim.Settle());
  CHECK(ben.last_error() == "57014");
  CHECK(sim.server().cancels_received() == 0);
  RequireClean(sim);
}

TEST_CASE("a cancel ends the client's own statement and nobody else's") {
  Simulation sim(11, OnePool{.pool_size = 2});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Sleep(seconds(3))});
  ben.Query({Sleep(seconds(3))});
  sim.RunFor(milliseconds(500));
  anna.CancelMine();
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "57014");
  CHECK(ben.errors_seen() == 0);
  RequireClean(sim);
}

TEST_CASE("pipelined requests are answered in order however the stream is cut") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Simulation sim(seed, OnePool{.pool_size = 1});
    sim.network().faults.single_byte = seed % 2 == 0 ? 1.0 : 0.0;
    sim.network().faults.split = 0.7;
    for (int i = 0; i < 3; ++i) {
      FakeClient& client = sim.NewClient();
      client.Query({Echo(), Rows(4, 10)});
      client.Extended({EchoParameter().As("s").Described(), Echo()});
      client.Extended({DivideByZero(), Echo()});
      client.Query({Begin(), DivideByZero(), Echo()});
      client.Query({Echo()});
      client.Query({Rollback(), Echo()});
    }
    REQUIRE(sim.Settle());
    RequireClean(sim);
  }
}

TEST_CASE("prepared statements follow their client from server to server") {
  Simulation sim(12, OnePool{.pool_size = 2});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Extended({EchoParameter().As("s")});
  ben.Extended({EchoParameter().As("s")});
  REQUIRE(sim.Settle());
  for (int i = 0; i < 4; ++i) {
    ben.Query({i % 2 == 0 ? Begin() : Commit(), Echo()});
    REQUIRE(sim.Settle());
    anna.Extended({EchoParameter().As("s").Again()});
    ben.Extended({EchoParameter().As("s").Again().Described()});
    REQUIRE(sim.Settle());
  }
  anna.Extended({EchoParameter().As("s").Again().Closed()});
  anna.Extended({EchoParameter().As("s").Again()});
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "26000");
  RequireClean(sim);
}

TEST_CASE("each client keeps its own settings on a shared server") {
  Simulation sim(13, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"application_name", "anna"}}});
  FakeClient& ben = sim.NewClient({.settings = {{"TimeZone", "Europe/Berlin"}}});
  anna.Query({Set("DateStyle", "German")});
  ben.Query({Set("DateStyle", "sql, dmy")});
  for (int i = 0; i < 3; ++i) {
    anna.Query({Show("DateStyle"), Show("application_name"), Show("TimeZone")});
    ben.Query({Show("DateStyle"), Show("application_name"), Show("TimeZone")});
  }
  anna.Query({Begin(), Set("IntervalStyle", "iso_8601"), Rollback(), Show("IntervalStyle")});
  ben.Query({Reset("DateStyle"), Show("DateStyle")});
  REQUIRE(sim.Settle());
  CHECK(sim.server().logins() == 1);
  RequireClean(sim);
}

TEST_CASE("a function call is answered and pins its client") {
  Simulation sim(18, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  anna.FunctionCall();
  anna.Query({Begin(), DivideByZero()});
  anna.FunctionCall();
  anna.Query({Rollback()});
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "25P02");
  RequireClean(sim);
}

TEST_CASE("session mode gives each client a server, and the next one a clean one") {
  Simulation sim(14, OnePool{.mode = kSession, .pool_size = 1});
  FakeClient& anna = sim.NewClient();
  anna.Query({CreateTemp("t"), Listen("c"), Lock(7), Set("work_mem", "64MB")});
  REQUIRE(sim.Settle());
  FakeClient& ben = sim.NewClient();
  ben.Query({CreateTemp("t"), Show("work_mem")});
  sim.RunFor(seconds(1));
  CHECK(ben.outstanding() == 1);
  anna.Leave();
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 2);
  RequireClean(sim);
}

TEST_CASE("state that outlives a transaction pins its client to the server") {
  Simulation sim(15, OnePool{.pool_size = 2});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({CreateTemp("t")});
  anna.Query({Listen("c")});
  REQUIRE(sim.Settle());
  for (int i = 0; i < 3; ++i) {
    anna.Query({Insert("t"), ReadTable("t")});
    ben.Query({Notify("c"), Echo()});
  }
  REQUIRE(sim.Settle());
  sim.RunFor(seconds(1));
  CHECK(anna.notifications() == 3);
  CHECK(ben.notifications() == 0);
  RequireClean(sim);
}

TEST_CASE("COPY goes through in both directions and protocols") {
  Simulation sim(16, OnePool{.pool_size = 1});
  sim.network().faults.split = 0.5;
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  for (int i = 0; i < 3; ++i) {
    anna.Query({CopyIn(50)});
    ben.Extended({CopyOut(40)});
    REQUIRE(sim.Settle());
    anna.Extended({CopyIn(9)});
    ben.Query({CopyOut(3), Echo()});
    REQUIRE(sim.Settle());
  }
  RequireClean(sim);
}

TEST_CASE("a client may close its half and still hears its answer") {
  Simulation sim(17, OnePool{});
  FakeClient& anna = sim.NewClient();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  anna.Vanish(FakeClient::Exit::kHalfClose, 1);
  anna.Query({Echo()});
  sim.RunFor(seconds(5));
  CHECK(anna.ended());
  RequireClean(sim);
}

TEST_CASE("a client that waits may say goodbye behind its query") {
  Simulation sim(19, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  ben.Query({Echo()});
  ben.Leave();
  sim.RunFor(milliseconds(100));
  anna.Query({Commit()});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

TEST_CASE("the same seed gives the same trace") {
  const auto run = [](uint64_t seed) {
    Simulation sim(seed, OnePool{.pool_size = 1});
    sim.network().faults.split = 0.5;
    sim.server().faults.late = 0.5;
    for (int i = 0; i < 5; ++i) sim.NewClient().Query({Echo(), Rows(3, 3)});
    sim.Settle();
    return sim.loop().trace();
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

}  // namespace
}  // namespace pglynx::sim
