#include "pglynx/core/random.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <strings.h>
#include <sys/random.h>

#include "pglynx/core/check.h"

namespace pglynx {

uint64_t Random::Next64() {
  uint64_t value = 0;
  Fill(reinterpret_cast<char*>(&value), sizeof value);
  return value;
}

std::string Random::Bytes(size_t count) {
  std::string bytes(count, '\0');
  Fill(bytes.data(), count);
  return bytes;
}

void SystemRandom::Fill(char* out, size_t count) {
  if (count > block_.size()) {
    FromSystem(out, count);
    return;
  }
  if (count > left_) {
    FromSystem(block_.data(), block_.size());
    left_ = block_.size();
  }
  char* const given = block_.data() + block_.size() - left_;
  std::memcpy(out, given, count);
  explicit_bzero(given, count);  // nobody else will have it
  left_ -= count;
}

void SystemRandom::FromSystem(char* out, size_t count) {
  while (count > 0) {
    const ssize_t got = getrandom(out, count, 0);
    if (got < 0) {
      PGLYNX_CHECK(errno == EINTR);
      continue;
    }
    out += got;
    count -= static_cast<size_t>(got);
  }
}

SeededRandom::SeededRandom(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15ULL;
    uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    word = mixed ^ (mixed >> 31U);
  }
}

void SeededRandom::Fill(char* out, size_t count) {
  while (count > 0) {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    const size_t part = std::min(count, sizeof result);
    std::memcpy(out, &result, part);
    out += part;
    count -= part;
  }
}

}  // namespace pglynx
