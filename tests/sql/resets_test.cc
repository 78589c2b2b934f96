// Goal: the names that go back to the session's start are found in every spelling, and no
// others.
#include "pglynx/sql/resets.h"

#include "support/catch.h"

using pglynx::sql::FindResets;
using pglynx::sql::Resets;
using pglynx::sql::StringSyntax;

namespace {

std::string Found(std::string_view text) {
  const Resets resets = FindResets(text, StringSyntax::kStandard);
  std::string found = resets.all ? "ALL" : "";
  for (const std::string& name : resets.names) {
    if (!found.empty()) found += ' ';
    found += name;
  }
  return found;
}

}  // namespace

TEST_CASE("FindResets finds what goes back to the start of the session") {
  const std::pair<const char*, const char*> cases[] = {
      {"reset timezone", "timezone"},
      {"RESET \"DateStyle\";", "datestyle"},
      {"/* c */ reset -- x\n all", "ALL"},
      {"discard all", "ALL"},
      {"discard plans", ""},
      {"set timezone to default", "timezone"},
      {"set session TimeZone = DEFAULT", "timezone"},
      {"set time zone local", "timezone"},
      {"set time zone default", "timezone"},
      {"set time zone 'UTC'", ""},
      {"reset time zone", "timezone"},
      {"set local timezone to default", ""},
      {"set timezone to 'default'", ""},
      {"select 'reset all'", ""},
      {"begin; reset a.b; set x to default; commit", "a.b x"},
      {"reset", ""},
      {"set", ""},
      {"", ""},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(Found(text) == expected);
  }
}

TEST_CASE("FindResets ends on every prefix") {
  const std::string_view text = "begin; reset a.\"b\"; set session x = default; discard all";
  for (size_t length = 0; length <= text.size(); ++length) Found(text.substr(0, length));
  SUCCEED("ended");
}

TEST_CASE("names are compared without case") {
  CHECK(FindResets("reset TIMEZONE", StringSyntax::kStandard).Includes("TimeZone"));
  CHECK_FALSE(FindResets("reset timezone", StringSyntax::kStandard).Includes("DateStyle"));
  CHECK(FindResets("reset all", StringSyntax::kStandard).Includes("anything"));
}

TEST_CASE("a SET behind a RESET keeps its value") {
  CHECK(Found("reset timezone; set timezone to 'UTC'").empty());
  CHECK(Found("set timezone to 'UTC'; reset timezone") == "timezone");
  const Resets all = FindResets("reset all; set datestyle to iso", StringSyntax::kStandard);
  CHECK_FALSE(all.Includes("DateStyle"));
  CHECK(all.Includes("TimeZone"));
}

TEST_CASE("texts that run one behind the other count together") {
  Resets resets = FindResets("reset timezone; reset datestyle", StringSyntax::kStandard);
  FindResets("set timezone to 'UTC'; select 1", StringSyntax::kStandard, resets);
  CHECK_FALSE(resets.Includes("TimeZone"));
  CHECK(resets.Includes("DateStyle"));
  FindResets("discard all", StringSyntax::kStandard, resets);
  CHECK(resets.Includes("TimeZone"));
}

TEST_CASE("Add joins what two texts reset, whatever was set between them") {
  Resets resets = FindResets("reset all; set timezone to 'UTC'", StringSyntax::kStandard);
  resets.Add(FindResets("reset timezone", StringSyntax::kStandard));
  CHECK(resets.Includes("TimeZone"));
  Resets one = FindResets("reset timezone", StringSyntax::kStandard);
  one.Add(FindResets("reset timezone; reset datestyle", StringSyntax::kStandard));
  CHECK(one.names.size() == 2);
  one.Add(FindResets("reset all", StringSyntax::kStandard));
  CHECK(one.Includes("anything"));
}
