#pragma once

// Monotonic time. Pure code takes `TimePoint now` as an argument; only the event
// loop reads a clock. Durations are microseconds: fine enough for statistics, and
// 292,000 years long.

#include <chrono>
#include <cstdint>

namespace pglynx {

using Duration = std::chrono::microseconds;

// Tag clock: has no now() on purpose. See net::EventLoop::Now().
struct LoopClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<LoopClock, Duration>;
  static constexpr bool is_steady = true;
};

using TimePoint = LoopClock::time_point;

// Later than any event. The deadline of what has no deadline.
inline constexpr TimePoint kNever = TimePoint::max();

// `now + timeout`, or kNever where timeout is zero: a zero timeout means "off" in
// the configuration.
inline TimePoint DeadlineAfter(TimePoint now, Duration timeout) {
  return timeout == Duration::zero() ? kNever : now + timeout;
}

}  // namespace pglynx
