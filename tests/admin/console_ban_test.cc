// Goal: BAN and UNBAN reach the host as they were written, print what they have changed, and need
// admin rights; SHOW BANS and SHOW SHARDS do not. Method: transcripts of exchanges in both
// protocols.

#include <string>
#include <vector>

#include "admin/console_talk.h"
#include "admin/fake_console_host.h"
#include "pglynx/admin/console.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

const std::string kColumns = "T database:25 user:25 role:25 host:25 port:23 shard:23\n";
const std::string kRows =
    "D app|*||db1|5432|0\n"
    "D big|*|replica|db1|5432|12\n"
    "D big|*|primary|db1|5433|3\n";

struct Case {
  std::string text;
  std::string call;
  std::string tag;
};

std::vector<Case> Commands() {
  return {
      {"BAN db1 60", "ban db1 all 60000000us;", "BAN"},
      {"ban Db1:5432 1;", "ban Db1 5432 1000000us;", "BAN"},
      {"BAN \"my host\":1 31536000", "ban my host 1 31536000000000us;", "BAN"},
      {"BAN [::1]:5432 7", "ban ::1 5432 7000000us;", "BAN"},
      {"UNBAN db1", "unban db1 all;", "UNBAN"},
      {"unban [fe80::1%eth0]:65535", "unban fe80::1%eth0 65535;", "UNBAN"},
  };
}

std::vector<pool::BanRow> SomeBans() {
  std::vector<pool::BanRow> bans(2);
  bans[0].host = "db1";
  bans[0].port = 5432;
  bans[0].used_as = {{"app", 0, ""}, {"big", 12, "replica"}};
  bans[1].host = "db1";
  bans[1].port = 5433;
  bans[1].used_as = {{"big", 3, "primary"}};
  return bans;
}

TEST_CASE("BAN and UNBAN print what they have changed, in both protocols") {
  for (const Case& c : Commands()) {
    INFO(c.text);
    FakeConsoleHost host;
    host.bans = SomeBans();
    Console console(host, Rights::kAdmin);
    CHECK(Talk(console, {Query(c.text)}) == kColumns + kRows + "C " + c.tag + "\nZ I\n");
    CHECK(host.calls == c.call);
    // Describe runs nothing; a portal that has given its rows gives none, and runs nothing again.
    CHECK(Talk(console, {Parse("s", c.text), Describe('S', "s"), Bind("", "s"),
                         Describe('P', "")}) == "1\nt 0\n" + kColumns + "2\n" + kColumns);
    CHECK(host.calls == c.call);
    CHECK(Talk(console, {Execute(""), Execute(""), kSync}) ==
          kRows + "C " + c.tag + "\nC " + c.tag + "\nZ I\n");
    CHECK(host.calls == c.call + c.call);
    CHECK(host.questions == 0);
  }
}

TEST_CASE("rows may be fetched in parts, and the ban is given once") {
  FakeConsoleHost host;
  host.bans = SomeBans();
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console,
             {Parse("", "BAN db1 5"), Bind("", ""), Execute("", 2), Execute("", 2), kSync}) ==
        "1\n2\nD app|*||db1|5432|0\nD big|*|replica|db1|5432|12\ns\nD big|*|primary|db1|5433|3\n"
        "C BAN\nZ I\n");
  CHECK(host.calls == "ban db1 all 5000000us;");
}

TEST_CASE("where nothing has changed there are columns and the tag") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Query("UNBAN db1:5432")}) == kColumns + "C UNBAN\nZ I\n");
}

TEST_CASE("BAN and UNBAN need admin rights") {
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
  }
}

TEST_CASE("the host's error is passed on without columns or rows") {
  for (const Case& c : Commands()) {
    INFO(c.text);
    FakeConsoleHost host;
    host.bans = SomeBans();
    host.steer_error = Error{ErrorCode::kInvalidParameterValue, "no server db1"};
    Console console(host, Rights::kAdmin);
    const std::string failed = "E ERROR 22023 no server db1\nZ I\n";
    CHECK(Talk(console, {Query(c.text)}) == failed);
    CHECK(Talk(console, {Parse("", c.text), Bind("", ""), Execute(""), Execute(""), kSync}) ==
          "1\n2\n" + failed);
    CHECK(Talk(console, {Query("SELECT 1")}) == "T ?column?:23\nD 1\nC SELECT 1\nZ I\n");
  }
}

TEST_CASE("a BAN that is not understood says what it takes, and reaches nobody") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  CHECK(Talk(console, {Query("BAN db1:0 60")}).starts_with("E ERROR 42601 BAN takes <host>"));
  CHECK(Talk(console, {Query("UNBAN")}).starts_with("E ERROR 42601 UNBAN takes <host>"));
  CHECK(host.calls.empty());
}

TEST_CASE("a prepared BAN keeps its host, and bans at each Execute") {
  FakeConsoleHost host;
  Console console(host, Rights::kAdmin);
  {
    std::string text = "BAN some.host.with.a.long.name.example.com:5432 60";
    CHECK(Talk(console, {Parse("s", text)}) == "1\n");
    text.assign(text.size(), 'x');
  }
  for (int i = 0; i < 2; ++i) {
    CHECK(Talk(console, {Bind("", "s"), Execute(""), kSync}) == "2\nC BAN\nZ I\n");
  }
  const std::string call = "ban some.host.with.a.long.name.example.com 5432 60000000us;";
  CHECK(host.calls == call + call);
}

TEST_CASE("who may only look sees bans and shards, without the lists of connections") {
  FakeConsoleHost host;
  Console console(host, Rights::kStats);
  CHECK(Talk(console, {Query("SHOW BANS")}) ==
        "T database:25 shard:23 role:25 host:25 port:23 reason:25 ban_time:25 "
        "ban_duration_seconds:23 ban_remaining_seconds:23\nC SHOW\nZ I\n");
  CHECK(Talk(console, {Query("select shards;")}) ==
        "T database:25 shard:23 server_database:25 primaries:23 replicas:23 peers:23 banned:23 "
        "sv_active:23 sv_idle:23 cl_waiting:23\nC SHOW\nZ I\n");
  CHECK(host.calls == "pools;pools;");
}

}  // namespace
}  // namespace pglynx::admin
