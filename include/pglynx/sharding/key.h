#pragma once

// The value of a sharding key as PostgreSQL would store it, read from the text or the binary form
// in which a client sends it. Pure; linear in the value; allocates only for an error.
//
//   Result<Key> key = ParseKeyText("-42", KeyType::kBigint);
//   if (!key) return key.error();
//   const uint32_t shard = ShardOf(*key, ShardingFunction::kPgHash, 16);
//
// What is refused is a kInvalidParameterValue whose text names the type, shows at most 64 bytes
// of the value and says what is allowed. A value that means something else in another session or
// in another version of PostgreSQL is refused rather than guessed.
//
// Not known here, so the caller's to keep out: the typmod of the column (timestamp(3) rounds what
// it stores), the encoding (the bytes are hashed as the client sent them, so client and server
// must agree), and collations that are not deterministic (PostgreSQL hashes their sort keys).

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "pglynx/core/result.h"

namespace pglynx::sharding {

enum class KeyType : uint8_t {
  kSmallint,
  kInteger,
  kBigint,
  kText,
  kVarchar,
  kUuid,
  kDate,
  kTimestamp,
  kTimestamptz,
};

// "smallint", "integer", …, "timestamptz".
std::string_view NameOf(KeyType type);

using Uuid = std::array<char, 16>;

// int64_t: a number of any width; a date as days, a timestamp as microseconds since 2000-01-01
// (of UTC if it has a zone), -infinity and infinity as the ends of the range (32 bits for dates).
// string_view: a text; it points into what was parsed and lives as long.
using Key = std::variant<int64_t, std::string_view, Uuid>;

// The text form:
// - numbers: decimal digits with an optional sign, white space around them;
// - text, varchar: any bytes;
// - uuid: 32 hexadecimal digits, a hyphen after any group of four, braces around all or not;
// - date: YYYY-MM-DD from 0001-01-01 to 294276-12-31 (the year has four to six digits);
// - timestamp: the same, a blank or T, HH:MM[:SS[.f…]] to 24:00:00, rounded to microseconds;
// - timestamptz: the same and Z or ±HH[[:]MM] or ±HH:MM:SS. Without a zone it is refused: the
//   TimeZone of the session would decide;
// - infinity and -infinity for dates and times.
Result<Key> ParseKeyText(std::string_view text, KeyType type);

// The binary form, big-endian. A number may come as int2, int4 or int8, as its length tells, if
// its value fits the type; dates and times are any int4 and int8: what PostgreSQL takes for out
// of range it refuses itself.
Result<Key> ParseKeyBinary(std::string_view bytes, KeyType type);

}  // namespace pglynx::sharding
