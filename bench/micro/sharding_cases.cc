// From a key as a client sends it to the number of its shard.

#include <string_view>

#include "micro/micro_case.h"
#include "pglynx/sharding/hash.h"
#include "pglynx/sharding/key.h"

namespace pglynx::micro {
namespace {

using sharding::KeyType;
using sharding::ShardingFunction;

constexpr uint32_t kShards = 16;

std::unique_ptr<Case> Placing(std::string_view text, KeyType type,
                              ShardingFunction function = ShardingFunction::kPgHash) {
  return Repeat([text = Text(text), type, function] {
    const Result<sharding::Key> key = sharding::ParseKeyText(text.Get(), type);
    Keep(key ? sharding::ShardOf(*key, function, kShards) : kShards);
  });
}

}  // namespace

std::unique_ptr<Case> ShardOfBigint() {
  return Placing("1234567890123", KeyType::kBigint, ShardingFunction::kPgBigintHash);
}

std::unique_ptr<Case> ShardOfBinaryBigint() {
  return Repeat([bytes = Text({"\x00\x00\x01\x1f\x71\xfb\x04\xcb", 8})] {
    const Result<sharding::Key> key = sharding::ParseKeyBinary(bytes.Get(), KeyType::kBigint);
    Keep(key ? sharding::ShardOf(*key, ShardingFunction::kPgHash, kShards) : kShards);
  });
}

std::unique_ptr<Case> ShardOfInteger() {
  return Placing("-4217", KeyType::kInteger);
}
std::unique_ptr<Case> ShardOfText() {
  return Placing("customer-0000004217@example.com", KeyType::kText);
}
std::unique_ptr<Case> ShardOfUuid() {
  return Placing("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", KeyType::kUuid);
}
std::unique_ptr<Case> ShardOfDate() {
  return Placing("2024-02-29", KeyType::kDate);
}
std::unique_ptr<Case> ShardOfTimestamp() {
  return Placing("2024-02-29 12:34:56.789012", KeyType::kTimestamp);
}
std::unique_ptr<Case> ShardOfTimestamptz() {
  return Placing("2024-02-29T12:34:56.789012+05:30", KeyType::kTimestamptz);
}
std::unique_ptr<Case> ShardBySha1() {
  return Placing("1234567890123", KeyType::kBigint, ShardingFunction::kSha1);
}

}  // namespace pglynx::micro
