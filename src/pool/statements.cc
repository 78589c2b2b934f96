#include "pglynx/pool/statements.h"

#include <algorithm>

#include "pglynx/core/check.h"

namespace pglynx::pool {

void StatementRef::Release() {
  if (statement_ == nullptr || --statement_->references > 0) return;
  statement_->cache->OnUnused(*statement_);
}

StatementCache::~StatementCache() = default;

StatementRef StatementCache::Get(std::string_view contents, uint32_t effects) {
  const auto found = statements_.find(contents);
  if (found != statements_.end()) {
    found->second->Unlink();
    return StatementRef(*found->second);
  }
  auto statement = std::make_unique<Statement>();
  statement->id = next_id_++;
  statement->name = std::string(kNamePrefix) + std::to_string(statement->id);
  statement->contents = contents;
  statement->cache = this;
  statement->effects = effects;
  Statement& made = *statement;
  statements_.emplace(made.contents, std::move(statement));  // the key points into the value
  return StatementRef(made);
}

void StatementCache::OnUnused(Statement& statement) {
  unused_.PushBack(statement);
  if (unused_.size() <= kUnusedMax) return;
  const auto oldest = statements_.find(unused_.front()->contents);
  PGLYNX_CHECK(oldest != statements_.end());
  statements_.erase(oldest);
}

bool ServerStatements::Touch(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  by_use_.splice(by_use_.end(), by_use_, found->second);
  return true;
}

void ServerStatements::Sent(uint64_t id) {
  unconfirmed_.push_back(id);
  if (Touch(id)) return;
  by_id_[id] = by_use_.insert(by_use_.end(), id);
}

void ServerStatements::Confirm() {
  if (!unconfirmed_.empty()) unconfirmed_.erase(unconfirmed_.begin());
}

void ServerStatements::Undo(uint32_t count) {
  const size_t undone = std::min<size_t>(count, unconfirmed_.size());
  for (size_t i = 0; i < undone; ++i) Erase(unconfirmed_[i]);
  unconfirmed_.erase(unconfirmed_.begin(),
                     unconfirmed_.begin() + static_cast<std::ptrdiff_t>(undone));
}

uint64_t ServerStatements::EvictAbove(size_t max) {
  if (by_use_.size() <= max || !unconfirmed_.empty()) return 0;
  const uint64_t oldest = by_use_.front();
  Erase(oldest);
  return oldest;
}

void ServerStatements::Clear() {
  by_use_.clear();
  by_id_.clear();
  unconfirmed_.clear();
}

void ServerStatements::Erase(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  by_use_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace pglynx::pool
