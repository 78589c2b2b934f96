#include "session/prepared_statements.h"

#include <algorithm>

namespace pglynx::session {
namespace {

// Postgres compares so much of a name (NAMEDATALEN).
std::string_view Significant(std::string_view name) {
  return name.substr(0, 63);
}

}  // namespace

const pool::Statement* PreparedStatements::Find(std::string_view name) const {
  const auto found = by_name_.find(Significant(name));
  return found == by_name_.end() ? nullptr : &*found->second;
}

void PreparedStatements::Add(std::string_view name, pool::StatementRef statement) {
  by_name_.emplace(std::string(Significant(name)), std::move(statement));
  unsettled_.push_back({std::string(Significant(name)), {}, true, batch_});
}

void PreparedStatements::Remove(std::string_view name) {
  Change change{std::string(Significant(name)), {}, false, batch_};
  const auto found = by_name_.find(Significant(name));
  if (found != by_name_.end()) {
    change.removed = std::move(found->second);
    by_name_.erase(found);
  }
  unsettled_.push_back(std::move(change));
}

void PreparedStatements::Settle() {
  if (!unsettled_.empty()) unsettled_.erase(unsettled_.begin());
}

void PreparedStatements::Undo(uint32_t count) {
  const auto undone = static_cast<std::ptrdiff_t>(std::min<size_t>(count, unsettled_.size()));
  // Newest first, so that a name that was added and removed ends as it began.
  for (auto at = unsettled_.begin() + undone; at != unsettled_.begin();) {
    --at;
    if (at->added) {
      const auto found = by_name_.find(at->name);
      if (found != by_name_.end()) by_name_.erase(found);
    } else if (at->removed) {
      by_name_.insert_or_assign(at->name, std::move(at->removed));
    }
  }
  unsettled_.erase(unsettled_.begin(), unsettled_.begin() + undone);
}

void PreparedStatements::Clear() {
  std::erase_if(by_name_, [this](const auto& item) {
    return std::none_of(unsettled_.begin(), unsettled_.end(), [&item](const Change& change) {
      return change.added && change.name == item.first;
    });
  });
}

pool::StatementRef PreparedStatements::FindRef(std::string_view name) const {
  const auto found = by_name_.find(Significant(name));
  return found == by_name_.end() ? pool::StatementRef() : found->second;
}

std::string_view PreparedStatements::NameOf(uint64_t id) const {
  for (const auto& [name, statement] : by_name_) {
    if (statement->id == id) return name;
  }
  return {};
}

void PreparedStatements::Replace(std::string_view name, pool::StatementRef statement) {
  by_name_.find(Significant(name))->second = std::move(statement);
}

void PreparedStatements::AddDone(std::string_view name, pool::StatementRef statement) {
  by_name_.insert_or_assign(std::string(Significant(name)), std::move(statement));
}

void PreparedStatements::RemoveDone(std::string_view name) {
  const auto found = by_name_.find(Significant(name));
  if (found != by_name_.end()) by_name_.erase(found);
}

}  // namespace pglynx::session
