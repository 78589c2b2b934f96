#pragma once

// The pools of a loop, made from the configuration: for each (database as clients ask for it, user)
// one for every server of every shard, each with its launcher; where there are several, a cluster
// over them. The pool of the first server of the first shard is the home of the clients. Owner:
// Worker, or a simulation. Needs no socket: what it runs on is in its World.
//
// Every pool that the configuration names exists; those of "*" are made when a client asks
// and dropped when they are unused. A pool that a reload removes ends its clients between
// transactions and is kept until the last has left.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/backend/server_launcher.h"
#include "pglynx/balancer/banlist.h"
#include "pglynx/config/config.h"
#include "pglynx/pool/budget.h"
#include "pglynx/pool/cluster.h"
#include "pglynx/pool/pool.h"
#include "pglynx/routing/hint_rules.h"
#include "pglynx/routing/session_route.h"
#include "pglynx/session/user_directory.h"

namespace pglynx::session {
class SessionTable;
}  // namespace pglynx::session

namespace pglynx::server {

// Which server of a pool is meant, by its places in the configuration.
struct ServerPlace {
  size_t shard = 0;
  size_t server = 0;
};

class Pools {
 public:
  struct World {
    backend::BackendWorld& backend;
    pool::IdSource& ids;
  };
  // `config` must live until the next Apply. No pool exists before the first one.
  Pools(World world, const config::Config& config);
  ~Pools();
  Pools(const Pools&) = delete;
  Pools& operator=(const Pools&) = delete;

  // Brings the pools to this configuration; see above for those that it does not name.
  void Apply(const config::Config& config, session::SessionTable& sessions);
  // The home of this user of the directory; made if it is new.
  pool::Pool& For(const session::UserEntry& user, std::string_view database);
  // Of a home; lives as long as that.
  [[nodiscard]] const routing::Rules& RulesFor(const pool::Pool& home) const;
  // The server of this name is at these addresses now, and nowhere else.
  void OnAddresses(std::string_view name, std::span<const std::string> addresses);
  void DropUnused();
  // Fails every waiter with `error` and closes every free server.
  void Shutdown(const Error& error);

  // --- the console; `database` as clients ask for it, empty: all ---
  [[nodiscard]] bool Knows(std::string_view database) const;
  void Pause(std::string_view database);
  // False: nothing of it was paused.
  bool Resume(std::string_view database);
  void Disable(std::string_view database, bool disabled);
  // Its clients have been ended.
  void Kill(std::string_view database);
  void Reconnect(std::string_view database);
  // No server is left, or it is paused no more.
  [[nodiscard]] bool IsPaused(std::string_view database) const;
  // Those that Reconnect or a reload left to their users are gone.
  [[nodiscard]] bool AreReplaced(std::string_view database) const;
  [[nodiscard]] bool all_paused() const { return all_paused_; }
  [[nodiscard]] std::vector<pool::Pool*> Of(std::string_view database) const;

  void FillSnapshot(pool::Snapshot& snapshot, bool with_servers) const;
  // For exactly this long; without a length, UNBAN. What was banned or is no longer.
  Result<std::vector<pool::BanRow>> Ban(std::string_view host, std::optional<uint16_t> port,
                                        std::optional<Duration> length);
  // SHOW STATS averages over the time since the last call.
  void StartStatsPeriod();
  [[nodiscard]] size_t size() const { return pools_.size(); }
  // Logged in, those of pools that a reload has removed among them.
  [[nodiscard]] uint64_t client_count() const;
  void CheckInvariants() const;

 private:
  // One server of a shard.
  struct Member {
    std::unique_ptr<backend::Launcher> launcher;
    std::unique_ptr<pool::Pool> pool;
    balancer::Role role = balancer::Role::kPeer;
    uint32_t weight = 1;
  };
  struct Entry {
    std::string config_pool;                  // its name in the file, "*" for any
    std::vector<std::vector<Member>> shards;  // as in the file
    std::vector<Member> retired;              // of servers that a reload has removed
    std::unique_ptr<routing::HintRules> hints;
    std::unique_ptr<routing::Rules> rules;
    std::unique_ptr<pool::Cluster> cluster;  // nullptr: there is one server
    [[nodiscard]] pool::Pool& home() const { return *shards.front().front().pool; }
  };
  struct DroppedEntry;
  using Key = std::pair<std::string, std::string>;  // database as asked for, user
  // Who is being configured.
  struct Configured {
    const config::Pool& pool;
    const config::PoolUser& user;
    std::string_view database;
  };

  template <typename Action>
  static void ForEachPool(const Entry& entry, const Action& action);
  [[nodiscard]] Member MakeMember(const Configured& who, ServerPlace place);
  void SetRules(Entry& entry, const config::Pool& pool) const;
  // Brings the members to the configuration, and makes the cluster anew if they are others.
  void Reshape(Entry& entry, const Configured& who);
  void MakeCluster(Entry& entry, const Configured& who);
  [[nodiscard]] static std::string InstanceName(const Entry& entry, std::string_view database,
                                                ServerPlace place);
  [[nodiscard]] pool::BanRow RowOf(const balancer::BanRow& ban) const;
  [[nodiscard]] std::vector<balancer::HostId> HostsOf(std::string_view host,
                                                      std::optional<uint16_t> port) const;
  [[nodiscard]] balancer::HostId HostOf(const net::Address& address);
  [[nodiscard]] static pool::ClusterSettings ClusterSettingsOf(const Configured& who);
  [[nodiscard]] static bool IsUnused(const Entry& entry);
  // At the end of the turn: servers that were closed in it go first.
  void Drop(Entry entry);
  void DropRetired(Entry& entry);
  void OnBansChanged();
  void Update(Entry& entry, const Configured& who);
  [[nodiscard]] static bool ServersChanged(const backend::ServerTarget& now,
                                           const backend::ServerTarget& target);

  World world_;
  const config::Config* config_;
  pool::Budget budget_;
  balancer::Banlist bans_;
  Task bans_changed_ = MemberTask<&Pools::OnBansChanged>(this);
  Timer ban_due_ = MemberTimer<&Pools::OnBansChanged>(this);
  std::vector<balancer::HostGroup> groups_;
  std::map<std::pair<std::string, uint16_t>, balancer::HostId> hosts_;
  std::map<std::string, pool::DatabaseCount> databases_;  // by the pool's name in the file
  std::map<Key, Entry> pools_;
  std::vector<Entry> removed_;
  // What the console has said, for pools that are made later.
  bool all_paused_ = false;
  std::set<std::string, std::less<>> paused_;
  std::set<std::string, std::less<>> disabled_;
};

}  // namespace pglynx::server
