#pragma once

// Random numbers as an interface, so that a simulation can be repeated from its seed.
// `SystemRandom` is for secrets (cancel keys, nonces); `SeededRandom` for tests.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pglynx {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `count` bytes at `out`. Cannot fail: SystemRandom ends the process if the
  // operating system has no entropy call.
  virtual void Fill(char* out, size_t count) = 0;

  uint64_t Next64();
  std::string Bytes(size_t count);
};

// getrandom(2), asked for a block at a time: a login takes a few bytes, three times.
// Not for a process that forks and goes on: both would have the rest of the block.
class SystemRandom final : public Random {
 public:
  void Fill(char* out, size_t count) override;

 private:
  static void FromSystem(char* out, size_t count);

  std::array<char, 256> block_;
  size_t left_ = 0;  // at the end of block_
};

// xoshiro256** seeded by splitmix64: the same seed gives the same bytes everywhere.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  void Fill(char* out, size_t count) override;

 private:
  uint64_t state_[4];
};

}  // namespace pglynx
