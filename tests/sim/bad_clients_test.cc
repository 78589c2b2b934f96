// Goal: what no driver would send is answered, bounded and forgotten: the client hears the error
// that Postgres would send, its connection ends where Postgres ends it, and the next client finds
// the pool as it was. Method: raw bytes before and behind the login, and state that only SQL text
// can make.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/sabotage.h"
#include "pglynx/pool/snapshot.h"
#include "pglynx/wire/message_writer.h"
#include "sim/raw_client.h"
#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::seconds;
using std::string_view_literals::operator""sv;

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

// The pool still serves.
void RequireServes(Simulation& sim) {
  FakeClient& next = sim.NewClient();
  next.Query({Begin(), Echo(), Commit()});
  REQUIRE(sim.Settle());
  REQUIRE(next.statements_done() == 3);
}

std::string Query(std::string_view sql) {
  std::string message;
  wire::AppendQuery(message, sql);
  return message;
}

std::string Parse(std::string_view name, std::string_view sql) {
  std::string message;
  wire::AppendParse(message, name, std::string(sql) + std::string(3, '\0'));
  return message;
}

std::string Bind(std::string_view name) {
  std::string message;
  {
    const wire::MessageScope bind(message, 'B');
    wire::AppendCString(message, "");
    wire::AppendCString(message, name);
    message += "\0\0\0\0\0\0"sv;
  }
  message += "E\0\0\0\x09\0\0\0\0\0"sv;
  return message;
}

std::string DescribeStatement(std::string_view name) {
  std::string message;
  wire::AppendDescribe(message, 'S', name);
  return message;
}

constexpr std::string_view kSync = "S\0\0\0\4"sv;

struct BadBytes {
  const char* what;
  std::string bytes;
  const char* sqlstate;  // "" if the connection ends without a word
};

TEST_CASE("a startup packet that is none is answered and forgotten") {
  const BadBytes cases[] = {
      {"shorter than its own length", std::string("\0\0\0\3"sv), "08P01"},
      {"longer than Postgres takes", std::string("\0\1\0\0\0\3\0\0"sv), "08P01"},
      {"protocol 2", std::string("\0\0\0\x0e\0\2\0\0user\0\0"sv), "0A000"},
      {"no user", std::string("\0\0\0\x09\0\3\0\0\0"sv), "28000"},
      {"a name without a value", std::string("\0\0\0\x0d\0\3\0\0user\0"sv), "08P01"},
      {"no end", std::string("\0\0\0\x0d\0\3\0\0userx"sv), "08P01"},
      {"replication",
       std::string("\0\0\0\x2d\0\3\0\0user\0app\0database\0app\0replication\0\x74\0\0"sv), "0A000"},
      {"replication that is no boolean",
       std::string("\0\0\0\x2d\0\3\0\0user\0app\0database\0app\0replication\0\x78\0\0"sv), "22023"},
  };
  for (const BadBytes& c : cases) {
    INFO(c.what);
    Simulation sim(1, OnePool{});
    RawClient mallory(sim);
    mallory.Say(c.bytes);
    sim.RunFor(seconds(2));
    CHECK(mallory.ended());
    CHECK(mallory.last_sqlstate() == c.sqlstate);
    RequireServes(sim);
    RequireClean(sim);
  }
}

TEST_CASE("options that cannot be read are refused in the words of Postgres") {
  Simulation sim(1, OnePool{});
  RawClient mallory(sim);
  mallory.LogIn({{"options", "-c work_mem"}});
  sim.RunFor(seconds(2));
  CHECK(mallory.ended());
  CHECK(mallory.last_sqlstate() == "42601");
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("a connection that never says what it wants is closed after client_login_timeout") {
  config::Config config = MakeConfig(OnePool{.method = config::AuthMethod::kScramSha256});
  config.general.client_login_timeout = seconds(5);
  Simulation sim(1, config, 1, PostgresUser::Method::kTrust);
  RawClient silent(sim);
  RawClient slow(sim);
  slow.LogIn();
  sim.RunFor(seconds(4));
  CHECK_FALSE(silent.ended());
  CHECK_FALSE(slow.ended());
  sim.RunFor(seconds(2));
  CHECK(silent.ended());
  CHECK(silent.heard().empty());
  CHECK(slow.ended());
  CHECK(slow.last_sqlstate() == "57P05");
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("however many connections say nothing, those that say something get in") {
  config::Config config = MakeConfig(OnePool{.pool_size = 1});
  config.general.max_client_conn = 10;
  Simulation sim(1, config, 1, PostgresUser::Method::kTrust);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 1'500; ++i) {
    silent.push_back(std::make_unique<RawClient>(sim));
    if (i % 2 == 0) silent.back()->Say("\0\0"sv);  // the beginning of a length
    if (i % 300 == 0) RequireServes(sim);
  }
  sim.RunFor(seconds(1));
  RequireServes(sim);
  // The oldest went for the youngest; nobody else did.
  CHECK(silent.front()->ended());
  CHECK_FALSE(silent.back()->ended());
  const auto left = std::count_if(silent.begin(), silent.end(),
                                  [](const auto& client) { return !client->ended(); });
  CHECK(left >= 1'000);
  CHECK(left <= 1'010);
  silent.clear();
  RequireClean(sim);
}

TEST_CASE("a contradiction ends the one client and its server, and is counted") {
  if (!kCanPlant) return;
  Simulation sim(1, OnePool{.pool_size = 2, .max_client_statements = 1});
  FakeClient& bystander = sim.NewClient();
  bystander.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  RawClient anna(sim);
  anna.LogIn();
  anna.Say(Parse("one", "SELECT 1") + std::string(kSync));
  sim.RunFor(seconds(1));
  Plant(Sabotage::kForgottenDenial);
  anna.Say(Parse("two", "SELECT 2") + std::string(kSync));  // refused: one is all it may have
  sim.RunFor(seconds(1));
  Plant(Sabotage::kNone);
  CHECK(anna.ended());
  CHECK(anna.last_sqlstate() == "XX000");
  CHECK(anna.last_error_text().find("makes no sense") != std::string::npos);
  pool::Snapshot snapshot;
  sim.pooler().sessions().FillSnapshot(snapshot, false);
  CHECK(snapshot.broken_pairs == 1);
  const auto& lines = sim.log().lines();
  CHECK(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("broken pair") != std::string::npos &&
           line.find("refused Parse>") != std::string::npos;  // the last events
  }));
  CHECK(sim.server().session_count() == 1);  // hers is closed
  bystander.Query({Echo(), Commit()});
  REQUIRE(sim.Settle());
  CHECK(bystander.statements_done() == 4);
  CHECK(bystander.errors_seen() == 0);
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("a message that is none ends the connection with 08P01 and harms nobody") {
  const BadBytes cases[] = {
      {"an unknown type", std::string("y\0\0\0\4"sv), "08P01"},
      {"a length below four", std::string("Q\0\0\0\3"sv), "08P01"},
      {"a negative length", std::string("Q\xff\xff\xff\xff"sv), "08P01"},
      {"a Query without its end", std::string("Q\0\0\0\7abc"sv), "08P01"},
      {"an empty Query body", std::string("Q\0\0\0\4"sv), "08P01"},
      {"a Parse without its end", std::string("P\0\0\0\7abc"sv), "08P01"},
      {"a Parse without a text", std::string("P\0\0\0\6a\0"sv), "08P01"},
      {"a Bind without names", std::string("B\0\0\0\7abc"sv), "08P01"},
  };
  for (const config::PoolMode mode : {config::PoolMode::kTransaction, config::PoolMode::kSession}) {
    for (const BadBytes& c : cases) {
      INFO(c.what);
      Simulation sim(1, OnePool{.mode = mode, .pool_size = 1});
      RawClient mallory(sim);
      mallory.LogIn();
      sim.RunFor(seconds(1));
      REQUIRE(mallory.types().back() == 'Z');
      mallory.Say(c.bytes);
      sim.RunFor(seconds(2));
      // In session mode Postgres itself is asked about bodies.
      if (!mallory.ended()) mallory.Close();
      CHECK(mallory.last_sqlstate() == c.sqlstate);
      RequireServes(sim);
      RequireClean(sim);
    }
  }
}

TEST_CASE("a message longer than max_query_bytes is refused before it is held") {
  config::Config config = MakeConfig(OnePool{.pool_size = 1});
  config.general.max_query_bytes = 1000;
  Simulation sim(1, config, 1, PostgresUser::Method::kTrust);
  RawClient mallory(sim);
  mallory.LogIn();
  mallory.Say("Q\0\0\x10\0"sv);
  sim.RunFor(seconds(1));
  CHECK(mallory.ended());
  CHECK(mallory.last_sqlstate() == "54000");
  CHECK(mallory.last_error_text().find("max_query_bytes = 1000") != std::string::npos);
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("a statement is described by its name, known or not, on whichever server") {
  Simulation sim(1, OnePool{.pool_size = 1});
  RawClient anna(sim);
  RawClient ben(sim);
  anna.LogIn();
  ben.LogIn();
  anna.Say(Parse("s", "SELECT 'anna'") + std::string(kSync));
  sim.RunFor(seconds(1));
  ben.Say(Parse("", "SELECT 1, 2") + std::string(kSync));
  sim.RunFor(seconds(1));
  anna.Forget();
  anna.Say(DescribeStatement("s") + std::string(kSync) + DescribeStatement("t") +
           std::string(kSync) + DescribeStatement("") + std::string(kSync));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "tTZEZEZ");
  CHECK(anna.last_sqlstate() == "26000");
  ben.Forget();
  ben.Say(DescribeStatement("") + Bind("") + std::string(kSync));
  sim.RunFor(seconds(1));
  CHECK(ben.types() == "tT2DCZ");
  anna.Close();
  ben.Close();
  RequireClean(sim);
}

// A Sync that a COPY swallows has no ReadyForQuery, so the RESET behind it waited for one too many
// and everything behind that for ever.
TEST_CASE("a RESET in a pipeline behind a COPY is made good and holds nobody up") {
  Simulation sim(1, OnePool{.pool_size = 1});
  RawClient anna(sim);
  anna.LogIn({{"application_name", "anna"}});
  sim.RunFor(seconds(1));
  anna.Forget();
  anna.Say(Parse("", "COPY log FROM STDIN") + Bind("") + std::string(kSync) +
           std::string("c\0\0\0\4"sv) + std::string(kSync) + Query("RESET application_name") +
           Query("SHOW application_name"));
  sim.RunFor(seconds(5));
  CHECK(anna.types().substr(0, 4) == "12GC");
  CHECK(anna.types().back() == 'Z');
  CHECK(anna.heard().find("SHOW") != std::string::npos);
  CHECK(anna.heard().find(std::string_view("\0\0\0\4anna", 8)) != std::string::npos);
  anna.Close();
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("currval never shows what another client's nextval made") {
  Simulation sim(1, OnePool{.pool_size = 1});
  RawClient anna(sim);
  RawClient ben(sim);
  anna.LogIn();
  ben.LogIn();
  sim.RunFor(seconds(1));
  const auto say = [&sim](RawClient& client, const std::string& bytes) {
    client.Forget();
    client.Say(bytes);
    sim.RunFor(seconds(1));
  };
  say(anna, Query("SELECT nextval('sq0')"));
  CHECK(anna.types() == "TDCZ");
  say(anna, Query("SELECT currval('sq0')"));
  CHECK(anna.types() == "TDCZ");
  say(ben, Query("SELECT currval('sq0')"));
  CHECK(ben.last_sqlstate() == "55000");
  // In a transaction whose server another client has left values on, it cannot be cleaned.
  say(anna, Query("SELECT nextval('sq0')"));
  say(ben, Query("BEGIN; SELECT currval('sq0')"));
  CHECK(ben.last_sqlstate() == "55000");
  say(ben, Query("ROLLBACK"));
  say(anna, Query("SELECT nextval('sq0')"));
  say(ben, Parse("", "SELECT lastval()") + Bind("") + std::string(kSync));
  CHECK(ben.last_sqlstate() == "55000");
  anna.Close();
  ben.Close();
  RequireServes(sim);
  RequireClean(sim);
}

TEST_CASE("a long unnamed statement keeps its server until it is used, and no longer") {
  Simulation sim(1, OnePool{.pool_size = 1});
  RawClient anna(sim);
  anna.LogIn();
  const std::string sql = "SELECT 'anna' /*" + std::string(20000, 'x') + "*/";
  anna.Say(Parse("", sql) + DescribeStatement("") + std::string(kSync));
  sim.RunFor(seconds(1));
  pool::Snapshot snapshot;
  sim.pooler().sessions().FillSnapshot(snapshot, true);
  REQUIRE(snapshot.clients.size() == 1);
  CHECK(snapshot.clients[0].pin_reason == "unnamed statement");
  CHECK(snapshot.clients[0].state == "active");
  anna.Forget();
  anna.Say(Bind("") + std::string(kSync));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "2DCZ");
  RequireServes(sim);
  anna.Close();
  RequireClean(sim);
}

TEST_CASE("a client that leaves state behind keeps its server, and the pool is told why") {
  // Not PREPARE: its statement goes wherever its client does.
  for (const char* sql : {"LISTEN c", "CREATE TEMP TABLE t (x text)"}) {
    INFO(sql);
    Simulation sim(1, OnePool{.pool_size = 1});
    RawClient anna(sim);
    anna.LogIn();
    anna.Say(Query(sql));
    sim.RunFor(seconds(1));
    CHECK(anna.types().back() == 'Z');
    pool::Snapshot snapshot;
    sim.pooler().sessions().FillSnapshot(snapshot, true);
    REQUIRE(snapshot.clients.size() == 1);
    CHECK_FALSE(snapshot.clients[0].pin_reason.empty());
    anna.Close();
    RequireServes(sim);
    RequireClean(sim);
  }
}

TEST_CASE("Flush brings the replies of a batch that has no Sync yet") {
  Simulation sim(1, OnePool{.pool_size = 1});
  RawClient anna(sim);
  anna.LogIn();
  sim.RunFor(seconds(1));
  anna.Forget();
  anna.Say(Parse("s", "SELECT 1") + std::string("H\0\0\0\4"sv));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "1");
  anna.Say(Parse("u", "SELECT FROM FROM") + std::string("H\0\0\0\4"sv));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "1E");
  // Behind the error everything is discarded up to the Sync.
  anna.Say(Bind("s") + DescribeStatement("s"));
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "1E");
  anna.Say(kSync);
  sim.RunFor(seconds(1));
  CHECK(anna.types() == "1EZ");
  anna.Close();
  RequireServes(sim);
  RequireClean(sim);
}

}  // namespace
}  // namespace pglynx::sim
