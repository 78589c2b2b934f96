#include "server/pool_settings.h"

#include "pglynx/core/check.h"

namespace pglynx::server {

pool::PoolSettings SettingsOf(const config::Config& config, const config::Pool& pool,
                              const config::PoolUser& user, std::string_view database) {
  return {.database = std::string(database),
          .user = user.username,
          .session_mode = user.pool_mode == config::PoolMode::kSession,
          .server_round_robin = config.general.server_round_robin,
          .pool_size = user.pool_size,
          .prepared_statements_cache_size = pool.prepared_statements_cache_size,
          .query_wait_timeout = user.query_wait_timeout,
          .idle_timeout = user.idle_timeout,
          .server_lifetime = user.server_lifetime,
          .server_retry_min = config.general.server_retry_min,
          .server_retry_max = config.general.server_retry_max};
}

backend::ServerTarget TargetOf(const config::Pool& pool, const config::PoolUser& user,
                               std::string_view database) {
  const bool own = user.server_password.kind != config::Secret::Kind::kNone;
  const config::Secret& secret = own ? user.server_password : user.password;
  backend::ServerTarget target;
  target.address = {pool.server.host, pool.server.port};
  target.database = pool.server.database.empty() ? std::string(database) : pool.server.database;
  target.user = user.server_username.empty() ? user.username : user.server_username;
  if (secret.kind != config::Secret::Kind::kNone) {
    Result<auth::Credential> credential = auth::Credential::Parse(secret.text);
    PGLYNX_CHECK(credential.has_value());  // a Config that exists is valid
    target.credential = std::move(*credential);
  }
  target.connect_query = pool.connect_query;
  target.connect_timeout = user.connect_timeout;
  return target;
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
