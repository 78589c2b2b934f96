#include "session/prepared_statements.h"

#include <algorithm>

namespace pglynx::session {

const pool::Statement* PreparedStatements::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &*found->second;
}

void PreparedStatements::Add(std::string_view name, pool::StatementRef statement) {
  by_name_.emplace(std::string(name), std::move(statement));
  unsettled_.push_back({std::string(name), {}, true, batch_});
}

void PreparedStatements::Remove(std::string_view name) {
  Change change{std::string(name), {}, false, batch_};
  const auto found = by_name_.find(name);
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

}  // namespace pglynx::session
