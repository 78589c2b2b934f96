// Goal: the times of health checks, bans and name lookups: defaults, units, bounds, who inherits
// from whom, and that ban_time_max is not less than ban_time. The texts of the errors are in the
// golden file.
#include "config/fake_environment.h"
#include "support/catch.h"

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using pglynx::Duration;
using pglynx::config::Config;
using pglynx::config::ErrorText;
using pglynx::config::General;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::Pool;

namespace {

const std::string kAdmin = "[admin]\npassword = 'p'\n";
const std::string kPgcat = "general.admin_username = 'a'\ngeneral.admin_password = 'p'\n";

std::string FileOf(const std::string& general, const std::string& pool, const std::string& head) {
  return (head == kPgcat ? head + "general." + (general.empty() ? "port = 5432" : general) + "\n"
                         : head + "[general]\n" + general + "\n") +
         "[pools.app]\ndatabase = 'app'\nservers = [['db', 5432]]\n" + pool +
         "\n[pools.app.users.0]\nusername = 'u'\npassword = 'p'\n";
}

Config Loaded(const std::string& general, const std::string& pool,
              const std::string& head = kAdmin) {
  LoadResult loaded = LoadText(FileOf(general, pool, head));
  INFO(general << "|" << pool);
  INFO(ErrorText(loaded));
  REQUIRE(loaded);
  CHECK(loaded->warnings.empty());
  return *loaded;
}

size_t ErrorCount(const std::string& general, const std::string& pool) {
  const LoadResult loaded = LoadText(FileOf(general, pool, kAdmin));
  return loaded ? 0 : loaded.errors().lines.size();
}

struct Key {
  const char* name;
  Duration General::* general;
  Duration Pool::* pool;  // null: general alone has it
  Duration default_value;
  Duration unit;  // of an integer
  Duration min;   // beside zero, where that is allowed
  Duration max;
  bool zero;
};

const Key kKeys[] = {
    {"healthcheck_timeout", &General::healthcheck_timeout, &Pool::healthcheck_timeout, 1s, 1ms, 1ms,
     1h, false},
    {"healthcheck_delay", &General::healthcheck_delay, &Pool::healthcheck_delay, 30s, 1ms, 1ms, 24h,
     true},
    {"ban_time", &General::ban_time, &Pool::ban_time, 60s, 1s, 1ms, 24h, false},
    {"ban_time_max", &General::ban_time_max, &Pool::ban_time_max, 10min, 1s, 1ms, 24h, false},
};

// What the other key needs for each value of one to pass.
std::string With(const Key& key, const std::string& value) {
  const std::string line = std::string(key.name) + " = " + value;
  return std::string(key.name) == "ban_time_max" ? "ban_time = '1ms'\n" + line : line;
}

void CheckTaken(const Key& key, const std::string& value, Duration expected) {
  INFO(key.name << " = " << value);
  const Config in_general = Loaded(With(key, value), "");
  CHECK(in_general.general.*key.general == expected);
  if (key.pool == nullptr) return;
  CHECK(in_general.pools[0].*key.pool == expected);
  const Config in_pool = Loaded("", With(key, value));
  CHECK(in_pool.general.*key.general == key.default_value);
  CHECK(in_pool.pools[0].*key.pool == expected);
}

}  // namespace

TEST_CASE("the times of health have the same defaults in both forms") {
  for (const std::string& head : {kAdmin, kPgcat}) {
    const Config config = Loaded("", "", head);
    CHECK(config.pgcat_form == (head == kPgcat));
    for (const Key& key : kKeys) {
      INFO(key.name);
      CHECK(config.general.*key.general == key.default_value);
      if (key.pool != nullptr) CHECK(config.pools[0].*key.pool == key.default_value);
    }
  }
}

TEST_CASE("the times of health have their units and bounds") {
  for (const Key& key : kKeys) {
    const auto us = [](Duration duration) {
      return "'" + std::to_string(duration.count()) + "us'";
    };
    CheckTaken(key, "1", key.unit);
    CheckTaken(key, "7", 7 * key.unit);
    CheckTaken(key, "'2s'", 2s);
    CheckTaken(key, us(key.min), key.min);
    CheckTaken(key, us(key.max), key.max);
    if (key.zero) CheckTaken(key, "0", 0s);
    const bool from_zero = std::string(key.name) == "healthcheck_delay";
    std::vector<std::string> refused = {
        us(key.max + Duration(1)), "-1", "'5'", "'1 s'", "1.5", "true", "[1]"};
    if (!from_zero) refused.push_back(us(key.min - Duration(1)));
    if (!key.zero) refused.emplace_back("0");
    for (const std::string& value : refused) {
      INFO(key.name << " = " << value);
      const std::string line = std::string(key.name) + " = " + value;
      CHECK(ErrorCount(line, "") == 1);
      if (key.pool != nullptr) CHECK(ErrorCount("", line) == 1);
    }
  }
}

TEST_CASE("PgCat's integers are seconds for bans, milliseconds for health checks") {
  CHECK(Loaded("ban_time = 90", "", kPgcat).pools[0].ban_time == 90s);
  CHECK(Loaded("healthcheck_timeout = 900", "", kPgcat).pools[0].healthcheck_timeout == 900ms);
  CHECK(Loaded("healthcheck_delay = 900", "", kPgcat).pools[0].healthcheck_delay == 900ms);
}

TEST_CASE("a pool's times of health count more than general's, users have none") {
  const Config config = Loaded("ban_time = 5\nhealthcheck_delay = '7s'\nhealthcheck_timeout = 9",
                               "ban_time = 6\nhealthcheck_delay = 0");
  CHECK(config.general.ban_time == 5s);
  CHECK(config.pools[0].ban_time == 6s);
  CHECK(config.pools[0].healthcheck_delay == 0s);
  CHECK(config.pools[0].healthcheck_timeout == 9ms);
  for (const Key& key : kKeys) {
    INFO(key.name);
    const std::string line = std::string(key.name) + " = 7\n";
    CHECK_FALSE(LoadText(FileOf("", "", kAdmin) + line));
  }
}

TEST_CASE("the longest ban is not shorter than the first") {
  const struct {
    const char* general;
    const char* pool;
    size_t errors;
    Duration longest;  // of the pool
  } cases[] = {
      {"", "", 0, 10min},
      {"ban_time = '10m'", "", 0, 10min},
      // Where it was never set it gives way: a pgcat.toml knows ban_time alone.
      {"ban_time = '20m'", "", 0, 20min},
      {"", "ban_time = '20m'", 0, 20min},
      {"ban_time = '20m'", "ban_time = '5s'", 0, 10min},
      {"ban_time = '20m'\nban_time_max = '20m'", "", 0, 20min},
      {"ban_time_max = '5m'", "", 0, 5min},
      {"ban_time_max = '5m'", "ban_time_max = '6m'", 0, 6min},
      {"ban_time_max = '59s'", "", 1, 0s},
      {"ban_time = '20m'\nban_time_max = '19m'", "", 1, 0s},
      {"ban_time_max = '5m'", "ban_time = '6m'", 1, 0s},
      {"", "ban_time_max = '59s'", 1, 0s},
      {"", "ban_time = '2s'\nban_time_max = '1s'", 1, 0s},
      {"ban_time = '20m'", "ban_time_max = '19m'", 1, 0s},
      // No more is said of what was refused itself.
      {"ban_time = true\nban_time_max = '1s'", "", 1, 0s},
      {"ban_time = '20m'\nban_time_max = true", "", 1, 0s},
  };
  for (const auto& c : cases) {
    INFO(c.general << "|" << c.pool);
    CHECK(ErrorCount(c.general, c.pool) == c.errors);
    if (c.errors == 0) CHECK(Loaded(c.general, c.pool).pools[0].ban_time_max == c.longest);
  }
}
