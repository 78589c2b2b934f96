#pragma once

// The event loop in virtual time. A turn happens at one moment: timers, then deliveries, then
// posted tasks, then deletes (ARCHITECTURE.md section 6). What is due at the same moment runs
// in the order in which it was scheduled, so the same seed gives the same run. Nothing waits:
// RunTurn jumps to the next moment at which something happens.
//
// Owner: the simulation; outlives everything that uses it.
//
//   SimLoop loop(random);
//   while (!done && loop.RunTurn()) Check();

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/net/event_loop.h"
#include "sim/dice.h"

namespace pglynx::sim {

class SimLoop final : public net::EventLoop {
 public:
  explicit SimLoop(Random& random);
  ~SimLoop() override;
  SimLoop(const SimLoop&) = delete;
  SimLoop& operator=(const SimLoop&) = delete;

  // --- EventLoop ---
  TimePoint Now() override { return now_; }
  int64_t WallClockMicros() override;
  void Arm(Timer& timer, TimePoint deadline) override { timers_.Arm(timer, deadline); }
  void Post(Task& task) override;
  void DeferDelete(std::unique_ptr<Deletable> object) override;
  // The work runs, and is done, after a random time.
  std::unique_ptr<net::OffloadedWork> Offload(std::function<void()> work,
                                              std::function<void()> done) override;
  BlockPool& blocks() override { return blocks_; }

  // --- for the simulated world ---
  // A delivery: runs at `at` or, if that is now or past, in the next turn.
  struct Ticket {
    TimePoint at{};
    uint64_t index = 0;  // 0: none
    auto operator<=>(const Ticket&) const = default;
  };
  Ticket Schedule(TimePoint at, std::function<void()> action);
  // Nothing happens if it has run.
  void Unschedule(const Ticket& ticket) { deliveries_.erase(ticket); }

  // One turn; false if nothing will ever happen again.
  bool RunTurn();
  // When the next turn happens; kNever: never.
  [[nodiscard]] TimePoint NextMoment() const;
  // Turns up to this moment; time stands there afterwards.
  void RunUntil(TimePoint end);
  // Runs what is posted and deletes what is due, outside of a turn.
  void FinishTurn();

  [[nodiscard]] uint64_t events() const { return events_; }
  // A hash over everything that was noted: equal for equal runs.
  [[nodiscard]] uint64_t trace() const { return trace_; }
  void Note(std::string_view bytes);
  void Note(uint64_t number);

 private:
  Dice dice_;
  BlockPool blocks_;
  TimerQueue timers_;
  std::map<Ticket, std::function<void()>> deliveries_;
  IntrusiveList<Task> tasks_;
  std::vector<std::unique_ptr<Deletable>> doomed_;
  TimePoint now_{};
  uint64_t next_index_ = 1;
  uint64_t events_ = 0;
  uint64_t trace_ = 0xcbf29ce484222325ULL;
};

}  // namespace pglynx::sim
