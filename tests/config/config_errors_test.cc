// Goal: the text and place of every error of the file. Method: tests/golden/config_errors.txt
// holds cases of a TOML text and all lines that it must give; PGLYNX_UPDATE_GOLDEN=1 in the
// environment rewrites the lines. Then, from the table of keys, that each key which does not
// work yet is refused at every value.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "config/fake_environment.h"
#include "config/key_rules.h"
#include "support/catch.h"

using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::KeyRule;
using pglynx::config::KeyState;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::RulesOf;
using pglynx::config::Section;

namespace {

const std::string kGoldenPath = std::string(PGLYNX_SOURCE_DIR) + "/tests/golden/config_errors.txt";

struct GoldenCase {
  std::string title;
  std::string text;
  std::string errors;
};

struct Golden {
  std::string head;
  std::vector<GoldenCase> cases;
};

Golden ReadGolden() {
  Golden golden;
  std::string* part = &golden.head;
  std::ifstream file(kGoldenPath);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      golden.cases.push_back({line.substr(4), "", ""});
      part = &golden.cases.back().text;
    } else if (line == "---") {
      part = &golden.cases.back().errors;
    } else {
      *part += line + "\n";
    }
  }
  return golden;
}

FakeEnvironment GoldenEnvironment() {
  FakeEnvironment environment;
  environment.variables = {{"NUMBER", "70000"}, {"SECRET", "hunter2"}, {"EMPTY", ""}};
  return environment;
}

std::string TableOf(Section section, const std::string& line) {
  const std::string user = "[[pools.a.users]]\nusername = 'a'\npassword = 'p'\n";
  const std::string pool = "[pools.a]\n";
  const std::string target = "database = 'a'\nservers = [['h', 1]]\n";
  switch (section) {
    case Section::kTop:
      return line + "\n" + pool + target + user;
    case Section::kGeneral:
      return "[general]\n" + line + "\n" + pool + target + user;
    case Section::kAdmin:
      return "[admin]\n" + line + "\n" + pool + target + user;
    case Section::kAuth:
      return "[auth]\n" + line + "\n" + pool + target + user;
    case Section::kPool:
      return pool + line + "\n" + target + user;
    case Section::kUser:
      return pool + target + user + line + "\n";
    case Section::kShard:
      return "[[pools.a.shards]]\n" + line + "\n" + target + user;
    case Section::kServer:
      return pool + "database = 'a'\nservers = [{ host = 'h', " + line + " }]\n" + user;
  }
  return {};
}

}  // namespace

TEST_CASE("every error of the file has its text and its place") {
  Golden golden = ReadGolden();
  REQUIRE(golden.cases.size() > 30);
  const bool update = std::getenv("PGLYNX_UPDATE_GOLDEN") != nullptr;
  std::string rewritten = golden.head;
  for (const GoldenCase& c : golden.cases) {
    const std::string errors = ErrorText(LoadText(c.text, GoldenEnvironment()));
    rewritten += "=== " + c.title + "\n" + c.text + "---\n" + errors;
    if (update) continue;
    INFO(c.title);
    CHECK(errors == c.errors);
    CHECK(errors.find("hunter2") == std::string::npos);
  }
  if (update) std::ofstream(kGoldenPath) << rewritten;
}

TEST_CASE("a key that does not work yet is refused at every value") {
  for (const Section section : pglynx::config::AllSections()) {
    for (const KeyRule& rule : RulesOf(section)) {
      if (rule.state == KeyState::kWorks) continue;
      for (const char* value : {"0", "false", "''", "'any'", "'md5'", "[]", "{}", "1.5"}) {
        const std::string line = std::string(rule.name) + " = " + value;
        INFO(line);
        const LoadResult loaded = LoadText(TableOf(section, line));
        REQUIRE_FALSE(loaded);
        REQUIRE(loaded.errors().lines.size() == 1);
        CHECK(loaded.errors().lines[0].find("key '" + std::string(rule.name) + "'") !=
              std::string::npos);
        CHECK(loaded.errors().lines[0].find("is not available in this version") !=
              std::string::npos);
      }
    }
  }
}

TEST_CASE("in PgCat's form only keys that decide nothing are let through") {
  const std::string pgcat = "general.admin_username = 'a'\n";
  for (const Section section : {Section::kPool, Section::kUser, Section::kShard}) {
    for (const KeyRule& rule : RulesOf(section)) {
      if (rule.state == KeyState::kWorks) continue;
      INFO(rule.name);
      const std::string line = std::string(rule.name) + " = ";
      const auto accepted = [&](const std::string& value) {
        return LoadText(pgcat + TableOf(section, line + value)).has_value();
      };
      CHECK(accepted("true") == (rule.state == KeyState::kPgcatNoEffect));
      CHECK(accepted("'on'") == (rule.state == KeyState::kPgcatNoEffect));
      if (rule.state != KeyState::kPgcatOneValue) continue;
      const std::string value(rule.value);
      const bool is_bare = value == "0" || value == "false";
      CHECK(accepted(is_bare ? value : "'" + value + "'"));
    }
  }
}
