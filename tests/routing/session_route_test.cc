// Goal: each command is answered as documented or refused with what is allowed, and a refusal
// changes nothing. Method: tables of commands in SQL and of bound values. The remainders are
// PostgreSQL's (see tests/golden/sharding).
#include "pglynx/routing/session_route.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "routing/route_client.h"
#include "support/catch.h"

namespace {

using namespace std::string_view_literals;
using pglynx::balancer::WantedRole;
using pglynx::routing::BoundValue;
using pglynx::routing::Route;
using pglynx::routing::RouteClient;
using pglynx::routing::Rules;
using pglynx::routing::SessionRoute;
using pglynx::sharding::KeyType;
using pglynx::sharding::ShardingFunction;
using pglynx::sql::Directive;

BoundValue Text(std::string_view text) {
  return {.bytes = text};
}

BoundValue Binary(std::string_view bytes, uint32_t type_oid) {
  return {.bytes = bytes, .is_binary = true, .type_oid = type_oid};
}

struct Case {
  const char* command;
  const char* answer;
};

struct BoundCase {
  const char* command;
  BoundValue bound;
  const char* answer;  // "n": SHOW SHARD says so then
};

void CheckBound(RouteClient& client, const BoundCase& test) {
  INFO(test.command << " with " << test.bound.type_oid << " " << test.bound.bytes.value_or("NULL")
                    << " as binary " << test.bound.is_binary);
  client.Say("SET SHARD TO 2");
  const std::string answer = client.Say(test.command, test.bound);
  const std::string shard = client.Say("SHOW SHARD");
  if (answer.starts_with("22023")) {
    CHECK(answer == std::string("22023 ") + test.answer);
    CHECK(shard == "shard = 2");
  } else {
    CHECK(shard == std::string("shard = ") + test.answer);
  }
}

}  // namespace

TEST_CASE("Each command has its reply") {
  const Case cases[] = {
      {"SHOW SHARD", "shard = unset"},
      {"SHOW SERVER ROLE", "server role = any"},
      {"SHOW PRIMARY READS", "primary reads = on"},
      {"SET SHARD TO 1", "SET SHARD"},
      {"SHOW SHARD", "shard = 1"},
      {"set shard to '2';", "SET SHARD"},
      {"SHOW SHARD", "shard = 2"},
      {"/* a */ SET SHARD TO +0 -- b", "SET SHARD"},
      {"SHOW SHARD", "shard = 0"},
      {"SET SHARD TO ' 1 '",
       "22023 invalid SET SHARD: \"' 1 '\"; allowed after TO: a shard's "
       "number, ANY or a parameter such as $1; shards are 0 to 2"},
      {"SET SHARDING KEY TO 7", "SET SHARDING KEY"},
      {"SHOW SHARD", "shard = 1"},
      {"SET SHARDING KEY TO '42'", "SET SHARDING KEY"},
      {"SHOW SHARD", "shard = 0"},
      {"SET SHARDING KEY TO -2", "SET SHARDING KEY"},
      {"SHOW SHARD", "shard = 1"},
      {"SET SHARDING KEY TO ' 5 '", "SET SHARDING KEY"},
      {"SHOW SHARD", "shard = 2"},
      {"SET SERVER ROLE TO 'primary'", "SET SERVER ROLE"},
      {"SHOW SERVER ROLE", "server role = primary"},
      {"SET SERVER ROLE TO REPLICA", "SET SERVER ROLE"},
      {"SHOW SERVER ROLE", "server role = replica"},
      {"SET SERVER ROLE TO 'any'", "SET SERVER ROLE"},
      {"SHOW SERVER ROLE", "server role = any"},
      {"SET SERVER ROLE TO 'auto'", "SET SERVER ROLE"},
      {"SHOW SERVER ROLE", "server role = auto"},
      {"SET SERVER ROLE TO 'default'", "SET SERVER ROLE"},
      {"SHOW SERVER ROLE", "server role = any"},
      {"SET PRIMARY READS TO 'off'", "SET PRIMARY READS"},
      {"SHOW PRIMARY READS", "primary reads = off"},
      {"SET PRIMARY READS TO ON", "SET PRIMARY READS"},
      {"SHOW PRIMARY READS", "primary reads = on"},
      {"SET PRIMARY READS TO default", "SET PRIMARY READS"},
      {"SHOW PRIMARY READS", "primary reads = on"},
      {"SHOW SHARD", "shard = 2"},
  };
  RouteClient client;
  for (const Case& test : cases) {
    INFO(test.command);
    CHECK(client.Say(test.command) == test.answer);
  }
}

TEST_CASE("A refusal says what is allowed and changes nothing") {
  const std::string shards = ": shards are 0 to 2";
  const std::string number =
      "\"; allowed after TO: a shard's number, ANY or a parameter such as $1; shards are 0 to 2";
  const std::string key =
      "\"; allowed after TO: a number, a string in single quotes or a parameter such as $1";
  const std::string bigint =
      "\"; allowed are whole numbers from -9223372036854775808 to 9223372036854775807";
  struct Refusal {
    std::string command;
    std::string detail;
  };
  const Refusal refusals[] = {
      {"SET SHARD TO 7", "shard 7 does not exist" + shards},
      {"SET SHARD TO 3", "shard 3 does not exist" + shards},
      {"SET SHARD TO '-1'", "shard -1 does not exist" + shards},
      {"SET SHARD TO 4294967296", "shard 4294967296 does not exist" + shards},
      {"SET SHARD TO 99999999999999999999", "invalid shard \"99999999999999999999\"" + shards},
      {"SET SHARD TO " + std::string(70, '1'),
       "invalid shard \"" + std::string(64, '1') + "...\"" + shards},
      {"SET SHARD TO abc", "invalid SET SHARD: \"abc" + number},
      {"SET SHARD TO", "invalid SET SHARD: \"" + number},
      {"SET SHARD TO 1\n2", "invalid SET SHARD: \"1?2" + number},
      {"SET SHARD TO $1",
       "no value is bound to $1: a parameter is allowed in the extended protocol alone"},
      {"SET SHARDING KEY TO $65535",
       "no value is bound to $65535: a parameter is allowed in the extended protocol alone"},
      {"SET SHARDING KEY TO abc", "invalid SET SHARDING KEY: \"TO abc" + key},
      {"SET SHARDING KEY TO", "invalid SET SHARDING KEY: \"TO" + key},
      {"SET SHARDING KEY 5", "invalid SET SHARDING KEY: \"5" + key},
      {"SET SHARDING KEY TO 'abc'", "invalid sharding key of type bigint: \"abc" + bigint},
      {"SET SHARDING KEY TO 9223372036854775808",
       "invalid sharding key of type bigint: \"9223372036854775808" + bigint},
      {"SET SERVER ROLE TO 'standby'",
       "invalid SET SERVER ROLE: \"'standby'\"; allowed after TO: primary, replica, any, auto, "
       "default"},
      {"SET PRIMARY READS TO 1",
       "invalid SET PRIMARY READS: \"1\"; allowed after TO: on, off, default"},
  };
  RouteClient client;
  client.Say("SET SHARD TO 1");
  client.Say("SET SERVER ROLE TO 'replica'");
  client.Say("SET PRIMARY READS TO off");
  for (const Refusal& refusal : refusals) {
    INFO(refusal.command);
    CHECK(client.Say(refusal.command) == "22023 " + refusal.detail);
    CHECK(client.Say("SHOW SHARD") == "shard = 1");
    CHECK(client.Say("SHOW SERVER ROLE") == "server role = replica");
    CHECK(client.Say("SHOW PRIMARY READS") == "primary reads = off");
  }
  RouteClient unset;
  unset.Say("SET SHARD TO 7");
  CHECK(unset.Say("SHOW SHARD") == "shard = unset");
}

TEST_CASE("A bound value is a text, or a number in binary format") {
  const BoundCase cases[] = {
      {"SET SHARD TO $1", Text("1"), "1"},
      {"SET SHARD TO $1", Text(" +1\n"), "1"},
      {"SET SHARD TO $2", {.bytes = "0", .type_oid = 20}, "0"},
      {"SET SHARD TO $1", Text("3"), "shard 3 does not exist: shards are 0 to 2"},
      {"SET SHARD TO $1", Text("-1"), "shard -1 does not exist: shards are 0 to 2"},
      {"SET SHARD TO $1", Text(""), "invalid shard \"\": shards are 0 to 2"},
      {"SET SHARD TO $1", Text("a\nb"), "invalid shard \"a?b\": shards are 0 to 2"},
      {"SET SHARD TO $1", {}, "shard is NULL: shards are 0 to 2"},
      {"SET SHARD TO $1", Binary("\0\1"sv, 21), "1"},
      {"SET SHARD TO $1", Binary("\0\0\0\1"sv, 23), "1"},
      {"SET SHARD TO $1", Binary("\0\0\0\0\0\0\0\1"sv, 20), "1"},
      {"SET SHARD TO $1", Binary("\0\3"sv, 21), "shard 3 does not exist: shards are 0 to 2"},
      {"SET SHARD TO $1", Binary("\xff\xff\xff\xff"sv, 23),
       "shard -1 does not exist: shards are 0 to 2"},
      {"SET SHARD TO $1", Binary("\0\0\0\1\0\0\0\0"sv, 20),
       "shard 4294967296 does not exist: shards are 0 to 2"},
      {"SET SHARD TO $1", Binary("\0\0\1"sv, 23),
       "invalid shard of 3 bytes in binary format: shards are 0 to 2"},
      {"SET SHARD TO $1", Binary(""sv, 23),
       "invalid shard of 0 bytes in binary format: shards are 0 to 2"},
      // The binary form of a text is the text, also where Parse declared nothing.
      {"SET SHARD TO $1", Binary("1", 25), "1"},
      {"SET SHARD TO $1", Binary("1", 0), "1"},
      {"SET SHARD TO $1", Binary("1", 705), "1"},
      {"SET SHARD TO $1", Binary("1", 1042), "1"},
      {"SET SHARD TO $1", Binary("1", 1043), "1"},
      {"SET SHARD TO $1", Binary("\0\1"sv, 0), "invalid shard \"??\": shards are 0 to 2"},
      {"SET SHARD TO $1", Binary("\0\0\0\0\0\0\0\1"sv, 701),
       "invalid shard: a parameter of type OID 701 in binary format; allowed is any type in text "
       "format, in binary format text, smallint, integer and bigint"},
      {"SET SHARD TO $1", Binary("any", 23),
       "invalid shard of 3 bytes in binary format: shards are 0 to 2"},
      {"SET SHARDING KEY TO $1", Text("any"),
       "invalid sharding key of type bigint: \"any\"; allowed are whole numbers from "
       "-9223372036854775808 to 9223372036854775807"},
      {"SET SHARDING KEY TO $1", Text("7"), "1"},
      {"SET SHARDING KEY TO $1", Text("-2"), "1"},
      {"SET SHARDING KEY TO $9", {.bytes = " 7 ", .type_oid = 20}, "1"},
      {"SET SHARDING KEY TO $1", Binary("\0\7"sv, 21), "1"},
      {"SET SHARDING KEY TO $1", Binary("\0\0\0\7"sv, 23), "1"},
      {"SET SHARDING KEY TO $1", Binary("\0\0\0\0\0\0\0\7"sv, 20), "1"},
      {"SET SHARDING KEY TO $1", Binary("7", 25), "1"},
      // Four digits are no int4.
      {"SET SHARDING KEY TO $1", Binary("1234", 0), "0"},
      {"SET SHARDING KEY TO $1", Text("x"),
       "invalid sharding key of type bigint: \"x\"; allowed are whole numbers from "
       "-9223372036854775808 to 9223372036854775807"},
      {"SET SHARDING KEY TO $1", Binary("\0\0\7"sv, 23),
       "invalid sharding key of type bigint: 3 bytes in binary format; allowed are 2, 4 or 8"},
      {"SET SHARDING KEY TO $1", Binary("\0\0\0\0\0\0\0\7"sv, 1184),
       "invalid sharding key: a parameter of type OID 1184 in binary format; allowed is any type "
       "in text format, in binary format text, smallint, integer and bigint"},
      {"SET SHARDING KEY TO $1", {}, "sharding key is NULL; allowed is a value of type bigint"},
      {"SET SHARDING KEY TO $1",
       {.is_binary = true, .type_oid = 20},
       "sharding key is NULL; allowed is a value of type bigint"},
      // What is bound to a command without a parameter is not looked at.
      {"SET SHARD TO 1", Text("0"), "1"},
      {"SET SHARDING KEY TO 7", {}, "1"},
  };
  RouteClient client;
  for (const BoundCase& test : cases) CheckBound(client, test);
}

TEST_CASE("A bound value is a key of the pool's type") {
  struct TypeCase {
    KeyType type;
    BoundValue bound;
    const char* answer;
  };
  const std::string_view uuid = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
  const TypeCase cases[] = {
      {KeyType::kText, Text("abc"), "1"},
      {KeyType::kText, Text(""), "2"},
      {KeyType::kText, Binary("abc", 0), "1"},
      {KeyType::kVarchar, Binary("abc", 1043), "1"},
      {KeyType::kText, Binary("\0\1"sv, 21),
       "invalid sharding key: a parameter of type OID 21 in binary format; allowed is any type in "
       "text format, in binary format text"},
      {KeyType::kVarchar, Binary("\0\1"sv, 21),
       "invalid sharding key: a parameter of type OID 21 in binary format; allowed is any type in "
       "text format, in binary format text"},
      {KeyType::kSmallint, Binary("\0\0\0\7"sv, 23), "1"},
      {KeyType::kInteger, Binary("\0\7"sv, 21), "1"},
      {KeyType::kSmallint, Binary("\0\1\0\0"sv, 23),
       "invalid sharding key of type smallint: \"65536\"; allowed are whole numbers from -32768 to "
       "32767"},
      {KeyType::kUuid, Binary(uuid, 2950), "0"},
      {KeyType::kUuid, Text("00000000-0000-0000-0000-000000000000"), "0"},
      {KeyType::kUuid, Binary("00000000-0000-0000-0000-000000000000", 25), "0"},
      {KeyType::kUuid, Binary(uuid, 17),
       "invalid sharding key: a parameter of type OID 17 in binary format; allowed is any type in "
       "text format, in binary format uuid"},
      {KeyType::kDate, Binary("\xff\xf4\xdb\xf9"sv, 1082), "1"},
      {KeyType::kDate, Text("0001-01-01"), "1"},
      {KeyType::kDate, Binary("\xff\xf4\xdb\xf9"sv, 23),
       "invalid sharding key: a parameter of type OID 23 in binary format; allowed is any type in "
       "text format, in binary format date"},
      {KeyType::kTimestamptz, Binary("\x7f\xff\xff\xff\xff\xff\xff\xff"sv, 1184), "0"},
      {KeyType::kTimestamptz, Text("infinity"), "0"},
      {KeyType::kTimestamptz, Binary("\x7f\xff\xff\xff\xff\xff\xff\xff"sv, 1114),
       "invalid sharding key: a parameter of type OID 1114 in binary format; allowed is any type "
       "in text format, in binary format timestamptz"},
      {KeyType::kTimestamp, Binary("\x7f\xff\xff\xff\xff\xff\xff\xff"sv, 1114), "0"},
      {KeyType::kTimestamp, {}, "sharding key is NULL; allowed is a value of type timestamp"},
  };
  for (const TypeCase& test : cases) {
    INFO(NameOf(test.type));
    RouteClient client;
    client.rules.function = ShardingFunction::kPgHash;
    client.rules.key_type = test.type;
    CheckBound(client, {"SET SHARDING KEY TO $1", test.bound, test.answer});
  }
}

TEST_CASE("The function and the key type are the pool's") {
  struct FunctionCase {
    ShardingFunction function;
    KeyType type;
    const char* key;
    const char* answer;
  };
  const FunctionCase cases[] = {
      {ShardingFunction::kPgBigintHash, KeyType::kText, "1", "2"},
      {ShardingFunction::kPgHash, KeyType::kText, "'1'", "0"},
      {ShardingFunction::kPgHash, KeyType::kText, "'a'", "2"},
      {ShardingFunction::kPgHash, KeyType::kText, "'abc'", "1"},
      {ShardingFunction::kPgHash, KeyType::kInteger, "1", "2"},
      {ShardingFunction::kPgHash, KeyType::kDate, "'0001-12-31'", "0"},
      {ShardingFunction::kSha1, KeyType::kBigint, "5", "0"},
      {ShardingFunction::kSha1, KeyType::kText, "6", "0"},
      {ShardingFunction::kSha1, KeyType::kBigint, "13", "1"},
  };
  for (const FunctionCase& test : cases) {
    INFO(test.key);
    RouteClient client;
    client.rules.function = test.function;
    client.rules.key_type = test.type;
    CHECK(client.Say(std::string("SET SHARDING KEY TO ") + test.key) == "SET SHARDING KEY");
    CHECK(client.Say("SHOW SHARD") == std::string("shard = ") + test.answer);
  }
}

TEST_CASE("SET SHARD TO ANY draws once and keeps what it drew") {
  const std::optional<BoundValue> none;
  const std::pair<const char*, std::optional<BoundValue>> forms[] = {
      {"SET SHARD TO ANY", none},
      {"SET SHARD TO 'any'", none},
      {"SET SHARD TO $1", Text("Any")},
      {"SET SHARD TO $1", Binary("any", 25)},
  };
  for (const auto& [command, bound] : forms) {
    INFO(command);
    RouteClient client;
    client.rules.scope = Rules::Scope::kSession;
    std::array<int, 3> drawn = {};
    for (int round = 0; round < 3000; ++round) {
      REQUIRE(client.Say(command, bound) == "SET SHARD");
      const Route first = client.Decided();
      for (int i = 0; i < 3; ++i) REQUIRE(client.Decided().shard == first.shard);
      ++drawn.at(first.shard);
    }
    for (const int count : drawn) CHECK((count > 850 && count < 1150));
  }
}

TEST_CASE("Roles and primary reads go with the route until they are changed") {
  RouteClient client;
  client.rules.default_role = WantedRole::kReplica;
  client.rules.primary_reads_enabled = false;
  client.rules.default_shard = Rules::DefaultShard::kFixed;
  CHECK(client.Say("SHOW SERVER ROLE") == "server role = replica");
  CHECK(client.Say("SHOW PRIMARY READS") == "primary reads = off");
  struct RoleCase {
    const char* command;
    WantedRole role;
    Directive::Reads reads;
  };
  const RoleCase cases[] = {
      {"SHOW SHARD", WantedRole::kReplica, Directive::Reads::kDefault},
      {"SET SERVER ROLE TO 'primary'", WantedRole::kPrimary, Directive::Reads::kDefault},
      {"SET SERVER ROLE TO 'any'", WantedRole::kAny, Directive::Reads::kDefault},
      {"SET PRIMARY READS TO on", WantedRole::kAny, Directive::Reads::kOn},
      {"SET SERVER ROLE TO 'auto'", WantedRole::kReplica, Directive::Reads::kOn},
      {"SET SERVER ROLE TO 'replica'", WantedRole::kReplica, Directive::Reads::kOn},
      {"SET PRIMARY READS TO off", WantedRole::kReplica, Directive::Reads::kOff},
      {"SET SERVER ROLE TO 'primary'", WantedRole::kPrimary, Directive::Reads::kOff},
      {"SET SERVER ROLE TO 'default'", WantedRole::kReplica, Directive::Reads::kOff},
      {"SET PRIMARY READS TO default", WantedRole::kReplica, Directive::Reads::kDefault},
  };
  for (const RoleCase& test : cases) {
    INFO(test.command);
    client.Say(test.command);
    for (int transaction = 0; transaction < 3; ++transaction) {
      CHECK(client.Decided().role == test.role);
      CHECK(client.Decided().primary_reads == test.reads);
      client.Run();
    }
  }
  client.rules.shards = 1;
  client.Say("SET SERVER ROLE TO 'primary'");
  CHECK(client.Decided().role == WantedRole::kPrimary);
}

TEST_CASE("A client is a small value") {
  CHECK(sizeof(SessionRoute) <= 32);
  CHECK(std::is_trivially_copyable_v<SessionRoute>);
}
