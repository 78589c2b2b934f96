// FakePostgres: what each statement does.

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

constexpr size_t kOutputBytes = 8192;

int64_t ToInteger(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool IsLockCall(const SelectItem& item) {
  return item.kind == SelectItem::Kind::kCall && item.text == "pg_advisory_lock" &&
         item.arguments.size() == 1;
}

// What pg_sleep calls in it take.
Duration SleepOf(const MiniStatement& statement) {
  Duration sleep = Duration::zero();
  for (const SelectItem& item : statement.items) {
    if (item.kind != SelectItem::Kind::kCall || item.text != "pg_sleep") continue;
    if (item.arguments.empty()) continue;
    const double seconds = std::strtod(item.arguments[0].c_str(), nullptr);
    sleep += Duration(static_cast<int64_t>(seconds * 1e6));
  }
  return sleep;
}

void AppendDataRow(std::string& out, const std::vector<std::string>& values) {
  const wire::MessageScope message(out, 'D');
  AppendU16(out, static_cast<uint16_t>(values.size()));
  for (const std::string& value : values) {
    AppendU32(out, static_cast<uint32_t>(value.size()));
    out += value;
  }
}

}  // namespace

// ----- running -----

void PostgresSession::StartStatement(Running running) {
  Marker marker = FindMarker(running.statement.text);
  for (const std::string& parameter : running.parameters) {
    if (FindMarker(parameter).client != 0) marker = FindMarker(parameter);
  }
  NoteMarker(marker);
  state_.BeginImplicit();
  if (state_.transaction == TransactionState::kFailed && !running.statement.EndsTransaction() &&
      running.statement.kind != StatementKind::kEmpty) {
    Fail("25P02",
         "current transaction is aborted, commands ignored until end of transaction block");
    return;
  }
  if (MeetsFault()) return;
  Dice& dice = server_.dice();
  Duration delay = SleepOf(running.statement);
  if (dice.Chance(server_.faults.late)) {
    delay += dice.Between(Duration::zero(), server_.faults.late_max);
  }
  running_ = std::move(running);
  if (delay == Duration::zero()) {
    RunStatement();
    return;
  }
  wake_ = server_.world().loop.Schedule(server_.world().loop.Now() + delay, [this] {
    RunStatement();
    Process();
  });
}

bool PostgresSession::MeetsFault() {
  Dice& dice = server_.dice();
  const PostgresFaults& faults = server_.faults;
  if (dice.Chance(faults.die)) {
    Die(static_cast<Death>(dice.Below(3)));
    return true;
  }
  if (dice.Chance(faults.hang)) {
    hangs_ = true;
    return true;
  }
  if (dice.Chance(faults.notice)) {
    wire::AppendNoticeResponse(out_, {.severity = wire::Severity::kNotice,
                                      .sqlstate = "00000",
                                      .message = "a simulated notice",
                                      .detail = {},
                                      .hint = {}});
  }
  if (dice.Chance(faults.parameter_status)) {
    standby_ = !standby_;
    wire::AppendParameterStatus(out_, "in_hot_standby", standby_ ? "on" : "off");
  }
  if (dice.Chance(faults.fail_statement)) {
    Fail(kSimulatedFailure, "a simulated failure");
    return true;
  }
  return false;
}

// The time it takes has passed; it may still have to wait for a lock.
void PostgresSession::RunStatement() {
  for (const SelectItem& item : running_->statement.items) {
    if (!IsLockCall(item) || waits_for_lock_) continue;
    if (!server_.Lock(ToInteger(item.arguments[0]), *this)) {
      waits_for_lock_ = true;
      return;
    }
  }
  FinishStatement();
}

void PostgresSession::OnLockGranted() {
  waits_for_lock_ = false;
  lock_granted_ = true;
  wake_ = server_.world().loop.Schedule(server_.world().loop.Now(), [this] {
    lock_granted_ = false;
    FinishStatement();
    Process();
  });
}

void PostgresSession::FinishStatement() {
  const Running running = std::move(*running_);
  running_.reset();
  if (const std::optional<SqlError> error = Execute(running)) {
    Fail(error->sqlstate, error->message);
  }
  if (!over_ && out_.size() > kOutputBytes) Flush();
}

void PostgresSession::OnCancel() {
  if (copy_in_.has_value()) cancel_in_copy_ = true;
  if (!running_.has_value() || over_) return;
  server_.world().loop.Unschedule(wake_);
  if (waits_for_lock_) server_.LeaveLine(*this);
  waits_for_lock_ = false;
  if (lock_granted_) {
    for (const SelectItem& item : running_->statement.items) {
      if (IsLockCall(item)) server_.Unlock(ToInteger(item.arguments[0]), *this);
    }
  }
  lock_granted_ = false;
  running_.reset();
  Fail("57014", "canceling statement due to user request");
  Process();
}

// ----- statements -----

std::optional<PostgresSession::SqlError> PostgresSession::Execute(const Running& running) {
  const MiniStatement& statement = running.statement;
  switch (statement.kind) {
    case StatementKind::kEmpty:
      wire::MessageScope(out_, 'I');
      return std::nullopt;
    case StatementKind::kSyntaxError:
      return SqlError{"42601", "syntax error"};
    case StatementKind::kSelect:
    case StatementKind::kShow:
    case StatementKind::kCopyOut:
      return ExecuteSelect(running);
    case StatementKind::kSet:
    case StatementKind::kSetLocal:
    case StatementKind::kReset:
    case StatementKind::kResetAll:
      return ExecuteSetting(statement);
    case StatementKind::kBegin:
    case StatementKind::kCommit:
    case StatementKind::kRollback:
      return ExecuteTransaction(statement);
    case StatementKind::kCopyIn:
      BeginCopyIn(running);
      return std::nullopt;
    case StatementKind::kCreateTemp:
    case StatementKind::kDropTable:
    case StatementKind::kInsert:
      return ExecuteTable(statement);
    case StatementKind::kListen:
    case StatementKind::kUnlisten:
    case StatementKind::kNotify:
    case StatementKind::kPrepare:
    case StatementKind::kExecute:
    case StatementKind::kDeallocate:
    case StatementKind::kDeallocateAll:
    case StatementKind::kDiscard:
      return ExecuteSession(statement);
  }
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::ExecuteSelect(const Running& running) {
  std::vector<std::string> rows;
  const auto portal = state_.portals.find(running.portal);
  const bool resumes = running.extended && portal != state_.portals.end();
  if (resumes && portal->second.started) {
    rows = std::move(portal->second.rows);
  } else if (const std::optional<SqlError> error = MakeRows(running, rows)) {
    return error;
  }
  if (running.statement.kind == StatementKind::kCopyOut) {
    {
      const wire::MessageScope message(out_, 'H');
      out_ += '\0';
      AppendU16(out_, 1);
      AppendU16(out_, 0);
    }
    for (const std::string& row : rows) out_ += row;
    wire::MessageScope(out_, 'c');
    wire::AppendCommandComplete(out_, "COPY " + std::to_string(rows.size()));
    return std::nullopt;
  }
  if (!running.extended) AppendRowDescription(running.statement);
  size_t sent = 0;
  while (sent < rows.size() && (running.rows_max == 0 || sent < running.rows_max)) {
    out_ += rows[sent++];
  }
  if (resumes) {
    portal->second.started = true;
    portal->second.rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(sent), rows.end());
  }
  if (sent < rows.size() || (running.rows_max != 0 && sent == running.rows_max)) {
    wire::MessageScope(out_, 's');
  } else {
    const bool show = running.statement.kind == StatementKind::kShow;
    wire::AppendCommandComplete(out_, show ? "SHOW" : "SELECT " + std::to_string(sent));
  }
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::MakeRows(const Running& running,
                                                                   std::vector<std::string>& rows) {
  const MiniStatement& statement = running.statement;
  if (statement.kind == StatementKind::kShow) {
    const KnownParameter* known = FindParameter(statement.name);
    if (known == nullptr) {
      return SqlError{"42704", "unrecognized configuration parameter \"" + statement.name + "\""};
    }
    AppendDataRow(rows.emplace_back(), {state_.Value(*known)});
    return std::nullopt;
  }
  size_t count = statement.series;
  const std::vector<std::string>* table = nullptr;
  if (!statement.table.empty()) {
    const auto found = state_.now.temp_tables.find(statement.table);
    if (found == state_.now.temp_tables.end()) {
      return SqlError{"42P01", "relation \"" + statement.table + "\" does not exist"};
    }
    table = &found->second;
    count = table->size();
  }
  for (size_t row = 0; row < count; ++row) {
    std::vector<std::string> values;
    for (const SelectItem& item : statement.items) {
      std::string& value = values.emplace_back();
      if (item.kind == SelectItem::Kind::kColumn && item.text == "x" && table != nullptr) {
        value = (*table)[row];
      } else if (const std::optional<SqlError> error = Evaluate(item, running, value)) {
        return error;
      }
    }
    std::string& message = rows.emplace_back();
    if (statement.kind == StatementKind::kCopyOut) {
      const wire::MessageScope data(message, 'd');
      message += values[0];
      message += '\n';
    } else {
      AppendDataRow(message, values);
    }
  }
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::Evaluate(const SelectItem& item,
                                                                   const Running& running,
                                                                   std::string& value) {
  switch (item.kind) {
    case SelectItem::Kind::kString:
    case SelectItem::Kind::kNumber:
      value = item.text;
      return std::nullopt;
    case SelectItem::Kind::kParameter: {
      const auto index = static_cast<size_t>(ToInteger(item.text));
      if (index == 0 || index > running.parameters.size()) {
        return SqlError{"42P02", "there is no parameter $" + item.text};
      }
      value = running.parameters[index - 1];
      return std::nullopt;
    }
    case SelectItem::Kind::kDivision:
      return SqlError{"22012", "division by zero"};
    case SelectItem::Kind::kColumn:
      return SqlError{"42703", "column \"" + item.text + "\" does not exist"};
    case SelectItem::Kind::kCall:
      return EvaluateCall(item, value);
  }
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::EvaluateCall(const SelectItem& item,
                                                                       std::string& value) {
  const size_t count = item.arguments.size();
  if (item.text == "pg_backend_pid" && count == 0) {
    value = std::to_string(pid_);
  } else if ((item.text == "pg_sleep" && count == 1) || IsLockCall(item)) {
    value.clear();  // done before
  } else if (item.text == "repeat" && count == 2) {
    for (int64_t i = ToInteger(item.arguments[1]); i > 0; --i) value += item.arguments[0];
  } else if (item.text == "pg_try_advisory_lock" && count == 1) {
    value = server_.TryLock(ToInteger(item.arguments[0]), *this) ? "t" : "f";
  } else if (item.text == "pg_advisory_unlock" && count == 1) {
    value = server_.Unlock(ToInteger(item.arguments[0]), *this) ? "t" : "f";
  } else if (item.text == "pg_advisory_unlock_all" && count == 0) {
    server_.UnlockAll(*this);
  } else if (item.text == "current_setting" && count == 1) {
    const KnownParameter* known = FindParameter(item.arguments[0]);
    if (known == nullptr) return SqlError{"42704", "unrecognized configuration parameter"};
    value = state_.Value(*known);
  } else {
    return EvaluateSequence(item, value);
  }
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::EvaluateSequence(const SelectItem& item,
                                                                           std::string& value) {
  const std::string name = item.arguments.empty() ? state_.last_sequence : item.arguments[0];
  if (item.text == "nextval") {
    const int64_t next = server_.NextValue(name);
    state_.sequence_values[name] = next;
    state_.last_sequence = name;
    value = std::to_string(next);
    return std::nullopt;
  }
  if (item.text != "currval" && item.text != "lastval") {
    return SqlError{"42883", "function " + item.text + " does not exist"};
  }
  const auto found = state_.sequence_values.find(name);
  if (found == state_.sequence_values.end()) {
    return SqlError{"55000", item.text + " is not yet defined in this session"};
  }
  value = std::to_string(found->second);
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::ExecuteSetting(
    const MiniStatement& statement) {
  if (statement.kind == StatementKind::kResetAll) {
    state_.ResetAll();
    wire::AppendCommandComplete(out_, "RESET");
    return std::nullopt;
  }
  const KnownParameter* known = FindParameter(statement.name);
  if (known == nullptr) {
    return SqlError{"42704", "unrecognized configuration parameter \"" + statement.name + "\""};
  }
  if (known->fixed) return SqlError{"55P02", "parameter cannot be changed"};
  if (statement.kind == StatementKind::kReset) {
    state_.Reset(*known);
    // Made from SET … TO DEFAULT too, which has a tag of its own.
    wire::AppendCommandComplete(out_, statement.value.empty() ? "RESET" : "SET");
    return std::nullopt;
  }
  std::optional<std::string> value = CanonicalValue(*known, statement.value);
  if (!value.has_value()) {
    return SqlError{"22023", "invalid value for parameter \"" + statement.name + "\""};
  }
  if (statement.kind == StatementKind::kSet) {
    state_.Set(*known, std::move(*value));
  } else {  // until the end of the transaction, an implicit one too
    state_.SetLocal(*known, std::move(*value));
  }
  wire::AppendCommandComplete(out_, "SET");
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::ExecuteTransaction(
    const MiniStatement& statement) {
  const bool in_block = state_.transaction == TransactionState::kBlock;
  const bool failed = state_.transaction == TransactionState::kFailed;
  if (statement.kind == StatementKind::kBegin) {
    if (in_block) {
      wire::AppendNoticeResponse(out_, {.severity = wire::Severity::kNotice,
                                        .sqlstate = "25001",
                                        .message = "there is already a transaction in progress",
                                        .detail = {},
                                        .hint = {}});
    }
    state_.BeginBlock();
    wire::AppendCommandComplete(out_, "BEGIN");
    return std::nullopt;
  }
  if (!in_block && !failed) {
    wire::AppendNoticeResponse(out_, {.severity = wire::Severity::kNotice,
                                      .sqlstate = "25P01",
                                      .message = "there is no transaction in progress",
                                      .detail = {},
                                      .hint = {}});
  }
  const bool commits = statement.kind == StatementKind::kCommit && !failed;
  if (commits) {
    CommitTransaction();
  } else {
    state_.Rollback();
  }
  wire::AppendCommandComplete(out_, commits ? "COMMIT" : "ROLLBACK");
  return std::nullopt;
}

}  // namespace pglynx::sim
