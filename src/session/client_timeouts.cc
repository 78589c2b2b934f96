// What a client is not given time for: being idle, inside a transaction or out of one, a long
// transaction, a long query.
//
// One timer for each client, and only where some timeout is set. It is moved forward only:
// when it fires early, because something was said since, it is armed for what is due next.
// A query costs no change of it.

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

// How long a statement that has been cancelled may take to end.
constexpr Duration kCancelGrace = std::chrono::seconds(10);
// What a client's input may grow to at once, whatever its first message needs.
constexpr size_t kInputBytesMin = size_t{64} * 1024;

std::string Setting(std::string_view key, Duration value) {
  return fmt::format("{} = {} ms", key, value.count() / 1000);
}

}  // namespace

ClientSession::Due ClientSession::NextDue() const {
  const pool::PoolSettings& settings = pool_.settings();
  if (PinWaiter::linked() && state_ == State::kIdle) return {kNever, Reason::kClientIdle};
  if (state_ == State::kIdle && deferred_ != nullptr) return NextDueInTransaction();
  if (state_ == State::kIdle) {
    return {DeadlineAfter(quiet_since_, settings.client_idle_timeout), Reason::kClientIdle};
  }
  if (state_ != State::kActive) return {kNever, Reason::kClientIdle};
  Due due{kNever, Reason::kTransaction};
  if (transaction_open_) due.at = DeadlineAfter(transaction_at_, settings.transaction_timeout);
  const auto sooner = [&due](TimePoint at, Reason reason) {
    if (at < due.at) due = {at, reason};
  };
  const wire::ReplyTracker& tracker = lease_->tracker();
  if (!tracker.empty()) {
    if (timed_out_at() != TimePoint{}) {
      sooner(timed_out_at() + kCancelGrace, Reason::kCancelIgnored);
    } else {
      sooner(DeadlineAfter(query_at_, settings.query_timeout), Reason::kQuery);
    }
  } else if (tracker.Idle() && scanner_.AtBoundary()) {
    sooner(DeadlineAfter(quiet_since_, settings.client_idle_timeout), Reason::kClientIdle);
  } else {
    sooner(DeadlineAfter(quiet_since_, settings.idle_client_in_transaction_timeout),
           Reason::kIdleInTransaction);
  }
  return due;
}

// Of one that no server knows of.
ClientSession::Due ClientSession::NextDueInTransaction() const {
  const pool::PoolSettings& settings = pool_.settings();
  const TimePoint whole = DeadlineAfter(transaction_at_, settings.transaction_timeout);
  const TimePoint idle = DeadlineAfter(quiet_since_, settings.idle_client_in_transaction_timeout);
  if (whole < idle) return {whole, Reason::kTransaction};
  return {idle, Reason::kIdleInTransaction};
}

void ClientSession::ArmDueTimer() {
  if (!pool_.settings().has_client_timeouts || state_ == State::kClosed) return;
  const TimePoint at = NextDue().at;
  if (at == kNever || (due_timer_.armed() && due_timer_.deadline() <= at)) return;
  table_.world().loop.Arm(due_timer_, at);
}

void ClientSession::OnDueTimer() {
  const Due due = NextDue();
  if (due.at > table_.world().loop.Now()) {
    ArmDueTimer();
    return;
  }
  const pool::PoolSettings& settings = pool_.settings();
  switch (due.reason) {
    case Reason::kClientIdle:
      Fatal({ErrorCode::kIdleSessionTimeout,
             "terminating connection of an idle client: " +
                 Setting("client_idle_timeout", settings.client_idle_timeout)});
      return;
    case Reason::kIdleInTransaction:
      Fatal({ErrorCode::kIdleInTransactionTimeout,
             "terminating connection due to idle-in-transaction timeout: " +
                 Setting("idle_client_in_transaction_timeout",
                         settings.idle_client_in_transaction_timeout)});
      return;
    case Reason::kTransaction:
      Fatal({ErrorCode::kTransactionTimeout,
             "terminating connection due to transaction timeout: " +
                 Setting("transaction_timeout", settings.transaction_timeout)});
      return;
    case Reason::kQuery:
      MakeRare().timed_out_at = table_.world().loop.Now();
      rare_->cancels.emplace_back([] {});
      ForwardCancels();
      ArmDueTimer();
      return;
    case Reason::kCancelIgnored:
      lease_->tracker().Doubt();  // another cancel would be no better
      Fatal({ErrorCode::kServerLost,
             fmt::format("server {} did not end the statement within {} s of its cancel by {}",
                         lease_->Peer(),
                         std::chrono::duration_cast<std::chrono::seconds>(kCancelGrace).count(),
                         Setting(settings.query_timeout_key, settings.query_timeout))});
      return;
  }
}

// The server says "due to user request": nobody but us asked for it.
bool ClientSession::ReplaceCancelError() {
  if (timed_out_at() == TimePoint{}) return false;
  const pool::PoolSettings& settings = pool_.settings();
  WriteBatch& batch = table_.scratch().to_client;
  std::string& message = batch.NewOwned();
  wire::AppendErrorResponse(
      message, wire::Severity::kError,
      {ErrorCode::kQueryCanceled, "canceling statement due to statement timeout: " +
                                      Setting(settings.query_timeout_key, settings.query_timeout)});
  batch.AddOwned(message);
  return true;
}

void ClientSession::OnLongWait(std::string_view reason) {
  wire::AppendNoticeResponse(NewLocalReply(), {.severity = wire::Severity::kNotice,
                                               .sqlstate = "00000",
                                               .message = reason,
                                               .detail = {},
                                               .hint = {}});
  ForwardToClient();
}

// ----- memory -----

// Keeps what cannot be handled yet. False: the client has been refused it and ended.
bool ClientSession::Hold(std::string_view bytes) {
  if (bytes.empty()) return true;
  // What is held begins with a header: it says how much room the message needs in the end.
  const std::string_view held = input_.view();
  const size_t expected = held.size() < wire::kHeaderBytes
                              ? SIZE_MAX
                              : std::max(kInputBytesMin, 1 + size_t{LoadU32(held.data() + 1)});
  if (!table_.MayHold(input_.GrowthFor(bytes.size(), expected))) {
    RefuseMemory();
    return false;
  }
  input_.Append(bytes, expected);
  if (!table_.MemoryIsScarce()) return true;
  if (state_ == State::kWaiting) {
    PauseClient(kPausedWaiting);  // it goes on when it has a server
  } else if ((pauses_ & kPausedMemory) == 0) {
    PauseClient(kPausedMemory);
    table_.WaitForMemory(*this);
  }
  return true;
}

void ClientSession::RefuseMemory() {
  const uint64_t most = table_.world().config->general.max_buffered_bytes;
  if (state_ == State::kWaiting) Waiter::Unlink();
  Fatal({ErrorCode::kOutOfMemory,
         fmt::format("out of memory for what clients have sent and do not read: "
                     "max_buffered_bytes = {} over all clients",
                     most)});
}

// The client does not read what it asked for, and all together hold too much.
bool ClientSession::CutOffSlowReader() {
  if (stream_->pending_bytes() == 0 || table_.MayHold(0)) return false;
  RefuseMemory();
  return true;
}

// ----- contradictions -----

void ClientSession::Inconsistent(std::string_view what) {
  table_.CountBrokenPair();
  const std::string events = lease_ ? lease_->tracker().LastEvents() : "";
  Log(LogLevel::kError, "broken pair of client and server: both are closed",
      fmt::format("{}; last on the server connection, oldest first: {}", what, events));
  if (lease_) lease_->tracker().Doubt();
  Fatal({ErrorCode::kInternal,
         fmt::format("the state of this connection makes no sense: {}; it is closed, and so is "
                     "its server connection",
                     what)});
}

}  // namespace pglynx::session
