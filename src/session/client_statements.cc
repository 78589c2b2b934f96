// Prepared statements on their way to the server: names are the client's own on one side
// and shared ones on the other.

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

// Its Close is sent right behind it.
constexpr std::string_view kAgainStatement = "pglynx_again";

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

// `contents`: Parse's body behind the name.
std::string_view TextOf(std::string_view contents) {
  return contents.substr(0, contents.find('\0'));
}

// A Bind or Describe of the unnamed statement.
bool UsesUnnamedStatement(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  if (item.type == 'B') {
    reader.CString();  // the portal
  } else if (item.type != 'D' || reader.U8() != 'S') {
    return false;
  }
  return reader.CString().empty() && reader.ok();
}

}  // namespace

// A named statement that a server of this pool has accepted before is prepared without one:
// it will be prepared where it is used first. Drivers that prepare ahead take no server for
// it, and cannot block themselves on a pool whose servers their own transactions hold.
bool ClientSession::ParsedWithoutServer(const FrameScanner::Item& item) {
  if (!SharesStatements()) return false;
  ByteReader reader(Body(item));
  const std::string_view name = reader.CString();
  const std::string_view contents = reader.rest();
  const std::string_view text = reader.CString();
  if (!reader.ok() || name.empty()) return false;
  const sql::StateEffects effects = JudgeText(text);
  if (UsesNames(effects)) return false;
  if (effects.MayLeaveState() || effects.Has(sql::StateEffect::kReadsSequences)) return false;
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  const uint32_t statements_max = table_.world().config->general.max_client_statements;
  if (statements_->Find(name) != nullptr || statements_->size() >= statements_max) return false;
  pool::StatementRef statement = pool_.statements().Get(
      contents, table_.scratch().text_settings.Of(wanted_).identity, effects.bits());
  if (!statement->proven) return false;
  ++pool_.stats().client_parse_count;
  statements_->Add(name, std::move(statement));
  statements_->Settle();
  NewLocalReply().assign("1\0\0\0\4", wire::kHeaderBytes);  // ParseComplete
  return true;
}

// What a message of a pipeline means may depend on how an earlier batch ends: it waits until
// that has been answered.
bool ClientSession::MustWaitForAnswers(const FrameScanner::Item& item) const {
  const char type = item.type;
  const wire::ReplyTracker& tracker = lease_->tracker();
  // The rule: they go where what they belong to went.
  const bool follows = (type == 'E' || type == 'S') && !tracker.empty();
  if (follows && resets_ == nullptr && restored_ == nullptr) return false;
  const bool statement = type == 'P' || type == 'B' || type == 'D' || type == 'C';
  if (tracker.copy_in()) return false;  // the server reads on, whatever this is
  // Behind a RESET nothing may run before its settings are made good.
  const bool restores = resets_ != nullptr || (restored_ != nullptr && !tracker.empty());
  if (restores && !tracker.unsynced() && (statement || type == 'Q' || type == 'E' || type == 'F')) {
    return true;
  }
  // A cancel that comes late must not hit what follows the statement it was meant for: our
  // own settings, or the client's next one where query_timeout sent it.
  if (tracker.empty() && lease_->HasCancelInFlight()) return true;
  if (notes_ != nullptr && notes_->renamed != nullptr && (statement || type == 'Q')) return true;
  if (type == 'Q' && names_dropped_ && !tracker.unsynced()) return true;
  if (type == 'Q' && statements_ != nullptr && statements_->Uncertain()) return true;
  // Whether the transaction has failed.
  if (type == 'Q' && !tracker.empty() && SharesStatements() && UsesNames(EffectsOf(item)))
    return true;
  if (!statement || SessionMode()) return false;
  pool::ServerMemory& memory = lease_->memory();
  const bool may_be_unnamed = unnamed_ != nullptr || memory.unnamed.size() > 1;
  if (may_be_unnamed && UsesUnnamedStatement(item)) {
    const uint64_t batch = memory.statements.batch();
    memory.unnamed.Settle(tracker.answered());
    if (unnamed_ != nullptr) unnamed_->Settle(tracker.answered());
    if (memory.unnamed.Uncertain(batch) || (unnamed_ != nullptr && unnamed_->Uncertain(batch))) {
      return true;
    }
  }
  if (!SharesStatements()) return false;
  const bool changes = names_dropped_ || (notes_ != nullptr && !notes_->changes.empty());
  const bool names_change = changes && !tracker.empty();
  if (names_change && (!tracker.unsynced() || UsesName(item))) return true;
  return (statements_ != nullptr && statements_->Uncertain()) || memory.statements.Uncertain();
}

// Whether it has to do with a statement that has a name.
bool ClientSession::UsesName(const FrameScanner::Item& item) const {
  ByteReader reader(Body(item));
  if (item.type == 'B') {
    reader.CString();  // the portal
  } else if (item.type != 'P' && reader.U8() != 'S') {
    return false;
  }
  const bool named = !reader.CString().empty();
  return named || ((item.type == 'P' || item.type == 'B') && UsesNames(EffectsOf(item)));
}

// `contents`: Parse's body behind the name.
void ClientSession::NoteResetsIn(std::string_view contents, sql::StateEffects effects) {
  if (!effects.empty() || resets_ != nullptr) NoteResets(TextOf(contents), effects);
}

UnnamedStatement::Place ClientSession::NextRequest() const {
  const wire::ReplyTracker& tracker = lease_->tracker();
  return {.request = tracker.next_number(),
          .batch = lease_->memory().statements.batch(),
          .reach = tracker.skippable() ? pool::Reach::kMayBeSkipped : pool::Reach::kCertain};
}

void ClientSession::OnUnnamedParse(std::string_view contents, sql::StateEffects effects) {
  if (unnamed_ == nullptr) unnamed_ = std::make_unique<UnnamedStatement>();
  unnamed_->Parsed(contents, effects, NextRequest());
  lease_->NoteUnnamed(id_, unnamed_->version());
}

void ClientSession::DropUnnamedStatement() {
  if (unnamed_ != nullptr) unnamed_->Dropped(NextRequest());
  lease_->NoteUnnamed(id_, 0);
}

void ClientSession::OnParse(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const std::string_view name = reader.CString();
  const std::string_view contents = reader.rest();
  const std::string_view text = reader.CString();
  if (!reader.ok()) {
    FlushToServer();
    Fatal({ErrorCode::kProtocolViolation, "invalid Parse message: its text has no end"});
    return;
  }
  const sql::StateEffects effects = JudgeText(text);
  if (MayRefuseRoute(text) && RefusesRoute(item, text, Request::kDeniedParse)) {
    if (name.empty()) DropUnnamedStatement();
    return;
  }
  if (SessionMode()) NoteResets(text, effects);
  sql::StateEffects left = effects;
  if (!name.empty() && !SharesStatements()) left.Add(sql::StateEffect::kPrepare);
  if (!SessionMode() && !Admit(left, text, Moment::kPrepared, Request::kDeniedParse)) {
    if (name.empty()) DropUnnamedStatement();
    return;
  }
  std::string renamed;  // what the server gets; empty: the client's own
  if (!SessionMode() && UsesNames(effects)) {
    renamed = contents;
    RenameParse(renamed, effects);
    NoteShift(TextOf(renamed), effects);
    EnsureExecuted(TextOf(renamed), effects);
  } else if (HasShifts()) {
    NoteShift({}, {});
  }
  if (!name.empty() && SharesStatements()) {
    OnNamedParse(item, name, renamed.empty() ? contents : renamed, effects);
    return;
  }
  if (!name.empty()) {
    if (!SessionMode()) KeepForGood("prepare");
  } else if (!SessionMode()) {
    OnUnnamedParse(renamed.empty() ? contents : renamed, effects);
  }
  lease_->tracker().Sent(Request::kParse);
  if (renamed.empty() || !name.empty()) {
    table_.scratch().to_server.Add(item.bytes);
    return;
  }
  std::string& parse = table_.scratch().to_server.NewOwned();
  wire::AppendParse(parse, name, renamed);
  table_.scratch().to_server.AddOwned(parse);
}

void ClientSession::OnNamedParse(const FrameScanner::Item& item, std::string_view name,
                                 std::string_view contents, sql::StateEffects effects) {
  WriteBatch& batch = table_.scratch().to_server;
  wire::ReplyTracker& tracker = lease_->tracker();
  ++pool_.stats().client_parse_count;
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  const uint32_t statements_max = table_.world().config->general.max_client_statements;
  if (statements_->Find(name) != nullptr) {
    // The server has other things to say first, of a text that is broken or a transaction that
    // has failed; then it finds that the name exists.
    MakeStatementFor(kPassingStatement, true);
    NoteUse(nullptr, name);
    std::string& taken = batch.NewOwned();
    wire::AppendParse(taken, kPassingStatement, contents);
    batch.AddOwned(taken);
    tracker.Sent(Request::kParse);
    return;
  }
  if (statements_->size() >= statements_max) {
    DenyOnServer(Request::kDeniedParse, TooManyStatements(statements_max));
    return;
  }
  pool::StatementRef statement = pool_.statements().Get(
      contents, table_.scratch().text_settings.Of(wanted_).identity, effects.bits());
  std::string& message = batch.NewOwned();
  if (!lease_->memory().statements.Touch(statement->id)) {
    wire::AppendParse(message, statement->name, contents);
    lease_->memory().statements.Sent(statement->id);
    tracker.Sent(Request::kNamedParse);
    ++pool_.stats().server_parse_count;
  } else if (tracker.status() == 'E' || batch_status_ == 'E' || ready_owed_ > 0) {
    // In a failed transaction Postgres refuses it, unless it ends that: only Postgres can tell.
    wire::AppendParse(message, kAgainStatement, contents);
    tracker.Sent(Request::kParseAgain);
    wire::AppendClose(message, 'S', kAgainStatement);
    tracker.Sent(Request::kHiddenClose);
    ++pool_.stats().server_parse_count;
  } else {
    // Answered in its place in the pipeline: CloseComplete, shown as ParseComplete.
    if (batch_status_ == 'I' && !tracker.unsynced()) kept_begin_ = item.bytes.data();
    wire::AppendClose(message, 'S', kNoStatement);
    tracker.Sent(Request::kParseAsClose);
  }
  batch.AddOwned(message);
  statements_->Add(name, std::move(statement));
}

void ClientSession::SendHiddenClose(std::string_view name) {
  WriteBatch& batch = table_.scratch().to_server;
  std::string& close = batch.NewOwned();
  wire::AppendClose(close, 'S', name);
  batch.AddOwned(close);
  lease_->tracker().Sent(Request::kHiddenClose);
}

// In front of the message that uses it, in the same batch.
void ClientSession::EnsureOnServer(const pool::Statement& statement) {
  pool::ServerStatements& statements = lease_->memory().statements;
  if (statements.Touch(statement.id)) return;
  EnsureExecuted(TextOf(statement.contents()), sql::StateEffects::FromBits(statement.effects));
  if (!statement.sql_types.empty() && !lease_->tracker().unsynced()) {
    SetUpOnServer(statement);
    return;
  }
  WriteBatch& batch = table_.scratch().to_server;
  std::string& parse = batch.NewOwned();
  wire::AppendParse(parse, statement.name, statement.contents());
  batch.AddOwned(parse);
  statements.Sent(statement.id);
  lease_->tracker().Sent(Request::kHiddenParse);
  ++pool_.stats().server_parse_count;
}

std::string_view ClientSession::NameOnServer(std::string_view name) {
  const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
  if (statement == nullptr) return kNoStatement;
  EnsureOnServer(*statement);
  return statement->name;
}

// A Bind or Describe of the unnamed statement in a later batch than its Parse: the server
// may be another one, or hold another client's.
void ClientSession::EnsureUnnamedStatement() {
  const pool::ServerMemory::Unnamed held = lease_->memory().unnamed.now();
  const uint64_t version = unnamed_ != nullptr ? unnamed_->version() : 0;
  if (version == 0 ? held.client == 0 : held.client == id_ && held.version == version) return;
  if (version != 0 && !unnamed_->contents().empty()) {
    EnsureExecuted(TextOf(unnamed_->contents()), unnamed_->effects());
    WriteBatch& batch = table_.scratch().to_server;
    std::string& parse = batch.NewOwned();
    wire::AppendParse(parse, "", unnamed_->contents());
    batch.AddOwned(parse);
    lease_->NoteUnnamed(id_, version);
    lease_->tracker().Sent(Request::kHiddenUnnamedParse);
  } else if (held.client != 0) {
    lease_->NoteUnnamed(id_, 0);
    SendHiddenClose("");
  }
}

void ClientSession::AddRenamed(const FrameScanner::Item& item, size_t name_at, size_t name_bytes,
                               std::string_view new_name) {
  WriteBatch& batch = table_.scratch().to_server;
  std::string& head = batch.NewOwned();
  head.assign(item.bytes.substr(0, name_at));
  const uint32_t length = LoadU32(head.data() + 1);
  StoreU32(head.data() + 1,
           length - static_cast<uint32_t>(name_bytes) + static_cast<uint32_t>(new_name.size()));
  head += new_name;
  batch.AddOwned(head);
  batch.Add(item.bytes.substr(name_at + name_bytes));
}

void ClientSession::OnBind(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const std::string_view portal = reader.CString();
  const std::string_view name = reader.CString();
  if (!reader.ok()) {
    FlushToServer();
    Fatal({ErrorCode::kProtocolViolation,
           "invalid Bind message: the names of portal and statement are missing or too long"});
    return;
  }
  const size_t name_at = wire::kHeaderBytes + portal.size() + 1;
  if (SessionMode() || (!name.empty() && !SharesStatements())) {
    table_.scratch().to_server.Add(item.bytes);
  } else if (!ChecksShardOfBind(item)) {
    return;
  } else if (name.empty()) {
    if (unnamed_ != nullptr) {
      if (!Admit(unnamed_->effects(), TextOf(unnamed_->contents()), Moment::kRuns,
                 Request::kDeniedParse)) {
        return;
      }
      NoteBoundSettings(item, TextOf(unnamed_->contents()), unnamed_->effects());
      NoteResetsIn(unnamed_->contents(), unnamed_->effects());
      NoteDroppedNames(unnamed_->effects());
      if (!PrepareRenamed(TextOf(unnamed_->contents()), unnamed_->effects(), Moment::kRuns)) {
        return;
      }
      if (UsesNames(unnamed_->effects()) || HasShifts()) {
        NoteShift(TextOf(unnamed_->contents()), unnamed_->effects());
      }
      unnamed_->Bound();
    }
    EnsureUnnamedStatement();
    table_.scratch().to_server.Add(item.bytes);
  } else {
    if (!BindNamed(item, name, name_at)) return;
  }
  lease_->tracker().Sent(Request::kBind);
}

// False: it is refused.
bool ClientSession::BindNamed(const FrameScanner::Item& item, std::string_view name,
                              size_t name_at) {
  ++pool_.stats().bind_count;
  const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
  if (statement == nullptr) {
    NoteUse(nullptr, name);  // the server says that there is none
    AddRenamed(item, name_at, name.size(), kNoStatement);
    return true;
  }
  const auto effects = sql::StateEffects::FromBits(statement->effects);
  if (!effects.empty() || temporary_path_ || resets_ != nullptr) {
    const std::string_view text = TextOf(statement->contents());
    if (!Admit(effects, text, Moment::kRuns, Request::kDeniedParse)) return false;
    NoteResetsIn(statement->contents(), effects);
    NoteDroppedNames(effects);
    NoteBoundSettings(item, text, effects);
    if (!PrepareRenamed(text, effects, Moment::kRuns)) return false;
    if (UsesNames(effects) || HasShifts()) NoteShift(text, effects);
  } else if (HasShifts()) {
    NoteShift({}, {});
  }
  if (statement->stale) {
    if (!RenewStale(item, name)) return false;
    statement = statements_->Find(name);
  }
  EnsureOnServer(*statement);
  NoteUse(statement, name);
  AddRenamed(item, name_at, name.size(), statement->name);
  return true;
}

void ClientSession::OnDescribe(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string_view name = reader.CString();
  const size_t name_at = wire::kHeaderBytes + 1;
  if (reader.ok() && of_statement && !SessionMode()) {
    if (name.empty()) {
      EnsureUnnamedStatement();
    } else if (SharesStatements()) {
      const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
      if (statement != nullptr && statement->stale && !RenewStale(item, name)) return;
      const std::string_view server_name = NameOnServer(name);
      statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
      NoteUse(statement, name);
      AddRenamed(item, name_at, name.size(), server_name);
      lease_->tracker().Sent(Request::kDescribe);
      return;
    }
  }
  // Of the portal that was bound right before.
  if (!of_statement) lease_->memory().uses.Continue(lease_->tracker().next_number());
  lease_->tracker().Sent(Request::kDescribe);
  table_.scratch().to_server.Add(item.bytes);
}

void ClientSession::OnCloseStatement(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string_view name = reader.CString();
  if (reader.ok() && of_statement && !SessionMode()) {
    if (name.empty()) {
      DropUnnamedStatement();
    } else if (SharesStatements()) {
      if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
      statements_->Remove(name);
      AddRenamed(item, wire::kHeaderBytes + 1, name.size(), kNoStatement);
      lease_->tracker().Sent(Request::kNamedClose);
      return;
    }
  }
  lease_->tracker().Sent(Request::kClose);
  table_.scratch().to_server.Add(item.bytes);
}

}  // namespace pglynx::session
