#pragma once

// Deadlines in order: a binary heap of timers that live in their owners. Pure; the event
// loop tells it the time. Arming, moving and disarming are O(log n) and allocate nothing
// once the heap has grown. Equal deadlines fire in the order in which they were armed.
//
// A `Timer` is a member of the object that it wakes; destroying it disarms it. The queue
// must outlive its armed timers.
//
//   class Session { Timer login_timer_ = MemberTimer<&Session::OnLoginTimeout>(this); };

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pglynx/core/time.h"

namespace pglynx {

class TimerQueue;

class Timer {
 public:
  // Called when the deadline has passed; the timer is disarmed by then and may be armed
  // again or destroyed inside.
  using Function = void (*)(void* context);
  Timer(void* context, Function function) : context_(context), function_(function) {}
  ~Timer() { Disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Disarm();
  [[nodiscard]] bool armed() const { return queue_ != nullptr; }
  // Meaningful while armed.
  [[nodiscard]] TimePoint deadline() const { return deadline_; }

 private:
  friend class TimerQueue;

  void* context_;
  Function function_;
  TimerQueue* queue_ = nullptr;
  TimePoint deadline_ = kNever;
  uint64_t order_ = 0;
  size_t index_ = 0;
};

// A Timer that calls a member function:
//   Timer timer_ = MemberTimer<&Session::OnTimeout>(this);
template <auto method, typename Owner>
Timer MemberTimer(Owner* owner) {
  return Timer(owner, [](void* context) { (static_cast<Owner*>(context)->*method)(); });
}

class TimerQueue {
 public:
  TimerQueue() = default;
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Arms or moves the timer. kNever disarms it.
  void Arm(Timer& timer, TimePoint deadline);
  void Disarm(Timer& timer);

  // Calls every timer whose deadline is <= now, including those armed meanwhile for a
  // time that has passed; at most as many calls as there were timers at the start, so
  // that a timer which re-arms itself for the past cannot hold the loop.
  void Advance(TimePoint now);

  // kNever where nothing is armed.
  [[nodiscard]] TimePoint NextDeadline() const {
    return heap_.empty() ? kNever : heap_.front()->deadline_;
  }
  [[nodiscard]] size_t size() const { return heap_.size(); }

 private:
  static bool Before(const Timer& left, const Timer& right);
  void Place(Timer& timer, size_t index);
  void SiftUp(size_t index);
  void SiftDown(size_t index);

  std::vector<Timer*> heap_;  // heap_[i]->index_ == i
  uint64_t next_order_ = 0;
};

}  // namespace pglynx
