#include "sim/ban_watch.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/pool/snapshot.h"

namespace pglynx::sim {
namespace {

using balancer::Role;
using balancer::WantedRole;

net::Address AddressOf(const config::ServerTarget& target) {
  return {target.host, target.port};
}

bool Is(const config::ServerTarget& target, const net::Address& address) {
  return AddressOf(target) == address;
}

}  // namespace

// Stands between a login and the network. Destroyed by whom it tells.
class BanWatch::Login final : public net::PendingConnect, public net::ConnectListener {
 public:
  Login(BanWatch& watch, const net::Address& address, net::ConnectListener& listener)
      : watch_(watch), address_(address), listener_(listener) {
    connect_ = watch_.world_.network.Connect(address, *this);
  }
  ~Login() override { Count(-1); }

  void OnConnected(std::unique_ptr<net::Stream> stream) override {
    listener_.OnConnected(std::move(stream));
  }
  void OnConnectFailed(const Error& error) override {
    watch_.OnRefused(address_);
    listener_.OnConnectFailed(error);
  }

  void Count(int by) {
    const auto host = watch_.hosts_.find(address_.ToString());
    if (host == watch_.hosts_.end() || (by < 0 && !counted_)) return;
    host->second.connecting = std::max(host->second.connecting + by, 0);
    counted_ = by > 0;
  }

 private:
  BanWatch& watch_;
  net::Address address_;
  net::ConnectListener& listener_;
  std::unique_ptr<net::PendingConnect> connect_;
  bool counted_ = false;
};

std::unique_ptr<net::PendingConnect> BanWatch::Connect(const net::Address& address,
                                                       net::ConnectListener& listener) {
  auto login = std::make_unique<Login>(*this, address, listener);
  const auto found = hosts_.find(address.ToString());
  if (found == hosts_.end() || !found->second.banned) return login;
  Host& host = found->second;
  const std::optional<std::vector<Shard>> shards = ShardsOf(address);
  const TimePoint now = world_.loop.Now();
  if (!shards.has_value() || !Listed().contains(address.ToString())) {
    host.banned = false;  // it has answered since
    return login;
  }
  bool needed = false;
  for (const Shard& shard : *shards) {
    if (!MayBeNeeded(address, shard)) continue;
    needed = true;
    for (const Member& member : shard) {  // the others are to be tried, too
      const auto other = hosts_.find(AddressOf(*member.target).ToString());
      if (other != hosts_.end()) other->second.let_out = true;
    }
  }
  const bool is_early = now < host.since + host.length;
  if (needed || host.let_out) {
    // Nothing is sure.
  } else if (is_early) {
    Report(address, fmt::format("a login begins {} us before its ban is over",
                                (host.since + host.length - now).count()));
  } else if (host.connecting > 0) {
    Report(address, "a second login begins while the first one connects");
  }
  login->Count(1);
  return login;
}

void BanWatch::OnRefused(const net::Address& address) {
  if (!ShardsOf(address).has_value()) return;
  Host& host = hosts_[address.ToString()];
  const TimePoint now = world_.loop.Now();
  host.address = address;
  host.is_new = true;
  if (!Listed().contains(address.ToString())) {
    host.banned = true;
    host.let_out = false;
    host.since = now;
    host.length = ShortestBan(address);
  } else if (host.banned && now >= host.since + host.length && !host.let_out) {
    host.since = now;  // and at least as long as the last one
  }
}

void BanWatch::OnAdminBan(const net::Address& address, Duration length) {
  Host& host = hosts_[address.ToString()];
  host.address = address;
  host.admin_since = world_.loop.Now();
  host.admin_until = host.admin_since + length;
}

void BanWatch::Check() {
  for (auto& [name, host] : hosts_) {
    if (!std::exchange(host.is_new, false) || Listed().contains(name)) continue;
    Report(host.address, "a connect was refused, and it is not banned");
  }
}

std::optional<TimePoint> BanWatch::BannedSince(const net::Address& address) const {
  const auto found = hosts_.find(address.ToString());
  if (found == hosts_.end()) return std::nullopt;
  const Host& host = found->second;
  const TimePoint now = world_.loop.Now();
  if (now < host.admin_until) return host.admin_since;
  const bool holds = host.banned && !host.let_out && now < host.since + host.length;
  return holds ? std::optional<TimePoint>(host.since) : std::nullopt;
}

std::optional<std::vector<BanWatch::Shard>> BanWatch::ShardsOf(const net::Address& address) const {
  std::vector<Shard> shards;
  const std::set<std::string> listed = Listed();
  for (const config::Pool& pool : world_.config().pools) {
    const std::vector<pool::Pool*> members = world_.pools.Of(pool.name);
    size_t index = 0;
    const bool alone = pool.shards.size() == 1 && pool.shards[0].servers.size() == 1;
    for (const config::Shard& shard : pool.shards) {
      Shard of_shard;
      bool serves = false;
      for (const config::ServerTarget& target : shard.servers) {
        if (index >= members.size()) return std::nullopt;
        of_shard.push_back(
            {&target, members[index++], listed.contains(AddressOf(target).ToString())});
        if (!Is(target, address)) continue;
        serves = true;
        // Logins that nobody waits for.
        if (alone || target.role == Role::kPrimary || pool.users[0].min_pool_size > 0) {
          return std::nullopt;
        }
      }
      if (serves) shards.push_back(std::move(of_shard));
    }
  }
  return shards.empty() ? std::nullopt : std::optional(shards);
}

// As docs/sharding.md says: if all who could serve a role are banned, or have failed otherwise.
bool BanWatch::MayBeNeeded(const net::Address& address, const Shard& shard) {
  for (const WantedRole wanted : {WantedRole::kAny, WantedRole::kPrimary, WantedRole::kReplica}) {
    bool serves = false;
    bool another = false;
    for (const Member& member : shard) {
      if (!balancer::HasRole(member.target->role, wanted)) continue;
      if (Is(*member.target, address)) {
        serves = true;
        // Its connections may be replaced, or it has no failure of its own to wait for.
        if (!member.pool->last_failure().has_value()) return true;
        continue;
      }
      const bool works =
          member.pool->server_count() > 0 || !member.pool->last_failure().has_value();
      another = another || (!member.banned && works);
    }
    if (serves && !another) return true;
  }
  return false;
}

std::set<std::string> BanWatch::Listed() const {
  pool::Snapshot snapshot;
  world_.pools.FillSnapshot(snapshot, false);
  std::set<std::string> listed;
  for (const pool::BanRow& ban : snapshot.bans) {
    listed.insert(net::Address{ban.host, ban.port}.ToString());
  }
  return listed;
}

Duration BanWatch::ShortestBan(const net::Address& address) const {
  Duration shortest = Duration::max();
  for (const config::Pool& pool : world_.config().pools) {
    for (const config::Shard& shard : pool.shards) {
      for (const config::ServerTarget& target : shard.servers) {
        if (Is(target, address)) shortest = std::min(shortest, pool.ban_time);
      }
    }
  }
  return shortest;
}

void BanWatch::Report(const net::Address& address, std::string_view what) {
  world_.violations.Report("I6", fmt::format("server {}: {}", address.ToString(), what));
}

}  // namespace pglynx::sim
