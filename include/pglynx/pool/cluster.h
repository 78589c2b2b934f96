#pragma once

// The servers of one (database, user) on several hosts: one Pool for each host of each shard, and
// which of them the next transaction goes to.
//
// Rules:
// - who may serve is decided by role, banlist and rotation (balancer); among those a free
//   connection is taken at once;
// - if none is free the client waits in the one line of its shard and role, which is served by
//   whichever host has a connection first: a host that hangs keeps nobody. Logins are begun where
//   the rotation says, never more than clients wait;
// - a host that refuses or does not answer a login is banned. What concerns one login (class 28,
//   3D000, 53300) bans nobody: it stays with its pool;
// - a login that has failed is no client's failure while another host can be tried. If none is
//   left, those who wait get one error with the cause of each host;
// - a host that has said nothing for a while though it owes answers is asked by a health check,
//   and serves nobody new until it has answered. Only a late answer bans it: one slow statement
//   does not;
// - nobody waits for a login while another host has a free connection, and who has waited for a
//   tenth of connect_timeout has every host tried;
// - a host whose ban has run out is tried by one login; until that has ended no other goes there;
// - a primary is never banned for writes. Reads go to it where primary_reads_enabled when every
//   replica is banned; if nothing is left the bans are lifted once, and each host is tried.
//
// Owner: server::Pools, beside the pools, which outlive it. One loop. No work per transaction grows
// with anything but the hosts of its shard.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pglynx/balancer/banlist.h"
#include "pglynx/balancer/rotation.h"
#include "pglynx/core/random.h"
#include "pglynx/pool/line.h"
#include "pglynx/pool/pool.h"

namespace pglynx::pool {

// Where a transaction goes.
struct Route {
  uint32_t shard = 0;
  balancer::WantedRole role = balancer::WantedRole::kAny;
  // Whether the primary may serve reads when every replica is banned; nullopt: as the pool says.
  std::optional<bool> primary_reads = std::nullopt;
};

struct ClusterSettings {
  balancer::BalancingMode mode = balancer::BalancingMode::kRoundRobin;
  bool primary_reads_enabled = true;
  balancer::BanTimes ban_times{};
  // How long a host that owes answers may be silent before it is asked; 0 = for ever.
  Duration silence_max{};
  // After which who waits is told that no host can be had; 0 = never.
  Duration connect_timeout{};
};

class Cluster {
 public:
  struct Host {
    Pool* pool;
    balancer::HostSpec spec;
    balancer::HostId id;
  };
  struct World {
    Scheduler& loop;
    Log& log;
    balancer::Banlist& bans;
    // Of the shards of all clusters: how many hosts may be given up for being late.
    std::vector<balancer::HostGroup>& groups;
    Random& random;
  };
  // `shards`: 1 to 1,024, each with 1 to 64 hosts; the first host of the first is the home of what
  // belongs to the clients (settings, statistics, prepared statements).
  Cluster(World world, ClusterSettings settings, std::vector<std::vector<Host>> shards);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // As Pool::Acquire. Precondition: route.shard < shard_count().
  [[nodiscard]] Pool::Outcome Acquire(Waiter& waiter, Route route);
  // As Pool::AcquireAgain, wherever that server is.
  [[nodiscard]] Lease AcquireAgain(uint64_t server_id, uint64_t client_id);

  // Who waits for what: to be taken over by the cluster that comes in its place.
  struct Waiting {
    Waiter* waiter;
    Route route;
  };
  [[nodiscard]] std::vector<Waiting> TakeWaiters();
  // The client asks again, at its home: its cluster, or itself.
  static void AcquireAnew(Pool& home, const Waiting& client);
  // Fails every waiter.
  void Shutdown(const Error& error);
  // Bans have changed (the console's BAN and UNBAN): who waits may be served now.
  void OnBansChanged();

  // Some server of it is not banned.
  [[nodiscard]] bool IsHealthy(uint32_t shard) const;
  // The first of these; 0 if there is none.
  [[nodiscard]] uint32_t SomeHealthyShard() const;
  [[nodiscard]] size_t shard_count() const { return shards_.size(); }
  [[nodiscard]] size_t waiter_count() const;
  [[nodiscard]] size_t waiter_count(uint32_t shard) const;
  // Since when the oldest waits there; kNever: nobody does.
  [[nodiscard]] TimePoint OldestWait(uint32_t shard) const;
  [[nodiscard]] const ClusterSettings& settings() const { return settings_; }
  World& world() { return world_; }

 private:
  class Shard;

  World world_;
  ClusterSettings settings_;
  Pool* home_ = nullptr;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace pglynx::pool
