// See mutator.h.
#include "fuzz/mutator.h"

#include <algorithm>
#include <array>

#include "pglynx/core/random.h"

namespace pglynx::fuzz {
namespace {

// Bytes that mean something to one parser or another: ends, signs, quotes, lengths.
constexpr std::string_view kTelling("\0\xff\x7f\x80\x01\x04\n\r ;'\"\\$-/*.,=:()@[]{}#EUSQZ", 33);

// FNV-1a: the same everywhere, unlike std::hash.
uint64_t SeedOf(std::string_view text, uint32_t number) {
  uint64_t seed = 0xcbf29ce484222325ULL ^ number;
  for (const char c : text) seed = (seed ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return seed;
}

class Mutation {
 public:
  Mutation(std::string bytes, std::span<const std::string> others, uint64_t seed)
      : bytes_(std::move(bytes)), others_(others), random_(seed) {}

  std::string Run() {
    const size_t count = 1 + Below(6);
    for (size_t i = 0; i < count; ++i) ChangeOnce();
    if (bytes_.size() > kMutatedBytesMax) bytes_.resize(kMutatedBytesMax);
    return std::move(bytes_);
  }

 private:
  size_t Below(size_t limit) { return limit == 0 ? 0 : random_.Next64() % limit; }

  void ChangeOnce() {
    const size_t at = Below(bytes_.size());
    const size_t length = std::min(1 + Below(8), bytes_.size() - at);
    switch (bytes_.empty() ? 3 : Below(8)) {
      case 0:
      case 1:
        bytes_[at] = static_cast<char>(static_cast<uint8_t>(bytes_[at]) ^ (1U << Below(8)));
        break;
      case 2:
        bytes_[at] = kTelling[Below(kTelling.size())];
        break;
      case 3:
        bytes_.insert(at, 1 + Below(3), kTelling[Below(kTelling.size())]);
        break;
      case 4:
        bytes_.erase(at, length);
        break;
      case 5:
        bytes_.insert(at, bytes_.substr(at, length * 4));
        break;
      case 6:
        Splice(at);
        break;
      default:
        if (Below(4) == 0) bytes_.resize(at);
        break;
    }
  }

  void Splice(size_t at) {
    if (others_.empty()) return;
    const std::string& other = others_[Below(others_.size())];
    const size_t from = Below(other.size());
    const std::string piece = other.substr(from, 1 + Below(other.size() - from));
    bytes_.replace(at, Below(std::min(piece.size(), bytes_.size() - at) + 1), piece);
  }

  std::string bytes_;
  std::span<const std::string> others_;
  SeededRandom random_;
};

}  // namespace

std::string Mutate(std::string_view bytes, std::span<const std::string> others,
                   std::string_view seed_text, uint32_t number) {
  return Mutation(std::string(bytes), others, SeedOf(seed_text, number)).Run();
}

}  // namespace pglynx::fuzz
