// Goal: every parameter that a text may change for the session is named, or the text is called
// unknown. Method: a table; every prefix; agreement with the judge over its table.
#include "pglynx/sql/touched_settings.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/sql/judge.h"
#include "support/catch.h"

namespace {

using pglynx::sql::FindTouchedSettings;
using pglynx::sql::StateEffect;
using pglynx::sql::StateEffects;
using pglynx::sql::StringSyntax;
using pglynx::sql::TouchedSettings;

// The names with spaces between, then ALL and ? if so; "-" if nothing.
std::string Found(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  const TouchedSettings touched = FindTouchedSettings({copy.data(), copy.size()}, syntax);
  std::string found;
  for (const std::string& name : touched.names) found += name + ' ';
  if (touched.all) found += "ALL ";
  if (touched.unknown) found += "? ";
  if (found.empty()) return "-";
  found.pop_back();
  return found;
}

const std::pair<const char*, const char*> kTexts[] = {
    {"", "-"},
    {";; -- SET x = 1", "-"},
    {"SELECT 'SET x = 1'", "-"},
    {"SET x = 1", "x"},
    {"set session Work_Mem to '64MB';", "work_mem"},
    {"SET \"Work_Mem\" = 1", "work_mem"},
    {"SET a.b = 1", "a.b"},
    {"SET A . \"B\" /* x */ TO 1, 2", "a.b"},
    {"SET \"a\"\"b\" = 1", "a\"b"},
    {"SET x = DEFAULT", "x"},
    {"SET x FROM CURRENT", "x"},
    {"SET LOCAL x = 1", "-"},
    {"SET LOCAL TIME ZONE 'UTC'", "-"},
    {"SET LOCAL ROLE a", "-"},
    {"SET TRANSACTION READ ONLY", "-"},
    {"SET SESSION TRANSACTION READ ONLY", "-"},
    {"SET CONSTRAINTS ALL DEFERRED", "-"},
    {"SET local.x = 1", "local.x"},
    {"SET SESSION local.x = 1", "local.x"},
    {"SET session.x = 1", "session.x"},
    {"SET SESSION session.x = 1", "session.x"},
    {"SET transaction.x = 1", "transaction.x"},
    {"SET transaction_read_only = on", "transaction_read_only"},
    {"SET TIME ZONE 'UTC'", "timezone"},
    {"set session time zone local", "timezone"},
    {"SET TIME ZONE INTERVAL '1' HOUR TO MINUTE", "timezone"},
    {"SET NAMES 'utf8'", "client_encoding"},
    {"SET SCHEMA 'a'", "search_path"},
    {"SET XML OPTION DOCUMENT", "xmloption"},
    {"SET ROLE a", "role"},
    {"SET ROLE NONE", "role"},
    {"SET role TO a", "role"},
    {"SET names.x TO a", "names.x"},
    {"SET SESSION AUTHORIZATION a", "session_authorization role"},
    {"SET SESSION SESSION AUTHORIZATION DEFAULT", "session_authorization role"},
    {"SET session_authorization = a", "session_authorization role"},
    {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
     "default_transaction_isolation default_transaction_read_only "
     "default_transaction_deferrable"},
    {"SET SESSION LOCAL x = 1", "?"},
    {"SET CATALOG 'a'", "?"},
    {"SET", "?"},
    {"SET x", "?"},
    {"SET U&\"x\" = 1", "?"},
    {"RESET x", "x"},
    {"reset a.\"B\"", "a.b"},
    {"RESET ALL", "ALL"},
    {"RESET \"all\"", "all"},
    {"RESET TIME ZONE", "timezone"},
    {"RESET time.x", "time.x"},
    {"RESET session.x", "session.x"},
    {"RESET ROLE", "role"},
    {"RESET SESSION AUTHORIZATION", "session_authorization role"},
    {"RESET session_authorization", "session_authorization role"},
    {"RESET TRANSACTION ISOLATION LEVEL", "transaction_isolation"},
    {"RESET", "?"},
    {"DISCARD ALL", "ALL"},
    {"DISCARD PLANS", "-"},
    {"DISCARD TEMP", "-"},
    {"SET a = 1; SET b = 2; set A = 3; RESET ALL; RESET c", "a b c ALL"},
    {"BEGIN; SET a = ';'; SET LOCAL b = 1; COMMIT", "a"},
    {"SELECT set_config('A.b', 'c', false)", "a.b"},
    {"SELECT pg_catalog.set_config($$TimeZone$$, x, $1), 1", "timezone"},
    {"SELECT \"set_config\" /* x */ ('x', 'y', NOT true)", "x"},
    {"SELECT SET_CONFIG(E'x', 'y', false)", "x"},
    {"SELECT set_config('x', 'y', true)", "-"},
    {"SELECT set_config('x', 'y', 't'), set_config('z', 'y', 'f')", "z"},
    {"SELECT set_config($1, $2, $3)", "?"},
    {"SELECT set_config($1, $2, true)", "-"},
    {"SELECT set_config(E'\\x41', 'y', false)", "?"},
    {"SELECT set_config('a' || 'b', 'y', false)", "?"},
    {"SELECT set_config('a', set_config('b', 'c', true), true)", "a"},
    {"SELECT set_config('a', set_config('b', 'c', false), true)", "a b"},
    {"SELECT set_config('session_authorization', 'y', false)", "session_authorization role"},
    {"SELECT set_config('a', 'b'", "a"},
    {"SELECT set_config(", "?"},
    {"SELECT set_config()", "?"},
    {"SELECT set_config('', 'y', false)", "?"},
    {"SELECT set_config FROM t", "-"},
    {"PREPARE p AS SELECT set_config('x', $1, false)", "x"},
    {"INSERT INTO t VALUES ((SELECT set_config('x', 'y', false)))", "x"},
    {"SELECT U&\"set_config\"('x', 'y', false)", "?"},
    {"SELECT 'a", "?"},
    {"SELECT /* a", "?"},
    {"SELECT \\", "?"},
};

}  // namespace

TEST_CASE("FindTouchedSettings names the parameters") {
  for (const auto& [text, expected] : kTexts) {
    INFO(text);
    CHECK(Found(text) == expected);
    CHECK(Found(text, StringSyntax::kBackslash) == expected);
  }
  CHECK(Found("SELECT set_config('a\\b', 'y', false)") == "a\\b");
  CHECK(Found("SELECT set_config('a\\b', 'y', false)", StringSyntax::kBackslash) == "?");
}

TEST_CASE("FindTouchedSettings ends on every prefix") {
  for (const auto& [whole, expected] : kTexts) {
    const std::string_view text = whole;
    for (size_t size = 0; size <= text.size(); ++size) Found(text.substr(0, size));
  }
}

TEST_CASE("FindTouchedSettings reads long texts") {
  for (const char* part : {"set_config(", "set_config(1,", "SET SESSION ", "a.", "SET a = 1;"}) {
    std::string repeated = "SELECT ";
    for (int i = 0; i < 100000; ++i) repeated += part;
    Found(repeated);
    Found(std::string_view(repeated).substr(7));
  }
  SUCCEED("ended");
}

TEST_CASE("FindTouchedSettings gives up behind many names") {
  std::string text;
  for (int i = 0; i < 256; ++i) text += "SET a" + std::to_string(i) + " = 1;";
  CHECK_FALSE(FindTouchedSettings(text + text, StringSyntax::kStandard).unknown);
  text += "SET b = 1";
  CHECK(FindTouchedSettings(text, StringSyntax::kStandard).unknown);
  CHECK(FindTouchedSettings(text, StringSyntax::kStandard).names.size() == 256);
}

TEST_CASE("FindTouchedSettings finds something where the judge does, and only there") {
  class None final : public pglynx::sql::TrackedParameters {
   public:
    [[nodiscard]] bool IsTracked(std::string_view /*name*/) const override { return false; }
  };
  std::ifstream file(PGLYNX_SOURCE_DIR "/tests/golden/sql_judge.txt");
  REQUIRE(file.is_open());
  for (std::string line; std::getline(file, line);) {
    const std::string text = line.substr(0, line.rfind('\t'));
    if (!text.empty() && text[0] == '#') continue;
    INFO(text);
    const StateEffects effects = Judge(text, StringSyntax::kStandard, None());
    const bool sets = effects.Has(StateEffect::kSets) || effects.Has(StateEffect::kReset) ||
                      effects.Has(StateEffect::kDiscard);
    if (sets) CHECK(Found(text) != "-");
    // What the judge knows is no call, or not the server's own set_config, counts here.
    const bool may = text.find("INTO set_config (") != std::string::npos || sets ||
                     effects.Has(StateEffect::kUnjudged) || effects.Has(StateEffect::kFunction);
    if (!may) CHECK(Found(text) == "-");
    CHECK(effects.Has(StateEffect::kSetsUntracked) <= effects.Has(StateEffect::kSets));
  }
}
