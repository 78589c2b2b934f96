// FakePostgres: parameters, transactions and savepoints (guc.c and xact.c).

#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

SqlError UnknownParameter(const std::string& name) {
  return {"42704", "unrecognized configuration parameter \"" + name + "\""};
}
SqlError CannotBeChanged(const KnownParameter& known) {
  return {"55P02", "parameter \"" + std::string(known.name) + "\" cannot be changed"};
}

}  // namespace

bool PostgresSession::IsInBlock() const {
  return state_.transaction == TransactionState::kBlock ||
         state_.transaction == TransactionState::kFailed ||
         (in_query_ && many_in_query_ && !is_extended_);
}

std::optional<SqlError> PostgresSession::ExecuteSetting(const MiniStatement& statement) {
  const bool resets =
      statement.kind == StatementKind::kReset || statement.kind == StatementKind::kResetAll;
  const std::string_view tag = resets ? "RESET" : "SET";
  if (statement.kind == StatementKind::kResetAll) {
    state_.ResetAll();
    wire::AppendCommandComplete(out_, tag);
    return std::nullopt;
  }
  const bool local = statement.kind == StatementKind::kSetLocal;
  if (local && !IsInBlock()) Warn("25P01", "SET LOCAL can only be used in transaction blocks");
  if (statement.kind == StatementKind::kCharacteristics) return ExecuteCharacteristics(statement);
  const KnownParameter* known = state_.FindOrMake(statement.name);
  if (known == nullptr) return UnknownParameter(statement.name);
  if (!resets && !statement.to_default) {
    const std::optional<std::string> flat = FlatValue(*known, statement.arguments);
    if (!flat.has_value()) {
      return SqlError{"22023", "SET " + statement.name + " takes only one argument"};
    }
    if (auto error = Assign(statement.name, *flat, local)) return error;
    wire::AppendCommandComplete(out_, tag);
    return std::nullopt;
  }
  if (known->fixed) return CannotBeChanged(*known);
  Restore(*known, local);
  if (known->name == kAuthorizationParameter) Restore(*FindParameter(kRoleParameter), local);
  wire::AppendCommandComplete(out_, tag);
  return std::nullopt;
}

// Each mode of it is a SET of the default.
std::optional<SqlError> PostgresSession::ExecuteCharacteristics(const MiniStatement& statement) {
  for (size_t i = 0; i + 1 < statement.arguments.size(); i += 2) {
    if (auto error = Assign(statement.arguments[i], statement.arguments[i + 1], false)) {
      return error;
    }
  }
  wire::AppendCommandComplete(out_, "SET");
  return std::nullopt;
}

void PostgresSession::Restore(const KnownParameter& parameter, bool local) {
  if (local) {
    state_.SetLocal(parameter, state_.StartupValue(parameter));
  } else {
    state_.Reset(parameter);
  }
}

void PostgresSession::Give(const KnownParameter& parameter, std::string value, bool local) {
  if (local) {  // until the end of the transaction, an implicit one too
    state_.SetLocal(parameter, std::move(value));
  } else {
    state_.Set(parameter, std::move(value));
  }
}

std::optional<SqlError> PostgresSession::Assign(const std::string& name, const std::string& text,
                                                bool local) {
  const KnownParameter* known = state_.FindOrMake(name);
  if (known == nullptr) return UnknownParameter(name);
  if (known->fixed) return CannotBeChanged(*known);
  if (known->name == kRoleParameter || known->name == kAuthorizationParameter) {
    return AssignRole(*known, text, local);
  }
  std::optional<std::string> value = CanonicalValue(*known, text, state_.Value(*known));
  if (!value.has_value()) {
    return SqlError{"22023", "invalid value for parameter \"" + std::string(known->name) +
                                 "\": \"" + text + "\""};
  }
  Give(*known, std::move(*value), local);
  return std::nullopt;
}

// The session's own user is the only one that it may become: none of them is a superuser. Doing
// so is SET ROLE NONE as well, for as long (set_config_option in guc.c).
std::optional<SqlError> PostgresSession::AssignRole(const KnownParameter& parameter,
                                                    const std::string& name, bool local) {
  const bool is_role = parameter.name == kRoleParameter;
  const bool resets = is_role && name == "none";
  const bool granted = name == user_ || (is_role && IsGrantedRole(name));
  if (!resets && !granted) {
    if (server_.FindUser(name) == nullptr && !IsGrantedRole(name)) {
      return SqlError{"22023", "role \"" + name + "\" does not exist"};
    }
    return SqlError{"42501", "permission denied to set " +
                                 std::string(is_role ? "role" : "session authorization") + " \"" +
                                 name + "\""};
  }
  Give(parameter, name, local);
  if (!is_role) Give(*FindParameter(kRoleParameter), "none", local);
  return std::nullopt;
}

// ----- transactions -----

void PostgresSession::CommitTransaction() {
  std::vector<std::string> channels = std::move(state_.now.notifications);
  state_.Commit();
  pipelining_ = false;
  // The last UNLISTEN takes the session out of the queue, with what it has not read.
  if (state_.heard_channels.empty()) arrived_notifications_.clear();
  for (const std::string& channel : channels) server_.Notify(channel, pid_);
  server_.locks().UnlockTransaction(*this, 0);
}

void PostgresSession::RollbackTransaction() {
  state_.Rollback();
  pipelining_ = false;
  server_.locks().UnlockTransaction(*this, 0);
}

// AtCleanup_Portals in portalmem.c.
void PostgresSession::WarnOfPortals(const std::string& running) {
  for (const auto& [name, portal] : state_.portals) {
    if (!portal.born_failed || portal.failed || portal.at_end || name == running) continue;
    Warn("01000", "skipping cleanup for portal \"" + name + "\"");
  }
}

std::optional<SqlError> PostgresSession::ExecuteTransaction(const Running& running) {
  const MiniStatement& statement = running.statement;
  const bool in_block = state_.transaction == TransactionState::kBlock;
  const bool failed = state_.transaction == TransactionState::kFailed;
  if (statement.kind == StatementKind::kBegin) {
    if (in_block) Warn("25001", "there is already a transaction in progress");
    state_.BeginBlock();
    wire::AppendCommandComplete(out_, statement.name);
    return std::nullopt;
  }
  if (!in_block && !failed) Warn("25P01", "there is no transaction in progress");
  const bool commits = statement.kind == StatementKind::kCommit && !failed;
  if (commits) {
    CommitTransaction();
  } else {
    WarnOfPortals(running.portal);
    RollbackTransaction();
  }
  wire::AppendCommandComplete(out_, commits ? "COMMIT" : "ROLLBACK");
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::ExecuteSavepoint(const Running& running) {
  const MiniStatement& statement = running.statement;
  std::string_view what = "SAVEPOINT";
  if (statement.kind == StatementKind::kRelease) what = "RELEASE SAVEPOINT";
  if (statement.kind == StatementKind::kRollbackTo) what = "ROLLBACK TO SAVEPOINT";
  if (state_.transaction == TransactionState::kImplicit) {
    return SqlError{"25P01", std::string(what) + " can only be used in transaction blocks"};
  }
  if (statement.kind == StatementKind::kSavepoint) {
    state_.Savepoint(statement.name);
    wire::AppendCommandComplete(out_, "SAVEPOINT");
    return std::nullopt;
  }
  if (!state_.HasSavepoint(statement.name)) {
    return SqlError{"3B001", "savepoint \"" + statement.name + "\" does not exist"};
  }
  if (statement.kind == StatementKind::kRelease) {
    server_.locks().LowerLevels(*this, state_.Release(statement.name));
    wire::AppendCommandComplete(out_, "RELEASE");
  } else {
    WarnOfPortals(running.portal);
    server_.locks().UnlockTransaction(*this, state_.RollbackTo(statement.name));
    wire::AppendCommandComplete(out_, "ROLLBACK");
  }
  return std::nullopt;
}

}  // namespace pglynx::sim
