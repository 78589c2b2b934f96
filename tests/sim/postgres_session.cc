#include "sim/postgres_session.h"

#include <algorithm>

#include "pglynx/core/check.h"

namespace pglynx::sim {
namespace {

// Postgres sends its output when this much has gathered, at a Flush, and when it is ready.
constexpr size_t kOutputBytes = 8192;
constexpr uint32_t kTextOid = 25;
constexpr std::string_view kAborted =
    "current transaction is aborted, commands ignored until end of transaction block";

}  // namespace

PostgresSession::PostgresSession(FakePostgres& server, uint64_t id,
                                 std::unique_ptr<net::Stream> stream)
    : server_(server), id_(id), stream_(std::move(stream)) {}

PostgresSession::~PostgresSession() {
  server_.world().loop.Unschedule(wake_);
}

void PostgresSession::OnData(std::span<char> bytes) {
  input_.append(bytes.data(), bytes.size());
  Process();
}

void PostgresSession::OnDrained() {
  Process();
}

void PostgresSession::OnClosed(const Error&) {
  End();
}

void PostgresSession::End() {
  if (over_) return;
  over_ = true;
  server_.world().loop.Unschedule(wake_);
  stream_->FinishAndClose();
  server_.Remove(*this);
}

void PostgresSession::Die(Death death) {
  if (over_) return;
  if (death == Death::kFatal) {
    Refuse("57P01", "terminating connection due to administrator command");
    return;
  }
  if (death == Death::kReset) {
    stream_->Close();  // with unread input: the system makes it a reset
  }
  End();
}

bool PostgresSession::IsDirty() const {
  return state_.transaction != TransactionState::kIdle || running_.has_value() ||
         copy_in_.has_value() || in_query_ || in_batch_ || !state_.now.temp_tables.empty() ||
         !state_.now.channels.empty() || server_.HoldsLocks(*this);
}

// ----- input -----

void PostgresSession::Process() {
  while (!over_ && !hangs_ && !running_.has_value() && phase_ != Phase::kLoginDelay &&
         stream_->pending_bytes() <= net::Stream::kHighWatermark) {
    if (in_query_ && !copy_in_.has_value()) {
      StepQuery();
    } else if (!NextMessage()) {
      break;
    }
  }
}

bool PostgresSession::NextMessage() {
  if (phase_ == Phase::kStartup) return OnStartupBytes();
  if (input_.size() < wire::kHeaderBytes) return false;
  const uint32_t length = LoadU32(input_.data() + 1);
  if (length < 4 || length > (1U << 30U)) {
    Refuse("08P01", "invalid message length");
    return false;
  }
  if (input_.size() < length + 1) return false;
  const std::string message = input_.substr(0, length + 1);
  input_.erase(0, length + 1);
  OnMessage(message[0], std::string_view(message).substr(wire::kHeaderBytes));
  return true;
}

void PostgresSession::OnMessage(char type, std::string_view body) {
  if (type == 'X') {
    End();
  } else if (phase_ != Phase::kReady) {
    OnPassword(body);
  } else if (copy_in_.has_value()) {
    OnCopyMessage(type, body);
  } else if (type == 'S') {
    OnSync();
  } else if (skip_to_sync_ || type == 'd' || type == 'c' || type == 'f') {
    // Discarded: behind an error, or the late rest of a COPY.
  } else if (type == 'Q') {
    OnQuery(body.substr(0, body.empty() ? 0 : body.size() - 1));
  } else if (type == 'F') {
    OnFunctionCall(body);
  } else if (type == 'H') {
    Flush();
  } else {
    OnExtended(type, body);
  }
}

void PostgresSession::OnExtended(char type, std::string_view body) {
  in_batch_ = true;
  is_extended_ = true;
  if (type != 'C') state_.BeginImplicit();
  const ByteReader reader(body);
  switch (type) {
    case 'P':
      OnParse(reader);
      break;
    case 'B':
      OnBind(reader);
      break;
    case 'D':
      OnDescribe(reader);
      break;
    case 'E':
      OnExecute(reader);
      break;
    case 'C':
      OnClose(reader);
      break;
    default:
      Refuse("08P01", "invalid frontend message type");
      break;
  }
  if (!over_ && out_.size() > kOutputBytes) Flush();
}

void PostgresSession::OnQuery(std::string_view text) {
  in_query_ = true;
  is_extended_ = false;
  state_.unnamed_statement.reset();
  state_.portals.erase("");
  const std::vector<std::string> statements = SplitStatements(text);
  for (const std::string& statement : statements) query_.push_back(ParseStatement(statement));
  // Postgres parses the whole text before it runs any of it.
  if (std::any_of(query_.begin(), query_.end(), [](const MiniStatement& statement) {
        return statement.kind == StatementKind::kSyntaxError;
      })) {
    NoteMarker(FindMarker(text));
    state_.BeginImplicit();
    Fail("42601", "syntax error");
    return;
  }
  if (query_.empty()) wire::MessageScope(out_, 'I');
}

void PostgresSession::StepQuery() {
  if (query_.empty()) {
    in_query_ = false;
    if (state_.transaction == TransactionState::kImplicit) CommitTransaction();
    ReadyForQuery();
    return;
  }
  Running next;
  next.statement = std::move(query_.front());
  query_.pop_front();
  StartStatement(std::move(next));
}

// ----- extended protocol -----

void PostgresSession::OnParse(ByteReader reader) {
  const std::string name(reader.CString());
  const std::string text(reader.CString());
  if (name.empty()) state_.unnamed_statement.reset();
  const std::vector<std::string> statements = SplitStatements(text);
  if (statements.size() > 1) {
    Fail("42601", "cannot insert multiple commands into a prepared statement");
    return;
  }
  MiniStatement statement = ParseStatement(text);
  if (statement.kind == StatementKind::kSyntaxError) {
    Fail("42601", "syntax error");
  } else if (state_.transaction == TransactionState::kFailed && !statement.EndsTransaction()) {
    Fail("25P02", kAborted);
  } else if (!name.empty() && state_.prepared.contains(name)) {
    Fail("42P05", "prepared statement \"" + name + "\" already exists");
  } else {
    PreparedStatement prepared{std::move(statement), batch_};
    if (name.empty()) {
      state_.unnamed_statement = std::move(prepared);
    } else {
      state_.prepared.emplace(name, std::move(prepared));
    }
    wire::MessageScope(out_, '1');
  }
}

void PostgresSession::OnBind(ByteReader reader) {
  Portal portal;
  const std::string portal_name(reader.CString());
  const std::string name(reader.CString());
  const uint16_t formats = reader.U16();
  reader.Bytes(size_t{formats} * 2);
  const uint16_t parameters = reader.U16();
  for (uint16_t i = 0; i < parameters; ++i) {
    const uint32_t length = reader.U32();
    portal.parameters.emplace_back(length == ~0U ? std::string_view() : reader.Bytes(length));
  }
  if (!reader.ok()) {
    Fail("08P01", "invalid message format");
    return;
  }
  const auto found = state_.prepared.find(name);
  if (name.empty() ? !state_.unnamed_statement.has_value() : found == state_.prepared.end()) {
    Fail("26000", "prepared statement \"" + name + "\" does not exist");
    return;
  }
  portal.statement = name.empty() ? state_.unnamed_statement->statement : found->second.statement;
  if (portal.parameters.size() != portal.statement.ParameterCount()) {
    Fail("08P01", "bind message supplies a wrong number of parameters");
  } else if (state_.transaction == TransactionState::kFailed &&
             !portal.statement.EndsTransaction()) {
    Fail("25P02", kAborted);
  } else if (!portal_name.empty() && state_.portals.contains(portal_name)) {
    Fail("42P03", "cursor \"" + portal_name + "\" already exists");
  } else {
    state_.portals[portal_name] = std::move(portal);
    wire::MessageScope(out_, '2');
  }
}

void PostgresSession::OnDescribe(ByteReader reader) {
  const bool of_statement = reader.U8() == 'S';
  const std::string name(reader.CString());
  const MiniStatement* statement = nullptr;
  if (of_statement) {
    const auto found = state_.prepared.find(name);
    if (name.empty() && state_.unnamed_statement.has_value()) {
      statement = &state_.unnamed_statement->statement;
    } else if (found != state_.prepared.end()) {
      statement = &found->second.statement;
    }
  } else if (const auto found = state_.portals.find(name); found != state_.portals.end()) {
    statement = &found->second.statement;
  }
  if (statement == nullptr) {
    Fail(of_statement ? "26000" : "34000", "\"" + name + "\" does not exist");
    return;
  }
  if (state_.transaction == TransactionState::kFailed && statement->ReturnsRows()) {
    Fail("25P02", kAborted);
    return;
  }
  if (of_statement) {
    const wire::MessageScope message(out_, 't');
    AppendU16(out_, static_cast<uint16_t>(statement->ParameterCount()));
    for (size_t i = 0; i < statement->ParameterCount(); ++i) AppendU32(out_, kTextOid);
  }
  AppendRowDescription(*statement);
}

void PostgresSession::OnExecute(ByteReader reader) {
  Running running;
  running.extended = true;
  running.portal = reader.CString();
  running.rows_max = reader.U32();
  const auto found = state_.portals.find(running.portal);
  if (!reader.ok() || found == state_.portals.end()) {
    Fail("34000", "portal \"" + running.portal + "\" does not exist");
    return;
  }
  running.statement = found->second.statement;
  running.parameters = found->second.parameters;
  StartStatement(std::move(running));
}

void PostgresSession::OnClose(ByteReader reader) {
  const bool of_statement = reader.U8() == 'S';
  const std::string name(reader.CString());
  if (!of_statement) {
    state_.portals.erase(name);
  } else if (name.empty()) {
    state_.unnamed_statement.reset();
  } else {
    state_.prepared.erase(name);
  }
  wire::MessageScope(out_, '3');
}

void PostgresSession::OnSync() {
  skip_to_sync_ = false;
  in_batch_ = false;
  if (state_.transaction == TransactionState::kImplicit) CommitTransaction();
  ReadyForQuery();
}

void PostgresSession::OnFunctionCall(std::string_view body) {
  is_extended_ = false;
  NoteMarker(FindMarker(body));
  if (state_.transaction == TransactionState::kFailed) {
    Fail("25P02", kAborted);
  } else {
    const Marker marker = FindMarker(body);
    const wire::MessageScope message(out_, 'V');
    const std::string result =
        "client-" + std::to_string(marker.client) + "/" + std::to_string(marker.number);
    AppendU32(out_, static_cast<uint32_t>(result.size()));
    out_ += result;
  }
  skip_to_sync_ = false;
  ReadyForQuery();
}

// ----- COPY IN -----

// While it reads CopyData the server ignores Sync and Flush ("COPY Operations").
void PostgresSession::OnCopyMessage(char type, std::string_view body) {
  if (type == 'S' || type == 'H') return;
  const Running copy = *copy_in_;
  if (type == 'd' && !cancel_in_copy_) {
    copy_lines_ += static_cast<size_t>(std::count(body.begin(), body.end(), '\n'));
    return;
  }
  copy_in_.reset();
  if (cancel_in_copy_) {
    Fail("57014", "canceling statement due to user request");
  } else if (type == 'c') {
    wire::AppendCommandComplete(out_, "COPY " + std::to_string(copy_lines_));
  } else if (type == 'f') {
    Fail("57014", "COPY from stdin failed");
  } else {
    Fail("08P01", "unexpected message type during COPY from stdin");
  }
}

// ----- output -----

void PostgresSession::Fail(std::string_view sqlstate, std::string_view message) {
  wire::AppendErrorResponse(out_, {.severity = wire::Severity::kError,
                                   .sqlstate = sqlstate,
                                   .message = message,
                                   .detail = {},
                                   .hint = {}});
  state_.Fail();
  query_.clear();
  if (is_extended_) skip_to_sync_ = true;
}

void PostgresSession::CommitTransaction() {
  std::vector<std::string> channels;
  channels.swap(state_.notifications);
  state_.Commit();
  for (const std::string& channel : channels) server_.Notify(channel, pid_);
}

void PostgresSession::ReadyForQuery() {
  batch_client_ = 0;
  ++batch_;
  // Changed parameters are reported when the server is ready (since Postgres 14).
  for (const KnownParameter* parameter : ReportedParameters()) {
    const std::string value = state_.Value(*parameter);
    std::string& told = reported_[parameter->name];
    if (told == value) continue;
    told = value;
    wire::AppendParameterStatus(out_, parameter->name, value);
  }
  if (state_.transaction == TransactionState::kIdle) {
    for (const auto& [channel, sender] : arrived_notifications_) {
      const wire::MessageScope message(out_, 'A');
      AppendU32(out_, sender);
      wire::AppendCString(out_, channel);
      wire::AppendCString(out_, "");
    }
    arrived_notifications_.clear();
  }
  wire::AppendReadyForQuery(out_, state_.StatusByte());
  Flush();
}

void PostgresSession::OnNotification(const std::string& channel, uint32_t sender) {
  arrived_notifications_.emplace_back(channel, sender);
  if (in_query_ || in_batch_ || state_.transaction != TransactionState::kIdle) return;
  for (const auto& [name, pid] : arrived_notifications_) {
    const wire::MessageScope message(out_, 'A');
    AppendU32(out_, pid);
    wire::AppendCString(out_, name);
    wire::AppendCString(out_, "");
  }
  arrived_notifications_.clear();
  Flush();
}

void PostgresSession::Flush() {
  if (out_.empty()) return;
  std::string bytes;
  bytes.swap(out_);
  if (phase_ == Phase::kReady && server_.dice().Chance(server_.faults.die_midway)) {
    bytes.resize(server_.dice().Below(bytes.size()));
    if (!bytes.empty()) stream_->Write(bytes);
    Die(server_.dice().Chance(0.5) ? Death::kClose : Death::kReset);
    return;
  }
  stream_->Write(bytes);
}

}  // namespace pglynx::sim
