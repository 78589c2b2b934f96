// Goal: a seed names its bytes; the system's generator gives different ones each time.
#include "pglynx/core/random.h"

#include <set>
#include <string>

#include "support/catch.h"

TEST_CASE("SeededRandom repeats itself from its seed") {
  pglynx::SeededRandom first(42);
  pglynx::SeededRandom again(42);
  pglynx::SeededRandom other(43);
  const std::string bytes = first.Bytes(100);
  CHECK(bytes == again.Bytes(100));
  CHECK(bytes != other.Bytes(100));
}

TEST_CASE("SystemRandom does not repeat itself") {
  pglynx::SystemRandom random;
  std::set<std::string> seen;
  for (const size_t count : {8U, 16U, 18U, 255U, 256U, 257U, 1000U}) {  // around the block it keeps
    for (int i = 0; i < 100; ++i) CHECK(seen.insert(random.Bytes(count)).second);
  }
}
