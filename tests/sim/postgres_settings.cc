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
  if (!resets && !statement.to_default) {
    if (auto error = Assign(statement.name, statement.value, local)) return error;
    wire::AppendCommandComplete(out_, tag);
    return std::nullopt;
  }
  const KnownParameter* known = FindParameter(statement.name);
  if (known == nullptr) return UnknownParameter(statement.name);
  if (known->fixed) return CannotBeChanged(*known);
  if (local) {
    state_.SetLocal(*known, state_.StartupValue(*known));
  } else {
    state_.Reset(*known);
  }
  wire::AppendCommandComplete(out_, tag);
  return std::nullopt;
}

std::optional<SqlError> PostgresSession::Assign(const std::string& name, const std::string& text,
                                                bool local) {
  const KnownParameter* known = FindParameter(name);
  if (known == nullptr) return UnknownParameter(name);
  if (known->fixed) return CannotBeChanged(*known);
  std::optional<std::string> value = CanonicalValue(*known, text, state_.Value(*known));
  if (!value.has_value()) {
    return SqlError{"22023", "invalid value for parameter \"" + std::string(known->name) +
                                 "\": \"" + text + "\""};
  }
  if (local) {  // until the end of the transaction, an implicit one too
    state_.SetLocal(*known, std::move(*value));
  } else {
    state_.Set(*known, std::move(*value));
  }
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
    wire::AppendCommandComplete(out_, "BEGIN");
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
