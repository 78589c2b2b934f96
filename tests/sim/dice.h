#pragma once

// What the simulator asks of chance, from one Random: the same seed gives the same world.
// A value over a borrowed Random.

#include <algorithm>
#include <cstdint>

#include "pglynx/core/random.h"
#include "pglynx/core/time.h"

namespace pglynx::sim {

class Dice {
 public:
  explicit Dice(Random& random) : random_(&random) {}

  // Draws nothing where the answer is sure.
  bool Chance(double probability) {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
    return static_cast<double>(random_->Next64() >> 11U) * kScale < probability;
  }
  // 0 .. end - 1. Precondition: end > 0.
  uint64_t Below(uint64_t end) { return end == 1 ? 0 : random_->Next64() % end; }
  // min .. max, both possible.
  uint64_t Between(uint64_t min, uint64_t max) { return min + Below(max - min + 1); }
  Duration Between(Duration min, Duration max) {
    const auto span = static_cast<uint64_t>(std::max<int64_t>((max - min).count(), 0));
    return min + Duration(static_cast<int64_t>(Below(span + 1)));
  }
  Random& random() { return *random_; }

 private:
  Random* random_;
};

}  // namespace pglynx::sim
