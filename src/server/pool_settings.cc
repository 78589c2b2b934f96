#include "server/pool_settings.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/net/address.h"

namespace pglynx::server {

namespace {

// The limit is the server's: it holds for pools whose entry does not repeat it. Where two
// entries set it, they set the same (see config).
uint32_t MaxConnections(const config::Config& config, const net::Address& address) {
  uint32_t most = 0;
  for (const config::Pool& pool : config.pools) {
    for (const config::Shard& shard : pool.shards) {
      for (const config::ServerTarget& server : shard.servers) {
        const bool same = net::Address{server.host, server.port} == address;
        if (same) most = std::max(most, server.max_connections);
      }
    }
  }
  return most;
}

pool::SessionStatePolicy PolicyOf(config::SessionStatePolicy policy) {
  switch (policy) {
    case config::SessionStatePolicy::kPin:
      return pool::SessionStatePolicy::kPin;
    case config::SessionStatePolicy::kError:
      return pool::SessionStatePolicy::kError;
    case config::SessionStatePolicy::kWarn:
      return pool::SessionStatePolicy::kWarn;
  }
  return {};
}

pool::HiddenStatePolicy PolicyOf(config::HiddenStatePolicy policy) {
  switch (policy) {
    case config::HiddenStatePolicy::kProbe:
      return pool::HiddenStatePolicy::kProbe;
    case config::HiddenStatePolicy::kReset:
      return pool::HiddenStatePolicy::kReset;
    case config::HiddenStatePolicy::kTrust:
      return pool::HiddenStatePolicy::kTrust;
  }
  return {};
}

// By default one server is left for those that are not pinned, where there is a second one.
uint32_t MaxPinned(const config::Pool& pool, const config::PoolUser& user) {
  return pool.max_pinned == 0 ? std::max(user.pool_size, 2U) - 1 : pool.max_pinned;
}

}  // namespace

pool::PoolSettings SettingsOf(const config::Config& config, const config::Pool& pool,
                              const config::PoolUser& user, std::string_view database,
                              ServerPlace place) {
  const backend::ServerTarget target = TargetOf(pool, user, database, place);
  const std::string server = target.address.ToString();
  const auto by_statement = [&user] {
    return user.statement_timeout > Duration::zero() &&
           (user.query_timeout == Duration::zero() || user.statement_timeout < user.query_timeout);
  };
  const Duration query_timeout = by_statement() ? user.statement_timeout : user.query_timeout;
  const Duration in_transaction = user.idle_client_in_transaction_timeout;
  return {.database = std::string(database),
          .user = user.username,
          .session_mode = user.pool_mode == config::PoolMode::kSession,
          .server_round_robin = config.general.server_round_robin,
          .pool_size = user.pool_size,
          .min_pool_size = user.min_pool_size,
          .only_with_clients = pool.name == "*",
          .reserve_pool_size = user.reserve_pool_size,
          .reserve_pool_timeout = user.reserve_pool_timeout,
          .limits = {MaxConnections(config, target.address), pool.max_db_connections,
                     config.general.max_user_connections},
          .limited = {fmt::format("server {}", server),
                      fmt::format("database {} on server {}", target.database, server),
                      fmt::format("server user {}", target.user)},
          .max_user_clients = user.max_client_conn,
          .max_db_clients = pool.max_client_conn,
          .prepared_statements_cache_size = pool.prepared_statements_cache_size,
          .deferred_begin = pool.deferred_begin,
          .on_session_state = PolicyOf(pool.on_session_state),
          .on_hidden_state = PolicyOf(pool.on_hidden_state),
          .max_pinned = MaxPinned(pool, user),
          .query_wait_timeout = user.query_wait_timeout,
          .query_wait_notify = user.query_wait_notify,
          .client_idle_timeout = user.client_idle_timeout,
          .idle_client_in_transaction_timeout = in_transaction,
          .transaction_timeout = user.transaction_timeout,
          .query_timeout = query_timeout,
          .query_timeout_key = by_statement() ? "statement_timeout" : "query_timeout",
          .has_client_timeouts =
              user.client_idle_timeout + in_transaction + user.transaction_timeout + query_timeout >
              Duration::zero(),
          .idle_timeout = user.idle_timeout,
          .server_lifetime = user.server_lifetime,
          .healthcheck_delay = pool.healthcheck_delay,
          .server_retry_min = config.general.server_retry_min,
          .server_retry_max = config.general.server_retry_max};
}

backend::ServerTarget TargetOf(const config::Pool& pool, const config::PoolUser& user,
                               std::string_view database, ServerPlace place) {
  const bool own = user.server_password.kind != config::Secret::Kind::kNone;
  const config::Secret& secret = own ? user.server_password : user.password;
  const config::Shard& shard = pool.shards[place.shard];
  const config::ServerTarget& server = shard.servers[place.server];
  backend::ServerTarget target;
  target.address = {server.host, server.port};
  target.database = shard.database.empty() ? std::string(database) : shard.database;
  target.user = user.server_username.empty() ? user.username : user.server_username;
  if (secret.kind != config::Secret::Kind::kNone) {
    Result<auth::Credential> credential = auth::Credential::Parse(secret.text);
    PGLYNX_CHECK(credential.has_value());  // a Config that exists is valid
    target.credential = std::move(*credential);
  }
  target.connect_query = pool.connect_query;
  target.connect_timeout = user.connect_timeout;
  target.healthcheck_timeout = pool.healthcheck_timeout;
  return target;
}

routing::Rules RulesOf(const config::Pool& pool) {
  using Kind = config::DefaultShard::Kind;
  using Default = routing::Rules::DefaultShard;
  Default otherwise = Default::kNone;
  if (pool.default_shard.kind == Kind::kFixed) otherwise = Default::kFixed;
  if (pool.default_shard.kind == Kind::kRandom) otherwise = Default::kRandom;
  if (pool.default_shard.kind == Kind::kRandomHealthy) otherwise = Default::kRandomHealthy;
  const bool session = pool.shard_scope == config::ShardScope::kSession;
  return {.shards = static_cast<uint32_t>(pool.shards.size()),
          .function = pool.sharding_function,
          .key_type = pool.sharding_key_type,
          .scope = session ? routing::Rules::Scope::kSession : routing::Rules::Scope::kTransaction,
          .default_shard = otherwise,
          .fixed_shard = pool.default_shard.shard,
          .default_role = pool.default_role,
          .primary_reads_enabled = pool.primary_reads_enabled,
          .hints = nullptr};
}

const config::Pool* FindPool(const config::Config& config, std::string_view name) {
  for (const config::Pool& pool : config.pools) {
    if (pool.name == name) return &pool;
  }
  return nullptr;
}

const config::PoolUser* FindUser(const config::Pool& pool, std::string_view name) {
  for (const config::PoolUser& user : pool.users) {
    if (user.username == name) return &user;
  }
  return nullptr;
}

}  // namespace pglynx::server
