// Goal: what shards say of themselves is compared as docs/sharding.md says. Method: tables of facts
// and the lines that come of them; answers with every cell broken. That the questions are answered
// so is for tests/shards/check_connect.py.
#include "server/shard_check.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace pglynx::server {
namespace {

using sharding::KeyType;
using sharding::ShardingFunction;
using Lines = std::vector<std::string>;

constexpr ShardRules kBigint{ShardingFunction::kPgBigintHash, KeyType::kBigint};

ShardFacts Types(std::vector<TypeFact> types) {
  return {.types = std::move(types), .tables = {}};
}

HashTableFact Orders(uint32_t modulus, uint32_t remainder) {
  HashTableFact table;
  table.name = "s.orders";
  table.key = "HASH (id)";
  table.type = "bigint";
  table.partitions = {{"s.part", modulus, remainder}};
  return table;
}

// As many shards as there are tables, each with one.
Lines Compare(ShardRules rules, const std::vector<HashTableFact>& tables) {
  std::vector<std::optional<ShardFacts>> shards;
  for (const HashTableFact& table : tables) shards.push_back(ShardFacts{{}, {table}});
  return CompareShards(rules, shards);
}

TEST_CASE("types have the same OIDs in all shards, or are named") {
  using Shards = std::vector<std::optional<ShardFacts>>;
  const ShardFacts one = Types({{"s.mood", 10, 11}});
  for (const auto& [shards, lines] : std::vector<std::pair<Shards, Lines>>{
           {{one, one, one}, {}},
           {{one, std::nullopt, one}, {}},
           {{std::nullopt, std::nullopt}, {}},
           {{one, Types({{"s.mood", 12, 13}}), one},
            {"type s.mood has different OIDs: 10 in shards 0, 2; 12 in shard 1"}},
           {{one, Types({{"s.mood", 10, 13}})},
            {"array type s.mood[] has different OIDs: 11 in shard 0; 13 in shard 1"}},
           {{one, Types({}), Types({})}, {"type s.mood is missing in shards 1, 2"}},
           {{Types({{"s.a", 10, 0}, {"s.b", 20, 0}}), Types({{"s.b", 21, 0}}), std::nullopt},
            {"type s.a is missing in shard 1",
             "type s.b has different OIDs: 20 in shard 0; 21 in shard 1"}},
           {{Types({{"s.a", 1, 0}}), Types({}), Types({{"s.a", 2, 0}})},
            {"type s.a is missing in shard 1",
             "type s.a has different OIDs: 1 in shard 0; 2 in shard 2"}},
       }) {
    CHECK(CompareShards(kBigint, shards) == lines);
  }
}

TEST_CASE("a finding names a few of many shards") {
  std::vector<std::optional<ShardFacts>> shards(12, Types({}));
  shards[0] = Types({{"s.a", 1, 0}});
  CHECK(CompareShards(kBigint, shards) ==
        Lines{"type s.a is missing in shards 1, 2, 3, 4, 5, 6, 7, 8 and 3 more"});
}

TEST_CASE("each shard has the partition of its number") {
  CHECK(Compare(kBigint, {Orders(2, 0), Orders(2, 1)}).empty());
  CHECK(Compare(kBigint, {Orders(2, 0), Orders(4, 1)}) ==
        Lines{"shard 1: table s.orders: partition s.part has MODULUS 4, REMAINDER 1; what fits is "
              "MODULUS 2, REMAINDER 1"});
  CHECK(Compare(kBigint, {Orders(2, 1), Orders(2, 0)}) ==
        Lines{"shard 0: table s.orders: partition s.part has MODULUS 2, REMAINDER 1; what fits is "
              "MODULUS 2, REMAINDER 0",
              "shard 1: table s.orders: partition s.part has MODULUS 2, REMAINDER 0; what fits is "
              "MODULUS 2, REMAINDER 1"});
  CHECK(Compare({ShardingFunction::kSha1, KeyType::kBigint}, {Orders(4, 3), Orders(4, 3)}).empty());
}

TEST_CASE("a table that is divided elsewhere is divided here") {
  HashTableFact none = Orders(2, 0);
  none.partitions.clear();
  CHECK(Compare(kBigint, {none, none}).empty());
  CHECK(Compare(kBigint, {none, Orders(2, 1)}) ==
        Lines{"shard 0: there is no hash partition, but there are in shard 1"});
  HashTableFact other = Orders(2, 0);
  other.name = "s.other";
  CHECK(Compare(kBigint, {other, Orders(2, 1)}) ==
        Lines{"shard 0: table s.orders has no partition here, but in shard 1",
              "shard 1: table s.other has no partition here, but in shard 0"});
  // Nothing is known of the other one.
  CHECK(CompareShards(kBigint,
                      std::vector<std::optional<ShardFacts>>{ShardFacts{{}, {none}}, std::nullopt})
            .empty());
}

TEST_CASE("the key is one column of a type that fits") {
  const Lines types = {"smallint",
                       "integer",
                       "bigint",
                       "text",
                       "character varying",
                       "uuid",
                       "date",
                       "timestamp without time zone",
                       "timestamp with time zone",
                       "numeric",
                       "character",
                       ""};
  for (const auto& [key_type, fitting] : std::vector<std::pair<KeyType, Lines>>{
           {KeyType::kSmallint, {"smallint", "integer", "bigint"}},
           {KeyType::kInteger, {"smallint", "integer", "bigint"}},
           {KeyType::kBigint, {"smallint", "integer", "bigint"}},
           {KeyType::kText, {"text", "character varying"}},
           {KeyType::kVarchar, {"text", "character varying"}},
           {KeyType::kUuid, {"uuid"}},
           {KeyType::kDate, {"date"}},
           {KeyType::kTimestamp, {"timestamp without time zone"}},
           {KeyType::kTimestamptz, {"timestamp with time zone"}},
       }) {
    for (const std::string& type : types) {
      CAPTURE(static_cast<int>(key_type), type);
      HashTableFact table = Orders(1, 0);
      table.type = type;
      const bool fits = std::find(fitting.begin(), fitting.end(), type) != fitting.end();
      CHECK(Compare({ShardingFunction::kPgHash, key_type}, {table}).empty() == fits);
      // This one is for numbers, whatever the file says beside it.
      const bool number = std::find(types.begin(), types.begin() + 3, type) != types.begin() + 3;
      CHECK(Compare({ShardingFunction::kPgBigintHash, key_type}, {table}).empty() == number);
    }
  }
}

TEST_CASE("what is wrong with a key is said") {
  const std::string wanted =
      "; what fits is one column of type bigint, integer or smallint, with the default operator "
      "class and a deterministic collation";
  const auto said = [](const HashTableFact& table) { return Compare(kBigint, {table}); };
  HashTableFact table = Orders(1, 0);
  table.deterministic = false;
  CHECK(said(table) == Lines{"shard 0: table s.orders: its key, HASH (id), has a collation that is "
                             "not deterministic" +
                             wanted});
  table.default_class = false;
  CHECK(said(table) ==
        Lines{"shard 0: table s.orders: its key, HASH (id), has an operator class of its own" +
              wanted});
  table.type = "uuid";
  CHECK(said(table) ==
        Lines{"shard 0: table s.orders: its key, HASH (id), is of type uuid" + wanted});
  table.type = "";
  CHECK(said(table) ==
        Lines{"shard 0: table s.orders: its key, HASH (id), is an expression" + wanted});
  table.key_columns = 2;
  CHECK(said(table) ==
        Lines{"shard 0: table s.orders: its key, HASH (id), has 2 columns" + wanted});
}

TEST_CASE("the answers of a server become facts") {
  const backend::AdminRow part = {"s.a", "HASH (id)", "1", "bigint", "t", "true", "s.p", "3", "2"};
  const backend::AdminRow bare = {"s.b",   "HASH (f(id), x)", "2",          std::nullopt, "f",
                                  "false", std::nullopt,      std::nullopt, std::nullopt};
  backend::AdminRow second = part;
  second[6] = "s.q";
  const Result<ShardFacts> facts =
      ReadShardFacts({{"s.mood", "4294967295", "0"}}, {part, second, bare});
  REQUIRE(facts.has_value());
  REQUIRE(facts->types.size() == 1);
  CHECK(facts->types[0].name == "s.mood");
  CHECK(facts->types[0].oid == 4294967295);
  REQUIRE(facts->tables.size() == 2);
  const HashTableFact& a = facts->tables[0];
  CHECK((a.name == "s.a" && a.key == "HASH (id)" && a.key_columns == 1 && a.type == "bigint"));
  CHECK((a.default_class && a.deterministic));
  REQUIRE(a.partitions.size() == 2);
  CHECK((a.partitions[0].modulus == 3 && a.partitions[0].remainder == 2));
  CHECK(a.partitions[1].name == "s.q");
  const HashTableFact& b = facts->tables[1];
  CHECK((b.key_columns == 2 && b.type.empty() && !b.default_class && !b.deterministic));
  CHECK(b.partitions.empty());
}

TEST_CASE("answers to other questions are refused") {
  const backend::AdminRow type = {"s.mood", "1", "2"};
  const backend::AdminRow part = {"s.a", "HASH (id)", "1", "bigint", "t", "true", "s.p", "3", "2"};
  REQUIRE(ReadShardFacts({type}, {part}).has_value());
  for (const std::optional<std::string>& bad :
       std::vector<std::optional<std::string>>{std::nullopt, "", "x", "1x", "-1", "4294967296"}) {
    for (const size_t column : {1U, 2U}) {
      backend::AdminRow broken = type;
      broken[column] = bad;
      CHECK_FALSE(ReadShardFacts({broken}, {}).has_value());
    }
    for (const size_t column : {2U, 7U, 8U}) {
      backend::AdminRow broken = part;
      broken[column] = bad;
      CHECK_FALSE(ReadShardFacts({}, {broken}).has_value());
    }
  }
  CHECK_FALSE(ReadShardFacts({{std::nullopt, "1", "2"}}, {}).has_value());
  CHECK_FALSE(ReadShardFacts({{"s.mood", "1"}}, {}).has_value());
  CHECK_FALSE(ReadShardFacts({}, {{"s.a"}}).has_value());
}

}  // namespace
}  // namespace pglynx::server
