#pragma once

// Time and turns without a loop: timers fire when the test lets time pass, posted tasks and
// deletions when it ends the turn. And a log that says nothing. Header only: each module's
// tests are built from its own sources alone.
//
//   FakeScheduler loop;
//   loop.Arm(timer, loop.Now() + std::chrono::seconds(1));
//   loop.Pass(std::chrono::seconds(1));

#include <algorithm>
#include <memory>
#include <vector>

#include "pglynx/core/log.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/core/timer_queue.h"

namespace pglynx::test {

class FakeScheduler final : public Scheduler {
 public:
  TimePoint Now() override { return now_; }
  int64_t WallClockMicros() override { return 0; }
  void Arm(Timer& timer, TimePoint deadline) override { timers_.Arm(timer, deadline); }
  void Post(Task& task) override {
    if (!task.linked()) tasks_.PushBack(task);
  }
  void DeferDelete(std::unique_ptr<Deletable> object) override {
    doomed_.push_back(std::move(object));
  }

  // Lets time pass, timer by timer, and ends a turn after each.
  void Pass(Duration duration);
  // Posted tasks, then deletions.
  void EndTurn();

 private:
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  TimerQueue timers_;
  IntrusiveList<Task> tasks_;
  std::vector<std::unique_ptr<Deletable>> doomed_;
};

class SilentLog final : public Log {
 public:
  void Write(LogLevel, std::string_view, Fields) override {}
  [[nodiscard]] LogLevel level() const override { return LogLevel::kError; }
};

inline void FakeScheduler::Pass(Duration duration) {
  const TimePoint end = now_ + duration;
  EndTurn();
  while (timers_.NextDeadline() <= end) {
    now_ = std::max(now_, timers_.NextDeadline());
    timers_.Advance(now_);
    EndTurn();
  }
  now_ = end;
}

inline void FakeScheduler::EndTurn() {
  while (!tasks_.empty() || !doomed_.empty()) {
    while (Task* task = tasks_.front()) {
      task->Unlink();
      task->Run();
    }
    doomed_.clear();
  }
}

}  // namespace pglynx::test
