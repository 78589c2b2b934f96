#pragma once

// Whether bans are kept, judged by what the pooler does to the network: it stands between its
// logins and the network, has a banlist of its own, kept by the rules of docs/sharding.md and told
// only of connects that were refused and of the console's BAN and UNBAN, and reports as I6:
// - a login at a server whose ban has not run out, while others may serve;
// - a second login at one whose ban has, while the first one connects: a herd, not a probe;
// - a refused connect that bans nobody.
// That no transaction begins there is reported by the clients, who know where their statements run.
// A primary is not watched: who wants the primary may log in there at any time; nor is a server
// that a pool without a cluster uses too. Owner: the pooler of the simulation.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/config/config.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/server/pools.h"
#include "sim/sim_loop.h"
#include "sim/violations.h"

namespace pglynx::sim {

class BanWatch final : public net::Connector {
 public:
  struct World {
    SimLoop& loop;
    net::Connector& network;
    Violations& violations;
    const server::Pools& pools;  // not looked at before the first ban
    std::function<const config::Config&()> config;
  };
  explicit BanWatch(World world) : world_(std::move(world)) {}

  // --- Connector: logins ---
  std::unique_ptr<net::PendingConnect> Connect(const net::Address& address,
                                               net::ConnectListener& listener) override;

  void OnAdminBan(const net::Address& address, Duration length);
  void OnUnban(const net::Address& address) { hosts_.erase(address.ToString()); }
  // Everything may be different now.
  void OnReload() { hosts_.clear(); }
  // At the end of a turn.
  void Check();

  // Since when new transactions may not go there; nullopt: they may.
  [[nodiscard]] std::optional<TimePoint> BannedSince(const net::Address& address) const;

 private:
  class Login;
  struct Host {
    net::Address address;
    TimePoint since{};
    Duration length = Duration::zero();
    TimePoint admin_since{};
    TimePoint admin_until{};
    bool banned = false;   // for a failure, until a login succeeds
    bool let_out = false;  // all were banned: it was tried before its time
    bool is_new = false;   // in this turn
    int connecting = 0;    // logins since it may be tried
  };
  // One server of a shard as a pool sees it.
  struct Member {
    const config::ServerTarget* target;
    const pool::Pool* pool;
    bool banned;
  };
  using Shard = std::vector<Member>;

  void OnRefused(const net::Address& address);
  // The shards that it serves in; nothing where it is not watched.
  [[nodiscard]] std::optional<std::vector<Shard>> ShardsOf(const net::Address& address) const;
  // Somebody may have to try it because nobody else is left.
  [[nodiscard]] static bool MayBeNeeded(const net::Address& address, const Shard& shard);
  // What the product says is banned.
  [[nodiscard]] std::set<std::string> Listed() const;
  [[nodiscard]] Duration ShortestBan(const net::Address& address) const;
  void Report(const net::Address& address, std::string_view what);

  World world_;
  std::map<std::string, Host> hosts_;
};

}  // namespace pglynx::sim
