// Goal: the console answers each message as the PostgreSQL manual says, in both protocols,
// and survives any bytes. Method: transcripts of exchanges with a host that records, every
// cut of every message, and random messages.

#include "pglynx/admin/console.h"

#include <algorithm>
#include <string>
#include <vector>

#include "admin/backend_transcript.h"
#include "admin/console_talk.h"
#include "admin/fake_console_host.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

std::string TalkOnce(const std::vector<Message>& messages, Rights rights = Rights::kAdmin) {
  FakeConsoleHost host;
  Console console(host, rights);
  return Talk(console, messages);
}

TEST_CASE("a simple SHOW answers rows, the tag SHOW and ReadyForQuery") {
  CHECK(TalkOnce({Query("SHOW VERSION;")}) == "T version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n");
  CHECK(TalkOnce({Query("show config")}) ==
        "T key:25 value:25 default:25 changeable:25\nD port|6432|6432|no\n"
        "D log_level|debug|info|yes\nC SHOW\nZ I\n");
  CHECK(TalkOnce({Query("SHOW STATE")}) ==
        "T key:25 value:25\nD active|yes\nD paused|no\nD suspended|no\nD draining|no\n"
        "C SHOW\nZ I\n");
}

TEST_CASE("SHOW HELP is a notice without rows") {
  CHECK(TalkOnce({Query("SHOW HELP")}) ==
        "N NOTICE 00000 Console usage D=" + std::string(HelpText()) + "\nC SHOW\nZ I\n");
}

TEST_CASE("SHOW takes of the host only what it prints") {
  FakeConsoleHost host;
  Console console(host, Rights::kStats);
  Talk(console, {Query("SHOW VERSION"), Query("SHOW HELP")});
  CHECK(host.calls.empty());
  Talk(console,
       {Query("SHOW STATE"), Query("SHOW POOLS"), Query("SHOW CLIENTS"), Query("SHOW CONFIG")});
  CHECK(host.calls == "pools;pools;connections;config;");
}

TEST_CASE("what drivers send by themselves is answered") {
  CHECK(TalkOnce({Query("")}) == "I\nZ I\n");
  CHECK(TalkOnce({Query("BEGIN")}) == "C BEGIN\nZ I\n");
  CHECK(TalkOnce({Query("COMMIT")}) == "C COMMIT\nZ I\n");
  CHECK(TalkOnce({Query("ROLLBACK")}) == "C ROLLBACK\nZ I\n");
  CHECK(TalkOnce({Query("RESET ALL")}) == "C RESET\nZ I\n");
  CHECK(TalkOnce({Query("DISCARD ALL")}) == "C DISCARD ALL\nZ I\n");
  CHECK(TalkOnce({Query("SELECT 1")}) == "T ?column?:23\nD 1\nC SELECT 1\nZ I\n");
  CHECK(TalkOnce({Query("select version()")}) == "T version:25\nD pglynx 0.1.0\nC SELECT 1\nZ I\n");
  CHECK(TalkOnce({Query("SHOW DateStyle")}) == "T datestyle:25\nD ISO\nC SHOW\nZ I\n");
  CHECK(TalkOnce({Query("SET DATESTYLE TO 'ISO'")}) == "N NOTICE 00000 SET ignored\nC SET\nZ I\n");
}

TEST_CASE("an error in the simple protocol leaves the console usable") {
  CHECK(TalkOnce({Query("SUSPEND"), Query("SELECT 1; SELECT 1"), Query("SHOW VERSION")}) ==
        "E ERROR 42601 invalid command 'SUSPEND', use SHOW HELP;\nZ I\n"
        "E ERROR 0A000 several commands in one message are not supported: send them one by one\n"
        "Z I\nT version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n");
}

TEST_CASE("RELOAD tells its changes as notices") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Query("RELOAD")}) == "C RELOAD\nZ I\n");
  host.changes = {"port: 1 -> 2", std::string("nul \0 byte", 10)};
  CHECK(Talk(console, {Query("RELOAD")}) ==
        "N NOTICE 00000 port: 1 -> 2\nN NOTICE 00000 nul ? byte\nC RELOAD\nZ I\n");
  CHECK(host.calls == "reload;reload;");
}

TEST_CASE("RELOAD tells at most a hundred changes") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  host.changes.assign(kReloadLinesMax, "x");
  const std::string all = Talk(console, {Query("RELOAD")});
  CHECK(std::count(all.begin(), all.end(), 'N') == 2 * kReloadLinesMax);
  host.changes.assign(kReloadLinesMax + 7, "x");
  CHECK(Talk(console, {Query("RELOAD")}) ==
        all.substr(0, all.find("C RELOAD")) + "N NOTICE 00000 and 7 more changes\nC RELOAD\nZ I\n");
}

TEST_CASE("a failed RELOAD has its first error as message and all in detail") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  host.reload_error = Error{ErrorCode::kConfigFile, "a.toml:1:2: one"};
  CHECK(Talk(console, {Query("RELOAD")}) ==
        "E ERROR F0000 RELOAD failed: a.toml:1:2: one D=a.toml:1:2: one\nZ I\n");
  host.reload_error->detail = "first\nsecond";
  CHECK(Talk(console, {Query("RELOAD")}) ==
        "E ERROR F0000 RELOAD failed: first D=first\nsecond\nZ I\n");
  std::string lines;
  for (size_t i = 0; i < kReloadLinesMax; ++i) lines += "x\n";
  host.reload_error->detail = lines + "y\nz";
  CHECK(Talk(console, {Query("RELOAD")}) ==
        "E ERROR F0000 RELOAD failed: x D=" + lines + "and 2 more\nZ I\n");
}

TEST_CASE("SHUTDOWN closes the connection, its waiting forms answer") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Query("SHUTDOWN WAIT_FOR_SERVERS")}) == "C SHUTDOWN\nZ I\n");
  CHECK(Talk(console, {Query("SHUTDOWN WAIT_FOR_CLIENTS")}) == "C SHUTDOWN\nZ I\n");
  CHECK(Talk(console, {Query("SHUTDOWN")}) == "CLOSE\n");
  CHECK(host.calls == "shutdown 1;shutdown 2;shutdown 0;");
}

TEST_CASE("a stats user may look and no more") {
  FakeConsoleHost host;
  Console console(host, Rights::kStats);
  const std::string denied = "E ERROR 42501 admin access needed: this user may not ";
  CHECK(Talk(console, {Query("RELOAD")}) == denied + "RELOAD\nZ I\n");
  CHECK(Talk(console, {Query("SHUTDOWN")}) == denied + "SHUTDOWN\nZ I\n");
  CHECK(Talk(console, {Parse("", "RELOAD"), Bind("", ""), Execute(""), Execute(""), kSync}) ==
        "1\n2\n" + denied + "RELOAD\nZ I\n");
  CHECK(host.calls.empty());
  CHECK(Talk(console, {Query("SHOW VERSION")}) == "T version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n");
}

TEST_CASE("the extended protocol prepares, describes, binds and executes") {
  CHECK(TalkOnce({Parse("s", "SHOW VERSION"),
                  Describe('S', "s"),
                  {'H', ""},
                  Bind("p", "s"),
                  Describe('P', "p"),
                  Execute("p"),
                  Close('P', "p"),
                  Close('S', "s"),
                  kSync}) ==
        "1\nt 0\nT version:25\n2\nT version:25\nD pglynx 0.1.0\nC SHOW\n3\n3\nZ I\n");
  CHECK(TalkOnce({Parse("", "BEGIN"), Describe('S', ""), Bind("", ""), Describe('P', ""),
                  Execute(""), kSync}) == "1\nt 0\nn\n2\nn\nC BEGIN\nZ I\n");
  CHECK(TalkOnce({Parse("", ""), Describe('S', ""), Bind("", ""), Execute(""), kSync}) ==
        "1\nt 0\nn\n2\nI\nZ I\n");
  CHECK(TalkOnce({Parse("", "SHOW HELP"), Describe('S', ""), Bind("", ""), Execute(""), kSync}) ==
        "1\nt 0\nn\n2\nN NOTICE 00000 Console usage D=" + std::string(HelpText()) +
            "\nC SHOW\nZ I\n");
  CHECK(TalkOnce({Parse("", "SHUTDOWN"), Bind("", ""), Execute("")}) == "1\n2\nCLOSE\n");
}

TEST_CASE("Describe names the columns of each command with rows") {
  for (size_t i = 0; !ShowName(i).empty(); ++i) {
    const std::string sql = "SHOW " + std::string(ShowName(i));
    if (sql == "SHOW help") continue;
    INFO(sql);
    const std::string simple = TalkOnce({Query(sql)});
    const std::string described =
        TalkOnce({Parse("", sql), Describe('S', ""), Bind("", ""), Execute(""), kSync});
    const size_t columns = simple.find('\n') + 1;
    CHECK(described == "1\nt 0\n" + simple.substr(0, columns) + "2\n" + simple.substr(columns));
  }
}

TEST_CASE("a row limit suspends the portal until its rows are out") {
  const std::vector<Message> open = {Parse("", "SHOW STATE"), Bind("", "")};
  const auto with = [&](std::vector<Message> more) {
    std::vector<Message> all = open;
    all.insert(all.end(), more.begin(), more.end());
    return TalkOnce(all).substr(4);
  };
  const std::string active = "D active|yes\n";
  const std::string paused = "D paused|no\n";
  const std::string suspended = "D suspended|no\n";
  const std::string draining = "D draining|no\n";
  const std::string all_rows = active + paused + suspended + draining;
  CHECK(with({Execute("", 3), Execute("", 3)}) ==
        active + paused + suspended + "s\n" + draining + "C SHOW\n");
  CHECK(with({Execute("", 4), Execute("", 4)}) == all_rows + "s\nC SHOW\n");
  CHECK(with({Execute("", 5)}) == all_rows + "C SHOW\n");
  CHECK(with({Execute("", 1), Execute("", 0)}) ==
        active + "s\n" + paused + suspended + draining + "C SHOW\n");
  CHECK(with({Execute("", 0xffffffffU)}) == all_rows + "C SHOW\n");
  CHECK(with({Execute("", 0x7fffffffU), Execute("")}) == all_rows + "C SHOW\nC SHOW\n");
}

TEST_CASE("a portal shows one moment, a prepared statement the present one") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  host.databases = 1;
  Talk(console, {Parse("s", "SHOW LISTS"), kSync});
  CHECK(Talk(console, {Bind("", "s"), Execute("", 1)}) == "2\nD databases|1\ns\n");
  host.databases = 2;
  CHECK(Talk(console, {Execute("", 1)}) == "D users|0\ns\n");
  CHECK(host.calls == "pools;");
  CHECK(Talk(console, {kSync, Bind("", "s"), Execute("", 1)}) == "Z I\n2\nD databases|2\ns\n");
}

TEST_CASE("a portal without rows runs once") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Parse("", "RELOAD"), Bind("", ""), Execute(""), Execute(""), kSync}) ==
        "1\n2\nC RELOAD\nE ERROR 55000 portal of RELOAD cannot be run again\nZ I\n");
  CHECK(host.calls == "reload;");
}

TEST_CASE("after an error everything up to Sync is skipped") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Parse("", "nonsense"),
                       Query("RELOAD"),
                       Parse("s", "RELOAD"),
                       Bind("", ""),
                       Describe('S', ""),
                       Execute(""),
                       Close('S', ""),
                       {'H', ""},
                       {'F', "x"},
                       {'d', "x"},
                       {'c', ""},
                       {'f', "x"},
                       kSync,
                       Query("SELECT 1")}) ==
        "E ERROR 42601 invalid command 'nonsense', use SHOW HELP;\nZ I\n"
        "T ?column?:23\nD 1\nC SELECT 1\nZ I\n");
  CHECK(host.calls.empty());
  CHECK(Talk(console, {Bind("", "x"), {'X', ""}}) ==
        "E ERROR 26000 prepared statement \"x\" does not exist\nCLOSE\n");
}

TEST_CASE("unknown names are errors, except to Close") {
  CHECK(TalkOnce({Bind("", ""), kSync}) ==
        "E ERROR 26000 prepared statement \"\" does not exist\nZ I\n");
  CHECK(TalkOnce({Describe('S', "a\nb"), kSync}) ==
        "E ERROR 26000 prepared statement \"a?b\" does not exist\nZ I\n");
  CHECK(TalkOnce({Describe('P', "p"), kSync}) ==
        "E ERROR 34000 portal \"p\" does not exist\nZ I\n");
  CHECK(TalkOnce({Execute("p"), kSync}) == "E ERROR 34000 portal \"p\" does not exist\nZ I\n");
  CHECK(TalkOnce({Close('S', "s"), Close('P', "p"), kSync}) == "3\n3\nZ I\n");
}

TEST_CASE("a name is given once, the unnamed one again and again") {
  CHECK(TalkOnce({Parse("s", "RELOAD"), Parse("s", "RELOAD"), kSync}) ==
        "1\nE ERROR 42P05 prepared statement \"s\" already exists\nZ I\n");
  CHECK(TalkOnce({Parse("", "RELOAD"), Parse("", "SELECT 1"), Bind("", ""), Bind("", ""),
                  Execute(""), kSync}) == "1\n1\n2\n2\nD 1\nC SELECT 1\nZ I\n");
  CHECK(TalkOnce({Parse("", "RELOAD"), Bind("p", ""), Bind("p", ""), kSync}) ==
        "1\n2\nE ERROR 42P03 portal \"p\" already exists\nZ I\n");
}

TEST_CASE("portals end at Sync, at a Query and with their statement") {
  const std::string gone = "E ERROR 34000 portal \"p\" does not exist\nZ I\n";
  const Message parse = Parse("s", "SELECT 1");
  CHECK(TalkOnce({parse, Bind("p", "s"), kSync, Execute("p"), kSync}) == "1\n2\nZ I\n" + gone);
  CHECK(TalkOnce({parse, Bind("p", "s"), Query(""), Execute("p"), kSync}) ==
        "1\n2\nI\nZ I\n" + gone);
  CHECK(TalkOnce({parse, Bind("p", "s"), Close('S', "s"), Execute("p"), kSync}) ==
        "1\n2\n3\n" + gone);
  CHECK(TalkOnce({parse, Parse("t", "BEGIN"), Bind("p", "t"), Close('S', "s"), Execute("p"),
                  kSync}) == "1\n1\n2\n3\nC BEGIN\nZ I\n");
}

TEST_CASE("statements end at DISCARD ALL, the unnamed one at a Query") {
  const std::string gone = "E ERROR 26000 prepared statement \"s\" does not exist\nZ I\n";
  CHECK(TalkOnce({Parse("s", "BEGIN"), Query("DISCARD ALL"), Bind("", "s"), kSync}) ==
        "1\nC DISCARD ALL\nZ I\n" + gone);
  CHECK(TalkOnce({Parse("s", "DEALLOCATE ALL"), Bind("", "s"), Execute(""), Bind("", "s"),
                  kSync}) == "1\n2\nC DEALLOCATE ALL\n" + gone);
  CHECK(TalkOnce({Parse("", "BEGIN"), Parse("s", "BEGIN"), Query(""), Bind("", "s"), Bind("", ""),
                  kSync}) ==
        "1\n1\nI\nZ I\n2\nE ERROR 26000 prepared statement \"\" does not exist\nZ I\n");
}

TEST_CASE("the numbers of statements and portals are bounded") {
  std::vector<Message> messages;
  std::string expected;
  for (size_t i = 0; i < kConsoleStatementsMax; ++i) {
    messages.push_back(Parse("s" + std::to_string(i), "BEGIN"));
    messages.push_back(Bind("p" + std::to_string(i), "s0"));
    expected += "1\n2\n";
  }
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, messages) == expected);
  CHECK(Talk(console, {Bind("more", "s0")}) ==
        "E ERROR 53400 too many portals on the console: at most 16 are allowed\n");
  CHECK(Talk(console, {kSync, Parse("more", "BEGIN"), kSync}) ==
        "Z I\nE ERROR 53400 too many prepared statements on the console: at most 16 are allowed\n"
        "Z I\n");
  CHECK(Talk(console, {Close('S', "s7"), Parse("more", "BEGIN"), kSync}) == "3\n1\nZ I\n");
}

TEST_CASE("names are bounded") {
  const std::string longest(kConsoleNameBytesMax, 'n');
  CHECK(TalkOnce({Parse(longest, "BEGIN"), Bind(longest, longest), kSync}) == "1\n2\nZ I\n");
  const std::string error =
      "E ERROR 53400 name of a statement or portal is too long: at most 128 bytes are allowed\n";
  CHECK(TalkOnce({Parse(longest + 'n', "BEGIN"), kSync}) == error + "Z I\n");
  CHECK(TalkOnce({Parse("", "BEGIN"), Bind(longest + 'n', ""), kSync}) == "1\n" + error + "Z I\n");
}

TEST_CASE("parameters are refused") {
  CHECK(TalkOnce({{'P', CString("") + CString("BEGIN") + U16(1) + U32(23)}, kSync}) ==
        "E ERROR 0A000 parameters are not supported by the console\nZ I\n");
  CHECK(TalkOnce({Parse("", "BEGIN"),
                  {'B', CString("") + CString("") + U16(0) + U16(1) + U32(1) + "x" + U16(0)},
                  kSync}) ==
        "1\nE ERROR 08P01 bind message supplies 1 parameters, but console commands take none\n"
        "Z I\n");
}

TEST_CASE("results are text or binary, for all columns or for each") {
  const auto bound = [](std::string_view sql, std::string formats) {
    return TalkOnce({Parse("", sql), Bind("", "", std::move(formats)), kSync});
  };
  CHECK(bound("SHOW STATE", U16(1) + U16(0)) == "1\n2\nZ I\n");
  CHECK(bound("SHOW STATE", U16(2) + U16(0) + U16(0)) == "1\n2\nZ I\n");
  CHECK(bound("SHOW STATE", U16(1) + U16(1)) == "1\n2\nZ I\n");
  CHECK(bound("SHOW STATE", U16(2) + U16(0) + U16(1)) == "1\n2\nZ I\n");
  CHECK(bound("SHOW STATE", U16(1) + U16(2)) ==
        "1\nE ERROR 22023 unsupported format code in bind message: 0 (text) and 1 (binary) are "
        "offered\nZ I\n");
  CHECK(bound("SHOW STATE", U16(3) + U16(0) + U16(0) + U16(0)) ==
        "1\nE ERROR 08P01 bind message has 3 result formats but the command has 2 columns\n"
        "Z I\n");
  // Drivers that always ask for binary must get through BEGIN.
  CHECK(bound("BEGIN", U16(1) + U16(1)) == "1\n2\nZ I\n");
}

TEST_CASE("a function call is refused and followed by ReadyForQuery") {
  CHECK(TalkOnce({{'F', "anything"}}) ==
        "E ERROR 0A000 function calls are not supported by the console\nZ I\n");
}

TEST_CASE("remnants of a copy are ignored, Terminate closes in silence") {
  CHECK(TalkOnce({{'d', "x"}, {'c', ""}, {'f', "x"}, {'X', ""}}).substr(0) == "CLOSE\n");
}

TEST_CASE("a message type that cannot be ends the connection, in a skip too") {
  const std::string known = "QPBDECHFdcfSX";
  for (int type = 0; type < 256; ++type) {
    const char c = static_cast<char>(type);
    if (known.find(c) != std::string::npos) continue;
    const std::string fatal =
        "E FATAL 08P01 invalid frontend message type " + std::to_string(type) + "\nCLOSE\n";
    CHECK(TalkOnce({{c, ""}}) == fatal);
    const std::string skipped = TalkOnce({Execute("p"), {c, ""}});
    CHECK(skipped == "E ERROR 34000 portal \"p\" does not exist\n" + fatal);
  }
}

TEST_CASE("a message that is cut anywhere, or too long, ends the connection") {
  const std::vector<Message> messages = {Query("SHOW VERSION"),
                                         Parse("s", "BEGIN"),
                                         Bind("p", "", U16(1) + U16(0)),
                                         Describe('S', ""),
                                         Execute("o"),
                                         Close('P', "p"),
                                         kSync};
  for (const Message& message : messages) {
    const std::string fatal =
        std::string("E FATAL 08P01 invalid message format: type '") + message.type + "'\nCLOSE\n";
    for (size_t length = 0; length < message.body.size(); ++length) {
      INFO(message.type << ' ' << length);
      const Message cut{message.type, message.body.substr(0, length)};
      CHECK(TalkOnce({Parse("", "SELECT 1"), Bind("o", ""), cut}) == "1\n2\n" + fatal);
    }
    const Message longer{message.type, message.body + 'x'};
    CHECK(TalkOnce({Parse("", "SELECT 1"), Bind("o", ""), longer}) == "1\n2\n" + fatal);
  }
  CHECK(TalkOnce({Describe('X', "")}).starts_with("E FATAL 08P01"));
  CHECK(TalkOnce({Close('X', "")}).starts_with("E FATAL 08P01"));
}

Message RandomMessage(SeededRandom& random) {
  const std::vector<std::string> commands = {
      "SHOW STATE", "SHOW LISTS",  "",         "BEGIN", "nonsense",
      "RELOAD",     "DISCARD ALL", "SELECT 1", "PAUSE", "WAIT_CLOSE app"};
  const auto pick = [&random](const std::vector<std::string>& from) {
    return from[random.Next64() % from.size()];
  };
  const std::vector<std::string> names = {"", "a", "b", "c"};
  switch (random.Next64() % 8) {
    case 0:
      return Query(pick(commands));
    case 1:
      return Parse(pick(names), pick(commands));
    case 2:
      return Bind(pick(names), pick(names));
    case 3:
      return Describe(random.Next64() % 2 == 0 ? 'S' : 'P', pick(names));
    case 4:
    case 5:
      return Execute(pick(names), static_cast<uint32_t>(random.Next64() % 4));
    case 6:
      return Close(random.Next64() % 2 == 0 ? 'S' : 'P', pick(names));
    default:
      return kSync;
  }
}

TEST_CASE("in any exchange each message has one end and errors silence it up to Sync") {
  SeededRandom random(61);
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  bool skipping = false;
  for (int step = 0; step < 20000; ++step) {
    const Message message = RandomMessage(random);
    std::string out;
    host.settled = random.Next64() % 2 == 0;
    Next next = console.OnMessage(message.type, message.body, out);
    for (; next == Next::kWait; next = console.Continue(out)) {
      REQUIRE(!host.settled);
      REQUIRE(out.empty());
      host.settled = random.Next64() % 2 == 0;
    }
    REQUIRE(next == Next::kContinue);
    const std::string reply = Transcript(out);
    if (skipping && message.type != 'S') {
      REQUIRE(reply.empty());
      continue;
    }
    skipping = false;
    const bool ready = message.type == 'Q' || message.type == 'S';
    REQUIRE(reply.ends_with("Z I\n") == ready);
    const bool failed = reply.starts_with("E ") || reply.find("\nE ") != std::string::npos;
    if (!ready) {
      skipping = failed;
      REQUIRE(!reply.empty());
    }
  }
}

TEST_CASE("random bodies never do more than end the connection") {
  SeededRandom random(62);
  const std::string types = "QPBDECHSFdcfX?";
  for (int run = 0; run < 20000; ++run) {
    FakeConsoleHost host;
    Console console(host, Rights::kStats);
    std::string out;
    for (int i = 0; i < 4; ++i) {
      Message message = RandomMessage(random);
      if (random.Next64() % 2 == 0) message.type = types[random.Next64() % types.size()];
      if (!message.body.empty() && random.Next64() % 2 == 0) {
        message.body[random.Next64() % message.body.size()] =
            static_cast<char>(random.Next64() % 256);
      }
      if (console.OnMessage(message.type, message.body, out) != Next::kContinue) break;
    }
    const std::string reply = Transcript(out);
    REQUIRE(reply.find("CUT") == std::string::npos);
    REQUIRE(reply.find("MALFORMED") == std::string::npos);
    for (const char* change : {"reload", "steer", "kill", "drain"}) {
      REQUIRE(host.calls.find(change) == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace pglynx::admin
