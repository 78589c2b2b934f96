// Goal: a pool's patterns find a hint in real comments alone, in the documented order, and a bad
// pattern is refused. Method: tables; every limit; random bytes.
#include "pglynx/routing/hint_rules.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::ErrorCode;
using pglynx::Result;
using pglynx::SeededRandom;
using pglynx::routing::HintRules;
using pglynx::sql::Hint;
using pglynx::sql::StringSyntax;

// PgCat's usual ones.
constexpr const char* kShardRegex = R"(/\* shard_id: (\d+) \*/)";
constexpr const char* kKeyRegex = R"(/\* sharding_key: (\d+) \*/)";

HintRules Compiled(const HintRules::Patterns& patterns) {
  Result<HintRules> rules = HintRules::Compile(patterns);
  if (!rules) FAIL(rules.error().detail);
  return *std::move(rules);
}

std::string Shown(const std::optional<Hint>& hint) {
  if (!hint) return "none";
  const bool is_key = hint->kind == Hint::Kind::kShardingKey;
  return std::string(is_key ? "key " : "shard ") + std::string(hint->value.view());
}

std::string FoundBy(const HintRules& rules, std::string_view text,
                    StringSyntax syntax = StringSyntax::kStandard) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  return Shown(rules.Find({copy.data(), copy.size()}, syntax));
}

struct Case {
  const char* text;
  const char* found;
};

}  // namespace

TEST_CASE("HintRules without patterns finds the built-in forms") {
  const HintRules rules = Compiled({});
  const Case cases[] = {
      {"", "none"},
      {"SELECT 1", "none"},
      {"SELECT 1 /* a comment */", "none"},
      {"/* sharding_key: 1234 */ SELECT 1", "key 1234"},
      {"SELECT 1 /* shard_id: 2 */", "shard 2"},
      {"SELECT 1 -- sharding_key: abc\n, 2", "key abc"},
      {"/* a */ /* shard_id: 2 */ SELECT 1 /* sharding_key: 3 */", "shard 2"},
      {"/* sharding_key: 3 */ /* shard_id: 2 */", "key 3"},
      {"/* sharding_key: 'it''s' */", "key it's"},
      {"/* sharding_key: */", "key "},
      {"/* shard_id: x */", "shard x"},
      // What only looks like a comment.
      {"SELECT '/* shard_id: 2 */'", "none"},
      {"SELECT $$/* shard_id: 2 */$$, \"-- shard_id: 2\"", "none"},
      {"SELECT '/* shard_id: 2 */' /* shard_id: 1 */", "shard 1"},
      {"SELECT 1 /* /* shard_id: 2 */ */", "none"},
      {"SELECT 1 /* shard_id: 2", "none"},
  };
  for (const Case& test : cases) {
    INFO(test.text);
    CHECK(FoundBy(rules, test.text) == test.found);
  }
}

TEST_CASE(
    "HintRules searches by shard_id_regex, then sharding_key_regex, then the built-in forms") {
  const HintRules rules =
      Compiled({.shard_id_regex = kShardRegex, .sharding_key_regex = kKeyRegex});
  const Case cases[] = {
      {"SELECT 1", "none"},
      {"/* shard_id: 2 */ SELECT 1", "shard 2"},
      {"/* sharding_key: 1234 */ SELECT 1", "key 1234"},
      {"/* sharding_key: 1 */ SELECT 1 /* shard_id: 2 */", "shard 2"},
      {"/* shard_id: 1 */ SELECT 1 /* shard_id: 2 */", "shard 1"},
      {"/* sharding_key: 1 */ SELECT 1 /* sharding_key: 2 */", "key 1"},
      // Not as the patterns want it, but the built-in form.
      {"-- shard_id: 1\nSELECT 1", "shard 1"},
      {"/*shard_id=1*/ SELECT 1", "shard 1"},
      {"/* sharding_key: -5 */ SELECT 1", "key -5"},
      {"/*shard_id=1*/ SELECT 1 /* sharding_key: 2 */", "key 2"},
      {"/*shard_id=1*/ SELECT 1 /*shard_id=2*/", "shard 1"},
      {"/*shard_id=1*/ /* sharding_key: 2 */ SELECT 1 /* shard_id: 3 */", "shard 3"},
      // A pattern finds what it looks for anywhere in a comment.
      {"/* a /* shard_id: 2 */ b */ SELECT 1", "shard 2"},
      {"-- a /* sharding_key: 2 */ b\nSELECT 1", "key 2"},
      {"SELECT '/* shard_id: 2 */'", "none"},
      {"SELECT $a$/* sharding_key: 2 */$a$ -- b", "none"},
  };
  for (const Case& test : cases) {
    INFO(test.text);
    CHECK(FoundBy(rules, test.text) == test.found);
  }
}

TEST_CASE("HintRules with one pattern keeps the order") {
  const HintRules key = Compiled({.sharding_key_regex = R"(key=(\w+))"});
  CHECK(FoundBy(key, "/* shard_id: 1 */ /* key=a */ -- key=b") == "key a");
  CHECK(FoundBy(key, "/* shard_id: 1 */ /* sharding_key: 2 */") == "shard 1");
  const HintRules shard = Compiled({.shard_id_regex = R"(shard=(\w+))"});
  CHECK(FoundBy(shard, "/* shard_id: 1 */ /* shard=2 */ -- shard=3") == "shard 2");
  CHECK(FoundBy(shard, "/* sharding_key: 1 */ /* shard_id: 2 */") == "key 1");
}

TEST_CASE("The first group is the value, and no hit where it took no part") {
  struct GroupCase {
    const char* pattern;
    const char* text;
    const char* found;
  };
  const GroupCase cases[] = {
      {R"(tenant='(\d+)',user='(\d+)')", "/*tenant='7',user='8'*/", "key 7"},
      {R"(^/\*(\d*)\*/$)", "SELECT/*12*/1", "key 12"},
      {R"(^/\*(\d*)\*/$)", "/**/", "key "},
      {R"(^-- (\S+)$)", "SELECT 1 -- abc\n, 2", "key abc"},
      {R"(^-- (\S+)$)", "SELECT 1 -- abc\r\n, 2", "key abc"},
      {R"(a|b(\d))", "/* a b1 */", "none"},
      {R"(a|b(\d))", "/* b1 a */", "key 1"},
      {R"(a|b(\d))", "/* a */ /* b1 */", "key 1"},
      {R"((?i)KEY\((.*)\))", "/* key(a b) */", "key a b"},
      {R"((?s)key:(.*)\*/)", "/* key:a\nb*/", "key a\nb"},
      {"k\xc3\xa9y:(.)", "/* k\xc3\xa9y:\xc3\xa4 */", "key \xc3\xa4"},
      {R"(key:(\d+))", "/* \xff\xfe key:1 */", "key 1"},
      {R"(key:([^ ]*) )", "/* key:\xff */", "none"},
      {R"((.*))", "SELECT 1", "none"},
  };
  for (const GroupCase& test : cases) {
    INFO(test.pattern << " in " << test.text);
    CHECK(FoundBy(Compiled({.sharding_key_regex = test.pattern}), test.text) == test.found);
  }
}

TEST_CASE("A hint borrows its value from the text") {
  const HintRules rules = Compiled({.sharding_key_regex = kKeyRegex});
  const std::string_view text = "SELECT 1 /* sharding_key: 123456789012345678901234567890 */";
  const std::optional<Hint> hint = rules.Find(text, StringSyntax::kStandard);
  REQUIRE(hint);
  CHECK(hint->value.view().data() == text.data() + 26);
}

TEST_CASE("What stands behind regex_search_limit is not found") {
  const std::string_view text = "/* a */ /* shard_id: 1 */ SELECT /*shard_id:2*/ 1";
  for (const char* pattern : {"", kShardRegex}) {
    for (size_t limit = 0; limit <= text.size() + 1; ++limit) {
      INFO(pattern << " within " << limit);
      const HintRules rules = Compiled({.shard_id_regex = pattern, .regex_search_limit = limit});
      CHECK(FoundBy(rules, text) == (limit >= 25 ? "shard 1" : "none"));
    }
  }
  const HintRules rules = Compiled({});
  const std::string hint = "/* shard_id: 1 */";
  CHECK(FoundBy(rules, std::string(1000 - hint.size(), ' ') + hint) == "shard 1");
  CHECK(FoundBy(rules, std::string(1001 - hint.size(), ' ') + hint) == "none");
}

TEST_CASE("HintRules takes a backslash for what the server takes it") {
  const HintRules rules = Compiled({.shard_id_regex = kShardRegex});
  const std::string_view text = "SELECT '\\' /* shard_id: 1 */ --' /* shard_id: 2 */";
  CHECK(FoundBy(rules, text) == "shard 1");
  CHECK(FoundBy(rules, text, StringSyntax::kBackslash) == "shard 2");
}

TEST_CASE("A pattern that does not compile or has no group is refused by its name") {
  struct Refusal {
    std::string pattern;
    const char* why;  // of RE2's own words only what all its versions say
  };
  const Refusal refusals[] = {
      {"(", "missing )"},
      {"(" + std::string(100000, 'a') + "\n", "missing )"},
      {"a)(b)", ""},
      {"([a-)", ""},
      {"(a){2000}", ""},
      {"(?=a)(b)", ""},
      {R"((a)\1)", ""},
      {"(\xff)", ""},
      {"((((a{999}){999}){999}){999})", ""},
      {R"(([\pL\pN]{200}))", "too large"},
      {"shard_id: \\d+", "has no capture group"},
      {"shard_id: (?:\\d+)", "has no capture group"},
      {R"(shard_id: \(\d+\))", "has no capture group"},
  };
  for (const Refusal& refusal : refusals) {
    const Result<HintRules> key = HintRules::Compile({.sharding_key_regex = refusal.pattern});
    const Result<HintRules> shard = HintRules::Compile({.shard_id_regex = refusal.pattern});
    INFO(refusal.pattern.substr(0, 100));
    REQUIRE(!key);
    REQUIRE(!shard);
    INFO(key.error().detail);
    CHECK(key.error().code == ErrorCode::kConfigFile);
    CHECK(key.error().detail.starts_with("sharding_key_regex \""));
    CHECK(key.error().detail.find(refusal.why) != std::string::npos);
    CHECK(key.error().detail.find("; allowed is an RE2 pattern") != std::string::npos);
    CHECK(key.error().detail.find('\n') == std::string::npos);
    CHECK(key.error().detail.size() < 300);
    CHECK(shard.error().detail.starts_with("shard_id_regex \""));
  }
}

TEST_CASE("HintRules moves") {
  HintRules rules = Compiled({.shard_id_regex = "s(.)"});
  HintRules moved = std::move(rules);
  CHECK(FoundBy(moved, "--s1") == "shard 1");
  moved = Compiled({.sharding_key_regex = "s(.)"});
  CHECK(FoundBy(moved, "--s1") == "key 1");
}

TEST_CASE("HintRules ends on random bytes, with a value out of the text") {
  const HintRules rules = Compiled({.shard_id_regex = R"(s(\d*)|(x+x+)+y)",
                                    .sharding_key_regex = "k(.*)",
                                    .regex_search_limit = 50});
  SeededRandom random(719);
  const std::string_view likely = "'\"$a/*-\n xyks123";
  size_t found = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = random.Bytes(random.Next64() % 80);
    for (char& byte : text) {
      if (random.Next64() % 16 != 0) byte = likely[random.Next64() % likely.size()];
    }
    const std::optional<Hint> hint = rules.Find(text, StringSyntax::kStandard);
    if (!hint) continue;
    ++found;
    const std::string_view value = hint->value.view();
    if (text.find(value) > 50) FAIL(value << " in " << text);
  }
  CHECK(found > 300);
}
