// Goal: a pool's keys arrive where the pool reads them, and max_pinned is never 0.
#include "server/pool_settings.h"

#include <initializer_list>

#include "support/catch.h"

namespace pglynx::server {
namespace {

pool::PoolSettings SettingsWith(config::Pool pool, uint32_t pool_size) {
  pool.shards = {{.database = "app", .servers = {{.host = "db"}}}};
  config::PoolUser user;
  user.username = "app";
  user.pool_size = pool_size;
  return SettingsOf(config::Config{}, pool, user, "app", {});
}

TEST_CASE("by default one server is left to clients that are not pinned") {
  for (const auto& [pool_size, max_pinned] : std::initializer_list<std::pair<uint32_t, uint32_t>>{
           {1, 1}, {2, 1}, {3, 2}, {20, 19}, {10000, 9999}}) {
    CHECK(SettingsWith({}, pool_size).max_pinned == max_pinned);
  }
}

TEST_CASE("max_pinned is taken where it is set") {
  config::Pool pool;
  pool.max_pinned = 3;
  CHECK(SettingsWith(pool, 3).max_pinned == 3);
  CHECK(SettingsWith(pool, 20).max_pinned == 3);
}

TEST_CASE("the policies for state reach the pool") {
  config::Pool pool;
  CHECK(SettingsWith(pool, 2).deferred_begin);
  CHECK(SettingsWith(pool, 2).on_session_state == pool::SessionStatePolicy::kPin);
  CHECK(SettingsWith(pool, 2).on_hidden_state == pool::HiddenStatePolicy::kProbe);
  pool.deferred_begin = false;
  pool.on_session_state = config::SessionStatePolicy::kError;
  pool.on_hidden_state = config::HiddenStatePolicy::kReset;
  CHECK_FALSE(SettingsWith(pool, 2).deferred_begin);
  CHECK(SettingsWith(pool, 2).on_session_state == pool::SessionStatePolicy::kError);
  CHECK(SettingsWith(pool, 2).on_hidden_state == pool::HiddenStatePolicy::kReset);
  pool.on_session_state = config::SessionStatePolicy::kWarn;
  pool.on_hidden_state = config::HiddenStatePolicy::kTrust;
  CHECK(SettingsWith(pool, 2).on_session_state == pool::SessionStatePolicy::kWarn);
  CHECK(SettingsWith(pool, 2).on_hidden_state == pool::HiddenStatePolicy::kTrust);
}

}  // namespace
}  // namespace pglynx::server
