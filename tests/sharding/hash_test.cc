// Goal: every key goes to the shard that PostgreSQL (or PgCat, for sha1) would choose. Method:
// tests/golden/sharding/*.txt, which make_vectors.py has from a real server, in text and binary
// form; row hashes seen on a live server; PgCat's own vectors; how keys spread.
#include "pglynx/sharding/hash.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::sharding::Key;
using pglynx::sharding::KeyType;
using pglynx::sharding::KeyTypeFor;
using pglynx::sharding::NameOf;
using pglynx::sharding::ParseKeyBinary;
using pglynx::sharding::ParseKeyText;
using pglynx::sharding::RowHash;
using pglynx::sharding::ShardingFunction;
using pglynx::sharding::ShardOf;

constexpr KeyType kTypes[] = {
    KeyType::kSmallint,    KeyType::kInteger, KeyType::kBigint, KeyType::kText,       //
    KeyType::kVarchar,     KeyType::kUuid,    KeyType::kDate,   KeyType::kTimestamp,  //
    KeyType::kTimestamptz,
};
constexpr uint32_t kModuli[] = {1, 2, 3, 5, 12, 16, 1024};

struct Vector {
  std::string text;
  std::string bytes;
  std::vector<uint32_t> remainders;
};

char HexByte(std::string_view two_digits) {
  return static_cast<char>(std::stoi(std::string(two_digits), nullptr, 16));
}

std::string FromHex(std::string_view digits) {
  std::string bytes;
  for (size_t at = 0; at < digits.size(); at += 2) bytes += HexByte(digits.substr(at, 2));
  return bytes;
}

std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_escape = text[at] == '\\';
    plain += is_escape ? HexByte(text.substr(at + 2, 2)) : text[at];
    if (is_escape) at += 3;
  }
  return plain;
}

std::vector<Vector> ReadVectors(KeyType type) {
  std::vector<Vector> vectors;
  std::ifstream file(PGLYNX_SOURCE_DIR "/tests/golden/sharding/" + std::string(NameOf(type)) +
                     ".txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string text;
    std::string hex;
    std::getline(fields, text, '\t');
    std::getline(fields, hex, '\t');
    Vector vector = {Unescaped(text), FromHex(hex), {}};
    for (uint32_t remainder = 0; fields >> remainder;) vector.remainders.push_back(remainder);
    vectors.push_back(vector);
  }
  return vectors;
}

std::vector<uint32_t> ShardsOf(const Key& key) {
  std::vector<uint32_t> shards;
  for (const uint32_t modulus : kModuli) {
    shards.push_back(ShardOf(key, ShardingFunction::kPgHash, modulus));
  }
  return shards;
}

uint32_t Sha1Shard(int64_t number, uint32_t shards) {
  return ShardOf(Key(number), ShardingFunction::kSha1, shards);
}

}  // namespace

TEST_CASE("a key of each type goes where PostgreSQL puts it, from text and from binary") {
  for (const KeyType type : kTypes) {
    const std::vector<Vector> vectors = ReadVectors(type);
    INFO(NameOf(type));
    CHECK(vectors.size() >= 2000);
    for (const Vector& vector : vectors) {
      INFO(vector.text);
      const auto from_text = ParseKeyText(vector.text, type);
      const auto from_binary = ParseKeyBinary(vector.bytes, type);
      REQUIRE(from_text.has_value());
      REQUIRE(from_binary.has_value());
      REQUIRE(*from_text == *from_binary);
      REQUIRE(vector.remainders.size() == std::size(kModuli));
      REQUIRE(ShardsOf(*from_text) == vector.remainders);
    }
  }
}

TEST_CASE("the row hash of a number is that of a live server") {
  const struct {
    int64_t number;
    uint64_t row_hash;
  } kCases[] = {
      {0, 0x0c8440b74fd699b0},
      {1, 0x9c7715e2970a8fb8},
      {42, 0xafd30d9a116a5a62},
      {1234, 0xc4e378d16e695b9a},
      {2147483648, 0x8e2a2eec347a3a76},
      {4294967296, 0x9c7715e2970a8fb8},
      {9007199254740992, 0x5b1a6f2f4adc551a},
      {INT64_MAX, 0x8e2a2eec347a3a76},
      {-1, 0x0400bc251f3bafa5},
      {-42, 0xa610493821626142},
      {-4294967296, 0x0c8440b74fd699b0},
      {INT64_MIN, 0xf5aa185b5e7fa17f},
  };
  for (const auto& example : kCases) {
    INFO(example.number);
    CHECK(RowHash(Key(example.number), ShardingFunction::kPgBigintHash) == example.row_hash);
    CHECK(RowHash(Key(example.number), ShardingFunction::kPgHash) == example.row_hash);
  }
}

TEST_CASE("PgCat's own vectors of pg_bigint_hash over five shards hold") {
  const std::vector<std::vector<int64_t>> keys_of_shards = {
      {1, 4, 5, 14, 19, 39, 40, 46, 47, 53},   {2, 3, 11, 17, 21, 23, 30, 49, 51, 54},
      {6, 7, 15, 16, 18, 20, 25, 28, 34, 35},  {8, 12, 13, 22, 29, 31, 33, 36, 41, 43},
      {9, 10, 24, 26, 27, 32, 37, 38, 42, 45},
  };
  for (uint32_t shard = 0; shard < keys_of_shards.size(); ++shard) {
    for (const int64_t number : keys_of_shards[shard]) {
      INFO(number);
      CHECK(ShardOf(Key(number), ShardingFunction::kPgBigintHash, 5) == shard);
    }
  }
}

TEST_CASE("PgCat's own vectors of sha1 hold, and negative keys hash with their sign") {
  const std::vector<uint32_t> expected = {4, 7, 8, 3, 6,  0, 0, 10, 3, 11,
                                          1, 7, 4, 4, 11, 2, 5, 0,  8, 3};
  std::vector<uint32_t> found;
  for (int64_t number = 0; number < 20; ++number) found.push_back(Sha1Shard(number, 12));
  CHECK(found == expected);
  CHECK(Sha1Shard(-5, 12) == 10);
  CHECK(RowHash(Key(int64_t{-1}), ShardingFunction::kSha1) == 0x34d23819);
  CHECK(RowHash(Key(INT64_MIN), ShardingFunction::kSha1) == 0x3974ca5f);
  CHECK(RowHash(Key(INT64_MAX), ShardingFunction::kSha1) == 0x3d4c47f1);
}

TEST_CASE("sha1 takes a key that is no number as its bytes") {
  CHECK(RowHash(Key("abc"), ShardingFunction::kSha1) == 0x9cd0d89d);
  CHECK(RowHash(Key("1234"), ShardingFunction::kSha1) ==
        RowHash(Key(int64_t{1234}), ShardingFunction::kSha1));
}

TEST_CASE("only pg_hash leaves the type of the key to the configuration") {
  for (const KeyType type : kTypes) {
    CHECK(KeyTypeFor(ShardingFunction::kPgHash, type) == type);
    CHECK(KeyTypeFor(ShardingFunction::kPgBigintHash, type) == KeyType::kBigint);
    CHECK(KeyTypeFor(ShardingFunction::kSha1, type) == KeyType::kBigint);
  }
}

TEST_CASE("a number hashes alike whatever its width") {
  for (int32_t number = INT16_MIN; number <= INT16_MAX; number += 257) {
    const auto low = static_cast<uint16_t>(number);
    std::string two;
    std::string four;
    std::string eight;
    pglynx::AppendU16(two, low);
    pglynx::AppendU32(four, static_cast<uint32_t>(number));
    pglynx::AppendU32(eight, number < 0 ? UINT32_MAX : 0);
    pglynx::AppendU32(eight, static_cast<uint32_t>(number));
    const Key expected(int64_t{number});
    for (const std::string& bytes : {two, four, eight}) {
      for (const KeyType type : {KeyType::kSmallint, KeyType::kInteger, KeyType::kBigint}) {
        const auto key = ParseKeyBinary(bytes, type);
        REQUIRE(key.has_value());
        REQUIRE(RowHash(*key, ShardingFunction::kPgHash) ==
                RowHash(expected, ShardingFunction::kPgHash));
      }
    }
  }
}

TEST_CASE("random keys spread evenly over any number of shards and never leave it") {
  pglynx::SeededRandom random(3);
  for (const ShardingFunction function :
       {ShardingFunction::kPgBigintHash, ShardingFunction::kPgHash, ShardingFunction::kSha1}) {
    for (const uint32_t shards : {1U, 2U, 3U, 7U, 64U, pglynx::sharding::kShardsMax}) {
      constexpr uint32_t kKeysPerShard = 40;
      std::vector<uint32_t> counts(shards);
      for (uint32_t i = 0; i < shards * kKeysPerShard; ++i) {
        const uint32_t shard =
            ShardOf(Key(static_cast<int64_t>(random.Next64())), function, shards);
        REQUIRE(shard < shards);
        ++counts[shard];
      }
      for (const uint32_t count : counts) {
        REQUIRE(count >= kKeysPerShard / 4);
        REQUIRE(count <= kKeysPerShard * 2);
      }
    }
  }
}
