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
    const bool has_parameter = found->second.find("$1") != std::string::npos;
    if (has_parameter != op.by_parameter) return "08P01";
  }
  if (op.kind == OpKind::kBadSyntax) return "42601";
  if (refused) return "25P02";
  // A plan is made at Bind: its tables are looked up again and its constants are folded.
  if (stage == Stage::kBind || stage == Stage::kStatement) {
    if (const std::string_view error = AnalysisError(op); !error.empty()) return error;
    if (op.kind == OpKind::kDivide) return "22012";
  }
  if (stage != Stage::kExecute && stage != Stage::kStatement) return "";
  switch (op.kind) {
    case OpKind::kCreateTemp:
      return now_.tables.contains(op.name) ? "42P07" : "";
    case OpKind::kDropTable:
      return now_.tables.contains(op.name) ? "" : "42P01";
    case OpKind::kSavepoint:
      return status_ == 'T' ? "" : "25P01";
    case OpKind::kRelease:
    case OpKind::kRollbackTo:
      if (status_ == 'I') return "25P01";
      return FindSavepoint(op.name) == savepoints_.size() ? "3B001" : "";
    case OpKind::kDiscardAll:
      return status_ == 'I' ? "" : "25001";
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
    case OpKind::kSleep:
    case OpKind::kLock:
    case OpKind::kUnlockAll:
      return {"|" + op.marker};
    case OpKind::kShow:
      return {Value(op.name)};
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
      return "SET";
    case OpKind::kReset:
      return "RESET";
    case OpKind::kBegin:
      return "BEGIN";
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
    case OpKind::kSet:
    case OpKind::kSetLocal: {
      const KnownParameter* known = FindParameter(op.name);
      PGLYNX_CHECK(known != nullptr);
      const std::optional<std::string> value = CanonicalValue(*known, op.value, Value(op.name));
      PGLYNX_CHECK(value.has_value());
      touched_[op.name] = true;
      if (op.kind == OpKind::kSetLocal) {
        local_[op.name] = *value;
      } else {
        local_.erase(op.name);
        now_.settings[op.name] = *value;
      }
      break;
    }
    case OpKind::kReset:
      touched_[op.name] = true;
      if (startup_.contains(op.name)) being_restored_.insert(op.name);
      local_.erase(op.name);
      now_.settings.erase(op.name);
      break;
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
    case OpKind::kDiscardAll:
      DiscardAll();
      break;
    case OpKind::kDeallocateAll:
      DropNamed();
      break;
    case OpKind::kCreateTemp:
      now_.tables[op.name];
      break;
    case OpKind::kInsert:
      now_.tables[op.name].push_back(op.marker);
      break;
    case OpKind::kDropTable:
      now_.tables.erase(op.name);
      break;
    case OpKind::kListen:
      channels_.push_back(op.name);
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
  DropNamed();
}

void ClientModel::DropNamed() {
  std::erase_if(statements_, [](const auto& statement) { return !statement.first.empty(); });
}

// An error undoes what came behind the last savepoint; the end of the block undoes the rest.
void ClientModel::Fail() {
  if (status_ == 'E') return;
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
  statements_[op.statement] = op.Sql();
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
