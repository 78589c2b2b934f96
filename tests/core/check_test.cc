// Goal: a check that holds costs nothing but its condition, and reads as one statement. What
// happens where one fails is the end of the process: not tested here.
#include "pglynx/core/check.h"

#include <type_traits>

#include "support/catch.h"

TEST_CASE("PGLYNX_CHECK evaluates its condition once and goes on where it holds") {
  int evaluations = 0;
  PGLYNX_CHECK(++evaluations == 1);
  CHECK(evaluations == 1);
}

TEST_CASE("PGLYNX_CHECK is one statement") {
  int branch = 0;
  if (branch == 0)
    PGLYNX_CHECK(true);
  else
    branch = 1;
  CHECK(branch == 0);
}

TEST_CASE("PGLYNX_DCHECK compiles whether it is on or off and does not change what holds") {
  int evaluations = 0;
  PGLYNX_DCHECK(++evaluations == 1);
  CHECK(evaluations <= 1);
}

TEST_CASE("CheckFailed takes a place and a condition") {
  STATIC_REQUIRE(
      std::is_same_v<decltype(&pglynx::CheckFailed), void (*)(const char*, int, const char*)>);
}
