// What the console shows of the pools, their shards and the bans, and BAN and UNBAN.

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/server/pools.h"

namespace pglynx::server {
namespace {

std::string_view NameOf(balancer::Role role) {
  switch (role) {
    case balancer::Role::kPrimary:
      return "primary";
    case balancer::Role::kReplica:
      return "replica";
    case balancer::Role::kPeer:
      return "peer";
  }
  return {};
}

}  // namespace

// PgCat's names of instances; empty where the database's own name is enough.
std::string Pools::InstanceName(const Entry& entry, std::string_view database, ServerPlace place) {
  if (entry.cluster == nullptr) return {};
  const balancer::Role role = entry.shards[place.shard][place.server].role;
  const std::string shard = fmt::format("{}_shard_{}_{}", database, place.shard, NameOf(role));
  if (role == balancer::Role::kPrimary) return shard;
  size_t number = 0;
  for (size_t i = 0; i < place.server; ++i) {
    number += entry.shards[place.shard][i].role == role ? 1U : 0U;
  }
  return fmt::format("{}_{}", shard, number);
}

void Pools::FillSnapshot(pool::Snapshot& snapshot, bool with_servers) const {
  const TimePoint now = world_.backend.loop.Now();
  for (const auto& [key, entry] : pools_) {
    for (size_t shard = 0; shard < entry.shards.size(); ++shard) {
      pool::ShardRow& of_shard = snapshot.shards.emplace_back();
      of_shard.database = key.first;
      of_shard.shard = static_cast<uint32_t>(shard);
      for (size_t i = 0; i < entry.shards[shard].size(); ++i) {
        const Member& member = entry.shards[shard][i];
        pool::PoolRow& row = snapshot.pools.emplace_back();
        member.pool->FillRow(row);
        const backend::ServerTarget& target = member.launcher->target();
        row.host = target.address.host;
        row.port = target.address.port;
        row.server_database = target.database;
        if (target.user != row.user) row.server_user = target.user;
        row.instance_name = InstanceName(entry, key.first, {shard, i});
        row.shard = static_cast<uint32_t>(shard);
        row.role = NameOf(member.role);
        row.weight = member.weight;
        const auto host = hosts_.find({target.address.host, target.address.port});
        row.banned = host != hosts_.end() && bans_.IsBanned(host->second, now);
        of_shard.server_database = target.database;
        of_shard.primaries += member.role == balancer::Role::kPrimary ? 1 : 0;
        of_shard.replicas += member.role == balancer::Role::kReplica ? 1 : 0;
        of_shard.peers += member.role == balancer::Role::kPeer ? 1 : 0;
        of_shard.banned += row.banned ? 1 : 0;
        of_shard.sv_active += row.sv_active;
        of_shard.sv_idle += row.sv_idle;
        if (!with_servers) continue;
        const size_t first = snapshot.servers.size();
        member.pool->AppendServerRows(snapshot.servers);
        for (size_t at = first; at < snapshot.servers.size(); ++at) {
          snapshot.servers[at].instance_name = row.instance_name;
          snapshot.servers[at].shard = row.shard;
          snapshot.servers[at].role = row.role;
        }
      }
      if (entry.cluster == nullptr) continue;
      // Who waits stands in the row of the shard's first server, and the clients in the home's.
      const size_t waiting = entry.cluster->waiter_count(static_cast<uint32_t>(shard));
      of_shard.cl_waiting = static_cast<uint32_t>(waiting);
      pool::PoolRow& home = snapshot.pools[snapshot.pools.size() - entry.shards[shard].size()];
      home.cl_waiting += of_shard.cl_waiting;
      home.cl_active -= std::min(home.cl_active, of_shard.cl_waiting);
      const TimePoint oldest = entry.cluster->OldestWait(static_cast<uint32_t>(shard));
      if (oldest != kNever) home.maxwait_us = static_cast<uint64_t>((now - oldest).count());
    }
  }
  for (const balancer::BanRow& ban : bans_.ListBans(now)) {
    snapshot.bans.push_back(RowOf(ban));
  }
}

pool::BanRow Pools::RowOf(const balancer::BanRow& ban) const {
  constexpr int64_t kSecond = 1'000'000;
  const TimePoint now = world_.backend.loop.Now();
  pool::BanRow row;
  row.reason = balancer::TextOf(ban.reason);
  row.since_us = world_.backend.loop.WallClockMicros() - (now - ban.begin).count();
  row.duration_seconds = static_cast<uint64_t>(ban.duration.count() / kSecond);
  row.remaining_seconds = static_cast<uint64_t>(ban.remaining.count() / kSecond);
  for (const auto& [address, host] : hosts_) {
    if (host != ban.host) continue;
    row.host = address.first;
    row.port = address.second;
  }
  for (const auto& [key, entry] : pools_) {
    for (size_t shard = 0; shard < entry.shards.size(); ++shard) {
      for (const Member& member : entry.shards[shard]) {
        const net::Address& address = member.launcher->target().address;
        const pool::ShardMember as{key.first, static_cast<uint32_t>(shard), NameOf(member.role)};
        const bool known = std::any_of(
            row.used_as.begin(), row.used_as.end(), [&as](const pool::ShardMember& other) {
              return other.database == as.database && other.shard == as.shard;
            });
        if (address.host == row.host && address.port == row.port && !known) {
          row.used_as.push_back(as);
        }
      }
    }
  }
  if (row.used_as.empty()) row.used_as.push_back({"", 0, ""});
  return row;
}

std::vector<balancer::HostId> Pools::HostsOf(std::string_view host,
                                             std::optional<uint16_t> port) const {
  std::vector<balancer::HostId> found;
  for (const auto& [address, id] : hosts_) {
    if (address.first == host && (!port.has_value() || *port == address.second)) {
      found.push_back(id);
    }
  }
  return found;
}

Result<std::vector<pool::BanRow>> Pools::Ban(std::string_view host, std::optional<uint16_t> port,
                                             std::optional<Duration> length) {
  const std::vector<balancer::HostId> hosts = HostsOf(host, port);
  if (hosts.empty()) {
    return Error{ErrorCode::kInvalidParameterValue,
                 fmt::format("no pool of several servers has a server {}{}", host,
                             port.has_value() ? fmt::format(":{}", *port) : "")};
  }
  const TimePoint now = world_.backend.loop.Now();
  std::vector<pool::BanRow> rows;
  for (const balancer::HostId id : hosts) {
    if (length.has_value()) bans_.AdminBan(id, *length, now);
    if (const auto ban = bans_.Find(id, now)) rows.push_back(RowOf(*ban));
    if (!length.has_value()) bans_.Unban(id, now);
  }
  OnBansChanged();
  return rows;
}

// Also when a ban has run out: nobody else tells those who wait.
void Pools::OnBansChanged() {
  for (auto& [key, entry] : pools_) {
    if (entry.cluster != nullptr) entry.cluster->OnBansChanged();
  }
  Scheduler& loop = world_.backend.loop;
  loop.Arm(ban_due_, bans_.NextExpiry(loop.Now()));
}

}  // namespace pglynx::server
