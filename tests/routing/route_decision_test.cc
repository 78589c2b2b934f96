// Goal: a transaction goes where the first that says so wants it, and what said so lasts as long
// as it should. Method: sequences of commands, hints and transactions; counts of what is drawn.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "pglynx/routing/session_route.h"
#include "routing/route_client.h"
#include "support/catch.h"

namespace {

using pglynx::ErrorCode;
using pglynx::Result;
using pglynx::routing::Route;
using pglynx::routing::RouteClient;
using pglynx::routing::Rules;
using pglynx::routing::SessionRoute;
using pglynx::sharding::KeyType;
using pglynx::sharding::ShardingFunction;

constexpr const char* kNone = "22023 no shard is chosen: shards are 0 to 2";
constexpr const char* kHome = "1 by the client's home shard";

// How many of `count` transactions went to each shard.
std::vector<int> Shares(RouteClient& client, int count) {
  std::vector<int> shares(client.rules.shards, 0);
  for (int i = 0; i < count; ++i) {
    ++shares.at(client.Decided().shard);
    client.route.OnTransactionEnd(true, client.rules);
  }
  return shares;
}

}  // namespace

TEST_CASE("A hint comes before a command, a command before the home shard and the default") {
  RouteClient client;
  CHECK(client.Place() == kNone);
  CHECK(client.Place(false) == kHome);
  client.rules.default_shard = Rules::DefaultShard::kFixed;
  client.rules.fixed_shard = 2;
  CHECK(client.Place() == "2 by default_shard");
  CHECK(client.Place(false) == kHome);
  client.Say("SET SHARD TO 0");
  CHECK(client.Place() == "0 by a command");
  CHECK(client.Place(false) == "0 by a command");
  CHECK(client.Hint("/* shard_id: 1 */").empty());
  CHECK(client.Place() == "1 by a comment");
  CHECK(client.Place(false) == "1 by a comment");
}

TEST_CASE("A statement that needs a shard where none is chosen is told what to do") {
  const RouteClient client;
  pglynx::SeededRandom random(1);
  const Result<Route> place = client.route.Decide(true, client.rules, random, client.health);
  REQUIRE(!place);
  CHECK(place.error().code == ErrorCode::kInvalidParameterValue);
  CHECK(place.error().detail == "no shard is chosen: shards are 0 to 2");
  for (const char* way : {"SET SHARDING KEY TO", "SET SHARD TO", "sharding_key:", "shard_id:"}) {
    CHECK(place.error().hint.find(way) != std::string::npos);
  }
}

TEST_CASE("In transaction scope a choice is used up by the next transaction that needs a shard") {
  RouteClient client;
  client.Say("SET SHARD TO 2");
  CHECK(client.Run(false) == "2 by a command");
  client.Say("SHOW SHARD");
  client.Say("SET SERVER ROLE TO 'primary'");
  CHECK(client.Run(false) == "2 by a command");
  CHECK(client.Say("SHOW SHARD") == "shard = 2");
  CHECK(client.Run() == "2 by a command");
  CHECK(client.Say("SHOW SHARD") == "shard = unset");
  CHECK(client.Say("SHOW SERVER ROLE") == "server role = primary");
  CHECK(client.Run() == kNone);
  CHECK(client.Run(false) == kHome);
  client.Say("SET SHARDING KEY TO 7");
  client.Say("SET SHARDING KEY TO 42");
  CHECK(client.Run() == "0 by a command");
  CHECK(client.Run() == kNone);
  client.Say("SET SHARD TO ANY");
  CHECK(client.Run() != kNone);
  CHECK(client.Run() == kNone);
}

TEST_CASE("In session scope a choice lasts until another") {
  RouteClient client;
  client.rules.scope = Rules::Scope::kSession;
  CHECK(client.Run() == kNone);
  client.Say("SET SHARD TO 2");
  for (int i = 0; i < 3; ++i) CHECK(client.Run() == "2 by a command");
  CHECK(client.Say("SET SHARD TO 3") != "SET SHARD");
  CHECK(client.Run() == "2 by a command");
  client.Say("SET SHARDING KEY TO 7");
  for (int i = 0; i < 3; ++i) CHECK(client.Run() == "1 by a command");
}

TEST_CASE("A hint is for one transaction, whatever the scope") {
  for (const Rules::Scope scope : {Rules::Scope::kTransaction, Rules::Scope::kSession}) {
    RouteClient client;
    client.rules.scope = scope;
    CHECK(client.Hint("/* shard_id: 2 */").empty());
    CHECK(client.Say("SHOW SHARD") == "shard = unset");
    CHECK(client.Place() == "2 by a comment");
    CHECK(client.Run() == "2 by a comment");
    CHECK(client.Run() == kNone);
    CHECK(client.Hint("/* sharding_key: 42 */").empty());
    CHECK(client.Run(false) == "0 by a comment");
    CHECK(client.Run() == kNone);
    // The later one, and the earlier if the later is refused.
    CHECK(client.Hint("/* shard_id: 2 */").empty());
    CHECK(client.Hint("-- shard_id = 1").empty());
    CHECK(client.Hint("-- shard_id = 3") == "22023 shard 3 does not exist: shards are 0 to 2");
    CHECK(client.Run() == "1 by a comment");
    // One that leads to no server is gone, too.
    CHECK(client.Hint("/* shard_id: 2 */").empty());
    client.route.OnTransactionEnd(false, client.rules);
    CHECK(client.Run() == kNone);
  }
}

TEST_CASE("A hinted transaction that needs a shard uses up the choice of a command") {
  RouteClient client;
  client.Say("SET SHARD TO 0");
  client.Hint("/* shard_id: 2 */");
  CHECK(client.Run(false) == "2 by a comment");
  CHECK(client.Say("SHOW SHARD") == "shard = 0");
  client.Hint("/* shard_id: 2 */");
  CHECK(client.Run() == "2 by a comment");
  CHECK(client.Say("SHOW SHARD") == "shard = unset");
  client.rules.scope = Rules::Scope::kSession;
  client.Say("SET SHARD TO 0");
  client.Hint("/* shard_id: 2 */");
  CHECK(client.Run() == "2 by a comment");
  CHECK(client.Run() == "0 by a command");
}

TEST_CASE("A hint's value is judged as a command's is") {
  struct Case {
    const char* comment;
    const char* error;
  };
  const Case cases[] = {
      {"/* shard_id: 3 */", "22023 shard 3 does not exist: shards are 0 to 2"},
      {"/* shard_id: -1 */", "22023 shard -1 does not exist: shards are 0 to 2"},
      {"/* shard_id: any */", "22023 invalid shard \"any\": shards are 0 to 2"},
      {"/* shard_id: */", "22023 invalid shard \"\": shards are 0 to 2"},
      {"/* shard_id: 1, a */", "22023 invalid shard \"1, a\": shards are 0 to 2"},
      {"/* sharding_key: $1 */",
       "22023 invalid sharding key of type bigint: \"$1\"; allowed are whole numbers from "
       "-9223372036854775808 to 9223372036854775807"},
      {"/* shard_id: '+2' */", ""},
      {"/* sharding_key: -2 */", ""},
  };
  for (const Case& test : cases) {
    INFO(test.comment);
    RouteClient client;
    client.Say("SET SHARD TO 2");
    CHECK(client.Hint(test.comment) == test.error);
    if (*test.error != '\0') CHECK(client.Place() == "2 by a command");
  }
  RouteClient client;
  client.rules.function = ShardingFunction::kPgHash;
  client.rules.key_type = KeyType::kText;
  CHECK(client.Hint("/* sharding_key: abc */").empty());
  CHECK(client.Run() == "1 by a comment");
}

TEST_CASE("A session in session mode stays where its first statement went") {
  for (const Rules::Scope scope : {Rules::Scope::kTransaction, Rules::Scope::kSession}) {
    RouteClient client;
    client.rules.scope = scope;
    client.Say("SET SHARD TO 0");
    client.Say("SET SHARD TO 2");
    CHECK(client.Place() == "2 by a command");
    client.route.SetFixed(2);
    client.route.OnTransactionEnd(true, client.rules);
    CHECK(client.Run() == "2 by the session's shard");
    CHECK(client.Run(false) == "2 by the session's shard");
    const std::string stays =
        " must come with or before the first statement of a session: this one stays on shard 2 "
        "until it reconnects";
    CHECK(client.Say("SET SHARD TO 1") == "25001 SET SHARD" + stays);
    CHECK(client.Say("SET SHARD TO 2") == "25001 SET SHARD" + stays);
    CHECK(client.Say("SET SHARD TO ANY") == "25001 SET SHARD" + stays);
    CHECK(client.Say("SET SHARD TO x") == "25001 SET SHARD" + stays);
    CHECK(client.Say("SET SHARDING KEY TO 42") == "25001 SET SHARDING KEY" + stays);
    CHECK(client.Say("SET SHARDING KEY TO $1") == "25001 SET SHARDING KEY" + stays);
    CHECK(client.Say("SHOW SHARD") == "shard = 2");
    CHECK(client.Hint("/* shard_id: 1 */") == "25001 a comment that names a shard" + stays);
    CHECK(client.Hint("/* sharding_key: 42 */") == "25001 a comment that names a shard" + stays);
    CHECK(client.Hint("/* shard_id: 2 */").empty());
    CHECK(client.Run() == "2 by the session's shard");
    CHECK(client.Say("SET SERVER ROLE TO 'replica'") == "SET SERVER ROLE");
    CHECK(client.Say("SHOW SERVER ROLE") == "server role = replica");
    CHECK(client.Say("SET PRIMARY READS TO off") == "SET PRIMARY READS");
  }
}

TEST_CASE("A session that a hint or its home shard began stays there") {
  RouteClient hinted;
  hinted.Hint("/* shard_id: 0 */");
  hinted.route.SetFixed(hinted.Decided().shard);
  hinted.route.OnTransactionEnd(true, hinted.rules);
  CHECK(hinted.Say("SHOW SHARD") == "shard = 0");
  CHECK(hinted.Run() == "0 by the session's shard");
  RouteClient home;
  CHECK(home.Place(false) == kHome);
  home.route.SetFixed(1);
  home.route.OnTransactionEnd(false, home.rules);
  CHECK(home.Run() == "1 by the session's shard");
}

TEST_CASE("A single shard needs no choice, and is the only one there is") {
  RouteClient client;
  client.rules.shards = 1;
  CHECK(client.Run() == "0 by the only shard");
  CHECK(client.Run(false) == "0 by the only shard");
  CHECK(client.Say("SET SHARDING KEY TO 42") == "SET SHARDING KEY");
  CHECK(client.Say("SHOW SHARD") == "shard = 0");
  CHECK(client.Say("SET SHARD TO ANY") == "SET SHARD");
  CHECK(client.Say("SET SHARD TO 0") == "SET SHARD");
  CHECK(client.Say("SET SHARD TO 1") == "22023 shard 1 does not exist: the only shard is 0");
  CHECK(client.Hint("/* shard_id: 1 */") == "22023 shard 1 does not exist: the only shard is 0");
  CHECK(client.Say("SET SHARDING KEY TO 'x'").starts_with("22023 "));
  client.rules.default_shard = Rules::DefaultShard::kRandomHealthy;
  CHECK(client.Run() == "0 by the only shard");
  CHECK(client.health.asked == 0);
}

TEST_CASE("The home shard stays the same, and homes are spread") {
  Rules rules = {.shards = 5};
  pglynx::SeededRandom random(3);
  const pglynx::routing::FakeHealth health;
  std::array<int, 5> homes = {};
  for (uint32_t number = 0; number < 100; ++number) {
    const SessionRoute route(number);
    const Result<Route> first = route.Decide(false, rules, random, health);
    REQUIRE(first);
    for (int i = 0; i < 5; ++i) {
      REQUIRE(route.Decide(false, rules, random, health)->shard == first->shard);
    }
    ++homes.at(first->shard);
  }
  for (const int count : homes) CHECK(count == 20);
  rules.shards = 1024;
  CHECK(SessionRoute(UINT32_MAX).Decide(false, rules, random, health)->shard == 1023);
}

TEST_CASE("A random default is even, and drawn for each transaction") {
  RouteClient client;
  client.rules.default_shard = Rules::DefaultShard::kRandom;
  for (const int share : Shares(client, 3000)) CHECK((share > 850 && share < 1150));
  CHECK(client.health.asked == 0);
  CHECK(client.Run().ends_with(" by default_shard, random"));
  client.Say("SET SHARD TO 1");
  CHECK(client.Run() == "1 by a command");
}

TEST_CASE("random_healthy is even among the healthy shards, and any shard if there are none") {
  struct Case {
    std::vector<bool> healthy;
    int share;
  };
  const Case cases[] = {
      {{true, true, true, true}, 1000},    {{true, false, true, true}, 1333},
      {{false, true, false, true}, 2000},  {{false, false, false, true}, 4000},
      {{true, false, false, false}, 4000}, {{false, false, false, false}, 1000},
  };
  for (const Case& test : cases) {
    RouteClient client;
    client.rules.shards = 4;
    client.rules.default_shard = Rules::DefaultShard::kRandomHealthy;
    client.health.healthy = test.healthy;
    CHECK(client.Place().ends_with(" by default_shard, random_healthy"));
    const std::vector<int> shares = Shares(client, 4000);
    const bool is_any_healthy = test.share != 1000;
    for (size_t shard = 0; shard < shares.size(); ++shard) {
      const int wanted = test.healthy[shard] || !is_any_healthy ? test.share : 0;
      INFO("shard " << shard << " of " << test.share << ": " << shares[shard]);
      CHECK(std::abs(shares[shard] - wanted) <= wanted / 7);
    }
  }
}

TEST_CASE("A choice that a reload took away is refused and not sent elsewhere") {
  RouteClient client;
  client.rules.scope = Rules::Scope::kSession;
  client.Say("SET SHARD TO 2");
  client.Hint("/* shard_id: 2 */");
  client.rules.shards = 2;
  CHECK(client.Run() == "22023 shard 2 does not exist: shards are 0 to 1");
  CHECK(client.Run() == "22023 shard 2 does not exist: shards are 0 to 1");
  client.Say("SET SHARD TO 1");
  CHECK(client.Run() == "1 by a command");
}
