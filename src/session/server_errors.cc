// Errors of a server: what they mean for the requests under way, and on their way to the client in
// its own terms (error_names.h).

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::FrameScanner;
using wire::Request;
using Verdict = wire::ReplyTracker::Verdict;

// The longest error that is put into the client's terms; with the queries of its context an error
// may have megabytes.
constexpr size_t kErrorBytesMax = size_t{64} * 1024;

// The severity of an ErrorResponse that ends the connection ("Error and Notice Message
// Fields": V is never localised).
bool IsFatal(std::string_view body) {
  return body.find(std::string_view("VFATAL\0", 7)) != std::string_view::npos ||
         body.find(std::string_view("VPANIC\0", 7)) != std::string_view::npos;
}

// 25P02 in_failed_sql_transaction, which Postgres says before it looks any further.
bool IsAbortedTransaction(std::string_view body) {
  return body.find(std::string_view("\0C25P02\0", 8)) != std::string_view::npos;
}

// 26000 invalid_sql_statement_name.
bool IsUnknownStatement(std::string_view body) {
  return body.find(std::string_view("\0C26000\0", 8)) != std::string_view::npos;
}

// "cached plan must not change result type", in whatever language (RevalidateCachedQuery in
// src/backend/utils/cache/plancache.c).
bool IsStalePlan(std::string_view body) {
  return body.find(std::string_view("\0C0A000\0", 8)) != std::string_view::npos &&
         body.find(std::string_view("\0RRevalidateCachedQuery\0", 24)) != std::string_view::npos;
}

// 57014 query_canceled.
bool IsCanceled(std::string_view body) {
  return body.find(std::string_view("\0C57014\0", 8)) != std::string_view::npos;
}

}  // namespace

// The client has all its answers and nothing of it is left at the server.
bool ClientSession::IsDoneWithServer() const {
  const bool unasked = watch_ != nullptr && (watch_->owes() || watch_->asking());
  return !SessionMode() && lease_->tracker().Idle() && scanner_.AtBoundary() &&
         resets_ == nullptr && restored_ == nullptr && !unasked && PinReason().empty();
}

ClientSession::Fate ClientSession::OnServerError(const FrameScanner::Item& item) {
  if (IsFatal(item.bytes) && IsDoneWithServer()) {
    lease_->close_needed =
        true;  // it goes, right behind its last answer: that is the pool's matter
    return Fate::kSwallow;
  }
  wire::ReplyTracker& tracker = lease_->tracker();
  if (notes_ != nullptr) notes_->set.reset();
  const bool denied_parse = !tracker.empty() && tracker.head() == Request::kDeniedParse;
  if (!tracker.empty() && tracker.head() == Request::kHiddenProbe && watch_ != nullptr) {
    watch_->Failed();
  }
  const Request head = tracker.empty() ? Request::kSync : tracker.head();
  const uint64_t number = tracker.answered();
  const Verdict verdict = tracker.Reply('E');
  if (behind_parse_ != 0 && !IsStalePlan(item.bytes) && !FailsHeldParse(head, number, item.bytes)) {
    TellHeldParse();
  }
  TakeBackStruck(denied_parse ? 1 : 0);
  if (verdict == Verdict::kHiddenFailed && IsFatal(item.bytes)) {
    server_fatal_seen_ = true;  // it is not about the settings
    return Fate::kForward;
  }
  if (verdict == Verdict::kHiddenFailed) {
    ServerBroken({ErrorCode::kServerLost,
                  fmt::format("server {} refused this client's settings; the connection is "
                              "closed because the statement behind them may have run without",
                              lease_->Peer())});
    return Fate::kStop;
  }
  if (verdict == Verdict::kSwallow && IsFatal(item.bytes)) {
    server_fatal_seen_ = true;
    return Fate::kForward;
  }
  if (verdict == Verdict::kSwallow) return Fate::kSwallow;
  comparing_ = 0;
  if (watch_ != nullptr) watch_->NoteError();
  if (resets_ != nullptr) {
    for (PendingReset& pending : *resets_) {
      pending.failed = pending.failed || pending.replies_left == 1;
    }
  }
  if (verdict == Verdict::kReplaceError) return OnDeniedError(item);
  if (IsFatal(item.bytes)) server_fatal_seen_ = true;
  if (IsCanceled(item.bytes) && ReplaceCancelError()) return Fate::kSwallow;
  if (verdict == Verdict::kSetupFailed) {
    KeepSetupError(item);
    return Fate::kSwallow;
  }
  if (!SharesStatements()) return Fate::kForward;
  error_request_ = number;
  const bool may_follow = IsUnknownStatement(item.bytes) || IsAbortedTransaction(item.bytes);
  if (may_follow && notes_ != nullptr && notes_->setup_error != nullptr) {
    const std::unique_ptr<std::string> cause = std::exchange(notes_->setup_error, nullptr);
    // A Query may have left the failed transaction since.
    if (head != Request::kQuery || !IsAbortedTransaction(*cause)) {
      AppendError(*cause);
      return Fate::kSwallow;
    }
  }
  if (IsStalePlan(item.bytes) && OnStalePlan(head, number)) return Fate::kSwallow;
  if (behind_parse_ != 0) TellHeldParse();
  return ShowError(item);
}

// Of a statement that was refused here: the cause is told.
ClientSession::Fate ClientSession::OnDeniedError(const FrameScanner::Item& item) {
  if (rare_ == nullptr || rare_->denied.empty()) {
    Inconsistent("a refused statement failed and its error is not known");
    return Fate::kStop;
  }
  if (IsAbortedTransaction(item.bytes)) {
    rare_->denied.erase(rare_->denied.begin());
    return Fate::kForward;
  }
  WriteBatch& batch = table_.scratch().to_client;
  std::string& message = batch.NewOwned();
  wire::AppendErrorResponse(message, wire::Severity::kError, rare_->denied.front());
  batch.AddOwned(message);
  rare_->denied.erase(rare_->denied.begin());
  return Fate::kSwallow;
}

void ClientSession::TellHeldParse() {
  behind_parse_ = 0;
  NewLocalReply().append("1\0\0\0\4", wire::kHeaderBytes);
}

// What is wrong with a statement's text is known by where in it, or by its class: errors of a
// Bind's values have neither.
bool ClientSession::FailsHeldParse(Request head, uint64_t number, std::string_view error) {
  if (number != behind_parse_ || (head != Request::kDescribe && head != Request::kBind))
    return false;
  const bool of_analysis = error.find(std::string_view("\0C42", 4)) != std::string_view::npos &&
                           error.find(std::string_view("\0P", 2)) != std::string_view::npos;
  const pool::StatementUses::Use* use = lease_->memory().uses.Find(number);
  if (!of_analysis || use == nullptr || statements_ == nullptr) return false;
  behind_parse_ = 0;
  statements_->RemoveDone(use->name());
  pool_.statements().SetProven(use->statement, false);
  return true;
}

// What a statement lacks could not be prepared: it is the cause if that statement finds it missing.
void ClientSession::KeepSetupError(const FrameScanner::Item& item) {
  RequestNotes& notes = Notes();
  if (!notes.set_ups.empty()) lease_->memory().statements.Gone(notes.set_ups.front());
  if (notes.setup_error != nullptr || item.kind != FrameScanner::Kind::kMessage) return;
  notes.setup_error = std::make_unique<std::string>(item.bytes);
}

// An error made the server skip requests: what they would have changed did not happen.
void ClientSession::TakeBackStruck(uint32_t denials_shown) {
  const wire::ReplyTracker::Struck struck = lease_->tracker().TakeStruck();
  pool::ServerMemory& memory = lease_->memory();
  if (struck.statements > 0 && statements_ != nullptr) statements_->Undo(struck.statements);
  if (struck.server_parses > 0) {
    pool_.statements().SetProven(memory.statements.Undo(struck.server_parses), false);
  }
  if (struck.denied > denials_shown && rare_ != nullptr) {
    const auto first = rare_->denied.begin() + denials_shown;
    rare_->denied.erase(first, first + (struck.denied - denials_shown));
  }
  if (unnamed_ != nullptr) unnamed_->Strike(struck.first, struck.end);
  memory.unnamed.Strike(struck.first, struck.end);
}

// What may have to be put into the client's terms is gathered whole, if it is not very long.
ClientSession::Fate ClientSession::ShowError(const FrameScanner::Item& item) {
  if (item.kind == FrameScanner::Kind::kHead) {
    const size_t whole = size_t{LoadU32(item.bytes.data() + 1)} + 1;
    if (whole > kErrorBytesMax) return Fate::kForward;
    MakeRare().error = std::make_unique<std::string>(item.bytes);
    return Fate::kSwallow;
  }
  const RenamedText* renamed = notes_ != nullptr ? notes_->renamed.get() : nullptr;
  const bool shifted = (renamed != nullptr && !renamed->shifts.empty()) ||
                       (notes_ != nullptr && !notes_->shifts.empty());
  if (!shifted && item.bytes.find(pool::StatementCache::kNamePrefix) == std::string_view::npos) {
    return Fate::kForward;
  }
  AppendError(item.bytes);
  return Fate::kSwallow;
}

void ClientSession::GatherError(std::string_view bytes) {
  *rare_->error += bytes;
  if (swallow_bytes_ > 0) return;
  const std::unique_ptr<std::string> whole = std::exchange(rare_->error, nullptr);
  AppendError(*whole);
}

void ClientSession::AppendError(std::string_view whole) {
  const pool::StatementUses::Use* use = lease_->memory().uses.Find(error_request_);
  const RequestNotes& notes = Notes();
  const RenamedText* renamed = notes.renamed.get();
  const auto name_of = [this, use, renamed,
                        &notes](std::string_view server_name) -> std::string_view {
    if (renamed != nullptr) {
      for (const auto& [server, own] : renamed->names) {
        if (server == server_name) return own;
      }
    }
    if (use != nullptr) return use->name();
    const bool passing = server_name.starts_with(kPassingStatement);
    if (!notes.changes.empty() && (passing || server_name.starts_with(kGoneStatement))) {
      return notes.changes.front().name;
    }
    for (const ParseShift& parsed : notes.shifts) {
      if (parsed.server_name == server_name) return parsed.name;
    }
    uint64_t id = 0;
    const std::string_view digits = server_name.substr(pool::StatementCache::kNamePrefix.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error != std::errc() || end != digits.data() + digits.size()) return {};
    return statements_ == nullptr ? std::string_view() : statements_->NameOf(id);
  };
  WriteBatch& batch = table_.scratch().to_client;
  std::string& message = batch.NewOwned();
  std::vector<TextShift> shifts;
  if (renamed != nullptr && renamed->request == error_request_) {
    shifts = renamed->shifts;
  } else {
    for (const ParseShift& parsed : notes.shifts) {
      if (parsed.request <= error_request_) shifts.assign(1, parsed.shift);
    }
  }
  AppendInClientsTerms(message, whole, name_of, shifts);
  batch.AddOwned(message);
}

}  // namespace pglynx::session
