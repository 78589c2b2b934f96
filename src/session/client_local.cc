// What is answered without a server: the beginning of a transaction, which travels in front of its
// first statement (deferred_begin), the end of one that has done nothing, and statements whose
// answer is known.

#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "pglynx/sql/simple_forms.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using sql::SimpleForm;
using wire::FrameScanner;
using Kind = sql::SimpleForm::Kind;

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

// `contents`: Parse's body behind the name.
std::string_view TextOf(std::string_view contents) {
  return contents.substr(0, contents.find('\0'));
}

// 'it''s' → it's; a word or number as it is.
std::string ValueOf(std::string_view token) {
  if (token.empty() || token[0] != '\'') return std::string(token);
  std::string value;
  for (size_t i = 1; i + 1 < token.size(); ++i) {
    value += token[i];
    if (token[i] == '\'') ++i;
  }
  return value;
}

// The same text is a list in a startup packet and one name in SET: they are kept apart.
std::string KeyOfSet(std::string_view name) {
  return fmt::format("{}=", name);
}

// What a value is stored as depends on the value before it.
bool DependsOnItself(std::string_view name) {
  return sql::EqualsIgnoreCase(name, "datestyle");
}

// One column of type text (its OID is 25, its length -1) and one row.
void AppendTextRow(std::string& out, std::string_view column, std::string_view value) {
  {
    const wire::MessageScope message(out, 'T');
    out.append("\0\1", 2);
    wire::AppendCString(out, column);
    out.append("\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 18);
  }
  const wire::MessageScope message(out, 'D');
  out.append("\0\1", 2);
  AppendU32(out, static_cast<uint32_t>(value.size()));
  out += value;
}

constexpr std::string_view kAbortedText =
    "current transaction is aborted, commands ignored until end of transaction block";

}  // namespace

char ClientSession::LocalStatus() const {
  if (deferred_ == nullptr) return 'I';
  return deferred_->failed ? 'E' : 'T';
}

void ClientSession::AnswerLocally(std::string_view tag) {
  std::string& reply = NewLocalReply();
  wire::AppendCommandComplete(reply, tag);
  wire::AppendReadyForQuery(reply, LocalStatus());
  if (unnamed_ != nullptr) unnamed_->Forget();  // a Query drops it
}

// A Query without a server. False: it needs one.
bool ClientSession::AnsweredWithoutServer(const FrameScanner::Item& item) {
  const std::string_view body = Body(item);
  if (SessionMode() || body.empty() || body.back() != '\0') return false;
  const TextSettings& settings = table_.scratch().text_settings.Of(wanted_);
  if (!settings.judgeable) return false;
  const SimpleForm form = sql::FindSimpleForm(body.substr(0, body.size() - 1), settings.syntax);
  if (form.kind == Kind::kOther) return false;
  if (deferred_ != nullptr) return EndedDeferred(form);
  switch (form.kind) {
    case Kind::kBegin:
      return Deferred(body.substr(0, body.size() - 1), form);
    case Kind::kCommit:
    case Kind::kRollback:
      // Postgres warns of it; whether that is to be shown only a server can tell if it was set.
      if (wanted_->Find("client_min_messages") != nullptr) return false;
      wire::AppendNoticeResponse(NewLocalReply(), {.severity = wire::Severity::kWarning,
                                                   .sqlstate = "25P01",
                                                   .message = "there is no transaction in progress",
                                                   .detail = {},
                                                   .hint = {}});
      AnswerLocally(form.kind == Kind::kCommit ? "COMMIT" : "ROLLBACK");
      return true;
    case Kind::kSet:
      return SetLocally(form);
    case Kind::kShow:
      return ShownLocally(form);
    case Kind::kDiscardAll:
      return DiscardedLocally();
    case Kind::kDeallocateAll:
      if (!SharesStatements()) return false;
      if (statements_ != nullptr) statements_->Clear();
      AnswerLocally("DEALLOCATE ALL");
      return true;
    case Kind::kOther:
      return false;
  }
  return false;
}

// ----- BEGIN -----

bool ClientSession::Deferred(std::string_view text, const SimpleForm& form) {
  if (!pool_.settings().deferred_begin) return false;
  // A standby refuses some of them.
  if (form.has_modes && pool_.in_hot_standby()) return false;
  if (!HintsAt(text)) {
    wire::AppendReadyForQuery(NewLocalReply(), LocalStatus());
    return true;
  }
  deferred_ = std::make_unique<DeferredBegin>();
  deferred_->text = text;
  transaction_open_ = true;
  transaction_at_ = table_.world().loop.Now();
  AnswerLocally(form.starts ? "START TRANSACTION" : "BEGIN");
  ArmDueTimer();
  return true;
}

// True: the transaction that had not begun on a server is over.
bool ClientSession::EndedDeferred(const SimpleForm& form) {
  if (form.kind != Kind::kCommit && form.kind != Kind::kRollback) return false;
  EndDeferred();
  const bool commits = form.kind == Kind::kCommit && !failed_before_end_;
  AnswerLocally(commits ? "COMMIT" : "ROLLBACK");
  return true;
}

void ClientSession::EndDeferred() {
  if (pool_.cluster != nullptr) EndRoute();  // a comment's shard was for this transaction alone
  failed_before_end_ = deferred_->failed;
  deferred_.reset();
  transaction_open_ = false;
  transaction_effects_ = {};
  ++pool_.stats().xact_count;
}

void ClientSession::SendDeferred() {
  if (deferred_ == nullptr) return;
  std::unique_ptr<DeferredBegin>& begin = MakeRare().sent_begin;
  begin = std::move(deferred_);
  SendHiddenQuery(begin->text);
  batch_status_ = 'T';
  if (!begin->failed) return;
  std::string& failing = table_.scratch().to_server.NewOwned();
  wire::AppendQuery(failing, kFailingSql);
  table_.scratch().to_server.AddOwned(failing);
  lease_->tracker().Sent(wire::Request::kHiddenFailure);
  batch_status_ = 'E';
}

// A transaction whose first statement found no server has failed, as far as the client knows.
// True: the message has been answered. False: only a server can tell, where it is made to fail.
bool ClientSession::AnsweredAborted(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  switch (item.type) {
    case 'Q': {
      if (AnsweredWithoutServer(item)) return true;
      const std::string_view text = reader.CString();
      if (!reader.ok() || MayLeaveAborted(text)) return false;
      RefuseAborted();
      wire::AppendReadyForQuery(NewLocalReply(), 'E');
      return true;
    }
    case 'P': {
      const bool named = !reader.CString().empty();
      const std::string_view text = reader.CString();
      deferred_->ends = false;
      if (!reader.ok() || (MayLeaveAborted(text) && !EndsTransaction(text))) return false;
      if (!EndsTransaction(text)) break;
      if (named && !ParsedWithoutServer(item)) return false;
      deferred_->ends = true;
      if (!named) NewLocalReply().append("1\0\0\0\4", wire::kHeaderBytes);  // ParseComplete
      return true;
    }
    case 'B': {
      reader.CString();
      const std::string_view name = reader.CString();
      const pool::Statement* statement =
          name.empty() || statements_ == nullptr ? nullptr : statements_->Find(name);
      if (statement != nullptr) deferred_->ends = EndsTransaction(TextOf(statement->contents()));
      if (!deferred_->ends) return false;
      NewLocalReply().append("2\0\0\0\4", wire::kHeaderBytes);  // BindComplete
      return true;
    }
    case 'D':
      if (!deferred_->ends) return false;
      if (reader.U8() == 'S') NewLocalReply().append("t\0\0\0\6\0\0", 7);
      NewLocalReply().append("n\0\0\0\4", wire::kHeaderBytes);  // NoData
      return true;
    case 'E':
      if (!deferred_->ends) return false;
      EndDeferred();
      wire::AppendCommandComplete(NewLocalReply(), "ROLLBACK");
      return true;
    case 'F':
      RefuseAborted();
      wire::AppendReadyForQuery(NewLocalReply(), 'E');
      return true;
    case 'C':
      return false;
    default:
      return true;  // Flush, ends of a COPY; Sync is answered elsewhere
  }
  RefuseAborted();
  skip_to_sync_ = true;
  return true;
}

bool ClientSession::EndsTransaction(std::string_view text) const {
  const Kind kind =
      sql::FindSimpleForm(text, table_.scratch().text_settings.Of(wanted_).syntax).kind;
  return kind == Kind::kCommit || kind == Kind::kRollback;
}

// Whether a failed transaction may do something else with it than to refuse it (exec_simple_query
// and IsTransactionExitStmt in src/backend/tcop/postgres.c).
bool ClientSession::MayLeaveAborted(std::string_view text) const {
  sql::Lexer lexer(text, table_.scratch().text_settings.Of(wanted_).syntax);
  sql::Token token = lexer.Next();
  while (token.kind == sql::TokenKind::kSemicolon) token = lexer.Next();
  if (token.kind != sql::TokenKind::kWord) return token.kind == sql::TokenKind::kEnd;
  const auto is = [&token](std::string_view word) {
    return sql::EqualsIgnoreCase(token.text(), word);
  };
  return is("commit") || is("end") || is("rollback") || is("abort") ||
         (is("prepare") && sql::EqualsIgnoreCase(lexer.Next().text(), "transaction"));
}

void ClientSession::RefuseAborted() {
  wire::AppendErrorResponse(NewLocalReply(), {.severity = wire::Severity::kError,
                                              .sqlstate = "25P02",
                                              .message = kAbortedText,
                                              .detail = {},
                                              .hint = {}});
}

// ----- settings -----

// A value that a server of this pool has accepted before, and what it made of it.
bool ClientSession::SetLocally(const SimpleForm& form) {
  if (DependsOnItself(form.name) || form.name.find('"') != std::string_view::npos) return false;
  const std::string* role = wanted_->Find(pool::kRole);
  const std::string* user = wanted_->Find(pool::kSessionUser);
  const std::string* own_user = defaults_->Find(pool::kSessionUser);
  const bool other_user = user != nullptr && own_user != nullptr && *user != *own_user;
  if (role != nullptr || other_user) return false;  // others may set other things
  const pool::Parameter* canonical = pool_.FindCanonical(KeyOfSet(form.name), ValueOf(form.value));
  if (canonical == nullptr) return false;
  const std::string* before = wanted_->Find(canonical->name);
  const bool tells = defaults_->Find(canonical->name) != nullptr &&
                     (before == nullptr || *before != canonical->value);
  std::string& reply = NewLocalReply();
  wire::AppendCommandComplete(reply, "SET");
  if (tells) wire::AppendParameterStatus(reply, canonical->name, canonical->value);
  wire::AppendReadyForQuery(reply, 'I');
  wanted_ = table_.world().parameters.With(wanted_, canonical->name, canonical->value);
  if (unnamed_ != nullptr) unnamed_->Forget();
  return true;
}

bool ClientSession::ShownLocally(const SimpleForm& form) {
  const pool::ParameterSet& own = *wanted_;
  const std::string name =
      sql::EqualsIgnoreCase(form.name, "time") ? "timezone" : std::string(form.name);
  // A server's own spelling of the name is known where it reports the value.
  for (const pool::Parameter& parameter : defaults_->all()) {
    if (!sql::EqualsIgnoreCase(parameter.name, pool::LowerCase(name))) continue;
    const std::string* value = own.Find(parameter.name);
    if (value == nullptr) return false;
    AppendTextRow(NewLocalReply(), parameter.name, *value);
    AnswerLocally("SHOW");
    return true;
  }
  return false;
}

// What a server accepted in a statement of its own: the next time it is not asked.
void ClientSession::NoteSet(std::string_view text) {
  if (notes_ != nullptr) notes_->set.reset();
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const SimpleForm form = sql::FindSimpleForm(text, syntax);
  if (form.kind != Kind::kSet || batch_status_ != 'I') return;
  if (DependsOnItself(form.name) || form.name.find('"') != std::string_view::npos) return;
  if (wanted_->Find(pool::kRole) != nullptr) return;
  Notes().set = std::make_unique<pool::Parameter>(
      pool::Parameter{pool::LowerCase(form.name), ValueOf(form.value)});
  notes_->set_request = lease_->tracker().next_number();
}

// The SET has been carried out, and what it made of the value is known.
void ClientSession::LearnSet() {
  if (notes_ == nullptr || notes_->set == nullptr) return;
  const std::unique_ptr<pool::Parameter> set = std::exchange(notes_->set, nullptr);
  for (const pool::Parameter& parameter : wanted_->all()) {
    if (!sql::EqualsIgnoreCase(parameter.name, set->name)) continue;
    if (parameter.value.size() <= kLearnedBytesMax && set->value.size() <= kLearnedBytesMax) {
      pool_.LearnCanonical(KeyOfSet(set->name), set->value, parameter);
    }
    break;
  }
}

bool ClientSession::DiscardedLocally() {
  if (!SharesStatements()) return false;
  if (statements_ != nullptr) statements_->Clear();
  sequence_server_ = 0;
  ++discards_;
  const pool::ParameterRef before = std::exchange(wanted_, initial_);
  NoteSearchPath();
  std::string& reply = NewLocalReply();
  wire::AppendCommandComplete(reply, "DISCARD ALL");
  for (const pool::Parameter& parameter : wanted_->all()) {
    const std::string* told = before->Find(parameter.name);
    if (defaults_->Find(parameter.name) == nullptr) continue;
    if (told != nullptr && *told == parameter.value) continue;
    wire::AppendParameterStatus(reply, parameter.name, parameter.value);
  }
  wire::AppendReadyForQuery(reply, 'I');
  if (unnamed_ != nullptr) unnamed_->Forget();
  return true;
}

}  // namespace pglynx::session
