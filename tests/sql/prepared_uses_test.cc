// Goal: every name of a statement prepared in SQL is found where it stands, and nothing else is
// taken for one. Method: tables with the names cut out of the text; every prefix; agreement
// with the judge over its table.
#include "pglynx/sql/prepared_uses.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/sql/judge.h"
#include "support/catch.h"

namespace {

using pglynx::sql::FindPreparedUses;
using pglynx::sql::PreparedUse;
using pglynx::sql::StateEffect;
using pglynx::sql::StateEffects;
using pglynx::sql::StringSyntax;

using Uses = std::optional<std::vector<PreparedUse>>;

const char* NameOf(PreparedUse::Kind kind) {
  switch (kind) {
    case PreparedUse::Kind::kPrepare:
      return "prepare";
    case PreparedUse::Kind::kExecute:
      return "execute";
    case PreparedUse::Kind::kDeallocate:
      return "deallocate";
    case PreparedUse::Kind::kDeallocateAll:
      return "deallocate_all";
    case PreparedUse::Kind::kDiscardAll:
      return "discard_all";
    case PreparedUse::Kind::kDiscardPlans:
      return "discard_plans";
  }
  return "?";
}

Uses Find(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  return FindPreparedUses({copy.data(), copy.size()}, syntax);
}

// Each use as kind:name, spaces between; "-" without any, "broken" for nullopt.
std::string Found(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  const Uses uses = Find(text, syntax);
  if (!uses) return "broken";
  std::string found;
  for (const PreparedUse& use : *uses) {
    if (!found.empty()) found += ' ';
    found += NameOf(use.kind);
    if (!use.name.empty()) found += ":" + use.name;
  }
  return found.empty() ? "-" : found;
}

// The text with every name's token replaced by <kind>, every statement's in {}.
std::string Marked(std::string_view text) {
  const Uses uses = Find(text);
  if (!uses) return "broken";
  std::string marked;
  size_t at = 0;
  for (const PreparedUse& use : *uses) {
    marked += text.substr(at, use.statement_at - at);
    marked += '{';
    marked += text.substr(use.statement_at, use.name_at - use.statement_at);
    marked += '<' + std::to_string(use.statement) + '>';
    at = use.name_at + use.name_bytes;
    marked += text.substr(at, use.statement_at + use.statement_bytes - at);
    marked += '}';
    at = use.statement_at + use.statement_bytes;
  }
  marked += text.substr(at);
  return marked;
}

const std::pair<const char*, const char*> kTexts[] = {
    {"", "-"},
    {" ;; -- PREPARE p AS SELECT 1", "-"},
    {"PREPARE p AS SELECT 1", "prepare:p"},
    {"prepare P(int, numeric(10, 2)) as select $1;", "prepare:p"},
    {"/* x */ Prepare /* y */ \"P\" -- z\n AS SELECT 1", "prepare:P"},
    {"PREPARE \"a\"\"b c;\" AS SELECT 1", "prepare:a\"b c;"},
    {"PREPARE transaction AS SELECT 1", "prepare:transaction"},
    {"PREPARE TRANSACTION 'x'", "-"},
    {"PREPARE TRANSACTION E'x'", "-"},
    {"PREPARE TRANSACTION $$x$$", "-"},
    {"PREPARE p AS SELECT 1 AS execute", "prepare:p"},
    {"PREPARE p AS SELECT 'EXECUTE q; DEALLOCATE r'", "prepare:p"},
    {"PREPARE p AS SELECT $a$; EXECUTE q; $a$", "prepare:p"},
    {"EXECUTE p", "execute:p"},
    {"execute p (1, 'a', f(2))", "execute:p"},
    {"EXECUTE \"all\"(1)", "execute:all"},
    {"EXECUTE prepare", "execute:prepare"},
    {"EXPLAIN EXECUTE p", "execute:p"},
    {"EXPLAIN ANALYZE VERBOSE EXECUTE p(1)", "execute:p"},
    {"explain (analyze, format json) execute p(1)", "execute:p"},
    {"EXPLAIN (COSTS (off)) EXECUTE p", "execute:p"},
    {"EXPLAIN SELECT 1", "-"},
    {"EXPLAIN (SELECT 1)", "-"},
    {"CREATE TABLE t AS EXECUTE p", "execute:p"},
    {"CREATE TEMP TABLE IF NOT EXISTS s.t (a, b) WITH (x = 1) ON COMMIT DROP AS EXECUTE p(1) "
     "WITH NO DATA",
     "execute:p"},
    {"create unlogged table t as execute \"p\" with data", "execute:p"},
    {"CREATE GLOBAL TEMPORARY TABLE t AS EXECUTE p", "execute:p"},
    {"EXPLAIN ANALYZE CREATE LOCAL TEMP TABLE t AS EXECUTE p", "execute:p"},
    {"CREATE TABLE t AS SELECT 1 AS execute FROM u", "-"},
    {"CREATE TABLE t (a int GENERATED ALWAYS AS (b) STORED)", "-"},
    {"CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(1)", "-"},
    {"GRANT EXECUTE ON FUNCTION f(int) TO u", "-"},
    {"SELECT 1 AS execute, prepare FROM deallocate", "-"},
    {"SELECT U&\"a\"", "-"},
    {"DO $$ BEGIN EXECUTE 'x'; END $$", "-"},
    {"DEALLOCATE p", "deallocate:p"},
    {"deallocate prepare \"P\";", "deallocate:P"},
    {"DEALLOCATE PREPARE", "deallocate:prepare"},
    {"DEALLOCATE prepare;", "deallocate:prepare"},
    {"DEALLOCATE \"all\"", "deallocate:all"},
    {"DEALLOCATE ALL", "deallocate_all"},
    {"deallocate prepare all", "deallocate_all"},
    {"DISCARD ALL", "discard_all"},
    {"discard /* x */ plans;", "discard_plans"},
    {"DISCARD TEMP", "-"},
    {"DISCARD SEQUENCES", "-"},
    {"DEALLOCATE a; PREPARE a AS SELECT 1; EXECUTE a; ; DISCARD PLANS;DEALLOCATE ALL",
     "deallocate:a prepare:a execute:a discard_plans deallocate_all"},
    {"BEGIN; EXECUTE a(';'); COMMIT", "execute:a"},
    {"CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b); EXECUTE p", "execute:p"},
    {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END AS end, t.case; "
     "SELECT 2; END; EXECUTE p",
     "execute:p"},
    {"CREATE OR REPLACE PROCEDURE f(\"begin\" int) BEGIN ATOMIC SELECT 1; END; DEALLOCATE p",
     "deallocate:p"},
    {"CREATE TABLE t (begin atomic); DEALLOCATE p", "deallocate:p"},
    {"EXECUTE \xc3\xa9T\xc3\x89", "execute:\xc3\xa9t\xc3\x89"},
};

const std::pair<const char*, const char*> kBroken[] = {
    {"PREPARE", "broken"},
    {"PREPARE p", "broken"},
    {"PREPARE p SELECT 1", "broken"},
    {"PREPARE 1 AS SELECT 1", "broken"},
    {"PREPARE 'p' AS SELECT 1", "broken"},
    {"PREPARE select AS SELECT 1", "broken"},
    {"PREPARE left AS SELECT 1", "broken"},
    {"PREPARE TRANSACTION", "broken"},
    {"PREPARE U&\"p\" AS SELECT 1", "broken"},
    {"PREPARE \"\" AS SELECT 1", "broken"},
    {"PREPARE p AS SELECT 'a", "broken"},
    {"PREPARE p AS SELECT \\", "broken"},
    {"PREPARE p AS SELECT (1", "broken"},
    {"EXECUTE", "broken"},
    {"EXECUTE a.b", "broken"},
    {"EXECUTE U&\"a\"", "broken"},
    {"EXECUTE p; SELECT $a", "broken"},
    {"EXPLAIN EXECUTE", "broken"},
    {"CREATE TABLE t AS EXECUTE", "broken"},
    {"DEALLOCATE", "broken"},
    {"DEALLOCATE ;", "broken"},
    {"DEALLOCATE a b", "broken"},
    {"DEALLOCATE ALL x", "broken"},
    {"DEALLOCATE PREPARE U&\"a\"", "broken"},
    {"DISCARD ALL x", "broken"},
    {"DISCARD PLANS x", "broken"},
    {"/* x", "broken"},
    {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;", "broken"},
};

}  // namespace

TEST_CASE("FindPreparedUses finds the uses") {
  for (const auto& [text, expected] : kTexts) {
    INFO(text);
    CHECK(Found(text) == expected);
    CHECK(Found(text, StringSyntax::kBackslash) == expected);
  }
}

TEST_CASE("FindPreparedUses says what it cannot read") {
  for (const auto& [text, expected] : kBroken) {
    INFO(text);
    CHECK(Found(text) == expected);
    CHECK(Found(std::string("EXECUTE p; ") + text) == expected);
  }
  CHECK(Found("EXECUTE p('\\'')") == "broken");
  CHECK(Found("EXECUTE p('\\'')", StringSyntax::kBackslash) == "execute:p");
  CHECK(Found("EXECUTE p(E'\\'')") == "execute:p");
}

TEST_CASE("FindPreparedUses says where the names stand") {
  CHECK(Marked("PREPARE p AS SELECT 1") == "{PREPARE <0> AS SELECT 1}");
  CHECK(Marked(" ; EXECUTE \"a\"\"b\"(1) ; -- x") == " ; {EXECUTE <0>(1)} ; -- x");
  CHECK(Marked("SELECT 1;; EXECUTE a\n; DEALLOCATE/**/b/**/;") ==
        "SELECT 1;; {EXECUTE <1>}\n; {DEALLOCATE/**/<2>}/**/;");
  CHECK(Marked("/* x */DISCARD ALL; deallocate prepare all") ==
        "/* x */{DISCARD <0>}; {deallocate prepare <1>}");
  CHECK(Marked("EXPLAIN EXECUTE a (1) ;CREATE TABLE t AS EXECUTE b WITH DATA ") ==
        "{EXPLAIN EXECUTE <0> (1)} ;{CREATE TABLE t AS EXECUTE <1> WITH DATA} ");
  CHECK(Marked("CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b); EXECUTE p") ==
        "CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b); {EXECUTE <1>}");
}

TEST_CASE("FindPreparedUses cuts names as the server does") {
  const std::string a62(62, 'a');
  CHECK(Found("EXECUTE " + a62 + "b") == "execute:" + a62 + "b");
  CHECK(Found("EXECUTE " + a62 + "Bc") == "execute:" + a62 + "b");
  CHECK(Found("EXECUTE \"" + a62 + "\"\"c\"") == "execute:" + a62 + "\"");
  CHECK(Found("EXECUTE " + a62 + "\xc3\xa9") == "execute:" + a62);
  CHECK(Found("EXECUTE " + a62.substr(1) + "\xc3\xa9" + "a") ==
        "execute:" + a62.substr(1) + "\xc3\xa9");
  CHECK(Found("EXECUTE " + a62.substr(1) + "\xe2\x82\xac") == "execute:" + a62.substr(1));
  CHECK(Found("EXECUTE " + a62.substr(2) + "\xf0\x9f\x98\x80") == "execute:" + a62.substr(2));
}

TEST_CASE("FindPreparedUses ends on every prefix") {
  for (const auto& [whole, expected] : kTexts) {
    const std::string_view text = whole;
    for (size_t size = 0; size <= text.size(); ++size) Marked(text.substr(0, size));
  }
  for (const auto& [whole, expected] : kBroken) {
    const std::string_view text = whole;
    for (size_t size = 0; size <= text.size(); ++size) Marked(text.substr(0, size));
  }
}

TEST_CASE("FindPreparedUses reads long texts") {
  for (const char* part : {"EXECUTE p; ", "CREATE FUNCTION BEGIN ATOMIC CASE ", "EXPLAIN ",
                           "CREATE TABLE AS ", "(", "PREPARE TRANSACTION 'x'; "}) {
    std::string repeated;
    for (int i = 0; i < 100000; ++i) repeated += part;
    Find(repeated);
  }
  SUCCEED("ended");
}

TEST_CASE("FindPreparedUses finds what the judge finds") {
  class None final : public pglynx::sql::TrackedParameters {
   public:
    [[nodiscard]] bool IsTracked(std::string_view /*name*/) const override { return false; }
  };
  std::ifstream file(PGLYNX_SOURCE_DIR "/tests/golden/sql_judge.txt");
  REQUIRE(file.is_open());
  size_t texts = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string text = line.substr(0, line.rfind('\t'));
    const Uses uses = FindPreparedUses(text, StringSyntax::kStandard);
    if (!uses || text[0] == '#') continue;
    INFO(text);
    StateEffects found;
    for (const PreparedUse& use : *uses) {
      switch (use.kind) {
        case PreparedUse::Kind::kPrepare:
          found.Add(StateEffect::kPrepare);
          break;
        case PreparedUse::Kind::kExecute:
          found.Add(StateEffect::kExecute);
          break;
        case PreparedUse::Kind::kDeallocate:
          found.Add(StateEffect::kDeallocate);
          break;
        case PreparedUse::Kind::kDeallocateAll:
          found.Add(StateEffect::kDeallocateAll);
          break;
        case PreparedUse::Kind::kDiscardAll:
          found.Add(StateEffect::kDiscard);
          break;
        case PreparedUse::Kind::kDiscardPlans:
          found.Add(StateEffect::kDiscardsPlans);
          break;
      }
    }
    const StateEffects effects = Judge(text, StringSyntax::kStandard, None());
    for (const StateEffect effect :
         {StateEffect::kPrepare, StateEffect::kExecute, StateEffect::kDeallocate,
          StateEffect::kDeallocateAll, StateEffect::kDiscard, StateEffect::kDiscardsPlans}) {
      CHECK(effects.Has(effect) == found.Has(effect));
    }
    if (!uses->empty()) ++texts;
  }
  CHECK(texts > 15);
}
