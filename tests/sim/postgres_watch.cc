// FakePostgres: what is watched when a session changes hands.

#include "sim/postgres_session.h"

namespace pglynx::sim {

bool PostgresSession::IsInTransactionOf(uint32_t client) const {
  const bool in_block = state_.transaction == TransactionState::kBlock ||
                        state_.transaction == TransactionState::kFailed;
  return in_block && last_client_ == client && !unmarked_;
}

void PostgresSession::NoteMarker(const Marker& marker) {
  is_poolers_ = marker.client == 0;
  const bool in_transaction = state_.transaction == TransactionState::kBlock ||
                              state_.transaction == TransactionState::kFailed;
  if (is_poolers_) {
    unmarked_ = unmarked_ || !in_transaction;
    return;
  }
  unmarked_ = false;
  const bool shared = (in_transaction && last_client_ != 0 && last_client_ != marker.client) ||
                      (batch_client_ != 0 && batch_client_ != marker.client);
  if (shared) {
    server_.world().violations.Report(
        "I2", "server session " + std::to_string(pid_) + " ran a statement of client " +
                  std::to_string(marker.client) + " inside a transaction of client " +
                  std::to_string(batch_client_ != 0 ? batch_client_ : last_client_));
  }
  if (last_client_ != 0 && last_client_ != marker.client) ReportLeftOver(marker);
  if (batch_client_ == 0) ReportSettings(marker);
  if (server_.world().placed) {
    server_.world().placed(marker, id_, last_client_ != marker.client);
  }
  last_client_ = marker.client;
  batch_client_ = marker.client;
}

// Before the first statement of a batch.
void PostgresSession::ReportSettings(const Marker& marker) {
  // Where the pooler's own statement has failed it ends the connection, too late for this one.
  if (!server_.world().expected || settings_failed_) return;
  bool differs = false;
  for (const KnownParameter* parameter : OpenParameters()) {
    const auto own = server_.world().expected(marker, parameter->name);
    const std::string value = state_.Value(*parameter);
    if (!own.has_value() || *own == value) continue;
    server_.world().violations.Report(
        "I5", "server session " + std::to_string(pid_) + " runs statement " +
                  std::to_string(marker.number) + " of client " + std::to_string(marker.client) +
                  " with " + std::string(parameter->name) + " = '" + value + "', its own is '" +
                  *own + "'; client " + std::to_string(last_client_) + " was here before");
    differs = true;
  }
  if (differs && server_.world().explain) server_.world().explain(marker);
}

void PostgresSession::ReportLeftOver(const Marker& marker) {
  std::string left;
  if (!state_.now.temp_tables.empty()) left += " a temporary table,";
  if (!state_.now.channels.empty()) left += " a LISTEN,";
  if (server_.locks().Holds(*this)) left += " an advisory lock,";
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
