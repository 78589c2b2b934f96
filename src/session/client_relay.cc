// Client to server: what each message means for the server that carries it.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/core/sabotage.h"
#include "pglynx/pool/cluster.h"
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

// SELECT, INSERT, UPDATE and most others are none, which the first letters tell.
bool MayBeSimpleForm(const FrameScanner::Item& item) {
  const std::string_view body = Body(item);
  if (body.size() < 3) return false;
  const auto lower = [&body](size_t at) { return static_cast<char>(body[at] | 0x20); };
  switch (lower(0)) {
    case 's':
      return lower(1) != 'e' || lower(2) != 'l';
    case 'i':
    case 'u':
    case 'w':
      return false;
    default:
      return true;
  }
}

}  // namespace

size_t ClientSession::ConsumeInput(std::string_view bytes) {
  WriteBatch& batch = table_.scratch().to_server;
  batch.Clear();
  kept_begin_ = nullptr;
  std::string_view rest = bytes;
  std::string_view unsent;  // the first message that a fresh server carries, and what follows
  FrameScanner at_unsent = scanner_;
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
    } else if (table_.scratch().behind_message = rest.substr(item.bytes.size());
               !OnClientMessage(item)) {
      scanner_ = before;  // it is shown again when there is a server
      break;
    }
    if (nothing_sent_ && lease_ && unsent.empty()) {
      unsent = rest;
      at_unsent = before;
    }
    rest.remove_prefix(item.bytes.size());
  }
  if (state_ == State::kClosed) return bytes.size() - rest.size();
  if (rest.size() < bytes.size()) quiet_since_ = table_.world().loop.Now();
  FlushToServer();
  if (unsent_due_) {
    TakeBack();
    if (!unsent.empty()) {
      rest = unsent;
      scanner_ = at_unsent;
    }
  }
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
    const bool sent = lease_->Send(batch.chunks());
    if (nothing_sent_) {
      unsent_due_ = !sent && MayTakeBack();
      if (!unsent_due_) {
        nothing_sent_ = false;
        if (rare_ != nullptr) rare_->sent_begin.reset();
      }
      unsent_tries_ = sent ? 0 : static_cast<uint8_t>(unsent_tries_ + 1);
    }
    if (lease_->pending_bytes() > net::Stream::kHighWatermark) PauseClient(kPausedServerFull);
  }
  batch.Clear();
}

bool ClientSession::OnClientMessage(const FrameScanner::Item& item) {
  table_.scratch().judged_text = {};
  if (item.type == 'X') {
    terminate_seen_ = true;
    return true;
  }
  if ((pool_.PinsTaken() || PinWaiter::linked()) && MustWaitForPin(item)) return false;
  const bool had_server = static_cast<bool>(lease_);
  if (!had_server) {
    if (HandledWithoutServer(item)) return true;
    if (item.type == 'P') ReservePin(item);
    bool denied = false;
    if (!AcquireServer(item, &denied)) return denied;
  }
  const bool may_choose = item.type == 'Q' || item.type == 'P' || local_statements_ != nullptr ||
                          (pool_.cluster != nullptr && pool_.cluster->shard_count() > 1);
  if (had_server && may_choose && WaitsToChoose(item)) return false;
  const wire::ReplyTracker& tracker = lease_->tracker();
  const bool unsure = (tracker.unsure() && !tracker.skipping()) || tracker.CopyUndecided();
  if (unsure || MustWaitForAnswers(item) ||
      ((item.type == 'B' || comparing_ != 0) && pool_.world().database.ddl_count > 0 &&
       SharesStatements() && MustCompareResult(item))) {
    PauseClient(kPausedPipeline);
    if (tracker.unsynced()) {  // the answers are asked for
      table_.scratch().to_server.Add(std::string_view("H\0\0\0\4", wire::kHeaderBytes));
    }
    return false;
  }
  const bool asks = tracker.empty();  // our own settings, if any, are a part of it
  if (asks) {
    if (!tracker.unsynced()) batch_status_ = tracker.status();
    PrepareServer();
    query_at_ = table_.world().loop.Now();
  }
  if (!request_open_) {
    request_open_ = true;
    request_at_ = asks ? query_at_ : table_.world().loop.Now();
    if (!transaction_open_) {
      transaction_open_ = true;
      transaction_at_ = request_at_;
    }
  }
  ForwardClientMessage(item);
  if (asks) ArmDueTimer();
  return true;
}

bool ClientSession::HandledWithoutServer(const FrameScanner::Item& item) {
  const char type = item.type;
  if (type == 'S') {
    skip_to_sync_ = false;
    wire::AppendReadyForQuery(NewLocalReply(), LocalStatus());
    return true;
  }
  if (deferred_ != nullptr && deferred_->failed && !skip_to_sync_) return AnsweredAborted(item);
  if (!skip_to_sync_ && (type == 'P' || local_statements_ != nullptr) &&
      AnsweredLocalStatement(item)) {
    return true;
  }
  if (type == 'P' && !skip_to_sync_) {
    // What comes behind it needs a server, and may meet an error of the Parse.
    const std::string_view behind = table_.scratch().behind_message;
    const bool alone = behind.empty() || behind[0] == 'S' || behind[0] == 'H';
    return alone && ParsedWithoutServer(item);
  }
  if (type == 'Q' && !skip_to_sync_) {
    return MayBeSimpleForm(item) && (AnsweredDirective(item) || AnsweredWithoutServer(item));
  }
  // "Extended Query": after an error, messages are read and discarded until a Sync.
  // Flush has nothing to flush; late CopyData and its ends are ignored by Postgres too.
  return skip_to_sync_ || type == 'H' || type == 'c' || type == 'f';
}

bool ClientSession::AcquireServer(const FrameScanner::Item& item, bool* denied) {
  if (IsPinRefused()) {
    ReturnPin();
    DenyWithoutServer(item, *std::exchange(rare_->pin_refusal, nullptr));
    *denied = true;
    return false;
  }
  const bool one_shard = pool_.cluster == nullptr || pool_.cluster->shard_count() == 1;
  if (sequence_server_ != 0 && one_shard && TakeSequenceServer(item, denied)) return !*denied;
  pool::Pool::Outcome outcome =
      pool_.cluster != nullptr ? AcquireRouted(item) : pool_.Acquire(*this);
  if (auto* lease = std::get_if<pool::Lease>(&outcome)) {
    Attach(std::move(*lease));
    return true;
  }
  if (const auto* error = std::get_if<Error>(&outcome)) {
    ReturnPin();
    DenyWithoutServer(item, *error);
    *denied = true;
    return false;
  }
  SetState(State::kWaiting);
  ReservePin(item);  // others may ask for the last one meanwhile
  return false;
}

void ClientSession::DenyWithoutServer(const FrameScanner::Item& item, const Error& error) {
  if (pool_.cluster != nullptr) {  // a comment's shard was for this statement alone
    shard_bound_ = false;
    EndRoute();
  }
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
  if (deferred_ != nullptr) deferred_->failed = true;
  if (type == 'Q' || type == 'F') {
    wire::AppendReadyForQuery(reply, LocalStatus());
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
  if (pool_.welcome().has_value() && !(defaults_ == pool_.welcome()->defaults)) FollowDefaults();
  const bool unknown = memory.settings_unknown && !IsPinned() && !SessionMode();
  if (!(memory.parameters == wanted_) || unknown) {
    std::string& sql = batch.NewOwned();
    const int messages = Planted(Sabotage::kStateLeak)
                             ? 0
                             : pool::AppendParameterChanges(
                                   sql, {*memory.parameters, *memory.defaults, unknown}, *wanted_);
    memory.settings_unknown = memory.settings_unknown && !unknown;
    for (int left = messages; left > 0; --left) {
      tracker.Sent(left > 1 ? Request::kHiddenFirst : Request::kHiddenQuery);
    }
    batch.AddOwned(sql);
    lease_->NoteUnnamed(id_, 0);  // a Query drops it
    // If one of them fails the connection is closed, so this holds whenever it is read.
    memory.parameters = wanted_;
  }
  // Its own values from before it went elsewhere are old, too.
  const bool has_own = memory.sequences_of == SequenceOwner() && sequence_server_ == lease_->id();
  if (pool_.reads_sequences && memory.sequences_of != 0 && !has_own) {
    SendHiddenQuery("DISCARD SEQUENCES");
    memory.sequences_of = 0;
    pool_.NoteSequencesDiscarded();
  }
  SendDeferred();
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
  if (item.type == 'S' && rare_ != nullptr)
    rare_->pin_refusal.reset();  // what was to be refused has been skipped
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
    case 'D':
      if (batch_status_ == 'I' && !tracker.unsynced()) kept_begin_ = item.bytes.data();
      if (item.type == 'B') {
        OnBind(item);
      } else {
        OnDescribe(item);
      }
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
      if (kept_begin_ != nullptr) KeepBatch(item);
      batch.Add(item.bytes);
      AskBehindBatch();
      return;
    case 'c':
    case 'f':
      tracker.Sent(Request::kCopyEnd);
      break;
    case 'F':
      if (!SessionMode()) Admit(EffectsOf(item), {}, Moment::kRuns, Request::kDeniedQuery);
      tracker.Sent(Request::kFunctionCall);
      ++ready_owed_;
      batch_status_ = 0;  // its body may still have to come: nothing goes behind it
      break;
    default:
      break;  // Flush
  }
  batch.Add(item.bytes);
}

sql::StateEffects ClientSession::JudgeText(std::string_view text) const {
  RelayScratch& scratch = table_.scratch();
  if (text.data() == scratch.judged_text.data() && text.size() == scratch.judged_text.size()) {
    return scratch.judged_effects;
  }
  const TextSettings& settings = table_.scratch().text_settings.Of(wanted_);
  sql::StateEffects effects = sql::Judge(text, settings.syntax, ReportedParameters(pool_));
  if (!settings.judgeable) effects.Add(sql::StateEffect::kUnjudged);
  scratch.judged_text = text;
  scratch.judged_effects = effects;
  return effects;
}

void ClientSession::DenyOnServer(Request denial, Error error) {
  std::string& message = table_.scratch().to_server.NewOwned();
  if (denial == Request::kDeniedQuery) {
    const std::string_view text = table_.scratch().judged_text;
    const bool leaves = !text.empty() && MayLeaveAborted(text);
    wire::AppendQuery(message, leaves ? kFailingEnd : kFailingSql);
  } else {
    std::string contents(kFailingSql);
    contents.append(3, '\0');  // the query's end, and no parameter types
    wire::AppendParse(message, kDeniedStatement, contents);
  }
  Deny(denial, message, std::move(error));
}

void ClientSession::Deny(Request denial, const std::string& message, Error error) {
  table_.scratch().to_server.AddOwned(message);
  lease_->tracker().Sent(denial);
  if (denial == Request::kDeniedQuery) ++ready_owed_;
  drop_bytes_ = scanner_.body_remaining();  // of the message that was refused
  if (!Planted(Sabotage::kForgottenDenial)) MakeRare().denied.push_back(std::move(error));
}

void ClientSession::OnQuery(const FrameScanner::Item& item) {
  const std::string_view body = Body(item);
  if (body.empty() || body.back() != '\0') {
    DenyOnServer(Request::kDeniedQuery,
                 {ErrorCode::kProtocolViolation, "invalid string in message"});
    return;
  }
  const std::string_view text = body.substr(0, body.size() - 1);
  const sql::StateEffects effects = JudgeText(text);
  if (MayRefuseRoute(text) && RefusesRoute(item, text, Request::kDeniedQuery)) return;
  NoteResets(text, effects);
  if (!SessionMode()) {
    if (!Admit(effects, text, Moment::kRuns, Request::kDeniedQuery)) return;
    if (!effects.empty() && SentRenamed(text, effects)) {
      AskBehindBatch();
      return;
    }
    DropUnnamedStatement();
    NoteDroppedNames(effects);
    if (effects.Has(sql::StateEffect::kSets)) NoteSet(text);
  }
  lease_->tracker().Sent(Request::kQuery);
  ++ready_owed_;
  table_.scratch().to_server.Add(item.bytes);
  AskBehindBatch();
}

}  // namespace pglynx::session
