// Goal: a reload is told exactly what changed, whether server connections survive it, and
// what needs a restart; no line shows a secret.
#include "pglynx/config/diff.h"

#include <functional>

#include "pglynx/config/describe.h"
#include "support/catch.h"

using std::chrono_literals::operator""s;
using pglynx::config::Config;
using pglynx::config::ConfigDiff;
using pglynx::config::Diff;
using pglynx::config::HiddenStatePolicy;
using pglynx::config::Pool;
using pglynx::config::PoolChange;
using pglynx::config::PoolMode;
using pglynx::config::PoolUser;
using pglynx::config::Secret;
using pglynx::config::SessionStatePolicy;

namespace {

Secret Plain(const std::string& text) {
  return {Secret::Kind::kPlain, text};
}

PoolUser User(const std::string& name) {
  PoolUser user;
  user.username = name;
  user.server_username = name;
  user.password = Plain("hunter2");
  user.server_password = Plain("hunter2");
  return user;
}

Config TwoUsers() {
  Config config;
  Pool pool;
  pool.name = "app";
  pool.server = {"db", 5432, "app"};
  pool.users = {User("a"), User("b")};
  config.pools.push_back(pool);
  return config;
}

}  // namespace

TEST_CASE("equal configurations do not differ") {
  Config other = TwoUsers();
  other.warnings.emplace_back("a warning");
  const ConfigDiff diff = Diff(TwoUsers(), other);
  CHECK(diff.empty());
  CHECK(diff.Describe().empty());
  CHECK(diff.RestartKeys().empty());
}

TEST_CASE("each change of a pool is named and known to keep or replace its servers") {
  const struct {
    const char* key;
    bool server_changed;
    std::function<void(Pool&)> apply;
  } cases[] = {
      {"host", true, [](Pool& p) { p.server.host = "x"; }},
      {"port", true, [](Pool& p) { p.server.port = 1; }},
      {"database", true, [](Pool& p) { p.server.database = "x"; }},
      {"max_connections", false, [](Pool& p) { p.server.max_connections = 1; }},
      {"max_db_connections", false, [](Pool& p) { p.max_db_connections = 1; }},
      {"connect_query", true, [](Pool& p) { p.connect_query = "x"; }},
      {"prepared_statements_cache_size", false,
       [](Pool& p) { p.prepared_statements_cache_size = 1; }},
      {"deferred_begin", false, [](Pool& p) { p.deferred_begin = false; }},
      {"on_session_state", false, [](Pool& p) { p.on_session_state = SessionStatePolicy::kError; }},
      {"on_hidden_state", false, [](Pool& p) { p.on_hidden_state = HiddenStatePolicy::kTrust; }},
      {"max_pinned", false, [](Pool& p) { p.max_pinned = 1; }},
      {"max_client_conn", false, [](Pool& p) { p.max_client_conn = 1; }},
      {"max_client_conn", false, [](Pool& p) { p.users[0].max_client_conn = 1; }},
      {"max_client_conn", false,
       [](Pool& p) { p.max_client_conn = p.users[0].max_client_conn = 1; }},
      {"password", false, [](Pool& p) { p.users[0].password = Plain("x"); }},
      {"server_username", true, [](Pool& p) { p.users[0].server_username = "x"; }},
      {"server_password", true, [](Pool& p) { p.users[0].server_password = Plain("x"); }},
      {"pool_mode", true, [](Pool& p) { p.users[0].pool_mode = PoolMode::kSession; }},
      {"pool_size", false, [](Pool& p) { p.users[0].pool_size = 1; }},
      {"min_pool_size", false, [](Pool& p) { p.users[0].min_pool_size = 1; }},
      {"reserve_pool_size", false, [](Pool& p) { p.users[0].reserve_pool_size = 1; }},
      {"reserve_pool_timeout", false, [](Pool& p) { p.users[0].reserve_pool_timeout = 1s; }},
      {"connect_timeout", false, [](Pool& p) { p.users[0].connect_timeout = 1s; }},
      {"query_wait_timeout", false, [](Pool& p) { p.users[0].query_wait_timeout = 1s; }},
      {"query_wait_notify", false, [](Pool& p) { p.users[0].query_wait_notify = 1s; }},
      {"client_idle_timeout", false, [](Pool& p) { p.users[0].client_idle_timeout = 1s; }},
      {"idle_client_in_transaction_timeout", false,
       [](Pool& p) { p.users[0].idle_client_in_transaction_timeout = 1s; }},
      {"transaction_timeout", false, [](Pool& p) { p.users[0].transaction_timeout = 1s; }},
      {"query_timeout", false, [](Pool& p) { p.users[0].query_timeout = 1s; }},
      {"statement_timeout", false, [](Pool& p) { p.users[0].statement_timeout = 1s; }},
      {"idle_timeout", false, [](Pool& p) { p.users[0].idle_timeout = 1s; }},
      {"server_lifetime", false, [](Pool& p) { p.users[0].server_lifetime = 1s; }},
  };
  for (const auto& c : cases) {
    INFO(c.key);
    Config changed = TwoUsers();
    c.apply(changed.pools[0]);
    const ConfigDiff diff = Diff(TwoUsers(), changed);
    REQUIRE_FALSE(diff.pools.empty());
    const PoolChange expected{PoolChange::Kind::kChanged, "app", "a", c.server_changed, {c.key}};
    CHECK(diff.pools[0] == expected);
    CHECK(diff.settings.empty());
  }
}

TEST_CASE("users and pools are added and removed") {
  Config changed = TwoUsers();
  changed.pools[0].users[0] = User("c");
  Pool other;
  other.name = "other";
  other.users = {User("a")};
  changed.pools.push_back(other);
  CHECK(Diff(TwoUsers(), changed).Describe() ==
        std::vector<std::string>{"pool app, user a: removed", "pool app, user c: added",
                                 "pool other, user a: added"});
}

TEST_CASE("another order of pools and users is no change") {
  Config changed = TwoUsers();
  std::swap(changed.pools[0].users[0], changed.pools[0].users[1]);
  CHECK(Diff(TwoUsers(), changed).empty());
}

TEST_CASE("settings are described with both values, those that need a restart by name") {
  Config changed = TwoUsers();
  changed.general.port = 7000;
  changed.general.max_db_connections = 40;
  changed.general.max_user_connections = 50;
  changed.general.max_buffered_bytes = 1024;
  changed.general.query_wait_notify = 0s;
  changed.general.client_idle_timeout = 1s;
  changed.general.idle_client_in_transaction_timeout = 2s;
  changed.general.transaction_timeout = 3s;
  changed.general.query_timeout = 4s;
  changed.general.idle_timeout = 90s;
  changed.admin.stats_users = {"a"};
  const ConfigDiff diff = Diff(TwoUsers(), changed);
  CHECK(diff.RestartKeys() == std::vector<std::string>{"port"});
  CHECK(diff.Describe() ==
        std::vector<std::string>{
            "port: \"6432\" -> \"7000\" (needs a restart)", "max_db_connections: \"0\" -> \"40\"",
            "max_user_connections: \"0\" -> \"50\"", "max_buffered_bytes: \"256MiB\" -> \"1KiB\"",
            "query_wait_notify: \"5s\" -> \"0\"", "client_idle_timeout: \"0\" -> \"1s\"",
            "idle_client_in_transaction_timeout: \"0\" -> \"2s\"",
            "transaction_timeout: \"0\" -> \"3s\"", "query_timeout: \"0\" -> \"4s\"",
            "idle_timeout: \"10m\" -> \"90s\"", "admin.stats_users: \"\" -> \"a\""});
}

TEST_CASE("a replaced secret is said, not shown") {
  Config old_config = TwoUsers();
  old_config.admin.password = Plain("hunter2");
  Config changed = old_config;
  changed.admin.password = Plain("hunter3");
  changed.pools[0].users[0].password = Plain("hunter3");
  changed.pools[0].users[0].server_password = Plain("hunter3");
  CHECK(Diff(old_config, changed).Describe() ==
        std::vector<std::string>{"admin.password: replaced",
                                 "pool app, user a: changed password, server_password (server "
                                 "connections are replaced)"});
  changed.admin.password = {};
  CHECK(Diff(old_config, changed).Describe()[0] == "admin.password: \"********\" -> \"\"");
}
