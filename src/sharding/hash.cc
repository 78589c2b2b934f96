#include "pglynx/sharding/hash.h"

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "pglynx/core/check.h"
#include "sharding/sha1.h"

namespace pglynx::sharding {
namespace {

// partbounds.c, HASH_PARTITION_SEED.
constexpr uint64_t kPartitionSeed = 0x7a5b22367996dcfd;
// hashfn.h, hash_combine64: what combining one hash with the row hash 0 adds.
constexpr uint64_t kCombined = 0x49a0f4dd15e5a8e3;
// hashfn.c, the initial state without the length of the key.
constexpr uint32_t kInitial = 0x9e3779b9U + 3923095U;

// The state of Bob Jenkins's lookup3, whose words take part in all its steps.
struct Lookup3 {
  uint32_t a;
  uint32_t b;
  uint32_t c;

  void Mix() {
    a = (a - c) ^ std::rotl(c, 4);
    c += b;
    b = (b - a) ^ std::rotl(a, 6);
    a += c;
    c = (c - b) ^ std::rotl(b, 8);
    b += a;
    a = (a - c) ^ std::rotl(c, 16);
    c += b;
    b = (b - a) ^ std::rotl(a, 19);
    a += c;
    c = (c - b) ^ std::rotl(b, 4);
    b += a;
  }

  void Finish() {
    c = (c ^ b) - std::rotl(b, 14);
    a = (a ^ c) - std::rotl(c, 11);
    b = (b ^ a) - std::rotl(a, 25);
    c = (c ^ b) - std::rotl(b, 16);
    a = (a ^ c) - std::rotl(c, 4);
    b = (b ^ a) - std::rotl(a, 14);
    c = (c ^ b) - std::rotl(b, 24);
  }
};

constexpr size_t kChunkBytes = 12;

uint32_t LoadLittle32(const char* at) {
  const auto byte = [at](size_t index) {
    return static_cast<uint32_t>(static_cast<unsigned char>(at[index]));
  };
  return byte(0) | byte(1) << 8U | byte(2) << 16U | byte(3) << 24U;
}

Lookup3 Seeded(size_t bytes) {
  // PostgreSQL's lengths have 32 bits.
  const uint32_t initial = kInitial + static_cast<uint32_t>(bytes);
  Lookup3 state = {initial, initial, initial};
  state.a += static_cast<uint32_t>(kPartitionSeed >> 32U);
  state.b += static_cast<uint32_t>(kPartitionSeed);
  state.Mix();
  return state;
}

uint64_t Finished(Lookup3 state) {
  state.Finish();
  return uint64_t{state.b} << 32U | state.c;
}

// hash_bytes_extended.
uint64_t HashBytes(std::string_view bytes) {
  Lookup3 state = Seeded(bytes.size());
  while (bytes.size() >= kChunkBytes) {
    state.a += LoadLittle32(bytes.data());
    state.b += LoadLittle32(bytes.data() + 4);
    state.c += LoadLittle32(bytes.data() + 8);
    state.Mix();
    bytes.remove_prefix(kChunkBytes);
  }
  char rest[kChunkBytes] = {};
  if (!bytes.empty()) std::memcpy(rest, bytes.data(), bytes.size());
  state.a += LoadLittle32(rest);
  state.b += LoadLittle32(rest + 4);
  state.c += LoadLittle32(rest + 8) << 8U;  // its lowest byte is the length's
  return Finished(state);
}

// hashint8extended, which gives what hashint2extended and hashint4extended give for their values.
uint64_t HashNumber(int64_t number) {
  const auto bits = static_cast<uint64_t>(number);
  const auto high = static_cast<uint32_t>(bits >> 32U);
  const uint32_t folded = static_cast<uint32_t>(bits) ^ (number >= 0 ? high : ~high);
  Lookup3 state = Seeded(sizeof folded);
  state.a += folded;
  return Finished(state);
}

std::string_view BytesOf(const Key& key) {
  if (const auto* text = std::get_if<std::string_view>(&key)) return *text;
  const Uuid* uuid = std::get_if<Uuid>(&key);
  return uuid == nullptr ? std::string_view() : std::string_view(uuid->data(), uuid->size());
}

uint64_t PartitionHash(const Key& key) {
  const int64_t* number = std::get_if<int64_t>(&key);
  return kCombined + (number == nullptr ? HashBytes(BytesOf(key)) : HashNumber(*number));
}

uint64_t Sha1Hash(const Key& key) {
  const int64_t* number = std::get_if<int64_t>(&key);
  if (number == nullptr) return Sha1LastWord(BytesOf(key));
  char decimal[20];  // the least number has a sign and 19 digits
  const char* end = std::to_chars(decimal, decimal + sizeof decimal, *number).ptr;
  return Sha1LastWord({decimal, static_cast<size_t>(end - decimal)});
}

}  // namespace

uint64_t RowHash(const Key& key, ShardingFunction function) {
  return function == ShardingFunction::kSha1 ? Sha1Hash(key) : PartitionHash(key);
}

uint32_t ShardOf(const Key& key, ShardingFunction function, uint32_t shards) {
  PGLYNX_CHECK(shards >= 1 && shards <= kShardsMax);
  return static_cast<uint32_t>(RowHash(key, function) % shards);
}

}  // namespace pglynx::sharding
