#pragma once

// Which shard a key belongs to. Pure; linear in the key; allocates nothing.
//
// The PostgreSQL functions give the partition of PARTITION BY HASH over one column: the REMAINDER
// for which satisfies_hash_partition(table, MODULUS shards, REMAINDER, key) holds on a
// little-endian server of version 11 or later. Sources: src/common/hashfn.c,
// src/backend/access/hash/hashfunc.c and src/backend/partitioning/partbounds.c of PostgreSQL.

#include <cstdint>

#include "pglynx/sharding/key.h"

namespace pglynx::sharding {

enum class ShardingFunction : uint8_t {
  kPgBigintHash,  // PARTITION BY HASH of a bigint
  kPgHash,        // PARTITION BY HASH of the key's type
  kSha1,          // PgCat's: the last 32 bits of the SHA-1 of a bigint in decimal
};

inline constexpr uint32_t kShardsMax = 1024;

// The type as which a key is to be parsed: only kPgHash leaves it to the configuration.
constexpr KeyType KeyTypeFor(ShardingFunction function, KeyType configured) {
  return function == ShardingFunction::kPgHash ? configured : KeyType::kBigint;
}

// What the number of shards divides; for the PostgreSQL functions the row hash of
// compute_partition_hash_value. Numbers of equal value hash alike whatever their width. kSha1
// takes a number in decimal and any other key as its bytes.
uint64_t RowHash(const Key& key, ShardingFunction function);

// Below `shards`. Precondition: 1 <= shards <= kShardsMax.
uint32_t ShardOf(const Key& key, ShardingFunction function, uint32_t shards);

}  // namespace pglynx::sharding
