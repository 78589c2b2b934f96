#pragma once

// Pools of several servers for the swarm: shards, roles, weights, short bans. Pure but for the
// dice.

#include <cstddef>

#include "pglynx/config/config.h"
#include "sim/dice.h"
#include "sim/route_model.h"

namespace pglynx::sim {

// Puts the pool before several servers, of one shard or more: the next free ones from `next_server`
// on, or those of `other`, if it is not nullptr.
void SpreadOverServers(Dice& dice, config::Pool& pool, size_t& next_server,
                       const config::Pool* other);
[[nodiscard]] bool HasSeveralServers(const config::Pool& pool);
// What its clients know of it. `may_ban`: its servers fail, or an operator bans them.
[[nodiscard]] PoolMap MapOf(const config::Pool& pool, size_t server_count, bool may_ban);
// For a person.
[[nodiscard]] std::string Described(const config::Pool& pool);

}  // namespace pglynx::sim
