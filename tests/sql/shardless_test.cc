// Goal: no text that may read or change what a shard holds is sent to any shard, and the queries
// by which drivers and tools look at the catalogs are. Method: the table
// tests/golden/sql_shardless.txt; a relation, a function or a type of a user put into every place
// of the texts in it that need no shard; every prefix of every text; random tokens.
#include "pglynx/sql/shardless.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/core/random.h"
#include "sql/harmless_functions.h"
#include "support/catch.h"

namespace {

using pglynx::sql::EqualsIgnoreCase;
using pglynx::sql::Lexer;
using pglynx::sql::NeedsShard;
using pglynx::sql::StringSyntax;
using pglynx::sql::Token;
using pglynx::sql::TokenKind;

bool Needs(std::string_view text) {
  return NeedsShard(text, StringSyntax::kStandard);
}

struct Line {
  std::string text;
  bool needs = false;
};

std::vector<Line> GoldenLines() {
  std::ifstream file(PGLYNX_SOURCE_DIR "/tests/golden/sql_shardless.txt");
  REQUIRE(file.is_open());
  std::vector<Line> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] == '#') continue;
    const size_t tab = line.rfind('\t');
    REQUIRE(tab != std::string::npos);
    const std::string verdict = line.substr(tab + 1);
    REQUIRE((verdict == "any" || verdict == "needs"));
    lines.push_back({line.substr(0, tab), verdict == "needs"});
  }
  return lines;
}

std::vector<Token> TokensOf(std::string_view text) {
  std::vector<Token> tokens;
  Lexer lexer(text, StringSyntax::kStandard);
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    tokens.push_back(token);
  }
  return tokens;
}

bool IsWord(const Token& token, std::string_view lower_case) {
  return token.kind == TokenKind::kWord && EqualsIgnoreCase(token.text(), lower_case);
}

bool IsAnyWord(const Token& token, const std::vector<std::string_view>& lower_case) {
  for (const std::string_view word : lower_case) {
    if (IsWord(token, word)) return true;
  }
  return false;
}

bool IsQuery(const std::vector<Token>& tokens) {
  if (tokens.empty()) return false;
  return tokens[0].kind == TokenKind::kOpenParen ||
         IsAnyWord(tokens[0], {"select", "values", "with"});
}

// The texts of one query that need no shard.
std::vector<std::string> ShardlessQueries() {
  std::vector<std::string> queries;
  for (Line& line : GoldenLines()) {
    const std::vector<Token> tokens = TokensOf(line.text);
    bool is_one = IsQuery(tokens);
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      is_one = is_one && tokens[i].kind != TokenKind::kSemicolon;
    }
    if (!is_one || line.needs) continue;
    if (tokens.back().kind == TokenKind::kSemicolon) line.text.erase(line.text.rfind(';'));
    queries.push_back(line.text + "\n");  // ends a comment
  }
  return queries;
}

// Which tokens are the FROM of a query: not that of EXTRACT(a FROM b) and its kin, not that of
// IS DISTINCT FROM, and not a label or field.
std::vector<size_t> FromClauses(const std::vector<Token>& tokens) {
  std::vector<size_t> clauses;
  std::vector<bool> is_grammar_call;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token before = i > 0 ? tokens[i - 1] : Token();
    if (tokens[i].kind == TokenKind::kOpenParen) {
      is_grammar_call.push_back(IsAnyWord(before, {"extract", "substring", "trim", "overlay"}));
    } else if (tokens[i].kind == TokenKind::kCloseParen && !is_grammar_call.empty()) {
      is_grammar_call.pop_back();
    } else if (IsWord(tokens[i], "from")) {
      const bool is_inner = !is_grammar_call.empty() && is_grammar_call.back();
      const bool is_other = IsAnyWord(before, {"as", "distinct"}) || before.kind == TokenKind::kDot;
      if (!is_inner && !is_other) clauses.push_back(i);
    }
  }
  return clauses;
}

// Where the FROM list ends that begins behind token `from`: the first token that is not in it.
size_t FromListEnd(const std::vector<Token>& tokens, size_t from) {
  size_t depth = 0;
  for (size_t i = from + 1; i < tokens.size(); ++i) {
    if (tokens[i].kind == TokenKind::kOpenParen) ++depth;
    if (tokens[i].kind == TokenKind::kCloseParen && depth-- == 0) return i;
    const bool ends = IsAnyWord(tokens[i], {"where", "group", "having", "order", "limit", "offset",
                                            "union", "intersect", "except"});
    if (ends && depth == 0) return i;
  }
  return tokens.size();
}

// `text` with `inserted` before token `at`, in place of the next `replaced` tokens.
std::string With(const std::string& text, const std::vector<Token>& tokens, size_t at,
                 const std::string& inserted, size_t replaced = 0) {
  const auto offset = [&](size_t i) {
    return i < tokens.size() ? static_cast<size_t>(tokens[i].begin - text.data()) : text.size();
  };
  return text.substr(0, offset(at)) + " " + inserted + " " + text.substr(offset(at + replaced));
}

std::string Respelled(std::string_view text, const char* between) {
  std::string respelled;
  for (const Token& token : TokensOf(text)) {
    for (const char byte : token.text()) {
      respelled += token.kind == TokenKind::kWord
                       ? static_cast<char>(std::toupper(static_cast<unsigned char>(byte)))
                       : byte;
    }
    respelled += between;
  }
  return respelled;
}

bool HasBrokenToken(std::string_view text) {
  for (const Token& token : TokensOf(text)) {
    if (token.kind == TokenKind::kInvalid || token.kind == TokenKind::kUnterminated) return true;
  }
  return false;
}

// What stands between the bars of a text.
std::vector<std::string> Parts(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('|', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

TEST_CASE("NeedsShard judges the golden table") {
  const std::vector<Line> lines = GoldenLines();
  CHECK(lines.size() > 400);
  for (const Line& line : lines) {
    CAPTURE(line.text);
    CHECK(Needs(line.text) == line.needs);
  }
}

TEST_CASE("NeedsShard does not care for case, space and comments") {
  for (const Line& line : GoldenLines()) {
    if (HasBrokenToken(line.text)) continue;
    CAPTURE(line.text);
    CHECK(Needs(Respelled(line.text, " ")) == line.needs);
    CHECK(Needs(Respelled(line.text, "/* ; f(1) */")) == line.needs);
    CHECK(Needs(Respelled(line.text, "-- FROM orders\n/* ' */ ")) == line.needs);
  }
}

TEST_CASE("NeedsShard is true of several statements if it is of one") {
  const std::vector<Line> lines = GoldenLines();
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    if (HasBrokenToken(lines[i].text)) continue;
    CAPTURE(lines[i].text, lines[i + 1].text);
    CHECK(Needs(lines[i].text + "\n;" + lines[i + 1].text) ==
          (lines[i].needs || lines[i + 1].needs));
    CHECK(Needs(lines[i].text + "\n; SELECT * FROM orders"));
  }
}

TEST_CASE("NeedsShard finds a user's relation in every FROM list") {
  size_t lists = 0;
  for (const std::string& query : ShardlessQueries()) {
    const std::vector<Token> tokens = TokensOf(query);
    for (const size_t from : FromClauses(tokens)) {
      ++lists;
      CAPTURE(query, from);
      const size_t end = FromListEnd(tokens, from);
      CHECK(Needs(With(query, tokens, from + 1, "orders,")));
      CHECK(Needs(With(query, tokens, from + 1, "\"Orders\" o CROSS JOIN")));
      CHECK(Needs(With(query, tokens, end, ", orders")));
      CHECK(Needs(With(query, tokens, end, ", LATERAL (SELECT FROM ONLY app.orders) o")));
      CHECK(Needs(With(query, tokens, end, "NATURAL JOIN orders")));
      CHECK(Needs(With(query, tokens, end, "LEFT JOIN orders ON true")));
      CHECK(Needs(With(query, tokens, end, ", f(1)")));
      // Not because of where it stands.
      CHECK_FALSE(Needs(With(query, tokens, end, ", pg_class")));
      CHECK_FALSE(Needs(With(query, tokens, end, "LEFT JOIN pg_class ON true")));
    }
  }
  CHECK(lists > 150);
}

TEST_CASE("NeedsShard finds a user's relation in place of any other") {
  size_t relations = 0;
  for (const std::string& query : ShardlessQueries()) {
    const std::vector<Token> tokens = TokensOf(query);
    const std::vector<size_t> clauses = FromClauses(tokens);
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const bool is_from = std::find(clauses.begin(), clauses.end(), i) != clauses.end();
      if (!is_from && !IsWord(tokens[i], "join")) continue;
      const TokenKind next = tokens[i + 1].kind;
      if (next != TokenKind::kWord && next != TokenKind::kQuotedWord) continue;
      const bool is_qualified = i + 2 < tokens.size() && tokens[i + 2].kind == TokenKind::kDot;
      ++relations;
      CAPTURE(query, i);
      CHECK(Needs(With(query, tokens, i + 1, "orders", is_qualified ? 3 : 1)));
      CHECK(Needs(With(query, tokens, i + 1, "app.pg_class", is_qualified ? 3 : 1)));
    }
  }
  CHECK(relations > 150);
}

TEST_CASE("NeedsShard finds what a user has made in place of any number or parameter") {
  size_t places = 0;
  for (const std::string& query : ShardlessQueries()) {
    const std::vector<Token> tokens = TokensOf(query);
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].kind != TokenKind::kNumber && tokens[i].kind != TokenKind::kParameter) continue;
      ++places;
      CAPTURE(query, i);
      for (const char* users : {"(SELECT max(a) FROM orders)", "(TABLE orders)", "f(1)",
                                "CAST(1 AS app.quantity)", "(1 === 1)", "ARRAY(SELECT f(1))[1]"}) {
        CHECK(Needs(With(query, tokens, i, users, 1)));
      }
      CHECK_FALSE(Needs(With(query, tokens, i, "(SELECT max(a) FROM pg_class)", 1)));
    }
  }
  CHECK(places > 200);
}

TEST_CASE("NeedsShard finds a user's relation beside and around a query that needs no shard") {
  for (const std::string& query : ShardlessQueries()) {
    CAPTURE(query);
    CHECK_FALSE(Needs("SELECT * FROM (" + query + ") q"));
    CHECK_FALSE(Needs("WITH q AS (" + query + ") SELECT * FROM q, (" + query + ") r"));
    CHECK_FALSE(Needs("SELECT EXISTS (" + query + "), ARRAY(" + query + ") UNION (" + query + ")"));
    CHECK(Needs("SELECT * FROM (" + query + ") q, orders"));
    CHECK(Needs("SELECT * FROM orders JOIN LATERAL (" + query + ") q ON true"));
    CHECK(Needs("WITH q AS (" + query + ") SELECT * FROM q, orders"));
    CHECK(Needs("WITH q AS (" + query + "), r AS (TABLE orders) SELECT * FROM q"));
    CHECK(Needs("SELECT (" + query + ") FROM orders"));
    CHECK(Needs("(" + query + ") UNION ALL SELECT a FROM orders"));
    CHECK(Needs("EXPLAIN " + query));
    CHECK(Needs("CREATE TABLE a AS " + query));
    CHECK(Needs("DECLARE c CURSOR FOR " + query));
    CHECK(Needs("INSERT INTO orders " + query));
    for (const char* lock : {"UPDATE", "NO KEY UPDATE", "SHARE NOWAIT", "KEY SHARE OF c"}) {
      CHECK(Needs(query + " FOR " + lock));
    }
  }
}

TEST_CASE("NeedsShard lets harmless functions be called, but for those that one shard answers") {
  size_t of_shards = 0;
  for (const std::string_view name : pglynx::sql::HarmlessFunctions()) {
    const std::string call = '"' + std::string(name) + "\"(1)";
    CAPTURE(call);
    const bool needs = Needs("SELECT " + call);
    of_shards += needs ? 1 : 0;
    CHECK(Needs("SELECT pg_catalog." + call) == needs);
    CHECK(Needs("SELECT * FROM " + call) == needs);
    CHECK(Needs("SELECT app." + call));
  }
  CHECK(of_shards == 32);
  CHECK_FALSE(Needs("SELECT \"set_config\"(1)"));
}

TEST_CASE("NeedsShard reads several lines and other settings as the server does") {
  struct Case {
    const char* text;
    bool needs;
    StringSyntax syntax = StringSyntax::kStandard;
  };
  const Case cases[] = {
      {"SELECT 1\n-- FROM orders\n", false},
      {"SELECT 1 -- x\n FROM orders", true},
      {"SELECT *\n\tFROM\r\n\tpg_catalog\n.\n-- x\npg_class\n", false},
      {"SELECT 'a'\n' FROM orders'", false},
      {"SELECT 'a\\', 1 FROM orders", true},
      {"SELECT 'a\\', 1 FROM orders --'", false, StringSyntax::kBackslash},
      {"SELECT 'a\\', ' FROM orders --'", false},
      {"SELECT 'a\\', ' FROM orders --'", true, StringSyntax::kBackslash},
      {"SELECT 'a\\', '", false, StringSyntax::kBackslash},
      {"SELECT 'a\\', '", true},
      {"SET a = 'b\\'; SELECT * FROM orders; --'", true},
      {"SET a = 'b\\'; SELECT * FROM orders; --'", false, StringSyntax::kBackslash},
      {"SELECT $$\n$$ FROM pg_class", false},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(NeedsShard(test.text, test.syntax) == test.needs);
  }
}

TEST_CASE("NeedsShard goes so deep and remembers so many names") {
  const auto nested = [](const std::string& open, size_t depth, const std::string& close) {
    std::string text = "SELECT ";
    for (size_t i = 0; i < depth; ++i) text += open;
    text += '1';
    for (size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  for (const auto& [open, close] : {std::pair<const char*, const char*>{"(", ")"},
                                    {"a[", "]"},
                                    {"lower(", ")"},
                                    {"CAST(", " AS text)"},
                                    {"(SELECT ", ")"},
                                    {"EXISTS (SELECT FROM pg_class WHERE ", ")"}}) {
    CAPTURE(open);
    CHECK_FALSE(Needs(nested(open, 32, close)));
    CHECK(Needs(nested(open, 33, close)));
    CHECK(Needs(nested(open, 200000, close)));
    CHECK(Needs(nested(open, 200000, "")));
  }
  std::string names = "WITH a0 AS (SELECT 1)";
  for (int i = 1; i < 32; ++i) names += ", a" + std::to_string(i) + " AS (SELECT 1)";
  CHECK_FALSE(Needs(names + " SELECT * FROM a0, a31"));
  CHECK(Needs(names + ", a32 AS (SELECT 1) SELECT * FROM a0"));
  const std::string a63(63, 'a');
  CHECK_FALSE(Needs("WITH " + a63 + " AS (SELECT 1) SELECT * FROM " + a63));
  CHECK(Needs("WITH " + a63 + " AS (SELECT 1) SELECT * FROM " + a63 + "a"));
  CHECK(Needs("WITH " + a63 + "a AS (SELECT 1) SELECT * FROM " + a63 + "a"));
  CHECK(Needs("WITH " + a63 + "a AS (SELECT 1) SELECT * FROM " + a63));
}

TEST_CASE("NeedsShard is linear in long texts") {
  std::string list = "SELECT 1";
  std::string joins = "SELECT * FROM pg_class";
  std::string unions = "SELECT 1";
  std::string statements;
  for (int i = 0; i < 50000; ++i) {
    list += ", lower('a')";
    joins += " JOIN pg_class ON a LIKE 'b'";
    unions += " UNION SELECT 1";
    statements += "BEGIN; SELECT 1; COMMIT; ";
  }
  for (const std::string& text : {list, joins, unions, statements}) {
    CHECK_FALSE(Needs(text));
    CHECK(Needs(text + " FROM orders"));
  }
}

TEST_CASE("NeedsShard survives every prefix of every text and random tokens") {
  for (const Line& line : GoldenLines()) {
    const size_t step = 1 + line.text.size() / 200;
    for (size_t size = 0; size < line.text.size(); size += step) {
      (void)Needs(std::string(line.text, 0, size));
    }
  }
  const std::vector<std::string> words = Parts(
      "select|from|where|with|recursive|as|join|left|on|using|union|all|order|by|limit|"
      "values|table|into|for|update|(|)|[|]|,|.|;|*|=|::|cast|is|distinct|filter|over|"
      "lateral|only|orders|f(1)|mood|pg_class|pg_am a|lower(a)|1|'a'|$1|a|t|null|"
      "operator|\"a\"|text|exists|\\|'|/*|extract|like|zone|group|U&\"a\"|array|except|"
      "with a as (select 1) |::int|within|distinct on (1)");
  pglynx::SeededRandom random(20240607);
  size_t shardless = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string text = random.Next64() % 4 == 0 ? "" : "select ";
    for (uint64_t left = 1 + random.Next64() % 14; left > 0; --left) {
      text += words[random.Next64() % words.size()];
      text += ' ';
    }
    if (Needs(text)) continue;
    ++shardless;
    const std::vector<Token> tokens = TokensOf(text);
    for (size_t i = 0; i < tokens.size(); ++i) {
      const bool is_label =
          i > 0 && (IsWord(tokens[i - 1], "as") || tokens[i - 1].kind == TokenKind::kDot);
      if (is_label) continue;
      CAPTURE(text);
      CHECK_FALSE(IsAnyWord(tokens[i], {"into", "table"}));
      CHECK_FALSE((IsWord(tokens[i], "f") && i + 1 < tokens.size() &&
                   tokens[i + 1].kind == TokenKind::kOpenParen));
      CHECK_FALSE((i > 0 && IsWord(tokens[i], "orders") && IsWord(tokens[i - 1], "join")));
    }
  }
  CHECK(shardless > 1000);
}
