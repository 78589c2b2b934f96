// Goal: the keys of a pool for state in transaction mode: defaults in both forms, every value,
// and which users max_pinned is measured by. Their errors are in the golden file.
#include "config/fake_environment.h"
#include "pglynx/config/load.h"
#include "support/catch.h"

using pglynx::config::Config;
using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::HiddenStatePolicy;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::Pool;
using pglynx::config::SessionStatePolicy;

namespace {

const std::string kAdmin = "[admin]\npassword = 'p'\n";
const std::string kPgcat = "[general]\nadmin_username = 'a'\nadmin_password = 'p'\n";

struct Keys {
  std::string head = kAdmin;
  std::string pool = {};
  std::string user = {};
};

std::string FileOf(const Keys& keys) {
  return keys.head + "[pools.app]\ndatabase = 'app'\nservers = [['db', 5432]]\n" + keys.pool +
         "\n[pools.app.users.0]\nusername = 'app'\npassword = 'p'\n" + keys.user + "\n";
}

Config Loaded(const Keys& keys, const FakeEnvironment& environment = {}) {
  LoadResult loaded = LoadText(FileOf(keys), environment);
  INFO(ErrorText(loaded));
  REQUIRE(loaded);
  return *loaded;
}

Pool PoolOf(const std::string& lines) {
  return Loaded({.pool = lines}).pools[0];
}

}  // namespace

TEST_CASE("state in transaction mode has one set of defaults for both forms") {
  for (const std::string& head : {kAdmin, kPgcat}) {
    const Config config = Loaded({.head = head});
    CHECK(config.pgcat_form == (head == kPgcat));
    const Pool& pool = config.pools[0];
    CHECK(pool.deferred_begin);
    CHECK(pool.on_session_state == SessionStatePolicy::kPin);
    CHECK(pool.on_hidden_state == HiddenStatePolicy::kProbe);
    CHECK(pool.max_pinned == 0);
  }
}

TEST_CASE("each value of the keys for state is taken, and changes that key alone") {
  CHECK(PoolOf("deferred_begin = true") == PoolOf(""));
  CHECK(PoolOf("on_session_state = 'pin'") == PoolOf(""));
  CHECK(PoolOf("on_hidden_state = 'probe'") == PoolOf(""));
  CHECK(PoolOf("max_pinned = 0") == PoolOf(""));
  Pool pool = PoolOf("");
  pool.deferred_begin = false;
  CHECK(PoolOf("deferred_begin = false") == pool);
  pool = PoolOf("");
  pool.on_session_state = SessionStatePolicy::kError;
  CHECK(PoolOf("on_session_state = 'error'") == pool);
  pool.on_session_state = SessionStatePolicy::kWarn;
  CHECK(PoolOf("on_session_state = 'warn'") == pool);
  pool = PoolOf("");
  pool.on_hidden_state = HiddenStatePolicy::kReset;
  CHECK(PoolOf("on_hidden_state = 'reset'") == pool);
  pool.on_hidden_state = HiddenStatePolicy::kTrust;
  CHECK(PoolOf("on_hidden_state = 'trust'") == pool);
  pool = PoolOf("");
  pool.max_pinned = 7;
  CHECK(PoolOf("max_pinned = 7") == pool);
}

TEST_CASE("a pool is not the same with another value of a key for state") {
  for (const char* line : {"deferred_begin = false", "on_session_state = 'warn'",
                           "on_hidden_state = 'trust'", "max_pinned = 1"}) {
    INFO(line);
    CHECK_FALSE(PoolOf(line) == PoolOf(""));
  }
}

TEST_CASE("the keys for state take variables") {
  FakeEnvironment environment;
  environment.variables = {{"BEGIN", "false"}, {"STATE", "warn"}, {"HIDDEN", "reset"}, {"N", "3"}};
  const Config config =
      Loaded({.pool = "deferred_begin = '${BEGIN}'\non_session_state = '${STATE}'\n"
                      "on_hidden_state = '${HIDDEN}'\nmax_pinned = '${N}'"},
             environment);
  CHECK_FALSE(config.pools[0].deferred_begin);
  CHECK(config.pools[0].on_session_state == SessionStatePolicy::kWarn);
  CHECK(config.pools[0].on_hidden_state == HiddenStatePolicy::kReset);
  CHECK(config.pools[0].max_pinned == 3);
}

TEST_CASE("as many clients may be pinned as there are servers, in transaction mode") {
  const std::string another = "[pools.app.users.1]\nusername = 'b'\npassword = 'p'\n";
  const struct {
    std::string pool;
    std::string user;
    bool taken;
  } cases[] = {
      {"max_pinned = 20", "", true},
      {"max_pinned = 21", "", false},
      {"max_pinned = 1", "pool_size = 1", true},
      {"max_pinned = 2", "pool_size = 1", false},
      {"max_pinned = 0", "pool_size = 1", true},
      {"max_pinned = 10000", "pool_size = 10000", true},
      // Servers of the reserve are not meant to stay with anybody.
      {"max_pinned = 21", "reserve_pool_size = 5", false},
      {"max_pinned = 21", "pool_mode = 'session'", true},
      {"pool_mode = 'session'\nmax_pinned = 21", "", true},
      {"pool_mode = 'session'\nmax_pinned = 21", "pool_mode = 'transaction'", false},
      {"max_pinned = 21", "pool_size = 21\n" + another, false},
      {"max_pinned = 21", "pool_size = 21\n" + another + "pool_size = 21", true},
      {"max_pinned = 21", "pool_size = 21\n" + another + "pool_mode = 'session'", true},
  };
  for (const auto& c : cases) {
    INFO(c.pool << "|" << c.user);
    CHECK(LoadText(FileOf({.pool = c.pool, .user = c.user})).has_value() == c.taken);
  }
}

TEST_CASE("in session mode the keys for state are taken and not warned of") {
  const Config config = Loaded({.pool = "pool_mode = 'session'\ndeferred_begin = false\n"
                                        "on_session_state = 'error'\non_hidden_state = 'trust'\n"
                                        "max_pinned = 5"});
  CHECK(config.warnings.empty());
}
