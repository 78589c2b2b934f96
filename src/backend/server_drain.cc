// ServerConnection: the end of what a client left behind. A connection that is closed at once would
// leave its statement running, outside of every limit; and a new login costs more.

#include <algorithm>

#include "backend/server_connection.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::backend {
namespace {

using Verdict = wire::ReplyTracker::Verdict;

// A syntax error, and no parameter types.
constexpr std::string_view kFailingParse("!pglynx: the client left before its Sync\0\0\0", 43);
// A cancel that arrives before its statement has been read is lost: there is another, each after
// twice the time.
constexpr Duration kCancelPauseMin = std::chrono::milliseconds(100);
constexpr Duration kCancelPauseMax = std::chrono::seconds(2);

}  // namespace

void ServerConnection::Abandon() {
  PGLYNX_CHECK(phase_ == Phase::kPooled);
  phase_ = Phase::kDraining;
  if (tracker().unsynced()) FailBatch();
  abandoned_at_ = launcher_.world().loop.Now();
  cancel_pause_ = kCancelPauseMin;
  CancelAgain();
}

// What came without its Sync was never to be committed: it fails before the Sync that ends it.
void ServerConnection::FailBatch() {
  std::string messages;
  wire::AppendParse(messages, "", kFailingParse);
  wire::AppendSync(messages);
  stream_->Write(messages);
  tracker().Sent(wire::Request::kDeniedParse);
  tracker().Sent(wire::Request::kSync);
}

// Not while it runs the settings of the client that left: what that has sent behind them would run
// without.
void ServerConnection::CancelAgain() {
  const bool runs = !tracker().empty() && !tracker().HeadIsHidden();
  if (cancels_in_flight_ == 0 && runs) Cancel([] {});
  const TimePoint now = launcher_.world().loop.Now();
  launcher_.world().loop.Arm(timer_, std::min(now + cancel_pause_, abandoned_at_ + kAbandonMax));
  cancel_pause_ = std::min(cancel_pause_ * 2, kCancelPauseMax);
}

void ServerConnection::OnDrainTimeout() {
  if (launcher_.world().loop.Now() < abandoned_at_ + kAbandonMax) {
    CancelAgain();
  } else {
    Fail(ErrorCode::kServerLost, "did not end the statement of a client that left");
  }
}

bool ServerConnection::OnDrainMessage(char type, std::string_view body) {
  if (type == 'S') return LearnParameter(body);
  const char status = type == 'Z' && !body.empty() ? body[0] : '\0';
  const bool unasked = tracker().empty();
  const Verdict verdict = tracker().Reply(type, status);
  if (unasked && type == 'E') return OnIdleMessage(type, body);  // its last word
  if (verdict == Verdict::kUnexpected || verdict == Verdict::kHiddenFailed || type == 'G' ||
      tracker().doubtful()) {
    Fail(ErrorCode::kServerLost, "could not be brought to the end of what a client left");
    return false;
  }
  return true;
}

void ServerConnection::CheckDrained() {
  if (!tracker().Quiet() || !AtMessageBoundary() || cancels_in_flight_ > 0) return;
  timer_.Disarm();
  phase_ = Phase::kPooled;
  pool_.OnServerAbandoned(*this);
}

}  // namespace pglynx::backend
