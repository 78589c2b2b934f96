#include "pglynx/pool/statements.h"

#include <algorithm>

#include "pglynx/core/check.h"

namespace pglynx::pool {

void StatementRef::Release() {
  if (statement_ == nullptr || --statement_->references > 0) return;
  statement_->cache->OnUnused(*statement_);
}

StatementCache::~StatementCache() = default;

StatementRef StatementCache::Get(std::string_view contents, const ParameterRef& settings,
                                 uint32_t effects) {
  std::string key(contents);
  // Interned sets are told apart by identity; the statement keeps its own alive.
  const ParameterSet* identity = &*settings;
  key.append(reinterpret_cast<const char*>(&identity), sizeof identity);
  const auto found = statements_.find(key);
  if (found != statements_.end() && found->second->ddl == ddl_count_) {
    found->second->Unlink();
    return StatementRef(*found->second);
  }
  if (found != statements_.end()) Detach(*found->second);
  return Make(std::move(key), contents.size(), settings, effects);
}

StatementRef StatementCache::Make(std::string key, size_t contents_bytes,
                                  const ParameterRef& settings, uint32_t effects) {
  auto statement = std::make_unique<Statement>();
  statement->id = next_id_++;
  statement->name = std::string(kNamePrefix) + std::to_string(statement->id);
  statement->key = std::move(key);
  statement->contents_bytes = contents_bytes;
  statement->settings = settings;
  statement->cache = this;
  statement->effects = effects;
  statement->ddl = ddl_count_;
  Statement& made = *statement;
  by_id_.emplace(made.id, std::move(statement));
  statements_.emplace(made.key, &made);  // the key points into the value
  return StatementRef(made);
}

StatementRef StatementCache::MakeTyped(std::string_view contents, std::string_view sql_types,
                                       const ParameterRef& settings, uint32_t effects) {
  std::string key(contents);
  key += sql_types;
  key += std::to_string(next_id_);  // equal to no other
  StatementRef made = Make(std::move(key), contents.size(), settings, effects);
  Statement& statement = *by_id_.find(made->id)->second;
  statement.sql_types = sql_types;
  Detach(statement);
  return made;
}

void StatementCache::Detach(Statement& statement) {
  if (!statement.shared) return;
  statement.shared = false;
  statements_.erase(statement.key);
  if (statement.references > 0) return;
  statement.Unlink();
  by_id_.erase(statement.id);
}

void StatementCache::SetOutdated(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) Detach(*found->second);
}

void StatementCache::SetStale(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  found->second->stale = true;
  Detach(*found->second);
}

void StatementCache::SetResult(uint64_t id, uint64_t result) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  if (found->second->result == 0) found->second->result = result;
}

void StatementCache::CompareResult(uint64_t id, uint64_t result) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end() && found->second->result != result) SetStale(id);
}

void StatementCache::SetProven(uint64_t id, bool proven) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) found->second->proven = proven;
}

void StatementCache::OnUnused(Statement& statement) {
  if (!statement.shared) {
    by_id_.erase(statement.id);
    return;
  }
  unused_.PushBack(statement);
  if (unused_.size() > kUnusedMax) Detach(*unused_.front());
}

bool ServerStatements::Touch(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  by_use_.splice(by_use_.end(), by_use_, found->second);
  return true;
}

void ServerStatements::Sent(uint64_t id) {
  unconfirmed_.push_back({id, batch_});
  Insert(id);
}

void ServerStatements::Insert(uint64_t id) {
  if (!by_id_.contains(id)) by_id_[id] = by_use_.insert(by_use_.end(), id);
}

uint64_t ServerStatements::Confirm() {
  if (unconfirmed_.empty()) return 0;
  const uint64_t id = unconfirmed_.front().id;
  unconfirmed_.erase(unconfirmed_.begin());
  Insert(id);  // an earlier Parse of it may have been undone
  return id;
}

uint64_t ServerStatements::Undo(uint32_t count) {
  const size_t undone = std::min<size_t>(count, unconfirmed_.size());
  if (undone == 0) return 0;
  const uint64_t first = unconfirmed_.front().id;
  for (size_t i = 0; i < undone; ++i) Erase(unconfirmed_[i].id);
  unconfirmed_.erase(unconfirmed_.begin(),
                     unconfirmed_.begin() + static_cast<std::ptrdiff_t>(undone));
  return first;
}

uint64_t ServerStatements::EvictAbove(size_t max) {
  if (by_use_.size() <= max || !unconfirmed_.empty()) return 0;
  const uint64_t oldest = by_use_.front();
  Erase(oldest);
  return oldest;
}

void ServerStatements::Clear() {
  // Replies come in order: what is not confirmed was sent behind the statement that cleared
  // the session, and will be there.
  by_use_.clear();
  by_id_.clear();
  for (const Unconfirmed& sent : unconfirmed_) Insert(sent.id);
}

void ServerStatements::Erase(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  by_use_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace pglynx::pool
