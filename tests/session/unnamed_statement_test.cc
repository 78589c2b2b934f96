// Goal: the unnamed statement of a client is the one that Postgres would have, its bounds hold,
// and a text that is not kept keeps the client at its server only until it has been used.
#include "session/unnamed_statement.h"

#include <string>

#include "support/catch.h"

using pglynx::pool::Reach;
using pglynx::session::UnnamedStatement;
using Place = UnnamedStatement::Place;

namespace {

Place First(uint64_t request) {
  return {.request = request, .batch = request, .reach = Reach::kCertain};
}
Place Behind(uint64_t request, uint64_t batch) {
  return {.request = request, .batch = batch, .reach = Reach::kMayBeSkipped};
}

}  // namespace

TEST_CASE("a Parse replaces the unnamed statement and a Query drops it") {
  UnnamedStatement unnamed;
  CHECK_FALSE(unnamed.exists());
  unnamed.Parsed("SELECT 1", {}, First(0));
  CHECK(unnamed.contents() == "SELECT 1");
  const uint64_t version = unnamed.version();
  unnamed.Parsed("SELECT 1", {}, First(3));
  CHECK(unnamed.version() != version);
  unnamed.Dropped(First(5));
  CHECK_FALSE(unnamed.exists());
  CHECK(unnamed.contents().empty());
}

TEST_CASE("a Parse that fails leaves no unnamed statement, one that is skipped leaves the old") {
  UnnamedStatement unnamed;
  unnamed.Parsed("SELECT 1", {}, First(0));
  unnamed.Settle(1);
  SECTION("it fails") {
    unnamed.Parsed("SELECT 2", {}, First(2));
    unnamed.Strike(2, 5);
    CHECK_FALSE(unnamed.exists());
  }
  SECTION("it is skipped") {
    unnamed.Parsed("SELECT 2", {}, Behind(3, 1));
    CHECK(unnamed.Uncertain(2));
    unnamed.Strike(2, 5);
    CHECK(unnamed.contents() == "SELECT 1");
    CHECK_FALSE(unnamed.Uncertain(2));
  }
  SECTION("a Query is skipped") {
    unnamed.Dropped(Behind(3, 1));
    unnamed.Strike(2, 5);
    CHECK(unnamed.contents() == "SELECT 1");
  }
}

TEST_CASE("a long text is not kept and needs its server until it is used") {
  UnnamedStatement unnamed;
  unnamed.Parsed(std::string(UnnamedStatement::kKeptBytesMax, 'x'), {}, First(0));
  CHECK(unnamed.contents().size() == UnnamedStatement::kKeptBytesMax);
  CHECK_FALSE(unnamed.NeedsItsServer());
  unnamed.Parsed(std::string(UnnamedStatement::kKeptBytesMax + 1, 'x'), {}, First(1));
  CHECK(unnamed.exists());
  CHECK(unnamed.contents().empty());
  CHECK(unnamed.NeedsItsServer());
  unnamed.Bound();
  CHECK_FALSE(unnamed.NeedsItsServer());
}

TEST_CASE("texts that may still come back are bounded together") {
  UnnamedStatement unnamed;
  const std::string text(UnnamedStatement::kKeptBytesMax, 'x');
  constexpr size_t kFit = UnnamedStatement::kPendingBytesMax / UnnamedStatement::kKeptBytesMax;
  unnamed.Parsed(text, {}, First(0));
  for (size_t i = 1; i < kFit; ++i) {
    unnamed.Parsed(text, {}, Behind(i, 0));
    CHECK_FALSE(unnamed.contents().empty());
  }
  unnamed.Parsed(text, {}, Behind(kFit, 0));
  CHECK(unnamed.exists());
  CHECK(unnamed.contents().empty());
  CHECK(unnamed.NeedsItsServer());
  unnamed.Parsed(text, {}, First(kFit + 2));
  CHECK(unnamed.contents() == text);
}

TEST_CASE("a statement behind one that was forgotten is not taken for it") {
  UnnamedStatement unnamed;
  unnamed.Parsed("SELECT 1", {}, First(0));
  unnamed.Settle(1);
  const uint64_t version = unnamed.version();
  unnamed.Forget();
  CHECK_FALSE(unnamed.exists());
  unnamed.Parsed("SELECT 2", {}, First(7));
  CHECK(unnamed.version() != version);
}
