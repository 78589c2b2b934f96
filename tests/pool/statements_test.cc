// Goal: clients that prepare the same text under the same settings share one statement, what
// nobody uses is bounded, and what a server holds is known after every failure. Method: cases,
// then a seeded run of ServerStatements against a plain list.
#include "pglynx/pool/statements.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::pool::ParameterRef;
using pglynx::pool::ParameterTable;
using pglynx::pool::ServerStatements;
using pglynx::pool::StatementCache;
using pglynx::pool::StatementRef;
using std::string_view_literals::operator""sv;

namespace {

struct Fixture {
  StatementRef Get(std::string_view contents) { return cache.Get(contents, settings, 0); }

  ParameterTable table;
  ParameterRef settings = table.Empty();
  uint64_t ddl_count = 0;
  StatementCache cache{ddl_count};
};

}  // namespace

TEST_CASE("StatementCache gives the same contents the same statement") {
  Fixture world;
  const StatementRef one = world.cache.Get("SELECT 1\0\0\0"sv, world.settings, 7);
  const StatementRef again = world.cache.Get("SELECT 1\0\0\0"sv, world.settings, 7);
  CHECK(&*one == &*again);
  CHECK(one->references == 2);
  CHECK(one->contents() == "SELECT 1\0\0\0"sv);
  CHECK(one->effects == 7);
  CHECK(one->name == "pglynx_" + std::to_string(one->id));
  CHECK_FALSE(one->proven);
  const StatementRef types = world.Get("SELECT 1\0\0\1\0\0\0\x17"sv);
  CHECK(types->id != one->id);
  CHECK(types->name != one->name);
  CHECK(world.cache.size() == 2);
}

TEST_CASE("StatementCache tells statements apart by the settings under which they are read") {
  Fixture world;
  const ParameterRef utc = world.table.With(world.settings, "TimeZone", "UTC");
  const ParameterRef cet = world.table.With(world.settings, "TimeZone", "CET");
  const StatementRef one = world.cache.Get("x", utc, 0);
  const StatementRef two = world.cache.Get("x", cet, 0);
  CHECK(one->id != two->id);
  CHECK(one->contents() == two->contents());
  CHECK(one->settings == utc);
  CHECK(world.cache.Get("x", world.table.With(cet, "TimeZone", "UTC"), 0)->id == one->id);
}

TEST_CASE("StatementCache keeps the settings of a statement alive") {
  Fixture world;
  {
    const ParameterRef utc = world.table.With(world.settings, "TimeZone", "UTC");
    world.cache.Get("x", utc, 0);
  }
  // Were the set gone, another could have its address and be taken for it.
  CHECK(world.table.size() == 2);
}

TEST_CASE("StatementCache does not take contents for contents with settings behind them") {
  Fixture world;
  const StatementRef short_one = world.Get("ab");
  const StatementRef long_one = world.Get(short_one->key);
  CHECK(short_one->id != long_one->id);
}

TEST_CASE("StatementCache keeps a statement that nobody uses, with its id") {
  Fixture world;
  const uint64_t id = world.Get("x")->id;
  CHECK(world.cache.size() == 1);
  const StatementRef again = world.Get("x");
  CHECK(again->id == id);
  CHECK(again->references == 1);
}

TEST_CASE("StatementCache keeps a bounded number of unused statements, the newest ones") {
  Fixture world;
  const StatementRef used = world.Get("used");
  const uint64_t first = world.Get("0")->id;
  for (size_t i = 1; i < StatementCache::kUnusedMax; ++i) world.Get(std::to_string(i));
  CHECK(world.cache.size() == StatementCache::kUnusedMax + 1);
  CHECK(world.Get("0")->id == first);  // used again: now the newest
  world.Get("one more");               // "1" goes
  CHECK(world.cache.size() == StatementCache::kUnusedMax + 1);
  CHECK(world.Get("0")->id == first);
  const uint64_t newest = world.Get("another")->id;
  CHECK(world.Get("1")->id > newest);
  CHECK(world.Get("used")->id == used->id);
}

TEST_CASE("StatementRef counts copies, moves and assignments") {
  Fixture world;
  StatementRef one = world.Get("x");
  StatementRef copy = one;
  CHECK(one->references == 2);
  const StatementRef moved = std::move(copy);
  CHECK(one->references == 2);
  one = StatementRef();
  CHECK_FALSE(one);
  CHECK(moved->references == 1);
}

TEST_CASE("StatementCache notes what a server said to a statement") {
  Fixture world;
  const StatementRef statement = world.Get("x");
  world.cache.SetProven(statement->id, true);
  CHECK(statement->proven);
  world.cache.SetProven(statement->id, false);
  CHECK_FALSE(statement->proven);
  world.cache.SetProven(12345, true);  // unknown: no harm
  world.cache.SetProven(0, true);
  CHECK_FALSE(statement->proven);
}

TEST_CASE("ServerStatements knows what the server holds") {
  ServerStatements held;
  CHECK_FALSE(held.Touch(1));
  held.Sent(1);
  CHECK(held.Touch(1));
  CHECK(held.size() == 1);
  held.Sent(1);
  CHECK(held.size() == 1);
  CHECK(held.Confirm() == 1);
  CHECK(held.Confirm() == 1);
  held.Clear();
  CHECK(held.size() == 0);
  CHECK_FALSE(held.Touch(1));
  CHECK(held.Confirm() == 0);
}

TEST_CASE("ServerStatements keeps what was sent behind the statement that cleared the session") {
  ServerStatements held;
  held.Sent(1);
  CHECK(held.Confirm() == 1);
  held.Sent(2);
  held.Sent(3);
  held.Clear();
  CHECK_FALSE(held.Touch(1));
  CHECK(held.Touch(2));
  CHECK(held.Undo(1) == 2);
  CHECK(held.Confirm() == 3);
  CHECK(held.EvictAbove(0) == 3);
  CHECK(held.EvictAbove(0) == 0);
}

// Defect, not reached by today's callers: Clear lists such a statement twice, and the second
// entry can never be erased, so that EvictAbove names it for ever.
TEST_CASE("ServerStatements cleared between two Parses of one statement holds it once") {
  ServerStatements held;
  held.Sent(1);
  held.Sent(1);
  held.Clear();
  CHECK(held.Confirm() == 1);
  CHECK(held.Confirm() == 1);
  CHECK(held.EvictAbove(0) == 1);
  CHECK(held.EvictAbove(0) == 0);
}

TEST_CASE("ServerStatements confirms in the order sent") {
  ServerStatements held;
  for (const uint64_t id : {7U, 8U, 9U}) held.Sent(id);
  CHECK(held.Confirm() == 7);
  CHECK(held.Confirm() == 8);
  CHECK(held.Confirm() == 9);
  CHECK(held.Confirm() == 0);
  CHECK(held.size() == 3);
}

TEST_CASE("ServerStatements undoes the oldest that are not confirmed, and no others") {
  ServerStatements held;
  for (const uint64_t id : {1U, 2U, 3U, 4U}) held.Sent(id);
  CHECK(held.Confirm() == 1);
  CHECK(held.Undo(0) == 0);
  CHECK(held.Undo(2) == 2);
  CHECK(held.Touch(1));
  CHECK_FALSE(held.Touch(2));
  CHECK_FALSE(held.Touch(3));
  CHECK(held.Touch(4));
  CHECK(held.Confirm() == 4);
  CHECK(held.Undo(5) == 0);
  held.Sent(5);
  CHECK(held.Undo(100) == 5);  // more than were sent
  CHECK(held.size() == 2);
}

TEST_CASE("ServerStatements evicts the least recently used above a limit") {
  ServerStatements held;
  for (const uint64_t id : {1U, 2U, 3U}) {
    held.Sent(id);
    CHECK(held.EvictAbove(0) == 0);  // not confirmed yet
    CHECK(held.Confirm() == id);
  }
  CHECK(held.Touch(1));
  CHECK(held.EvictAbove(3) == 0);
  CHECK(held.EvictAbove(2) == 2);
  CHECK_FALSE(held.Touch(2));
  CHECK(held.EvictAbove(2) == 0);
  CHECK(held.EvictAbove(0) == 3);
  CHECK(held.EvictAbove(0) == 1);
  CHECK(held.EvictAbove(0) == 0);
}

TEST_CASE("ServerStatements behaves as a list does, from any seed") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    ServerStatements held;
    std::vector<uint64_t> by_use;  // least recently used first
    std::deque<uint64_t> sent;
    for (int step = 0; step < 2000; ++step) {
      const uint64_t id = 1 + random.Next64() % 12;
      const bool is_held = std::find(by_use.begin(), by_use.end(), id) != by_use.end();
      switch (random.Next64() % 6) {
        case 0:
        case 1:
          REQUIRE(held.Touch(id) == is_held);
          if (is_held) {
            std::erase(by_use, id);
            by_use.push_back(id);
          } else {
            held.Sent(id);
            sent.push_back(id);
            by_use.push_back(id);
          }
          break;
        case 2:
        case 3:
          REQUIRE(held.Confirm() == (sent.empty() ? 0 : sent.front()));
          if (!sent.empty()) sent.pop_front();
          break;
        case 4: {
          const auto count = static_cast<uint32_t>(random.Next64() % 3);
          const bool any = count > 0 && !sent.empty();
          REQUIRE(held.Undo(count) == (any ? sent.front() : 0));
          for (uint32_t i = 0; i < count && !sent.empty(); ++i) {
            std::erase(by_use, sent.front());
            sent.pop_front();
          }
          break;
        }
        default: {
          const bool evicts = by_use.size() > 5 && sent.empty();
          REQUIRE(held.EvictAbove(5) == (evicts ? by_use.front() : 0));
          if (evicts) by_use.erase(by_use.begin());
          break;
        }
      }
      REQUIRE(held.size() == by_use.size());
    }
  }
}

TEST_CASE("what a server holds is uncertain while an earlier batch is unanswered") {
  pglynx::pool::ServerStatements held;
  held.Sent(1);
  CHECK_FALSE(held.Uncertain());  // an error before it skips what uses it too
  held.NextBatch();
  CHECK(held.Uncertain());
  CHECK(held.Confirm() == 1);
  CHECK_FALSE(held.Uncertain());
}

TEST_CASE("What is prepared behind a change of definitions is not shared with what was before") {
  Fixture world;
  const StatementRef before = world.Get("SELECT 1");
  CHECK_FALSE(world.cache.IsSuspect(*before));
  ++world.ddl_count;
  CHECK(world.cache.IsSuspect(*before));
  const StatementRef behind = world.Get("SELECT 1");
  CHECK(behind->id != before->id);
  CHECK(world.Get("SELECT 1")->id == behind->id);
  CHECK(before->contents() == behind->contents());
}

TEST_CASE("A statement whose result is another now is stale for who has it, and new for others") {
  Fixture world;
  const StatementRef old = world.Get("SELECT 1");
  world.cache.SetResult(old->id, 17);
  world.cache.SetResult(old->id, 18);  // the first that a client was told counts
  world.cache.CompareResult(old->id, 17);
  CHECK_FALSE(old->stale);
  world.cache.CompareResult(old->id, 19);
  CHECK(old->stale);
  const StatementRef fresh = world.Get("SELECT 1");
  CHECK(fresh->id != old->id);
  CHECK_FALSE(fresh->stale);
}

TEST_CASE("An outdated statement works on for who has it") {
  Fixture world;
  const StatementRef old = world.Get("SELECT 1");
  world.cache.SetOutdated(old->id);
  CHECK_FALSE(old->stale);
  CHECK(world.Get("SELECT 1")->id != old->id);
  world.cache.SetOutdated(12345);  // unknown ids are ignored
  world.cache.SetStale(12345);
}

TEST_CASE("A statement with SQL types is nobody else's and goes with its last user") {
  Fixture world;
  const size_t before = world.cache.size();
  {
    const StatementRef typed =
        world.cache.MakeTyped("SELECT $1\0\0\0"sv, "(int)", world.settings, 3);
    const StatementRef other =
        world.cache.MakeTyped("SELECT $1\0\0\0"sv, "(int)", world.settings, 3);
    CHECK(typed->id != other->id);
    CHECK(typed->sql_types == "(int)");
    CHECK(typed->contents() == "SELECT $1\0\0\0"sv);
    CHECK(typed->effects == 3);
    CHECK(world.cache.size() == before + 2);
  }
  CHECK(world.cache.size() == before);
}
