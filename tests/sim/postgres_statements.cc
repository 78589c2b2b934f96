// FakePostgres: how a statement runs, from its start to its last message.

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

}  // namespace

void PostgresSession::StartSimple(MiniStatement statement) {
  NoteMarker(FindMarker(statement.text));
  state_.BeginImplicit();
  if (IsRefusedByFailure(statement)) return;
  std::vector<uint32_t> types;
  std::optional<SqlError> error = Analyze(statement, state_, ParameterUse::kRefused, types);
  if (!error.has_value()) error = Plan(statement);
  if (error.has_value()) {
    Fail(error->sqlstate, error->message);
    return;
  }
  state_.portals[""] = MakePortal(statement, {}, {});
  Running running;
  running.statement = std::move(statement);
  StartStatement(std::move(running));
}

void PostgresSession::StartStatement(Running running) {
  if (running.extended) {
    Marker marker = FindMarker(running.statement.text);
    for (const SqlValue& parameter : state_.portals.find(running.portal)->second.parameters) {
      const Marker of_parameter = FindMarker(parameter.value_or(""));
      if (of_parameter.client != 0) marker = of_parameter;
    }
    NoteMarker(marker);
  }
  if (MeetsFault()) return;
  Dice& dice = server_.dice();
  Duration delay = SleepOf(Inner(running.statement));
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
    settings_failed_ = settings_failed_ || is_poolers_;
    Fail(kSimulatedFailure, "a simulated failure");
    return true;
  }
  return false;
}

const MiniStatement& PostgresSession::Inner(const MiniStatement& statement) const {
  if (statement.kind != StatementKind::kExecute) return statement;
  const auto found = state_.prepared.find(statement.name);
  return found == state_.prepared.end() ? statement : found->second.statement;
}

AdvisoryLocks::Request PostgresSession::LockRequest(const SelectItem& item) const {
  return {.key = item.arguments.empty() ? 0 : ToInteger(item.arguments[0]),
          .scope = IsTransactionLock(item) ? LockScope::kTransaction : LockScope::kSession,
          .level = state_.level()};
}

// The time it takes has passed; it may still have to wait for a lock.
void PostgresSession::RunStatement() {
  const auto portal = state_.portals.find(running_->portal);
  const bool resumes = portal != state_.portals.end() && portal->second.started;
  for (const SelectItem& item : Inner(running_->statement).items) {
    if (!IsLockCall(item) || waits_for_lock_ || resumes) continue;
    if (!server_.locks().Lock(LockRequest(item), *this)) {
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
  const bool had_failed = state_.transaction == TransactionState::kFailed;
  const std::optional<SqlError> error = Execute(running);
  if (error.has_value()) {
    Fail(error->sqlstate, error->message);
    // Nothing is undone that was undone before, but this portal can run no more.
    const auto portal = state_.portals.find(running.portal);
    if (had_failed && portal != state_.portals.end()) {
      portal->second.at_end = running.extended;
      portal->second.failed = !running.extended;
    }
  } else if (running.extended) {
    const auto portal = state_.portals.find(running.portal);
    const bool is_there = portal != state_.portals.end();  // COMMIT closes its own
    if (is_there && portal->second.columns.empty()) portal->second.at_end = true;
    pipelining_ = state_.transaction == TransactionState::kImplicit;
  } else if (!copy_in_.has_value()) {
    state_.portals.erase("");
  }
  if (!over_ && out_.size() > kOutputBytes) Flush();
}

void PostgresSession::OnCancel() {
  if (copy_in_.has_value()) copy_in_->canceled = true;
  if (!running_.has_value() || over_) return;
  server_.world().loop.Unschedule(wake_);
  if (waits_for_lock_) server_.locks().LeaveLine(*this);
  waits_for_lock_ = false;
  if (lock_granted_) {
    for (const SelectItem& item : Inner(running_->statement).items) {
      if (IsLockCall(item)) server_.locks().TakeBack(LockRequest(item), *this);
    }
  }
  lock_granted_ = false;
  running_.reset();
  Fail("57014", "canceling statement due to user request");
  Process();
}

std::optional<SqlError> PostgresSession::Execute(const Running& running) {
  const MiniStatement& statement = running.statement;
  switch (statement.kind) {
    case StatementKind::kEmpty:
      wire::MessageScope(out_, 'I');
      return std::nullopt;
    case StatementKind::kSyntaxError:
      return SqlError{"42601", "syntax error"};
    case StatementKind::kSelect:
      return ExecuteSelect(running);
    case StatementKind::kShow:
    case StatementKind::kExecute:
      return ExecuteStored(running);
    case StatementKind::kCopyOut:
      return ExecuteCopyOut(running);
    case StatementKind::kSet:
    case StatementKind::kSetLocal:
    case StatementKind::kReset:
    case StatementKind::kResetAll:
    case StatementKind::kCharacteristics:
      return ExecuteSetting(statement);
    case StatementKind::kBegin:
    case StatementKind::kCommit:
    case StatementKind::kRollback:
      return ExecuteTransaction(running);
    case StatementKind::kSavepoint:
    case StatementKind::kRelease:
    case StatementKind::kRollbackTo:
      return ExecuteSavepoint(running);
    case StatementKind::kCopyIn:
      return BeginCopyIn(statement);
    case StatementKind::kCreateTemp:
    case StatementKind::kDropTable:
    case StatementKind::kInsert:
      return ExecuteTable(running);
    case StatementKind::kListen:
    case StatementKind::kUnlisten:
    case StatementKind::kNotify:
    case StatementKind::kPrepare:
    case StatementKind::kDeallocate:
    case StatementKind::kDeallocateAll:
    case StatementKind::kDiscard:
      return ExecuteSession(statement);
  }
  return std::nullopt;
}

}  // namespace pglynx::sim
