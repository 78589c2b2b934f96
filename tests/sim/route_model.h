#pragma once

// Where the statements of a client may run, in a pool of several shards or servers: what it has
// chosen by commands and comments, told only of what it was answered, in that order. Written from
// docs/sharding.md, apart from the product. What is not sure is not objected to: of a client that
// may keep its server, nothing is. A value; pure.
//
//   if (model.MustFail(op, status) != "") … else model.Ran(op, place, …);
//   …
//   model.OnIdle();

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/balancer/host.h"
#include "pglynx/config/config.h"
#include "sim/ops.h"

namespace pglynx::sim {

// The servers of one pool, by their numbers in the simulation.
struct PoolMap {
  struct Host {
    size_t server = 0;
    balancer::Role role = balancer::Role::kPeer;
  };
  struct Where {
    uint32_t shard = 0;
    balancer::Role role = balancer::Role::kPeer;
  };
  // nullopt: it is no server of this pool.
  [[nodiscard]] std::optional<Where> Find(size_t server) const;

  std::vector<std::vector<Host>> shards;
  bool session_mode = false;
  bool keeps_choice = false;  // shard_scope = "session"
  config::DefaultShard default_shard = {};
  balancer::WantedRole default_role = balancer::WantedRole::kAny;
  bool primary_reads_enabled = true;
  bool may_ban = false;  // servers fail, or an operator bans them
};

// Of a statement that has run: which server, and which session of it.
struct Place {
  size_t server = 0;
  uint64_t session = 0;
  bool operator==(const Place&) const = default;
};

class RouteModel {
 public:
  // `map` outlives it; nullptr: there is one server, and nothing to choose.
  explicit RouteModel(const PoolMap* map) : map_(map) {}

  // It has been sent: whoever says this may keep its server from now on.
  void Asked(const Op& op);
  // An empty Query was answered.
  void RanNothing() { asked_ = true; }
  void MayBeKept() { kept_ = true; }

  // The SQLSTATE with which it must fail where it is a message of its own, in a transaction of
  // this status; empty: it need not.
  [[nodiscard]] std::string_view MustFail(const Op& op, char status) const;
  // It may fail with this because of where it is to run.
  [[nodiscard]] bool MayFail(const Op& op, char status, std::string_view sqlstate) const;
  // What a SHOW answers; nullopt: that is not sure.
  [[nodiscard]] std::optional<std::string> ExpectedRow(const Op& op) const;
  // A command succeeded, and showed this.
  void Commanded(const Op& op, std::string_view shown);

  // A statement succeeded there; nullopt: it reached no server. `needs`: the message that it came
  // with needs a shard. Returns what is wrong with that; empty: nothing.
  std::string Ran(const Op& op, std::optional<Place> place, bool needs);
  // A statement failed, anywhere.
  void Failed() {
    transaction_.failed = true;
    asked_ = true;
  }
  // ReadyForQuery outside of a transaction.
  void OnIdle();

  // May keep its server between transactions.
  [[nodiscard]] bool kept() const { return kept_ || (map_ != nullptr && map_->session_mode); }
  // A banned primary serves it.
  [[nodiscard]] bool wants_primary() const;
  [[nodiscard]] static bool NeedsShard(const Op& op);

 private:
  struct Choice {
    bool sure = true;
    std::optional<uint32_t> shard = {};  // what SHOW SHARD says; nullopt: unset
  };
  struct Transaction {
    std::optional<Place> place = {};
    std::optional<uint32_t> hint = {};
    bool needs = false;
    bool failed = false;
    bool opened = false;  // by BEGIN, which may have travelled with what follows it
  };
  [[nodiscard]] bool IsSharded() const { return map_ != nullptr && map_->shards.size() > 1; }
  [[nodiscard]] std::optional<uint32_t> ShardOf(const Op& op) const;
  [[nodiscard]] std::optional<uint32_t> HintOf(const Op& op) const;
  [[nodiscard]] std::string CheckShard(uint32_t shard, bool needs);
  [[nodiscard]] std::string CheckLaterNeed(uint32_t shard) const;
  [[nodiscard]] std::string CheckRole(balancer::Role role) const;
  [[nodiscard]] balancer::WantedRole Wanted() const;

  const PoolMap* map_;
  Choice chosen_;
  Transaction transaction_;
  std::optional<uint32_t> home_;
  std::string role_ = "default";
  std::string reads_ = "default";
  bool kept_ = false;
  bool asked_ = false;            // a statement, no command
  std::optional<Place> session_;  // where it stays in session mode
};

}  // namespace pglynx::sim
