// Goal: a reload is told exactly what changed, whether server connections survive it, and
// what needs a restart; no line shows a secret.
#include "pglynx/config/diff.h"

#include <functional>

#include "pglynx/config/describe.h"
#include "support/catch.h"

using std::chrono_literals::operator""s;
using pglynx::balancer::BalancingMode;
using pglynx::balancer::Role;
using pglynx::balancer::WantedRole;
using pglynx::config::Config;
using pglynx::config::ConfigDiff;
using pglynx::config::DefaultShard;
using pglynx::config::Diff;
using pglynx::config::HiddenStatePolicy;
using pglynx::config::Pool;
using pglynx::config::PoolChange;
using pglynx::config::PoolMode;
using pglynx::config::PoolUser;
using pglynx::config::Secret;
using pglynx::config::SessionStatePolicy;
using pglynx::config::Shard;
using pglynx::config::ShardScope;
using pglynx::sharding::KeyType;
using pglynx::sharding::ShardingFunction;

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

// A shard with these hosts, the first of them the primary.
Shard Servers(const std::vector<std::string>& hosts) {
  Shard shard{.database = "app", .servers = {}};
  for (const std::string& host : hosts) {
    shard.servers.push_back(
        {.host = host, .role = shard.servers.empty() ? Role::kPrimary : Role::kReplica});
  }
  return shard;
}

Config TwoUsers() {
  Config config;
  Pool pool;
  pool.name = "app";
  pool.shards = {Servers({"db"})};
  pool.users = {User("a"), User("b")};
  config.pools.push_back(pool);
  return config;
}

// One key of the first user's pool, and whether its servers are replaced.
struct Change {
  const char* key;
  bool server_changed;
  std::function<void(Pool&)> apply;
};

void CheckChanges(const std::vector<Change>& changes) {
  for (const Change& c : changes) {
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
  CheckChanges({
      {"host", true, [](Pool& p) { p.shards[0].servers[0].host = "x"; }},
      {"port", true, [](Pool& p) { p.shards[0].servers[0].port = 1; }},
      {"database", true, [](Pool& p) { p.shards[0].database = "x"; }},
      {"role", false, [](Pool& p) { p.shards[0].servers[0].role = Role::kPeer; }},
      {"weight", false, [](Pool& p) { p.shards[0].servers[0].weight = 2; }},
      {"max_connections", false, [](Pool& p) { p.shards[0].servers[0].max_connections = 1; }},
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
  });
}

TEST_CASE("each change of where transactions go is named and keeps the servers") {
  CheckChanges({
      {"load_balancing_mode", false,
       [](Pool& p) { p.load_balancing_mode = BalancingMode::kRandom; }},
      {"default_role", false, [](Pool& p) { p.default_role = WantedRole::kPrimary; }},
      {"primary_reads_enabled", false, [](Pool& p) { p.primary_reads_enabled = false; }},
      {"healthcheck_timeout", false, [](Pool& p) { p.healthcheck_timeout = 2s; }},
      {"healthcheck_delay", false, [](Pool& p) { p.healthcheck_delay = 2s; }},
      {"ban_time", false, [](Pool& p) { p.ban_time = 2s; }},
      {"ban_time_max", false, [](Pool& p) { p.ban_time_max = 200s; }},
      {"sharding_function", false,
       [](Pool& p) { p.sharding_function = ShardingFunction::kPgHash; }},
      {"sharding_key_type", false, [](Pool& p) { p.sharding_key_type = KeyType::kInteger; }},
      {"shard_scope", false, [](Pool& p) { p.shard_scope = ShardScope::kSession; }},
      {"default_shard", false, [](Pool& p) { p.default_shard.kind = DefaultShard::Kind::kRandom; }},
      {"sharding_key_regex", false, [](Pool& p) { p.sharding_key_regex = "(x)"; }},
      {"shard_id_regex", false, [](Pool& p) { p.shard_id_regex = "(x)"; }},
      {"regex_search_limit", false, [](Pool& p) { p.regex_search_limit = 1; }},
  });
}

TEST_CASE("servers and shards that come and go are told from those that stay") {
  using Shards = std::vector<Shard>;
  const Shard three = Servers({"a", "b", "c"});
  Shard other_order = three;
  std::swap(other_order.servers[0], other_order.servers[2]);
  Shard other_weight = three;
  other_weight.servers[1].weight = 5;
  other_weight.servers[2].max_connections = 5;
  Shard other_database = three;
  other_database.database = "x";
  Shard other_port = three;
  other_port.servers[2].port = 1;
  const struct {
    Shards before;
    Shards after;
    bool server_changed;
    std::vector<std::string> keys;
  } cases[] = {
      {{three}, {three}, false, {}},
      {{three}, {other_order}, false, {}},
      {{Servers({"a"})}, {Servers({"b"})}, true, {"host"}},
      {{Servers({"a"})}, {three}, false, {"servers"}},
      {{three}, {Servers({"a"})}, true, {"servers"}},
      {{three}, {Servers({"a", "b", "d"})}, true, {"servers"}},
      {{three}, {other_port}, true, {"servers"}},
      {{three}, {other_weight}, false, {"weight", "max_connections"}},
      {{three}, {other_database}, true, {"database"}},
      {{three}, {three, three}, false, {"shards"}},
      {{three, three}, {three}, true, {"shards"}},
      {{three, three}, {three, other_weight}, false, {"weight", "max_connections"}},
      // A key is named once, however many shards differ in it.
      {{three, three}, {other_database, other_database, three}, true, {"shards", "database"}},
      {{three, three}, {other_weight, other_port}, true, {"weight", "max_connections", "servers"}},
  };
  for (const auto& c : cases) {
    Config before = TwoUsers();
    Config after = TwoUsers();
    before.pools[0].shards = c.before;
    after.pools[0].shards = c.after;
    const ConfigDiff diff = Diff(before, after);
    if (c.keys.empty()) {
      CHECK(diff.empty());
      continue;
    }
    INFO(c.keys[0] << " " << c.keys.size());
    REQUIRE(diff.pools.size() == 2);
    const PoolChange expected{PoolChange::Kind::kChanged, "app", "a", c.server_changed, c.keys};
    CHECK(diff.pools[0] == expected);
  }
}

TEST_CASE("users and pools are added and removed") {
  Config changed = TwoUsers();
  changed.pools[0].users[0] = User("c");
  Pool other;
  other.name = "other";
  other.shards = {Servers({"db"})};
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
  changed.general.ban_time = 5s;
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
            "idle_timeout: \"10m\" -> \"90s\"", "ban_time: \"1m\" -> \"5s\"",
            "admin.stats_users: \"\" -> \"a\""});
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
