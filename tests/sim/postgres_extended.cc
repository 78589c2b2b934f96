// FakePostgres: the extended protocol ("Extended Query" in the manual). The order in which
// things are refused is that of exec_parse_message, exec_bind_message and so on in postgres.c.

#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

constexpr std::string_view kAborted =
    "current transaction is aborted, commands ignored until end of transaction block";

std::string NoStatement(const std::string& name) {
  if (name.empty()) return "unnamed prepared statement does not exist";
  return "prepared statement \"" + name + "\" does not exist";
}

}  // namespace

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
    default:
      OnClose(reader);
      break;
  }
}

const PreparedStatement* PostgresSession::FindPrepared(const std::string& name) const {
  if (name.empty()) {
    return state_.unnamed_statement.has_value() ? &*state_.unnamed_statement : nullptr;
  }
  const auto found = state_.prepared.find(name);
  return found == state_.prepared.end() ? nullptr : &found->second;
}

bool PostgresSession::IsRefusedByFailure(const MiniStatement& statement) {
  if (state_.transaction != TransactionState::kFailed || statement.LeavesFailure()) return false;
  Fail("25P02", kAborted);
  return true;
}

void PostgresSession::OnParse(ByteReader reader) {
  const std::string name(reader.CString());
  const std::string text(reader.CString());
  std::vector<uint32_t> types;
  for (uint16_t left = reader.U16(); left > 0 && reader.ok(); --left) types.push_back(reader.U32());
  if (name.empty()) state_.unnamed_statement.reset();
  const std::vector<std::string> statements = SplitStatements(text);
  for (const std::string& statement : statements) {
    if (ParseStatement(statement).kind != StatementKind::kSyntaxError) continue;
    Fail("42601", "syntax error");
    return;
  }
  if (statements.size() > 1) {
    Fail("42601", "cannot insert multiple commands into a prepared statement");
    return;
  }
  MiniStatement statement = ParseStatement(statements.empty() ? text : statements[0]);
  const bool is_empty = statement.kind == StatementKind::kEmpty;
  if (!is_empty && IsRefusedByFailure(statement)) return;
  if (const auto error = Analyze(statement, state_, ParameterUse::kAllowed, types)) {
    Fail(error->sqlstate, error->message);
  } else if (!name.empty() && state_.prepared.contains(name)) {
    Fail("42P05", "prepared statement \"" + name + "\" already exists");
  } else {
    std::vector<Column> columns = ResultColumns(statement, state_, types);
    PreparedStatement prepared{std::move(statement), std::move(types), std::move(columns), batch_};
    if (name.empty()) {
      state_.unnamed_statement = std::move(prepared);
    } else {
      state_.prepared.emplace(name, std::move(prepared));
    }
    wire::MessageScope(out_, '1');
  }
}

void PostgresSession::OnBind(ByteReader reader) {
  const std::string portal_name(reader.CString());
  const std::string name(reader.CString());
  reader.Bytes(size_t{reader.U16()} * 2);  // formats
  std::vector<SqlValue> parameters;
  for (uint16_t left = reader.U16(); left > 0 && reader.ok(); --left) {
    const uint32_t length = reader.U32();
    SqlValue& value = parameters.emplace_back();
    if (length != ~0U) value = std::string(reader.Bytes(length));
  }
  if (!reader.ok()) {
    Fail("08P01", "invalid message format");
    return;
  }
  const PreparedStatement* prepared = FindPrepared(name);
  if (prepared == nullptr) {
    Fail("26000", NoStatement(name));
    return;
  }
  if (parameters.size() != prepared->types.size()) {
    Fail("08P01", "bind message supplies " + std::to_string(parameters.size()) +
                      " parameters, but prepared statement \"" + name + "\" requires " +
                      std::to_string(prepared->types.size()));
    return;
  }
  if (IsRefusedByFailure(prepared->statement)) return;
  if (!portal_name.empty() && state_.portals.contains(portal_name)) {
    Fail("42P03", "cursor \"" + portal_name + "\" already exists");
    return;
  }
  OpenPortal(portal_name, MakePortal(prepared->statement, prepared->types, std::move(parameters)));
}

// Its tables may have gone since it was parsed.
void PostgresSession::OpenPortal(const std::string& portal_name, Portal portal) {
  std::optional<SqlError> error =
      Analyze(portal.statement, state_, ParameterUse::kAllowed, portal.types);
  if (!error.has_value()) error = Plan(portal.statement);
  if (error.has_value()) {
    Fail(error->sqlstate, error->message);
    return;
  }
  state_.portals[portal_name] = std::move(portal);
  wire::MessageScope(out_, '2');
}

void PostgresSession::OnDescribe(ByteReader reader) {
  const bool of_statement = reader.U8() == 'S';
  const std::string name(reader.CString());
  if (of_statement) {
    DescribeStatement(name);
  } else {
    DescribePortal(name);
  }
}

void PostgresSession::DescribeStatement(const std::string& name) {
  const PreparedStatement* prepared = FindPrepared(name);
  if (prepared == nullptr) {
    Fail("26000", NoStatement(name));
    return;
  }
  const std::vector<Column>& columns = prepared->columns;
  if (state_.transaction == TransactionState::kFailed && !columns.empty()) {
    Fail("25P02", kAborted);
    return;
  }
  {
    const wire::MessageScope message(out_, 't');
    AppendU16(out_, static_cast<uint16_t>(prepared->types.size()));
    for (const uint32_t type : prepared->types) AppendU32(out_, type);
  }
  std::vector<uint32_t> types = prepared->types;
  if (const auto error = Analyze(prepared->statement, state_, ParameterUse::kAllowed, types);
      error.has_value() && !columns.empty()) {
    Fail(error->sqlstate, error->message);
    return;
  }
  AppendRowDescription(columns);
}

void PostgresSession::DescribePortal(const std::string& name) {
  const auto found = state_.portals.find(name);
  if (found == state_.portals.end()) {
    Fail("34000", "portal \"" + name + "\" does not exist");
    return;
  }
  const std::vector<Column>& columns = found->second.columns;
  if (state_.transaction == TransactionState::kFailed && !columns.empty()) {
    Fail("25P02", kAborted);
    return;
  }
  AppendRowDescription(columns);
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
  const Portal& portal = found->second;
  running.statement = portal.statement;
  if (running.statement.kind == StatementKind::kEmpty) {
    wire::MessageScope(out_, 'I');
    return;
  }
  if (state_.transaction == TransactionState::kFailed &&
      (portal.failed || !running.statement.LeavesFailure())) {
    Fail("25P02", kAborted);
    return;
  }
  if (portal.at_end && portal.columns.empty()) {
    Fail("55000", "portal \"" + running.portal + "\" cannot be run");
    return;
  }
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
  is_extended_ = false;
  if (state_.transaction == TransactionState::kImplicit) CommitTransaction();
  ReadyForQuery();
}

}  // namespace pglynx::sim
