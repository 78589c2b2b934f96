// Goal: BAN and UNBAN name a server in every spelling of it, and nothing else passes. Method:
// tables of texts with what they mean, their errors word by word, and random fragments.

#include <optional>
#include <string>
#include <vector>

#include "admin/command_lexer.h"
#include "pglynx/admin/command.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

struct Server {
  std::string text;
  std::string host;
  std::optional<uint16_t> port = {};
};

std::vector<Server> Servers() {
  return {
      {"db1", "db1"},
      {"Db-1.Example.com", "Db-1.Example.com"},
      {"db1:5432", "db1", 5432},
      {"db_1.example.com:1", "db_1.example.com", 1},
      {"10.0.0.1", "10.0.0.1"},
      {"10.0.0.1:65535", "10.0.0.1", 65535},
      {"1a.2b-3c:05432", "1a.2b-3c", 5432},
      {"2024", "2024"},
      {"localhost", "localhost"},
      {"[::1]", "::1"},
      {"[::1]:5432", "::1", 5432},
      {"[2001:DB8::ff00:42:8329]:6432", "2001:DB8::ff00:42:8329", 6432},
      {"[fe80::1%eth0.5]", "fe80::1%eth0.5"},
      {"[::ffff:192.0.2.1]:5432", "::ffff:192.0.2.1", 5432},
      {"/run/postgresql", "/run/postgresql"},
      {"/var/run/pg-15:5433", "/var/run/pg-15", 5433},
      {"b\xc3\x84r", "b\xc3\x84r"},
      {"\"db1\"", "db1"},
      {"\"Db 1\":5432", "Db 1", 5432},
      {"\"::1\":5432", "::1", 5432},
      {"\"/run/a--b/*c\":5432", "/run/a--b/*c", 5432},
      {"\"say \"\"hi\"\"\"", "say \"hi\""},
      {"\"db1:5432\"", "db1:5432"},
      {"ban", "ban"},
      {"all", "all"},
  };
}

TEST_CASE("BAN and UNBAN take a host, quoted or not, and its port or all of them") {
  for (const Server& server : Servers()) {
    INFO(server.text);
    const Command unban{
        .kind = CommandKind::kUnban, .host = server.host, .port = server.port, .tag = "UNBAN"};
    Command ban = unban;
    ban.kind = CommandKind::kBan;
    ban.tag = "BAN";
    ban.ban_seconds = 60;
    for (const std::string& text :
         {"BAN " + server.text + " 60", "ban\t" + server.text + "\n60;",
          "Ban /* who */ " + server.text + " -- for\n 0060 ; ", ";BAN " + server.text + "/**/60"}) {
      INFO(text);
      const Result<Command> command = ParseCommand(text);
      REQUIRE(command.has_value());
      CHECK(*command == ban);
    }
    for (const std::string& text : {"UNBAN " + server.text, "unban\n" + server.text + ";",
                                    "UnBan/**/" + server.text + "-- x"}) {
      INFO(text);
      const Result<Command> command = ParseCommand(text);
      REQUIRE(command.has_value());
      CHECK(*command == unban);
    }
  }
}

TEST_CASE("a ban lasts from one second to a year") {
  for (const auto& [text, seconds] : std::vector<std::pair<std::string, uint32_t>>{
           {"1", 1}, {"007", 7}, {"3600", 3600}, {"31535999", 31535999}, {"31536000", 31536000}}) {
    const Result<Command> command = ParseCommand("BAN db1 " + text);
    REQUIRE(command.has_value());
    CHECK(command->ban_seconds == seconds);
  }
  for (const char* text :
       {"0", "31536001", "4294967297", "99999999999999999999", "-1", "+1", "1.5", "60s", "0x10",
        "1e3", "'60'", "\"60\"", "sixty", "60 s", "60 60", "60,"}) {
    INFO(text);
    const Result<Command> command = ParseCommand("BAN db1 " + std::string(text));
    REQUIRE_FALSE(command.has_value());
    CHECK(command.error().code == ErrorCode::kSyntaxError);
  }
}

TEST_CASE("what is no host and no port is refused, with what is allowed") {
  const std::string ban_takes =
      "BAN takes <host>[:<port>] <seconds>: a host of SHOW DATABASES, bare, in double quotes or, "
      "if "
      "it has colons, in brackets, a port from 1 to 65535, or none for all, and 1 to 31536000 "
      "seconds, use SHOW HELP;";
  const std::string unban_takes =
      "UNBAN takes <host>[:<port>]: a host of SHOW BANS, bare, in double quotes or, if it has "
      "colons, in brackets, and a port from 1 to 65535, or none for all, use SHOW HELP;";
  for (const char* server :
       {"",          "\"\"",        "\"\":5432",  "'db1'",        "'db1':5432",
        ":5432",     "db1:",        "db1:0",      "db1:65536",    "db1:99999999999",
        "db1:-1",    "db1:5432x",   "db1:x",      "db1:\"5432\"", "db1:5432:5432",
        "db1 :5432", "db1: 5432",   "db1 : 5432", "db1/**/:5432", "db1 db2",
        "db1, db2",  "db 1",        "::1",        "::1:5432",     "[]",
        "[::1",      "::1]",        "[::1]5432",  "[::1] :5432",  "[ ::1]",
        "[::1 ]",    "[db1]",       "[\"::1\"]",  "[::1]]:1",     "[[::1]]",
        "[::1]x",    "[/run:x]",    "a*b",        "a=b",          "a\"b\"",
        "\"a\"b",    "\"a\".\"b\"", "(a)",        "a@b",          "$1",
        "*"}) {
    INFO(server);
    const Result<Command> ban = ParseCommand("BAN " + std::string(server) + " 60");
    REQUIRE_FALSE(ban.has_value());
    CHECK(ban.error().code == ErrorCode::kSyntaxError);
    CHECK(ban.error().detail == ban_takes);
    const Result<Command> unban = ParseCommand("UNBAN " + std::string(server));
    REQUIRE_FALSE(unban.has_value());
    CHECK(unban.error().code == ErrorCode::kSyntaxError);
    CHECK(unban.error().detail == unban_takes);
  }
  // The time is a word of its own, never the end of a host or a port.
  for (const char* text : {"BAN", "BAN 60", "BAN db1", "BAN db1:5432", "BAN 10.0.0.1",
                           "BAN \"db1\"60", "BAN [::1]60", "BAN db1:60", "BAN 60 db1"}) {
    INFO(text);
    const Result<Command> ban = ParseCommand(text);
    REQUIRE_FALSE(ban.has_value());
    CHECK(ban.error().detail == ban_takes);
  }
  CHECK_FALSE(ParseCommand("UNBAN db1 60").has_value());
}

TEST_CASE("quotes and comments that do not end, and several commands, are refused as ever") {
  CHECK(ParseCommand("BAN \"db1 60").error().detail ==
        "invalid command 'BAN \"db1 60', use SHOW HELP;");
  CHECK(ParseCommand("BAN /run/*x 60").error().code == ErrorCode::kSyntaxError);
  CHECK(ParseCommand("\"ban\" db1 60").error().code == ErrorCode::kSyntaxError);
  CHECK(ParseCommand("BAN a 1; UNBAN a").error().code == ErrorCode::kFeatureNotSupported);
}

TEST_CASE("a token knows whether anything is between it and the one before") {
  const auto tokens = Tokenize(" a:1 \"b\"c/**/.--x\n'd';");
  REQUIRE(tokens.has_value());
  std::string seen;
  for (const Token& token : *tokens) seen += (token.joined ? "+" : " ") + token.text;
  CHECK(seen == " a+:+1 b+c . d+;");
}

TEST_CASE("random fragments give a server that can be one, or an error of what is allowed") {
  SeededRandom random(31);
  const std::vector<std::string> pieces = {
      "db1", ":", "5432", "[", "]",  "::1", "\"", ".",  "-",     "/",     " ",  " 60",
      "'",   "%", "0",    "é", "/*", "*/",  "--", "\n", "\"a\"", "65536", "\0", "fe80"};
  size_t good = 0;
  for (int run = 0; run < 50000; ++run) {
    std::string text = run % 2 == 0 ? "BAN " : "UNBAN ";
    for (uint64_t n = random.Next64() % 6; n > 0; --n)
      text += pieces[random.Next64() % pieces.size()];
    if (run % 2 == 0 && random.Next64() % 2 == 0) text += " 60";
    const Result<Command> command = ParseCommand(text);
    if (!command) {
      for (const char c : command.error().detail) REQUIRE((c >= ' ' && c <= '~'));
      continue;
    }
    ++good;
    INFO(text);
    REQUIRE_FALSE(command->host.empty());
    REQUIRE((!command->port || *command->port != 0));
    REQUIRE((command->ban_seconds != 0) == (command->kind == CommandKind::kBan));
  }
  CHECK(good > 1000);
}

}  // namespace
}  // namespace pglynx::admin
