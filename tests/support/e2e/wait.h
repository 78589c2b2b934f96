#pragma once

// Bounded waiting for descriptors. Values, no owner.
//
//   const Deadline deadline(kPatience);
//   if (!WaitReadable({socket}, deadline)) throw …;

#include <chrono>
#include <poll.h>
#include <vector>

namespace pglynx::e2e {

// A moment after which waiting is given up.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds timeout)
      : end_(std::chrono::steady_clock::now() + timeout) {}

  // What is left, as poll(2) wants it: rounded up, never negative.
  [[nodiscard]] int milliseconds_left() const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

// True as soon as one of the descriptors shows one of `events` (or an error, or its end);
// false when the deadline passes first.
inline bool WaitFor(const std::vector<int>& descriptors, short events, const Deadline& deadline) {
  std::vector<pollfd> polled;
  for (const int descriptor : descriptors) polled.push_back({descriptor, events, 0});
  while (true) {
    const int timeout = deadline.milliseconds_left();
    const int count = poll(polled.data(), polled.size(), timeout);
    if (count > 0) return true;
    if (timeout == 0) return false;  // a signal's interruption just looks again
  }
}

inline bool WaitReadable(const std::vector<int>& descriptors, const Deadline& deadline) {
  return WaitFor(descriptors, POLLIN, deadline);
}

}  // namespace pglynx::e2e
