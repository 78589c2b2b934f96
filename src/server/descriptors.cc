#include "server/descriptors.h"

#include <algorithm>
#include <sys/resource.h>

#include "pglynx/admin/console_table.h"
#include "pglynx/session/session_table.h"

namespace pglynx::server {
namespace {

// Standard streams, the loop's own, listeners, files of a reload, name lookups.
constexpr uint64_t kOther = 64;

// Connections to servers at once, a cancel request for each among them.
uint64_t ServersMax(const config::Config& config) {
  uint64_t connections = 0;
  for (const config::Pool& pool : config.pools) {
    uint64_t servers = 0;
    for (const config::Shard& shard : pool.shards) servers += shard.servers.size();
    for (const config::PoolUser& user : pool.users) {
      connections += 2 * servers * (uint64_t{user.pool_size} + user.reserve_pool_size);
    }
  }
  return connections;
}

}  // namespace

DescriptorPlan PlanDescriptors(const config::Config& config, uint64_t limit) {
  const uint64_t clients = config.general.max_client_conn;
  const uint64_t own = ServersMax(config) + admin::ConsoleTable::kConsoleClientsMax + kOther;
  constexpr uint64_t kSpare = session::SessionTable::kLoginsSpare;
  DescriptorPlan plan;
  plan.limit = limit;
  plan.needed = clients + own + kSpare;
  if (plan.needed <= limit) {
    plan.clients = static_cast<uint32_t>(clients);
    plan.logins_spare = kSpare;
    return plan;
  }
  const uint64_t left = limit > own ? limit - own : 0;
  // A tenth for logins, so that a client can be told that there are too many.
  const uint64_t spare = std::clamp<uint64_t>(left / 10, 1, kSpare);
  plan.logins_spare = static_cast<uint32_t>(spare);
  plan.clients =
      static_cast<uint32_t>(std::clamp<uint64_t>(left - std::min(left, spare), 1, clients));
  return plan;
}

uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur != limit.rlim_max) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  }
  return limit.rlim_cur;
}

}  // namespace pglynx::server
