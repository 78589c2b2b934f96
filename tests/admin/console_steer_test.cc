// Goal: the commands about pools and clients reach the host as they were written, with its
// errors passed on, and those that wait are answered when the host has settled and not before,
// in both protocols. Method: transcripts of exchanges with a host that settles when told.

#include <string>
#include <vector>

#include "admin/console_talk.h"
#include "admin/fake_console_host.h"
#include "pglynx/admin/console.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

struct Case {
  std::string text;
  std::string call;
  std::string tag;
};

std::vector<Case> Commands() {
  return {
      {"PAUSE", "steer 0 ;", "PAUSE"},
      {"pause App;", "steer 0 App;", "PAUSE"},
      {"RESUME", "steer 1 ;", "RESUME"},
      {"resume \"My app\"", "steer 1 My app;", "RESUME"},
      {"DISABLE app", "steer 2 app;", "DISABLE"},
      {"ENABLE app", "steer 3 app;", "ENABLE"},
      {"KILL", "steer 4 ;", "KILL"},
      {"KILL app", "steer 4 app;", "KILL"},
      {"RECONNECT", "steer 5 ;", "RECONNECT"},
      {"RECONNECT app", "steer 5 app;", "RECONNECT"},
      {"WAIT_CLOSE", "steer 6 ;", "WAIT_CLOSE"},
      {"WAIT_CLOSE app", "steer 6 app;", "WAIT_CLOSE"},
      {"KILL_CLIENT 17", "kill 17;", "KILL_CLIENT"},
      {"DRAIN", "drain;", "DRAIN"},
      {"UNDRAIN", "undrain;", "UNDRAIN"},
  };
}

TEST_CASE("each command reaches the host and is answered by its name, in both protocols") {
  for (const Case& c : Commands()) {
    INFO(c.text);
    FakeConsoleHost host;
    Console console(host, Rights::kAdmin);
    CHECK(Talk(console, {Query(c.text)}) == "C " + c.tag + "\nZ I\n");
    CHECK(host.calls == c.call);
    CHECK(Talk(console, {Parse("", c.text), Describe('S', ""), Bind("", ""), Describe('P', ""),
                         Execute(""), Execute(""), kSync}) ==
          "1\nt 0\nn\n2\nn\nC " + c.tag + "\nE ERROR 55000 portal of " + c.tag +
              " cannot be run again\nZ I\n");
    CHECK(host.calls == c.call + c.call);
  }
}

TEST_CASE("each command needs admin rights") {
  for (const Case& c : Commands()) {
    INFO(c.text);
    FakeConsoleHost host;
    Console console(host, Rights::kStats);
    const std::string denied =
        "E ERROR 42501 admin access needed: this user may not " + c.tag + "\nZ I\n";
    CHECK(Talk(console, {Query(c.text)}) == denied);
    CHECK(Talk(console, {Parse("", c.text), Bind("", ""), Execute(""), kSync}) ==
          "1\n2\n" + denied);
    CHECK(host.calls.empty());
    CHECK(host.questions == 0);
  }
}

TEST_CASE("the host's errors are passed on, and nothing waits behind them") {
  const std::vector<std::pair<Error, std::string>> errors = {
      {{ErrorCode::kUnknownDatabase, "no such database: x"}, "3D000 no such database: x"},
      {{ErrorCode::kNotInPrerequisiteState, "x is not paused"}, "55000 x is not paused"},
      {{ErrorCode::kInvalidParameterValue, "no client 17"}, "22023 no client 17"},
  };
  for (const auto& [error, shown] : errors) {
    for (const Case& c : Commands()) {
      INFO(c.text << ' ' << shown);
      if (c.tag == "DRAIN" || c.tag == "UNDRAIN") continue;
      FakeConsoleHost host;
      host.steer_error = error;
      host.settled = false;
      Console console(host, Rights::kAdmin);
      const std::string failed = "E ERROR " + shown + "\nZ I\n";
      CHECK(Talk(console, {Query(c.text)}) == failed);
      CHECK(Talk(console, {Parse("", c.text), Bind("", ""), Execute(""), Execute(""), kSync}) ==
            "1\n2\n" + failed);
      CHECK(host.questions == 0);
      CHECK(Talk(console, {Query("SELECT 1")}) == "T ?column?:23\nD 1\nC SELECT 1\nZ I\n");
    }
  }
}

TEST_CASE("only PAUSE and WAIT_CLOSE wait for the host to settle") {
  for (const Case& c : Commands()) {
    INFO(c.text);
    FakeConsoleHost host;
    host.settled = false;
    Console console(host, Rights::kAdmin);
    const bool waits = c.tag == "PAUSE" || c.tag == "WAIT_CLOSE";
    CHECK(Talk(console, {Query(c.text)}) == (waits ? "WAIT\n" : "C " + c.tag + "\nZ I\n"));
    CHECK(host.questions == (waits ? 1 : 0));
    if (waits) CHECK("steer " + host.asked + ';' == c.call);
  }
}

TEST_CASE("a Query that waits ends with its tag and ReadyForQuery") {
  FakeConsoleHost host;
  host.settled = false;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Query("PAUSE App")}) == "WAIT\n");
  for (int i = 0; i < 5; ++i) CHECK(TalkOn(console) == "WAIT\n");
  CHECK(host.questions == 6);
  CHECK(host.asked == "0 App");
  host.settled = true;
  CHECK(TalkOn(console) == "C PAUSE\nZ I\n");
  CHECK(host.calls == "steer 0 App;");
  CHECK(Talk(console, {Query("RESUME App")}) == "C RESUME\nZ I\n");
}

TEST_CASE("an Execute that waits ends with its tag, and Sync follows") {
  FakeConsoleHost host;
  host.settled = false;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Parse("s", "WAIT_CLOSE \"App\""), Bind("p", "s"), Execute("p", 1)}) ==
        "1\n2\nWAIT\n");
  CHECK(TalkOn(console) == "WAIT\n");
  CHECK(host.asked == "6 App");
  host.settled = true;
  CHECK(TalkOn(console) == "C WAIT_CLOSE\n");
  CHECK(Talk(console, {Execute("p"), kSync}) ==
        "E ERROR 55000 portal of WAIT_CLOSE cannot be run again\nZ I\n");
  CHECK(host.calls == "steer 6 App;");
  CHECK(Talk(console, {Bind("", "s"), Execute(""), kSync}) == "2\nC WAIT_CLOSE\nZ I\n");
  CHECK(host.calls == "steer 6 App;steer 6 App;");
}

TEST_CASE("a prepared statement keeps the name of its database") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  {
    std::string text = "RECONNECT some_database_with_a_long_name";
    CHECK(Talk(console, {Parse("s", text)}) == "1\n");
    text.assign(text.size(), 'x');
  }
  CHECK(Talk(console, {Parse("t", "KILL other"), Bind("", "s"), Execute(""), kSync}) ==
        "1\n2\nC RECONNECT\nZ I\n");
  CHECK(host.calls == "steer 5 some_database_with_a_long_name;");
}

TEST_CASE("a console may end while it waits") {
  FakeConsoleHost host;
  host.settled = false;
  {
    Console console(host, Rights::kAdmin);
    CHECK(Talk(console, {Query("PAUSE")}) == "WAIT\n");
  }
  CHECK(host.calls == "steer 0 ;");
}

TEST_CASE("SHOW STATE tells a pause of all databases") {
  FakeConsoleHost host;
  host.paused = true;
  Console console(host, Rights::kStats);
  CHECK(Talk(console, {Query("SHOW STATE")}) ==
        "T key:25 value:25\nD active|no\nD paused|yes\nD suspended|no\nD draining|no\nC SHOW\n"
        "Z I\n");
}

}  // namespace
}  // namespace pglynx::admin
