#include "pglynx/config/diff.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "config/problems.h"
#include "pglynx/config/describe.h"

namespace pglynx::config {

namespace {

// A real pool: one user of a pool.
struct PoolOfUser {
  const Pool* pool;
  const PoolUser* user;
};

using PoolKey = std::pair<std::string_view, std::string_view>;  // pool, user

std::vector<PoolOfUser> RealPools(const Config& config) {
  std::vector<PoolOfUser> pools;
  for (const Pool& pool : config.pools) {
    for (const PoolUser& user : pool.users) pools.push_back({&pool, &user});
  }
  return pools;
}

PoolKey KeyOf(const PoolOfUser& pool) {
  return {pool.pool->name, pool.user->username};
}

std::map<PoolKey, PoolOfUser> ByKey(const std::vector<PoolOfUser>& pools) {
  std::map<PoolKey, PoolOfUser> by_key;
  for (const PoolOfUser& pool : pools) by_key.emplace(KeyOf(pool), pool);
  return by_key;
}

PoolChange MakeChange(PoolChange::Kind kind, const PoolOfUser& pool) {
  return {kind, pool.pool->name, pool.user->username, false, {}};
}

enum class Effect : uint8_t { kKeepsServers, kReplacesServers };
constexpr Effect kKeeps = Effect::kKeepsServers;
constexpr Effect kReplaces = Effect::kReplacesServers;

// Adds a key once: several shards may differ in it.
void Add(std::string_view key, Effect effect, PoolChange& change) {
  if (std::find(change.keys.begin(), change.keys.end(), key) == change.keys.end()) {
    change.keys.emplace_back(key);
  }
  if (effect == Effect::kReplacesServers) change.server_changed = true;
}

template <typename T>
void Compare(std::string_view key, const T& a, const T& b, Effect effect, PoolChange& change) {
  if (a != b) Add(key, effect, change);
}

bool IsSame(const ServerTarget& a, const ServerTarget& b) {
  return a.host == b.host && a.port == b.port;
}

// Whether each server of `a` is in `b` too.
bool AreAmong(const Shard& a, const Shard& b) {
  return std::all_of(a.servers.begin(), a.servers.end(), [&b](const ServerTarget& server) {
    return std::any_of(b.servers.begin(), b.servers.end(),
                       [&server](const ServerTarget& other) { return IsSame(server, other); });
  });
}

void CompareServers(const Shard& a, const Shard& b, PoolChange& change) {
  const bool is_one = a.servers.size() == 1 && b.servers.size() == 1;
  if (is_one) {
    Compare("host", a.servers[0].host, b.servers[0].host, kReplaces, change);
    Compare("port", a.servers[0].port, b.servers[0].port, kReplaces, change);
  } else if (!AreAmong(a, b)) {
    Add("servers", kReplaces, change);
  } else if (!AreAmong(b, a)) {
    Add("servers", kKeeps, change);
  }
  Compare("database", a.database, b.database, kReplaces, change);
  for (const ServerTarget& x : a.servers) {
    for (const ServerTarget& y : b.servers) {
      if (!is_one && !IsSame(x, y)) continue;
      Compare("role", x.role, y.role, kKeeps, change);
      Compare("weight", x.weight, y.weight, kKeeps, change);
      Compare("max_connections", x.max_connections, y.max_connections, kKeeps, change);
    }
  }
}

void CompareShards(const Pool& a, const Pool& b, PoolChange& change) {
  const size_t old_count = a.shards.size();
  const size_t new_count = b.shards.size();
  if (old_count != new_count) Add("shards", old_count > new_count ? kReplaces : kKeeps, change);
  for (size_t i = 0; i < std::min(old_count, new_count); ++i) {
    CompareServers(a.shards[i], b.shards[i], change);
  }
}

void CompareRouting(const Pool& a, const Pool& b, PoolChange& change) {
  Compare("load_balancing_mode", a.load_balancing_mode, b.load_balancing_mode, kKeeps, change);
  Compare("default_role", a.default_role, b.default_role, kKeeps, change);
  Compare("primary_reads_enabled", a.primary_reads_enabled, b.primary_reads_enabled, kKeeps,
          change);
  Compare("healthcheck_timeout", a.healthcheck_timeout, b.healthcheck_timeout, kKeeps, change);
  Compare("healthcheck_delay", a.healthcheck_delay, b.healthcheck_delay, kKeeps, change);
  Compare("ban_time", a.ban_time, b.ban_time, kKeeps, change);
  Compare("ban_time_max", a.ban_time_max, b.ban_time_max, kKeeps, change);
  Compare("sharding_function", a.sharding_function, b.sharding_function, kKeeps, change);
  Compare("sharding_key_type", a.sharding_key_type, b.sharding_key_type, kKeeps, change);
  Compare("shard_scope", a.shard_scope, b.shard_scope, kKeeps, change);
  Compare("default_shard", a.default_shard, b.default_shard, kKeeps, change);
  Compare("sharding_key_regex", a.sharding_key_regex, b.sharding_key_regex, kKeeps, change);
  Compare("shard_id_regex", a.shard_id_regex, b.shard_id_regex, kKeeps, change);
  Compare("regex_search_limit", a.regex_search_limit, b.regex_search_limit, kKeeps, change);
}

void CompareUsers(const PoolUser& x, const PoolUser& y, PoolChange& change) {
  Compare("password", x.password, y.password, kKeeps, change);
  Compare("server_username", x.server_username, y.server_username, kReplaces, change);
  Compare("server_password", x.server_password, y.server_password, kReplaces, change);
  Compare("pool_mode", x.pool_mode, y.pool_mode, kReplaces, change);
  Compare("pool_size", x.pool_size, y.pool_size, kKeeps, change);
  Compare("min_pool_size", x.min_pool_size, y.min_pool_size, kKeeps, change);
  Compare("reserve_pool_size", x.reserve_pool_size, y.reserve_pool_size, kKeeps, change);
  Compare("reserve_pool_timeout", x.reserve_pool_timeout, y.reserve_pool_timeout, kKeeps, change);
  Compare("connect_timeout", x.connect_timeout, y.connect_timeout, kKeeps, change);
  Compare("query_wait_timeout", x.query_wait_timeout, y.query_wait_timeout, kKeeps, change);
  Compare("query_wait_notify", x.query_wait_notify, y.query_wait_notify, kKeeps, change);
  Compare("client_idle_timeout", x.client_idle_timeout, y.client_idle_timeout, kKeeps, change);
  Compare("idle_client_in_transaction_timeout", x.idle_client_in_transaction_timeout,
          y.idle_client_in_transaction_timeout, kKeeps, change);
  Compare("transaction_timeout", x.transaction_timeout, y.transaction_timeout, kKeeps, change);
  Compare("query_timeout", x.query_timeout, y.query_timeout, kKeeps, change);
  Compare("statement_timeout", x.statement_timeout, y.statement_timeout, kKeeps, change);
  Compare("idle_timeout", x.idle_timeout, y.idle_timeout, kKeeps, change);
  Compare("server_lifetime", x.server_lifetime, y.server_lifetime, kKeeps, change);
}

PoolChange CompareReal(const PoolOfUser& a, const PoolOfUser& b) {
  PoolChange change = MakeChange(PoolChange::Kind::kChanged, a);
  CompareShards(*a.pool, *b.pool, change);
  CompareRouting(*a.pool, *b.pool, change);
  Compare("max_db_connections", a.pool->max_db_connections, b.pool->max_db_connections, kKeeps,
          change);
  Compare("connect_query", a.pool->connect_query, b.pool->connect_query, kReplaces, change);
  Compare("prepared_statements_cache_size", a.pool->prepared_statements_cache_size,
          b.pool->prepared_statements_cache_size, kKeeps, change);
  Compare("deferred_begin", a.pool->deferred_begin, b.pool->deferred_begin, kKeeps, change);
  Compare("on_session_state", a.pool->on_session_state, b.pool->on_session_state, kKeeps, change);
  Compare("on_hidden_state", a.pool->on_hidden_state, b.pool->on_hidden_state, kKeeps, change);
  Compare("max_pinned", a.pool->max_pinned, b.pool->max_pinned, kKeeps, change);
  // The pool and the user have a key of this name: one word for both.
  Compare("max_client_conn", std::pair(a.pool->max_client_conn, a.user->max_client_conn),
          std::pair(b.pool->max_client_conn, b.user->max_client_conn), kKeeps, change);
  CompareUsers(*a.user, *b.user, change);
  return change;
}

std::vector<PoolChange> ComparePools(const Config& old_config, const Config& new_config) {
  const std::vector<PoolOfUser> old_pools = RealPools(old_config);
  const std::vector<PoolOfUser> new_pools = RealPools(new_config);
  const auto old_by_key = ByKey(old_pools);
  const auto new_by_key = ByKey(new_pools);
  std::vector<PoolChange> changes;
  for (const PoolOfUser& pool : old_pools) {
    const auto found = new_by_key.find(KeyOf(pool));
    if (found == new_by_key.end()) {
      changes.push_back(MakeChange(PoolChange::Kind::kRemoved, pool));
      continue;
    }
    PoolChange change = CompareReal(pool, found->second);
    if (!change.keys.empty()) changes.push_back(std::move(change));
  }
  for (const PoolOfUser& pool : new_pools) {
    if (old_by_key.contains(KeyOf(pool))) continue;
    changes.push_back(MakeChange(PoolChange::Kind::kAdded, pool));
  }
  return changes;
}

std::vector<SettingChange> CompareSettings(const Config& old_config, const Config& new_config) {
  const std::vector<ConfigRow> old_rows = Describe(old_config);
  const std::vector<ConfigRow> new_rows = Describe(new_config);
  std::vector<SettingChange> changes;
  for (size_t i = 0; i < old_rows.size(); ++i) {
    const bool is_secret = old_rows[i].key == "admin.password";
    const bool same = is_secret ? old_config.admin.password == new_config.admin.password
                                : old_rows[i].value == new_rows[i].value;
    if (same) continue;
    changes.push_back(
        {old_rows[i].key, old_rows[i].value, new_rows[i].value, !old_rows[i].changeable});
  }
  return changes;
}

std::string Line(const SettingChange& change) {
  const bool replaced = change.old_value == change.new_value;  // a secret
  const std::string values =
      replaced ? "replaced"
               : fmt::format("{} -> {}", Quoted(change.old_value), Quoted(change.new_value));
  return fmt::format("{}: {}{}", change.key, values,
                     change.needs_restart ? " (needs a restart)" : "");
}

std::string Line(const PoolChange& change) {
  const std::string pool = fmt::format("pool {}, user {}: ", change.pool, change.user);
  switch (change.kind) {
    case PoolChange::Kind::kAdded:
      return pool + "added";
    case PoolChange::Kind::kRemoved:
      return pool + "removed";
    case PoolChange::Kind::kChanged:
      break;
  }
  return fmt::format("{}changed {}{}", pool, Join(change.keys),
                     change.server_changed ? " (server connections are replaced)" : "");
}

}  // namespace

std::vector<std::string> ConfigDiff::RestartKeys() const {
  std::vector<std::string> keys;
  for (const SettingChange& change : settings) {
    if (change.needs_restart) keys.push_back(change.key);
  }
  return keys;
}

std::vector<std::string> ConfigDiff::Describe() const {
  std::vector<std::string> lines;
  for (const SettingChange& change : settings) lines.push_back(Line(change));
  for (const PoolChange& change : pools) lines.push_back(Line(change));
  return lines;
}

ConfigDiff Diff(const Config& old_config, const Config& new_config) {
  return {CompareSettings(old_config, new_config), ComparePools(old_config, new_config)};
}

}  // namespace pglynx::config
