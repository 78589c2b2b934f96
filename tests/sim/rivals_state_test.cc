// What other poolers get wrong with the state of a session: transactions, settings, locks,
// statements, COPY and cancels that reach somebody else. Each case names where the defect is
// listed (shared/reference/pgcat.md and pgbouncer.md, by section); the clients and servers watch.

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using BatchEnd = FakeClient::BatchEnd;
using Exit = FakeClient::Exit;

constexpr std::array kExits = {Exit::kClose, Exit::kReset, Exit::kHalfClose};
constexpr size_t kBatchBytesMax = 2000;

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

// Whatever a client before it may have left: this one sees a session of its own. It leaves.
void RequireFresh(FakeClient& client, Simulation& sim) {
  client.Query({Show("DateStyle"), Show("work_mem"), Show("TimeZone")});
  client.Query({TryLock(7), UnlockAll()});
  client.Query({CreateTemp("t"), ReadTable("t"), DropTable("t")});
  client.Query({Notify("c"), Echo()});
  client.Extended({EchoParameter().As("s").Closed()});
  REQUIRE(sim.Settle());
  CHECK(client.statements_done() >= 11);
  CHECK(client.errors_seen() == 0);
  CHECK(client.notifications() == 0);
  client.Leave();
}

std::vector<Op> HalfATransaction() {
  return {Begin(), CreateTemp("t"), Insert("t"), Set("DateStyle", "German"), Lock(7)};
}

// ----- transactions -----

// pgcat.md 8.1, 1.
TEST_CASE("an open transaction never reaches the next client, however its client goes") {
  using Way = std::function<void(FakeClient&)>;
  const std::vector<Way> ways = {
      [](FakeClient& anna) { anna.Leave(); },
      [](FakeClient& anna) { anna.Vanish(Exit::kClose, 0); },
      [](FakeClient& anna) { anna.Vanish(Exit::kReset, 0); },
      [](FakeClient& anna) { anna.Vanish(Exit::kHalfClose, 0); },
      [](FakeClient& anna) {
        anna.Extended({Insert("t"), Echo()}, BatchEnd::kNothing);
        anna.Vanish(Exit::kClose, 0);
      },
      [](FakeClient& anna) {
        anna.Extended({Insert("t"), Echo()}, BatchEnd::kFlush);
        anna.Leave();
      },
      [](FakeClient& anna) {
        anna.Query({DivideByZero()});
        anna.Leave();
      },
  };
  for (size_t way = 0; way < ways.size(); ++way) {
    INFO("way " << way);
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient();
    anna.Query(HalfATransaction());
    REQUIRE(sim.Settle());
    ben.Query({Echo()});
    ways[way](anna);
    RequireFresh(ben, sim);
    RequireClean(sim);
  }
}

// Runs `ask` again and again, and lets the client go one byte later each time, until it gets to
// the end of what it had to say.
void VanishAtEveryByte(Exit exit, const std::function<void(FakeClient&)>& ask) {
  bool vanished = true;
  for (size_t bytes = 1; vanished && bytes < kBatchBytesMax; ++bytes) {
    INFO("after " << bytes << " bytes");
    Simulation sim(bytes, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient();
    REQUIRE(sim.Settle());
    anna.Vanish(exit, bytes);
    ask(anna);
    vanished = anna.leaving();
    if (!vanished) anna.Vanish(exit, 0);
    RequireFresh(ben, sim);
    RequireClean(sim);
  }
  REQUIRE_FALSE(vanished);
}

// pgcat.md 8.1, 1 and 12.
TEST_CASE("a client that vanishes at any byte of a batch leaves nothing to the next one") {
  for (const Exit exit : kExits) {
    VanishAtEveryByte(exit, [](FakeClient& anna) {
      anna.Extended({Begin(), CreateTemp("t"), EchoParameter().As("s")}, BatchEnd::kNothing);
    });
  }
}

// pgcat.md 8.1, 1.
TEST_CASE("a client that vanishes at any byte of a pipeline leaves nothing to the next one") {
  for (const Exit exit : kExits) {
    VanishAtEveryByte(exit, [](FakeClient& anna) {
      anna.Query({Begin(), Set("DateStyle", "German")});
      anna.Extended({EchoParameter().As("s").Described(), DivideByZero()});
      anna.Query({Rollback(), Lock(7), Listen("c")});
    });
  }
}

// pgcat.md 8.1, 1: between Flush and Sync the server says nothing of a transaction.
TEST_CASE("a batch without its Sync keeps the server") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Extended({Echo()}, BatchEnd::kFlush);
  sim.RunFor(seconds(1));
  CHECK(anna.statements_done() == 1);
  ben.Query({Echo()});
  sim.RunFor(seconds(1));
  CHECK(ben.statements_done() == 0);
  anna.SendSync();
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

// ----- session state -----

// pgcat.md 8.1, 2.
TEST_CASE("what a client leaves in its session is not seen by the next one") {
  const std::vector<std::vector<Op>> leftovers = {
      {Lock(7)},
      {CreateTemp("t"), Insert("t")},
      {Listen("c")},
      {Set("work_mem", "64MB")},
      {Set("DateStyle", "German")},
      {Begin(), Set("work_mem", "64MB"), Set("TimeZone", "Asia/Tokyo"), Commit()},
      {Begin(), Set("work_mem", "64MB"), Set("TimeZone", "Asia/Tokyo"), Rollback()},
      {Begin(), SetLocal("work_mem", "64MB"), SetLocal("DateStyle", "German"), Commit()},
      {Begin(), Savepoint("p"), Set("DateStyle", "German"), Lock(7), RollbackTo("p"), Commit()},
  };
  for (const config::PoolMode mode : {config::PoolMode::kTransaction, config::PoolMode::kSession}) {
    for (size_t i = 0; i < leftovers.size() * 2; ++i) {
      INFO("case " << i);
      Simulation sim(i, OnePool{.mode = mode, .pool_size = 1});
      FakeClient& anna = sim.NewClient();
      anna.Query(leftovers[i / 2]);
      REQUIRE(sim.Settle());
      if (i % 2 == 0) {
        anna.Leave();
      } else {
        anna.Vanish(Exit::kReset, 0);
      }
      RequireFresh(sim.NewClient(), sim);
      RequireClean(sim);
    }
  }
}

// pgcat.md 8.1, 2.
TEST_CASE("while one client is pinned the others go on on another server") {
  // Two may be pinned at a time (max_pinned): the others take locks and make tables too.
  Simulation sim(1, OnePool{.pool_size = 3});
  FakeClient& anna = sim.NewClient();
  anna.Query({Lock(8), CreateTemp("t"), Listen("other"), Set("work_mem", "64MB")});
  REQUIRE(sim.Settle());
  for (int i = 0; i < 5; ++i) {
    RequireFresh(sim.NewClient(), sim);
    anna.Query({Insert("t"), ReadTable("t"), TryLock(8), Show("work_mem")});
    REQUIRE(sim.Settle());
  }
  CHECK(sim.server().logins() == 2);
  RequireClean(sim);
}

// pgcat.md 8.1, 2: a setting is the client's even where the transaction takes it back.
TEST_CASE("settings follow transactions and savepoints while servers change hands") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"DateStyle", "German"}}});
  FakeClient& ben = sim.NewClient();
  anna.Query({Begin(), Set("DateStyle", "sql"), Savepoint("p"), Set("DateStyle", "ISO, YMD")});
  anna.Query({DivideByZero()});
  anna.Query({RollbackTo("p"), Show("DateStyle"), SetLocal("TimeZone", "Asia/Tokyo")});
  anna.Query({Release("p"), Show("TimeZone"), Commit()});
  REQUIRE(sim.Settle());
  for (FakeClient* client : {&ben, &anna}) {
    client->Query({Show("DateStyle"), Show("TimeZone")});
    REQUIRE(sim.Settle());
  }
  CHECK(anna.Reported("DateStyle") == "SQL, DMY");
  RequireClean(sim);
}

// ----- prepared statements -----

// pgcat.md 8.1, 9.
TEST_CASE("DISCARD ALL and DEALLOCATE ALL of one client leave the others' statements alone") {
  for (const Op& discard : {DiscardAll(), DeallocateAll()}) {
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient();
    for (FakeClient* client : {&anna, &ben}) client->Extended({EchoParameter().As("s")});
    REQUIRE(sim.Settle());
    anna.Query({discard});
    anna.Extended({EchoParameter().As("s").Again()});
    ben.Extended({EchoParameter().As("s").Again().Described()});
    REQUIRE(sim.Settle());
    CHECK(anna.last_error() == "26000");
    CHECK(ben.statements_done() == 2);
    anna.Extended({EchoParameter().As("s")});
    ben.Extended({EchoParameter().As("s").Again()});
    REQUIRE(sim.Settle());
    CHECK(anna.statements_done() == 3);
    RequireClean(sim);
  }
}

// pgcat.md 8.1, 2 and 9.
TEST_CASE("DISCARD ALL gives a client back what it said at its login") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"application_name", "anna"}}});
  FakeClient& ben = sim.NewClient({.settings = {{"application_name", "ben"}}});
  anna.Query({Set("application_name", "other"), Set("DateStyle", "German")});
  anna.Query({DiscardAll()});
  anna.Query({Show("application_name"), Show("DateStyle")});
  REQUIRE(sim.Settle());
  CHECK(anna.Reported("application_name") == "anna");
  ben.Query({Show("application_name"), Show("DateStyle")});
  REQUIRE(sim.Settle());
  RequireFresh(sim.NewClient(), sim);
  RequireClean(sim);
}

// pgcat.md 8.1, 9.
TEST_CASE("replies come in order where the pooler answers some of them itself") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  ben.Extended({EchoParameter().As("theirs")});
  REQUIRE(sim.Settle());
  for (int i = 0; i < 3; ++i) {
    anna.Extended({Rows(3, 3), EchoParameter().As("s").Described().Closed(), Echo().Described()});
    anna.Extended({EchoParameter().As("s"), EchoParameter().As("t"), Rows(2, 2)});
    anna.Extended({EchoParameter().As("s").Again().Closed(), EchoParameter().As("t").Again()});
    anna.Extended({Echo(), EchoParameter().As("t").Again().Closed(), DivideByZero(), Echo()});
  }
  REQUIRE(sim.Settle());
  CHECK(anna.errors_seen() == 3);
  RequireClean(sim);
}

// pgcat.md 8.1, 9; pgbouncer.md 3, prepared statements.
TEST_CASE("a wrong statement name is an error and the connection lives") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  anna.Extended({EchoParameter().As("none").Again()});
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "26000");
  anna.Extended({EchoParameter().As("s")});
  anna.Extended({EchoParameter().As("s")});
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "42P05");
  anna.Extended({EchoParameter().As("s").Again()});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 2);
  CHECK(anna.idle());
  RequireClean(sim);
}

// pgcat.md 8.1, 9.
TEST_CASE("one name may stand for two statements of two clients on one server") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient({.settings = {{"TimeZone", "Asia/Tokyo"}}});
  FakeClient& cleo = sim.NewClient();
  anna.Extended({EchoParameter().As("s")});
  ben.Extended({Show("TimeZone").As("s")});
  cleo.Extended({Show("DateStyle").As("s")});
  REQUIRE(sim.Settle());
  for (int i = 0; i < 3; ++i) {
    anna.Extended({EchoParameter().As("s").Again().Described()});
    ben.Extended({Show("TimeZone").As("s").Again().Described()});
    cleo.Extended({Show("DateStyle").As("s").Again().Described()});
    REQUIRE(sim.Settle());
  }
  CHECK(sim.server().logins() == 1);
  RequireClean(sim);
}

// pgbouncer.md 3: the number of a client's names is not bounded.
TEST_CASE("too many prepared statements are an error and the connection lives") {
  Simulation sim(1, OnePool{.pool_size = 1, .max_client_statements = 3});
  FakeClient& anna = sim.NewClient({.tolerated = {"53400"}});
  for (const char* name : {"s1", "s2", "s3", "s4"}) anna.Extended({EchoParameter().As(name)});
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "53400");
  CHECK(anna.errors_seen() == 1);
  anna.Extended({EchoParameter().As("s1").Again().Closed(), EchoParameter().As("s4")});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 5);
  RequireClean(sim);
}

// ----- found by the swarm -----

// Seeds 104, 148, 169, 207, 217, 230. What is sent behind it before its tag has come was judged by
// the names and the server's statements of before: refused, or answered without the server.
TEST_CASE("DEALLOCATE ALL at the head of a pipeline") {
  for (const Op& discard : {DeallocateAll(), DiscardAll()}) {
    for (const char* name : {"s", "another"}) {
      Simulation sim(1, OnePool{.pool_size = 1});
      FakeClient& anna = sim.NewClient();
      anna.Extended({EchoParameter().As("s")});
      REQUIRE(sim.Settle());
      anna.Query({discard});
      anna.Extended({EchoParameter().As(name)});
      REQUIRE(sim.Settle());
      CHECK(anna.statements_done() == 3);
      RequireClean(sim);
    }
  }
}

// Seeds 143, 146, 176, 299. With the size 0 names go to the server as they are, with another they
// are the pooler's own: the client's statements are on the other side.
TEST_CASE("a reload that turns prepared_statements_cache_size off or on") {
  config::Config on = MakeConfig(OnePool{.pool_size = 1});
  config::Config off = on;
  off.pools[0].prepared_statements_cache_size = 0;
  for (const bool turns_off : {true, false}) {
    Simulation sim(1, turns_off ? on : off, 1, PostgresUser::Method::kTrust);
    FakeClient& anna = sim.NewClient();
    anna.Extended({EchoParameter().As("s")});
    REQUIRE(sim.Settle());
    sim.pooler().Reload(turns_off ? off : on);
    anna.Extended({EchoParameter().As("s").Again()});
    REQUIRE(sim.Settle());
    CHECK(anna.statements_done() == 2);
    RequireClean(sim);
  }
}

// Seed 241. The setting is made good behind the batch, so inside the savepoint; docs/limits.md says
// what a ROLLBACK TO shows then.
TEST_CASE("RESET in front of SAVEPOINT in one batch holds in the next one") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"application_name", "anna"}}});
  anna.Query({Begin(), Reset("application_name"), Savepoint("p")});
  anna.Query({Show("application_name"), Commit()});
  anna.Query({Show("application_name")});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 6);
  RequireClean(sim);
}

// Seed 489. In an implicit transaction ROLLBACK takes the RESET back; it was made good
// nevertheless.
TEST_CASE("RESET in front of ROLLBACK in one Query") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"application_name", "anna"}}});
  anna.Query({Set("application_name", "other")});
  anna.Query({Reset("application_name"), Rollback()});
  REQUIRE(sim.Settle());
  anna.Query({Show("application_name")});
  REQUIRE(sim.Settle());
  CHECK(anna.Reported("application_name") == "other");
  RequireClean(sim);
}

// Seed 152. Pool::ReplaceServers forgets the welcome, without which no RESET was made good.
TEST_CASE("RESET behind a reload that replaces the servers") {
  config::Config config = MakeConfig(OnePool{.pool_size = 1});
  Simulation sim(1, config, 1, PostgresUser::Method::kTrust);
  FakeClient& anna = sim.NewClient({.settings = {{"application_name", "anna"}}});
  anna.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  config.pools[0].connect_query = "SELECT 1";
  sim.pooler().Reload(config);
  anna.Query({Reset("application_name")});
  REQUIRE(sim.Settle());
  anna.Query({Show("application_name"), Commit()});
  REQUIRE(sim.Settle());
  CHECK(anna.Reported("application_name") == "anna");
  RequireClean(sim);
}

// ----- values -----

// pgcat.md 8.1, 11.
TEST_CASE("a value with quotes, backslashes and semicolons arrives as it is and does nothing") {
  constexpr std::array kValues = {"o'brien",      R"(a\b)",      "x'; DROP TABLE log; --",
                                  R"(\'; x; --)", R"("quoted")", "$$body$$ /* ",
                                  R"(tail\)",     "''",          "E'\\n'; RESET ALL"};
  for (const std::string value : kValues) {
    INFO(value);
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient({.settings = {{"application_name", value}}});
    FakeClient& ben = sim.NewClient();
    for (int i = 0; i < 2; ++i) {
      anna.Query({Show("application_name"), Show("DateStyle")});
      REQUIRE(sim.Settle());
      ben.Query({Set("application_name", value), Show("application_name")});
      REQUIRE(sim.Settle());
    }
    anna.Query({Set("application_name", "plain"), Reset("application_name")});
    anna.Query({Show("application_name")});
    REQUIRE(sim.Settle());
    CHECK(anna.Reported("application_name") == value);
    CHECK(anna.errors_seen() + ben.errors_seen() == 0);
    RequireClean(sim);
  }
}

// ----- COPY -----

// pgcat.md 8.1, 12.
TEST_CASE("a COPY that its client gives up does not harm the next one") {
  for (const bool extended : {false, true}) {
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    const std::vector<Op> copy = {CopyIn(20, CopyEnd::kFail)};
    extended ? anna.Extended(copy) : anna.Query(copy);
    REQUIRE(sim.Settle());
    CHECK(anna.last_error() == "57014");
    anna.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(anna.idle());
    anna.Leave();
    RequireFresh(sim.NewClient(), sim);
    RequireClean(sim);
  }
}

// pgcat.md 8.1, 12.
TEST_CASE("a client that vanishes in the middle of COPY does not harm the next one") {
  for (const bool extended : {false, true}) {
    for (const Exit exit : kExits) {
      Simulation sim(1, OnePool{.pool_size = 1});
      FakeClient& anna = sim.NewClient();
      const std::vector<Op> copy = {CopyIn(20, CopyEnd::kHold)};
      extended ? anna.Extended(copy) : anna.Query(copy);
      sim.RunFor(seconds(1));
      anna.Vanish(exit, 0);
      RequireFresh(sim.NewClient(), sim);
      RequireClean(sim);
    }
  }
}

// pgcat.md 8.1, 12; pgbouncer.md 3, COPY: late CopyData, CopyDone and Sync.
TEST_CASE("data that come behind a failed COPY are ignored") {
  for (const bool extended : {false, true}) {
    Simulation sim(1, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    const std::vector<Op> copy = {CopyIn(20, CopyEnd::kHold)};
    extended ? anna.Extended(copy) : anna.Query(copy);
    sim.RunFor(seconds(1));
    anna.CancelMine();
    sim.RunFor(seconds(1));
    anna.FinishCopy();
    REQUIRE(sim.Settle());
    CHECK(anna.last_error() == "57014");
    anna.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(anna.idle());
    anna.Leave();
    RequireFresh(sim.NewClient(), sim);
    RequireClean(sim);
  }
}

// pgbouncer.md 3, COPY: libpq sends Sync ahead of the data.
TEST_CASE("a Sync inside COPY IN does not end the batch") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Extended({CopyIn(20, CopyEnd::kHold)});
  sim.RunFor(seconds(1));
  ben.Query({Echo()});
  sim.RunFor(seconds(1));
  CHECK(ben.statements_done() == 0);
  anna.FinishCopy();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 2);
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

// ----- cancel -----

// pgcat.md 8.1, 13; pgbouncer.md 3, cancel.
TEST_CASE("a cancel that comes too late never hits the next client of the server") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    Simulation sim(seed, OnePool{.pool_size = 1});
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient();
    anna.Query({Echo()});
    ben.Query({Echo()});
    REQUIRE(sim.Settle());
    sim.network().faults.stall = seed % 3 == 0 ? 0 : 0.5;
    sim.network().faults.stall_max = milliseconds(30);
    anna.Query({Sleep(milliseconds(10))});
    sim.RunFor(sim.dice().Between(microseconds(8000), microseconds(13'000)));
    anna.CancelMine();
    ben.Query({Sleep(milliseconds(30))});
    ben.Query({Sleep(milliseconds(30))});
    REQUIRE(sim.Settle());
    sim.RunFor(seconds(1));
    CHECK(ben.errors_seen() == 0);
    CHECK(ben.statements_done() == 3);
    RequireClean(sim);
  }
}

// pgcat.md 8.1, 13 (its #297).
TEST_CASE("a cancel of a client in line ends its wait and nothing else") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  FakeClient& cleo = sim.NewClient();
  anna.Query({Sleep(seconds(2))});
  sim.RunFor(milliseconds(100));
  ben.Query({Echo()});
  cleo.Query({Echo()});
  sim.RunFor(milliseconds(100));
  ben.CancelMine();
  sim.RunFor(milliseconds(100));
  CHECK(ben.last_error() == "57014");
  CHECK(ben.idle());
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server().cancels_received() == 0);
  CHECK(anna.statements_done() + ben.statements_done() + cleo.statements_done() == 3);
  RequireClean(sim);
}

// pgcat.md 8.1, 13.
TEST_CASE("a cancel with a wrong secret, of a stranger or of an idle client does nothing") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  REQUIRE(sim.Settle());
  anna.Query({Sleep(seconds(2))});
  sim.RunFor(milliseconds(100));
  std::string wrong = anna.cancel_secret();
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  ben.SendCancel(anna.cancel_pid(), wrong);
  sim.RunFor(milliseconds(100));
  ben.SendCancel(anna.cancel_pid() + 1, anna.cancel_secret());
  sim.RunFor(milliseconds(100));
  ben.SendCancel(ben.cancel_pid(), ben.cancel_secret());
  REQUIRE(sim.Settle());
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server().cancels_received() == 0);
  CHECK(anna.errors_seen() + ben.errors_seen() == 0);
  RequireClean(sim);
}

// pgcat.md 8.1, 13; pgbouncer.md 3: the keys of a server that has been restarted are others.
TEST_CASE("behind a restart of the server a cancel goes to the right one") {
  Simulation sim(1, OnePool{.pool_size = 2});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  anna.Query({Echo()});
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  sim.server().Restart(seconds(1));
  sim.RunFor(seconds(5));
  anna.Query({Sleep(seconds(3))});
  ben.Query({Sleep(seconds(3))});
  sim.RunFor(seconds(1));
  anna.CancelMine();
  REQUIRE(sim.Settle());
  CHECK(anna.last_error() == "57014");
  CHECK(ben.errors_seen() == 0);
  FakeClient& cleo = sim.NewClient();
  REQUIRE(sim.Settle());
  CHECK(cleo.Reported("server_version") == sim.server().version());
  RequireClean(sim);
}

}  // namespace
}  // namespace pglynx::sim
