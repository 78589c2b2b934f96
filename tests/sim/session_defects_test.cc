// What the swarm found in the state of sessions that travel between servers: settings, names of
// prepared statements, transactions that have not begun anywhere, pins. Each as the smallest
// scenario that shows it, with the seeds that found it.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

std::string Query(std::string_view sql) {
  std::string message;
  wire::AppendQuery(message, sql);
  return message;
}

Simulation WithPins(uint32_t pool_size, uint32_t max_pinned) {
  config::Config config = MakeConfig(OnePool{.pool_size = pool_size});
  config.pools[0].max_pinned = max_pinned;
  return Simulation(1, std::move(config), 1, PostgresUser::Method::kTrust);
}

// ----- settings -----

// Seeds 1, 57. What a client of a session pool set was taken for the server's default.
TEST_CASE("in session mode a SET is no default of those who come later") {
  Simulation sim(1, OnePool{.mode = config::PoolMode::kSession, .pool_size = 2});
  FakeClient& anna = sim.NewClient();
  anna.Query({Set("DateStyle", "German")});
  REQUIRE(sim.Settle());
  FakeClient& ben = sim.NewClient();
  REQUIRE(sim.Settle());
  CHECK(ben.Reported("DateStyle") == "ISO, MDY");
  RequireClean(sim);
}

// The same of what holds for a transaction.
TEST_CASE("a SET LOCAL is no default of others") {
  Simulation sim(1, OnePool{.pool_size = 2});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Begin(), Echo()});
  anna.Query({SetLocal("DateStyle", "German")});
  REQUIRE(sim.Settle());
  ben.Query({Echo(), Show("DateStyle")});
  REQUIRE(sim.Settle());
  anna.Query({Commit()});
  RequireClean(sim);
}

// Seeds 131, 180. RESET ALL and the SETs behind it are two messages where the encoding is one of
// them; what the first one reports was taken for the client's own value.
TEST_CASE(
    "what a RESET ALL in front of a client's settings shows is neither its value nor a default") {
  Simulation sim(1, OnePool{.pool_size = 1});
  ClientOptions options;
  options.settings = {{"client_encoding", "latin1"}, {"TimeZone", "Europe/Paris"}};
  FakeClient& anna = sim.NewClient(options);
  FakeClient& ben = sim.NewClient();
  anna.Query({HiddenNothing()});
  REQUIRE(sim.Settle());
  anna.Query({Echo(), Show("TimeZone")});
  REQUIRE(sim.Settle());
  ben.Query({Echo(), Show("TimeZone")});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

// Seeds 63, 65. The server was reset before it had been asked what a client set in between.
TEST_CASE("a setting behind a function holds for what the client has sent ahead") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  anna.Query({HiddenNothing()});
  anna.Query({SetConfig("work_mem", "64MB", false)});
  for (int i = 0; i < 3; ++i) {
    anna.Query({Echo()});
    anna.Extended({EchoParameter().As("s").Closed(), Current("work_mem")});
    anna.Extended({EchoParameter().As("s").Closed(), Current("work_mem")});
    anna.Query({Current("work_mem"), DeallocateAll()});
  }
  REQUIRE(sim.Settle());
  anna.Query({Current("work_mem")});
  RequireClean(sim);
}

// Seed 28. What was set and not yet asked for when RESET ALL was sent was learned behind it.
TEST_CASE("RESET ALL takes back what was set right before it in a pipeline") {
  for (const Op& reset : {ResetAll(), DiscardAll()}) {
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    anna.Query({Set("work_mem", "64MB")});
    anna.Query({Echo()});
    anna.Query({reset});
    REQUIRE(sim.Settle());
    anna.Query({Current("work_mem")});
    REQUIRE(sim.Settle());
    FakeClient& ben = sim.NewClient();
    ben.Query({Current("work_mem")});
    REQUIRE(sim.Settle());
    anna.Query({Current("work_mem")});
    REQUIRE(sim.Settle());
    RequireClean(sim);
  }
}

// Seeds 24, 673. Only a SET was seen to keep its value behind a RESET.
TEST_CASE("set_config behind a RESET in one Query keeps its value") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"application_name", "anna"}}});
  anna.Query({ResetAll(), SetConfig("application_name", "other", false)});
  REQUIRE(sim.Settle());
  anna.Query({Echo(), Show("application_name")});
  REQUIRE(sim.Settle());
  CHECK(anna.Reported("application_name") == "other");
  RequireClean(sim);
}

// ----- a transaction that has not begun on a server -----

// Seeds 5, 15, 33, 150 and many more. Once its first statement had found no server, all but the
// simplest texts were answered with 25P02.
TEST_CASE("a transaction that failed without a server is one that has failed") {
  for (int i = 0; i < 7; ++i) {
    INFO("case " << i);
    Simulation sim(1, OnePool{.pool_size = 1, .query_wait_timeout = seconds(2)});
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient({.tolerated = {"53300"}});
    REQUIRE(sim.Settle());
    anna.Query({Begin(), Echo()});
    ben.Query({Begin()});
    REQUIRE(sim.Settle());
    ben.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(ben.last_error() == "53300");
    anna.Query({Commit()});
    REQUIRE(sim.Settle());
    switch (i) {
      case 0:  // EmptyQueryResponse
        ben.Query({});
        break;
      case 1:  // 3B001
        ben.Query({RollbackTo("p")});
        break;
      case 2:
        ben.Query({Rollback(), Echo()});
        break;
      case 3:
        ben.Query({Commit(), Commit()});
        break;
      case 4:
        ben.Extended({RollbackTo("p")});
        break;
      case 5:
        ben.Extended({Commit(), Echo()});
        break;
      default:
        ben.Extended({EchoParameter().As("s")});
        ben.Query({Rollback()});
        ben.Extended({EchoParameter().As("s").Closed()});
        break;
    }
    REQUIRE(sim.Settle());
    ben.Query({Rollback(), Echo()});
    RequireClean(sim);
  }
}

// ----- pins -----

// Seeds 125, 147, 179. It was told FATAL, as if it had been refused the pin.
TEST_CASE("a client above max_pinned may cancel what it runs") {
  Simulation sim = WithPins(3, 1);
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Listen("a")});
  REQUIRE(sim.Settle());
  ben.Query({HiddenListen("b")});
  REQUIRE(sim.Settle());
  ben.Query({Sleep(seconds(1))});
  sim.RunFor(milliseconds(100));
  ben.CancelMine();
  REQUIRE(sim.Settle());
  CHECK(!ben.ended());
  CHECK(ben.last_error() == "57014");
  ben.Query({UnlistenAll()});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

// Seeds 32, 42, 51. It stood in line already: a CHECK ended the process.
TEST_CASE("a client above max_pinned may leave more state behind") {
  Simulation sim = WithPins(3, 1);
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Listen("a")});
  REQUIRE(sim.Settle());
  ben.Query({HiddenListen("b")});
  REQUIRE(sim.Settle());
  ben.Query({Listen("c")});
  ben.Query({UnlistenAll()});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

// Found with pgx: both saw a free pin and then waited for servers, and together kept all of them.
TEST_CASE("two clients that wait for servers do not both get the last pin") {
  Simulation sim = WithPins(2, 1);
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  FakeClient& cleo = sim.NewClient();
  FakeClient& dora = sim.NewClient();
  anna.Query({Sleep(seconds(1))});
  ben.Query({Sleep(seconds(1))});
  sim.RunFor(milliseconds(100));
  cleo.Query({Listen("a")});
  sim.RunFor(milliseconds(10));  // hers arrives first
  dora.Query({Listen("b")});
  sim.RunFor(seconds(3));
  anna.Query({Echo()});  // finds a server
  sim.RunFor(seconds(1));
  CHECK(anna.idle());
  cleo.Query({UnlistenAll()});
  REQUIRE(sim.Settle());
  dora.Query({UnlistenAll()});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

// Seed 263. The refusal was kept for whatever came next.
TEST_CASE("who is refused a pin inside a failed transaction may still roll it back") {
  Simulation sim = WithPins(3, 1);
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Listen("a")});
  ben.Query({Begin(), DivideByZero()});
  REQUIRE(sim.Settle());
  ben.Extended({TryLock(5)});
  sim.RunFor(milliseconds(50));
  ben.CancelMine();
  REQUIRE(sim.Settle());
  ben.Query({Rollback()});
  REQUIRE(sim.Settle());
  CHECK(ben.model().status() == 'I');
  RequireClean(sim);
}

// ----- names of prepared statements -----

// Seeds 36, 67, 85 and many more: what a batch prepares or drops was not known before its end.
TEST_CASE("PREPARE and DEALLOCATE count for what follows in the same batch") {
  const std::vector<std::vector<Op>> batches = {
      {Prepare("s", true), Execute("s", true)},
      {Prepare("s", false), Execute("s", false)},
      {Prepare("s", true), EchoParameter().As("s").Again()},
      {Prepare("s", true), EchoParameter().As("s")},
      {Prepare("s", true), Prepare("s", true)},
      {Prepare("s", true), Deallocate("s"), Prepare("s", false), Execute("s", false)},
      {EchoParameter().As("s"), Execute("s", true)},
      {EchoParameter().As("s"), Deallocate("s"), Execute("s", true)},
      {EchoParameter().As("s"), Deallocate("s"), EchoParameter().As("s").Again()},
      {EchoParameter().As("s"), DeallocateAll(), Deallocate("s")},
      {EchoParameter().As("s"), DeallocateAll(), Prepare("s", true), Execute("s", true)},
  };
  for (size_t i = 0; i < batches.size(); ++i) {
    INFO("batch " << i);
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    anna.Extended(batches[i]);
    REQUIRE(sim.Settle());
    anna.Query({DeallocateAll()});
    RequireClean(sim);
  }
}

// Seed 1029, profile network. What an earlier batch has prepared is not sure before its answer.
TEST_CASE("a Query waits for the names that a batch in front of it may have made") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  anna.Extended({Insert("none"), EchoParameter().As("s")});
  anna.Query({Deallocate("s")});
  anna.Extended({Insert("none"), EchoParameter().As("s")});
  anna.Query({Execute("s", true)});
  anna.Extended({Insert("none"), EchoParameter().As("s")});
  anna.Query({Prepare("s", true)});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

// Seeds 651, 353. What was prepared in front of such a text failed, and that was the answer to it,
// or a name was given to another statement.
TEST_CASE("a text that leaves a failed transaction is refused if it needs what the server lacks") {
  for (const Op& last : {Prepare("s", true), Execute("r", true), Prepare("r", true)}) {
    for (const Op& first : {Rollback(), RollbackTo("p"), Commit()}) {
      Simulation sim(1, OnePool{.pool_size = 2});
      FakeClient& anna = sim.NewClient({.tolerated = {"0A000"}});
      FakeClient& ben = sim.NewClient();
      ben.Query({Prepare("s", true)});  // so that the pool knows it
      anna.Query({Prepare("r", true)});
      REQUIRE(sim.Settle());
      ben.Query({Begin(), Echo()});  // takes the server that has r
      REQUIRE(sim.Settle());
      anna.Query({Begin(), Savepoint("p"), DivideByZero()});
      anna.Query({first, last});
      REQUIRE(sim.Settle());
      anna.Query({Rollback()});
      ben.Query({Commit()});
      REQUIRE(sim.Settle());
      anna.Query({Execute("r", true)});
      RequireClean(sim);
    }
  }
}

// Seed 601. The error of what was to be prepared came first, then the rows.
TEST_CASE("a statement that another server cannot prepare fails where it stands in its text") {
  Simulation sim(1, OnePool{.pool_size = 2});
  RawClient anna(sim);
  anna.LogIn();
  for (const char* sql : {"CREATE TEMP TABLE t (x text)", "PREPARE p AS SELECT x FROM t",
                          "DROP TABLE t", "SELECT 'anna'"}) {
    anna.Say(Query(sql));
    sim.RunFor(seconds(1));
  }
  FakeClient& ben = sim.NewClient();
  ben.Query({Begin(), Echo()});  // takes the server that has p
  sim.RunFor(seconds(1));
  anna.Forget();
  anna.Say(Query("SELECT 'anna'; EXECUTE p"));
  sim.RunFor(seconds(1));
  CHECK((anna.types() == "TDCEZ" || anna.types() == "EZ"));
  CHECK(anna.last_sqlstate() == "42P01");
  anna.Close();
  ben.Query({Commit()});
  RequireClean(sim);
}

// Seed 181.
TEST_CASE("state that is not allowed is refused behind the end of a failed transaction, too") {
  config::Config config = MakeConfig(OnePool{.pool_size = 1});
  config.pools[0].on_session_state = config::SessionStatePolicy::kError;
  Simulation sim(1, std::move(config), 1, PostgresUser::Method::kTrust);
  FakeClient& anna = sim.NewClient({.tolerated = {"0A000"}});
  anna.Query({Begin(), DivideByZero()});
  anna.Query({Rollback(), Listen("a")});
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "0A000");
  anna.Query({Rollback()});
  REQUIRE(sim.Settle());
  CHECK(anna.model().status() == 'I');
  RequireClean(sim);
}

// Seeds 85, 481, 493. It was carried out and taken back unseen.
TEST_CASE("PREPARE is refused where its statement would be session state that is not allowed") {
  config::Config config = MakeConfig(OnePool{.pool_size = 2});
  config.pools[0].prepared_statements_cache_size = 0;
  config.pools[0].on_session_state = config::SessionStatePolicy::kError;
  Simulation sim(1, std::move(config), 1, PostgresUser::Method::kTrust);
  FakeClient& anna = sim.NewClient({.tolerated = {"0A000"}});
  anna.Query({Prepare("s", true)});
  REQUIRE(sim.Settle());
  anna.Query({Execute("s", true)});
  REQUIRE(sim.Settle());
  RequireClean(sim);
}

// Seeds 496, 619. The question behind it was a Query, which drops the unnamed statement.
TEST_CASE("a COPY that its client gives up leaves the unnamed statement") {
  for (const auto mode : {config::PoolMode::kSession, config::PoolMode::kTransaction}) {
    Simulation sim(1, OnePool{.mode = mode, .pool_size = 1});
    FakeClient& anna = sim.NewClient();
    anna.Extended({CopyIn(5, CopyEnd::kFail)});
    REQUIRE(sim.Settle());
    anna.Extended({EchoParameter().Again()});  // 08P01: it has no parameter
    REQUIRE(sim.Settle());
    CHECK(anna.last_error() == "08P01");
    RequireClean(sim);
  }
}

}  // namespace
}  // namespace pglynx::sim
