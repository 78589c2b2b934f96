#include "sharding/sha1.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "pglynx/core/bytes.h"

namespace pglynx::sharding {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kLengthBytes = 8;

using State = std::array<uint32_t, 5>;

// FIPS 180-4, 5.3.1.
constexpr State kInitial = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

// FIPS 180-4, 4.1.1 and 4.2.1: the function and the constant of a round, added.
uint32_t RoundTerm(size_t round, uint32_t b, uint32_t c, uint32_t d) {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

// FIPS 180-4, 6.1.2.
void Compress(State& state, const char* block) {
  std::array<uint32_t, 80> schedule;
  for (size_t round = 0; round < 16; ++round) schedule[round] = LoadU32(block + 4 * round);
  for (size_t round = 16; round < 80; ++round) {
    schedule[round] = std::rotl(
        schedule[round - 3] ^ schedule[round - 8] ^ schedule[round - 14] ^ schedule[round - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (size_t round = 0; round < 80; ++round) {
    const uint32_t next = std::rotl(a, 5) + RoundTerm(round, b, c, d) + e + schedule[round];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

}  // namespace

uint32_t Sha1LastWord(std::string_view bytes) {
  State state = kInitial;
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  while (bytes.size() >= kBlockBytes) {
    Compress(state, bytes.data());
    bytes.remove_prefix(kBlockBytes);
  }
  // FIPS 180-4, 5.1.1: a one bit, zeros, the length.
  char rest[2 * kBlockBytes] = {};
  if (!bytes.empty()) std::memcpy(rest, bytes.data(), bytes.size());
  rest[bytes.size()] = '\x80';
  const bool fits = bytes.size() + 1 + kLengthBytes <= kBlockBytes;
  char* const end = rest + (fits ? kBlockBytes : 2 * kBlockBytes);
  StoreU32(end - 8, static_cast<uint32_t>(bits >> 32U));
  StoreU32(end - 4, static_cast<uint32_t>(bits));
  for (const char* block = rest; block != end; block += kBlockBytes) Compress(state, block);
  return state[4];
}

}  // namespace pglynx::sharding
