// FakePostgres: temporary tables, channels, prepared statements, COPY IN, and what is watched
// when a session changes hands.

#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

constexpr uint32_t kTextOid = 25;
// The one table that is not temporary. Its rows are not kept.
constexpr std::string_view kSharedTable = "log";
// Statements that the pooler itself prepares.
constexpr std::string_view kPoolerPrefix = "pglynx_";

}  // namespace

std::optional<PostgresSession::SqlError> PostgresSession::ExecuteTable(
    const MiniStatement& statement) {
  auto& tables = state_.now.temp_tables;
  const auto found = tables.find(statement.name);
  if (statement.kind == StatementKind::kCreateTemp) {
    if (found != tables.end()) {
      return SqlError{"42P07", "relation \"" + statement.name + "\" already exists"};
    }
    tables[statement.name];
    wire::AppendCommandComplete(out_, "CREATE TABLE");
    return std::nullopt;
  }
  const bool shared = statement.name == kSharedTable;
  if (found == tables.end() && !shared) {
    return SqlError{"42P01", "relation \"" + statement.name + "\" does not exist"};
  }
  if (statement.kind == StatementKind::kDropTable) {
    tables.erase(statement.name);
    wire::AppendCommandComplete(out_, "DROP TABLE");
    return std::nullopt;
  }
  if (!shared) found->second.push_back(statement.value);
  wire::AppendCommandComplete(out_, "INSERT 0 1");
  return std::nullopt;
}

std::optional<PostgresSession::SqlError> PostgresSession::ExecuteSession(
    const MiniStatement& statement) {
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
    case StatementKind::kNotify:
      state_.notifications.push_back(statement.name);
      tag = "NOTIFY";
      break;
    case StatementKind::kPrepare:
      if (state_.prepared.contains(statement.name)) {
        return SqlError{"42P05", "prepared statement already exists"};
      }
      state_.prepared.emplace(statement.name,
                              PreparedStatement{ParseStatement(statement.value), batch_});
      tag = "PREPARE";
      break;
    case StatementKind::kExecute: {
      const auto found = state_.prepared.find(statement.name);
      if (found == state_.prepared.end()) {
        return SqlError{"26000", "prepared statement \"" + statement.name + "\" does not exist"};
      }
      Running inner;
      inner.statement = found->second.statement;
      return Execute(inner);
    }
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

std::optional<PostgresSession::SqlError> PostgresSession::ExecuteDiscard(
    const MiniStatement& statement) {
  std::string_view tag;
  if (statement.name == "all") {
    if (state_.transaction == TransactionState::kBlock) {
      return SqlError{"25001", "DISCARD ALL cannot run inside a transaction block"};
    }
    server_.UnlockAll(*this);
    state_.DiscardAll();
    last_client_ = 0;
    tag = "DISCARD ALL";
  } else if (statement.name == "sequences") {
    state_.sequence_values.clear();
    state_.last_sequence.clear();
    tag = "DISCARD SEQUENCES";
  } else if (statement.name == "temp") {
    state_.now.temp_tables.clear();
    tag = "DISCARD TEMP";
  } else if (statement.name == "plans") {
    tag = "DISCARD PLANS";
  } else {
    return SqlError{"42601", "syntax error"};
  }
  wire::AppendCommandComplete(out_, tag);
  return std::nullopt;
}

void PostgresSession::BeginCopyIn(const Running& running) {
  const std::string& table = running.statement.name;
  if (table != kSharedTable && !state_.now.temp_tables.contains(table)) {
    Fail("42P01", "relation \"" + table + "\" does not exist");
    return;
  }
  copy_in_ = running;
  copy_lines_ = 0;
  cancel_in_copy_ = false;
  {
    const wire::MessageScope message(out_, 'G');
    out_ += '\0';
    AppendU16(out_, 1);
    AppendU16(out_, 0);
  }
  Flush();
}

void PostgresSession::AppendRowDescription(const MiniStatement& statement) {
  if (!statement.ReturnsRows()) {
    wire::MessageScope(out_, 'n');
    return;
  }
  const wire::MessageScope message(out_, 'T');
  const bool show = statement.kind == StatementKind::kShow;
  AppendU16(out_, show ? uint16_t{1} : static_cast<uint16_t>(statement.items.size()));
  const size_t columns = show ? 1 : statement.items.size();
  for (size_t i = 0; i < columns; ++i) {
    std::string_view name = show ? std::string_view(statement.name) : "?column?";
    if (!show && (statement.items[i].kind == SelectItem::Kind::kCall ||
                  statement.items[i].kind == SelectItem::Kind::kColumn)) {
      name = statement.items[i].text;
    }
    wire::AppendCString(out_, name);
    AppendU32(out_, 0);            // table
    AppendU16(out_, 0);            // column
    AppendU32(out_, kTextOid);     // type
    AppendU16(out_, 0xffffU);      // its length: varies
    AppendU32(out_, 0xffffffffU);  // its modifier: none
    AppendU16(out_, 0);            // text
  }
}

// ----- what is watched -----

void PostgresSession::NoteMarker(const Marker& marker) {
  if (marker.client == 0) return;
  const bool in_transaction = state_.transaction == TransactionState::kBlock ||
                              state_.transaction == TransactionState::kFailed;
  const bool shared = (in_transaction && last_client_ != 0 && last_client_ != marker.client) ||
                      (batch_client_ != 0 && batch_client_ != marker.client);
  if (shared) {
    server_.world().violations.Report(
        "I2", "server session " + std::to_string(pid_) + " ran a statement of client " +
                  std::to_string(marker.client) + " inside a transaction of client " +
                  std::to_string(batch_client_ != 0 ? batch_client_ : last_client_));
  }
  if (last_client_ != 0 && last_client_ != marker.client) ReportLeftOver(marker);
  last_client_ = marker.client;
  batch_client_ = marker.client;
}

void PostgresSession::ReportLeftOver(const Marker& marker) {
  std::string left;
  if (!state_.now.temp_tables.empty()) left += " a temporary table,";
  if (!state_.now.channels.empty()) left += " a LISTEN,";
  if (server_.HoldsLocks(*this)) left += " an advisory lock,";
  for (const auto& [name, statement] : state_.prepared) {
    const bool is_own = statement.batch == batch_;  // of the batch whose Execute this is
    if (!is_own && !name.starts_with(kPoolerPrefix))
      left += " the prepared statement " + name + ",";
  }
  if (left.empty()) return;
  left.back() = ' ';
  server_.world().violations.Report("I5", "server session " + std::to_string(pid_) +
                                              " came to client " + std::to_string(marker.client) +
                                              " with" + left + "of client " +
                                              std::to_string(last_client_));
}

}  // namespace pglynx::sim
