#pragma once

// Clients that wait for a server: first in, first out, each no longer than query_wait_timeout.
//
// Who serves them is not known here: a Pool for its own servers, or a Cluster for those of several
// hosts. The line knows how long people wait, tells them after query_wait_notify, fails them at
// their deadline, and says when so many wait that one more would wait in vain.
//
// Owner: a Pool or a Cluster; it outlives the timer's last call. No work grows with the number of
// those who wait, but for FailAll.

#include <optional>
#include <string>
#include <string_view>

#include "pglynx/core/intrusive_list.h"
#include "pglynx/core/result.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/core/time.h"

namespace pglynx::pool {

class Lease;

// A place in line. Destroying it leaves the line.
class Waiter : public ListNode<Waiter> {
 public:
  virtual ~Waiter() = default;
  // The waiter is in line no more. May be called from Pool::Release, but never from a call
  // that this waiter made.
  virtual void OnLease(Lease lease) = 0;
  virtual void OnWaitFailed(const Error& error) = 0;
  // It has been in line for query_wait_notify; `reason` is what people are told.
  virtual void OnLongWait(std::string_view reason) = 0;
  [[nodiscard]] virtual uint64_t client_id() const = 0;

  TimePoint waiting_since{};
  // Its place among those that have not been told.
  struct Untold : ListNode<Untold> {
    Waiter* waiter = nullptr;
  };
  Untold untold;
};

// How long people wait; 0 = without limit, and never told.
struct LineLimits {
  Duration query_wait_timeout{};
  Duration query_wait_notify{};
  // When the owner looks again for a client that waits: reserve_pool_timeout; 0 = not.
  Duration look_again{};
  uint32_t pool_size = 0;  // for texts
};

// What the line asks its owner.
class LineOwner {
 public:
  virtual ~LineOwner() = default;
  [[nodiscard]] virtual LineLimits Limits() const = 0;
  // "pool app/ann", as texts name it.
  [[nodiscard]] virtual std::string LineName() const = 0;
  // ": the login at … is not done yet", or empty.
  [[nodiscard]] virtual std::string WhyNoServer() const = 0;
  // One has left the line without a server; after it waited so long.
  virtual void OnGaveUp(Duration waited) = 0;
  // The time of somebody in line has come: its deadline, or that of look_again.
  virtual void OnLineTimer() = 0;
};

class Line {
 public:
  Line(Scheduler& loop, LineOwner& owner) : loop_(loop), owner_(owner) {}

  void Join(Waiter& waiter);
  // Takes the oldest out, which is about to get a server; how long it waited. Precondition:
  // !empty().
  Waiter& TakeOldest();
  void FailAll(const Error& error);
  // Those who have waited since then or longer.
  void FailSince(TimePoint since, const Error& error);
  // More clients wait than will be served within query_wait_timeout, by the pace at which the
  // line has moved: the error for one more. nullopt: it may join.
  [[nodiscard]] std::optional<Error> Overload() const;
  // Limits may have changed, or when the owner wants to look again.
  void ArmTimer();

  [[nodiscard]] Waiter* oldest() const { return waiters_.front(); }
  [[nodiscard]] Waiter* Next(Waiter& waiter) const { return waiters_.Next(waiter); }
  [[nodiscard]] size_t size() const { return waiters_.size(); }
  [[nodiscard]] bool empty() const { return waiters_.empty(); }
  [[nodiscard]] bool timer_armed() const { return timer_.armed(); }

 private:
  void NotePace();
  void OnTimer();
  void Tell(TimePoint now);

  Scheduler& loop_;
  LineOwner& owner_;
  IntrusiveList<Waiter> waiters_;         // front: waits longest
  IntrusiveList<Waiter::Untold> untold_;  // the same
  // How fast it moves: a mean of the times between servers given.
  TimePoint moved_at_{};
  Duration pace_{};
  uint32_t moves_ = 0;  // since it was empty
  Timer timer_ = MemberTimer<&Line::OnTimer>(this);
};

}  // namespace pglynx::pool
