// Client to server: what each message means for the server that carries it.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/core/sabotage.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::FrameScanner;
using wire::Request;

// No client statement has this name on a server.
constexpr std::string_view kDeniedStatement = "pglynx_denied";
// Exists for as long as one setting is made good.
constexpr std::string_view kRestoringStatement = "pglynx_restore";
// A statement that fails on every server, in place of one that is refused here. Postgres
// understands its grammar, so that in a failed transaction it says 25P02, as it would have.
constexpr std::string_view kFailingSql = "SELECT pglynx_refused_this_statement";

// The parameters that are tracked by name: those which the server reports.
class ReportedParameters final : public sql::TrackedParameters {
 public:
  explicit ReportedParameters(const pool::Pool& pool) : pool_(pool) {}
  [[nodiscard]] bool IsTracked(std::string_view lower_case_name) const override {
    return pool_.welcome().has_value() &&
           pool_.welcome()->defaults->Find(lower_case_name) != nullptr;
  }

 private:
  const pool::Pool& pool_;
};

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

}  // namespace

size_t ClientSession::ConsumeInput(std::string_view bytes) {
  WriteBatch& batch = table_.scratch().to_server;
  batch.Clear();
  std::string_view rest = bytes;
  while (!rest.empty() && state_ != State::kClosed && !terminate_seen_) {
    if (lease_ && lease_->tracker().outstanding() >= wire::ReplyTracker::kOutstandingMax) {
      PauseClient(kPausedPipeline);
      break;
    }
    const FrameScanner before = scanner_;
    const FrameScanner::Item item = scanner_.Next(rest);
    if (item.kind == FrameScanner::Kind::kNeedMore) break;
    if (item.kind == FrameScanner::Kind::kTooLong) {
      FlushToServer();
      Fatal({ErrorCode::kProgramLimit,
             fmt::format("message of type '{}' is longer than max_query_bytes = {}", item.type,
                         table_.world().config->general.max_query_bytes)});
      break;
    }
    if (item.kind == FrameScanner::Kind::kInvalid) {
      FlushToServer();
      Fatal({ErrorCode::kProtocolViolation,
             fmt::format("invalid frontend message: type {} with length {}",
                         static_cast<int>(static_cast<uint8_t>(item.type)),
                         LoadU32(rest.data() + 1))});
      break;
    }
    if (item.kind == FrameScanner::Kind::kRun) {
      const size_t dropped = std::min<size_t>(drop_bytes_, item.bytes.size());
      drop_bytes_ -= static_cast<uint32_t>(dropped);
      if (lease_) batch.Add(item.bytes.substr(dropped));
    } else if (!OnClientMessage(item)) {
      scanner_ = before;  // it is shown again when there is a server
      break;
    }
    rest.remove_prefix(item.bytes.size());
  }
  if (state_ == State::kClosed) return bytes.size() - rest.size();
  if (rest.size() < bytes.size()) quiet_since_ = table_.world().loop.Now();
  FlushToServer();
  ForwardToClient();
  if (terminate_seen_ && state_ == State::kActive && !lease_->tracker().empty()) {
    // What was sent before Terminate is carried out, as Postgres does.
    stream_->FinishAndClose();
    SetState(State::kDraining);
    OnDrained();  // nobody reads any more, so nothing holds the server up
    DrainFurther();
  } else if (terminate_seen_) {
    Finish();
  }
  return bytes.size() - rest.size();
}

void ClientSession::FlushToServer() {
  WriteBatch& batch = table_.scratch().to_server;
  if (lease_ && !batch.empty()) {
    lease_->Send(batch.chunks());
    if (lease_->pending_bytes() > net::Stream::kHighWatermark) PauseClient(kPausedServerFull);
  }
  batch.Clear();
}

bool ClientSession::OnClientMessage(const FrameScanner::Item& item) {
  if (item.type == 'X') {
    terminate_seen_ = true;
    return true;
  }
  if (!lease_) {
    if (HandledWithoutServer(item)) return true;
    bool denied = false;
    if (!AcquireServer(item, &denied)) return denied;
  }
  if (MustWaitForAnswers(item)) {
    PauseClient(kPausedPipeline);
    return false;
  }
  const bool asks = lease_->tracker().empty();  // our own settings, if any, are a part of it
  PrepareServer();
  if (!request_open_) {
    request_open_ = true;
    request_at_ = table_.world().loop.Now();
    if (!transaction_open_) {
      transaction_open_ = true;
      transaction_at_ = request_at_;
    }
  }
  if (asks) query_at_ = table_.world().loop.Now();
  ForwardClientMessage(item);
  if (asks) ArmDueTimer();
  return true;
}

bool ClientSession::HandledWithoutServer(const FrameScanner::Item& item) {
  const char type = item.type;
  if (type == 'P' && !skip_to_sync_) return ParsedWithoutServer(item);
  if (type == 'S') {
    skip_to_sync_ = false;
    wire::AppendReadyForQuery(NewLocalReply(), 'I');
    return true;
  }
  // "Extended Query": after an error, messages are read and discarded until a Sync.
  // Flush has nothing to flush; late CopyData and its ends are ignored by Postgres too.
  return skip_to_sync_ || type == 'H' || type == 'c' || type == 'f';
}

bool ClientSession::AcquireServer(const FrameScanner::Item& item, bool* denied) {
  pool::Pool::Outcome outcome = pool_.Acquire(*this);
  if (auto* lease = std::get_if<pool::Lease>(&outcome)) {
    Attach(std::move(*lease));
    return true;
  }
  if (const auto* error = std::get_if<Error>(&outcome)) {
    DenyWithoutServer(item, *error);
    *denied = true;
    return false;
  }
  SetState(State::kWaiting);
  return false;
}

void ClientSession::DenyWithoutServer(const FrameScanner::Item& item, const Error& error) {
  if (wire::MeaningOf(error.code).disposition == wire::Disposition::kEndSession) {
    Fatal(error);
    return;
  }
  std::string& reply = NewLocalReply();
  wire::AppendErrorResponse(reply, wire::Severity::kError, error);
  // A Query or an unnamed Parse drops the unnamed statement even if it fails.
  const char type = item.type;
  const bool drops =
      type == 'Q' || (type == 'P' && Body(item).substr(0, 1) == std::string_view("\0", 1));
  if (drops && unnamed_ != nullptr) unnamed_->Forget();
  if (type == 'Q' || type == 'F') {
    wire::AppendReadyForQuery(reply, 'I');
  } else {
    skip_to_sync_ = true;
  }
}

// Between requests: brings the server to this client's settings, in front of the next
// statement and in the same write.
void ClientSession::PrepareServer() {
  pool::ServerMemory& memory = lease_->memory();
  wire::ReplyTracker& tracker = lease_->tracker();
  if (!tracker.Idle()) return;
  if (told_standby_ != pool_.in_hot_standby()) {
    told_standby_ = pool_.in_hot_standby();
    wire::AppendParameterStatus(NewLocalReply(), pool::kInHotStandby, told_standby_ ? "on" : "off");
  }
  WriteBatch& batch = table_.scratch().to_server;
  if (!(memory.parameters == wanted_)) {
    std::string& sql = batch.NewOwned();
    const int messages = Planted(Sabotage::kStateLeak)
                             ? 0
                             : pool::AppendParameterChanges(sql, *memory.parameters, *wanted_);
    for (int i = 0; i < messages; ++i) tracker.Sent(Request::kHiddenQuery);
    batch.AddOwned(sql);
    lease_->NoteUnnamed(id_, 0);  // a Query drops it
    // If one of them fails the connection is closed, so this holds whenever it is read.
    memory.parameters = wanted_;
  }
  if (pool_.reads_sequences && memory.sequences_of != 0 && memory.sequences_of != id_) {
    SendHiddenQuery("DISCARD SEQUENCES");
    memory.sequences_of = 0;
  }
  const size_t statements_max = pool_.settings().prepared_statements_cache_size;
  while (const uint64_t id = memory.statements.EvictAbove(statements_max)) {
    std::string& close = batch.NewOwned();
    wire::AppendClose(close, 'S', fmt::format("{}{}", pool::StatementCache::kNamePrefix, id));
    batch.AddOwned(close);
    tracker.Sent(Request::kHiddenClose);
  }
}

void ClientSession::SendHiddenQuery(std::string_view sql) {
  WriteBatch& batch = table_.scratch().to_server;
  lease_->NoteUnnamed(id_, 0);
  std::string& query = batch.NewOwned();
  wire::AppendQuery(query, sql);
  batch.AddOwned(query);
  lease_->tracker().Sent(Request::kHiddenQuery);
}

void ClientSession::ForwardClientMessage(const FrameScanner::Item& item) {
  WriteBatch& batch = table_.scratch().to_server;
  wire::ReplyTracker& tracker = lease_->tracker();
  if (tracker.skipping() && item.type != 'S') {
    batch.Add(item.bytes);  // the server reads and discards it, whatever it is
    return;
  }
  switch (item.type) {
    case 'Q':
      OnQuery(item);
      return;
    case 'P':
      OnParse(item);
      return;
    case 'B':
      OnBind(item);
      return;
    case 'D':
      OnDescribe(item);
      return;
    case 'C':
      OnCloseStatement(item);
      return;
    case 'E':
      tracker.Sent(Request::kExecute);
      break;
    case 'S':
      tracker.Sent(Request::kSync);
      ++ready_owed_;
      lease_->memory().statements.NextBatch();
      if (statements_ != nullptr) statements_->NextBatch();
      break;
    case 'c':
    case 'f':
      tracker.Sent(Request::kCopyEnd);
      break;
    case 'F':
      if (!SessionMode()) Pin("function");
      tracker.Sent(Request::kFunctionCall);
      ++ready_owed_;
      break;
    default:
      break;  // Flush
  }
  batch.Add(item.bytes);
}

sql::StateEffects ClientSession::JudgeText(std::string_view text) const {
  const TextSettings& settings = table_.scratch().text_settings.Of(wanted_);
  sql::StateEffects effects = sql::Judge(text, settings.syntax, ReportedParameters(pool_));
  if (!settings.judgeable) effects.Add(sql::StateEffect::kUnjudged);
  return effects;
}

void ClientSession::NoteResets(std::string_view text, sql::StateEffects effects) {
  const bool resets =
      effects.Has(sql::StateEffect::kReset) || effects.Has(sql::StateEffect::kDiscard);
  if (resets_ == nullptr) {
    if (!resets || (pool_.welcome().has_value() && initial_ == pool_.welcome()->defaults)) return;
    resets_ = std::make_unique<std::vector<PendingReset>>();
  }
  // All statements of one batch count together: a SET behind a RESET keeps its value.
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  if (!resets_->empty() && resets_->back().replies_left == ready_owed_ + 1) {
    sql::FindResets(text, syntax, resets_->back().resets);
  } else if (resets) {
    resets_->push_back({.replies_left = ready_owed_ + 1,
                        .committed = false,
                        .failed = false,
                        .rolled_back = false,
                        .resets = sql::FindResets(text, syntax)});
  }
}

// One ReadyForQuery has come.
void ClientSession::CountReadyForResets() {
  if (resets_ == nullptr) {
    RestoreAfterRollback();
    return;
  }
  for (PendingReset& pending : *resets_) {
    if (pending.replies_left > 0) --pending.replies_left;
  }
  RestoreAfterReset();
  RestoreAfterRollback();
}

void ClientSession::RestoreAfterRollback() {
  if (restored_ != nullptr && lease_->HasCancelInFlight()) return;
  const bool rolled_back = std::exchange(rolled_back_, false);
  if (restored_ == nullptr) return;
  const bool over = lease_->tracker().status() == 'I';
  // A whole transaction takes its RESETs back too, but for those that an earlier COMMIT kept.
  if (rolled_back && (!over || restored_->committed)) Restore(*restored_);
  if (over) restored_.reset();
}

void ClientSession::RestoreAfterReset() {
  // A cancel that comes late must not hit what the client did not send.
  if (resets_ == nullptr || lease_->HasCancelInFlight()) return;
  while (!resets_->empty() && resets_->front().replies_left == 0) {
    Restore(resets_->front());
    resets_->erase(resets_->begin());
  }
  if (resets_->empty()) resets_.reset();
}

void ClientSession::Restore(const PendingReset& pending) {
  const bool taken_back = pending.failed && !pending.committed && &pending != restored_.get();
  if (taken_back) return;
  const pool::ParameterRef& defaults = lease_->memory().defaults;
  std::string batch;
  for (const pool::Parameter& parameter : initial_->all()) {
    const std::string* standard = defaults->Find(parameter.name);
    if (standard != nullptr && *standard == parameter.value) continue;
    if (!pending.resets.Includes(parameter.name)) continue;
    const std::string* now = wanted_->Find(parameter.name);
    const bool reported = standard != nullptr && now != nullptr;
    const bool doubtful = pending.failed || pending.rolled_back;
    if (doubtful && reported && *now != *standard) continue;  // it was taken back
    const bool again = &pending == restored_.get();
    if ((again || pending.rolled_back) && !reported) continue;  // nobody can tell
    wire::AppendRun(batch, kRestoringStatement,
                    pool::SetStatement(parameter.name, parameter.value, pool::SetScope::kSession));
    // A SET LOCAL behind the RESET holds on to the end of the transaction.
    if (lease_->tracker().status() == 'T' && reported && *now != *standard) {
      wire::AppendRun(batch, kRestoringStatement,
                      pool::SetStatement(parameter.name, *now, pool::SetScope::kLocal));
    }
  }
  if (batch.empty()) return;
  if (lease_->tracker().status() == 'T' && &pending != restored_.get()) {
    if (restored_ == nullptr) restored_ = std::make_unique<PendingReset>();
    restored_->committed = restored_->committed || pending.committed;
    restored_->failed = true;  // made good again only where the server's default is seen
    restored_->resets.Add(pending.resets);
  }
  wire::AppendSync(batch);
  const std::string_view chunk = batch;
  lease_->Send({&chunk, 1});
  lease_->tracker().Sent(Request::kHiddenRestore);
}

bool ClientSession::Admit(sql::StateEffects effects, Request denial) {
  if (effects.empty()) return true;
  pool::ServerMemory& memory = lease_->memory();
  if (effects.Has(sql::StateEffect::kReadsSequences)) {
    pool_.reads_sequences = true;  // from now on, servers change hands without such values
    if (memory.sequences_of != 0 && memory.sequences_of != id_) {
      if (!lease_->tracker().Idle()) {
        DenyOnServer(denial,
                     {ErrorCode::kNotInPrerequisiteState,
                      "currval and lastval are not available here: this server connection "
                      "has been used by other clients since; call nextval first in the same "
                      "transaction, or repeat the transaction"});
        return false;
      }
      SendHiddenQuery("DISCARD SEQUENCES");
      memory.sequences_of = 0;
    }
  }
  if (effects.Has(sql::StateEffect::kTouchesSequences)) {
    const bool mine = memory.sequences_of == 0 || memory.sequences_of == id_;
    memory.sequences_of = mine ? id_ : pool::ServerMemory::kSeveral;
  }
  if (effects.Pins()) Pin(sql::PinReason(effects));
  return true;
}

void ClientSession::Pin(std::string_view reason) {
  lease_->memory().needs_reset = true;
  if (pin_reason_.empty()) pin_reason_ = reason;
}

void ClientSession::DenyOnServer(Request denial, Error error) {
  std::string& message = table_.scratch().to_server.NewOwned();
  if (denial == Request::kDeniedQuery) {
    wire::AppendQuery(message, kFailingSql);
  } else {
    std::string contents(kFailingSql);
    contents.append(3, '\0');  // the query's end, and no parameter types
    wire::AppendParse(message, kDeniedStatement, contents);
  }
  Deny(denial, message, std::move(error));
}

void ClientSession::DenyUnknownStatement(std::string_view name) {
  std::string& message = table_.scratch().to_server.NewOwned();
  wire::AppendDescribe(message, 'S', kDeniedStatement);
  Deny(Request::kDeniedParse, message,
       {ErrorCode::kInvalidStatementName,
        fmt::format("prepared statement \"{}\" does not exist", name)});
}

void ClientSession::Deny(Request denial, const std::string& message, Error error) {
  table_.scratch().to_server.AddOwned(message);
  lease_->tracker().Sent(denial);
  if (denial == Request::kDeniedQuery) ++ready_owed_;
  drop_bytes_ = scanner_.body_remaining();  // of the message that was refused
  if (denied_ == nullptr) denied_ = std::make_unique<std::vector<Error>>();
  if (!Planted(Sabotage::kForgottenDenial)) denied_->push_back(std::move(error));
}

void ClientSession::OnQuery(const FrameScanner::Item& item) {
  const std::string_view body = Body(item);
  if (body.empty() || body.back() != '\0') {
    FlushToServer();
    Fatal({ErrorCode::kProtocolViolation, "invalid Query message: its text has no end"});
    return;
  }
  const std::string_view text = body.substr(0, body.size() - 1);
  const sql::StateEffects effects = JudgeText(text);
  NoteResets(text, effects);
  if (!SessionMode()) {
    if (!Admit(effects, Request::kDeniedQuery)) return;
    DropUnnamedStatement();
    NoteDroppedNames(effects);
  }
  lease_->tracker().Sent(Request::kQuery);
  ++ready_owed_;
  table_.scratch().to_server.Add(item.bytes);
}

}  // namespace pglynx::session
