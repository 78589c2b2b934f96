// Goal: adding up pools loses no column. Each field gets a value of its own.
#include "pglynx/metrics/stats.h"

#include <cstring>

#include "support/catch.h"

TEST_CASE("every counter is added up") {
  pglynx::metrics::PoolStats stats;
  constexpr size_t kFields = sizeof stats / sizeof(uint64_t);
  uint64_t values[kFields];
  for (size_t i = 0; i < kFields; ++i) values[i] = i + 1;
  std::memcpy(&stats, values, sizeof stats);
  pglynx::metrics::PoolStats sum = stats;
  sum += stats;
  std::memcpy(values, &sum, sizeof sum);
  for (size_t i = 0; i < kFields; ++i) CHECK(values[i] == 2 * (i + 1));
}
