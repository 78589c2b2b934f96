// Goal: what a valid file means: every key's value, defaults, inheritance, both forms of
// pools, PgCat's form; then that no cut or mutation of a file does harm.
#include "pglynx/config/load.h"

#include "config/fake_environment.h"
#include "pglynx/config/describe.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using pglynx::config::Admin;
using pglynx::config::Auth;
using pglynx::config::AuthMethod;
using pglynx::config::Config;
using pglynx::config::DefaultConfig;
using pglynx::config::Environment;
using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::General;
using pglynx::config::LoadConfigText;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::LogFormat;
using pglynx::config::LogLevel;
using pglynx::config::OneServer;
using pglynx::config::Pool;
using pglynx::config::PoolMode;
using pglynx::config::PoolUser;
using pglynx::config::ProcessEnvironment;
using pglynx::config::Secret;
using pglynx::config::Shard;

namespace {

Config Loaded(const std::string& text, const Environment& environment = FakeEnvironment()) {
  LoadResult loaded = LoadText(text, environment);
  INFO(ErrorText(loaded));
  REQUIRE(loaded);
  return *loaded;
}

std::string User(const std::string& name, const std::string& keys = "") {
  return "[[pools.app.users]]\nusername = '" + name + "'\npassword = 'p'\n" + keys + "\n";
}

const std::string kServer = "database = 'app'\nservers = [{ host = 'db' }]\n";

}  // namespace

TEST_CASE("a file with a pool alone holds the defaults") {
  const Config config = Loaded("");
  CHECK(config.general == General{});
  CHECK(config.admin == Admin{});
  CHECK(config.auth == Auth{});
  CHECK_FALSE(config.pgcat_form);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0] == "t.toml: the console is disabled: [admin] sets no password");
  REQUIRE(config.pools.size() == 1);
  const Pool& pool = config.pools[0];
  CHECK(pool.name == "app");
  CHECK(pool.prepared_statements_cache_size == 200);
  CHECK(pool.shards == std::vector<Shard>{OneServer("app", "db")});
  const PoolUser& user = pool.users[0];
  CHECK(user.pool_mode == PoolMode::kTransaction);
  CHECK(user.pool_size == 20);
  CHECK(user.connect_timeout == 5s);
  CHECK(user.query_wait_timeout == 60s);
  CHECK(user.idle_timeout == 10min);
  CHECK(user.server_lifetime == 1h);
}

TEST_CASE("every key of general, admin and auth is taken") {
  const Config config = Loaded(R"(
[general]
host = ["10.0.0.1", "[::1]"]
port = 1
workers = 1
max_client_conn = 2
max_query_bytes = "2KiB"
max_client_statements = 3
client_login_timeout = "4s"
connect_timeout = 5
query_wait_timeout = "6s"
idle_timeout = 0
server_lifetime = "8h"
server_round_robin = true
dns_max_ttl = 17
server_retry_min = "9ms"
server_retry_max = "10ms"
shutdown_timeout = "11s"
tcp_keepalives_idle = 12
tcp_keepalives_count = 13
tcp_keepalives_interval = "14s"
tcp_user_timeout = 15
log_level = "debug"
log_format = "json"
log_client_connections = true
log_client_disconnections = true
[admin]
host = "::1"
port = 16
username = "root"
password = "pw"
stats_users = ["app"]
on_client_port = true
[auth]
method = "md5"
)");
  const General& general = config.general;
  CHECK(general.hosts == std::vector<std::string>{"10.0.0.1", "::1"});
  CHECK(general.port == 1);
  CHECK(general.max_client_conn == 2);
  CHECK(general.max_query_bytes == 2048);
  CHECK(general.max_client_statements == 3);
  CHECK(general.client_login_timeout == 4s);
  CHECK(general.connect_timeout == 5ms);
  CHECK(general.query_wait_timeout == 6s);
  CHECK(general.idle_timeout == 0s);
  CHECK(general.server_lifetime == 8h);
  CHECK(general.server_round_robin);
  CHECK(general.dns_max_ttl == 17s);
  CHECK(general.server_retry_min == 9ms);
  CHECK(general.server_retry_max == 10ms);
  CHECK(general.shutdown_timeout == 11s);
  CHECK(general.tcp_keepalives_idle == 12s);
  CHECK(general.tcp_keepalives_count == 13);
  CHECK(general.tcp_keepalives_interval == 14s);
  CHECK(general.tcp_user_timeout == 15ms);
  CHECK(general.log_level == LogLevel::kDebug);
  CHECK(general.log_format == LogFormat::kJson);
  CHECK(general.log_client_connections);
  CHECK(general.log_client_disconnections);
  const Secret plain{Secret::Kind::kPlain, "pw"};
  CHECK(config.admin == Admin{true, "::1", 16, "root", plain, {"app"}, true});
  CHECK(config.auth.method == AuthMethod::kMd5);
  CHECK(config.warnings.empty());
}

TEST_CASE("a user's timeout counts more than its pool's, and that more than general's") {
  const Config config = Loaded(
      "[general]\nconnect_timeout = '1s'\nquery_wait_timeout = '2s'\nidle_timeout = '3s'\n"
      "server_lifetime = '4s'\n[pools.app]\npool_mode = 'session'\nidle_timeout = '30s'\n"
      "server_lifetime = '40s'\n" +
      kServer + User("a") + User("b", "server_lifetime = '400s'\npool_mode = 'transaction'"));
  const PoolUser& a = config.pools[0].users[0];
  CHECK(a.connect_timeout == 1s);
  CHECK(a.query_wait_timeout == 2s);
  CHECK(a.idle_timeout == 30s);
  CHECK(a.server_lifetime == 40s);
  CHECK(a.pool_mode == PoolMode::kSession);
  const PoolUser& b = config.pools[0].users[1];
  CHECK(b.idle_timeout == 30s);
  CHECK(b.server_lifetime == 400s);
  CHECK(b.pool_mode == PoolMode::kTransaction);
  CHECK(config.pools[0].mode == PoolMode::kSession);
}

TEST_CASE("query_wait_timeout follows connect_timeout where only that is set") {
  const struct {
    std::string general;
    std::string pool;
    std::string user;
    pglynx::Duration wait;
  } cases[] = {{"", "", "", 60s},
               {"connect_timeout = 1000", "", "", 1s},
               {"connect_timeout = 1000", "connect_timeout = 2000", "", 2s},
               {"connect_timeout = 1000", "", "connect_timeout = 3000", 3s},
               {"query_wait_timeout = 7000", "connect_timeout = 2000", "", 7s},
               {"connect_timeout = 1000", "query_wait_timeout = 0", "", 0s},
               {"", "query_wait_timeout = 8000", "query_wait_timeout = 9000", 9s}};
  for (const auto& c : cases) {
    INFO(c.general << "|" << c.pool << "|" << c.user);
    const Config config = Loaded("[general]\n" + c.general + "\n[pools.app]\n" + c.pool + "\n" +
                                 kServer + User("a", c.user));
    CHECK(config.pools[0].users[0].query_wait_timeout == c.wait);
  }
}

TEST_CASE("pools may be written in our form and in PgCat's") {
  const std::string users = User("app");
  for (const std::string& text :
       {"[pools.app]\ndatabase = 'd'\nservers = [{ host = '10.0.0.1', port = 1 }]\n" + users,
        "[pools.app]\ndatabase = 'd'\nservers = [['10.0.0.1', 1, 'primary']]\n" + users,
        "[[pools.app.shards]]\ndatabase = 'd'\nservers = [['10.0.0.1', 1]]\n" + users,
        std::string("[pools.app.shards.0]\ndatabase = 'd'\nservers = [{ host = '10.0.0.1', "
                    "port = 1, role = 'primary' }]\n"
                    "[pools.app.users.0]\nusername = 'app'\npassword = 'p'\n")}) {
    INFO(text);
    const Config config = Loaded(text);
    Shard expected = OneServer("d", "10.0.0.1", 1);
    if (text.find("primary") != std::string::npos) {
      expected.servers[0].role = pglynx::balancer::Role::kPrimary;
    }
    CHECK(config.pools[0].shards == std::vector<Shard>{expected});
    REQUIRE(config.pools[0].users.size() == 1);
    CHECK(config.pools[0].users[0].username == "app");
  }
}

TEST_CASE("keyed users are taken in the order of their numbers") {
  const Config config = Loaded(
      "[pools.app]\n" + kServer +
      "users.10 = { username = 'ten', password = 'p' }\nusers.x = { username = 'x', password = 'p' "
      "}\nusers.2 = { username = 'two', password = 'p' }\n");
  CHECK(config.pools[0].users[0].username == "two");
  CHECK(config.pools[0].users[1].username == "ten");
  CHECK(config.pools[0].users[2].username == "x");
}

TEST_CASE("the pool * may leave the database to the client") {
  const std::string users = "[[pools.'*'.users]]\nusername = 'a'\npassword = 'p'\n";
  const Config open = Loaded("[pools.'*']\nservers = [{ host = '/tmp' }]\n" + users);
  CHECK(open.pools[0].shards == std::vector<Shard>{OneServer("", "/tmp")});
  const Config fixed = Loaded("[pools.'*']\n" + kServer + users);
  CHECK(fixed.pools[0].shards[0].database == "app");
}

TEST_CASE("variables stand for strings, numbers, booleans and durations") {
  FakeEnvironment environment;
  environment.variables = {{"HOST", "10.0.0.9"}, {"PORT", "7000"}, {"ON", "true"},
                           {"TIME", "7s"},       {"MS", "8000"},   {"SIZE", "9KiB"}};
  const Config config = Loaded(
      "[general]\nhost = ['${HOST}']\nport = '${PORT}'\nserver_round_robin = '${ON}'\n"
      "connect_timeout = '${TIME}'\nidle_timeout = '${MS}'\nmax_query_bytes = '${SIZE}'\n"
      "admin_password = 'x${PORT}$${y}'\n",
      environment);
  CHECK(config.general.hosts == std::vector<std::string>{"10.0.0.9"});
  CHECK(config.general.port == 7000);
  CHECK(config.general.server_round_robin);
  CHECK(config.general.connect_timeout == 7s);
  CHECK(config.general.idle_timeout == 8s);
  CHECK(config.general.max_query_bytes == 9216);
  CHECK(config.admin.password.text == "x7000${y}");
}

TEST_CASE("a pgcat.toml gets PgCat's defaults") {
  const Config config = Loaded(
      "[general]\nadmin_username = 'boss'\nadmin_password = 'pw'\n[pools.app]\n"
      "pool_mode = 'Session'\n[pools.app.shards.0]\ndatabase = 'd'\n"
      "servers = [['h', 5432, 'Primary']]\n[pools.app.users.0]\nusername = 'u'\n"
      "password = 'md50123456789abcdef0123456789abcdef'\npool_size = 5\n");
  CHECK(config.pgcat_form);
  CHECK(config.general == DefaultConfig(true).general);
  CHECK(config.general.port == 5432);
  CHECK(config.general.connect_timeout == 1s);
  CHECK(config.general.server_round_robin);
  CHECK(config.auth.method == AuthMethod::kMd5);
  const Secret plain{Secret::Kind::kPlain, "pw"};
  CHECK(config.admin == Admin{true, "127.0.0.1", 6433, "boss", plain, {}, true});
  CHECK(config.pools[0].prepared_statements_cache_size == 0);
  CHECK(config.pools[0].users[0].pool_mode == PoolMode::kSession);
  CHECK(config.pools[0].users[0].query_wait_timeout == 1s);
  CHECK(config.warnings.empty());
}

TEST_CASE("a pgcat.toml with [admin] keeps our defaults") {
  const Config config =
      Loaded("[general]\nadmin_username = 'boss'\nadmin_password = 'pw'\n[admin]\nport = 6500\n");
  CHECK_FALSE(config.pgcat_form);
  CHECK(config.general.port == 6432);
  CHECK(config.admin.enabled);
  CHECK(config.admin.username == "boss");
  CHECK(config.admin.port == 6500);
}

TEST_CASE("the console of a pgcat.toml gives way to the client port") {
  const Config config =
      Loaded("[general]\nport = 6433\nadmin_username = 'a'\nadmin_password = 'p'\n");
  CHECK(config.admin.port == 0);
  CHECK(config.admin.on_client_port);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0].starts_with("t.toml:2:8: the console has no port of its own"));
}

TEST_CASE("PgCat's keys without effect are accepted with a warning each") {
  const Config config = Loaded(
      "[general]\nadmin_username = 'a'\nadmin_password = 'p'\nworker_threads = 4\n"
      "enable_prometheus_exporter = true\nprometheus_exporter_port = 9930\n"
      "dns_cache_enabled = true\nserver_tls = false\nadmin_auth_type = 'md5'\n"
      "[pools.app]\nquery_parser_enabled = false\ncheckout_failure_limit = 3\n" +
      kServer + User("u", "auth_type = 'md5'"));
  CHECK(config.warnings.size() == 9);
  CHECK(config.warnings[0] ==
        "t.toml:4:1: key 'worker_threads' in [general] has no effect in this version");
}

TEST_CASE("a console without a password is disabled and said to be") {
  const Config ours = Loaded("[admin]\npassword = ''\n");
  CHECK_FALSE(ours.admin.enabled);
  CHECK(ours.warnings ==
        std::vector<std::string>{"t.toml:2:12: the console is disabled: [admin] sets no password"});
  const Config pgcat = Loaded("[general]\nadmin_username = 'a'\n");
  CHECK_FALSE(pgcat.admin.enabled);
  CHECK(pgcat.warnings ==
        std::vector<std::string>{"t.toml:1:2: the console is disabled: admin_password is not set"});
}

TEST_CASE("a listener may share the console's port on another address") {
  const Config config =
      Loaded("[general]\nhost = '10.0.0.1'\nport = 6433\n[admin]\npassword = 'p'\n");
  CHECK(config.admin.port == 6433);
}

TEST_CASE("ProcessEnvironment sees the variables of the process") {
  CHECK(ProcessEnvironment().Get("PATH").has_value());
  CHECK_FALSE(ProcessEnvironment().Get("PGLYNX_NO_SUCH_VARIABLE").has_value());
}

namespace {

// Every line of an error has its file and no newline or secret.
void CheckHarmless(const std::string& text) {
  FakeEnvironment environment;
  environment.variables["A"] = "1";
  const LoadResult loaded = LoadConfigText(text, "t.toml", environment);
  if (loaded) return;
  INFO(text);
  REQUIRE_FALSE(loaded.errors().lines.empty());
  for (const std::string& line : loaded.errors().lines) {
    INFO(line);
    REQUIRE(line.starts_with("t.toml"));
    REQUIRE(line.find('\n') == std::string::npos);
    REQUIRE(line.find("hunter2") == std::string::npos);
  }
}

const std::string kWhole =
    "[general]\nhost = ['127.0.0.1', '::1']\nport = 6432\nconnect_timeout = '5s'\n"
    "max_query_bytes = '64KiB'\nadmin_password = 'hunter2'\nidle_timeout = '${A}'\n"
    "[pools.app]\nsharding_function = 'pg_hash'\nsharding_key_type = 'uuid'\n"
    "default_shard = 'shard_1'\nshard_id_regex = 'shard_id: (\\d+)'\nban_time = 5\n"
    "[pools.app.shards.0]\ndatabase = 'app'\n"
    "servers = [['db', 5432, 'primary'], { host = 'x', role = 'replica', weight = 2 }]\n"
    "[pools.app.shards.1]\ndatabase = 'app1'\nservers = [{ host = 'db1' }]\n"
    "[pools.app.users.0]\nusername = 'app'\npassword = 'hunter2'\nmin_pool_size = 0\n";

}  // namespace

TEST_CASE("a file that ends at any byte is refused or taken, without harm") {
  for (size_t length = 0; length <= kWhole.size(); ++length) {
    CheckHarmless(kWhole.substr(0, length));
  }
}

TEST_CASE("a file with any line taken out or put elsewhere does no harm") {
  pglynx::SeededRandom random(7);
  const std::string bytes = "\n[]{}='\",.#$0aA-_ \t\\\0\xff";
  for (int round = 0; round < 3000; ++round) {
    std::string text = kWhole;
    const uint64_t changes = 1 + random.Next64() % 4;
    for (uint64_t i = 0; i < changes; ++i) {
      const size_t at = random.Next64() % text.size();
      // The secret stays whole, so that a leak of it would be seen.
      if (text.find("hunter2", at < 7 ? 0 : at - 7) <= at) continue;
      switch (random.Next64() % 3) {
        case 0:
          text[at] = bytes[random.Next64() % bytes.size()];
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, bytes[random.Next64() % bytes.size()]);
      }
    }
    CheckHarmless(text);
  }
}
