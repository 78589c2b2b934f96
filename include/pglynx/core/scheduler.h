#pragma once

// Time and turns, as pure code sees them: the part of the event loop that needs no sockets.
// net::EventLoop extends it; the simulator implements it in virtual time.
//
// Contracts (ARCHITECTURE.md section 6): Now() is constant within a turn; order in a turn is
// timers, reads, posted tasks, deletes; an object may ask for its own deletion with
// DeferDelete and is destroyed at the end of the turn, in the order of the calls.

#include <cstdint>
#include <memory>

#include "pglynx/core/intrusive_list.h"
#include "pglynx/core/time.h"
#include "pglynx/core/timer_queue.h"

namespace pglynx {

// Base of everything that may be handed to DeferDelete.
class Deletable {
 public:
  virtual ~Deletable() = default;
};

// Runs once at the end of the current turn, if it is still alive then. Posting allocates
// nothing. Owned by whoever it wakes.
class Task : public ListNode<Task> {
 public:
  using Function = void (*)(void* context);
  Task(void* context, Function function) : context_(context), function_(function) {}
  void Run() { function_(context_); }

 private:
  void* context_;
  Function function_;
};

// A Task that calls a member function:
//   Task serve_ = MemberTask<&Pool::ServeWaiters>(this);
template <auto method, typename Owner>
Task MemberTask(Owner* owner) {
  return Task(owner, [](void* context) { (static_cast<Owner*>(context)->*method)(); });
}

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  virtual TimePoint Now() = 0;
  // Wall clock, microseconds since 1970-01-01 UTC: for what people read, nothing else.
  virtual int64_t WallClockMicros() = 0;
  // Arms or moves the timer; kNever disarms it.
  virtual void Arm(Timer& timer, TimePoint deadline) = 0;
  // Posting a task that is posted already changes nothing.
  virtual void Post(Task& task) = 0;
  virtual void DeferDelete(std::unique_ptr<Deletable> object) = 0;
};

}  // namespace pglynx
