// Server to client: what each reply means for the connection that it came on.

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
using Verdict = wire::ReplyTracker::Verdict;

}  // namespace

void ClientSession::OnServerData(std::span<char> bytes) {
  WriteBatch& batch = table_.scratch().to_client;
  batch.Clear();
  Buffer& held = lease_->held();
  const bool from_held = !held.empty();
  if (from_held) held.Append({bytes.data(), bytes.size()});
  char* const begin = from_held ? held.data() : bytes.data();
  const size_t size = from_held ? held.size() : bytes.size();
  FrameScanner& scanner = lease_->scanner();

  size_t at = 0;
  while (at < size) {
    const FrameScanner::Item item = scanner.Next({begin + at, size - at});
    if (item.kind == FrameScanner::Kind::kNeedMore) break;
    if (item.kind == FrameScanner::Kind::kInvalid || item.kind == FrameScanner::Kind::kTooLong) {
      ServerBroken({ErrorCode::kServerProtocolViolation,
                    fmt::format("server {} sent an invalid message of type {}", lease_->Peer(),
                                static_cast<int>(static_cast<uint8_t>(item.type)))});
      return;
    }
    if (item.kind == FrameScanner::Kind::kRun) {
      const size_t swallowed = std::min<size_t>(swallow_bytes_, item.bytes.size());
      swallow_bytes_ -= static_cast<uint32_t>(swallowed);
      if (swallowed > 0 && rare_ != nullptr && rare_->error != nullptr)
        GatherError(item.bytes.substr(0, swallowed));
      const std::string_view run = item.bytes.substr(swallowed);
      if (!lease_->tracker().HeadIsHidden()) {
        if (behind_parse_ != 0) TellHeldParse();
        batch.Add(run);
      } else if (lease_->tracker().head() == Request::kHiddenProbe && watch_ != nullptr) {
        watch_->AddReply(run);
      }
    } else {
      const Fate fate = OnServerMessage(begin + at, item);
      if (fate == Fate::kStop) return;
      if (fate == Fate::kForward) {
        batch.Add(item.bytes);
      } else if (item.kind == FrameScanner::Kind::kHead) {
        swallow_bytes_ = scanner.body_remaining();
      }
    }
    at += item.bytes.size();
  }
  if (behind_parse_ != 0) TellHeldParse();
  if (from_held) {
    ForwardToClient();
    held.Consume(at);
  } else {
    if (at < size) held.Append({begin + at, size - at});
    ForwardToClient();
  }
  AfterReplies();
}

void ClientSession::ForwardToClient() {
  WriteBatch& batch = table_.scratch().to_client;
  batch.CloseOwned();
  if (!batch.empty() && state_ != State::kDraining) {
    pool_.stats().bytes_sent += batch.bytes();
    ClientSession& receiver = Planted(Sabotage::kReplySwap) ? table_.OtherThan(*this) : *this;
    receiver.stream_->Write(batch.chunks());
    const size_t mark =
        table_.MemoryIsScarce() ? net::Stream::kLowWatermark : net::Stream::kHighWatermark;
    if (lease_ && stream_->pending_bytes() > mark && !server_paused_) {
      server_paused_ = true;
      lease_->PauseReading();
    }
  }
  batch.Clear();
}

std::string& ClientSession::NewLocalReply() {
  return table_.scratch().to_client.OpenOwned();
}

// A reply to a request of the pooler's own.
void ClientSession::OnHiddenReply(Request head, char type, std::string_view body, char status) {
  if (head == Request::kHiddenParse) {
    pool_.statements().SetProven(lease_->memory().statements.Confirm(), true);
  } else if (head == Request::kHiddenProbe && type == 'Z' && watch_ != nullptr) {
    OnAnswer(status);
  } else if (head == Request::kHiddenDescribe && (type == 'T' || type == 'n')) {
    CompareResult(type == 'T' ? body : std::string_view());
  } else if (head == Request::kHiddenSetup && type == 'Z' && !Notes().set_ups.empty()) {
    notes_->set_ups.erase(notes_->set_ups.begin());
  }
}

ClientSession::Fate ClientSession::OnServerMessage(char* bytes, const FrameScanner::Item& item) {
  wire::ReplyTracker& tracker = lease_->tracker();
  const std::string_view body = item.bytes.substr(wire::kHeaderBytes);
  if (behind_parse_ != 0 && item.type != 'E') TellHeldParse();
  if (item.type == 'S') return OnParameterStatus(body, tracker.HeadIsHidden());
  if (item.type == 'E') return OnServerError(item);
  if (item.type == 'A') {  // between messages, whatever is under way
    // Applications know their own notifications by the process id that they were told.
    char* pid = bytes + wire::kHeaderBytes;
    if (LoadU32(pid) == lease_->pid()) StoreU32(pid, cancel_key_.pid);
    return Fate::kForward;
  }

  const Request head = tracker.empty() ? Request::kSync : tracker.head();
  const uint64_t number = tracker.answered();
  const char status = item.type == 'Z' && !body.empty() ? body[0] : '\0';
  switch (tracker.Reply(item.type, status)) {
    case Verdict::kSwallow:
      OnHiddenReply(head, item.type, body, status);
      return Fate::kSwallow;
    case Verdict::kAsParseComplete:
      if (statements_ == nullptr) {
        Inconsistent("a Parse was answered and there is no statement");
        return Fate::kStop;
      }
      statements_->Settle();
      behind_parse_ = tracker.answered();
      return Fate::kSwallow;
    case Verdict::kUnexpected:
    case Verdict::kHiddenFailed:
    case Verdict::kSetupFailed:
    case Verdict::kReplaceError:
      ServerBroken({ErrorCode::kServerProtocolViolation,
                    fmt::format("server {} sent a message of type '{}' that answers nothing",
                                lease_->Peer(), item.type)});
      return Fate::kStop;
    case Verdict::kForward:
      break;
  }
  if (item.type == 'C' && !body.empty()) {
    const std::string_view shown = OnCommandTag(body.substr(0, body.size() - 1));
    if (!shown.empty()) {
      WriteBatch& batch = table_.scratch().to_client;
      std::string& message = batch.NewOwned();
      wire::AppendCommandComplete(message, shown);
      batch.AddOwned(message);
      return Fate::kSwallow;
    }
  } else if (item.type == 'Z' && retry_due_) {
    --ready_owed_;
    return Fate::kSwallow;
  } else if (item.type == 'Z') {
    OnReadyForQuery(status);
  } else if (head == Request::kDescribe && lease_->memory().uses.AnyUntold() &&
             (item.type == 'T' || item.type == 'n')) {
    NoteResult(number, item.type == 'T' ? body : std::string_view());
  } else if (head == Request::kNamedParse && item.type == '1') {
    pool_.statements().SetProven(lease_->memory().statements.Confirm(), true);
    statements_->Settle();
  } else if ((head == Request::kNamedClose && item.type == '3') ||
             (head == Request::kParseAgain && item.type == '1')) {
    statements_->Settle();
  }
  return Fate::kForward;
}

// A value that nothing in this transaction can have set, or that a RESET of ours shows, is the
// server's default.
void ClientSession::LearnDefault(std::string_view name, std::string_view value, bool hidden) {
  if (SessionMode()) return;  // what a client sets there is not looked at
  pool::ServerMemory& memory = lease_->memory();
  const std::string* standard = memory.defaults->Find(name);
  if (standard == nullptr || *standard == value) return;
  const std::string* known = wanted_->Find(name);
  const bool own = known == nullptr || *known != *standard;  // it may be taken back to this
  const bool ours = hidden && lease_->tracker().head() == Request::kHiddenQuery;
  if (own || (hidden && !ours) || (!ours && MayHaveChangedSettings())) return;
  memory.defaults = table_.world().parameters.With(memory.defaults, name, value);
  pool_.LearnDefault(name, value);
}

ClientSession::Fate ClientSession::OnParameterStatus(std::string_view body, bool hidden) {
  ByteReader reader(body);
  const std::string_view name = reader.CString();
  const std::string_view value = reader.CString();
  if (!reader.ok()) {
    ServerBroken({ErrorCode::kServerProtocolViolation,
                  fmt::format("server {} sent an invalid ParameterStatus", lease_->Peer())});
    return Fate::kStop;
  }
  if (name == pool::kInHotStandby) {
    pool_.LearnStandby(value);
    told_standby_ = pool_.in_hot_standby();
  }
  if (pool::IsFixedParameter(name)) return Fate::kForward;
  pool::ParameterTable& table = table_.world().parameters;
  pool::ServerMemory& memory = lease_->memory();
  // What it is on the way to our own settings nobody needs to know.
  if (hidden && lease_->tracker().head() == Request::kHiddenFirst) return Fate::kSwallow;
  LearnDefault(name, value, hidden);
  if (!hidden && IsMadeGood(name, value)) return TellMadeGood(name, value);
  const std::string* known = wanted_->Find(name);
  const bool told = known != nullptr && *known == value;
  memory.parameters = table.With(memory.parameters, name, value);
  wanted_ = table.With(wanted_, name, value);
  return hidden && told ? Fate::kSwallow : Fate::kForward;
}

// Tags that change what a server or a client remembers. The text has been judged before the
// statement ran; this catches what was prepared or hidden there.
//
// Returns what the client is to see instead; empty: the tag.
std::string_view ClientSession::OnCommandTag(std::string_view tag) {
  pool::ServerMemory& memory = lease_->memory();
  if (notes_ != nullptr) {
    const std::string_view shown = OnRenamedTag(tag);
    if (!shown.empty()) return shown;
  }
  switch (tag.empty() ? '\0' : tag[0]) {
    case 'A':
      if (tag.starts_with("ALTER ")) ++pool_.world().database.ddl_count;
      break;
    case 'C':
      if (tag == "CREATE VIEW") ++pool_.world().database.ddl_count;
      if (tag == "COMMIT" && resets_ != nullptr) {
        for (PendingReset& pending : *resets_) {
          pending.committed = pending.committed || (pending.replies_left == 1 && !pending.failed);
        }
      }
      break;
    case 'D':
      if (tag.starts_with("DROP ")) ++pool_.world().database.ddl_count;
      if (tag == "DISCARD ALL" || tag == "DEALLOCATE ALL") {
        memory.statements.Clear();
        if (statements_ != nullptr) statements_->Clear();
        if (tag == "DISCARD ALL") memory.sequences_of = 0;
        NoteForResets(false);
      }
      break;
    case 'R':
      if (tag == "ROLLBACK") rolled_back_ = true;
      NoteForResets(tag == "ROLLBACK");
      break;
    default:
      break;
  }
  return {};
}

void ClientSession::NoteForResets(bool rolled_back) {
  if (resets_ == nullptr) return;
  for (PendingReset& pending : *resets_) {
    if (pending.replies_left == 1) pending.rolled_back = rolled_back;
  }
}

// What was noted for the requests that are answered now.
void ClientSession::SettleNotes(char status) {
  RequestNotes& notes = *notes_;
  const uint64_t answered = lease_->tracker().answered();
  if (notes.set != nullptr && lease_->memory().defaults->Find(notes.set->name) != nullptr) {
    if (status == 'I' && answered == notes.set_request + 1) LearnSet();
    notes.set.reset();
  }
  notes.setup_error.reset();
  const auto is_answered = [answered](const auto& note) { return note.request < answered; };
  std::erase_if(notes.changes, is_answered);
  std::erase_if(notes.shifts, is_answered);
  if (notes.renamed != nullptr && is_answered(*notes.renamed)) notes.renamed.reset();
  if (notes.empty()) notes_.reset();
}

RequestNotes& ClientSession::Notes() {
  if (notes_ == nullptr) notes_ = std::make_unique<RequestNotes>();
  return *notes_;
}

void ClientSession::OnReadyForQuery(char status) {
  if (ready_owed_ > 0) --ready_owed_;
  query_at_ = table_.world().loop.Now();
  if (rare_ != nullptr) rare_->timed_out_at = {};
  if (notes_ != nullptr) SettleNotes(status);
  retrying_ = false;
  keeps_batch_ = false;
  CountReadyForResets();
  if (status == 'I' && ready_owed_ == 0) transaction_effects_ = {};
  if (status != 'I' || !transaction_open_) return;
  transaction_open_ = false;
  ++lease_.pool().stats().xact_count;
  lease_.pool().stats().xact_time +=
      static_cast<uint64_t>((table_.world().loop.Now() - transaction_at_).count());
}

// Its reply tells whether all of the client's have come.
void ClientSession::SendMarker() {
  std::string marker;
  wire::AppendClose(marker, 'S', kNoStatement);  // unlike a Query it leaves the unnamed statement
  wire::AppendSync(marker);
  const std::string_view chunk = marker;
  lease_->Send({&chunk, 1});
  lease_->tracker().Sent(Request::kHiddenMarker);
}

// The client has said Terminate. A COPY that waits for its data ends with it.
void ClientSession::DrainFurther() {
  if (lease_->tracker().copy_in()) lease_->tracker().Doubt();
  if (lease_->tracker().empty() || lease_->tracker().copy_in()) Finish();
}

void ClientSession::AfterReplies() {
  if (state_ == State::kActive && CutOffSlowReader()) return;
  wire::ReplyTracker& tracker = lease_->tracker();
  if (rare_ != nullptr && !rare_->cancels.empty()) ForwardCancels();
  if (retry_due_ && tracker.empty() && state_ == State::kActive) {
    if (!lease_->HasCancelInFlight()) Retry();
    return;
  }
  if (tracker.WantsMarker()) {
    SendMarker();
    return;
  }
  if (state_ == State::kDraining) {
    DrainFurther();
    return;
  }
  if (!tracker.empty()) {
    if ((pauses_ & kPausedPipeline) != 0 &&
        tracker.outstanding() < wire::ReplyTracker::kOutstandingMax / 2) {
      ResumeClient(kPausedPipeline);
      ConsumeHeldInput();
    }
    return;
  }
  ready_owed_ = 0;
  names_dropped_ = false;
  if (rare_ != nullptr) rare_->timed_out_at = {};
  quiet_since_ = table_.world().loop.Now();
  if (unnamed_ != nullptr) unnamed_->Settle(tracker.answered());
  if (resets_ != nullptr && !tracker.unsynced()) {
    // A Sync that a COPY swallowed was counted and never answered: nothing more will come.
    for (PendingReset& pending : *resets_) pending.replies_left = 0;
    RestoreAfterReset();
    if (!tracker.empty()) return;
  }
  if (request_open_ && !tracker.unsynced()) {
    request_open_ = false;
    ++lease_.pool().stats().query_count;
    lease_.pool().stats().query_time +=
        static_cast<uint64_t>((table_.world().loop.Now() - request_at_).count());
  }
  if ((pauses_ & kPausedPipeline) != 0) {
    // What was held may need settings that are yet to be read.
    const bool at_end = tracker.Idle() && resets_ == nullptr && restored_ == nullptr;
    if (at_end && watch_ != nullptr && !SessionMode() && !lease_->HasCancelInFlight() && AskNow()) {
      FlushToServer();
    }
    ResumeClient(kPausedPipeline);
    ConsumeHeldInput();
    return;
  }
  ArmDueTimer();
  if (!tracker.Idle() || !scanner_.AtBoundary() || resets_ != nullptr || restored_ != nullptr) {
    return;
  }
  if (!SessionMode() && watch_ != nullptr && !lease_->HasCancelInFlight() && AskNow()) {
    FlushToServer();
    return;
  }
  if (rare_ != nullptr && rare_->end_with != nullptr) {
    const Error error = *rare_->end_with;
    Fatal(error);
    return;
  }
  if (watch_ != nullptr && watch_->owes()) return;  // once no cancel can hit the question
  if (!SessionMode() && PinReason().empty()) GiveServerBack();
}

void ClientSession::ServerBroken(const Error& error) {
  ForwardToClient();
  lease_->tracker().Doubt();
  Fatal(error);
}

}  // namespace pglynx::session
