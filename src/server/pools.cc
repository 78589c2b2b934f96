#include "pglynx/server/pools.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/session/session_table.h"
#include "server/pool_settings.h"

namespace pglynx::server {

Pools::Pools(World world, const config::Config& config)
    : world_(world), config_(&config), budget_(world.backend.loop) {}

Pools::~Pools() = default;

template <typename Action>
void Pools::ForEachPool(const Entry& entry, const Action& action) {
  for (const std::vector<Member>& shard : entry.shards) {
    for (const Member& member : shard) action(*member.pool);
  }
}

pool::Pool& Pools::For(const session::UserEntry& user, std::string_view database) {
  const Key key(database, user.name);
  const auto found = pools_.find(key);
  if (found != pools_.end()) return found->second.home();
  const config::Pool* pool_config = FindPool(*config_, user.pool);
  PGLYNX_CHECK(pool_config != nullptr);  // the directory is made from this configuration
  const config::PoolUser* user_config = FindUser(*pool_config, user.name);
  PGLYNX_CHECK(user_config != nullptr);
  Entry entry;
  entry.config_pool = pool_config->name;
  Reshape(entry, {*pool_config, *user_config, database});
  if (all_paused_ || paused_.contains(database)) {
    ForEachPool(entry, [](pool::Pool& pool) { pool.Pause(); });
  }
  entry.home().disabled = disabled_.contains(database);
  return pools_.emplace(key, std::move(entry)).first->second.home();
}

const routing::Rules& Pools::RulesFor(const pool::Pool& home) const {
  const auto found = pools_.find(Key(home.settings().database, home.settings().user));
  if (found != pools_.end() && &found->second.home() == &home) return *found->second.rules;
  for (const Entry& entry : removed_) {
    if (&entry.home() == &home) return *entry.rules;
  }
  PGLYNX_CHECK(false);  // a home is in one of them for as long as it lives
}

bool Pools::ServersChanged(const backend::ServerTarget& now, const backend::ServerTarget& target) {
  return now.address != target.address || now.database != target.database ||
         now.user != target.user || now.connect_query != target.connect_query ||
         now.credential.kind() != target.credential.kind() ||
         now.credential.secret().view() != target.credential.secret().view();
}

// ----- members -----

Pools::Member Pools::MakeMember(const Configured& who, ServerPlace place) {
  Member member;
  member.launcher = std::make_unique<backend::Launcher>(
      world_.backend, TargetOf(who.pool, who.user, who.database, place));
  member.pool = std::make_unique<pool::Pool>(
      pool::Pool::World{world_.backend.loop, world_.backend.log, *member.launcher,
                        world_.backend.parameters, world_.ids, budget_, databases_[who.pool.name]},
      SettingsOf(*config_, who.pool, who.user, who.database, place));
  return member;
}

// A server that stays keeps its connections, wherever it stands now; but the home is the first.
void Pools::Reshape(Entry& entry, const Configured& who) {
  std::vector<Member> old;
  std::optional<Member> home;
  for (std::vector<Member>& shard : entry.shards) {
    for (Member& member : shard) {
      if (!home.has_value()) {
        home = std::move(member);
      } else {
        old.push_back(std::move(member));
      }
    }
  }
  std::vector<pool::Cluster::Waiting> waiting;
  if (entry.cluster != nullptr) waiting = entry.cluster->TakeWaiters();
  entry.cluster.reset();
  entry.shards.clear();
  for (size_t shard = 0; shard < who.pool.shards.size(); ++shard) {
    std::vector<Member>& members = entry.shards.emplace_back();
    for (size_t i = 0; i < who.pool.shards[shard].servers.size(); ++i) {
      const ServerPlace place{shard, i};
      const backend::ServerTarget target = TargetOf(who.pool, who.user, who.database, place);
      const auto same = std::find_if(old.begin(), old.end(), [&target](const Member& member) {
        return member.pool != nullptr && member.launcher->target().address == target.address &&
               member.launcher->target().database == target.database;
      });
      if (home.has_value()) {
        members.push_back(*std::exchange(home, std::nullopt));
      } else if (same != old.end()) {
        members.push_back(std::move(*same));
        old.erase(same);
      } else {
        members.push_back(MakeMember(who, place));
      }
    }
  }
  for (Member& member : old) {
    member.pool->Shutdown({ErrorCode::kAdminShutdown, "the server was removed at a reload"});
    entry.retired.push_back(std::move(member));
  }
  SetRules(entry, who.pool);
  MakeCluster(entry, who);
  for (const pool::Cluster::Waiting& client : waiting) {
    pool::Cluster::AcquireAnew(entry.home(), client);
  }
}

balancer::HostId Pools::HostOf(const net::Address& address) {
  const auto next = balancer::HostId{static_cast<uint32_t>(hosts_.size())};
  return hosts_.emplace(std::make_pair(address.host, address.port), next).first->second;
}

pool::ClusterSettings Pools::ClusterSettingsOf(const Configured& who) {
  const config::Pool& pool = who.pool;
  return {.mode = pool.load_balancing_mode,
          .primary_reads_enabled = pool.primary_reads_enabled,
          .ban_times = {.ban_time = pool.ban_time, .ban_time_max = pool.ban_time_max},
          .silence_max =
              pool.healthcheck_delay > Duration::zero() ? pool.healthcheck_timeout / 2 : Duration(),
          .connect_timeout = who.user.connect_timeout};
}

void Pools::MakeCluster(Entry& entry, const Configured& who) {
  if (entry.shards.size() == 1 && entry.shards.front().size() == 1) return;
  std::vector<std::vector<pool::Cluster::Host>> shards;
  for (size_t shard = 0; shard < entry.shards.size(); ++shard) {
    std::vector<pool::Cluster::Host>& hosts = shards.emplace_back();
    for (size_t i = 0; i < entry.shards[shard].size(); ++i) {
      const config::ServerTarget& server = who.pool.shards[shard].servers[i];
      entry.shards[shard][i].role = server.role;
      entry.shards[shard][i].weight = server.weight;
      hosts.push_back({.pool = entry.shards[shard][i].pool.get(),
                       .spec = {.host = server.host,
                                .port = server.port,
                                .role = server.role,
                                .weight = server.weight},
                       .id = HostOf({server.host, server.port})});
    }
  }
  entry.cluster = std::make_unique<pool::Cluster>(
      pool::Cluster::World{world_.backend.loop, world_.backend.log, bans_, bans_changed_, groups_,
                           world_.backend.random},
      ClusterSettingsOf(who), std::move(shards));
}

void Pools::SetRules(Entry& entry, const config::Pool& pool) const {
  if (entry.rules == nullptr) entry.rules = std::make_unique<routing::Rules>();
  *entry.rules = RulesOf(pool);
  if (pool.shards.size() == 1) return;
  Result<routing::HintRules> hints =
      routing::HintRules::Compile({.shard_id_regex = pool.shard_id_regex,
                                   .sharding_key_regex = pool.sharding_key_regex,
                                   .regex_search_limit = pool.regex_search_limit});
  if (!hints) {
    world_.backend.log.Write(LogLevel::kError, "a pattern for comments is not used",
                             {{"pool", pool.name}, {"cause", hints.error().detail}});
    return;
  }
  entry.hints = std::make_unique<routing::HintRules>(std::move(*hints));
  entry.rules->hints = entry.hints.get();
}

// ----- reload -----

// Brings the pools to the configuration in force: those that are named exist, those that
// are not any more end.
void Pools::Apply(const config::Config& config, session::SessionTable& sessions) {
  config_ = &config;
  for (auto at = pools_.begin(); at != pools_.end();) {
    const auto& [database, user_name] = at->first;
    Entry& entry = at->second;
    const config::Pool* pool_config = FindPool(*config_, entry.config_pool);
    const config::PoolUser* user =
        pool_config != nullptr ? FindUser(*pool_config, user_name) : nullptr;
    const bool shadowed = entry.config_pool == "*" && FindPool(*config_, database) != nullptr;
    pool::PoolSettings settings;
    if (user != nullptr) settings = SettingsOf(*config_, *pool_config, *user, database, {});
    if (user == nullptr || shadowed ||
        settings.session_mode != entry.home().settings().session_mode) {
      const Error ended = {ErrorCode::kAdminShutdown,
                           fmt::format("terminating connection: pool {} was removed or changed "
                                       "its mode at a reload",
                                       entry.home().Name())};
      if (entry.cluster != nullptr) entry.cluster->Shutdown(ended);
      ForEachPool(entry, [&ended](pool::Pool& pool) { pool.Shutdown(ended); });
      sessions.EndWhenIdle(&entry.home(), ended);
      removed_.push_back(std::move(entry));
      at = pools_.erase(at);
      continue;
    }
    Update(entry, {*pool_config, *user, database});
    ++at;
  }
  sessions.OnSettings();
  for (const config::Pool& pool_config : config_->pools) {
    if (pool_config.name == "*") continue;  // its pools are made when somebody asks
    for (const config::PoolUser& user : pool_config.users) {
      static_cast<void>(
          For({.pool = pool_config.name, .name = user.username, .secret = {}, .credential = {}},
              pool_config.name));
    }
  }
}

void Pools::Update(Entry& entry, const Configured& who) {
  Reshape(entry, who);
  for (size_t shard = 0; shard < entry.shards.size(); ++shard) {
    for (size_t i = 0; i < entry.shards[shard].size(); ++i) {
      Member& member = entry.shards[shard][i];
      const ServerPlace place{shard, i};
      backend::ServerTarget target = TargetOf(who.pool, who.user, who.database, place);
      const bool replace = ServersChanged(member.launcher->target(), target);
      member.launcher->SetTarget(std::move(target));
      if (replace) member.pool->ReplaceServers();
      member.pool->Apply(SettingsOf(*config_, who.pool, who.user, who.database, place));
    }
  }
  if (entry.cluster != nullptr) entry.cluster->OnSettings();
}

void Pools::OnAddresses(std::string_view name, std::span<const std::string> addresses) {
  size_t moved = 0;
  for (const auto& [key, entry] : pools_) {
    for (const std::vector<Member>& shard : entry.shards) {
      for (const Member& member : shard) {
        if (member.launcher->target().address.host != name) continue;
        moved += member.pool->ReplaceServersNotAt(addresses);
      }
    }
  }
  if (moved == 0) return;
  world_.backend.log.Write(
      LogLevel::kInfo,
      "server connections to addresses that the name no longer has: closed when they are free",
      {{"name", name}, {"connections", std::to_string(moved)}});
}

// ----- the console -----

std::vector<pool::Pool*> Pools::Of(std::string_view database) const {
  std::vector<pool::Pool*> found;
  for (const auto& [key, entry] : pools_) {
    if (!database.empty() && key.first != database) continue;
    ForEachPool(entry, [&found](pool::Pool& pool) { found.push_back(&pool); });
  }
  return found;
}

bool Pools::Knows(std::string_view database) const {
  return database.empty() || !Of(database).empty();
}

void Pools::Pause(std::string_view database) {
  if (database.empty()) {
    all_paused_ = true;
  } else {
    paused_.emplace(database);
  }
  for (pool::Pool* pool : Of(database)) pool->Pause();
}

bool Pools::Resume(std::string_view database) {
  if (database.empty()) {
    all_paused_ = false;
    paused_.clear();
  } else if (const auto found = paused_.find(database); found != paused_.end()) {
    paused_.erase(found);
  }
  bool was_paused = false;
  for (pool::Pool* pool : Of(database)) {
    was_paused = was_paused || pool->paused();
    pool->Resume();
  }
  return was_paused;
}

void Pools::Disable(std::string_view database, bool disabled) {
  if (disabled) {
    disabled_.emplace(database);
  } else if (const auto found = disabled_.find(database); found != disabled_.end()) {
    disabled_.erase(found);
  }
  for (pool::Pool* pool : Of(database)) pool->disabled = disabled;
}

void Pools::Kill(std::string_view database) {
  Pause(database);
  for (pool::Pool* pool : Of(database)) pool->Kill();
}

void Pools::Reconnect(std::string_view database) {
  for (pool::Pool* pool : Of(database)) pool->ReplaceServers();
}

bool Pools::IsPaused(std::string_view database) const {
  const std::vector<pool::Pool*> pools = Of(database);
  return std::all_of(pools.begin(), pools.end(), [](const pool::Pool* pool) {
    return !pool->paused() || pool->server_count() == 0;
  });
}

bool Pools::AreReplaced(std::string_view database) const {
  const std::vector<pool::Pool*> pools = Of(database);
  return std::all_of(pools.begin(), pools.end(),
                     [](const pool::Pool* pool) { return pool->close_needed_count() == 0; });
}

struct Pools::DroppedEntry final : public Deletable {
  explicit DroppedEntry(Entry dropped) : entry(std::move(dropped)) {}
  Entry entry;
};

void Pools::Drop(Entry entry) {
  world_.backend.loop.DeferDelete(std::make_unique<DroppedEntry>(std::move(entry)));
}

bool Pools::IsUnused(const Entry& entry) {
  bool unused = entry.home().clients == 0 && entry.retired.empty() &&
                (entry.cluster == nullptr || entry.cluster->waiter_count() == 0);
  ForEachPool(entry, [&unused](const pool::Pool& pool) { unused = unused && pool.empty(); });
  return unused;
}

void Pools::DropUnused() {
  for (auto& [key, entry] : pools_) DropRetired(entry);
  for (Entry& entry : removed_) DropRetired(entry);
  const auto unused = std::stable_partition(removed_.begin(), removed_.end(),
                                            [](const Entry& entry) { return !IsUnused(entry); });
  for (auto at = unused; at != removed_.end(); ++at) Drop(std::move(*at));
  removed_.erase(unused, removed_.end());
  for (auto at = pools_.begin(); at != pools_.end();) {
    if (at->second.config_pool != "*" || !IsUnused(at->second)) {
      ++at;
      continue;
    }
    Drop(std::move(at->second));
    at = pools_.erase(at);
  }
  budget_.DropUnused();
}

// A server connection of such a member may be in use until its transaction is over.
void Pools::DropRetired(Entry& entry) {
  const auto empty =
      std::stable_partition(entry.retired.begin(), entry.retired.end(),
                            [](const Member& member) { return !member.pool->empty(); });
  for (auto at = empty; at != entry.retired.end(); ++at) {
    Entry dropped;
    dropped.shards.emplace_back().push_back(std::move(*at));
    Drop(std::move(dropped));
  }
  entry.retired.erase(empty, entry.retired.end());
}

void Pools::Shutdown(const Error& error) {
  const auto end = [&error](Entry& entry) {
    if (entry.cluster != nullptr) entry.cluster->Shutdown(error);
    ForEachPool(entry, [&error](pool::Pool& pool) { pool.Shutdown(error); });
  };
  for (auto& [key, entry] : pools_) end(entry);
  for (Entry& entry : removed_) end(entry);
}

void Pools::StartStatsPeriod() {
  for (auto& [key, entry] : pools_) {
    ForEachPool(entry, [](pool::Pool& pool) { pool.stats_previous = pool.stats(); });
  }
}

uint64_t Pools::client_count() const {
  uint64_t count = 0;
  for (const auto& [key, entry] : pools_) count += entry.home().clients;
  for (const Entry& entry : removed_) count += entry.home().clients;
  return count;
}

void Pools::CheckInvariants() const {
  const auto check = [](const pool::Pool& pool) { pool.CheckInvariants(); };
  for (const auto& [key, entry] : pools_) ForEachPool(entry, check);
  for (const Entry& entry : removed_) ForEachPool(entry, check);
  budget_.CheckInvariants();
}

}  // namespace pglynx::server
