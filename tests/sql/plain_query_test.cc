// Goal: what IsPlainQuery lets pass has no effect that a full reading would find. Method: texts by
// hand, and random ones made of all that either of them looks at, read by both.
#include "sql/plain_query.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/core/random.h"
#include "sql/statement_judge.h"
#include "support/catch.h"

using pglynx::sql::IsPlainQuery;
using pglynx::sql::StatementJudge;
using pglynx::sql::StringSyntax;

namespace {

class NoneTracked final : public pglynx::sql::TrackedParameters {
 public:
  [[nodiscard]] bool IsTracked(std::string_view) const override { return false; }
};

std::string FullReading(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  const NoneTracked none;
  return Describe(StatementJudge(text, syntax, none).Run());
}

constexpr auto kPieces = std::to_array<std::string_view>(
    {"select ",   "SELECT ",    "update ",   "delete ",    "from ",       "t ",       "pg_temp",
     "pg_temp_3", "PG_TEMP",    "\"pg_",     "temp",       "\"",          "'",        "''",
     "\"\"",      "E'",         "e",         "U&",         "u&\"",        "N'",       "x",
     "\\",        "$",          "$$",        "$1",         "(",           ")",        "[",
     "]",         ",",          ".",         "..",         ":",           "::",       ":=",
     ";",         "; ",         " ",         "\n",         "\t",          "\r",       "-",
     "--",        "/",          "*",         "/*",         "*/",          "+",        "=",
     "<",         "!",          "1",         "0x1f",       "1e5",         "1_000",    "12.5",
     "into ",     "INTO ",      "temporary", "with ",      "as ",         "execute ", "insert ",
     "merge ",    "default",    "conflict",  "on ",        "do ",         "by ",      "group ",
     "nextval",   "set_config", "lock",      "upper",      "count(",      "in ",      "distinct ",
     "operator",  "treat(",     "exists ",   "mine",       "pg_catalog.", "where ",   "and ",
     "set ",      "a",          "p",         "pgbench ",   "for ",        "\xc3\xa9", "\v",
     "{",         "create ",    "table ",    "returning ", "null",        "values "});

std::string RandomText(pglynx::Random& random) {
  std::string text(kPieces[random.Next64() % 4]);
  const uint64_t pieces = random.Next64() % 12;
  for (uint64_t i = 0; i < pieces; ++i) text += kPieces[random.Next64() % kPieces.size()];
  return text;
}

}  // namespace

TEST_CASE("Queries without anything special are plain") {
  for (const std::string_view text : {
           "SELECT abalance FROM pgbench_accounts WHERE aid = 4711",
           "select 1;",
           "select 1; \n",
           "SELECT \"app_user\".\"id\" FROM \"app_user\" WHERE \"app_user\".\"name\" = 'it''s' "
           "LIMIT 21",
           "update t set a = a - 1, b = 'x' where id = 7 returning a",
           "DELETE FROM t WHERE at < '2026-01-01'::date and a[1] / 2 > -1",
           "SELECT UPPER(a.b::text), count(*) FROM a JOIN b ON (a.c = $1) WHERE (a.d IN ($2, $3))",
           "select (select max(a) from t where not (b or (c))) + (1)",
           "select * from t order by a group by b for update",
       }) {
    CAPTURE(text);
    CHECK(IsPlainQuery(text, StringSyntax::kStandard));
    CHECK(FullReading(text) == "none");
  }
}

TEST_CASE("What may mean more is not plain") {
  for (const std::string_view text : {
           "",
           "select",
           "selects 1",
           "insert into t values (1)",
           "select nextval('s')",
           "select 1; select 2",
           "select 1; -- and\n",
           "select * into temp t from u",
           "select * from pg_temp.t",
           "select * from \"pg_temp\".t",
           "select * from \"x\"\"pg_temp\"",
           "select U&\"\\0070g_temp\".a from b",
           "select e'\\'' into temp t",
           "select 'a",
           "select a$1",
           "select $1a",
           "select $1$2",
           "select public.upper(a)",
           "select public . upper(a)",
           "select \"upper\"(a)",
           "select treat(a as t)",
           "select mine(a)",
           "select * from t group by (a)",
           "select $$ $$",
           "select 1 /* x */",
           "select 1 --x",
           "with a as materialized",
           "update t set id = default",
           "select 1\v",
           "select {",
       }) {
    CAPTURE(text);
    CHECK_FALSE(IsPlainQuery(text, StringSyntax::kStandard));
  }
  CHECK_FALSE(IsPlainQuery("select '\\' into temp t from u --'", StringSyntax::kBackslash));
}

TEST_CASE("What is plain has no effect") {
  pglynx::SeededRandom random(8);
  int plain = 0;
  for (int i = 0; i < 300'000; ++i) {
    const std::string text = RandomText(random);
    if (!IsPlainQuery(text, StringSyntax::kStandard)) continue;
    ++plain;
    if (FullReading(text) != "none") FAIL(text << " has " << FullReading(text));
  }
  CHECK(plain > 10'000);
}
