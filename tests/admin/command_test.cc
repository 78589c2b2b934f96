// Goal: every command in every spelling that is allowed, and no other. Method: tables of
// texts, each cut of each text, and random bytes.

#include "pglynx/admin/command.h"

#include <string>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

// A command in one word, or "ERROR <code>".
std::string Meaning(std::string_view text) {
  const Result<Command> parsed = ParseCommand(text);
  if (!parsed) {
    return parsed.error().code == ErrorCode::kSyntaxError           ? "ERROR syntax"
           : parsed.error().code == ErrorCode::kFeatureNotSupported ? "ERROR unsupported"
                                                                    : "ERROR ?";
  }
  const Command& command = *parsed;
  switch (command.kind) {
    case CommandKind::kEmpty:
      return command.tag.empty() ? "empty" : "?";
    case CommandKind::kShow:
      for (size_t i = 0; !ShowName(i).empty(); ++i) {
        const std::string name(ShowName(i));
        if (ParseCommand("show " + name)->show == command.show) return "show " + name;
      }
      return "?";
    case CommandKind::kShowParameter:
      return "parameter " + std::string(command.parameter) + '=' + std::string(command.value);
    case CommandKind::kSetParameter:
      return "set " + std::string(command.parameter);
    case CommandKind::kSelectOne:
      return "one";
    case CommandKind::kSelectVersion:
      return "version()";
    case CommandKind::kReload:
      return "reload";
    case CommandKind::kShutdown:
      return "shutdown " + std::to_string(static_cast<int>(command.shutdown));
    case CommandKind::kSteer:
      return std::string(command.tag) + " <" + command.database + '>';
    case CommandKind::kKillClient:
      return "kill client " + std::to_string(command.client_id);
    case CommandKind::kDrain:
      return "drain";
    case CommandKind::kUndrain:
      return "undrain";
    case CommandKind::kBan:
    case CommandKind::kUnban:
      return std::string(command.tag) + " <" + command.host + '>';
    case CommandKind::kNoEffect:
      return "tag " + std::string(command.tag);
    case CommandKind::kForgetStatements:
      return "forget " + std::string(command.tag);
  }
  return "?";
}

struct Case {
  std::string text;
  std::string meaning;
};

TEST_CASE("SHOW takes each table in any case, quoted, and by SELECT") {
  size_t count = 0;
  for (; !ShowName(count).empty(); ++count) {
    const std::string name(ShowName(count));
    const std::string meaning = "show " + name;
    for (const std::string& text :
         {"SHOW " + name, "show " + name + ";", "Show \"" + name + "\" ;; ", "select " + name,
          "\n\t/* a /* b */ c */ SHOW--x\n" + name + " -- end", ";show " + name}) {
      INFO(text);
      CHECK(Meaning(text) == meaning);
    }
  }
  CHECK(count == 16);
  CHECK(Meaning("sHoW PoOlS") == "show pools");
  CHECK(Meaning("SHOW \"POOLS\"") == "show pools");
}

TEST_CASE("commands mean what PgBouncer means by them") {
  const std::vector<Case> cases = {
      {"", "empty"},
      {" \n\t;; ", "empty"},
      {"-- only a comment", "empty"},
      {"/**/", "empty"},
      {"RELOAD", "reload"},
      {"reload;", "reload"},
      {"SHUTDOWN", "shutdown 0"},
      {"SHUTDOWN WAIT_FOR_SERVERS", "shutdown 1"},
      {"shutdown wait_for_clients;", "shutdown 2"},
      {"SHOW client_encoding", "parameter client_encoding=UTF8"},
      {"SHOW DateStyle", "parameter datestyle=ISO"},
      {"show TimeZone;", "parameter timezone=GMT"},
      {"SHOW TIME ZONE", "parameter timezone=GMT"},
      {"SHOW standard_conforming_strings", "parameter standard_conforming_strings=on"},
      {"SHOW default_transaction_isolation",
       "parameter default_transaction_isolation=read committed"},
      {"show transaction isolation level", "parameter transaction_isolation=read committed"},
      {"SHOW extra_float_digits", "parameter extra_float_digits=1"},
      {"SHOW application_name", "parameter application_name="},
      {"SET client_encoding TO 'UTF8'", "set client_encoding"},
      {"set extra_float_digits = 3", "set extra_float_digits"},
      {"SET SESSION DateStyle = ISO, MDY;", "set datestyle"},
      {"SET LOCAL \"application_name\" TO 'it''s; me'", "set application_name"},
      {"SET TIME ZONE 'UTC'", "set timezone"},
      {"SET timezone=-3", "set timezone"},
      {"SELECT 1", "one"},
      {"select 1;", "one"},
      {"SELECT version()", "version()"},
      {"select pg_catalog.version ( ) ;", "version()"},
      {"BEGIN", "tag BEGIN"},
      {"begin isolation level serializable read only", "tag BEGIN"},
      {"START TRANSACTION", "tag START TRANSACTION"},
      {"COMMIT", "tag COMMIT"},
      {"end transaction", "tag COMMIT"},
      {"ROLLBACK WORK", "tag ROLLBACK"},
      {"abort", "tag ROLLBACK"},
      {"RESET ALL", "tag RESET"},
      {"DISCARD ALL", "forget DISCARD ALL"},
      {"DEALLOCATE ALL", "forget DEALLOCATE ALL"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(Meaning(c.text) == c.meaning);
  }
}

TEST_CASE("what is no command is a syntax error") {
  for (const std::string& text : std::vector<std::string>{
           "SHOW",
           "SHOW mem",
           "SHOW DNS_HOSTS",
           "SHOW POOLS x",
           "SHOW 'pools'",
           "SHOW ALL",
           "\"show\" pools",
           "SELECT",
           "SELECT 2",
           "SELECT 1 + 1",
           "SELECT other.version()",
           "SELECT version(",
           "SELECT * FROM t",
           "SET",
           "SET client_encoding",
           "SET client_encoding TO",
           "SET client_encoding 'UTF8'",
           "SET TIME ZONE",
           "SET TIME ZONE = 1",
           "SET = 1",
           "RELOAD now",
           "SHUTDOWN NOW",
           "SHUTDOWN wait_for_servers wait_for_clients",
           "SHUTDOWN \"wait_for_servers\"",
           "SUSPEND",
           "START",
           "START again",
           "COMMIT AND CHAIN",
           "ROLLBACK TO SAVEPOINT a",
           "RESET client_encoding",
           "DISCARD PLANS",
           "DEALLOCATE a",
           "pools",
           "1",
           "'SHOW POOLS'",
           "SHOW \"pools",
           "SET application_name TO 'x",
           "/* SHOW POOLS",
           "SHOW POOLS /* /* */",
           std::string("SHOW\0POOLS", 10),
       }) {
    INFO(text);
    CHECK(Meaning(text) == "ERROR syntax");
  }
}

struct Steer {
  std::string word;
  SteerWhat what;
  bool needs_database;
};

std::vector<Steer> Steers() {
  return {{"PAUSE", SteerWhat::kPause, false},         {"RESUME", SteerWhat::kResume, false},
          {"DISABLE", SteerWhat::kDisable, true},      {"ENABLE", SteerWhat::kEnable, true},
          {"KILL", SteerWhat::kKill, false},           {"RECONNECT", SteerWhat::kReconnect, false},
          {"WAIT_CLOSE", SteerWhat::kWaitClose, false}};
}

TEST_CASE("commands about pools take a database as it is written, or all") {
  // What stands behind the command, and the name it means.
  const std::vector<std::pair<std::string, std::string>> names = {
      {"app", "app"},
      {"App", "App"},
      {"\"App\"", "App"},
      {"app;", "app"},
      {"\"App\" ; ", "App"},
      {"\"my app; -- x\"", "my app; -- x"},
      {"\"say \"\"hi\"\"\"", "say \"hi\""},
      {"2024", "2024"},
      {"2024Db", "2024Db"},
      {"_a$1", "_a$1"},
      {"b\xc3\x84", "b\xc3\x84"},
      {"all", "all"},
      {"Pause", "Pause"},
      {"/* which */ app -- that", "app"},
  };
  for (const Steer& steer : Steers()) {
    std::string mixed = steer.word;
    for (size_t i = 0; i < mixed.size(); i += 2) {
      if (mixed[i] != '_') mixed[i] = static_cast<char>(mixed[i] - 'A' + 'a');
    }
    for (const std::string& word : {steer.word, mixed}) {
      for (const auto& [written, name] : names) {
        INFO(word << ' ' << written);
        const Result<Command> command = ParseCommand(word + ' ' + written);
        REQUIRE(command.has_value());
        CHECK(*command == Command{.kind = CommandKind::kSteer,
                                  .steer = steer.what,
                                  .database = name,
                                  .tag = steer.word});
      }
      INFO(word);
      CHECK(Meaning(word) == (steer.needs_database ? "ERROR syntax" : steer.word + " <>"));
      CHECK(Meaning(word + ';') == Meaning(word));
      CHECK(Meaning(word + "\"App\"") == steer.word + " <App>");
    }
    for (const char* wrong : {"\"\"", "'app'", "a b", "a, b", "my-app", "a.b", "-1", "*", "=a",
                              "\"a\" \"b\"", "\"app", "1 2"}) {
      INFO(steer.word << ' ' << wrong);
      CHECK(Meaning(steer.word + ' ' + wrong) == "ERROR syntax");
    }
    CHECK(Meaning('"' + steer.word + "\" app") == "ERROR syntax");
    CHECK(Meaning(steer.word + " a; " + steer.word + " b") == "ERROR unsupported");
  }
}

TEST_CASE("KILL_CLIENT takes a whole number from one to the greatest int8") {
  CHECK(Meaning("KILL_CLIENT 1") == "kill client 1");
  CHECK(Meaning("kill_client 0017 ;") == "kill client 17");
  CHECK(Meaning("KILL_CLIENT 9223372036854775807") == "kill client 9223372036854775807");
  for (const char* wrong :
       {"", "0", "-1", "+1", "1.5", "1 2", "9223372036854775808", "18446744073709551616",
        "99999999999999999999999", "0x11", "1a", "a", "'1'", "\"1\"", "1,2"}) {
    INFO(wrong);
    const Result<Command> command = ParseCommand("KILL_CLIENT " + std::string(wrong));
    REQUIRE_FALSE(command.has_value());
    CHECK(command.error().code == ErrorCode::kSyntaxError);
    CHECK(command.error().detail ==
          "KILL_CLIENT takes the id of a client in SHOW CLIENTS, 1 to 9223372036854775807, use "
          "SHOW HELP;");
  }
}

TEST_CASE("DRAIN and UNDRAIN take nothing") {
  CHECK(Meaning("DRAIN") == "drain");
  CHECK(Meaning("drain;") == "drain");
  CHECK(Meaning("Undrain ;") == "undrain");
  CHECK(ParseCommand("DRAIN app").error().detail ==
        "DRAIN takes nothing behind it, use SHOW HELP;");
  CHECK(Meaning("UNDRAIN app") == "ERROR syntax");
  CHECK(Meaning("\"drain\"") == "ERROR syntax");
}

TEST_CASE("a command about pools that is not understood says what it takes") {
  CHECK(ParseCommand("pause a b").error().detail ==
        "PAUSE takes the name of one database, bare or in double quotes, or nothing for all, use "
        "SHOW HELP;");
  CHECK(ParseCommand("DISABLE").error().detail ==
        "DISABLE takes the name of one database, bare or in double quotes, use SHOW HELP;");
}

TEST_CASE("several commands and settings are refused as unsupported") {
  CHECK(Meaning("SHOW POOLS; SHOW LISTS") == "ERROR unsupported");
  CHECK(Meaning("BEGIN; SHOW POOLS") == "ERROR unsupported");
  CHECK(Meaning("SET default_pool_size = 3") == "ERROR unsupported");
  CHECK(Meaning("SET search_path TO public") == "ERROR unsupported");
}

TEST_CASE("the errors name SHOW HELP and show the text bounded and printable") {
  CHECK(ParseCommand("pause\n'\x01 db").error().detail ==
        "invalid command 'pause?'? db', use SHOW HELP;");
  CHECK(ParseCommand(std::string(200, 'x')).error().detail ==
        "invalid command '" + std::string(64, 'x') + "...', use SHOW HELP;");
  CHECK(ParseCommand("SHOW mem").error().detail ==
        "invalid command 'SHOW mem', SHOW offers VERSION, HELP, POOLS, CLIENTS, SERVERS, "
        "DATABASES, USERS, STATS, STATS_TOTALS, STATS_AVERAGES, TOTALS, LISTS, CONFIG, STATE, "
        "BANS, SHARDS; use SHOW HELP;");
  CHECK(ParseCommand("SET work_mem = 1").error().detail ==
        "SET of 'work_mem' is not offered: change the configuration file, then RELOAD; use SHOW "
        "HELP;");
}

TEST_CASE("length and number of words are bounded") {
  const std::string show = "SHOW POOLS";
  const std::string longest = show + std::string(kCommandBytesMax - show.size(), ' ');
  CHECK(Meaning(longest) == "show pools");
  CHECK(Meaning(longest + ' ') == "ERROR syntax");
  CHECK(ParseCommand(longest + ' ').error().detail ==
        "command of 8193 bytes: at most 8192 are allowed, use SHOW HELP;");
  std::string words = "BEGIN";
  for (int i = 1; i < 64; ++i) words += " a";
  CHECK(Meaning(words) == "tag BEGIN");
  CHECK(Meaning(words + " a") == "ERROR syntax");
}

TEST_CASE("the help names every SHOW and every command") {
  for (size_t i = 0; !ShowName(i).empty(); ++i) {
    std::string name(ShowName(i));
    for (char& c : name) c = c == '_' ? c : static_cast<char>(c - 'a' + 'A');
    INFO(name);
    CHECK(HelpText().find(name) != std::string_view::npos);
  }
  for (const char* word :
       {"RELOAD", "SHUTDOWN", "KILL_CLIENT", "\tDRAIN", "UNDRAIN", "\tBAN ", "\tUNBAN "}) {
    CHECK(HelpText().find(word) != std::string_view::npos);
  }
  for (const Steer& steer : Steers()) {
    CHECK(HelpText().find("\t" + steer.word + ' ') != std::string_view::npos);
  }
}

TEST_CASE("random bytes and fragments never do more than fail") {
  SeededRandom random(20);
  const std::vector<std::string> pieces = {
      "show", "select", "set", "pools", "\"",    "'",           "/*",      "*/",    "--",
      "\n",   ";",      "1",   "(",     ")",     "=",           "to",      " ",     "é",
      "$",    ".",      "\0",  "all",   "pause", "kill_client", "disable", "drain", "App"};
  for (int run = 0; run < 20000; ++run) {
    std::string text;
    for (uint64_t n = random.Next64() % 8; n > 0; --n) {
      text += pieces[random.Next64() % pieces.size()];
      if (random.Next64() % 2 == 0) text += ' ';
    }
    if (run % 4 == 0) text += random.Bytes(random.Next64() % 16);
    const Result<Command> command = ParseCommand(text);
    if (command) continue;
    for (const char c : command.error().detail) REQUIRE((c >= ' ' && c <= '~'));
  }
}

}  // namespace
}  // namespace pglynx::admin
