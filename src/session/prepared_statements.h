#pragma once

// The named prepared statements of one client in transaction mode: its own names, each for
// a Statement that all clients of the pool share. Made when the client prepares its first.
//
// Messages take effect here when they are sent, so that a later message of the same
// pipeline sees them; after an error the server has skipped some, and Undo takes those back.
// Bound: the caller checks size() against max_client_statements before Add.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pglynx/pool/statements.h"

namespace pglynx::session {

class PreparedStatements {
 public:
  // nullptr: no such name. Valid until the next change.
  const pool::Statement* Find(std::string_view name) const;
  pool::StatementRef FindRef(std::string_view name) const;
  // A name of that statement here; empty: none.
  [[nodiscard]] std::string_view NameOf(uint64_t id) const;
  // The name means another statement from now on. Precondition: Find(name) != nullptr.
  void Replace(std::string_view name, pool::StatementRef statement);
  // A Parse was sent. Precondition: Find(name) == nullptr.
  void Add(std::string_view name, pool::StatementRef statement);
  // A Close was sent, whether the name exists or not.
  void Remove(std::string_view name);

  // The oldest change that is not settled yet was carried out by the server.
  void Settle();
  // The oldest `count` changes not settled were never carried out: they are taken back.
  void Undo(uint32_t count);
  // A Sync was sent: what follows is not skipped by an error before it.
  void NextBatch() { ++batch_; }
  // A change of an earlier batch is not settled: what the names mean cannot be told yet.
  [[nodiscard]] bool Uncertain() const {
    return !unsettled_.empty() && unsettled_.front().batch != batch_;
  }
  // DEALLOCATE ALL was done: only names that were added behind it remain.
  void Clear();
  // PREPARE or DEALLOCATE in SQL was done.
  void AddDone(std::string_view name, pool::StatementRef statement);
  void RemoveDone(std::string_view name);

  [[nodiscard]] size_t size() const { return by_name_.size(); }

 private:
  struct Change {
    std::string name;
    pool::StatementRef removed;  // of a Remove: what was there
    bool added;
    uint64_t batch;
  };
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  std::unordered_map<std::string, pool::StatementRef, NameHash, std::equal_to<>> by_name_;
  std::vector<Change> unsettled_;  // oldest first
  uint64_t batch_ = 0;
};

}  // namespace pglynx::session
