// Goal: the small pure parts of the loader: variables, names of hosts, suggestions, TOML
// with places. Tables of cases, then exhaustive small inputs for the edit distance.
#include <variant>

#include "config/expand.h"
#include "config/fake_environment.h"
#include "config/host_name.h"
#include "config/suggest.h"
#include "config/toml_document.h"
#include "support/catch.h"

using std::string_view_literals::operator""sv;
using pglynx::config::EditDistance;
using pglynx::config::Expand;
using pglynx::config::FakeEnvironment;
using pglynx::config::HasVariable;
using pglynx::config::HostsOverlap;
using pglynx::config::IsSocketDirectory;
using pglynx::config::Nearest;
using pglynx::config::ParseHost;
using pglynx::config::ParseToml;
using pglynx::config::Place;
using pglynx::config::TomlError;
using pglynx::config::TomlValue;

TEST_CASE("Expand puts variables in and leaves the rest") {
  FakeEnvironment environment;
  environment.variables = {{"A", "one"}, {"_b2", "${A}"}, {"EMPTY", ""}};
  const struct {
    const char* text;
    const char* expanded;
  } cases[] = {{"", ""},
               {"plain", "plain"},
               {"${A}", "one"},
               {"x${A}y${A}z", "xoneyonez"},
               {"${_b2}", "${A}"},
               {"[${EMPTY}]", "[]"},
               {"$A $ {A} $", "$A $ {A} $"},
               {"$${A}", "${A}"},
               {"$$${A}", "$${A}"},
               {"$5:x$y", "$5:x$y"}};
  for (const auto& c : cases) {
    INFO(c.text);
    const auto expanded = Expand(c.text, environment);
    REQUIRE(expanded);
    CHECK(*expanded == c.expanded);
  }
  for (const char* text : {"${", "${}", "${A", "${1A}", "${A B}", "${a-b}", "x${ A}", "${B}"}) {
    INFO(text);
    CHECK_FALSE(Expand(text, environment));
  }
  CHECK(HasVariable("x${A}"));
  CHECK(HasVariable("$${A}${B}"));
  CHECK_FALSE(HasVariable("$${A}"));
  CHECK_FALSE(HasVariable("$A"));
}

TEST_CASE("ParseHost takes addresses and names, and nothing else") {
  const struct {
    const char* text;
    const char* host;
  } cases[] = {{"127.0.0.1", "127.0.0.1"},
               {"::1", "::1"},
               {"[::1]", "::1"},
               {"fe80::1%eth0", "fe80::1%eth0"},
               {"db", "db"},
               {"db-1.example_x.org", "db-1.example_x.org"},
               {"1db", "1db"}};
  for (const auto& c : cases) {
    INFO(c.text);
    CHECK(ParseHost(c.text) == c.host);
  }
  for (const char* text : {"", "*", "[]", "[db]", "[127.0.0.1]", "10.0.0.300", "10.0.0", "a b",
                           "a:b", ":::", "/tmp", "u:p@h", "fe80::1%", "a\nb", "1.2.3.4:5432"}) {
    INFO(text);
    CHECK_FALSE(ParseHost(text));
  }
  CHECK_FALSE(ParseHost(std::string(254, 'a')));
  CHECK(IsSocketDirectory("/var/run/postgresql"));
  CHECK(IsSocketDirectory("/" + std::string(91, 'a')));
  CHECK_FALSE(IsSocketDirectory("/" + std::string(92, 'a')));
  CHECK_FALSE(IsSocketDirectory("tmp"));
  // inet_pton stops at a NUL; found by fuzzing.
  CHECK_FALSE(ParseHost(std::string("::1\0junk", 8)));
  CHECK_FALSE(IsSocketDirectory(std::string("/run\0junk", 9)));
}

TEST_CASE("HostsOverlap is symmetric and knows the wildcards") {
  const struct {
    const char* a;
    const char* b;
    bool overlap;
  } cases[] = {{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "127.0.0.2", false},
               {"0.0.0.0", "127.0.0.1", true},   {"0.0.0.0", "::1", false},
               {"0.0.0.0", "::", true},          {"::", "10.0.0.1", true},
               {"localhost", "127.0.0.1", true}, {"localhost", "10.0.0.1", false},
               {"0.0.0.0", "localhost", true},   {"a", "b", false}};
  for (const auto& c : cases) {
    INFO(c.a << " " << c.b);
    CHECK(HostsOverlap(c.a, c.b) == c.overlap);
    CHECK(HostsOverlap(c.b, c.a) == c.overlap);
  }
}

TEST_CASE("EditDistance is a distance on all short words") {
  std::vector<std::string> words = {""};
  for (size_t i = 0; i < words.size() && words[i].size() < 3; ++i) {
    for (const char byte : {'a', 'b'}) words.push_back(words[i] + byte);
  }
  for (const std::string& a : words) {
    for (const std::string& b : words) {
      INFO(a << " " << b);
      CHECK((EditDistance(a, b) == 0) == (a == b));
      CHECK(EditDistance(a, b) == EditDistance(b, a));
      CHECK(EditDistance(a, b) <= std::max(a.size(), b.size()));
    }
  }
  CHECK(EditDistance("prot", "port") == 1);
  CHECK(EditDistance("kitten", "sitting") == 3);
}

TEST_CASE("Nearest suggests only what may be meant") {
  const std::vector<std::string_view> names = {"host", "port", "idle_timeout", "pool_mode"};
  CHECK(Nearest("hots", names) == "host");
  CHECK(Nearest("prt", names) == "port");
  CHECK(Nearest("idle_time_out", names) == "idle_timeout");
  CHECK(Nearest("pool-mode", names) == "pool_mode");
  CHECK(Nearest("x", names).empty());
  CHECK(Nearest("something", names).empty());
  CHECK(Nearest(std::string(1000, 'p'), names).empty());
  CHECK(Nearest("port", {}).empty());
}

TEST_CASE("ParseToml keeps the places and the order of the file") {
  const auto parsed = ParseToml("z = 1\n[t]\n  b = 'x'\n  a = [true, 2.5]\n", 7);
  REQUIRE(std::holds_alternative<TomlValue>(parsed));
  const TomlValue& root = std::get<TomlValue>(parsed);
  REQUIRE(root.entries.size() == 2);
  CHECK(root.entries[0].key == "z");
  CHECK(root.entries[0].value.integer == 1);
  const TomlValue& table = root.Find("t")->value;
  CHECK(table.entries[0].key == "b");
  CHECK(table.entries[0].place == Place{7, 3, 3});
  CHECK(table.entries[0].value.place == Place{7, 3, 7});
  CHECK(table.Find("a")->value.items[0].boolean);
  CHECK(table.Find("a")->value.items[1].kind == TomlValue::Kind::kFloat);
  CHECK(table.Find("c") == nullptr);
}

TEST_CASE("ParseToml gives the place of a fault and never a password") {
  const auto fault = [](std::string_view text) { return std::get<TomlError>(ParseToml(text, 0)); };
  CHECK(fault("a = 1\nb = =\n").place.line == 2);
  for (const std::string_view value :
       {"hunter2"sv, "hunter2 3"sv, "8unter2"sv, "99999999999999999999"sv, "'hunter2"sv,
        "\"hunter2\\q\""sv, "inf2"sv, "true2"sv, "'''hunter2"sv, "[hunter2"sv}) {
    const std::string text = "[a]\nserver_password = " + std::string(value) + "\nx = 1\n";
    INFO(text);
    const TomlError error = fault(text);
    CHECK(error.text.find("unter2") == std::string::npos);
    CHECK(error.text.find("9999") == std::string::npos);
    CHECK(error.text.find('\'') == std::string::npos);
  }
  CHECK(fault("a = " + std::string(40, '[') + std::string(40, ']')).text ==
        "invalid TOML: nested deeper than 32 levels");
}
