#include "sim/client_model.h"

#include <algorithm>

#include "pglynx/core/check.h"
#include "sim/known_parameters.h"

namespace pglynx::sim {
namespace {

std::string Repeated(const Op& op) {
  std::string text;
  for (uint32_t i = 0; i < op.repeats; ++i) text += op.marker + ";";
  return text;
}

}  // namespace

std::string_view ClientModel::ExpectedError(const Op& op, Stage stage) const {
  const bool refused = status_ == 'E' && !op.LeavesFailure();
  if (stage == Stage::kParse) {
    if (op.kind == OpKind::kBadSyntax) return "42601";
    if (refused) return "25P02";
    if (const std::string_view error = AnalysisError(op); !error.empty()) return error;
    return !op.statement.empty() && statements_.contains(op.statement) ? "42P05" : "";
  }
  if (stage == Stage::kBind) {
    const auto found = statements_.find(op.statement);
    if (found == statements_.end()) return "26000";
    if (found->second.has_parameter != op.by_parameter) return "08P01";
  }
  if (op.kind == OpKind::kBadSyntax) return "42601";
  if (refused) return "25P02";
  // A plan is made at Bind: its tables are looked up again and its constants are folded.
  if (stage == Stage::kBind || stage == Stage::kStatement) {
    if (const std::string_view error = AnalysisError(op); !error.empty()) return error;
    if (op.kind == OpKind::kDivide) return "22012";
  }
  return stage == Stage::kExecute || stage == Stage::kStatement ? RunError(op) : "";
}

std::string_view ClientModel::RunError(const Op& op) const {
  switch (op.kind) {
    case OpKind::kCreateTemp:
    case OpKind::kHiddenTemp:
      return now_.tables.contains(op.name) ? "42P07" : "";
    case OpKind::kDropTable: {
      if (!now_.tables.contains(op.name)) return "42P01";
      const std::string role = Value("role");
      const auto owner = now_.owners.find(op.name);
      const bool owns = owner != now_.owners.end() && owner->second == role;
      return role == "none" || owns ? "" : "42501";
    }
    case OpKind::kSavepoint:
      return status_ == 'T' ? "" : "25P01";
    case OpKind::kRelease:
    case OpKind::kRollbackTo:
      if (status_ == 'I') return "25P01";
      return FindSavepoint(op.name) == savepoints_.size() ? "3B001" : "";
    case OpKind::kDiscardAll:
      return status_ == 'I' ? "" : "25001";
    case OpKind::kPrepare:
      return statements_.contains(op.name) ? "42P05" : "";
    case OpKind::kDeallocate:
      return statements_.contains(op.name) ? "" : "26000";
    case OpKind::kExecute: {
      const auto found = statements_.find(op.name);
      if (found == statements_.end()) return "26000";
      return found->second.has_parameter == op.has_parameter ? "" : "42601";
    }
    default:
      return "";
  }
}

std::string_view ClientModel::ExpectedWarning(const Op& op, bool in_block) const {
  switch (op.kind) {
    case OpKind::kBegin:
      return status_ == 'T' ? "25001" : "";
    case OpKind::kCommit:
    case OpKind::kRollback:
      return status_ == 'I' ? "25P01" : "";
    case OpKind::kSetLocal:
      return status_ == 'I' && !in_block ? "25P01" : "";
    case OpKind::kUnlock:
      return locks_.contains(op.name) ? "" : "01000";
    default:
      return "";
  }
}

size_t ClientModel::FindSavepoint(std::string_view name) const {
  for (size_t i = savepoints_.size(); i > 0; --i) {
    if (savepoints_[i - 1].name == name) return i - 1;
  }
  return savepoints_.size();
}

std::string_view ClientModel::AnalysisError(const Op& op) const {
  const bool looks_up = op.kind == OpKind::kInsert || op.kind == OpKind::kReadTable;
  return looks_up && !now_.tables.contains(op.name) ? "42P01" : "";
}

std::vector<std::string> ClientModel::ExpectedRows(const Op& op) const {
  switch (op.kind) {
    case OpKind::kEcho:
      return {op.marker};
    case OpKind::kRows:
      return std::vector<std::string>(op.rows, Repeated(op));
    case OpKind::kCopyOut:
      return std::vector<std::string>(op.rows, Repeated(op) + "\n");
    case OpKind::kTryLock:
      return {"t|" + op.marker};
    case OpKind::kUnlock:
      return {(locks_.contains(op.name) ? "t|" : "f|") + op.marker};
    case OpKind::kSleep:
    case OpKind::kLock:
    case OpKind::kUnlockAll:
    case OpKind::kHiddenLock:
    case OpKind::kHiddenTemp:
    case OpKind::kHiddenListen:
    case OpKind::kHiddenSet:
    case OpKind::kHiddenNothing:
      return {"|" + op.marker};
    case OpKind::kShow:
      return {Value(op.name)};
    case OpKind::kCurrent:
      return {Value(op.name) + "|" + op.marker};
    case OpKind::kSetConfig: {
      const KnownParameter* known = FindParameter(op.name);
      return {CanonicalValue(*known, op.value, Value(op.name)).value_or("") + "|" + op.marker};
    }
    case OpKind::kExecute: {
      const auto found = statements_.find(op.name);
      const bool shows = found != statements_.end() && !found->second.has_parameter;
      return {shows ? found->second.shows : op.marker};
    }
    case OpKind::kReadTable:
      return now_.tables.find(op.name)->second;
    default:
      return {};
  }
}

std::string ClientModel::ExpectedTag(const Op& op) const {
  switch (op.kind) {
    case OpKind::kShow:
      return "SHOW";
    case OpKind::kSet:
    case OpKind::kSetLocal:
    case OpKind::kCharacteristics:
      return "SET";
    case OpKind::kReset:
    case OpKind::kResetAll:
      return "RESET";
    case OpKind::kBegin:
      return op.name.starts_with("START") ? "START TRANSACTION" : "BEGIN";
    case OpKind::kCommit:
      return status_ == 'E' ? "ROLLBACK" : "COMMIT";
    case OpKind::kRollback:
      return "ROLLBACK";
    case OpKind::kSavepoint:
      return "SAVEPOINT";
    case OpKind::kRelease:
      return "RELEASE";
    case OpKind::kRollbackTo:
      return "ROLLBACK";
    case OpKind::kDiscardAll:
      return "DISCARD ALL";
    case OpKind::kDiscardPlans:
      return "DISCARD PLANS";
    case OpKind::kDiscardTemp:
      return "DISCARD TEMP";
    case OpKind::kPrepare:
      return "PREPARE";
    case OpKind::kDeallocate:
      return "DEALLOCATE";
    case OpKind::kDeallocateAll:
      return "DEALLOCATE ALL";
    case OpKind::kCreateTemp:
      return "CREATE TABLE";
    case OpKind::kInsert:
      return "INSERT 0 1";
    case OpKind::kDropTable:
      return "DROP TABLE";
    case OpKind::kListen:
      return "LISTEN";
    case OpKind::kUnlisten:
    case OpKind::kUnlistenAll:
      return "UNLISTEN";
    case OpKind::kNotify:
      return "NOTIFY";
    case OpKind::kCopyIn:
    case OpKind::kCopyOut:
      return "COPY " + std::to_string(op.rows);
    default:
      return "SELECT " + std::to_string(ExpectedRows(op).size());
  }
}

void ClientModel::BeginImplicit() {
  if (status_ != 'I' || implicit_) return;
  implicit_ = true;
  before_ = now_;
}

void ClientModel::Apply(const Op& op) {
  BeginImplicit();
  switch (op.kind) {
    case OpKind::kBegin:
      status_ = 'T';
      implicit_ = false;
      break;
    case OpKind::kCommit:
    case OpKind::kRollback:
      if (op.kind == OpKind::kRollback || status_ == 'E') now_ = before_;
      local_.clear();
      savepoints_.clear();
      status_ = 'I';
      implicit_ = false;
      break;
    case OpKind::kSavepoint:
      savepoints_.push_back({op.name, now_, local_});
      break;
    case OpKind::kRelease:
      savepoints_.resize(FindSavepoint(op.name));
      break;
    case OpKind::kRollbackTo:
      savepoints_.resize(FindSavepoint(op.name) + 1);
      now_ = savepoints_.back().before;
      local_ = savepoints_.back().local;
      status_ = 'T';
      break;
    default:
      if (!ApplySetting(op)) ApplyState(op);
      break;
  }
}

void ClientModel::Assign(const std::string& name, const std::string& value, bool is_local) {
  const KnownParameter* known = FindParameter(name);
  PGLYNX_CHECK(known != nullptr);
  const std::optional<std::string> canonical = CanonicalValue(*known, value, Value(name));
  PGLYNX_CHECK(canonical.has_value());
  touched_[name] = true;
  if (is_local) {
    local_[name] = *canonical;
    return;
  }
  local_.erase(name);
  now_.settings[name] = *canonical;
  now_.unsure.erase(name);
}

bool ClientModel::ApplySetting(const Op& op) {
  switch (op.kind) {
    case OpKind::kSet:
    case OpKind::kCharacteristics:
      Assign(op.name, op.value, false);
      return true;
    case OpKind::kSetLocal:
      Assign(op.name, op.value, true);
      return true;
    case OpKind::kSetConfig:
      Assign(op.name, op.value, op.is_local);
      return true;
    case OpKind::kHiddenSet:
      if (FindParameter(op.name)->reported) {
        Assign(op.name, op.value, false);
      } else {
        local_.erase(op.name);
        now_.unsure.insert(op.name);
      }
      return true;
    case OpKind::kReset:
      touched_[op.name] = true;
      if (startup_.contains(op.name)) being_restored_.insert(op.name);
      local_.erase(op.name);
      now_.settings.erase(op.name);
      now_.unsure.erase(op.name);
      return true;
    case OpKind::kResetAll: {
      const auto goes = [](const auto& entry) { return entry.first != "role"; };
      for (const auto& [name, value] : startup_) being_restored_.insert(name);
      std::erase_if(local_, goes);
      std::erase_if(now_.settings, goes);
      now_.unsure.clear();
      return true;
    }
    default:
      return false;
  }
}

void ClientModel::MakeTable(const std::string& name) {
  now_.tables[name];
  const std::string role = Value("role");
  if (role != "none") now_.owners[name] = role;
}

void ClientModel::ApplyState(const Op& op) {
  switch (op.kind) {
    case OpKind::kCreateTemp:
    case OpKind::kHiddenTemp:
      MakeTable(op.name);
      break;
    case OpKind::kInsert:
      now_.tables[op.name].push_back(op.marker);
      break;
    case OpKind::kDropTable:
      now_.tables.erase(op.name);
      now_.owners.erase(op.name);
      break;
    case OpKind::kDiscardTemp:
      now_.tables.clear();
      now_.owners.clear();
      break;
    case OpKind::kListen:
    case OpKind::kHiddenListen:
      channels_.push_back(op.name);
      break;
    case OpKind::kLock:
    case OpKind::kTryLock:
    case OpKind::kHiddenLock:
      ++locks_[op.name];
      break;
    case OpKind::kUnlock:
      if (locks_.contains(op.name) && --locks_[op.name] == 0) locks_.erase(op.name);
      break;
    case OpKind::kUnlockAll:
      locks_.clear();
      break;
    case OpKind::kPrepare:
      statements_[op.name] = {op.has_parameter, op.marker};
      break;
    case OpKind::kDeallocate:
      statements_.erase(op.name);
      break;
    case OpKind::kDeallocateAll:
      DropNamed();
      break;
    case OpKind::kDiscardAll:
      DiscardAll();
      break;
    default:
      break;
  }
}

// Not undone by what comes: it runs alone.
void ClientModel::DiscardAll() {
  for (const auto& [name, value] : startup_) being_restored_.insert(name);
  now_ = {};
  before_ = {};
  locks_.clear();
  DropNamed();
}

void ClientModel::DropNamed() {
  std::erase_if(statements_, [](const auto& statement) { return !statement.first.empty(); });
}

// An error undoes what came behind the last savepoint; the end of the block undoes the rest.
void ClientModel::Fail(bool explained) {
  if (status_ == 'E') return;
  failed_unread_ = !explained;
  if (status_ == 'T' && !savepoints_.empty()) {
    now_ = savepoints_.back().before;
    local_ = savepoints_.back().local;
  } else {
    if (status_ == 'T' || implicit_) now_ = before_;
    local_.clear();
  }
  implicit_ = false;
  if (status_ == 'T') status_ = 'E';
}

void ClientModel::EndImplicit() {
  if (!implicit_) return;
  implicit_ = false;
  local_.clear();
}

void ClientModel::Parsed(const Op& op) {
  statements_[op.statement] = {op.by_parameter, op.marker};
}

void ClientModel::ParseFailed(const Op& op) {
  if (op.statement.empty()) statements_.erase("");
}

void ClientModel::SetStartup(std::string_view name, std::string_view value) {
  const KnownParameter* known = FindParameter(name);
  PGLYNX_CHECK(known != nullptr);
  startup_[std::string(name)] = CanonicalValue(*known, value, known->standard).value_or("");
  touched_[std::string(name)] = true;
}

std::string ClientModel::Value(std::string_view name) const {
  for (const auto* values : {&local_, &now_.settings, &startup_}) {
    const auto found = values->find(name);
    if (found != values->end()) return found->second;
  }
  return std::string(FindParameter(name)->standard);
}

std::vector<std::string> ClientModel::TouchedParameters() const {
  std::vector<std::string> names;
  for (const auto& [name, touched] : touched_) names.push_back(name);
  return names;
}

bool ClientModel::Listens(std::string_view channel) const {
  return std::find(channels_.begin(), channels_.end(), channel) != channels_.end();
}

}  // namespace pglynx::sim
