#pragma once

// Protocol-level prepared statements in transaction mode: what clients prepared, shared by
// text, and what each server holds.
//
// `StatementCache`, one per pool: a Parse's query and parameter types, under the settings by
// which the server reads them → one `Statement` with a name of ours. The settings belong to
// it because Postgres reads literals when it parses: '2026-01-02'::timestamptz is one instant
// under one TimeZone and another under the next. Clients refer to a statement by counted
// references; one without any is kept for a while (kUnusedMax of them), since applications
// reconnect and prepare the same things again.
//
// `ServerStatements`, one per server connection: which statements it holds, least recently
// used first.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pglynx/core/intrusive_list.h"
#include "pglynx/pool/parameters.h"

namespace pglynx::pool {

class StatementCache;

struct Statement : ListNode<Statement> {
  // Parse's body behind the name: query, NUL, type count, type OIDs.
  [[nodiscard]] std::string_view contents() const {
    return std::string_view(key).substr(0, contents_bytes);
  }

  uint64_t id = 0;
  std::string name;  // on every server: "pglynx_<id>"
  std::string key;   // contents, and the identity of `settings`
  size_t contents_bytes = 0;
  ParameterRef settings;  // under which it was parsed
  StatementCache* cache = nullptr;
  uint32_t references = 0;
  uint32_t effects = 0;  // sql::StateEffects of its text, kept for whoever judged it
  bool proven = false;   // a server has accepted it, and none has refused it since
  // Prepared by SQL's PREPARE with these types in parentheses: only another PREPARE makes the same.
  std::string sql_types = {};
  // A server has refused to run it because the type of its result is another now ("cached plan
  // must not change result type"): those who knew it before must be told.
  bool stale = false;
  bool shared = true;  // Get() may return it
  uint64_t ddl = 0;    // changes of definitions before it was made
  // What the columns of its result were when a client was told; 0: nobody was.
  uint64_t result = 0;
};

class StatementRef {
 public:
  StatementRef() = default;
  explicit StatementRef(Statement& statement) : statement_(&statement) { Acquire(); }
  StatementRef(const StatementRef& other) : statement_(other.statement_) { Acquire(); }
  StatementRef(StatementRef&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)) {}
  StatementRef& operator=(StatementRef other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~StatementRef() { Release(); }

  const Statement& operator*() const { return *statement_; }
  const Statement* operator->() const { return statement_; }
  explicit operator bool() const { return statement_ != nullptr; }
  bool operator==(const StatementRef& other) const { return statement_ == other.statement_; }

 private:
  void Acquire() {
    if (statement_ != nullptr) ++statement_->references;
  }
  void Release();

  Statement* statement_ = nullptr;
};

class StatementCache {
 public:
  static constexpr size_t kUnusedMax = 1000;
  static constexpr std::string_view kNamePrefix = "pglynx_";

  // `ddl_count`: changes of definitions in the database, by whatever pool. The result of what is
  // prepared behind one may be another, so it is not shared with what was prepared before.
  explicit StatementCache(const uint64_t& ddl_count) : ddl_count_(ddl_count) {}
  ~StatementCache();
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

  // The statement of these contents under these settings, made if it is new; `effects`
  // follow from the contents.
  StatementRef Get(std::string_view contents, const ParameterRef& settings, uint32_t effects);
  // One of SQL's PREPARE with types, which is not shared.
  StatementRef MakeTyped(std::string_view contents, std::string_view sql_types,
                         const ParameterRef& settings, uint32_t effects);
  // See Statement::stale: who prepares it from now on gets a new one. Unknown ids are ignored.
  void SetStale(uint64_t id);
  // Who prepares it from now on gets a new one.
  void SetOutdated(uint64_t id);
  // A definition was changed since it was made.
  [[nodiscard]] bool IsSuspect(const Statement& statement) const {
    return statement.ddl != ddl_count_;
  }
  // A client was told what the columns of its result are. Unknown ids are ignored.
  void SetResult(uint64_t id, uint64_t result);
  // Which they are now, on a server that parsed it again: another result makes it stale.
  void CompareResult(uint64_t id, uint64_t result);
  // What a server said to the Parse of this statement. Unknown ids are ignored.
  void SetProven(uint64_t id, bool proven);

  [[nodiscard]] size_t size() const { return by_id_.size(); }

 private:
  friend class StatementRef;
  void OnUnused(Statement& statement);
  StatementRef Make(std::string key, size_t contents_bytes, const ParameterRef& settings,
                    uint32_t effects);
  // Takes it out of what is shared; whoever has it keeps it.
  void Detach(Statement& statement);

  std::unordered_map<uint64_t, std::unique_ptr<Statement>> by_id_;
  std::unordered_map<std::string_view, Statement*> statements_;  // those that are shared
  IntrusiveList<Statement> unused_;                              // oldest first
  uint64_t next_id_ = 1;
  const uint64_t& ddl_count_;
};

class ServerStatements {
 public:
  // Whether the server holds it; marks it as used now.
  bool Touch(uint64_t id);
  // A Parse of an earlier batch has not been answered: an error there may make the server
  // skip it, so what it holds cannot be told yet.
  [[nodiscard]] bool Uncertain() const {
    return !unconfirmed_.empty() && unconfirmed_.front().batch != batch_;
  }
  // A Sync was sent: what follows is not skipped by an error before it.
  void NextBatch() { ++batch_; }
  [[nodiscard]] uint64_t batch() const { return batch_; }
  // A Parse of it was sent. Forgotten again by Undo() if the server never did it.
  void Sent(uint64_t id);
  // It was made there without being Sent(), or is there no more.
  void Made(uint64_t id) { Insert(id); }
  void Gone(uint64_t id) { Erase(id); }
  // The oldest Parse sent is done: returns its id, 0 if none was sent.
  uint64_t Confirm();
  // The oldest `count` Parses sent were never done; returns the id of the first.
  uint64_t Undo(uint32_t count);
  // Drops the least recently used one and returns its id, where more than `max` are held
  // and none is unconfirmed; else 0.
  uint64_t EvictAbove(size_t max);
  // DEALLOCATE ALL or DISCARD ALL was done: only what was sent behind it remains.
  void Clear();

  [[nodiscard]] size_t size() const { return by_id_.size(); }

 private:
  using Order = std::list<uint64_t>;
  void Erase(uint64_t id);
  void Insert(uint64_t id);

  Order by_use_;  // least recently used first
  std::unordered_map<uint64_t, Order::iterator> by_id_;
  struct Unconfirmed {
    uint64_t id;
    uint64_t batch;
  };
  std::vector<Unconfirmed> unconfirmed_;  // in the order sent
  uint64_t batch_ = 0;
};

}  // namespace pglynx::pool
