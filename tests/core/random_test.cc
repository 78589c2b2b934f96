// Goal: a seed names its bytes; the system's generator gives different ones each time.
#include "pglynx/core/random.h"

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
  CHECK(random.Bytes(16) != random.Bytes(16));
}
