#include "session/client_session.h"

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

// What a client may send ahead while it waits for a server.
constexpr size_t kWaitingInputBytesMax = size_t{64} * 1024;

uint32_t CollectBytesMax(const config::Config& config) {
  constexpr uint64_t kMost = 0x3fffffffU;  // longer messages Postgres refuses anyway
  return static_cast<uint32_t>(std::min(config.general.max_query_bytes, kMost));
}

}  // namespace

ClientSession::ClientSession(SessionTable& table, Birth birth)
    : table_(table),
      pool_(birth.pool),
      rules_(birth.rules),
      // Where nothing says a shard, and nothing needs one, a client stays on one.
      route_(rules_.default_shard == routing::Rules::DefaultShard::kFixed
                 ? rules_.fixed_shard
                 : static_cast<uint32_t>(birth.id)),
      stream_(std::move(birth.stream)),
      input_(table.world().loop.blocks()),
      scanner_(wire::FrontendRules(), CollectBytesMax(*table.world().config)),
      wanted_(birth.parameters),
      initial_(std::move(birth.parameters)),
      defaults_(pool_.welcome()->defaults),
      id_(birth.id),
      connected_at_us_(birth.connected_at_us),
      cancel_key_(birth.cancel_key),
      shares_statements_(!SessionMode() && pool_.settings().prepared_statements_cache_size > 0),
      told_standby_(pool_.in_hot_standby()) {
  pool_.CountClient(true);
}

ClientSession::~ClientSession() {
  pool_.CountClient(false);
}

void ClientSession::Start(std::string_view unread) {
  stream_->SetListener(*this);
  NoteSearchPath();
  quiet_since_ = table_.world().loop.Now();
  ArmDueTimer();
  if (unread.empty() || !Hold(unread)) return;
  ConsumeHeldInput();
}

void ClientSession::EndMemoryWait() {
  MemoryWaiter::Unlink();
  ResumeClient(kPausedMemory);
}

RareState& ClientSession::MakeRare() {
  if (rare_ == nullptr) rare_ = std::make_unique<RareState>();
  return *rare_;
}

void ClientSession::SetState(State state) {
  PGLYNX_DCHECK(state_ != State::kClosed);
  PGLYNX_DCHECK((state == State::kActive || state == State::kDraining) == bool{lease_} ||
                state == State::kClosed);
  state_ = state;
}

void ClientSession::PauseClient(PauseCause cause) {
  if ((pauses_ & cause) != 0) return;
  pauses_ = static_cast<uint8_t>(pauses_ | cause);
  stream_->Pause();
}

void ClientSession::ResumeClient(PauseCause cause) {
  if ((pauses_ & cause) == 0) return;
  pauses_ = static_cast<uint8_t>(pauses_ & ~cause);
  stream_->Resume();
}

void ClientSession::OnData(std::span<char> bytes) {
  pool_.stats().bytes_received += bytes.size();
  const std::string_view fresh(bytes.data(), bytes.size());
  // Above the limit of pins a client goes on until that has been decided.
  const bool waits_for_pin = PinWaiter::linked() && !IsPinned();
  if (!input_.empty() || state_ == State::kWaiting) {
    if (!Hold(fresh)) return;
    if (state_ == State::kWaiting || waits_for_pin) {
      const PauseCause cause = waits_for_pin ? kPausedPin : kPausedWaiting;
      if (input_.size() > kWaitingInputBytesMax) PauseClient(cause);
      return;
    }
    ConsumeHeldInput();
    return;
  }
  const size_t used = ConsumeInput(fresh);
  if (state_ == State::kClosed || !Hold(fresh.substr(used))) return;
  if (choice_due_) GiveBackToChoose();
  if (unsent_due_) ConsumeHeldInput();
}

void ClientSession::ConsumeHeldInput() {
  do {
    unsent_due_ = false;
    const size_t used = ConsumeInput(input_.view());
    if (state_ == State::kClosed) return;
    input_.Consume(used);
  } while (unsent_due_);
  if (choice_due_) GiveBackToChoose();
}

void ClientSession::OnDrained() {
  if (!server_paused_) return;
  server_paused_ = false;
  if (lease_) lease_->ResumeReading();
}

void ClientSession::OnServerDrained() {
  ResumeClient(kPausedServerFull);
}

void ClientSession::OnServerCancelsDone() {
  if (state_ != State::kActive) return;
  RestoreAfterReset();
  RestoreAfterRollback();
  AfterReplies();
}

void ClientSession::Attach(pool::Lease lease) {
  lease_ = std::move(lease);
  SetState(State::kActive);
  lease_->SetUser(this);
  server_fatal_seen_ = false;
  nothing_sent_ = true;
  swallow_bytes_ = 0;
  // Requests are numbered by their server.
  notes_.reset();
  comparing_ = 0;
  keeps_batch_ = false;
  if (SessionMode()) lease_->memory().needs_reset = true;
}

void ClientSession::OnLease(pool::Lease lease) {
  Attach(std::move(lease));
  ResumeClient(kPausedWaiting);
  EndMemoryWait();
  ConsumeHeldInput();
}

void ClientSession::OnWaitFailed(const Error& error) {
  SetState(State::kIdle);
  ReturnPin();
  ResumeClient(kPausedWaiting);
  EndMemoryWait();
  const wire::FrameScanner::Item item = scanner_.Next(input_.view());
  // The message that waits is whole, or a large Bind whose tail is then dropped.
  input_.Consume(item.bytes.size());
  DenyWithoutServer(item, error);
  if (state_ != State::kClosed) ForwardToClient();
  if (state_ != State::kClosed && !input_.empty()) ConsumeHeldInput();
}

void ClientSession::OnCancelRequest(std::function<void()> done) {
  if (state_ == State::kWaiting) {
    Waiter::Unlink();
    OnWaitFailed({ErrorCode::kQueryCanceled, "canceling statement due to user request"});
    done();
  } else if (PinWaiter::linked() && !IsPinned()) {
    PinWaiter::Unlink();
    OnPinRefused({ErrorCode::kQueryCanceled, "canceling statement due to user request"});
    done();
  } else if (state_ == State::kActive && !lease_->tracker().empty()) {
    MakeRare().cancels.push_back(std::move(done));
    ForwardCancels();
  } else {
    done();  // idle: there is nothing to cancel, as in Postgres
  }
}

// While the server still runs our own settings in front of the client's statement, a cancel
// would hit those: it waits until they are done.
void ClientSession::ForwardCancels() {
  if (lease_ && lease_->tracker().HeadIsHidden()) return;
  std::vector<std::function<void()>> cancels = std::exchange(rare_->cancels, {});
  for (std::function<void()>& done : cancels) {
    if (lease_ && !lease_->tracker().empty()) {
      lease_->Cancel(std::move(done));
    } else {
      done();
    }
  }
}

void ClientSession::OnClosed(const Error& cause) {
  Log(LogLevel::kDebug, "client left", cause.detail);
  if (state_ == State::kWaiting) Waiter::Unlink();
  Finish();
}

void ClientSession::OnServerClosed(const Error& cause) {
  const bool cannot_be_told = InsideServerMessage();
  lease_.Forget();
  if (state_ == State::kDraining || server_fatal_seen_ || cannot_be_told) {
    Finish();  // it has been told, by Postgres itself
    return;
  }
  Fatal({ErrorCode::kServerLost, cause.detail});
}

void ClientSession::EndWhenIdle(const Error& error) {
  const bool between_transactions =
      state_ == State::kIdle || state_ == State::kWaiting ||
      (state_ == State::kActive && lease_->tracker().Idle() && scanner_.AtBoundary());
  if (between_transactions) {
    EndNow(error);
  } else if (state_ == State::kActive) {
    MakeRare().end_with = std::make_unique<Error>(error);
  }
}

void ClientSession::EndNow(const Error& error) {
  if (state_ == State::kClosed) return;
  if (state_ == State::kWaiting) Waiter::Unlink();
  Fatal(error);
}

// The client has the beginning of a message whose end is still to come: anything of ours
// would be read as a part of it.
bool ClientSession::InsideServerMessage() const {
  return lease_ && swallow_bytes_ == 0 && !lease_->scanner().AtBoundary();
}

void ClientSession::Fatal(const Error& error) {
  Log(LogLevel::kInfo, "client connection closed", error.detail);
  if (!InsideServerMessage()) {
    wire::AppendErrorResponse(NewLocalReply(), wire::Severity::kFatal, error);
  }
  ForwardToClient();
  Finish();
}

void ClientSession::Finish() {
  if (state_ == State::kClosed) return;
  due_timer_.Disarm();
  MemoryWaiter::Unlink();
  PinWaiter::Unlink();
  ReturnPin();
  if (terminate_seen_ && stream_->pending_bytes() == 0) {
    stream_->Close();  // it reads nothing more, and says nothing that would be unread
  } else {
    stream_->FinishAndClose();
  }
  if (lease_ && server_paused_) lease_->ResumeReading();
  if (lease_ && watch_ != nullptr && (watch_->owes() || watch_->asking())) {
    lease_->memory().needs_reset = true;
  }
  if (lease_ && (!scanner_.AtBoundary() || lease_->tracker().copy_in())) {
    // The server waits for the rest: it can only be closed.
    if (!lease_->tracker().empty() && !lease_->tracker().HeadIsHidden()) lease_->Cancel([] {});
    lease_->tracker().Doubt();
  }
  state_ = State::kClosed;
  input_.Clear();
  if (table_.world().config->general.log_client_disconnections) {
    Log(LogLevel::kInfo, "client disconnected", "");
  }
  table_.Remove(*this);
  if (rare_ != nullptr) {
    for (std::function<void()>& done : std::exchange(rare_->cancels, {})) done();
  }
  lease_.Release();  // last: the server may go to another client in this call
}

// The last thing done in an event, for the same reason.
void ClientSession::GiveServerBack() {
  if (server_paused_) {
    server_paused_ = false;
    lease_->ResumeReading();
  }
  ResumeClient(kPausedServerFull);
  pool::Lease lease = std::move(lease_);
  scrub_ = false;
  batch_effects_ = {};
  SetState(State::kIdle);
  if (!IsPinned()) ReturnPin();
  ArmDueTimer();
  EndRoute();
  lease.Release();
}

void ClientSession::Log(LogLevel level, std::string_view message, std::string_view cause) const {
  table_.world().log.Write(level, message,
                           {{"client", std::to_string(id_)},
                            {"address", stream_->peer().ToString()},
                            {"pool", pool_.Name()},
                            {"cause", cause}});
}

void ClientSession::FillRow(pool::ConnectionRow& row) const {
  row.is_client = true;
  row.id = id_;
  row.user = pool_.settings().user;
  row.database = pool_.settings().database;
  const TimePoint now = table_.world().loop.Now();
  switch (state_) {
    case State::kWaiting:
      row.state = "waiting";
      row.wait_us = static_cast<uint64_t>((now - waiting_since).count());
      break;
    case State::kActive:
    case State::kDraining:
      row.state = "active";
      break;
    case State::kIdle:
    case State::kClosed:
      row.state = "idle";
      break;
  }
  row.address = stream_->peer().host;
  row.port = stream_->peer().port;
  const net::Address local = stream_->LocalAddress();
  row.local_address = local.host;
  row.local_port = local.port;
  row.connect_time_us = connected_at_us_;
  row.request_time_us = request_at_ == TimePoint{}
                            ? connected_at_us_
                            : table_.world().loop.WallClockMicros() - (now - request_at_).count();
  row.link = lease_ ? lease_->id() : 0;
  row.remote_pid = cancel_key_.pid;
  const std::string* name = wanted_->Find("application_name");
  if (name != nullptr) row.application_name = *name;
  row.prepared_statements = statements_ != nullptr ? static_cast<uint32_t>(statements_->size()) : 0;
  row.pin_reason = PinReason();
  if (IsPinned()) row.pin_age_us = static_cast<uint64_t>((now - pinned_since()).count());
  if (PinWaiter::linked()) {
    row.state = "waiting";
    row.wait_us = static_cast<uint64_t>((now - waits_for_pin_since).count());
  }
}

}  // namespace pglynx::session
