// Goal: timers fire in the order of their deadlines, equal ones in the order in which they
// were armed, and never after they were disarmed or destroyed. Method: cases, then a seeded
// run against a sorted list.
#include "pglynx/core/timer_queue.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::kNever;
using pglynx::TimePoint;
using pglynx::Timer;
using pglynx::TimerQueue;

namespace {

TimePoint At(int64_t micros) {
  return TimePoint(pglynx::Duration(micros));
}

// Notes its number when it fires.
struct Bell {
  Bell(std::vector<int>& rung_in, int number_in) : rung(rung_in), number(number_in) {}
  void Ring() { rung.push_back(number); }

  std::vector<int>& rung;
  int number;
  Timer timer = pglynx::MemberTimer<&Bell::Ring>(this);
};

// Arms itself again for the same time.
struct Insistent {
  explicit Insistent(TimerQueue& queue_in) : queue(queue_in) {}
  void Ring() {
    ++rings;
    queue.Arm(timer, At(1));
  }

  TimerQueue& queue;
  int rings = 0;
  Timer timer = pglynx::MemberTimer<&Insistent::Ring>(this);
};

// Destroys another, or itself.
struct Killer {
  void Ring() {
    ++rings;
    victim.reset();
  }

  std::optional<Bell> victim;
  int rings = 0;
  Timer timer = pglynx::MemberTimer<&Killer::Ring>(this);
};

struct Suicide {
  void Ring() {
    std::unique_ptr<Suicide>& slot = *self;
    slot.reset();
  }

  std::unique_ptr<Suicide>* self = nullptr;
  Timer timer = pglynx::MemberTimer<&Suicide::Ring>(this);
};

}  // namespace

TEST_CASE("TimerQueue fires what is due, in order of the deadlines") {
  TimerQueue queue;
  std::vector<int> rung;
  Bell late(rung, 3);
  Bell early(rung, 1);
  Bell middle(rung, 2);
  CHECK(queue.NextDeadline() == kNever);
  queue.Arm(late.timer, At(30));
  queue.Arm(early.timer, At(10));
  queue.Arm(middle.timer, At(20));
  CHECK(queue.NextDeadline() == At(10));
  CHECK(early.timer.deadline() == At(10));
  queue.Advance(At(9));
  CHECK(rung.empty());
  queue.Advance(At(20));
  CHECK(rung == std::vector<int>{1, 2});
  CHECK_FALSE(early.timer.armed());
  CHECK(late.timer.armed());
  queue.Advance(At(1000));
  CHECK(rung == std::vector<int>{1, 2, 3});
  CHECK(queue.size() == 0);
}

TEST_CASE("TimerQueue fires equal deadlines in the order in which they were armed") {
  TimerQueue queue;
  std::vector<int> rung;
  std::deque<Bell> bells;
  for (int i = 0; i < 20; ++i) queue.Arm(bells.emplace_back(rung, i).timer, At(5));
  queue.Arm(bells[0].timer, At(5));  // armed again: goes behind the others
  queue.Advance(At(5));
  REQUIRE(rung.size() == 20);
  CHECK(rung.front() == 1);
  CHECK(rung.back() == 0);
  CHECK(std::is_sorted(rung.begin(), rung.end() - 1));
}

TEST_CASE("TimerQueue forgets timers that are disarmed, destroyed or armed for never") {
  TimerQueue queue;
  std::vector<int> rung;
  Bell disarmed(rung, 1);
  Bell never(rung, 2);
  auto destroyed = std::make_unique<Bell>(rung, 3);
  Bell kept(rung, 4);
  for (Bell* bell : {&disarmed, &never, destroyed.get(), &kept}) queue.Arm(bell->timer, At(1));
  disarmed.timer.Disarm();
  disarmed.timer.Disarm();  // no harm
  queue.Arm(never.timer, kNever);
  destroyed.reset();
  CHECK_FALSE(disarmed.timer.armed());
  CHECK_FALSE(never.timer.armed());
  CHECK(queue.size() == 1);
  queue.Advance(At(1));
  CHECK(rung == std::vector<int>{4});
}

TEST_CASE("TimerQueue moves a timer that is armed again") {
  TimerQueue queue;
  std::vector<int> rung;
  Bell moved(rung, 1);
  Bell other(rung, 2);
  queue.Arm(moved.timer, At(1));
  queue.Arm(other.timer, At(2));
  queue.Arm(moved.timer, At(3));
  CHECK(queue.size() == 2);
  CHECK(queue.NextDeadline() == At(2));
  queue.Arm(moved.timer, At(0));
  CHECK(queue.NextDeadline() == At(0));
  queue.Advance(At(3));
  CHECK(rung == std::vector<int>{1, 2});
}

TEST_CASE("TimerQueue is not held by a timer that arms itself for the past") {
  TimerQueue queue;
  Insistent insistent(queue);
  queue.Arm(insistent.timer, At(1));
  queue.Advance(At(100));
  CHECK(insistent.rings == 1);
  CHECK(insistent.timer.armed());
  queue.Advance(At(100));
  CHECK(insistent.rings == 2);
}

TEST_CASE("TimerQueue lets a timer destroy one that is due, and itself") {
  TimerQueue queue;
  std::vector<int> rung;
  Killer killer;
  queue.Arm(killer.timer, At(1));
  queue.Arm(killer.victim.emplace(rung, 1).timer, At(2));
  auto suicide = std::make_unique<Suicide>();
  suicide->self = &suicide;
  queue.Arm(suicide->timer, At(3));
  queue.Advance(At(10));
  CHECK(killer.rings == 1);
  CHECK(rung.empty());
  CHECK(suicide == nullptr);
  CHECK(queue.size() == 0);
}

TEST_CASE("TimerQueue that is destroyed leaves its timers disarmed") {
  std::vector<int> rung;
  Bell bell(rung, 1);
  {
    TimerQueue queue;
    queue.Arm(bell.timer, At(1));
  }
  CHECK_FALSE(bell.timer.armed());
  TimerQueue other;
  other.Arm(bell.timer, At(1));
  CHECK(other.size() == 1);
}

TEST_CASE("TimerQueue behaves as a sorted list does, from any seed") {
  struct Entry {
    int64_t deadline;
    uint64_t order;
    int number;
    auto operator<=>(const Entry&) const = default;
  };
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    TimerQueue queue;
    std::vector<int> rung;
    std::deque<Bell> bells;
    for (int i = 0; i < 40; ++i) bells.emplace_back(rung, i);
    std::vector<Entry> model;
    int64_t now = 0;
    for (uint64_t step = 0; step < 3000; ++step) {
      Bell& bell = bells[random.Next64() % bells.size()];
      const auto is_bell = [&](const Entry& entry) { return entry.number == bell.number; };
      const uint64_t choice = random.Next64() % 8;
      if (choice < 5) {
        const int64_t deadline = now + static_cast<int64_t>(random.Next64() % 20) - 3;
        queue.Arm(bell.timer, At(deadline));
        std::erase_if(model, is_bell);
        model.push_back({deadline, step, bell.number});
      } else if (choice == 5) {
        bell.timer.Disarm();
        std::erase_if(model, is_bell);
      } else {
        now += static_cast<int64_t>(random.Next64() % 6);
        std::sort(model.begin(), model.end());
        std::vector<int> expected;
        while (!model.empty() && model.front().deadline <= now) {
          expected.push_back(model.front().number);
          model.erase(model.begin());
        }
        rung.clear();
        queue.Advance(At(now));
        REQUIRE(rung == expected);
      }
      REQUIRE(queue.size() == model.size());
      const auto first = std::min_element(model.begin(), model.end());
      REQUIRE(queue.NextDeadline() == (first == model.end() ? kNever : At(first->deadline)));
    }
  }
}
