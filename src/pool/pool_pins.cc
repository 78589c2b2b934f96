// Who may keep a server between transactions. Each pin is a server that others cannot have, so
// their number is limited; a client at the limit waits as for a server.

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/pool/pool.h"

namespace pglynx::pool {

bool Pool::TakePin() {
  if (PinsTaken()) return false;
  ++pinned_;
  return true;
}

void Pool::ReturnPin() {
  PGLYNX_CHECK(pinned_ > 0);
  --pinned_;
  // In a turn of its own: whoever returns a pin is in the middle of its own event.
  if (!pin_waiters_.empty()) world_.loop.Post(serve_pins_);
}

void Pool::WaitForPin(PinWaiter& waiter) {
  waiter.waits_for_pin_since = world_.loop.Now();
  pin_waiters_.PushBack(waiter);
  if (pin_waiters_.size() == 1) {
    world_.loop.Arm(pin_timer_,
                    DeadlineAfter(waiter.waits_for_pin_since, settings_.query_wait_timeout));
  }
}

void Pool::ServePinWaiters() {
  while (PinWaiter* waiter = pin_waiters_.front()) {
    if (!TakePin()) return;
    waiter->Unlink();
    waiter->OnPinFree();
  }
}

Error Pool::PinRefusal() const {
  return {ErrorCode::kQueryWaitTimeout,
          fmt::format("this statement leaves session state behind, for which its client has to "
                      "keep a server connection of pool {}, and max_pinned = {} clients do",
                      Name(), settings_.max_pinned),
          "End such state (UNLISTEN, DROP, pg_advisory_unlock, CLOSE) where it is not needed, or "
          "raise max_pinned and pool_size."};
}

void Pool::OnPinDeadline() {
  const TimePoint now = world_.loop.Now();
  while (PinWaiter* waiter = pin_waiters_.front()) {
    const TimePoint due = DeadlineAfter(waiter->waits_for_pin_since, settings_.query_wait_timeout);
    if (due > now) {
      world_.loop.Arm(pin_timer_, due);
      return;
    }
    waiter->Unlink();
    waiter->OnPinRefused(PinRefusal());
  }
}

}  // namespace pglynx::pool
