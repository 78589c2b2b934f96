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

bool Op::ReturnsRows() const {
  switch (kind) {
    case OpKind::kEcho:
    case OpKind::kRows:
    case OpKind::kSleep:
    case OpKind::kShow:
    case OpKind::kDivide:
    case OpKind::kReadTable:
    case OpKind::kLock:
    case OpKind::kTryLock:
    case OpKind::kUnlockAll:
      return true;
    default:
      return false;
  }
}

std::string Op::Sql() const {
  const auto marked = [this](std::string_view sql) {
    return fmt::format("{} /*{}*/", sql, marker);
  };
  switch (kind) {
    case OpKind::kEcho:
      return by_parameter ? "SELECT $1" : fmt::format("SELECT '{}'", marker);
    case OpKind::kRows:
      return fmt::format("SELECT repeat('{};', {}) FROM generate_series(1, {})", marker, repeats,
                         rows);
    case OpKind::kSleep:
      return fmt::format("SELECT pg_sleep({:.6f}), '{}'", static_cast<double>(time.count()) / 1e6,
                         marker);
    case OpKind::kShow:
      return marked("SHOW " + name);
    case OpKind::kSet:
      return marked(fmt::format("SET {} TO {}", name, Quoted(value)));
    case OpKind::kSetLocal:
      return marked(fmt::format("SET LOCAL {} TO {}", name, Quoted(value)));
    case OpKind::kReset:
      return marked("RESET " + name);
    case OpKind::kBegin:
      return marked("BEGIN");
    case OpKind::kCommit:
      return marked("COMMIT");
    case OpKind::kRollback:
      return marked("ROLLBACK");
    case OpKind::kSavepoint:
      return marked("SAVEPOINT " + name);
    case OpKind::kRelease:
      return marked("RELEASE " + name);
    case OpKind::kRollbackTo:
      return marked("ROLLBACK TO " + name);
    case OpKind::kDivide:
      return marked("SELECT 1/0");
    case OpKind::kBadSyntax:
      return marked("SELECT FROM FROM");
    case OpKind::kCreateTemp:
      return marked(fmt::format("CREATE TEMP TABLE {} (x text)", name));
    case OpKind::kInsert:
      return fmt::format("INSERT INTO {} VALUES ('{}')", name, marker);
    case OpKind::kReadTable:
      return marked(fmt::format("SELECT x FROM {}", name));
    case OpKind::kDropTable:
      return marked("DROP TABLE " + name);
    case OpKind::kListen:
      return marked("LISTEN " + name);
    case OpKind::kUnlistenAll:
      return marked("UNLISTEN *");
    case OpKind::kNotify:
      return marked("NOTIFY " + name);
    case OpKind::kLock:
      return fmt::format("SELECT pg_advisory_lock({}), '{}'", name, marker);
    case OpKind::kTryLock:
      return fmt::format("SELECT pg_try_advisory_lock({}), '{}'", name, marker);
    case OpKind::kDiscardAll:
      return marked("DISCARD ALL");
    case OpKind::kDeallocateAll:
      return marked("DEALLOCATE ALL");
    case OpKind::kUnlockAll:
      return fmt::format("SELECT pg_advisory_unlock_all(), '{}'", marker);
    case OpKind::kCopyIn:
      return marked("COPY log FROM STDIN");
    case OpKind::kCopyOut:
      return fmt::format("COPY (SELECT repeat('{};', {}) FROM generate_series(1, {})) TO STDOUT",
                         marker, repeats, rows);
  }
  return {};
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
Op Reset(std::string_view name) {
  return Plain(OpKind::kReset, name);
}
Op Begin() {
  return Plain(OpKind::kBegin);
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
Op DiscardAll() {
  return Plain(OpKind::kDiscardAll);
}
Op DeallocateAll() {
  return Plain(OpKind::kDeallocateAll);
}
Op UnlockAll() {
  return Plain(OpKind::kUnlockAll);
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

}  // namespace pglynx::sim
