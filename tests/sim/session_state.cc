#include "sim/session_state.h"

#include <algorithm>

#include "pglynx/core/check.h"

namespace pglynx::sim {

// ----- parameters -----

void SessionState::SetStartup(const KnownParameter& parameter, std::string value) {
  startup_[parameter.name] = std::move(value);
}

void SessionState::Set(const KnownParameter& parameter, std::string value) {
  now.local.erase(parameter.name);
  now.parameters[parameter.name] = std::move(value);
}

void SessionState::SetLocal(const KnownParameter& parameter, std::string value) {
  now.local[parameter.name] = std::move(value);
}

void SessionState::Reset(const KnownParameter& parameter) {
  now.local.erase(parameter.name);
  now.parameters.erase(parameter.name);
}

void SessionState::ResetAll() {
  for (auto* values : {&now.local, &now.parameters}) {
    std::erase_if(*values,
                  [](const auto& entry) { return !FindParameter(entry.first)->survives_all; });
  }
}

std::string SessionState::Value(const KnownParameter& parameter) const {
  for (const auto* values : {&now.local, &now.parameters}) {
    const auto found = values->find(parameter.name);
    if (found != values->end()) return found->second;
  }
  return StartupValue(parameter);
}

std::string SessionState::StartupValue(const KnownParameter& parameter) const {
  const auto found = startup_.find(parameter.name);
  return found != startup_.end() ? found->second : std::string(parameter.standard);
}

const KnownParameter* SessionState::Find(std::string_view name) const {
  const KnownParameter* known = FindParameter(name);
  return known != nullptr && known->custom && !custom_.contains(known->name) ? nullptr : known;
}

const KnownParameter* SessionState::FindOrMake(std::string_view name) {
  const KnownParameter* known = FindParameter(name);
  if (known != nullptr && known->custom) custom_.insert(known->name);
  return known;
}

// ----- transaction -----

void SessionState::BeginImplicit() {
  if (transaction != TransactionState::kIdle) return;
  transaction = TransactionState::kImplicit;
  before_ = now;
}

// AbortTransaction undoes everything since the innermost savepoint at once; the block waits for
// its end. A second error changes nothing.
void SessionState::Fail() {
  if (transaction == TransactionState::kImplicit) {
    Rollback();
  } else if (transaction == TransactionState::kBlock) {
    now = savepoints_.empty() ? before_ : savepoints_.back().before;
    for (auto& [name, portal] : portals) {
      portal.failed = portal.failed || portal.level >= level();
    }
    transaction = TransactionState::kFailed;
  }
}

void SessionState::EndTransaction() {
  transaction = TransactionState::kIdle;
  now.local.clear();
  now.notifications.clear();
  savepoints_.clear();
  portals.clear();
}

void SessionState::Commit() {
  heard_channels = now.channels;
  EndTransaction();
}

void SessionState::Rollback() {
  if (transaction != TransactionState::kIdle) now = before_;
  EndTransaction();
}

char SessionState::StatusByte() const {
  switch (transaction) {
    case TransactionState::kBlock:
      return 'T';
    case TransactionState::kFailed:
      return 'E';
    case TransactionState::kIdle:
    case TransactionState::kImplicit:
      break;
  }
  return 'I';
}

// ----- savepoints -----

void SessionState::Savepoint(const std::string& name) {
  savepoints_.push_back({name, now});
}

std::optional<size_t> SessionState::FindSavepoint(const std::string& name) const {
  for (size_t i = savepoints_.size(); i > 0; --i) {
    if (savepoints_[i - 1].name == name) return i - 1;
  }
  return std::nullopt;
}

bool SessionState::HasSavepoint(const std::string& name) const {
  return FindSavepoint(name).has_value();
}

size_t SessionState::Release(const std::string& name) {
  const std::optional<size_t> index = FindSavepoint(name);
  PGLYNX_CHECK(index.has_value());
  savepoints_.resize(*index);
  for (auto& [portal_name, portal] : portals) portal.level = std::min(portal.level, level());
  return level();
}

size_t SessionState::RollbackTo(const std::string& name) {
  const std::optional<size_t> index = FindSavepoint(name);
  PGLYNX_CHECK(index.has_value());
  savepoints_.resize(*index + 1);
  now = savepoints_.back().before;
  transaction = TransactionState::kBlock;
  std::erase_if(portals, [this](const auto& entry) { return entry.second.level >= level(); });
  return level();
}

void SessionState::DiscardAll() {
  portals.clear();
  now.local.clear();
  now.parameters.clear();
  prepared.clear();
  now.channels.clear();
  now.temp_tables.clear();
  now.owners.clear();
  sequence_values.clear();
  last_sequence.clear();
}

}  // namespace pglynx::sim
