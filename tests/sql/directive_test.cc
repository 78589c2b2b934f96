// Goal: the pooler's own commands are known in every spelling, nothing else is taken from the
// server, and a bad value is told from another text. Method: tables; changes that must not
// matter; every prefix; seeded token soup against a second reading of the grammar in this file.
#include "pglynx/sql/directive.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::SeededRandom;
using pglynx::sql::Directive;
using pglynx::sql::ParseDirective;
using pglynx::sql::StringSyntax;
using Kind = Directive::Kind;

const char* const kRoleNames[] = {"primary", "replica", "any", "auto", "default"};
const char* const kReadsNames[] = {"on", "off", "default"};

std::string Shown(const Directive& directive) {
  const std::string value(directive.value.view());
  if (directive.malformed) {
    CHECK_FALSE(directive.is_any);
    CHECK(directive.parameter == 0);
    CHECK_FALSE(AllowedOf(directive.kind).empty());
    return "bad " + std::string(TagOf(directive.kind)) + "|" + value;
  }
  const std::string shown =
      directive.parameter == 0 ? value : "$" + std::to_string(directive.parameter);
  switch (directive.kind) {
    case Kind::kSetShardingKey:
      return "key " + shown;
    case Kind::kSetShard:
      return directive.is_any ? "shard any" : "shard " + shown;
    case Kind::kSetServerRole:
      return std::string("role ") + kRoleNames[static_cast<size_t>(directive.role)];
    case Kind::kSetPrimaryReads:
      return std::string("reads ") + kReadsNames[static_cast<size_t>(directive.reads)];
    default:
      CHECK(value.empty());
      return "show " + std::string(ColumnOf(directive.kind));
  }
}

// "key 5", "shard any", "bad SET SHARD|x", "none", ... as the tables below have it.
std::string Found(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  const auto directive = ParseDirective({copy.data(), copy.size()}, syntax);
  return directive ? Shown(*directive) : "none";
}

struct Case {
  const char* text;
  const char* found;
};

const Case kCommands[] = {
    {"SET SHARDING KEY TO 1234", "key 1234"},
    {"SET SHARDING KEY TO '1234'", "key 1234"},
    {"set sharding key to -5", "key -5"},
    {"set sharding key to +5", "key +5"},
    {"set sharding key to '-5'", "key -5"},
    {"SET SHARDING KEY TO-5", "key -5"},
    {"SET SHARDING KEY TO'5'", "key 5"},
    {"SET SHARDING KEY TO 99999999999999999999999", "key 99999999999999999999999"},
    {"SET SHARDING KEY TO 'O''Reilly'", "key O'Reilly"},
    {"SET SHARDING KEY TO ''", "key "},
    {"SET SHARDING KEY TO ''''", "key '"},
    {"SET SHARDING KEY TO 'a; -- b /* c'", "key a; -- b /* c"},
    {"SET SHARDING KEY TO 'caf\xc3\xa9'", "key caf\xc3\xa9"},
    {"SET SHARDING KEY TO '123e4567-e89b-12d3-a456-426614174000'",
     "key 123e4567-e89b-12d3-a456-426614174000"},
    {"SET SHARDING KEY TO E'a\\'\\\\b\\n\\q''\\9'", "key a'\\b\nq'9"},
    {"SET SHARDING KEY TO e'a'", "key a"},
    {"SET SHARDING KEY TO $$a'b$$", "key a'b"},
    {"SET SHARDING KEY TO $$$$", "key "},
    {"SET SHARDING KEY TO $x$a$$b$x$", "key a$$b"},
    {"SET SHARDING KEY TO $1", "key $1"},
    {"SET SHARDING KEY TO $65535", "key $65535"},
    {"SET SHARDING KEY TO $007", "key $7"},
    {"SET SHARD TO 1", "shard 1"},
    {"SET SHARD TO '1'", "shard 1"},
    {"SET SHARD TO -1", "shard -1"},
    {"SET SHARD TO '+01'", "shard +01"},
    {"SET SHARD TO E'1'", "shard 1"},
    {"SET SHARD TO $2", "shard $2"},
    {"SET SHARD TO ANY", "shard any"},
    {"Set Shard To 'aNy'", "shard any"},
    {"SET SHARD TO $$any$$", "shard any"},
    {"SHOW SHARD", "show shard"},
    {"show shard", "show shard"},
    {"SET SERVER ROLE TO 'primary'", "role primary"},
    {"SET SERVER ROLE TO 'REPLICA'", "role replica"},
    {"SET SERVER ROLE TO Any", "role any"},
    {"set server role to auto", "role auto"},
    {"SET SERVER ROLE TO DEFAULT", "role default"},
    {"SHOW SERVER ROLE", "show server role"},
    {"SET PRIMARY READS TO on", "reads on"},
    {"SET PRIMARY READS TO 'ON'", "reads on"},
    {"SET PRIMARY READS TO Off", "reads off"},
    {"set primary reads to default", "reads default"},
    {"SHOW PRIMARY READS", "show primary reads"},
};

// What is no value: to be put behind "SET SHARDING KEY ", "SET SHARD TO ", and so on. Each list is
// one text, cut at " | ".
const char* const kNoKey =
    "5 | = 5 | TO | TO5 | TO abc | TO null | TO \"5\" | TO 123e4567-e89b | TO 2024-01-31 | "
    "TO 1.5 | TO 1e3 | TO 0x1f | TO 1_000 | TO - 5 | TO -/**/5 | TO +-5 | TO - | TO *5 | "
    "TO -'5' | TO -$1 | TO $0 | TO $65536 | TO $4294967297 | TO $1x | TO $ | TO 1, 2 | TO '5 | "
    "TO '5; SELECT 1 | TO 5' | TO 5 /* x | TO 'a'\n'b' | TO '' -- '\n'' | TO N'a' | TO U&'a' | "
    "TO B'1' | TO E'\\101' | TO E'\\x41' | TO E'\\u0041' | TO (5)";

const char* const kNoShard = "x | 'x' | '' | '-' | ' 1' | 1.0 | \"any\" | ANY 1 | DEFAULT | = 1";

const char* const kNoRole = "'standby' | ' any' | 1 | $1 | any any | \"any\"";

const char* const kNoReads = "true | 1";

const char* const kOthers =
    "; | - | /* | s | SET | SHOW | SELECT 1 | 'SET SHARD TO 1' | /* SHOW SHARD */ | "
    "SET SHARD = 1 | SET SHARD := 1 | SET SHARD 1 | SET SHARD | SET SHARDS TO 1 | "
    "SET SHARD.x TO 1 | SET \"shard\" TO 1 | SET SESSION SHARD TO 1 | SET LOCAL SHARD TO 1 | "
    "SET SHARDING x | SET SHARDING TO 1 | SET SHARDING_KEY TO 1 | SET SHARDING KEYS TO 1 | "
    "SET SHARDTO 1 | SETSHARD TO 1 | SET SHARD TO$1 | ; SET SHARD TO 1 | "
    "SET SHARD TO '1'; SELECT 1 | SET SHARD TO 1; SET SHARD TO 2 | SET SHARD TO x; SELECT 1 | "
    "SET SHARD TO 1; /* x | SHOW SHARD; SELECT 1 | SET SERVER ROLE = 'any' | SET SERVER ROLE | "
    "SET SERVER ROLES TO any | SET SERVER TO any | SET ROLE TO any | SET PRIMARY READS = on | "
    "SET PRIMARY READ TO on | SET PRIMARY TO on | SHOW SHARD 1 | SHOW SHARD.x | SHOW SHARDS | "
    "SHOW SHARDING KEY | SHOW \"shard\" | SHOW SHARD TO 1 | SHOW SHARD /* x | SHOW SERVER | "
    "SHOW SERVER ROLE x | SHOW SERVER_ROLE | SHOW PRIMARY | SHOW PRIMARY READS, x | "
    "SHOW server_version | SHOW ALL | SET work_mem = '64MB' | SELECT set, shard, to_1 FROM t | "
    "RESET SHARD | SET shard FROM CURRENT";

std::vector<std::string> Cut(std::string_view list) {
  const std::string_view mark = " | ";
  std::vector<std::string> items;
  for (size_t end = 0; (end = list.find(mark)) != std::string_view::npos;) {
    items.emplace_back(list.substr(0, end));
    list.remove_prefix(end + mark.size());
  }
  items.emplace_back(list);
  return items;
}

// A second reading of the grammar, for texts without prefixed strings, dollar quotes, backslash
// escapes and numbers of more than digits.

struct Part {
  char kind;  // w(ord), n(umber) with its sign, s(tring), p(arameter), ;, o(ther)
  std::string_view text;
};

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool IsWordByte(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '$' ||
         static_cast<unsigned char>(byte) >= 0x80;
}

// npos if it has no end.
size_t CommentEnd(std::string_view text) {
  if (text[0] == '-') return std::min(text.find_first_of("\r\n"), text.size());
  int depth = 0;
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    const std::string_view mark = text.substr(at, 2);
    if (mark != "/*" && mark != "*/") continue;
    depth += mark == "/*" ? 1 : -1;
    ++at;
    if (depth == 0) return at + 1;
  }
  return std::string_view::npos;
}

Part FirstPart(std::string_view text) {
  const auto run = [text](bool (*belongs)(char)) {
    size_t end = 1;
    while (end < text.size() && belongs(text[end])) ++end;
    return text.substr(0, end);
  };
  const bool has_sign = text[0] == '+' || text[0] == '-';
  if (IsDigit(text[has_sign && text.size() > 1 ? 1 : 0])) return {'n', run(IsDigit)};
  if (text[0] == '$') return {'p', run(IsDigit)};
  if (IsWordByte(text[0])) return {'w', run(IsWordByte)};
  if (text[0] == ';') return {';', text.substr(0, 1)};
  if (text[0] != '\'') return {'o', text.substr(0, 1)};
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '\'') continue;
    if (text.substr(at, 2) != "''") return {'s', text.substr(0, at + 1)};
    ++at;
  }
  return {'o', text};
}

std::vector<Part> PartsOf(std::string_view text) {
  std::vector<Part> parts;
  while (!text.empty()) {
    if (std::isspace(static_cast<unsigned char>(text[0])) != 0) {
      text.remove_prefix(1);
    } else if (text.starts_with("--") || text.starts_with("/*")) {
      const size_t end = CommentEnd(text);
      if (end == std::string_view::npos) parts.push_back({'o', text});
      text.remove_prefix(std::min(end, text.size()));
    } else {
      parts.push_back(FirstPart(text));
      text.remove_prefix(parts.back().text.size());
    }
  }
  return parts;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& byte : lower) {
    byte = static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
  }
  return lower;
}

// What the command takes, as Found() has it; nullopt if it does not take this.
std::optional<std::string> ReferenceValue(const Part& part, std::string_view command) {
  const bool is_sharding = command == "key" || command == "shard";
  std::string value(part.text);
  if (part.kind == 'n' && is_sharding) return value;
  if (part.kind == 'p' && is_sharding) {
    const long number = std::strtol(value.c_str() + 1, nullptr, 10);
    if (number >= 1 && number <= 65535) return "$" + std::to_string(number);
  }
  if (part.kind != 's' && part.kind != 'w') return std::nullopt;
  if (part.kind == 's') {
    value = value.substr(1, value.size() - 2);
    for (size_t at = 0; (at = value.find("''", at)) != std::string::npos; ++at) value.erase(at, 1);
    if (command == "key") return value;
    const bool is_number = !value.empty() && FirstPart(value).kind == 'n';
    if (command == "shard" && is_number && FirstPart(value).text == value) return value;
  }
  const std::string_view names = command == "shard"   ? " any "
                                 : command == "role"  ? " primary replica any auto default "
                                 : command == "reads" ? " on off default "
                                                      : "";
  value = Lower(value);
  if (names.find(" " + value + " ") == std::string_view::npos) return std::nullopt;
  return value;
}

// "none", "bad", or what Found() has.
std::string Reference(std::string_view text) {
  const char* const commands[][2] = {
      {"key", "set sharding key "},    {"shard", "set shard to "},
      {"role", "set server role to "}, {"reads", "set primary reads to "},
      {"show", "show shard "},         {"show", "show server role "},
      {"show", "show primary reads "},
  };
  std::vector<Part> parts = PartsOf(text);
  while (!parts.empty() && parts.back().kind == ';') parts.pop_back();
  std::string words;
  for (const Part& part : parts) {
    if (part.kind == ';') return "none";
    words += Lower(part.text) + " ";
  }
  for (const auto& [name, begin] : commands) {
    const std::string_view command = begin;
    if (!words.starts_with(command)) continue;
    if (name == std::string_view("show")) {
      return words == command ? words.substr(0, words.size() - 1) : "none";
    }
    parts.erase(parts.begin(), parts.begin() + std::count(command.begin(), command.end(), ' '));
    if (name == std::string_view("key")) {
      if (parts.empty() || Lower(parts[0].text) != "to") return "bad";
      parts.erase(parts.begin());
    }
    const auto value = parts.size() == 1 ? ReferenceValue(parts[0], name) : std::nullopt;
    return value ? std::string(name) + " " + *value : "bad";
  }
  return "none";
}

}  // namespace

TEST_CASE("ParseDirective finds the commands, however they are written") {
  for (const Case& test : kCommands) {
    INFO(test.text);
    const std::string text = test.text;
    CHECK(Found(text) == test.found);
    CHECK(Found(text, StringSyntax::kBackslash) == test.found);
    CHECK(Found(text + ";") == test.found);
    CHECK(Found(text + "\r\n ; /* x */ ;; -- y") == test.found);
    CHECK(Found("\t\r\n\f\v /* x /* y */ ' */ -- '\n" + text) == test.found);
    CHECK(Found(text + "; SELECT 1") == "none");
    CHECK(Found("EXPLAIN " + text) == "none");
    CHECK(Found(";" + text) == "none");
    std::string spread = text;
    for (size_t at = 0; (at = spread.find(' ', at)) != std::string::npos; at += 13) {
      if (spread.find_first_of("'$") < at) break;
      spread.replace(at, 1, "/* ; */-- x;\n");
    }
    CHECK(Found(spread) == test.found);
  }
}

TEST_CASE("ParseDirective says what stands in the place of a value") {
  const char* const commands[][3] = {{"SET SHARDING KEY", "", kNoKey},
                                     {"SET SHARD", " TO", kNoShard},
                                     {"SET SERVER ROLE", " TO", kNoRole},
                                     {"SET PRIMARY READS", " TO", kNoReads}};
  for (const auto& [tag, to, values] : commands) {
    std::vector<std::string> list = Cut(values);
    list.emplace_back("");
    for (const std::string& value : list) {
      const std::string text = std::string(tag) + to + " " + value;
      const std::string bad = std::string("bad ") + tag + "|" + value;
      INFO(text);
      CHECK(Found(text) == bad);
      const bool is_open = text.find("'5") != std::string::npos || text.ends_with("5'") ||
                           text.find("5 /*") != std::string::npos;
      if (is_open) continue;
      CHECK(Found("/* x */ " + text + " /* x */ ;;") == bad);
      CHECK(Found(text + "; SELECT 1") == "none");
    }
  }
}

TEST_CASE("ParseDirective leaves everything else to the server") {
  std::vector<std::string> texts = Cut(kOthers);
  texts.emplace_back("");
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(Found(text) == "none");
    CHECK(Found(text, StringSyntax::kBackslash) == "none");
    CHECK(Found(text + ";") == "none");
    CHECK(Found("/* x */" + text) == "none");
  }
}

TEST_CASE("ParseDirective reads a backslash as the server would") {
  CHECK(Found("SET SHARDING KEY TO 'a\\b'") == "key a\\b");
  CHECK(Found("SET SHARDING KEY TO 'a\\b'", StringSyntax::kBackslash) == "key a\b");
  CHECK(Found("SET SHARDING KEY TO 'a\\'") == "key a\\");
  CHECK(Found("SET SHARDING KEY TO 'a\\'", StringSyntax::kBackslash) ==
        "bad SET SHARDING KEY|TO 'a\\'");
  CHECK(Found("SET SHARDING KEY TO 'a\\'; SELECT '", StringSyntax::kBackslash) ==
        "key a'; SELECT ");
  CHECK(Found("SET SHARDING KEY TO N'a'", StringSyntax::kBackslash) ==
        "bad SET SHARDING KEY|TO N'a'");
}

TEST_CASE("A value is borrowed from the text unless it has escapes") {
  for (const Case& test : kCommands) {
    INFO(test.text);
    const std::string_view text = test.text;
    const auto directive = ParseDirective(text, StringSyntax::kStandard);
    REQUIRE(directive);
    const std::string_view value = directive->value.view();
    if (value.empty() || value == "'" || text.find(value) == std::string_view::npos) continue;
    CHECK((value.data() >= text.data() && value.data() < text.data() + text.size()));
    const auto moved = std::vector<Directive>{*directive};
    CHECK(moved[0].value.view().data() == value.data());
  }
}

TEST_CASE("Every SET has a tag and allowed values, every SHOW a column") {
  CHECK(TagOf(Kind::kSetShardingKey) == "SET SHARDING KEY");
  CHECK(TagOf(Kind::kSetShard) == "SET SHARD");
  CHECK(TagOf(Kind::kSetServerRole) == "SET SERVER ROLE");
  CHECK(TagOf(Kind::kSetPrimaryReads) == "SET PRIMARY READS");
  for (const Kind kind : {Kind::kShowShard, Kind::kShowServerRole, Kind::kShowPrimaryReads}) {
    CHECK(TagOf(kind) == "SELECT 1");
    CHECK_FALSE(ColumnOf(kind).empty());
    CHECK(AllowedOf(kind).empty());
  }
  for (const Kind kind :
       {Kind::kSetShardingKey, Kind::kSetShard, Kind::kSetServerRole, Kind::kSetPrimaryReads}) {
    CHECK(ColumnOf(kind).empty());
    CHECK_FALSE(AllowedOf(kind).empty());
  }
}

TEST_CASE("UnquoteString takes one string and nothing else") {
  using pglynx::sql::UnquoteString;
  for (const char* text : {"", "'", "a", "'a", "a'", "'''", "'a'b'", "'a' 'b'", "E'a'", "\"a\""}) {
    INFO(text);
    CHECK_FALSE(UnquoteString(text, StringSyntax::kStandard));
    CHECK_FALSE(UnquoteString(text, StringSyntax::kBackslash));
  }
  CHECK(UnquoteString("''", StringSyntax::kStandard)->view().empty());
  CHECK(UnquoteString("'a''''b'", StringSyntax::kStandard)->view() == "a''b");
  CHECK(UnquoteString("'\\f\\r\\t'", StringSyntax::kBackslash)->view() == "\f\r\t");
  CHECK_FALSE(UnquoteString("'a\\'", StringSyntax::kBackslash));
}

TEST_CASE("ParseDirective agrees with a second reading of the grammar over token soup") {
  const char* const words[] = {"set",    "sharding", "key",     "to",      "shard", "show",
                               "server", "role",     "primary", "reads",   "any",   "auto",
                               "on",     "off",      "default", "replica", "SELECT"};
  const char* const values[] = {"5",     "-",    "+",        "'7'",    "'-7'",  "'it''s'",
                                "''",    "$1",   "$0",       "$70000", ";",     "=",
                                "'ANY'", "'on'", "'auto'",   "1.5",    "'a\\'", "'",
                                "(",     ",",    "\xc3\xa9", "/*",     "'x;y'", "12"};
  const char* const blanks[] = {" ", "\n", "\t", "/* ; */", "-- '\n", "/*/**/*/", "", "--"};
  const char* const begins[] = {"set sharding key to ",
                                "Set Shard To ",
                                "set server role to ",
                                "SET PRIMARY READS TO ",
                                "show shard",
                                "show server role",
                                ""};
  SeededRandom random(707);
  const auto pick = [&](const auto& from) {
    return std::string(from[random.Next64() % std::size(from)]);
  };
  size_t good = 0;
  size_t bad = 0;
  const size_t rounds = 100000;
  for (size_t round = 0; round < rounds; ++round) {
    std::string text = random.Next64() % 4 == 0 ? pick(blanks) : "";
    text += pick(begins);
    for (uint64_t count = random.Next64() % 5; count > 0; --count) {
      text += random.Next64() % 3 == 0 ? pick(words) : pick(values);
      if (random.Next64() % 3 != 0) text += random.Next64() % 4 == 0 ? pick(blanks) : " ";
    }
    const std::string found = Found(text);
    const std::string wanted = Reference(text);
    if (wanted == "bad" ? !found.starts_with("bad ") : found != wanted) {
      FAIL(found << " is not " << wanted << ": " << text);
    }
    if (wanted == "bad") ++bad;
    if (wanted != "bad" && wanted != "none") ++good;
  }
  CHECK(good > rounds / 20);
  CHECK(bad > rounds / 10);
  CHECK(good + bad < rounds * 9 / 10);
}

TEST_CASE("ParseDirective ends on every prefix and on damaged commands") {
  SeededRandom random(708);
  const std::string_view likely = "'\"$eEuU&01-+*/\\\n ;.=";
  const auto try_both = [](const std::string& text) {
    for (const StringSyntax syntax : {StringSyntax::kStandard, StringSyntax::kBackslash}) {
      const std::string found = Found(text, syntax);
      if (found.size() > text.size() + 30) FAIL(found << ": " << text);
    }
  };
  for (const Case& test : kCommands) {
    const std::string text = test.text;
    for (size_t size = 0; size <= text.size(); ++size) try_both(text.substr(0, size));
    for (int round = 0; round < 1000; ++round) {
      std::string damaged = text;
      for (uint64_t count = 1 + random.Next64() % 3; count > 0; --count) {
        const size_t at = random.Next64() % damaged.size();
        const uint64_t what = random.Next64() % 4;
        if (what == 0) damaged[at] = static_cast<char>(random.Next64());
        if (what == 1) damaged.erase(at, 1) += ' ';
        if (what >= 2) damaged.insert(at, 1, likely[random.Next64() % likely.size()]);
      }
      try_both(damaged);
    }
  }
}
