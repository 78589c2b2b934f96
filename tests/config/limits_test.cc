// Goal: the keys that limit connections, clients, memory and time: default, value, both ends
// of what is allowed and the first value beyond them, wrong types, who inherits from whom,
// and the checks of one key against another. Tables, then every combination of levels.
#include <functional>

#include "config/fake_environment.h"
#include "pglynx/config/load.h"
#include "pglynx/core/time.h"
#include "support/catch.h"

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;
using pglynx::Duration;
using pglynx::config::Config;
using pglynx::config::ErrorText;
using pglynx::config::General;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::PoolUser;

namespace {

// Keys for each table of a file with one pool and one user.
struct Lines {
  std::string general = {};
  std::string pool = {};
  std::string server = {};  // ", key = value"
  std::string user = {};
};

std::string FileOf(const Lines& lines) {
  return "[general]\n" + lines.general + "\n[pools.app]\ndatabase = 'app'\n" + lines.pool +
         "\nservers = [{ host = 'db'" + lines.server +
         " }]\n[[pools.app.users]]\nusername = 'app'\npassword = 'hunter2'\n" + lines.user + "\n";
}

Config Loaded(const Lines& lines) {
  LoadResult loaded = LoadText(FileOf(lines));
  INFO(ErrorText(loaded));
  REQUIRE(loaded);
  return *loaded;
}

// The warnings but that of a console without a password.
std::vector<std::string> Warnings(const Config& config) {
  std::vector<std::string> warnings = config.warnings;
  std::erase_if(warnings, [](const std::string& line) {
    return line.find("console is disabled") != std::string::npos;
  });
  return warnings;
}

const PoolUser& UserOf(const Config& config) {
  return config.pools[0].users[0];
}

struct Key {
  enum class Table : uint8_t { kGeneral, kPool, kServer, kUser };
  Table table;
  std::string name;
  std::function<int64_t(const Config&)> value;  // durations in us
  int64_t default_value;
  int64_t min;  // beside 0, which stands for "none" or "off"
  int64_t max;
  std::string allowed;
};

// A key's line, with what else the file needs for every value to pass.
Lines LinesOf(const Key& key, const std::string& text) {
  const std::string line = key.name + " = " + text;
  switch (key.table) {
    case Key::Table::kGeneral:
      return {.general = line + "\nmax_query_bytes = '1KiB'"};
    case Key::Table::kPool:
      return {.pool = line, .user = "pool_size = 10000"};
    case Key::Table::kServer:
      return {.server = ", " + line};
    case Key::Table::kUser:
      return {.user = line + "\npool_size = 10000"};
  }
  return {};
}

constexpr auto kInGeneral = Key::Table::kGeneral;
constexpr auto kInPool = Key::Table::kPool;
constexpr auto kInServer = Key::Table::kServer;
constexpr auto kInUser = Key::Table::kUser;

std::vector<Key> Counts() {
  const std::string limit = "0 to 1000000";
  const std::string size = "0 to 10000";
  using C = Config;
  return {
      {kInGeneral, "max_db_connections", [](const C& c) { return c.general.max_db_connections; }, 0,
       0, 1'000'000, limit},
      {kInGeneral, "max_user_connections",
       [](const C& c) { return c.general.max_user_connections; }, 0, 0, 1'000'000, limit},
      {kInPool, "max_client_conn", [](const C& c) { return c.pools[0].max_client_conn; }, 0, 0,
       1'000'000, limit},
      {kInPool, "max_db_connections", [](const C& c) { return c.pools[0].max_db_connections; }, 0,
       0, 1'000'000, limit},
      {kInPool, "max_pinned", [](const C& c) { return c.pools[0].max_pinned; }, 0, 0, 10000, size},
      {kInServer, "max_connections",
       [](const C& c) { return c.pools[0].shards[0].servers[0].max_connections; }, 0, 0, 1'000'000,
       limit},
      {kInUser, "max_client_conn", [](const C& c) { return UserOf(c).max_client_conn; }, 0, 0,
       1'000'000, limit},
      {kInUser, "min_pool_size", [](const C& c) { return UserOf(c).min_pool_size; }, 0, 0, 10000,
       size},
      {kInUser, "reserve_pool_size", [](const C& c) { return UserOf(c).reserve_pool_size; }, 0, 0,
       10000, size},
  };
}

// A timeout that general, pools and users have.
struct Inherited {
  const char* name;
  Duration General::* general;
  Duration PoolUser::* user;
  Duration default_value;
  Duration max;
};

const Inherited kInherited[] = {
    {"query_wait_notify", &General::query_wait_notify, &PoolUser::query_wait_notify, 5s, 24h},
    {"client_idle_timeout", &General::client_idle_timeout, &PoolUser::client_idle_timeout, 0s,
     168h},
    {"idle_client_in_transaction_timeout", &General::idle_client_in_transaction_timeout,
     &PoolUser::idle_client_in_transaction_timeout, 0s, 168h},
    {"transaction_timeout", &General::transaction_timeout, &PoolUser::transaction_timeout, 0s,
     168h},
    {"query_timeout", &General::query_timeout, &PoolUser::query_timeout, 0s, 168h},
};

std::vector<Key> Durations() {
  const std::string week = "0 (off), 1ms to 7d";
  const std::string day = "0 (off), 1ms to 1d";
  const int64_t week_us = Duration(168h).count();
  const int64_t day_us = Duration(24h).count();
  std::vector<Key> keys = {
      {kInUser, "statement_timeout",
       [](const Config& c) { return UserOf(c).statement_timeout.count(); }, 0, 1000, week_us, week},
      {kInUser, "reserve_pool_timeout",
       [](const Config& c) { return UserOf(c).reserve_pool_timeout.count(); }, Duration(5s).count(),
       1000, day_us, day},
  };
  for (const Inherited& timeout : kInherited) {
    const auto of_general = [&timeout](const Config& c) {
      return (c.general.*timeout.general).count();
    };
    const auto of_user = [&timeout](const Config& c) { return (UserOf(c).*timeout.user).count(); };
    const int64_t default_us = timeout.default_value.count();
    const std::string& allowed = timeout.max == Duration(168h) ? week : day;
    keys.push_back(
        {kInGeneral, timeout.name, of_general, default_us, 1000, timeout.max.count(), allowed});
    for (const Key::Table table : {kInPool, kInUser}) {
      keys.push_back(
          {table, timeout.name, of_user, default_us, 1000, timeout.max.count(), allowed});
    }
  }
  return keys;
}

void CheckTaken(const Key& key, const std::string& text, int64_t value) {
  INFO(key.name << " = " << text);
  CHECK(key.value(Loaded(LinesOf(key, text))) == value);
}

// The only error of the file, which stands in one line.
void CheckRefused(const Key& key, const std::string& text, const std::string& error) {
  INFO(key.name << " = " << text);
  const std::string errors = ErrorText(LoadText(FileOf(LinesOf(key, text))));
  INFO(errors);
  CHECK(errors.ends_with(": key '" + key.name + "' " + error + "\n"));
  CHECK(errors.find('\n') == errors.size() - 1);
}

std::string Quote(const std::string& text) {
  return "'" + text + "'";
}

}  // namespace

TEST_CASE("a limit has its default, every value within its bounds and none beyond") {
  for (const Key& key : Counts()) {
    INFO(key.name);
    CHECK(key.value(Loaded({})) == key.default_value);
    for (const int64_t value : {key.min, key.min + 1, key.max - 1, key.max}) {
      CheckTaken(key, std::to_string(value), value);
    }
    for (const int64_t value : {key.min - 1, key.max + 1}) {
      CheckRefused(key, std::to_string(value),
                   "is " + std::to_string(value) + "; allowed: " + key.allowed);
    }
    const std::string needed = "needs an integer from 0 to " + std::to_string(key.max) + ", not a";
    CheckRefused(key, "'5'", needed + " string");
    CheckRefused(key, "5.0", needed + " number with a fraction");
    CheckRefused(key, "true", needed + " boolean");
    CheckRefused(key, "[5]", needed + "n array");
  }
}

TEST_CASE("a timeout has its default, every value within its bounds, 0, and none beyond") {
  for (const Key& key : Durations()) {
    INFO(key.name);
    CHECK(key.value(Loaded({})) == key.default_value);
    CheckTaken(key, "0", 0);
    CheckTaken(key, "'0s'", 0);
    CheckTaken(key, "1", 1000);
    CheckTaken(key, "1500", 1'500'000);
    CheckTaken(key, "'1ms'", 1000);
    CheckTaken(key, "'30s'", 30'000'000);
    CheckTaken(key, Quote(std::to_string(key.max) + "us"), key.max);
    CheckTaken(key, std::to_string(key.max / 1000), key.max);
    for (const std::string& us : {std::string("999us"), std::to_string(key.max + 1) + "us"}) {
      CheckRefused(key, Quote(us), "is \"" + us + "\"; allowed: " + key.allowed);
    }
    CheckRefused(key, "-1", "is -1; allowed: " + key.allowed);
    CheckRefused(key, "'5'", "is \"5\"; allowed: digits and one of the units us, ms, s, m, h, d");
    const std::string needed = "needs a duration such as \"5s\" or an integer in ms, not a";
    CheckRefused(key, "5.0", needed + " number with a fraction");
    CheckRefused(key, "true", needed + " boolean");
    CheckRefused(key, "[5]", needed + "n array");
  }
}

TEST_CASE("max_buffered_bytes has its default and its bounds") {
  const auto bytes = [](const Config& c) {
    return static_cast<int64_t>(c.general.max_buffered_bytes);
  };
  const Key key{kInGeneral, "max_buffered_bytes", bytes, 256 << 20, 0, 0, "1MiB to 1024GiB"};
  CHECK(bytes(Loaded({})) == key.default_value);
  CheckTaken(key, "1048576", 1 << 20);
  CheckTaken(key, "'1MiB'", 1 << 20);
  CheckTaken(key, "'1024GiB'", int64_t{1} << 40);
  CheckRefused(key, "1048575", "is 1048575; allowed: " + key.allowed);
  CheckRefused(key, "1099511627777", "is 1099511627777; allowed: " + key.allowed);
  CheckRefused(key, "-1", "is -1; allowed: " + key.allowed);
  CheckRefused(key, "'1025GiB'", "is \"1025GiB\"; allowed: " + key.allowed);
  CheckRefused(key, "true", "needs a size such as \"64KiB\" or an integer in bytes, not a boolean");
}

TEST_CASE("the longest message has to fit into max_buffered_bytes") {
  for (const char* general : {"max_query_bytes = '256MiB'", "max_buffered_bytes = '64MiB'",
                              "max_query_bytes = '1GiB'\nmax_buffered_bytes = '1GiB'"}) {
    INFO(general);
    const Config config = Loaded({.general = general});
    CHECK(config.general.max_buffered_bytes == config.general.max_query_bytes);
  }
}

TEST_CASE("a client's timeout is the user's, else the pool's, else general's") {
  constexpr Duration kLevels[] = {11s, 12s, 13s};
  for (const Inherited& timeout : kInherited) {
    for (unsigned set = 0; set < 8; ++set) {
      for (const bool nearest_is_off : {false, true}) {
        Duration expected = timeout.default_value;
        std::string lines[3];
        for (size_t level = 0; level < 3; ++level) {
          if ((set >> level & 1U) == 0) continue;
          const bool is_nearest = set >> (level + 1) == 0;
          expected = is_nearest && nearest_is_off ? Duration::zero() : kLevels[level];
          lines[level] = std::string(timeout.name) + " = " + std::to_string(expected / 1ms);
        }
        INFO(lines[0] << "|" << lines[1] << "|" << lines[2]);
        const Config config = Loaded({.general = lines[0], .pool = lines[1], .user = lines[2]});
        CHECK(UserOf(config).*timeout.user == expected);
        const bool general_is_nearest = set == 1;
        const Duration general = (set & 1U) == 0                        ? timeout.default_value
                                 : general_is_nearest && nearest_is_off ? Duration::zero()
                                                                        : kLevels[0];
        CHECK(config.general.*timeout.general == general);
      }
    }
  }
}

TEST_CASE("a user's timeout is not that of its neighbour") {
  const Config config =
      Loaded({.pool = "query_timeout = 1000",
              .user = "query_timeout = 2000\n[[pools.app.users]]\nusername = 'b'\npassword = 'p'"});
  CHECK(config.pools[0].users[0].query_timeout == 2s);
  CHECK(config.pools[0].users[1].query_timeout == 1s);
}

TEST_CASE("max_db_connections is the pool's, else general's") {
  const struct {
    Lines lines;
    uint32_t general;
    uint32_t pool;
  } cases[] = {
      {{}, 0, 0},
      {{.general = "max_db_connections = 40"}, 40, 40},
      {{.pool = "max_db_connections = 50"}, 0, 50},
      {{.general = "max_db_connections = 40", .pool = "max_db_connections = 50"}, 40, 50},
      {{.general = "max_db_connections = 40", .pool = "max_db_connections = 0"}, 40, 0},
  };
  for (const auto& c : cases) {
    INFO(c.lines.general << "|" << c.lines.pool);
    const Config config = Loaded(c.lines);
    CHECK(config.general.max_db_connections == c.general);
    CHECK(config.pools[0].max_db_connections == c.pool);
  }
}

TEST_CASE("max_client_conn of general, of a pool and of a user are three limits") {
  const Config config = Loaded({.general = "max_client_conn = 30",
                                .pool = "max_client_conn = 20",
                                .user = "max_client_conn = 10"});
  CHECK(config.general.max_client_conn == 30);
  CHECK(config.pools[0].max_client_conn == 20);
  CHECK(UserOf(config).max_client_conn == 10);
}

TEST_CASE("servers can be kept open with a secret that needs no client") {
  const std::string key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
  const std::string verifier = "'SCRAM-SHA-256$4096:c2FsdA==$" + key + ":" + key + "'";
  const std::string head = "[pools.app]\ndatabase = 'app'\nservers = [{ host = 'db' }]\n";
  const struct {
    std::string user;
    bool taken;
  } cases[] = {
      {"password = 'p'\nmin_pool_size = 20", true},
      {"password = " + verifier, true},
      {"password = " + verifier + "\nmin_pool_size = 0", true},
      {"password = " + verifier + "\nmin_pool_size = 1", false},
      {"password = " + verifier + "\nserver_password = ''\nmin_pool_size = 1", false},
      {"password = " + verifier + "\nserver_password = 's'\nmin_pool_size = 1", true},
  };
  for (const auto& c : cases) {
    INFO(c.user);
    const LoadResult loaded =
        LoadText(head + "[[pools.app.users]]\nusername = 'app'\n" + c.user + "\n");
    CHECK(loaded.has_value() == c.taken);
  }
}

TEST_CASE("a pool_size above a limit on connections is warned of") {
  const std::string size = "key 'pool_size' in [pools.app.users.0] is ";
  const struct {
    Lines lines;
    std::vector<std::string> warnings;
  } cases[] = {
      {{.general = "max_db_connections = 20\nmax_user_connections = 20",
        .server = ", max_connections = 20"},
       {}},
      {{.server = ", max_connections = 19"},
       {"t.toml:7:1: " + size +
        "20, more than 'max_connections', which is 19: the lower one "
        "holds"}},
      // Of several servers, the lowest limit.
      {{.server = " }, { host = 'db3', max_connections = 7 }, { host = 'db2', max_connections = 9"},
       {"t.toml:7:1: " + size +
        "20, more than 'max_connections', which is 7: the lower one "
        "holds"}},
      {{.pool = "max_db_connections = 4", .user = "pool_size = 5"},
       {"t.toml:10:13: " + size +
        "5, more than 'max_db_connections', which is 4: the lower one "
        "holds"}},
      {{.general = "max_db_connections = 4", .user = "pool_size = 5"},
       {"t.toml:10:13: " + size +
        "5, more than 'max_db_connections', which is 4: the lower one "
        "holds"}},
      {{.general = "max_db_connections = 4", .pool = "max_db_connections = 0"}, {}},
      {{.general = "max_user_connections = 7\nmax_db_connections = 8",
        .server = ", max_connections = 9",
        .user = "pool_size = 9"},
       {"t.toml:11:13: " + size +
            "9, more than 'max_db_connections', which is 8: the lower one "
            "holds",
        "t.toml:11:13: " + size +
            "9, more than 'max_user_connections', which is 7: the lower "
            "one holds"}},
  };
  for (const auto& c : cases) {
    INFO(c.lines.general << "|" << c.lines.pool << "|" << c.lines.server << "|" << c.lines.user);
    CHECK(Warnings(Loaded(c.lines)) == c.warnings);
  }
}

TEST_CASE("pools and shards with the same server agree on its max_connections or leave it out") {
  const auto pool = [](const std::string& name, const std::string& server) {
    return "[pools." + name + "]\ndatabase = 'd'\nservers = [{ " + server +
           " }]\nusers.0 = { username = 'a', password = 'p', pool_size = 1 }\n";
  };
  const struct {
    const char* a;
    const char* b;
    bool taken;
  } cases[] = {
      {"host = 'db', max_connections = 10", "host = 'db', max_connections = 10", true},
      {"host = 'db', max_connections = 10", "host = 'db', max_connections = 0", true},
      {"host = 'db'", "host = 'db', max_connections = 10", true},
      {"host = 'db', max_connections = 10", "host = 'db2', max_connections = 11", true},
      {"host = 'db', max_connections = 10", "host = 'db', port = 5433, max_connections = 11", true},
      {"host = 'db', max_connections = 10", "host = 'db', port = 5432, max_connections = 11",
       false},
      {"host = '::1', max_connections = 10", "host = '[::1]', max_connections = 11", false},
      {"host = 'x' }, { host = 'db', max_connections = 10",
       "host = 'y' }, { host = 'db', max_connections = 11", false},
  };
  for (const auto& c : cases) {
    INFO(c.a << "|" << c.b);
    CHECK(LoadText(pool("a", c.a) + pool("b", c.b)).has_value() == c.taken);
    const std::string shards =
        "[pools.app]\nusers.0 = { username = 'a', password = 'p', pool_size = 1 }\n"
        "[[pools.app.shards]]\ndatabase = 'd0'\nservers = [{ " +
        std::string(c.a) + " }]\n[[pools.app.shards]]\ndatabase = 'd1'\nservers = [{ " + c.b +
        " }]\n";
    CHECK(LoadText(shards).has_value() == c.taken);
  }
}

TEST_CASE("PgCat's timeouts are milliseconds and work") {
  const LoadResult loaded = LoadText(
      "[general]\nadmin_username = 'a'\nadmin_password = 'p'\n"
      "idle_client_in_transaction_timeout = 60000\n[pools.app]\n[pools.app.shards.0]\n"
      "database = 'd'\nservers = [['h', 5432, 'primary']]\n[pools.app.users.0]\nusername = 'u'\n"
      "password = 'p'\npool_size = 5\nmin_pool_size = 3\nstatement_timeout = 30000\n");
  REQUIRE(ErrorText(loaded).empty());
  CHECK(loaded->pgcat_form);
  CHECK(loaded->general.idle_client_in_transaction_timeout == 60s);
  CHECK(UserOf(*loaded).idle_client_in_transaction_timeout == 60s);
  CHECK(UserOf(*loaded).statement_timeout == 30s);
  CHECK(UserOf(*loaded).query_timeout == 0s);
  CHECK(UserOf(*loaded).query_wait_notify == 5s);
  CHECK(UserOf(*loaded).min_pool_size == 3);
  CHECK(loaded->warnings.empty());
}
