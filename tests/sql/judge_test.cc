// Goal: a text that may leave state behind is never called clean, and what clients send
// every day is. Method: the table tests/golden/sql_judge.txt; every prefix of every text
// in it; every string up to five nasty bytes; random statements, under changes that must
// not change the verdict.
#include "pglynx/sql/judge.h"

#include <cctype>
#include <fstream>
#include <string>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::sql::Describe;
using pglynx::sql::Judge;
using pglynx::sql::Lexer;
using pglynx::sql::PinReason;
using pglynx::sql::StateEffect;
using pglynx::sql::StateEffects;
using pglynx::sql::StringSyntax;
using pglynx::sql::Token;
using pglynx::sql::TokenKind;

class FakeTracked final : public pglynx::sql::TrackedParameters {
 public:
  [[nodiscard]] bool IsTracked(std::string_view name) const override {
    for (const char* tracked : {"search_path", "timezone", "client_encoding", "application_name",
                                "datestyle", "standard_conforming_strings", "client_min_messages",
                                "intervalstyle", "statement_timeout", "extra_float_digits",
                                "app.tenant", "session.user_id", "role", "session_authorization"}) {
      if (name == tracked) return true;
    }
    return name.size() == 127 && name.substr(0, 3) == "aaa";
  }
};

StateEffects JudgeText(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  return Judge(text, syntax, FakeTracked());
}

std::string Verdict(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  return Describe(JudgeText(text, syntax));
}

struct Line {
  std::string text;
  std::string verdict;
};

std::vector<Line> GoldenLines() {
  std::ifstream file(PGLYNX_SOURCE_DIR "/tests/golden/sql_judge.txt");
  REQUIRE(file.is_open());
  std::vector<Line> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] == '#') continue;
    const size_t tab = line.rfind('\t');
    REQUIRE(tab != std::string::npos);
    lines.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
  return lines;
}

// The tokens of a text, with something between them and the words in another case.
std::string Respelled(std::string_view text, const char* between) {
  std::string respelled;
  Lexer lexer(text, StringSyntax::kStandard);
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    for (const char byte : token.text()) {
      const bool is_word = token.kind == TokenKind::kWord;
      respelled +=
          is_word ? static_cast<char>(std::toupper(static_cast<unsigned char>(byte))) : byte;
    }
    respelled += between;
  }
  return respelled;
}

bool HasBrokenToken(std::string_view text) {
  Lexer lexer(text, StringSyntax::kStandard);
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    if (token.kind == TokenKind::kInvalid || token.kind == TokenKind::kUnterminated) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("Judge finds the effects of the golden table") {
  const std::vector<Line> lines = GoldenLines();
  CHECK(lines.size() > 350);
  for (const Line& line : lines) {
    CAPTURE(line.text);
    CHECK(Verdict(line.text) == line.verdict);
  }
}

TEST_CASE("Judge does not care for case, space and comments") {
  for (const Line& line : GoldenLines()) {
    if (HasBrokenToken(line.text)) continue;
    CAPTURE(line.text);
    CHECK(Verdict(Respelled(line.text, " ")) == line.verdict);
    CHECK(Verdict(Respelled(line.text, "/* f(1) */")) == line.verdict);
    CHECK(Verdict(Respelled(line.text, "-- f(1)\n/* ' */ ")) == line.verdict);
  }
}

TEST_CASE("Judge adds up the effects of several statements") {
  const std::vector<Line> lines = GoldenLines();
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    const std::string& first = lines[i].text;
    const std::string& second = lines[i + 1].text;
    if (HasBrokenToken(first)) continue;
    StateEffects both = JudgeText(first);
    both.Add(JudgeText(second));
    CAPTURE(first, second);
    CHECK(JudgeText(first + "\n;" + second) == both);
  }
}

TEST_CASE("Judge reads several lines and other settings as the server does") {
  struct Case {
    const char* text;
    const char* verdict;
    StringSyntax syntax = StringSyntax::kStandard;
  };
  const Case cases[] = {
      {"SELECT 1 -- x\n, f(1)", "function"},
      {"SELECT 1 -- x\r, f(1)", "function"},
      {"SELECT E'a'\n'\\'', f(1), '", "function unjudged"},
      {"SELECT E'a'\n'\\'', f(1), ''", "function"},
      {"SELECT E'a'\n'\\', f(1), '", "none"},
      {"SELECT 'a'\n'\\', f(1), ''", "function"},
      {"SELECT 'a\\', f(1), ''", "function"},
      {"SELECT 'a\\', f(1), '", "none", StringSyntax::kBackslash},
      {"SELECT 'a\\'', f(1), ''", "function", StringSyntax::kBackslash},
      {"SELECT 'a\\\\', f(1)", "function", StringSyntax::kBackslash},
      {"SELECT $$\n$$, f(1)", "function"},
      {"SET search_path = 'pg_'\n'temp'", "unjudged sets"},
      {"SET application_name = 'a\\b'", "unjudged sets", StringSyntax::kBackslash},
      {"SET search_path = $$pg_temp$$", "temporary sets"},
      {"SELECT 1;\nSELECT 2;\n", "none"},
      {"SELECT\n\tlower\n(\n'a'\n)", "none"},
      {"SELECT set_config('app.\na', 'b', true)", "sets_local"},
      {"SELECT set_config('search_'\n'path', 'a', true)", "sets_local"},
      {"SELECT set_config('search_'\n'path', $1, true)", "unjudged sets_local"},
      {"SELECT set_config('search_path', 'pg_'\n'temp', true)", "unjudged sets_local"},
      {"SELECT set_config('search_path', 'a\\b', true)", "sets_local"},
      {"SELECT set_config('search_path', 'a\\b', true)", "unjudged sets_local",
       StringSyntax::kBackslash},
      {"SELECT set_config('a', $1, 'true')", "sets_local", StringSyntax::kBackslash},
      {"SELECT set_config('a', $1, 'tr'\n'ue')", "set sets"},
      {"SELECT \xd1\x84(1)", "function"},
      {"SELECT a FROM \xd1\x84 \xd1\x8f(b)", "none"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(Verdict(test.text, test.syntax) == test.verdict);
  }
}

TEST_CASE("Judge asks for names that fit and never for the user") {
  const std::string a63(63, 'a');
  const std::string a64(64, 'a');
  CHECK(Verdict("SET " + a63 + "." + a63 + " = 1") == "sets");
  CHECK(Verdict("SET " + a63 + "." + a63 + ".a = 1") == "set sets");
  CHECK(Verdict("SET " + a64 + " = 1") == "set sets");
  CHECK(Verdict("SET role = a") == "set sets");
  CHECK(Verdict("SET \"session_authorization\" = a") == "set sets");
  CHECK(Verdict("SELECT " + a64 + "(1)") == "function");
  CHECK(Verdict("SELECT \"" + a64 + "\"(1)") == "function");
  CHECK(Verdict("SELECT " + a64 + ".lower(1)") == "function");
}

TEST_CASE("Judge excuses nothing in parentheses too deep to remember") {
  for (const size_t depth : {1U, 62U, 63U, 64U, 65U, 200U, 100000U}) {
    const std::string open(depth, '(');
    const std::string close(depth, ')');
    CAPTURE(depth);
    CHECK(Verdict("SELECT " + open + "f(1)" + close) == "function");
    CHECK(Verdict("SELECT " + open + "lower('a')" + close) == "none");
    CHECK(Verdict("SELECT " + open + "DISTINCT ON (a) f(1)" + close) == "function");
    CHECK(Verdict("SELECT " + open + "WITH x AS (SELECT 1), y AS (SELECT 2) SELECT 1, f(1)" +
                  close) == "function");
    CHECK(Verdict("SELECT " + open + "SELECT 1 FROM t GROUP BY a" + close + ", rollup(1)") ==
          "function");
    CHECK(Verdict("SELECT 1" + close + " UNION SELECT lower('a')") == "none");
  }
}

TEST_CASE("Judge reads long texts") {
  std::string text = "INSERT INTO t (a, b) VALUES ";
  for (int i = 0; i < 100000; ++i) text += "(1, 'it''s (f(1))'), ";
  CHECK(Verdict(text) == "touches_sequences");
  CHECK(Verdict(text + "(f(1), 2)") == "function touches_sequences");
  for (const char* part :
       {"operator(", "a.", "INTO TEMP ", "'a'\n", "EXPLAIN ", "SET SESSION ", "$a", "/*", "E'\\",
        "ON CONFLICT ", "PREPARE TRANSACTION ", "set_config(", "set_config(1,2,"}) {
    std::string repeated = "SELECT ";
    for (int i = 0; i < 100000; ++i) repeated += part;
    JudgeText(repeated);
    JudgeText(std::string_view(repeated).substr(7));
  }
}

TEST_CASE("Judge survives every prefix of every text, and calls no broken one clean") {
  for (const Line& line : GoldenLines()) {
    for (size_t size = 0; size <= line.text.size(); ++size) {
      const std::vector<char> copy(line.text.begin(),
                                   line.text.begin() + static_cast<ptrdiff_t>(size));
      const std::string_view prefix(copy.data(), copy.size());
      JudgeText(prefix, StringSyntax::kBackslash);
      const bool is_unjudged = JudgeText(prefix).Has(StateEffect::kUnjudged);
      if (!is_unjudged && HasBrokenToken(prefix)) FAIL(std::string(prefix));
    }
  }
}

TEST_CASE("Judge survives every string up to five nasty bytes") {
  const std::string_view alphabet = "'\"$a/*-;\\(E";
  for (size_t length = 0; length <= 5; ++length) {
    std::vector<size_t> digits(length, 0);
    std::vector<char> text(length, alphabet[0]);
    for (bool more = true; more;) {
      for (size_t i = 0; i < length; ++i) text[i] = alphabet[digits[i]];
      const std::string_view view(text.data(), text.size());
      const StateEffects effects = JudgeText(view);
      // None of these bytes begins a command, but a parenthesis begins a query.
      const bool is_clean = !effects.MayLeaveState();
      if (is_clean && HasBrokenToken(view)) FAIL(std::string(view));
      size_t place = 0;
      while (place < length && ++digits[place] == alphabet.size()) digits[place++] = 0;
      more = place < length;
    }
  }
}

TEST_CASE("Judge finds a call among random words") {
  // Pieces of statements in random order. Where the call of set_config stands behind
  // what an expression can begin with, it must be found, whatever is around it.
  const char* const pieces[] = {
      "SELECT", "a",   "FROM",     "t",      "(",   ")",      ",",      "AS",       "WITH",
      "INTO",   "ON",  "USING",    "GROUP",  "BY",  "'x'",    "1",      "$1",       "JOIN",
      "SET",    "x.y", "\"q\"",    "::",     "int", "ROLLUP", "lower(", "DISTINCT", "COPY",
      "TEMP",   "DO",  "CONFLICT", "VALUES", "[",   "]",      "*",      "EXECUTE"};
  const char* const leads[] = {"SELECT ", "= ",         "+ ",      "WHERE ",  "AND ",
                               "NOT ",    "THEN ",      "WHEN ",   "ELSE ",   "OR ",
                               "LIMIT ",  "RETURNING ", "HAVING ", "BETWEEN "};
  pglynx::SeededRandom random(11);
  const auto add_pieces = [&](std::string& text) {
    for (uint64_t count = random.Next64() % 12; count > 0; --count) {
      text += pieces[random.Next64() % std::size(pieces)];
      text += ' ';
    }
  };
  for (int round = 0; round < 50000; ++round) {
    std::string text = "SELECT ";
    add_pieces(text);
    text += leads[random.Next64() % std::size(leads)];
    text += "set_config('a', 'b', false) ";
    add_pieces(text);
    if (!JudgeText(text).Has(StateEffect::kSetsUntracked)) FAIL(text);
  }
}

TEST_CASE("PinReason names the first reason to pin") {
  StateEffects effects;
  CHECK(effects.empty());
  CHECK_FALSE(effects.MayLeaveState());
  CHECK(PinReason(effects).empty());
  CHECK(Describe(effects) == "none");
  for (const StateEffect effect :
       {StateEffect::kReset, StateEffect::kDiscard, StateEffect::kDeallocate,
        StateEffect::kDeallocateAll, StateEffect::kTouchesSequences, StateEffect::kReadsSequences,
        StateEffect::kExecute, StateEffect::kCopy, StateEffect::kSets, StateEffect::kReleases,
        StateEffect::kBegins, StateEffect::kEnds, StateEffect::kDiscardsPlans,
        StateEffect::kSetsLocal}) {
    CHECK_FALSE(effects.Has(effect));
    effects.Add(effect);
    CHECK(effects.Has(effect));
  }
  CHECK_FALSE(effects.MayLeaveState());
  CHECK(PinReason(effects).empty());
  CHECK(Describe(effects) ==
        "reset discard deallocate deallocate_all touches_sequences reads_sequences execute copy "
        "sets releases begins ends discards_plans sets_local");

  const struct {
    StateEffect effect;
    const char* reason;
  } reasons[] = {
      {StateEffect::kUnjudged, "unjudged"},
      {StateEffect::kFunction, "function"},
      {StateEffect::kCall, "call"},
      {StateEffect::kDo, "do"},
      {StateEffect::kAdvisoryLock, "advisory_lock"},
      {StateEffect::kTemporary, "temporary"},
      {StateEffect::kLoad, "load"},
      {StateEffect::kCursor, "cursor"},
      {StateEffect::kListen, "listen"},
      {StateEffect::kPrepare, "prepare"},
      {StateEffect::kSetsUntracked, "set"},
  };
  for (const auto& reason : reasons) {
    StateEffects alone;
    alone.Add(reason.effect);
    CHECK(alone.MayLeaveState());
    CHECK(PinReason(alone) == reason.reason);
    effects.Add(alone);
    CHECK(effects.MayLeaveState());
    CHECK(PinReason(effects) == reason.reason);  // each is stronger than those before it
  }
  CHECK_FALSE(effects.Has(StateEffect::kNone));
}
