// FakePostgres: statements that return rows. SELECT makes each row when it is fetched; SHOW and
// EXECUTE make all of them first (the portal strategies of pquery.c).

#include <charconv>

#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

int64_t ToInteger(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string DataRow(const std::vector<SqlValue>& values) {
  std::string row;
  const wire::MessageScope message(row, 'D');
  AppendU16(row, static_cast<uint16_t>(values.size()));
  for (const SqlValue& value : values) {
    AppendU32(row, value.has_value() ? static_cast<uint32_t>(value->size()) : ~0U);
    row += value.value_or("");
  }
  return row;
}

uint16_t LengthOf(uint32_t type) {
  switch (type) {
    case kBoolOid:
      return 1;
    case kInt4Oid:
    case kVoidOid:
      return 4;
    case kInt8Oid:
      return 8;
    default:
      return 0xffffU;  // varies
  }
}

}  // namespace

Portal PostgresSession::MakePortal(MiniStatement statement, std::vector<uint32_t> types,
                                   std::vector<SqlValue> parameters) const {
  Portal portal;
  portal.statement = std::move(statement);
  portal.types = std::move(types);
  portal.parameters = std::move(parameters);
  portal.columns = ResultColumns(portal.statement, state_, portal.types);
  portal.level = state_.level();
  portal.born_failed = state_.transaction == TransactionState::kFailed;
  portal.row_count = portal.statement.series;
  if (!portal.statement.table.empty()) {
    const auto table = state_.now.temp_tables.find(portal.statement.table);
    if (table != state_.now.temp_tables.end()) portal.table_rows = table->second;
    portal.row_count = portal.table_rows.size();
  }
  return portal;
}

std::optional<SqlError> PostgresSession::ExecuteSelect(const Running& running) {
  Portal& portal = state_.portals.find(running.portal)->second;
  if (running.statement.table == kSharedTable) {
    return SqlError{"0A000", "the fake does not keep the rows of this table"};
  }
  if (!running.extended) {
    AppendRowDescription(portal.columns);
  }
  portal.started = true;
  uint32_t sent = 0;
  while (!portal.at_end && (running.rows_max == 0 || sent < running.rows_max)) {
    std::vector<SqlValue> values;
    if (const std::optional<SqlError> error = NextRow(portal, values)) return error;
    if (values.empty()) {
      portal.at_end = true;
    } else {
      out_ += DataRow(values);
      ++sent;
    }
  }
  if (portal.at_end) {
    wire::AppendCommandComplete(out_, "SELECT " + std::to_string(sent));
  } else {
    wire::MessageScope(out_, 's');
  }
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::NextRow(Portal& portal, std::vector<SqlValue>& values) {
  if (portal.next_row >= portal.row_count) return std::nullopt;
  for (const SelectItem& item : portal.statement.items) {
    SqlValue& value = values.emplace_back();
    if (item.kind == SelectItem::Kind::kColumn) {
      value = portal.table_rows[portal.next_row];
    } else if (const std::optional<SqlError> error = Evaluate(item, portal, value)) {
      return error;
    }
  }
  ++portal.next_row;
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::ExecuteStored(const Running& running) {
  Portal& portal = state_.portals.find(running.portal)->second;
  const MiniStatement& statement = running.statement;
  if (!portal.started) {
    if (statement.kind == StatementKind::kShow) {
      portal.store.push_back(DataRow({state_.Value(*FindParameter(statement.name))}));
    } else if (const auto error = ExecutePrepared(statement, portal.store)) {
      return error;
    }
    portal.started = true;
  }
  if (portal.columns.empty()) {  // EXECUTE of what returned none at Bind
    const bool inserts = Inner(statement).kind == StatementKind::kInsert;
    wire::AppendCommandComplete(
        out_, inserts ? "INSERT 0 1" : "SELECT " + std::to_string(portal.store.size()));
    return std::nullopt;
  }
  if (!running.extended) AppendRowDescription(portal.columns);
  uint32_t sent = 0;
  while (portal.next_row < portal.store.size() &&
         (running.rows_max == 0 || sent < running.rows_max)) {
    out_ += portal.store[portal.next_row++];
    ++sent;
  }
  portal.at_end = portal.at_end || running.rows_max == 0 || sent < running.rows_max;
  const bool show = statement.kind == StatementKind::kShow;
  if (portal.at_end) {
    wire::AppendCommandComplete(out_, show ? "SHOW" : "SELECT " + std::to_string(sent));
  } else {
    wire::MessageScope(out_, 's');
  }
  return std::nullopt;
}

// EXECUTE: the rows of its SELECT, or its INSERT done.
std::optional<SqlError> PostgresSession::ExecutePrepared(const MiniStatement& statement,
                                                         std::vector<std::string>& rows) {
  const auto found = state_.prepared.find(statement.name);
  if (found == state_.prepared.end()) {
    return SqlError{"26000", "prepared statement \"" + statement.name + "\" does not exist"};
  }
  const PreparedStatement& prepared = found->second;
  if (statement.arguments.size() != prepared.types.size()) {
    return SqlError{"42601",
                    "wrong number of parameters for prepared statement \"" + statement.name + "\""};
  }
  std::vector<uint32_t> types = prepared.types;
  if (auto error = Analyze(prepared.statement, state_, ParameterUse::kAllowed, types)) return error;
  if (auto error = Plan(prepared.statement)) return error;
  Portal portal = MakePortal(prepared.statement, prepared.types,
                             {statement.arguments.begin(), statement.arguments.end()});
  if (prepared.statement.kind == StatementKind::kInsert) return Insert(prepared.statement, portal);
  for (;;) {
    std::vector<SqlValue> values;
    if (auto error = NextRow(portal, values)) return error;
    if (values.empty()) return std::nullopt;
    rows.push_back(DataRow(values));
  }
}

// ----- values -----

std::optional<SqlError> PostgresSession::Evaluate(const SelectItem& item, const Portal& portal,
                                                  SqlValue& value) {
  switch (item.kind) {
    case SelectItem::Kind::kString:
    case SelectItem::Kind::kNumber:
      value = item.text;
      return std::nullopt;
    case SelectItem::Kind::kParameter:
      value = portal.parameters[static_cast<size_t>(ToInteger(item.text)) - 1];
      return std::nullopt;
    case SelectItem::Kind::kDivision:
    case SelectItem::Kind::kColumn:
      return SqlError{"XX000", "refused when it was planned"};
    case SelectItem::Kind::kHeld:
      value = Holds(item.text) ? "t" : "f";
      return std::nullopt;
    case SelectItem::Kind::kOwnSetting:
      value = OwnSetting(item.text);
      return std::nullopt;
    case SelectItem::Kind::kCall:
      return EvaluateCall(item, value);
  }
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::EvaluateCall(const SelectItem& item, SqlValue& value) {
  const std::string& name = item.text;
  if (name == "current_setting" || name == "set_config") return EvaluateSetting(item, value);
  std::string& text = value.emplace();
  if (name == "pg_backend_pid") {
    text = std::to_string(pid_);
  } else if (name == "pg_sleep") {
    // Done before.
  } else if (name == "repeat") {
    for (int64_t i = ToInteger(item.arguments[1]); i > 0; --i) text += item.arguments[0];
  } else if (name.find("_advisory_") != std::string::npos) {
    EvaluateLockCall(item, text);
  } else if (name.starts_with("hidden_")) {
    return EvaluateHidden(item);
  } else {
    return EvaluateSequence(item, text);
  }
  return std::nullopt;
}

void PostgresSession::EvaluateLockCall(const SelectItem& item, std::string& value) {
  const std::string& name = item.text;
  if (name == "pg_try_advisory_lock" || name == "pg_try_advisory_xact_lock") {
    value = server_.locks().TryLock(LockRequest(item), *this) ? "t" : "f";
  } else if (name == "pg_advisory_unlock") {
    const bool unlocked = server_.locks().Unlock(LockRequest(item).key, *this);
    if (!unlocked) Warn("01000", "you don't own a lock of type ExclusiveLock");
    value = unlocked ? "t" : "f";
  } else if (name == "pg_advisory_unlock_all") {
    server_.locks().UnlockSession(*this);
  }  // the others have been taken before
}

std::optional<SqlError> PostgresSession::EvaluateSetting(const SelectItem& item, SqlValue& value) {
  const std::string& name = item.arguments[0];
  if (item.text == "set_config") {
    if (auto error = Assign(name, item.arguments[1], item.arguments[2] == "true")) return error;
    value = state_.Value(*FindParameter(name));
    return std::nullopt;
  }
  const KnownParameter* known = state_.Find(name);
  const bool missing_ok = item.arguments.size() > 1 && item.arguments[1] == "true";
  if (known == nullptr && !missing_ok) {
    return SqlError{"42704", "unrecognized configuration parameter \"" + name + "\""};
  }
  if (known != nullptr) value = state_.Value(*known);
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::EvaluateSequence(const SelectItem& item,
                                                          std::string& value) {
  const std::string name = item.arguments.empty() ? state_.last_sequence : item.arguments[0];
  if (item.text == "nextval") {
    const int64_t next = server_.NextValue(name);
    state_.sequence_values[name] = next;
    state_.last_sequence = name;
    value = std::to_string(next);
    return std::nullopt;
  }
  const auto found = state_.sequence_values.find(name);
  if (found == state_.sequence_values.end()) {
    const std::string what =
        item.arguments.empty() ? "lastval" : "currval of sequence \"" + name + "\"";
    return SqlError{"55000", what + " is not yet defined in this session"};
  }
  value = std::to_string(found->second);
  return std::nullopt;
}

void PostgresSession::AppendRowDescription(const std::vector<Column>& columns) {
  if (columns.empty()) {
    wire::MessageScope(out_, 'n');
    return;
  }
  constexpr uint32_t kSomeTable = 16384;
  const wire::MessageScope message(out_, 'T');
  AppendU16(out_, static_cast<uint16_t>(columns.size()));
  for (const Column& column : columns) {
    wire::AppendCString(out_, column.name);
    AppendU32(out_, column.of_table ? kSomeTable : 0);
    AppendU16(out_, column.of_table ? 1 : 0);
    AppendU32(out_, column.type);
    AppendU16(out_, LengthOf(column.type));
    AppendU32(out_, ~0U);  // no modifier
    AppendU16(out_, 0);    // text
  }
}

}  // namespace pglynx::sim
