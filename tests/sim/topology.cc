#include "sim/topology.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "sim/simulation.h"

namespace pglynx::sim {
namespace {

using balancer::Role;
using balancer::WantedRole;
using std::chrono::milliseconds;

constexpr uint64_t kServersMax = 6;  // of a pool

std::vector<config::ServerTarget> SomeServers(Dice& dice, uint64_t count, size_t& next_server) {
  std::vector<config::ServerTarget> servers;
  const bool peers = count == 1 || dice.Chance(0.3);
  const uint64_t primary = dice.Below(count);
  for (uint64_t i = 0; i < count; ++i) {
    const net::Address address = ServerAddress(next_server++);
    const Role of_replicas = i == primary ? Role::kPrimary : Role::kReplica;
    servers.push_back({.host = address.host,
                       .port = address.port,
                       .role = peers ? Role::kPeer : of_replicas,
                       .weight = dice.Chance(0.7) ? 1 : static_cast<uint32_t>(dice.Between(1, 4))});
  }
  return servers;
}

config::DefaultShard SomeDefaultShard(Dice& dice, size_t shards) {
  config::DefaultShard otherwise;
  otherwise.kind = static_cast<config::DefaultShard::Kind>(dice.Below(4));
  if (otherwise.kind == config::DefaultShard::Kind::kFixed) {
    otherwise.shard = static_cast<uint32_t>(dice.Below(shards));
  }
  return otherwise;
}

}  // namespace

void SpreadOverServers(Dice& dice, config::Pool& pool, size_t& next_server,
                       const config::Pool* other) {
  if (other != nullptr) {
    pool.shards = other->shards;
    for (config::Shard& shard : pool.shards) shard.database = pool.name;
  } else {
    const uint64_t shards = dice.Chance(0.5) ? 1 : dice.Between(2, 4);
    const uint64_t most = std::max<uint64_t>(std::min<uint64_t>(4, kServersMax / shards), 1);
    pool.shards.clear();
    for (uint64_t shard = 0; shard < shards; ++shard) {
      const uint64_t count = shards == 1 ? dice.Between(2, most) : dice.Between(1, most);
      pool.shards.push_back(
          {.database = pool.name, .servers = SomeServers(dice, count, next_server)});
    }
  }
  pool.default_shard = SomeDefaultShard(dice, pool.shards.size());
  pool.shard_scope = static_cast<config::ShardScope>(dice.Chance(0.7) ? 0 : 1);
  pool.default_role = static_cast<WantedRole>(dice.Below(balancer::kWantedRoles));
  pool.primary_reads_enabled = dice.Chance(0.5);
  pool.load_balancing_mode = static_cast<balancer::BalancingMode>(dice.Below(3));
  pool.ban_time = dice.Between(milliseconds(500), milliseconds(4000));
  pool.ban_time_max = pool.ban_time * static_cast<int64_t>(dice.Between(1, 8));
  pool.healthcheck_timeout = dice.Between(milliseconds(500), milliseconds(1500));
}

bool HasSeveralServers(const config::Pool& pool) {
  return pool.shards.size() > 1 || pool.shards.front().servers.size() > 1;
}

PoolMap MapOf(const config::Pool& pool, size_t server_count, bool may_ban) {
  PoolMap map;
  for (const config::Shard& shard : pool.shards) {
    std::vector<PoolMap::Host>& hosts = map.shards.emplace_back();
    for (const config::ServerTarget& target : shard.servers) {
      for (size_t i = 0; i < server_count; ++i) {
        const net::Address address = {target.host, target.port};
        if (address == ServerAddress(i)) hosts.push_back({i, target.role});
      }
    }
  }
  map.session_mode = pool.users[0].pool_mode == config::PoolMode::kSession;
  map.keeps_choice = pool.shard_scope == config::ShardScope::kSession;
  map.default_shard = pool.default_shard;
  map.default_role = pool.default_role;
  map.primary_reads_enabled = pool.primary_reads_enabled;
  map.may_ban = may_ban;
  return map;
}

std::string Described(const config::Pool& pool) {
  if (!HasSeveralServers(pool)) return {};
  constexpr std::string_view kRoles = "PRo";  // a peer is an o
  std::string text = ", servers";
  for (const config::Shard& shard : pool.shards) {
    text += ' ';
    for (const config::ServerTarget& target : shard.servers) {
      text += kRoles[static_cast<size_t>(target.role)];
    }
  }
  return text + fmt::format(
                    ", default_role {}, default_shard {} {}, scope {}, primary reads {}, "
                    "balancing {}, ban_time {} us",
                    static_cast<int>(pool.default_role), static_cast<int>(pool.default_shard.kind),
                    pool.default_shard.shard, static_cast<int>(pool.shard_scope),
                    pool.primary_reads_enabled, static_cast<int>(pool.load_balancing_mode),
                    pool.ban_time.count());
}

}  // namespace pglynx::sim
