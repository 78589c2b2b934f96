// Goal: a text is taken for a simple form only if the server would read it as just that, and
// every spelling that clients use is. Method: tables; every prefix; changes that must not
// matter; agreement with the judge over its table.
#include "pglynx/sql/simple_forms.h"

#include <fstream>
#include <string>
#include <vector>

#include "pglynx/sql/judge.h"
#include "support/catch.h"

namespace {

using pglynx::sql::FindSimpleForm;
using pglynx::sql::SimpleForm;
using pglynx::sql::StateEffect;
using pglynx::sql::StateEffects;
using pglynx::sql::StringSyntax;

// "begin", "set name|value", ... as the tables below have it.
std::string Found(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  const SimpleForm form = FindSimpleForm({copy.data(), copy.size()}, syntax);
  const std::string name(form.name);
  switch (form.kind) {
    case SimpleForm::Kind::kOther:
      CHECK_FALSE(form.starts);
      CHECK_FALSE(form.has_modes);
      CHECK(name.empty());
      CHECK(form.value.empty());
      return "other";
    case SimpleForm::Kind::kBegin:
      return std::string(form.starts ? "start" : "begin") + (form.has_modes ? " modes" : "");
    case SimpleForm::Kind::kCommit:
      return "commit";
    case SimpleForm::Kind::kRollback:
      return "rollback";
    case SimpleForm::Kind::kSet:
      return "set " + name + "|" + std::string(form.value);
    case SimpleForm::Kind::kShow:
      return "show " + name;
    case SimpleForm::Kind::kDiscardAll:
      return "discard_all";
    case SimpleForm::Kind::kDeallocateAll:
      return "deallocate_all";
  }
  return "?";
}

struct Case {
  const char* text;
  const char* found;
};

const Case kForms[] = {
    {"BEGIN", "begin"},
    {"begin;", "begin"},
    {"  Begin ; ;; -- x", "begin"},
    {"/* a /* b */ */ bEgIn/**/work\n;\t", "begin"},
    {"-- x\nBEGIN TRANSACTION", "begin"},
    {"START TRANSACTION", "start"},
    {"start transaction;", "start"},
    {"BEGIN ISOLATION LEVEL SERIALIZABLE", "begin modes"},
    {"BEGIN WORK ISOLATION LEVEL REPEATABLE READ, READ ONLY", "begin modes"},
    {"begin transaction isolation level read committed read write", "begin modes"},
    {"START TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, NOT DEFERRABLE", "start modes"},
    {"START TRANSACTION READ ONLY DEFERRABLE;", "start modes"},
    {"COMMIT", "commit"},
    {"commit work;", "commit"},
    {"Commit Transaction And No Chain", "commit"},
    {"END", "commit"},
    {"end;", "commit"},
    {"END WORK AND NO CHAIN;", "commit"},
    {"ROLLBACK", "rollback"},
    {"rollback transaction and no chain", "rollback"},
    {"ABORT", "rollback"},
    {"abort work", "rollback"},
    {"DISCARD ALL", "discard_all"},
    {"discard all;", "discard_all"},
    {"DEALLOCATE ALL", "deallocate_all"},
    {"deallocate prepare all;", "deallocate_all"},
    {"SHOW timezone", "show timezone"},
    {"show TimeZone;", "show TimeZone"},
    {"SHOW \"TimeZone\"", "show TimeZone"},
    {"SHOW app.tenant", "show app.tenant"},
    {"SHOW TIME ZONE", "show timezone"},
    {"/* x */ show /* y */ time /* z */ zone ;", "show timezone"},
    {"SHOW standard_conforming_strings", "show standard_conforming_strings"},
    {"SET work_mem = '64MB'", "set work_mem|'64MB'"},
    {"set work_mem to 64;", "set work_mem|64"},
    {"SET SESSION work_mem TO 64", "set work_mem|64"},
    {"SET/**/Work_Mem/**/=/**/64/**/;", "set Work_Mem|64"},
    {"SET \"work_mem\"=64", "set work_mem|64"},
    {"SET extra_float_digits=-1", "set extra_float_digits|-1"},
    {"SET x = +1.5e3", "set x|+1.5e3"},
    {"SET x TO .5", "set x|.5"},
    {"SET jit = off", "set jit|off"},
    {"SET jit = ON", "set jit|ON"},
    {"SET jit TO True", "set jit|True"},
    {"SET jit TO false", "set jit|false"},
    {"SET search_path TO public", "set search_path|public"},
    {"SET search_path TO \"Public\"", "set search_path|\"Public\""},
    {"SET datestyle TO 'ISO, MDY'", "set datestyle|'ISO, MDY'"},
    {"SET application_name = 'O''Reilly; -- $1'", "set application_name|'O''Reilly; -- $1'"},
    {"SET application_name = ''", "set application_name|''"},
    {"SET app.tenant = '5'", "set app.tenant|'5'"},
    {"SET a.b.c = x", "set a.b.c|x"},
    {"SET SESSION a.b = none", "set a.b|none"},
    {"SET client_min_messages TO warning", "set client_min_messages|warning"},
};

const Case kOthers[] = {
    {"", "other"},
    {";", "other"},
    {" ", "other"},
    {"-", "other"},
    {"/", "other"},
    {"/*", "other"},
    {"se", "other"},
    {"set", "other"},
    {"SET", "other"},
    {"SELECT 1", "other"},
    {"select set", "other"},
    {"  SELECT 1", "other"},
    {"/* begin */ SELECT 1", "other"},
    {"SHO", "other"},
    {"SHOWING x", "other"},
    {"ENDS", "other"},
    {"END_", "other"},
    {"END AS", "other"},
    {"BEGINS", "other"},
    {"BEGIN BEGIN", "other"},
    {"BEGIN; SELECT 1", "other"},
    {"BEGIN; BEGIN", "other"},
    {";BEGIN", "other"},
    {"\"begin\"", "other"},
    {"'begin'", "other"},
    {"BEGIN 'x'", "other"},
    {"BEGIN -- x /*\n /*", "other"},
    {"BEGIN \xc3\xa9", "other"},
    {"BEGIN -- \xff", "other"},
    {"BEGIN\v", "other"},
    {"BEGIN ATOMIC", "other"},
    {"BEGIN WORK TRANSACTION", "other"},
    {"BEGIN READ", "other"},
    {"BEGIN READ ONLY,", "other"},
    {"BEGIN , READ ONLY", "other"},
    {"BEGIN READ ONLY,, READ WRITE", "other"},
    {"BEGIN NOT", "other"},
    {"BEGIN NOT READ ONLY", "other"},
    {"BEGIN ISOLATION LEVEL", "other"},
    {"BEGIN ISOLATION LEVEL READ", "other"},
    {"BEGIN ISOLATION LEVEL SNAPSHOT", "other"},
    {"BEGIN ISOLATION LEVEL REPEATABLE", "other"},
    {"BEGIN ISOLATION SERIALIZABLE", "other"},
    {"START", "other"},
    {"START WORK", "other"},
    {"START TRANSACTION WORK", "other"},
    {"COMMIT AND CHAIN", "other"},
    {"COMMIT AND NO", "other"},
    {"COMMIT AND", "other"},
    {"COMMIT NO CHAIN", "other"},
    {"COMMIT PREPARED 'x'", "other"},
    {"COMMENT ON TABLE t IS 'x'", "other"},
    {"ROLLBACK TO a", "other"},
    {"ROLLBACK TO SAVEPOINT a", "other"},
    {"ROLLBACK WORK TO a", "other"},
    {"ROLLBACK PREPARED 'x'", "other"},
    {"ROLLBACK; COMMIT", "other"},
    {"ABORT AND CHAIN", "other"},
    {"DISCARD", "other"},
    {"DISCARD PLANS", "other"},
    {"DISCARD ALL PLANS", "other"},
    {"DISCARD \"all\"", "other"},
    {"DEALLOCATE", "other"},
    {"DEALLOCATE a", "other"},
    {"DEALLOCATE PREPARE", "other"},
    {"DEALLOCATE \"all\"", "other"},
    {"DEALLOCATE ALL ALL", "other"},
    {"DEALLOCATE PREPARE PREPARE ALL", "other"},
    {"SHOW", "other"},
    {"SHOW ALL", "other"},
    {"SHOW a b", "other"},
    {"SHOW a, b", "other"},
    {"SHOW a.", "other"},
    {"SHOW a . b", "other"},
    {"SHOW a..b", "other"},
    {"SHOW a.\"b\"", "other"},
    {"SHOW \"a\".b", "other"},
    {"SHOW \"a.b\"", "other"},
    {"SHOW \"a\"\"b\"", "other"},
    {"SHOW \"\"", "other"},
    {"SHOW U&\"a\"", "other"},
    {"SHOW select", "other"},
    {"SHOW left", "other"},
    {"SHOW app.user", "other"},  // a reserved word, which the server refuses
    {"SHOW TIME", "other"},
    {"SHOW TIME ZONE x", "other"},
    {"SHOW ROLE", "other"},
    {"SHOW SESSION AUTHORIZATION", "other"},
    {"SHOW TRANSACTION ISOLATION LEVEL", "other"},
    {"SHOW transaction_isolation", "other"},
    {"SHOW Transaction_Read_Only", "other"},
    {"SHOW 'a'", "other"},
    {"SET x", "other"},
    {"SET x =", "other"},
    {"SET x = ;", "other"},
    {"SET = 1", "other"},
    {"SET x == 1", "other"},
    {"SET x := 1", "other"},
    {"SET x 1", "other"},
    {"SET x = DEFAULT", "other"},
    {"SET x TO default;", "other"},
    {"SET x = a, b", "other"},
    {"SET x = 'a', 'b'", "other"},
    {"SET x = a b", "other"},
    {"SET x = a.b", "other"},
    {"SET x = 'a' 'b'", "other"},
    {"SET x = 'a'\n'b'", "other"},
    {"SET x = 'a\nb'", "other"},
    {"SET x = 'a\\b'", "other"},
    {"SET x = E'a'", "other"},
    {"SET x = N'a'", "other"},
    {"SET x = U&'a'", "other"},
    {"SET x = B'1'", "other"},
    {"SET x = $$a$$", "other"},
    {"SET x = $1", "other"},
    {"SET x = 'a", "other"},
    {"SET x = \"a", "other"},
    {"SET x = \"\"", "other"},
    {"SET x = 0x1f", "other"},
    {"SET x = 1_000", "other"},
    {"SET x = 1a", "other"},
    {"SET x = - 1", "other"},
    {"SET x = --1", "other"},
    {"SET x = -a", "other"},
    {"SET x = *1", "other"},
    {"SET x = (1)", "other"},
    {"SET x = select", "other"},
    {"SET x = null", "other"},
    {"SET x = current_user", "other"},
    {"SET x FROM CURRENT", "other"},
    {"SET x = 1; SET y = 2", "other"},
    {"SET x = 'caf\xc3\xa9'", "other"},
    {"SET search_path = pg_temp", "other"},
    {"SET search_path = 'public, PG_TEMP'", "other"},
    {"SET seed TO 0.5", "other"},
    {"SET LOCAL x = 1", "other"},
    {"SET local = 1", "other"},
    {"SET SESSION SESSION x = 1", "other"},
    {"SET SESSION LOCAL x = 1", "other"},
    {"SET session = 1", "other"},
    {"SET session.x = 1", "other"},
    {"SET ROLE a", "other"},
    {"SET role = a", "other"},
    {"SET \"Role\" = a", "other"},
    {"SET session_authorization = a", "other"},
    {"SET SESSION AUTHORIZATION a", "other"},
    {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "other"},
    {"SET TIME ZONE 'UTC'", "other"},
    {"SET time = 1", "other"},
    {"SET NAMES 'utf8'", "other"},
    {"SET SCHEMA 'a'", "other"},
    {"SET XML OPTION DOCUMENT", "other"},
    {"SET TRANSACTION READ ONLY", "other"},
    {"SET transaction_read_only = on", "other"},
    {"SET CONSTRAINTS ALL DEFERRED", "other"},
};

}  // namespace

TEST_CASE("FindSimpleForm finds the forms") {
  for (const Case& test : kForms) {
    INFO(test.text);
    CHECK(Found(test.text) == test.found);
    CHECK(Found(test.text, StringSyntax::kBackslash) == test.found);
    CHECK(Found(std::string(test.text) + "\n;") == test.found);
    CHECK(Found(std::string(test.text) + "\n/* x */") == test.found);
    CHECK(Found(std::string("\r\n\f\t /* x */ -- y\n") + test.text) == test.found);
    CHECK(Found(std::string(test.text) + "\n; SELECT 1") == "other");
    CHECK(Found(std::string(test.text) + "\n, x") == "other");
    CHECK(Found(std::string(test.text) + "\n)") == "other");
    CHECK(Found(std::string("EXPLAIN ") + test.text) == "other");
  }
}

TEST_CASE("FindSimpleForm leaves everything else alone") {
  for (const Case& test : kOthers) {
    INFO(test.text);
    CHECK(Found(test.text) == test.found);
    CHECK(Found(test.text, StringSyntax::kBackslash) == test.found);
  }
}

TEST_CASE("FindSimpleForm takes no name that the server would cut") {
  const std::string a63(63, 'a');
  const std::string a64(64, 'a');
  CHECK(Found("SHOW " + a63) == "show " + a63);
  CHECK(Found("SHOW " + a63 + "." + a63) == "show " + a63 + "." + a63);
  CHECK(Found("SHOW " + a64) == "other");
  CHECK(Found("SHOW \"" + a64 + "\"") == "other");
  CHECK(Found("SET x = " + a63) == "set x|" + a63);
  CHECK(Found("SET x = " + a64) == "other");
  CHECK(Found("SET x = '" + a64 + "'") == "set x|'" + a64 + "'");
}

TEST_CASE("FindSimpleForm ends on every prefix") {
  for (const Case& test : kForms) {
    const std::string_view text = test.text;
    for (size_t size = 0; size <= text.size(); ++size) Found(text.substr(0, size));
  }
  for (const Case& test : kOthers) {
    const std::string_view text = test.text;
    for (size_t size = 0; size <= text.size(); ++size) Found(text.substr(0, size));
  }
}

TEST_CASE("FindSimpleForm finds only what the judge calls the same") {
  class All final : public pglynx::sql::TrackedParameters {
   public:
    [[nodiscard]] bool IsTracked(std::string_view /*name*/) const override { return true; }
  };
  std::ifstream file(PGLYNX_SOURCE_DIR "/tests/golden/sql_judge.txt");
  REQUIRE(file.is_open());
  size_t forms = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string text = line.substr(0, line.rfind('\t'));
    const SimpleForm form = FindSimpleForm(text, StringSyntax::kStandard);
    if (form.kind == SimpleForm::Kind::kOther || text[0] == '#') continue;
    INFO(text);
    ++forms;
    const StateEffects effects = Judge(text, StringSyntax::kStandard, All());
    using Kind = SimpleForm::Kind;
    CHECK_FALSE(effects.MayLeaveState());
    CHECK(effects.Has(StateEffect::kBegins) == (form.kind == Kind::kBegin));
    CHECK(effects.Has(StateEffect::kEnds) ==
          (form.kind == Kind::kCommit || form.kind == Kind::kRollback));
    CHECK(effects.Has(StateEffect::kSets) == (form.kind == Kind::kSet));
    CHECK(effects.Has(StateEffect::kDiscard) == (form.kind == Kind::kDiscardAll));
    CHECK(effects.Has(StateEffect::kDeallocateAll) == (form.kind == Kind::kDeallocateAll));
  }
  CHECK(forms > 20);
}
