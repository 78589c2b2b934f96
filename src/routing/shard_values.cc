#include "routing/shard_values.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "routing/shown.h"

namespace pglynx::routing {
namespace {

using sharding::Key;
using sharding::KeyType;

Error Invalid(std::string detail) {
  return {ErrorCode::kInvalidParameterValue, std::move(detail)};
}

// src/include/catalog/pg_type.dat of PostgreSQL. kText: the binary form is the text itself, as of
// an undeclared parameter, which is text to those who ask by Describe.
std::optional<KeyType> TypeOf(uint32_t oid) {
  switch (oid) {
    case 0:
    case 25:    // text
    case 705:   // unknown
    case 1042:  // bpchar
    case 1043:  // varchar
      return KeyType::kText;
    case 20:
      return KeyType::kBigint;
    case 21:
      return KeyType::kSmallint;
    case 23:
      return KeyType::kInteger;
    case 1082:
      return KeyType::kDate;
    case 1114:
      return KeyType::kTimestamp;
    case 1184:
      return KeyType::kTimestamptz;
    case 2950:
      return KeyType::kUuid;
    default:
      return std::nullopt;
  }
}

bool IsNumber(KeyType type) {
  return type == KeyType::kSmallint || type == KeyType::kInteger || type == KeyType::kBigint;
}

// Whether a value of this type, not a text, may stand for one of that type.
bool Fits(std::optional<KeyType> given, KeyType wanted) {
  return given && (*given == wanted || (IsNumber(*given) && IsNumber(wanted)));
}

KeyType KeyTypeOf(const Rules& rules) {
  return sharding::KeyTypeFor(rules.function, rules.key_type);
}

Result<uint32_t> ShardOfKey(const Result<Key>& key, const Rules& rules) {
  if (!key) return key.error();
  return sharding::ShardOf(*key, rules.function, rules.shards);
}

// A shard's number is read as a bigint key is.
Result<uint32_t> ShardOfNumber(const Result<Key>& number, std::string_view shown,
                               const Rules& rules) {
  if (!number) return Invalid(fmt::format("invalid shard {}: {}", shown, ShardsText(rules)));
  const int64_t shard = std::get<int64_t>(*number);
  if (shard < 0 || shard >= int64_t{rules.shards}) return NoSuchShard(shard, rules);
  return static_cast<uint32_t>(shard);
}

std::string_view BinaryTypesText(KeyType type) {
  if (IsNumber(type)) return "text, smallint, integer and bigint";
  return type == KeyType::kVarchar ? NameOf(KeyType::kText) : NameOf(type);
}

}  // namespace

std::string ShardsText(const Rules& rules) {
  if (rules.shards == 1) return "the only shard is 0";
  return fmt::format("shards are 0 to {}", rules.shards - 1);
}

Error NoSuchShard(int64_t shard, const Rules& rules) {
  return Invalid(fmt::format("shard {} does not exist: {}", shard, ShardsText(rules)));
}

Result<uint32_t> ShardOfText(std::string_view text, ShardNaming naming, const Rules& rules) {
  if (naming == ShardNaming::kKey) {
    return ShardOfKey(sharding::ParseKeyText(text, KeyTypeOf(rules)), rules);
  }
  return ShardOfNumber(sharding::ParseKeyText(text, KeyType::kBigint),
                       fmt::format("\"{}\"", Shown(text)), rules);
}

bool IsText(const BoundValue& bound) {
  return !bound.is_binary || TypeOf(bound.type_oid) == KeyType::kText;
}

Result<uint32_t> ShardOfBound(const BoundValue& bound, ShardNaming naming, const Rules& rules) {
  const bool is_key = naming == ShardNaming::kKey;
  const KeyType type = is_key ? KeyTypeOf(rules) : KeyType::kBigint;
  const std::string_view what = is_key ? "sharding key" : "shard";
  if (!bound.bytes) {
    return Invalid(
        is_key ? fmt::format("sharding key is NULL; allowed is a value of type {}", NameOf(type))
               : fmt::format("shard is NULL: {}", ShardsText(rules)));
  }
  if (IsText(bound)) return ShardOfText(*bound.bytes, naming, rules);
  if (!Fits(TypeOf(bound.type_oid), type)) {
    return Invalid(fmt::format(
        "invalid {}: a parameter of type OID {} in binary format; allowed is any type in text "
        "format, in binary format {}",
        what, bound.type_oid, BinaryTypesText(type)));
  }
  const Result<Key> key = sharding::ParseKeyBinary(*bound.bytes, type);
  if (is_key) return ShardOfKey(key, rules);
  return ShardOfNumber(key, fmt::format("of {} bytes in binary format", bound.bytes->size()),
                       rules);
}

}  // namespace pglynx::routing
