// Goal: equal settings are one object, which is gone with its last reference; and the
// statements that take a server from one set to another are few, in an order that makes them
// safe, and quoted. Method: cases, then a seeded run against std::map.
#include "pglynx/pool/parameters.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::pool::Parameter;
using pglynx::pool::ParameterRef;
using pglynx::pool::ParameterTable;
using pglynx::pool::QuoteIdentifier;
using pglynx::pool::QuoteLiteral;
using pglynx::pool::SetScope;
using pglynx::pool::SetStatement;

namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

ParameterRef Make(ParameterTable& table, const Values& values) {
  ParameterRef set = table.Empty();
  for (const auto& [name, value] : values) set = table.With(set, name, value);
  return set;
}

// The texts of the Query messages that lead from one set to the other.
std::vector<std::string> Changes(const Values& actual, const Values& wanted,
                                 const Values& defaults = {}, bool unknown = false) {
  ParameterTable table;
  const ParameterRef standard = Make(table, defaults);
  const ParameterRef from = Make(table, actual);
  const ParameterRef to = Make(table, wanted);
  std::string out;
  const int messages = pglynx::pool::AppendParameterChanges(out, {*from, *standard, unknown}, *to);
  std::vector<std::string> queries;
  std::string_view rest = out;
  while (!rest.empty()) {
    REQUIRE(rest.front() == 'Q');
    const uint32_t length = pglynx::LoadU32(rest.data() + 1);
    REQUIRE(rest.size() > length);
    CHECK(rest[length] == '\0');
    queries.emplace_back(rest.substr(5, length - 5));
    rest.remove_prefix(length + 1);
  }
  CHECK(static_cast<int>(queries.size()) == messages);
  return queries;
}

using Queries = std::vector<std::string>;

}  // namespace

TEST_CASE("ParameterTable makes equal sets one object, however they came about") {
  ParameterTable table;
  const ParameterRef one = Make(table, {{"DateStyle", "ISO"}, {"TimeZone", "UTC"}});
  const ParameterRef two = Make(table, {{"TimeZone", "UTC"}, {"DateStyle", "ISO"}});
  CHECK(one == two);
  CHECK(&*one == &*two);
  const ParameterRef other = table.With(one, "TimeZone", "CET");
  CHECK_FALSE(other == one);
  CHECK(table.With(other, "TimeZone", "UTC") == one);
  CHECK(table.Without(table.With(one, "x.y", "1"), "x.y") == one);
  CHECK(table.With(one, "TimeZone", "UTC") == one);
  CHECK(table.Without(one, "unknown") == one);
  CHECK(table.Empty() == table.Empty());
}

TEST_CASE("ParameterTable forgets a set with its last reference") {
  ParameterTable table;
  CHECK(table.size() == 0);
  {
    ParameterRef first = Make(table, {{"TimeZone", "UTC"}});
    CHECK(table.size() == 1);  // the steps on the way are gone
    const ParameterRef copy = first;
    first = ParameterRef();
    CHECK_FALSE(first);
    CHECK(table.size() == 1);
    ParameterRef moved = copy;
    const ParameterRef target = std::move(moved);
    CHECK(*target->Find("TimeZone") == "UTC");
  }
  CHECK(table.size() == 0);
}

TEST_CASE("ParameterRef may be assigned to itself") {
  ParameterTable table;
  ParameterRef set = Make(table, {{"TimeZone", "UTC"}});
  const ParameterRef& same = set;
  set = same;
  CHECK(*set->Find("TimeZone") == "UTC");
  CHECK(table.size() == 1);
}

TEST_CASE("ParameterSet finds names without regard to case") {
  ParameterTable table;
  const ParameterRef set = Make(table, {{"TimeZone", "UTC"}, {"application_name", "a"}});
  CHECK(set->Find("timezone") != nullptr);
  CHECK(*set->Find("TIMEZONE") == "UTC");
  CHECK(set->Find("time") == nullptr);
  CHECK(set->Find("timezones") == nullptr);
  CHECK(set->Find("") == nullptr);
  const ParameterRef changed = table.With(set, "TIMEZONE", "CET");
  CHECK(changed->all() == std::vector<Parameter>{{"application_name", "a"}, {"TimeZone", "CET"}});
  CHECK(table.Without(changed, "timezone")->all() ==
        std::vector<Parameter>{{"application_name", "a"}});
  CHECK(table.With(set, "timezone", "UTC") == set);
}

TEST_CASE("ParameterSet holds what std::map holds, from any seed") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    ParameterTable table;
    ParameterRef set = table.Empty();
    std::map<std::string, std::string> model;
    std::map<std::map<std::string, std::string>, ParameterRef> known;
    for (int step = 0; step < 1000; ++step) {
      const std::string name(1, static_cast<char>('a' + random.Next64() % 4));
      const std::string value = std::to_string(random.Next64() % 3);
      if (random.Next64() % 3 == 0) {
        set = table.Without(set, name);
        model.erase(name);
      } else {
        set = table.With(set, name, value);
        model[name] = value;
      }
      REQUIRE(set->all().size() == model.size());
      auto expected = model.begin();
      for (const Parameter& parameter : set->all()) {
        REQUIRE(parameter.name == expected->first);
        REQUIRE(parameter.value == expected->second);
        ++expected;
      }
      const auto [at, is_new] = known.try_emplace(model, set);
      REQUIRE(at->second == set);  // equal values, one object
      REQUIRE(table.size() == known.size());
    }
  }
}

TEST_CASE("AppendParameterChanges asks for nothing where nothing differs") {
  CHECK(Changes({}, {}).empty());
  CHECK(Changes({{"TimeZone", "UTC"}}, {{"timezone", "UTC"}}).empty());
  CHECK(Changes({{"standard_conforming_strings", "off"}}, {{"standard_conforming_strings", "off"}})
            .empty());
}

TEST_CASE("AppendParameterChanges sets what differs in one message") {
  CHECK(Changes({{"TimeZone", "UTC"}, {"DateStyle", "ISO"}},
                {{"TimeZone", "CET"}, {"DateStyle", "ISO"}, {"x.y", "1"}}) ==
        Queries{R"(SET "TimeZone" TO 'CET';SET "x.y" TO '1';)"});
}

TEST_CASE("AppendParameterChanges resets what is not wanted") {
  CHECK(Changes({{"TimeZone", "UTC"}, {"x.y", "1"}, {"work_mem", "64MB"}}, {{"TimeZone", "UTC"}}) ==
        Queries{R"(RESET "work_mem";RESET "x.y";)"});
}

TEST_CASE("AppendParameterChanges names each difference once, from any seed, in any spelling") {
  pglynx::SeededRandom random(0x9a7a);
  const std::vector<std::string> names = {"a", "ab", "abc", "b", "b.c", "m_n", "zone"};
  // A random set, by name in lower case: how it is spelled there, and its value.
  using Spelled = std::map<std::string, std::pair<std::string, std::string>>;
  const auto make = [&random, &names] {
    Spelled set;
    for (const std::string& name : names) {
      if (random.Next64() % 3 == 0) continue;
      std::string spelled = name;
      if (random.Next64() % 2 == 0) spelled[0] = static_cast<char>(spelled[0] - 'a' + 'A');
      set[name] = {spelled, std::to_string(random.Next64() % 2)};
    }
    return set;
  };
  const auto values = [](const Spelled& set) {
    Values list;
    for (const auto& [name, parameter] : set) list.push_back(parameter);
    return list;
  };
  for (int round = 0; round < 2000; ++round) {
    const Spelled actual = make();
    const Spelled wanted = make();
    const Spelled defaults = make();
    std::string expected;
    for (const auto& [name, parameter] : wanted) {
      const auto& [spelled, value] = parameter;
      if (actual.contains(name) && actual.at(name).second == value) continue;
      const bool is_default = defaults.contains(name) && defaults.at(name).second == value;
      expected +=
          is_default ? "RESET \"" + spelled + "\";" : "SET \"" + spelled + "\" TO '" + value + "';";
    }
    for (const auto& [name, parameter] : actual) {
      if (!wanted.contains(name)) expected += "RESET \"" + parameter.first + "\";";
    }
    CHECK(Changes(values(actual), values(wanted), values(defaults)) ==
          (expected.empty() ? Queries{} : Queries{expected}));
  }
}

TEST_CASE("AppendParameterChanges first sets how the rest is read") {
  CHECK(Changes({{"client_encoding", "UTF8"}, {"TimeZone", "UTC"}},
                {{"client_encoding", "LATIN1"}, {"TimeZone", "CET"}}) ==
        Queries{R"(SET "client_encoding" TO 'LATIN1';)", R"(SET "TimeZone" TO 'CET';)"});
  CHECK(Changes({{"client_encoding", "UTF8"}}, {{"client_encoding", "LATIN1"}}) ==
        Queries{R"(SET "client_encoding" TO 'LATIN1';)"});
}

TEST_CASE("AppendParameterChanges doubles quotes") {
  CHECK(Changes({}, {{"application_name", "O'Reilly"}}) ==
        Queries{R"(SET "application_name" TO 'O''Reilly';)"});
  CHECK(Changes({}, {{"a.\"b", "';DROP TABLE t;--"}}) ==
        Queries{R"(SET "a.""b" TO ''';DROP TABLE t;--';)"});
  CHECK(Changes({{"a.\";--", "1"}}, {}) == Queries{R"(RESET "a."";--";)"});
}

TEST_CASE("AppendParameterChanges has backslashes read as they are") {
  const std::string on = R"(SET "standard_conforming_strings" TO 'on';)";
  const std::string off = R"(SET "standard_conforming_strings" TO 'off';)";
  const std::string set = R"(SET "application_name" TO 'a\''b';)";
  const std::pair<std::string, std::string> name = {"application_name", "a\\'b"};
  const std::string strings = "standard_conforming_strings";
  struct Case {
    const char* actual;
    const char* wanted;
    Queries first;  // any of them
    std::string last;
  };
  const Case cases[] = {
      {"on", "on", {""}, set},
      {"off", "on", {on, on + on}, set},
      {"on", "off", {off + on, on}, set + off},
      {"off", "off", {on}, set + off},
  };
  for (const Case& c : cases) {
    CAPTURE(c.actual, c.wanted);
    const Queries changes = Changes({{strings, c.actual}}, {{strings, c.wanted}, name});
    REQUIRE_FALSE(changes.empty());
    CHECK(changes.back() == c.last);
    const std::string first = changes.size() == 2 ? changes.front() : "";
    CHECK(std::find(c.first.begin(), c.first.end(), first) != c.first.end());
  }
}

TEST_CASE("AppendParameterChanges goes back to a default by RESET, so that it is followed") {
  const Values defaults = {{"TimeZone", "UTC"}, {"client_encoding", "UTF8"}};
  CHECK(Changes({{"TimeZone", "CET"}}, {{"TimeZone", "UTC"}}, defaults) ==
        Queries{R"(RESET "TimeZone";)"});
  CHECK(Changes({{"TimeZone", "CET"}}, {{"TimeZone", "EET"}}, defaults) ==
        Queries{R"(SET "TimeZone" TO 'EET';)"});
  CHECK(Changes({{"client_encoding", "LATIN1"}}, {{"client_encoding", "UTF8"}}, defaults) ==
        Queries{R"(SET "client_encoding" TO 'UTF8';)"});
}

TEST_CASE("AppendParameterChanges takes role and user back first and sets them last") {
  const Values defaults = {{"session_authorization", "app"}, {"is_superuser", "off"}};
  const auto with = [&defaults](Values more) {
    more.insert(more.end(), defaults.begin(), defaults.end());
    return more;
  };
  CHECK(Changes(with({}), with({{"role", "none"}}), defaults).empty());
  CHECK(Changes(with({}), with({{"role", "a'b"}}), defaults) ==
        Queries{R"(SET "role" TO 'a''b';)"});
  CHECK(Changes(with({{"role", "a"}}), with({}), defaults) == Queries{"RESET ROLE;"});
  CHECK(Changes(with({{"role", "a"}}), with({{"role", "b"}}), defaults) ==
        Queries{R"(RESET ROLE;SET "role" TO 'b';)"});
  CHECK(Changes(with({{"role", "a"}}), with({{"role", "a"}, {"work_mem", "1MB"}}), defaults) ==
        Queries{R"(RESET ROLE;SET "work_mem" TO '1MB';SET "role" TO 'a';)"});
  CHECK(Changes({{"session_authorization", "x"}, {"is_superuser", "on"}}, with({}), defaults) ==
        Queries{"RESET SESSION AUTHORIZATION;"});
  CHECK(Changes(with({}), {{"session_authorization", "x"}, {"role", "r"}}, defaults) ==
        Queries{R"(SET "session_authorization" TO 'x';SET "role" TO 'r';)"});
}

TEST_CASE("AppendParameterChanges resets all where something may have been set unseen") {
  const Values defaults = {{"TimeZone", "UTC"}, {"standard_conforming_strings", "on"}};
  const std::string all = "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;";
  CHECK(Changes(defaults, defaults, defaults, true) == Queries{all});
  CHECK(
      Changes({{"TimeZone", "CET"}}, {{"TimeZone", "CET"}, {"x.y", "1"}}, defaults, true) ==
      Queries{all +
              R"(SET "TimeZone" TO 'CET';SET "x.y" TO '1';RESET "standard_conforming_strings";)"});
  CHECK(Changes({}, {{"client_encoding", "LATIN1"}, {"role", "r"}}, {}, true) ==
        Queries{all + R"(SET "client_encoding" TO 'LATIN1';)", R"(SET "role" TO 'r';)"});
}

TEST_CASE("Lists whose elements are quoted are set as they are printed") {
  CHECK(SetStatement("search_path", "\"$user\", public", SetScope::kSession) ==
        R"(SELECT pg_catalog.set_config('search_path', '"$user", public', false))");
  CHECK(SetStatement("Search_Path", "a, 'b'", SetScope::kLocal) ==
        R"(SELECT pg_catalog.set_config('Search_Path', 'a, ''b''', true))");
  CHECK(Changes({}, {{"search_path", "a, b"}}) ==
        Queries{"SELECT pg_catalog.set_config('search_path', 'a, b', false);"});
}

TEST_CASE("SetStatement sets one parameter for the session or the transaction") {
  CHECK(SetStatement("TimeZone", "UTC", SetScope::kSession) == R"(SET "TimeZone" TO 'UTC')");
  CHECK(SetStatement("DateStyle", "ISO, MDY", SetScope::kLocal) ==
        R"(SET LOCAL "DateStyle" TO 'ISO, MDY')");
}

TEST_CASE("Names and values are quoted as SQL") {
  CHECK(QuoteIdentifier("a") == R"("a")");
  CHECK(QuoteIdentifier("a\"b'c") == R"("a""b'c")");
  CHECK(QuoteLiteral("") == "''");
  CHECK(QuoteLiteral("a'b\"c\\") == R"('a''b"c\')");
}

TEST_CASE("IsFixedParameter knows what the server reports and nobody can set") {
  for (const char* name :
       {"server_version", "server_encoding", "integer_datetimes", "in_hot_standby"}) {
    CHECK(pglynx::pool::IsFixedParameter(name));
  }
  for (const char* name : {"TimeZone", "client_encoding", "application_name", "is_superuser",
                           "session_authorization", ""}) {
    CHECK_FALSE(pglynx::pool::IsFixedParameter(name));
  }
}

TEST_CASE("LowerCase changes letters of ASCII alone") {
  CHECK(pglynx::pool::LowerCase("TimeZone_Ä1") == "timezone_Ä1");
}
