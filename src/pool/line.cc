#include "pglynx/pool/line.h"

#include <algorithm>

#include <fmt/format.h>

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

void Line::Join(Waiter& waiter) {
  waiter.waiting_since = loop_.Now();
  waiters_.PushBack(waiter);
  waiter.untold.waiter = &waiter;
  waiter.untold.Unlink();
  untold_.PushBack(waiter.untold);
  if (waiters_.size() == 1) ArmTimer();
}

Waiter& Line::TakeOldest() {
  Waiter& waiter = *waiters_.front();
  waiter.Unlink();
  waiter.untold.Unlink();
  NotePace();
  return waiter;
}

void Line::FailAll(const Error& error) {
  // Only those who wait now: a client that is told may ask again at once.
  for (size_t left = waiters_.size(); left > 0 && !waiters_.empty(); --left) {
    Waiter* waiter = waiters_.front();
    waiter->Unlink();
    waiter->untold.Unlink();
    waiter->OnWaitFailed(error);
  }
  moves_ = 0;
}

void Line::FailSince(TimePoint since, const Error& error) {
  while (Waiter* waiter = waiters_.front()) {
    if (waiter->waiting_since > since) return;
    waiter->Unlink();
    waiter->untold.Unlink();
    owner_.OnGaveUp(loop_.Now() - waiter->waiting_since);
    waiter->OnWaitFailed(error);
  }
}

void Line::NotePace() {
  const TimePoint now = loop_.Now();
  if (moves_ == 1) pace_ = now - moved_at_;
  if (moves_ > 1) pace_ += (now - moved_at_ - pace_) / kPaceWeight;
  moved_at_ = now;
  moves_ = waiters_.empty() ? 0 : moves_ + 1;
}

// Both must say so: the pace, and the oldest client, whose wait is a fact.
std::optional<Error> Line::Overload() const {
  const Waiter* first = waiters_.front();
  if (first == nullptr || moves_ < kPaceMovesMin) return std::nullopt;
  const Duration patience = owner_.Limits().query_wait_timeout;
  if (patience == Duration::zero()) return std::nullopt;
  const Duration wait = pace_ * static_cast<int64_t>(waiters_.size());
  if (loop_.Now() - first->waiting_since <= patience / 2 || wait <= patience) return std::nullopt;
  return Error{ErrorCode::kQueryWaitTimeout,
               fmt::format("{} is overloaded: {} clients wait for its servers, this one would wait "
                           "for {} ms and query_wait_timeout = {} ms (pool_size = {})",
                           owner_.LineName(), waiters_.size(), Millis(wait), Millis(patience),
                           owner_.Limits().pool_size)};
}

// The timer is moved forward only: when it fires for one who has been served since, it is
// armed for who comes next. Otherwise each server given would move it.
void Line::ArmTimer() {
  const LineLimits limits = owner_.Limits();
  TimePoint next = kNever;
  if (const Waiter* first = waiters_.front()) {
    next = DeadlineAfter(first->waiting_since, limits.query_wait_timeout);
    const TimePoint look_again = DeadlineAfter(first->waiting_since, limits.look_again);
    if (limits.look_again > Duration::zero() && look_again > loop_.Now()) {
      next = std::min(next, look_again);
    }
  }
  if (const Waiter::Untold* first = untold_.front()) {
    next = std::min(next, DeadlineAfter(first->waiter->waiting_since, limits.query_wait_notify));
  }
  if (next != kNever && (!timer_.armed() || next < timer_.deadline())) loop_.Arm(timer_, next);
}

void Line::OnTimer() {
  const TimePoint now = loop_.Now();
  const Duration patience = owner_.Limits().query_wait_timeout;
  while (Waiter* waiter = waiters_.front()) {
    if (DeadlineAfter(waiter->waiting_since, patience) > now) break;
    waiter->Unlink();
    waiter->untold.Unlink();
    owner_.OnGaveUp(now - waiter->waiting_since);
    waiter->OnWaitFailed(
        {ErrorCode::kQueryWaitTimeout,
         fmt::format("no server connection of {} became free within query_wait_timeout = {} ms "
                     "(pool_size = {}){}",
                     owner_.LineName(), Millis(patience), owner_.Limits().pool_size,
                     owner_.WhyNoServer())});
  }
  Tell(now);
  owner_.OnLineTimer();
  ArmTimer();
}

void Line::Tell(TimePoint now) {
  while (Waiter::Untold* first = untold_.front()) {
    Waiter& waiter = *first->waiter;
    const TimePoint due = DeadlineAfter(waiter.waiting_since, owner_.Limits().query_wait_notify);
    if (waiter.linked() && due > now) return;
    first->Unlink();
    if (!waiter.linked()) continue;  // it left the line by itself
    waiter.OnLongWait(fmt::format(
        "this client waits for a server connection of {} since {} ms (pool_size = {}){}",
        owner_.LineName(), Millis(now - waiter.waiting_since), owner_.Limits().pool_size,
        owner_.WhyNoServer()));
  }
}

}  // namespace pglynx::pool
