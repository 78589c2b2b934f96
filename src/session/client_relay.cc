// Client to server: what each message means for the server that carries it.

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::FrameScanner;
using wire::Request;

// No client statement has this name on a server: Close of it is answered and does nothing.
constexpr std::string_view kNoStatement = "pglynx_none";
// A statement that fails on every server, in place of one that is refused here.
constexpr std::string_view kFailingSql = "!pglynx refused this statement";
// A longer unnamed statement is not kept for a Bind in a later batch.
constexpr size_t kUnnamedBytesMax = size_t{16} * 1024;
// Whose unnamed statement a server holds when that cannot be told.
constexpr uint64_t kUnknownClient = ~uint64_t{0};

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
  FlushToServer();
  ForwardToClient();
  if (terminate_seen_ && state_ == State::kActive && !lease_->tracker().empty()) {
    // What was sent before Terminate is carried out, as Postgres does.
    stream_->FinishAndClose();
    SetState(State::kDraining);
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
    if (!AcquireServer(item.type, &denied)) return denied;
  }
  PrepareServer();
  if (!request_open_) {
    request_open_ = true;
    request_at_ = table_.world().loop.Now();
    if (!transaction_open_) {
      transaction_open_ = true;
      transaction_at_ = request_at_;
    }
  }
  ForwardClientMessage(item);
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
  if (effects.Pins() || effects.Has(sql::StateEffect::kReadsSequences)) return false;
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

bool ClientSession::AcquireServer(char type, bool* denied) {
  pool::Pool::Outcome outcome = pool_.Acquire(*this);
  if (auto* lease = std::get_if<pool::Lease>(&outcome)) {
    Attach(std::move(*lease));
    return true;
  }
  if (const auto* error = std::get_if<Error>(&outcome)) {
    DenyWithoutServer(type, *error);
    *denied = true;
    return false;
  }
  SetState(State::kWaiting);
  return false;
}

void ClientSession::DenyWithoutServer(char type, const Error& error) {
  if (wire::MeaningOf(error.code).disposition == wire::Disposition::kEndSession) {
    Fatal(error);
    return;
  }
  std::string& reply = NewLocalReply();
  wire::AppendErrorResponse(reply, wire::Severity::kError, error);
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
  WriteBatch& batch = table_.scratch().to_server;
  if (!(memory.parameters == wanted_)) {
    std::string& sql = batch.NewOwned();
    const int messages = pool::AppendParameterChanges(sql, *memory.parameters, *wanted_);
    for (int i = 0; i < messages; ++i) tracker.Sent(Request::kHiddenQuery);
    batch.AddOwned(sql);
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
      break;
    case 'c':
    case 'f':
      tracker.Sent(Request::kCopyEnd);
      break;
    case 'F':
      if (!SessionMode()) Pin("function");
      tracker.Sent(Request::kFunctionCall);
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
  if (effects.Has(sql::StateEffect::kReset)) reset_seen_ = true;
  if (effects.Pins()) Pin(sql::PinReason(effects));
  return true;
}

void ClientSession::Pin(std::string_view reason) {
  lease_->memory().needs_reset = true;
  if (pin_reason_.empty()) pin_reason_ = reason;
}

void ClientSession::DenyOnServer(Request denial, Error error) {
  WriteBatch& batch = table_.scratch().to_server;
  std::string& message = batch.NewOwned();
  if (denial == Request::kDeniedQuery) {
    wire::AppendQuery(message, kFailingSql);
  } else {
    std::string contents(kFailingSql);
    contents.append(3, '\0');  // the query's end, and no parameter types
    wire::AppendParse(message, kNoStatement, contents);
  }
  batch.AddOwned(message);
  lease_->tracker().Sent(denial);
  drop_bytes_ = scanner_.body_remaining();  // of the message that was refused
  if (denied_ == nullptr) denied_ = std::make_unique<std::vector<Error>>();
  denied_->push_back(std::move(error));
}

void ClientSession::OnQuery(const FrameScanner::Item& item) {
  const std::string_view body = Body(item);
  if (body.empty() || body.back() != '\0') {
    FlushToServer();
    Fatal({ErrorCode::kProtocolViolation, "invalid Query message: its text has no end"});
    return;
  }
  if (!SessionMode()) {
    const sql::StateEffects effects = JudgeText(body.substr(0, body.size() - 1));
    if (!Admit(effects, Request::kDeniedQuery)) return;
    // exec_simple_query drops the unnamed statement (src/backend/tcop/postgres.c).
    unnamed_.clear();
    lease_->memory().unnamed_statement_of = 0;
  }
  lease_->tracker().Sent(Request::kQuery);
  table_.scratch().to_server.Add(item.bytes);
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
  sql::StateEffects effects;
  if (!SessionMode()) {
    effects = JudgeText(text);
    if (!Admit(effects, Request::kDeniedParse)) return;
  }
  if (!name.empty() && SharesStatements()) {
    OnNamedParse(name, contents, effects);
    return;
  }
  if (!name.empty()) {
    if (!SessionMode()) Pin("prepare");
  } else if (!SessionMode()) {
    const bool kept = contents.size() <= kUnnamedBytesMax;
    unnamed_.assign(kept ? contents : std::string_view());
    unnamed_effects_ = effects;
    lease_->memory().unnamed_statement_of = id_;
    lease_->memory().unnamed_statement_version = ++unnamed_version_;
  }
  lease_->tracker().Sent(Request::kParse);
  table_.scratch().to_server.Add(item.bytes);
}

void ClientSession::OnNamedParse(std::string_view name, std::string_view contents,
                                 sql::StateEffects effects) {
  WriteBatch& batch = table_.scratch().to_server;
  wire::ReplyTracker& tracker = lease_->tracker();
  ++pool_.stats().client_parse_count;
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  const uint32_t statements_max = table_.world().config->general.max_client_statements;
  if (statements_->Find(name) != nullptr) {
    DenyOnServer(Request::kDeniedParse,
                 {ErrorCode::kDuplicateStatement,
                  fmt::format("prepared statement \"{}\" already exists", name)});
    return;
  }
  if (statements_->size() >= statements_max) {
    DenyOnServer(Request::kDeniedParse, {ErrorCode::kConfigurationLimit,
                                         fmt::format("too many prepared statements of one client: "
                                                     "max_client_statements = {}",
                                                     statements_max)});
    return;
  }
  pool::StatementRef statement = pool_.statements().Get(
      contents, table_.scratch().text_settings.Of(wanted_).identity, effects.bits());
  std::string& message = batch.NewOwned();
  if (lease_->memory().statements.Touch(statement->id)) {
    // Answered in its place in the pipeline: CloseComplete, shown as ParseComplete.
    wire::AppendClose(message, 'S', kNoStatement);
    tracker.Sent(Request::kParseAsClose);
  } else {
    wire::AppendParse(message, statement->name, contents);
    lease_->memory().statements.Sent(statement->id);
    tracker.Sent(Request::kNamedParse);
    ++pool_.stats().server_parse_count;
  }
  batch.AddOwned(message);
  statements_->Add(name, std::move(statement));
}

std::string_view ClientSession::NameOnServer(std::string_view name) {
  const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
  if (statement == nullptr) return {};
  if (!lease_->memory().statements.Touch(statement->id)) {
    WriteBatch& batch = table_.scratch().to_server;
    std::string& parse = batch.NewOwned();
    wire::AppendParse(parse, statement->name, statement->contents());
    batch.AddOwned(parse);
    lease_->memory().statements.Sent(statement->id);
    lease_->tracker().Sent(Request::kHiddenParse);
    ++pool_.stats().server_parse_count;
  }
  return statement->name;
}

// A Bind or Describe of the unnamed statement in a later batch than its Parse: the server
// may be another one, or hold another client's.
void ClientSession::EnsureUnnamedStatement() {
  pool::ServerMemory& memory = lease_->memory();
  if (memory.unnamed_statement_of == id_ && memory.unnamed_statement_version == unnamed_version_) {
    return;
  }
  WriteBatch& batch = table_.scratch().to_server;
  if (!unnamed_.empty()) {
    std::string& parse = batch.NewOwned();
    wire::AppendParse(parse, "", unnamed_);
    batch.AddOwned(parse);
    lease_->tracker().Sent(Request::kHiddenUnnamedParse);
    memory.unnamed_statement_of = id_;
    memory.unnamed_statement_version = unnamed_version_;
  } else if (memory.unnamed_statement_of != 0) {
    std::string& close = batch.NewOwned();
    wire::AppendClose(close, 'S', "");
    batch.AddOwned(close);
    lease_->tracker().Sent(Request::kHiddenClose);
    memory.unnamed_statement_of = 0;
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
  } else if (name.empty()) {
    if (!Admit(unnamed_effects_, Request::kDeniedParse)) return;
    EnsureUnnamedStatement();
    table_.scratch().to_server.Add(item.bytes);
  } else {
    ++pool_.stats().bind_count;
    const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
    if (statement != nullptr &&
        !Admit(sql::StateEffects::FromBits(statement->effects), Request::kDeniedParse)) {
      return;
    }
    const std::string_view server_name = NameOnServer(name);
    if (server_name.empty()) {
      DenyOnServer(Request::kDeniedParse,
                   {ErrorCode::kInvalidStatementName,
                    fmt::format("prepared statement \"{}\" does not exist", name)});
      return;
    }
    AddRenamed(item, name_at, name.size(), server_name);
  }
  lease_->tracker().Sent(Request::kBind);
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
      const std::string_view server_name = NameOnServer(name);
      if (server_name.empty()) {
        DenyOnServer(Request::kDeniedParse,
                     {ErrorCode::kInvalidStatementName,
                      fmt::format("prepared statement \"{}\" does not exist", name)});
        return;
      }
      AddRenamed(item, name_at, name.size(), server_name);
      lease_->tracker().Sent(Request::kDescribe);
      return;
    }
  }
  lease_->tracker().Sent(Request::kDescribe);
  table_.scratch().to_server.Add(item.bytes);
}

void ClientSession::OnCloseStatement(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string_view name = reader.CString();
  if (reader.ok() && of_statement && !SessionMode()) {
    if (name.empty()) {
      unnamed_.clear();
      lease_->memory().unnamed_statement_of = 0;
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
