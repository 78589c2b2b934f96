// Goal: a timeout of zero means none, everywhere.
#include "pglynx/core/time.h"

#include "support/catch.h"

using pglynx::DeadlineAfter;
using pglynx::Duration;
using pglynx::kNever;
using pglynx::TimePoint;

TEST_CASE("DeadlineAfter is now and the timeout") {
  const TimePoint now(std::chrono::hours(5));
  CHECK(DeadlineAfter(now, Duration(1)) == TimePoint(std::chrono::hours(5) + Duration(1)));
  CHECK(DeadlineAfter(now, std::chrono::seconds(60)) - now == std::chrono::minutes(1));
  CHECK(DeadlineAfter(now, std::chrono::hours(24 * 365)) < kNever);
}

TEST_CASE("DeadlineAfter a timeout of zero never comes") {
  CHECK(DeadlineAfter(TimePoint(), Duration::zero()) == kNever);
  CHECK(DeadlineAfter(TimePoint(std::chrono::hours(5)), Duration::zero()) == kNever);
}

TEST_CASE("kNever is later than any event") {
  CHECK(TimePoint(std::chrono::hours(24 * 365 * 1000)) < kNever);
}
