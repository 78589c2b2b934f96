#pragma once

// From the configuration to what a pool and its launcher take. Pure functions.

#include <string_view>

#include "pglynx/backend/server_launcher.h"
#include "pglynx/config/config.h"
#include "pglynx/pool/pool.h"
#include "pglynx/routing/session_route.h"
#include "pglynx/server/pools.h"

namespace pglynx::server {

// `database` as the client asked for it: in the pool "*" it names the server's database too.
pool::PoolSettings SettingsOf(const config::Config& config, const config::Pool& pool,
                              const config::PoolUser& user, std::string_view database,
                              ServerPlace place);
backend::ServerTarget TargetOf(const config::Pool& pool, const config::PoolUser& user,
                               std::string_view database, ServerPlace place);
// But for the patterns for comments.
routing::Rules RulesOf(const config::Pool& pool);

// nullptr where the configuration has no such pool or user (any more).
const config::Pool* FindPool(const config::Config& config, std::string_view name);
const config::PoolUser* FindUser(const config::Pool& pool, std::string_view name);

}  // namespace pglynx::server
