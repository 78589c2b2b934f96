#include "sim/postgres_session.h"

#include <algorithm>

namespace pglynx::sim {
namespace {

// Postgres sends its output when this much has gathered, at a Flush, and when it is ready.
constexpr size_t kOutputBytes = 8192;
constexpr uint32_t kMessageBytesMax = 1U << 30U;
constexpr std::string_view kReadyAndIdle("Z\0\0\0\5I", 6);

// Functions that a FunctionCall may name: btrim(text), and what FakeClient calls. That is
// pg_backend_pid on a real server, which takes no argument; here it echoes the one it gets.
constexpr uint32_t kTrimFunction = 885;
constexpr uint32_t kEchoFunction = 2026;

std::string Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

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
         !state_.now.channels.empty() || server_.locks().Holds(*this);
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
  if (length < 4 || length > kMessageBytesMax) {
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
  if (copy_in_.has_value()) {
    OnCopyMessage(type, body);
  } else if (type == 'X') {
    End();
  } else if (phase_ != Phase::kReady) {
    OnPassword(body);
  } else if (type == 'S') {
    OnSync();
  } else if (std::string_view("QFHPBDECdcf").find(type) == std::string_view::npos) {
    Refuse("08P01", "invalid frontend message type " + std::to_string(type));
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
    if (!over_ && out_.size() > kOutputBytes) Flush();
  }
}

// ----- Query -----

void PostgresSession::OnQuery(std::string_view text) {
  in_query_ = true;
  is_extended_ = false;
  state_.unnamed_statement.reset();
  const std::vector<std::string> statements = SplitStatements(text);
  for (const std::string& statement : statements) query_.push_back(ParseStatement(statement));
  many_in_query_ = query_.size() > 1;
  state_.BeginImplicit();
  // Postgres parses the whole text before it runs any of it.
  if (std::any_of(query_.begin(), query_.end(), [](const MiniStatement& statement) {
        return statement.kind == StatementKind::kSyntaxError;
      })) {
    NoteMarker(FindMarker(text));
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
  MiniStatement next = std::move(query_.front());
  query_.pop_front();
  StartSimple(std::move(next));
}

// ----- FunctionCall -----

void PostgresSession::OnFunctionCall(std::string_view body) {
  is_extended_ = false;
  NoteMarker(FindMarker(body));
  state_.BeginImplicit();
  SqlValue result;
  std::optional<SqlError> error;
  if (state_.transaction == TransactionState::kFailed) {
    error = SqlError{"25P02",
                     "current transaction is aborted, commands ignored until end of transaction "
                     "block"};
  } else {
    error = CallFunction(ByteReader(body), result);
  }
  if (error.has_value()) {
    Fail(error->sqlstate, error->message);
  } else {
    const wire::MessageScope message(out_, 'V');
    AppendU32(out_, result.has_value() ? static_cast<uint32_t>(result->size()) : ~0U);
    out_ += result.value_or("");
  }
  if (state_.transaction == TransactionState::kImplicit) CommitTransaction();
  ReadyForQuery();
}

std::optional<SqlError> PostgresSession::CallFunction(ByteReader reader, SqlValue& result) {
  const uint32_t function = reader.U32();
  if (function != kTrimFunction && function != kEchoFunction) {
    return SqlError{"42883", "function with OID " + std::to_string(function) + " does not exist"};
  }
  reader.Bytes(size_t{reader.U16()} * 2);  // formats
  const uint16_t arguments = reader.U16();
  if (arguments != 1) {
    return SqlError{"08P01", "function call message contains " + std::to_string(arguments) +
                                 " arguments but function requires 1"};
  }
  const uint32_t length = reader.U32();
  if (length == ~0U) return std::nullopt;
  result = std::string(reader.Bytes(length));
  if (function == kTrimFunction) result = Trimmed(*result);
  return std::nullopt;
}

// ----- output -----

void PostgresSession::Fail(std::string_view sqlstate, std::string_view message) {
  wire::AppendErrorResponse(out_, {.severity = wire::Severity::kError,
                                   .sqlstate = sqlstate,
                                   .message = message,
                                   .detail = {},
                                   .hint = {}});
  if (state_.transaction != TransactionState::kFailed) {
    const bool in_block = state_.transaction == TransactionState::kBlock;
    server_.locks().UnlockTransaction(*this, in_block ? state_.level() : 0);
  }
  state_.Fail();
  query_.clear();
  pipelining_ = false;
  if (is_extended_) skip_to_sync_ = true;
  Flush();  // send_message_to_frontend flushes (src/backend/utils/error/elog.c)
}

void PostgresSession::Warn(std::string_view sqlstate, std::string_view message) {
  // The product sends no warnings, so its writer has none.
  const wire::MessageScope notice(out_, 'N');
  const auto append = [this](char field, std::string_view value) {
    out_ += field;
    wire::AppendCString(out_, value);
  };
  append('S', "WARNING");
  append('V', "WARNING");
  append('C', sqlstate);
  append('M', message);
  out_ += '\0';
}

void PostgresSession::ReadyForQuery() {
  batch_client_ = 0;
  ++batch_;
  in_batch_ = false;
  if (state_.transaction == TransactionState::kIdle) AppendNotifications();
  // Changed parameters are reported when the server is ready (since Postgres 14).
  for (const KnownParameter* parameter : ReportedParameters()) {
    const std::string value = state_.Value(*parameter);
    std::string& told = reported_[parameter->name];
    if (told == value) continue;
    told = value;
    wire::AppendParameterStatus(out_, parameter->name, value);
  }
  wire::AppendReadyForQuery(out_, state_.StatusByte());
  Flush();
}

// Those that it listens to at this moment; the rest is forgotten.
void PostgresSession::AppendNotifications() {
  for (const auto& [channel, sender] : arrived_notifications_) {
    if (!state_.heard_channels.contains(channel)) continue;
    const wire::MessageScope message(out_, 'A');
    AppendU32(out_, sender);
    wire::AppendCString(out_, channel);
    wire::AppendCString(out_, "");
  }
  arrived_notifications_.clear();
}

void PostgresSession::OnNotification(const std::string& channel, uint32_t sender) {
  arrived_notifications_.emplace_back(channel, sender);
  if (in_query_ || in_batch_ || state_.transaction != TransactionState::kIdle) return;
  AppendNotifications();
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
  if (bytes.ends_with(kReadyAndIdle) && server_.dice().Chance(server_.faults.die_behind)) {
    out_.swap(bytes);
    Die(Death::kFatal);
    return;
  }
  stream_->Write(bytes);
}

}  // namespace pglynx::sim
