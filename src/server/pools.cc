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

pool::Pool& Pools::For(const session::UserEntry& user, std::string_view database) {
  const Key key(database, user.name);
  const auto found = pools_.find(key);
  if (found != pools_.end()) return *found->second.pool;
  const config::Pool* pool_config = FindPool(*config_, user.pool);
  PGLYNX_CHECK(pool_config != nullptr);  // the directory is made from this configuration
  const config::PoolUser* user_config = FindUser(*pool_config, user.name);
  PGLYNX_CHECK(user_config != nullptr);
  Entry entry;
  entry.config_pool = pool_config->name;
  entry.launcher = std::make_unique<backend::Launcher>(
      world_.backend, TargetOf(*pool_config, *user_config, database));
  entry.pool = std::make_unique<pool::Pool>(
      pool::Pool::World{world_.backend.loop, world_.backend.log, *entry.launcher,
                        world_.backend.parameters, world_.ids, budget_,
                        databases_[pool_config->name]},
      SettingsOf(*config_, *pool_config, *user_config, database));
  if (all_paused_ || paused_.contains(database)) entry.pool->Pause();
  entry.pool->disabled = disabled_.contains(database);
  return *pools_.emplace(key, std::move(entry)).first->second.pool;
}

bool Pools::ServersChanged(const Entry& entry, const backend::ServerTarget& target) const {
  const backend::ServerTarget& now = entry.launcher->target();
  return now.address != target.address || now.database != target.database ||
         now.user != target.user || now.connect_query != target.connect_query ||
         now.credential.kind() != target.credential.kind() ||
         now.credential.secret().view() != target.credential.secret().view();
}

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
    if (user != nullptr) settings = SettingsOf(*config_, *pool_config, *user, database);
    if (user == nullptr || shadowed ||
        settings.session_mode != entry.pool->settings().session_mode) {
      const Error ended = {ErrorCode::kAdminShutdown,
                           fmt::format("terminating connection: pool {} was removed or changed "
                                       "its mode at a reload",
                                       entry.pool->Name())};
      entry.pool->Shutdown(ended);
      sessions.EndWhenIdle(entry.pool.get(), ended);
      removed_.push_back(std::move(entry));
      at = pools_.erase(at);
      continue;
    }
    backend::ServerTarget target = TargetOf(*pool_config, *user, database);
    const bool replace = ServersChanged(entry, target);
    entry.launcher->SetTarget(std::move(target));
    if (replace) entry.pool->ReplaceServers();
    entry.pool->Apply(std::move(settings));
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

// ----- the console -----

std::vector<pool::Pool*> Pools::Of(std::string_view database) const {
  std::vector<pool::Pool*> found;
  for (const auto& [key, entry] : pools_) {
    if (database.empty() || key.first == database) found.push_back(entry.pool.get());
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
  return entry.pool->clients == 0 && entry.pool->empty();
}

void Pools::DropUnused() {
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

void Pools::Shutdown(const Error& error) {
  for (auto& [key, entry] : pools_) entry.pool->Shutdown(error);
  for (Entry& entry : removed_) entry.pool->Shutdown(error);
}

void Pools::FillSnapshot(pool::Snapshot& snapshot, bool with_servers) const {
  for (const auto& [key, entry] : pools_) {
    pool::PoolRow& row = snapshot.pools.emplace_back();
    entry.pool->FillRow(row);
    const backend::ServerTarget& target = entry.launcher->target();
    row.host = target.address.host;
    row.port = target.address.port;
    row.server_database = target.database;
    if (target.user != row.user) row.server_user = target.user;
    if (with_servers) entry.pool->AppendServerRows(snapshot.servers);
  }
}

void Pools::StartStatsPeriod() {
  for (auto& [key, entry] : pools_) entry.pool->stats_previous = entry.pool->stats();
}

uint64_t Pools::client_count() const {
  uint64_t count = 0;
  for (const auto& [key, entry] : pools_) count += entry.pool->clients;
  for (const Entry& entry : removed_) count += entry.pool->clients;
  return count;
}

void Pools::CheckInvariants() const {
  for (const auto& [key, entry] : pools_) entry.pool->CheckInvariants();
  for (const Entry& entry : removed_) entry.pool->CheckInvariants();
  budget_.CheckInvariants();
}

}  // namespace pglynx::server
