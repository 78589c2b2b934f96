// FakePostgres: temporary tables, channels and prepared statements.

#include <algorithm>

#include "sim/postgres_session.h"

namespace pglynx::sim {

bool PostgresSession::IsInUse(const std::string& table) const {
  return std::any_of(state_.portals.begin(), state_.portals.end(), [&table](const auto& entry) {
    const Portal& portal = entry.second;
    return !portal.failed && portal.statement.kind == StatementKind::kSelect &&
           portal.statement.table == table;
  });
}

std::optional<SqlError> PostgresSession::ExecuteTable(const Running& running) {
  const MiniStatement& statement = running.statement;
  if (statement.kind == StatementKind::kDropTable) return DropTable(statement.name);
  if (statement.kind == StatementKind::kCreateTemp) {
    if (auto error = CreateTemp(statement.name)) return error;
    wire::AppendCommandComplete(out_, "CREATE TABLE");
    return std::nullopt;
  }
  if (auto error = Insert(statement, state_.portals.find(running.portal)->second)) return error;
  wire::AppendCommandComplete(out_, "INSERT 0 1");
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::CreateTemp(const std::string& name) {
  if (state_.now.temp_tables.contains(name)) {
    return SqlError{"42P07", "relation \"" + name + "\" already exists"};
  }
  state_.now.temp_tables[name];
  const std::string role = state_.Value(*FindParameter("role"));
  if (role != "none" && role != user_) state_.now.owners[name] = role;
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::Insert(const MiniStatement& statement,
                                                const Portal& portal) {
  SqlValue value;
  if (auto error = Evaluate(statement.items[0], portal, value)) return error;
  const auto found = state_.now.temp_tables.find(statement.name);
  if (found != state_.now.temp_tables.end()) found->second.push_back(std::move(value));
  return std::nullopt;
}

// The user itself is a member of every role that it can take on; those are of no other.
bool PostgresSession::OwnsTable(const std::string& name) const {
  const std::string role = state_.Value(*FindParameter("role"));
  if (role == "none" || role == user_) return true;
  const auto found = state_.now.owners.find(name);
  return found != state_.now.owners.end() && found->second == role;
}

std::optional<SqlError> PostgresSession::DropTable(const std::string& name) {
  auto& tables = state_.now.temp_tables;
  if (tables.contains(name)) {
    if (!OwnsTable(name)) return SqlError{"42501", "must be owner of table " + name};
    if (IsInUse(name)) {
      return SqlError{"55006", "cannot DROP TABLE \"" + name +
                                   "\" because it is being used by active queries in this session"};
    }
    tables.erase(name);
    state_.now.owners.erase(name);
    wire::AppendCommandComplete(out_, "DROP TABLE");
    return std::nullopt;
  }
  if (SeesTable(state_, name)) return SqlError{"42501", "must be owner of table " + name};
  return SqlError{"42P01", "table \"" + name + "\" does not exist"};
}

std::optional<SqlError> PostgresSession::ExecuteSession(const MiniStatement& statement) {
  std::string_view tag;
  switch (statement.kind) {
    case StatementKind::kListen:
      state_.now.channels.insert(statement.name);
      tag = "LISTEN";
      break;
    case StatementKind::kUnlisten:
      if (statement.name.empty()) {
        state_.now.channels.clear();
      } else {
        state_.now.channels.erase(statement.name);
      }
      tag = "UNLISTEN";
      break;
    case StatementKind::kNotify: {
      // Once in a transaction is enough.
      auto& sent = state_.now.notifications;
      if (std::find(sent.begin(), sent.end(), statement.name) == sent.end()) {
        sent.push_back(statement.name);
      }
      tag = "NOTIFY";
      break;
    }
    case StatementKind::kPrepare:
      if (auto error = Prepare(statement)) return error;
      tag = "PREPARE";
      break;
    case StatementKind::kDeallocate:
      if (state_.prepared.erase(statement.name) == 0) {
        return SqlError{"26000", "prepared statement \"" + statement.name + "\" does not exist"};
      }
      tag = "DEALLOCATE";
      break;
    case StatementKind::kDeallocateAll:
      state_.prepared.clear();
      tag = "DEALLOCATE ALL";
      break;
    default:
      return ExecuteDiscard(statement);
  }
  wire::AppendCommandComplete(out_, tag);
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::Prepare(const MiniStatement& statement) {
  PreparedStatement prepared{
      .statement = ParseStatement(statement.value), .batch = batch_, .from_sql = true};
  prepared.types.resize(statement.declared, kTextOid);
  if (auto error = Analyze(prepared.statement, state_, ParameterUse::kAllowed, prepared.types)) {
    return error;
  }
  if (state_.prepared.contains(statement.name)) {
    return SqlError{"42P05", "prepared statement \"" + statement.name + "\" already exists"};
  }
  prepared.columns = ResultColumns(prepared.statement, state_, prepared.types);
  state_.prepared.emplace(statement.name, std::move(prepared));
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::ExecuteDiscard(const MiniStatement& statement) {
  if (statement.name == "all") {
    if (IsInBlock()) {
      return SqlError{"25001", "DISCARD ALL cannot run inside a transaction block"};
    }
    if (pipelining_) {
      return SqlError{"25001", "DISCARD ALL cannot be executed within a pipeline"};
    }
    server_.locks().UnlockTransaction(*this, 0);
    server_.locks().UnlockSession(*this);
    state_.DiscardAll();
    CommitTransaction();  // at once, not at the Sync
    last_client_ = 0;
    wire::AppendCommandComplete(out_, "DISCARD ALL");
    return std::nullopt;
  }
  std::string_view tag = "DISCARD PLANS";
  if (statement.name == "sequences") {
    state_.sequence_values.clear();
    state_.last_sequence.clear();
    tag = "DISCARD SEQUENCES";
  } else if (statement.name == "temp") {
    for (const auto& [name, rows] : state_.now.temp_tables) {
      if (!IsInUse(name)) continue;
      return SqlError{"55006", "cannot DROP TABLE \"" + name +
                                   "\" because it is being used by active queries in this session"};
    }
    state_.now.temp_tables.clear();
    state_.now.owners.clear();
    tag = "DISCARD TEMP";
  }
  wire::AppendCommandComplete(out_, tag);
  return std::nullopt;
}

}  // namespace pglynx::sim
