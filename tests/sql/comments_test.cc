// Goal: what the server would skip as a comment is found, whole, and nothing else; a hint is read
// at a comment's beginning only. Method: tables; every limit; every short text of quotes and
// comment marks, and seeded soup, against a second reading in this file.
#include "pglynx/sql/comments.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::SeededRandom;
using pglynx::sql::CommentReader;
using pglynx::sql::FindHint;
using pglynx::sql::ForEachComment;
using pglynx::sql::Hint;
using pglynx::sql::StringSyntax;

constexpr size_t kNoLimit = std::string_view::npos;

struct Found {
  std::string text;
  size_t end = 0;  // in the text searched

  bool operator==(const Found&) const = default;
};

std::vector<Found> CommentsOf(std::string_view text, StringSyntax syntax = StringSyntax::kStandard,
                              size_t limit = kNoLimit) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  std::vector<Found> found;
  ForEachComment({copy.data(), copy.size()}, syntax, limit, [&](std::string_view comment) {
    const auto end = static_cast<size_t>(comment.data() - copy.data()) + comment.size();
    found.push_back({std::string(comment), end});
  });
  return found;
}

// All of them, in brackets.
std::string Shown(const std::vector<Found>& comments) {
  std::string shown;
  for (const Found& comment : comments) shown += "[" + comment.text + "]";
  return shown;
}

struct Case {
  const char* text;
  const char* comments;
};

const Case kTexts[] = {
    {"", ""},
    {"SELECT 1", ""},
    {"/**/", "[/**/]"},
    {"--", "[--]"},
    {"/* a */ SELECT 1 -- b", "[/* a */][-- b]"},
    {"SELECT 1 -- a\n-- b\r\n, 2", "[-- a][-- b]"},
    {"SELECT/* a */1/* b *//* c */", "[/* a */][/* b */][/* c */]"},
    {"/* a /* b */ c */ 1", "[/* a /* b */ c */]"},
    {"/* -- a\n */ 1 -- /* b\n*/", "[/* -- a\n */][-- /* b]"},
    {"/* ' */ 'x' -- '", "[/* ' */][-- ']"},
    {"1+/* a */2*--b\n3", "[/* a */][--b]"},
    {"a--b", "[--b]"},
    {"/***/ /*/*/ */ */", "[/***/][/*/*/ */ */]"},
    // Those that do not end are none, nor is what is inside them.
    {"/* a */ /* b", "[/* a */]"},
    {"/* a /* b */", ""},
    {"/*/", ""},
    {"1 /*/ -- a\n", ""},
    // Nothing inside a constant or a name.
    {"'/* a */' /* b */", "[/* b */]"},
    {"'it''s -- a' -- b", "[-- b]"},
    {"'-- a\n' /* b */", "[/* b */]"},
    {"\"/* a */\" U&\"-- \"\"b\" -- c", "[-- c]"},
    {"$$/* a */$$ $x$ -- $$ $y$ /* b */ $x$ /* c */", "[/* c */]"},
    {"a$x$/* b */$x$", "[/* b */]"},
    {"E'\\'/* a */' /* b */", "[/* b */]"},
    {"e'\\\\' /* a */ '", "[/* a */]"},
    {"N'/* a */' U&'/* b */' B'/* c */' X'-- d' /* e */", "[/* e */]"},
    {"'/* a */", ""},
    {"$$ /* a */", ""},
    {"\"a -- b", ""},
    // Between the pieces of one constant.
    {"'a' -- b\n 'c -- d' -- e", "[-- b][-- e]"},
    {"'a' --it's\n--b'\n'c' /* d */", "[--it's][--b'][/* d */]"},
    {"E'a\\'' -- b\n'\\' -- c' -- d", "[-- b][-- d]"},
    {"U&'a''' -- b\n'' -- c\n'--d'--e", "[-- b][-- c][--e]"},
    {"X'' -- b\n'1'--c", "[-- b][--c]"},
    {"'a' /* b */ 'c'", "[/* b */]"},
    {"'a' -- b\n'c -- d", "[-- b]"},
    {"'a\\' -- b\n'c' -- d", "[-- b][-- d]"},
    {"E'a\\'' -- b\n'\\' -- c", "[-- b]"},
    {"'a' -- b\n\"c -- d", "[-- b]"},
};

const Case kHints[] = {
    {"/* sharding_key: 1234 */", "key 1234"},
    {"/* shard_id: 2 */", "shard 2"},
    {"/*sharding_key:1234*/", "key 1234"},
    {"/*\tSharding_Key\n=\r\n-5 */", "key -5"},
    {"/* SHARD_ID = 2*/", "shard 2"},
    {"-- sharding_key: abc", "key abc"},
    {"--shard_id=2", "shard 2"},
    {"-- sharding_key : a b  \t", "key a b"},
    {"/* sharding_key: 'a b' */", "key a b"},
    {"/* sharding_key: ' a ' */", "key  a "},
    {"/* sharding_key: 'it''s' */", "key it's"},
    {"/* sharding_key: 'a\\b' */", "key a\\b"},
    {"/* sharding_key: 'it's' */", "key 'it's'"},
    {"/* sharding_key: 'a */", "key 'a"},
    {"/* sharding_key: ' */", "key '"},
    {"/* sharding_key: '' */", "key "},
    {"/* sharding_key: */", "key "},
    {"/* sharding_key:", "none"},
    {"/* sharding_key: caf\xc3\xa9 */", "key caf\xc3\xa9"},
    {"/* sharding_key: 1, shard_id: 2 */", "key 1, shard_id: 2"},
    {"/* sharding_key: 1 /* a */ */", "key 1 /* a */"},
    {"/* sharding_key:: 1 */", "key : 1"},
    {"/* x sharding_key: 1 */", "none"},
    {"/* -- sharding_key: 1 */", "none"},
    {"/** sharding_key: 1 */", "none"},
    {"/* /* sharding_key: 1 */ */", "none"},
    {"/* sharding_key 1 */", "none"},
    {"/* sharding_key */", "none"},
    {"/* sharding_keys: 1 */", "none"},
    {"/* sharding key: 1 */", "none"},
    {"/* shard: 1 */", "none"},
    {"/* shard_idx: 1 */", "none"},
    {"/* \"shard_id\": 1 */", "none"},
    {"--- shard_id: 1", "none"},
    {"sharding_key: 1", "none"},
    {"/* shard_id: 1 *", "none"},
    {"- shard_id: 1", "none"},
    {"/**/", "none"},
    {"/*/", "none"},
    {"--", "none"},
    {"-", "none"},
    {"", "none"},
};

std::string HintOf(std::string_view comment) {
  const std::vector<char> copy(comment.begin(), comment.end());
  const std::optional<Hint> hint = FindHint({copy.data(), copy.size()});
  if (!hint) return "none";
  const bool is_key = hint->kind == Hint::Kind::kShardingKey;
  return std::string(is_key ? "key " : "shard ") + std::string(hint->value.view());
}

// -----------------------------------------------------------------------------------------------
// A second reading: character by character, for texts without prefixed strings and continued
// ones, which come to the same if no backslash is an escape.

size_t EndOf(std::string_view text, size_t at, std::string_view mark) {
  const size_t end = text.find(mark, at);
  return end == std::string_view::npos ? text.size() : end + mark.size();
}

size_t BlockEnd(std::string_view text, size_t at) {
  int depth = 0;
  for (; at + 1 < text.size(); ++at) {
    const std::string_view mark = text.substr(at, 2);
    if (mark != "/*" && mark != "*/") continue;
    depth += mark == "/*" ? 1 : -1;
    ++at;
    if (depth == 0) return at + 1;
  }
  return kNoLimit;
}

bool IsWordByte(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '$';
}

// Behind the word, number, parameter or dollar quote at `at`, or the byte there.
size_t WordEnd(std::string_view text, size_t at) {
  const auto run = [text](size_t from, bool takes_dollar) {
    while (from < text.size() && IsWordByte(text[from]) && (takes_dollar || text[from] != '$')) {
      ++from;
    }
    return from;
  };
  const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
  if (is_digit(text[at])) {
    return static_cast<size_t>(
        std::find_if_not(text.begin() + static_cast<ptrdiff_t>(at), text.end(), is_digit) -
        text.begin());
  }
  if (text[at] != '$') return IsWordByte(text[at]) ? run(at, true) : at + 1;
  if (at + 1 < text.size() && is_digit(text[at + 1])) return at + 1;
  const size_t mark_end = run(at + 1, false);
  if (mark_end == text.size() || text[mark_end] != '$') return at + 1;
  const std::string_view mark = text.substr(at, mark_end + 1 - at);
  return EndOf(text, mark_end + 1, mark);
}

std::vector<Found> ReferenceOf(std::string_view text) {
  std::vector<Found> found;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    if (text.substr(at, 2) == "--") {
      end = std::min(text.find_first_of("\r\n", at), text.size());
      found.push_back({std::string(text.substr(at, end - at)), end});
    } else if (text.substr(at, 2) == "/*") {
      end = BlockEnd(text, at);
      if (end == kNoLimit) break;
      found.push_back({std::string(text.substr(at, end - at)), end});
    } else if (text[at] == '\'' || text[at] == '"') {
      end = EndOf(text, at + 1, text.substr(at, 1));  // a doubled one begins the next
    } else {
      end = WordEnd(text, at);
    }
    at = end;
  }
  return found;
}

// What is wrong with the comments found in `text`, under every limit; empty if nothing is.
std::string Broken(std::string_view text) {
  const std::vector<Found> wanted = ReferenceOf(text);
  const std::vector<Found> all = CommentsOf(text);
  if (all != wanted) return Shown(all) + " is not " + Shown(wanted) + ": " + std::string(text);
  for (size_t limit = 0; limit <= text.size(); ++limit) {
    std::vector<Found> within;
    for (const Found& comment : all) {
      if (comment.end <= limit) within.push_back(comment);
    }
    const std::vector<Found> limited = CommentsOf(text, StringSyntax::kStandard, limit);
    if (limited == within) continue;
    return std::to_string(limit) + " finds " + Shown(limited) + ": " + std::string(text);
  }
  return {};
}

}  // namespace

TEST_CASE("CommentReader finds comments, and what looks like one nowhere else") {
  for (const Case& test : kTexts) {
    INFO(test.text);
    CHECK(Shown(CommentsOf(test.text)) == test.comments);
  }
  CommentReader reader("/* a */", StringSyntax::kStandard, kNoLimit);
  CHECK(reader.Next() == "/* a */");
  CHECK(reader.Next().empty());
  CHECK(reader.Next().empty());
  CHECK(CommentReader({}, StringSyntax::kStandard, 0).Next().empty());
}

TEST_CASE("CommentReader takes a backslash for what the server takes it") {
  const std::string_view text = "'\\' /* a */ --' /* b */";
  CHECK(Shown(CommentsOf(text)) == "[/* a */][--' /* b */]");
  CHECK(Shown(CommentsOf(text, StringSyntax::kBackslash)) == "[/* b */]");
  for (const char* end : {"'--d", ""}) {
    const std::string two = std::string("'a' -- b\n'\\' -- c") + end;
    const std::string last = end[0] == '\'' ? "[--d]" : "";
    CHECK(Shown(CommentsOf(two, StringSyntax::kBackslash)) == "[-- b]" + last);
    CHECK(Shown(CommentsOf("N" + two, StringSyntax::kBackslash)) == "[-- b]" + last);
    CHECK(Shown(CommentsOf("N" + two)) == std::string("[-- b][-- c") + end + "]");
  }
}

TEST_CASE("A comment that the limit cuts is not found") {
  const auto shown = [](std::string_view text, size_t limit) {
    return Shown(CommentsOf(text, StringSyntax::kStandard, limit));
  };
  CHECK(shown("/* sharding_key: 1234 */", 24) == "[/* sharding_key: 1234 */]");
  CHECK(shown("/* sharding_key: 1234 */", 23).empty());
  CHECK(shown("-- shard_id: 12", 15) == "[-- shard_id: 12]");
  CHECK(shown("-- shard_id: 12", 14).empty());
  CHECK(shown("-- shard_id: 12\n1", 15) == "[-- shard_id: 12]");
  CHECK(shown("-- shard_id: 12\r\n1", 15) == "[-- shard_id: 12]");
  CHECK(shown("/* a */ 1 /* b */", 7) == "[/* a */]");
  CHECK(shown("/* a */", 0).empty());
  for (const Case& test : kTexts) {
    const std::string_view text = test.text;
    const std::vector<Found> all = CommentsOf(text);
    for (size_t limit = 0; limit <= text.size(); ++limit) {
      const std::vector<Found> found = CommentsOf(text, StringSyntax::kStandard, limit);
      INFO(text << " to " << limit);
      REQUIRE(found.size() <= all.size());
      CHECK(std::equal(found.begin(), found.end(), all.begin()));
      CHECK((found.size() == all.size() || all[found.size()].end > limit));
    }
  }
}

TEST_CASE("CommentReader agrees with a second reading over every short text of marks") {
  const std::string_view alphabet = "'\"$a/*-\n";
  for (size_t length = 0; length <= 6; ++length) {
    std::vector<size_t> digits(length, 0);
    std::string text(length, alphabet[0]);
    for (bool more = true; more;) {
      for (size_t i = 0; i < length; ++i) text[i] = alphabet[digits[i]];
      if (text.find("--") != std::string::npos || text.find("/*") != std::string::npos) {
        const std::string broken = Broken(text);
        if (!broken.empty()) FAIL(broken);
      }
      size_t place = 0;
      while (place < length && ++digits[place] == alphabet.size()) digits[place++] = 0;
      more = place < length;
    }
  }
}

TEST_CASE("CommentReader agrees with a second reading over soup") {
  const char* const parts[] = {"'", "''", "\"", "$$", "$ab$", "$1", "ab", "12", "--", "/*", "*/",
                               "-", "/",  "*",  "\n", "\r",   " ",  ";",  ",",  "/*", "*/"};
  SeededRandom random(717);
  size_t comments = 0;
  for (int round = 0; round < 10000; ++round) {
    std::string text;
    for (uint64_t count = random.Next64() % 24; count > 0; --count) {
      text += parts[random.Next64() % std::size(parts)];
    }
    const std::string broken = Broken(text);
    if (!broken.empty()) FAIL(broken);
    comments += CommentsOf(text).size();
  }
  CHECK(comments > 2000);
}

TEST_CASE("FindHint reads the two hints at the beginning of a comment") {
  for (const Case& test : kHints) {
    INFO(test.text);
    CHECK(HintOf(test.text) == test.comments);
    const std::string_view text = test.text;
    for (size_t size = 0; size < text.size(); ++size) HintOf(text.substr(0, size));
  }
}

TEST_CASE("A hint borrows its value from the comment unless a quote was doubled") {
  const std::string_view comment = "/* sharding_key: '123e4567-e89b-12d3-a456-426614174000' */";
  const std::optional<Hint> hint = FindHint(comment);
  REQUIRE(hint);
  CHECK(hint->value.view().data() == comment.data() + 18);
}

TEST_CASE("CommentReader and FindHint end on random bytes") {
  SeededRandom random(718);
  const std::string_view likely = "'\"$aeEuU&bB01.-*/\\\n ;():=";
  for (int round = 0; round < 20000; ++round) {
    std::string text = random.Bytes(random.Next64() % 60);
    for (char& byte : text) {
      if (random.Next64() % 8 != 0) byte = likely[random.Next64() % likely.size()];
    }
    for (const StringSyntax syntax : {StringSyntax::kStandard, StringSyntax::kBackslash}) {
      for (const Found& comment : CommentsOf(text, syntax, random.Next64() % 70)) {
        const bool is_line = comment.text.starts_with("--");
        if (!is_line && !comment.text.ends_with("*/")) FAIL(comment.text << ": " << text);
        HintOf(comment.text);
      }
    }
    HintOf("/* shard_id" + text + "*/");
    HintOf(text);
  }
}
