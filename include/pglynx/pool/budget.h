#pragma once

// Limits on server connections that several pools share: on those to one server
// (`max_connections`), to one database of it (`max_db_connections`) and of one server user
// (`max_user_connections`). Book-keeping only. Owner: server::Pools, one for a loop; outlives
// its pools. Slots may outlive it.
//
// Rules:
// - a connection holds a Slot from its launch until its socket is closed at both ends, so that
//   Postgres does not see more of them than the limit says, not even for a moment;
// - a pool that needs a connection while an account is full stands in that account's line. Those
//   that have none come first; then the pool whose oldest waiter (without a login under way for
//   it) waits longest;
// - for pools in line the connections of others that have been idle longest are closed, and
//   those that become idle now. One that would go to a waiter of its own pool is closed too if
//   the first pool in line has none, or has waited kPatience longer than that waiter: without
//   this a busy pool would keep what it has for ever. But not before it is kTenure old, so that
//   busy pools do not spend their time on logins.
//
// Costs: without limits three comparisons for each release. A line is ordered: O(log pools).

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pglynx/core/intrusive_list.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/core/time.h"

namespace pglynx::pool {

class Budget;
class Pool;
class PooledServer;
class Share;
struct Account;

enum class LimitKind : uint8_t { kServer, kDatabase, kUser };
inline constexpr size_t kLimitKinds = 3;
// The key of the configuration: "max_connections" …
std::string_view LimitKey(LimitKind kind);

// By LimitKind; 0 = no limit.
using BudgetLimits = std::array<uint32_t, kLimitKinds>;
// By LimitKind; what is limited, as errors print it: "server 10.0.0.1:5432".
using BudgetNames = std::array<std::string, kLimitKinds>;

// The place of one connection in its accounts. Destroying it frees the place.
class Slot final : public Deletable, public ListNode<Slot> {
 public:
  Slot(Budget& budget, const std::array<Account*, kLimitKinds>& accounts);
  ~Slot() override;

  // The connection is being closed: its place will be free soon.
  void MarkClosing();
  [[nodiscard]] const std::array<Account*, kLimitKinds>& accounts() const { return accounts_; }

 private:
  friend class Budget;
  std::array<Account*, kLimitKinds> accounts_;  // nullptr: the budget is gone
  Budget* budget_;
  bool closing_ = false;
};

// A server's place on an account's list of idle connections.
struct IdlePlace : ListNode<IdlePlace> {
  PooledServer* server = nullptr;
};

// The order of a line: pools without a connection first, then by the age of the oldest waiter;
// the number makes it total.
using PlaceInLine = std::tuple<bool, TimePoint, uint64_t, Share*>;

// One pool's part in the budget. Owner: the pool.
class Share {
 public:
  explicit Share(Pool& pool, Budget& budget) : pool_(pool), budget_(budget) {}
  ~Share();
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  // Connections from now on count in these accounts, up to these limits.
  void Join(const BudgetNames& names, const BudgetLimits& limits);
  // A place for a new connection.
  [[nodiscard]] std::unique_ptr<Slot> Take();
  // Whether another connection must wait: a limit is reached, or others are in line.
  [[nodiscard]] bool MustWait();
  // For a connection that nobody waits for: true if there is a place for it. Else one that is idle
  // is closed, so that there is one soon.
  [[nodiscard]] bool HasRoom();
  // Joins the line of the account that MustWait found; where it stands already, nothing.
  void StandInLine();
  void LeaveLine();
  [[nodiscard]] bool in_line() const { return line_ != nullptr; }
  // More connections exist than a limit of this pool, which was lowered, allows.
  [[nodiscard]] bool IsOver() const;
  // "max_db_connections = 40 is reached for database app at 10.0.0.1:5432", or empty.
  [[nodiscard]] std::string ReachedLimit() const;

 private:
  friend class Budget;
  // The account whose limit is reached; nullptr: none.
  [[nodiscard]] Account* Full() const;
  [[nodiscard]] bool IsFull(size_t kind) const;

  Pool& pool_;
  Budget& budget_;
  BudgetLimits limits_{};
  std::array<Account*, kLimitKinds> accounts_{};
  void Enter(Account& account, TimePoint since);
  [[nodiscard]] PlaceInLine Place();

  Account* line_ = nullptr;      // where it stands
  bool has_connection_ = false;  // its key there, as are the next two
  TimePoint since_{};
  uint64_t number_ = 0;
};

// What is counted for one server, database or user.
struct Account {
  std::string name;
  uint32_t used = 0;
  uint32_t closing = 0;           // of these, those that will soon be free
  uint32_t limiting_shares = 0;   // pools that have a limit here
  uint32_t shares = 0;            // pools that count here
  IntrusiveList<IdlePlace> idle;  // front: longest idle; kept while limiting_shares > 0
  std::set<PlaceInLine> line;     // front: next
};

class Budget {
 public:
  // How much longer the first pool in line must have waited than the oldest waiter of the
  // pool whose connection it takes.
  static constexpr Duration kPatience = std::chrono::milliseconds(50);
  // What a connection that is taken from clients of its own pool has served at least: ten times
  // what a login costs.
  static constexpr Duration kTenure = std::chrono::milliseconds(100);

  explicit Budget(Scheduler& loop) : loop_(loop) {}
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // A free server goes on the idle lists of its accounts, or leaves them.
  void NoteIdle(PooledServer& server);
  static void NoteUsed(PooledServer& server);
  // Whether a server that has come free is to be closed for a pool in line. `oldest_wait`:
  // since when the oldest waiter of its own pool waits; kNever: nobody does.
  [[nodiscard]] bool ShouldYield(const PooledServer& server, TimePoint oldest_wait);
  // Forgets accounts that nobody uses. Now and then.
  void DropUnused();

  [[nodiscard]] size_t account_count() const { return accounts_.size(); }
  // Counters equal what is there. For tests.
  void CheckInvariants() const;

 private:
  friend class Share;
  friend class Slot;
  Account& Find(LimitKind kind, const std::string& name);
  void Free(Slot& slot);
  // The share whose pool comes first, with keys brought up to date; nullptr: nobody waits.
  Share* First(Account& account);
  void MakeRoom(Account& account);
  void ServeLater(Account& account);
  void Serve();
  void ServeLine(Account& account);

  Scheduler& loop_;
  // By kind and name.
  std::map<std::pair<LimitKind, std::string>, std::unique_ptr<Account>> accounts_;
  IntrusiveList<Slot> slots_;
  std::vector<Account*> to_serve_;
  size_t in_line_ = 0;  // pools
  uint64_t next_number_ = 1;
  Task serve_ = MemberTask<&Budget::Serve>(this);
};

}  // namespace pglynx::pool
