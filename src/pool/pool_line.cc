// The line of clients that wait: who is told what, and when.

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/pool/pool.h"

namespace pglynx::pool {
namespace {

// The pace of the line is believed after this many moves.
constexpr uint32_t kPaceMovesMin = 16;
// A new time between two moves counts as one of this many.
constexpr int64_t kPaceWeight = 8;

int64_t Millis(Duration duration) {
  return duration.count() / 1000;
}

}  // namespace

void Pool::FailWaiters(const Error& error) {
  // Only those who wait now: a client that is told may ask again at once.
  for (size_t left = waiters_.size(); left > 0 && !waiters_.empty(); --left) {
    Waiter* waiter = waiters_.front();
    waiter->Unlink();
    waiter->untold.Unlink();
    waiter->OnWaitFailed(error);
  }
  moves_ = 0;
}

// A waiter has been given a server.
void Pool::NotePace() {
  const TimePoint now = world_.loop.Now();
  if (moves_ == 1) pace_ = now - moved_at_;
  if (moves_ > 1) pace_ += (now - moved_at_ - pace_) / kPaceWeight;
  moved_at_ = now;
  moves_ = waiters_.empty() ? 0 : moves_ + 1;
}

// Both must say so: the pace, and the oldest client, whose wait is a fact.
bool Pool::Overloaded() const {
  const Duration patience = settings_.query_wait_timeout;
  const Waiter* oldest = waiters_.front();
  if (patience == Duration::zero() || oldest == nullptr || moves_ < kPaceMovesMin) return false;
  return world_.loop.Now() - oldest->waiting_since > patience / 2 &&
         pace_ * static_cast<int64_t>(waiters_.size()) > patience;
}

Error Pool::OverloadError() const {
  const Duration wait = pace_ * static_cast<int64_t>(waiters_.size());
  return {ErrorCode::kQueryWaitTimeout,
          fmt::format("pool {} is overloaded: {} clients wait for its servers, this one would wait "
                      "for {} ms and query_wait_timeout = {} ms (pool_size = {})",
                      Name(), waiters_.size(), Millis(wait), Millis(settings_.query_wait_timeout),
                      settings_.pool_size)};
}

std::string Pool::WhyNoServer() const {
  if (paused_) return ": the pool is paused by the console's PAUSE or KILL";
  std::string why = share_.ReachedLimit();
  if (last_failure_.has_value()) {
    if (!why.empty()) why += "; ";
    why += last_failure_->detail;
  } else if (logins_ > 0 && logins_ == servers_.size()) {
    if (!why.empty()) why += "; ";
    why += fmt::format("the login at {} is not done yet", servers_.front()->Peer());
  }
  return why.empty() ? why : ": " + why;
}

// The timer is moved forward only: when it fires for one who has been served since, it is
// armed for who comes next. Otherwise each server given would move it.
void Pool::ArmWaitTimer() {
  TimePoint next = kNever;
  if (const Waiter* oldest = waiters_.front()) {
    const TimePoint now = world_.loop.Now();
    next = DeadlineAfter(oldest->waiting_since, settings_.query_wait_timeout);
    const TimePoint reserve = DeadlineAfter(oldest->waiting_since, settings_.reserve_pool_timeout);
    if (settings_.reserve_pool_size > 0 && reserve > now) next = std::min(next, reserve);
  }
  if (const Waiter::Untold* first = untold_.front()) {
    next = std::min(next, DeadlineAfter(first->waiter->waiting_since, settings_.query_wait_notify));
  }
  if (next != kNever && (!wait_timer_.armed() || next < wait_timer_.deadline())) {
    world_.loop.Arm(wait_timer_, next);
  }
}

void Pool::OnWaitDeadline() {
  const TimePoint now = world_.loop.Now();
  while (Waiter* waiter = waiters_.front()) {
    if (DeadlineAfter(waiter->waiting_since, settings_.query_wait_timeout) > now) break;
    waiter->Unlink();
    waiter->untold.Unlink();
    stats_.wait_time += static_cast<uint64_t>((now - waiter->waiting_since).count());
    waiter->OnWaitFailed(
        {ErrorCode::kQueryWaitTimeout,
         fmt::format("no server connection of pool {} became free within query_wait_timeout = {} "
                     "ms (pool_size = {}){}",
                     Name(), Millis(settings_.query_wait_timeout), settings_.pool_size,
                     WhyNoServer())});
  }
  TellWaiters(now);
  LaunchServers();  // the reserve may be open now
  ArmWaitTimer();
}

void Pool::TellWaiters(TimePoint now) {
  while (Waiter::Untold* first = untold_.front()) {
    Waiter& waiter = *first->waiter;
    const TimePoint due = DeadlineAfter(waiter.waiting_since, settings_.query_wait_notify);
    if (waiter.linked() && due > now) return;
    first->Unlink();
    if (!waiter.linked()) continue;  // it left the line by itself
    waiter.OnLongWait(fmt::format(
        "this client waits for a server connection of pool {} since {} "
        "ms (pool_size = {}){}",
        Name(), Millis(now - waiter.waiting_since), settings_.pool_size, WhyNoServer()));
  }
}

}  // namespace pglynx::pool
