#pragma once

// What the shards of a pool say of themselves, compared with each other and with the file: the
// OIDs of user types, which drivers remember whichever shard they get, and the hash partitions.
// Pure: who asks the servers is connect_check.h.
//
//   const auto facts = ReadShardFacts(types, partitions);  // the answers to the two questions
//   for (const std::string& finding : CompareShards(rules, all_facts)) …
//
// Names are as the servers give them, quoted where SQL needs it; they may have any characters.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/backend/admin_query.h"
#include "pglynx/core/result.h"
#include "pglynx/sharding/hash.h"
#include "pglynx/sharding/key.h"

namespace pglynx::server {

struct TypeFact {
  std::string name;  // with its schema
  uint32_t oid = 0;
  uint32_t array_oid = 0;  // 0: there is none
};
struct PartitionFact {
  std::string name;
  uint32_t modulus = 0;
  uint32_t remainder = 0;
};
// A table that is PARTITION BY HASH.
struct HashTableFact {
  std::string name;           // with its schema
  std::string key;            // "HASH (customer_id)"
  uint32_t key_columns = 1;   // columns and expressions
  std::string type;           // of its first column, of a domain its base; empty: an expression
  bool default_class = true;  // the operator class decides how values are hashed
  bool deterministic = true;  // the collation
  std::vector<PartitionFact> partitions;  // those that are in this shard
};
struct ShardFacts {
  std::vector<TypeFact> types;
  std::vector<HashTableFact> tables;
};

// What to ask a server of the shard.
extern const std::string_view kTypesQuestion;
extern const std::string_view kPartitionsQuestion;

// Fails if the answers are none to these questions.
Result<ShardFacts> ReadShardFacts(const backend::AdminRows& types,
                                  const backend::AdminRows& partitions);

struct ShardRules {
  sharding::ShardingFunction function = sharding::ShardingFunction::kPgBigintHash;
  sharding::KeyType key_type = sharding::KeyType::kBigint;
};

// What does not fit, a line for each; those of one shard begin with its number. A shard of which
// nothing is known (nullopt) is left out. With kSha1 partitions are not looked at.
std::vector<std::string> CompareShards(ShardRules rules,
                                       std::span<const std::optional<ShardFacts>> shards);

}  // namespace pglynx::server
