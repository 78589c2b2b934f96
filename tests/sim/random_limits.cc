#include "sim/random_limits.h"

#include <chrono>

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

uint32_t Small(Dice& dice, double chance, uint64_t most) {
  return dice.Chance(chance) ? static_cast<uint32_t>(dice.Between(1, most)) : 0;
}

Duration SomeTime(Dice& dice, double chance, Duration least, Duration most) {
  return dice.Chance(chance) ? dice.Between(least, most) : Duration::zero();
}

void AddToUser(Dice& dice, config::PoolUser& user) {
  user.min_pool_size = dice.Chance(0.2) ? Small(dice, 1, user.pool_size) : 0;
  user.reserve_pool_size = Small(dice, 0.2, 3);
  user.reserve_pool_timeout = dice.Between(milliseconds(50), milliseconds(2000));
  user.max_client_conn = Small(dice, 0.1, 10);
  user.query_wait_notify = SomeTime(dice, 0.3, milliseconds(50), milliseconds(1000));
  user.client_idle_timeout = SomeTime(dice, 0.1, seconds(1), seconds(10));
  user.idle_client_in_transaction_timeout =
      SomeTime(dice, 0.1, milliseconds(500), milliseconds(5000));
  user.transaction_timeout = SomeTime(dice, 0.1, seconds(1), seconds(10));
  user.query_timeout = SomeTime(dice, 0.15, milliseconds(50), milliseconds(1000));
  user.statement_timeout = SomeTime(dice, 0.05, milliseconds(50), milliseconds(1000));
}

}  // namespace

void AddRandomLimits(Dice& dice, config::Config& config) {
  config.general.max_user_connections = Small(dice, 0.15, 4);
  config.general.client_login_timeout = dice.Between(seconds(1), seconds(10));
  config.general.server_retry_min = dice.Between(milliseconds(1), milliseconds(200));
  config.general.server_retry_max = dice.Between(milliseconds(200), milliseconds(3000));
  if (dice.Chance(0.2)) config.general.max_buffered_bytes = dice.Between(1U << 16U, 1U << 20U);
  for (config::Pool& pool : config.pools) {
    pool.max_db_connections = Small(dice, 0.2, 4);
    pool.max_client_conn = Small(dice, 0.1, 10);
    pool.shards[0].servers[0].max_connections = Small(dice, 0.3, 5);
    AddToUser(dice, pool.users[0]);
  }
}

std::set<std::string, std::less<>> ErrorsOfLimits(const config::Config& config,
                                                  const config::Pool& pool) {
  const config::PoolUser& user = pool.users[0];
  std::set<std::string, std::less<>> errors = {"53300"};
  const auto add = [&errors](bool may, const char* sqlstate) {
    if (may) errors.emplace(sqlstate);
  };
  add(config.general.max_buffered_bytes <= 1U << 20U, "53200");
  add(user.client_idle_timeout > Duration::zero(), "57P05");
  add(user.idle_client_in_transaction_timeout > Duration::zero(), "25P03");
  add(user.transaction_timeout > Duration::zero(), "25P04");
  add(user.query_timeout + user.statement_timeout > Duration::zero(), "57014");
  // A statement that outlives its cancel ends the client; a login that takes too long as well.
  add(user.query_timeout + user.statement_timeout > Duration::zero(), "08006");
  errors.emplace("57P05");
  return errors;
}

}  // namespace pglynx::sim
