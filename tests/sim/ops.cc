#include "sim/ops.h"

#include <fmt/format.h>

namespace pglynx::sim {
namespace {

Op Plain(OpKind kind, std::string_view name = {}, std::string_view value = {}) {
  Op op;
  op.kind = kind;
  op.name = name;
  op.value = value;
  return op;
}

// A literal, where backslashes are plain.
std::string Quoted(std::string_view value) {
  std::string literal = "'";
  for (const char c : value) {
    literal += c;
    if (c == '\'') literal += c;
  }
  return literal + "'";
}

}  // namespace

Op Op::As(std::string_view statement_name) const {
  Op op = *this;
  op.statement = statement_name;
  return op;
}
Op Op::Again() const {
  Op op = *this;
  op.parses = false;
  return op;
}
Op Op::Described() const {
  Op op = *this;
  op.describes = true;
  return op;
}
Op Op::Closed() const {
  Op op = *this;
  op.closes = true;
  return op;
}

Op Op::Hinted(std::string_view comment) const {
  Op op = *this;
  op.hint = comment;
  return op;
}

bool Op::ReturnsRows() const {
  switch (kind) {
    case OpKind::kShowShard:
    case OpKind::kShowServerRole:
    case OpKind::kShowPrimaryReads:
    case OpKind::kEcho:
    case OpKind::kRows:
    case OpKind::kSleep:
    case OpKind::kShow:
    case OpKind::kCurrent:
    case OpKind::kSetConfig:
    case OpKind::kDivide:
    case OpKind::kReadTable:
    case OpKind::kLock:
    case OpKind::kTryLock:
    case OpKind::kUnlock:
    case OpKind::kUnlockAll:
    case OpKind::kHiddenLock:
    case OpKind::kHiddenTemp:
    case OpKind::kHiddenListen:
    case OpKind::kHiddenSet:
    case OpKind::kHiddenNothing:
    case OpKind::kExecute:
      return true;
    default:
      return false;
  }
}

std::string Op::Marked(std::string_view sql) const {
  return fmt::format("{} /*{}*/", sql, marker);
}

std::string Op::Call(std::string_view call) const {
  return fmt::format("SELECT {}, '{}'", call, marker);
}

std::string Op::Sql() const {
  return hint.empty() ? PlainSql() : fmt::format("/* {} */ {}", hint, PlainSql());
}

std::string Op::PlainSql() const {
  if (IsCommand()) return Marked(CommandSql());
  switch (kind) {
    case OpKind::kEcho:
      return by_parameter ? "SELECT $1" : fmt::format("SELECT '{}'", marker);
    case OpKind::kRows:
      return fmt::format("SELECT repeat('{};', {}) FROM generate_series(1, {})", marker, repeats,
                         rows);
    case OpKind::kSleep:
      return Call(fmt::format("pg_sleep({:.6f})", static_cast<double>(time.count()) / 1e6));
    case OpKind::kBegin:
      return Marked(name);
    case OpKind::kCommit:
      return Marked("COMMIT");
    case OpKind::kRollback:
      return Marked("ROLLBACK");
    case OpKind::kSavepoint:
      return Marked("SAVEPOINT " + name);
    case OpKind::kRelease:
      return Marked("RELEASE " + name);
    case OpKind::kRollbackTo:
      return Marked("ROLLBACK TO " + name);
    case OpKind::kDivide:
      return Marked("SELECT 1/0");
    case OpKind::kBadSyntax:
      return Marked("SELECT FROM FROM");
    case OpKind::kCreateTemp:
      return Marked(fmt::format("CREATE TEMP TABLE {} (x text)", name));
    case OpKind::kInsert:
      return fmt::format("INSERT INTO {} VALUES ('{}')", name, marker);
    case OpKind::kReadTable:
      return Marked(fmt::format("SELECT x FROM {}", name));
    case OpKind::kDropTable:
      return Marked("DROP TABLE " + name);
    case OpKind::kCopyIn:
      return Marked("COPY log FROM STDIN");
    case OpKind::kCopyOut:
      return fmt::format("COPY (SELECT repeat('{};', {}) FROM generate_series(1, {})) TO STDOUT",
                         marker, repeats, rows);
    default:
      break;
  }
  const std::string setting = SettingSql();
  return setting.empty() ? StateSql() : setting;
}

std::string Op::SettingSql() const {
  const bool is_role = name == "role";
  switch (kind) {
    case OpKind::kShow:
      return Marked("SHOW " + name);
    case OpKind::kCurrent:
      return Call(fmt::format("current_setting('{}', true)", name));
    case OpKind::kSet:
      if (is_role) return Marked("SET ROLE " + value);
      return Marked(fmt::format("SET {} TO {}", name, Quoted(value)));
    case OpKind::kSetLocal:
      if (is_role) return Marked("SET LOCAL ROLE " + value);
      return Marked(fmt::format("SET LOCAL {} TO {}", name, Quoted(value)));
    case OpKind::kSetConfig:
      return Call(fmt::format("set_config('{}', {}, {})", name, Quoted(value), is_local));
    case OpKind::kCharacteristics:
      return Marked("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL " + value);
    case OpKind::kReset:
      return Marked("RESET " + name);
    case OpKind::kResetAll:
      return Marked("RESET ALL");
    default:
      return {};
  }
}

std::string Op::StateSql() const {
  switch (kind) {
    case OpKind::kListen:
      return Marked("LISTEN " + name);
    case OpKind::kUnlisten:
      return Marked("UNLISTEN " + name);
    case OpKind::kUnlistenAll:
      return Marked("UNLISTEN *");
    case OpKind::kNotify:
      return Marked("NOTIFY " + name);
    case OpKind::kLock:
      return Call(fmt::format("pg_advisory_lock({})", name));
    case OpKind::kTryLock:
      return Call(fmt::format("pg_try_advisory_lock({})", name));
    case OpKind::kUnlock:
      return Call(fmt::format("pg_advisory_unlock({})", name));
    case OpKind::kUnlockAll:
      return Call("pg_advisory_unlock_all()");
    case OpKind::kHiddenLock:
      return Call(fmt::format("hidden_lock({})", name));
    case OpKind::kHiddenTemp:
      return Call("hidden_temp()");
    case OpKind::kHiddenListen:
      return Call(fmt::format("hidden_listen('{}')", name));
    case OpKind::kHiddenSet:
      return Call(fmt::format("hidden_set('{}', {})", name, Quoted(value)));
    case OpKind::kHiddenNothing:
      return Call("hidden_nothing()");
    case OpKind::kPrepare:  // the marker in front, so that clients share what stands behind AS
      return fmt::format("/*{}*/ PREPARE {}{} AS SELECT {}", marker, name, value,
                         has_parameter ? "$1" : "'" + marker + "'");
    case OpKind::kExecute:
      if (has_parameter) return fmt::format("EXECUTE {}('{}')", name, marker);
      return Marked("EXECUTE " + name);
    case OpKind::kDeallocate:
      return Marked("DEALLOCATE " + name);
    case OpKind::kDeallocateAll:
      return Marked("DEALLOCATE ALL");
    case OpKind::kDiscardAll:
      return Marked("DISCARD ALL");
    case OpKind::kDiscardPlans:
      return Marked("DISCARD PLANS");
    case OpKind::kDiscardTemp:
      return Marked("DISCARD TEMP");
    default:
      return {};
  }
}

std::string Op::CommandSql() const {
  switch (kind) {
    case OpKind::kSetShard:
      return "SET SHARD TO " + value;
    case OpKind::kSetShardingKey:
      return fmt::format("SET SHARDING KEY TO '{}'", value);
    case OpKind::kShowShard:
      return "SHOW SHARD";
    case OpKind::kSetServerRole:
      return "SET SERVER ROLE TO " + value;
    case OpKind::kShowServerRole:
      return "SHOW SERVER ROLE";
    case OpKind::kSetPrimaryReads:
      return "SET PRIMARY READS TO " + value;
    case OpKind::kShowPrimaryReads:
      return "SHOW PRIMARY READS";
    default:
      return {};
  }
}

Op Echo() {
  return Plain(OpKind::kEcho);
}
Op EchoParameter() {
  Op op = Plain(OpKind::kEcho);
  op.by_parameter = true;
  return op;
}
Op Rows(uint32_t rows, uint32_t repeats) {
  Op op = Plain(OpKind::kRows);
  op.rows = rows;
  op.repeats = repeats;
  return op;
}
Op Sleep(Duration time) {
  Op op = Plain(OpKind::kSleep);
  op.time = time;
  return op;
}
Op Show(std::string_view name) {
  return Plain(OpKind::kShow, name);
}
Op Set(std::string_view name, std::string_view value) {
  return Plain(OpKind::kSet, name, value);
}
Op SetLocal(std::string_view name, std::string_view value) {
  return Plain(OpKind::kSetLocal, name, value);
}
Op Current(std::string_view name) {
  return Plain(OpKind::kCurrent, name);
}
Op SetConfig(std::string_view name, std::string_view value, bool is_local) {
  Op op = Plain(OpKind::kSetConfig, name, value);
  op.is_local = is_local;
  return op;
}
Op SetIsolation(std::string_view level) {
  return Plain(OpKind::kCharacteristics, "default_transaction_isolation", level);
}
Op Reset(std::string_view name) {
  return Plain(OpKind::kReset, name);
}
Op ResetAll() {
  return Plain(OpKind::kResetAll);
}
Op Begin(std::string_view text) {
  return Plain(OpKind::kBegin, text);
}
Op Commit() {
  return Plain(OpKind::kCommit);
}
Op Rollback() {
  return Plain(OpKind::kRollback);
}
Op Savepoint(std::string_view name) {
  return Plain(OpKind::kSavepoint, name);
}
Op Release(std::string_view name) {
  return Plain(OpKind::kRelease, name);
}
Op RollbackTo(std::string_view name) {
  return Plain(OpKind::kRollbackTo, name);
}
Op DivideByZero() {
  return Plain(OpKind::kDivide);
}
Op BadSyntax() {
  return Plain(OpKind::kBadSyntax);
}
Op CreateTemp(std::string_view table) {
  return Plain(OpKind::kCreateTemp, table);
}
Op Insert(std::string_view table) {
  return Plain(OpKind::kInsert, table);
}
Op ReadTable(std::string_view table) {
  return Plain(OpKind::kReadTable, table);
}
Op DropTable(std::string_view table) {
  return Plain(OpKind::kDropTable, table);
}
Op Listen(std::string_view channel) {
  return Plain(OpKind::kListen, channel);
}
Op Unlisten(std::string_view channel) {
  return Plain(OpKind::kUnlisten, channel);
}
Op UnlistenAll() {
  return Plain(OpKind::kUnlistenAll);
}
Op Notify(std::string_view channel) {
  return Plain(OpKind::kNotify, channel);
}
Op Lock(uint32_t key) {
  return Plain(OpKind::kLock, std::to_string(key));
}
Op TryLock(uint32_t key) {
  return Plain(OpKind::kTryLock, std::to_string(key));
}
Op Unlock(uint32_t key) {
  return Plain(OpKind::kUnlock, std::to_string(key));
}
Op UnlockAll() {
  return Plain(OpKind::kUnlockAll);
}
Op HiddenLock(uint32_t key) {
  return Plain(OpKind::kHiddenLock, std::to_string(key));
}
Op HiddenTemp() {
  return Plain(OpKind::kHiddenTemp, "hidden");
}
Op HiddenListen(std::string_view channel) {
  return Plain(OpKind::kHiddenListen, channel);
}
Op HiddenSet(std::string_view name, std::string_view value) {
  return Plain(OpKind::kHiddenSet, name, value);
}
Op HiddenNothing() {
  return Plain(OpKind::kHiddenNothing);
}
Op Prepare(std::string_view name, bool has_parameter) {
  Op op = Plain(OpKind::kPrepare, name, has_parameter ? " (text)" : "");
  op.has_parameter = has_parameter;
  return op;
}
Op Execute(std::string_view name, bool has_parameter) {
  Op op = Plain(OpKind::kExecute, name);
  op.has_parameter = has_parameter;
  return op;
}
Op Deallocate(std::string_view name) {
  return Plain(OpKind::kDeallocate, name);
}
Op DeallocateAll() {
  return Plain(OpKind::kDeallocateAll);
}
Op DiscardAll() {
  return Plain(OpKind::kDiscardAll);
}
Op DiscardPlans() {
  return Plain(OpKind::kDiscardPlans);
}
Op DiscardTemp() {
  return Plain(OpKind::kDiscardTemp);
}
Op CopyIn(uint32_t rows, CopyEnd end) {
  Op op = Plain(OpKind::kCopyIn);
  op.rows = rows;
  op.copy_end = end;
  return op;
}
Op CopyOut(uint32_t rows) {
  Op op = Plain(OpKind::kCopyOut);
  op.rows = rows;
  return op;
}
Op SetShard(std::string_view shard) {
  return Plain(OpKind::kSetShard, {}, shard);
}
Op SetShardingKey(std::string_view key) {
  return Plain(OpKind::kSetShardingKey, {}, key);
}
Op ShowShard() {
  return Plain(OpKind::kShowShard);
}
Op SetServerRole(std::string_view role) {
  return Plain(OpKind::kSetServerRole, {}, role);
}
Op ShowServerRole() {
  return Plain(OpKind::kShowServerRole);
}
Op SetPrimaryReads(std::string_view value) {
  return Plain(OpKind::kSetPrimaryReads, {}, value);
}
Op ShowPrimaryReads() {
  return Plain(OpKind::kShowPrimaryReads);
}

}  // namespace pglynx::sim
