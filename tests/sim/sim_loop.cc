#include "sim/sim_loop.h"

#include <algorithm>
#include <utility>

namespace pglynx::sim {
namespace {

// A monotonic clock does not begin at zero, and neither does this one: a time point that was
// never set must not look like a recent one.
constexpr Duration kStart = std::chrono::hours(1);
constexpr int64_t kWallClockAtZero = 1'700'000'000'000'000;
constexpr Duration kWorkMin = std::chrono::microseconds(50);
constexpr Duration kWorkMax = std::chrono::milliseconds(5);
constexpr uint64_t kHashPrime = 0x100000001b3ULL;

class SimOffloadedWork final : public net::OffloadedWork {
 public:
  explicit SimOffloadedWork(SimLoop& loop) : loop_(loop) {}
  ~SimOffloadedWork() override { loop_.Unschedule(ticket); }

  SimLoop::Ticket ticket;

 private:
  SimLoop& loop_;
};

}  // namespace

SimLoop::SimLoop(Random& random) : dice_(random), now_(kStart) {}

SimLoop::~SimLoop() {
  deliveries_.clear();
  FinishTurn();
}

int64_t SimLoop::WallClockMicros() {
  return kWallClockAtZero + now_.time_since_epoch().count();
}

void SimLoop::Post(Task& task) {
  if (!task.linked()) tasks_.PushBack(task);
}

void SimLoop::DeferDelete(std::unique_ptr<Deletable> object) {
  doomed_.push_back(std::move(object));
}

std::unique_ptr<net::OffloadedWork> SimLoop::Offload(std::function<void()> work,
                                                     std::function<void()> done) {
  auto handle = std::make_unique<SimOffloadedWork>(*this);
  handle->ticket = Schedule(now_ + dice_.Between(kWorkMin, kWorkMax),
                            [run = std::move(work), tell = std::move(done)] {
                              run();
                              tell();
                            });
  return handle;
}

SimLoop::Ticket SimLoop::Schedule(TimePoint at, std::function<void()> action) {
  const Ticket ticket{std::max(at, now_), next_index_++};
  deliveries_.emplace(ticket, std::move(action));
  return ticket;
}

TimePoint SimLoop::NextMoment() const {
  const TimePoint timer = timers_.NextDeadline();
  return deliveries_.empty() ? timer : std::min(timer, deliveries_.begin()->first.at);
}

bool SimLoop::RunTurn() {
  const TimePoint next = NextMoment();
  if (next == kNever) return false;
  now_ = std::max(now_, next);
  Note(static_cast<uint64_t>(now_.time_since_epoch().count()));
  if (timers_.NextDeadline() <= now_) {
    ++events_;
    timers_.Advance(now_);
  }
  // What these schedule for now is the next turn's.
  const uint64_t turn_end = next_index_;
  while (!deliveries_.empty()) {
    const auto first = deliveries_.begin();
    if (first->first.at > now_ || first->first.index >= turn_end) break;
    const std::function<void()> action = std::move(first->second);
    deliveries_.erase(first);
    ++events_;
    action();
  }
  FinishTurn();
  return true;
}

void SimLoop::RunUntil(TimePoint end) {
  while (NextMoment() <= end) RunTurn();
  now_ = std::max(now_, end);
}

void SimLoop::FinishTurn() {
  while (!tasks_.empty() || !doomed_.empty()) {
    while (Task* task = tasks_.front()) {
      task->Unlink();
      task->Run();
    }
    std::vector<std::unique_ptr<Deletable>> dying;
    dying.swap(doomed_);
    for (std::unique_ptr<Deletable>& object : dying) object.reset();  // in their order
  }
}

void SimLoop::Note(std::string_view bytes) {
  for (const char byte : bytes) {
    trace_ = (trace_ ^ static_cast<uint8_t>(byte)) * kHashPrime;
  }
  Note(bytes.size());
}

void SimLoop::Note(uint64_t number) {
  trace_ = (trace_ ^ number) * kHashPrime;
  trace_ ^= trace_ >> 29U;
}

}  // namespace pglynx::sim
