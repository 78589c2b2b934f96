// Goal: SHOW CONFIG shows every key of [general], [admin] and [auth] once, with its default,
// and no secret.
#include "pglynx/config/describe.h"

#include <set>

#include "config/fake_environment.h"
#include "config/key_rules.h"
#include "support/catch.h"

using pglynx::config::AuthMethod;
using pglynx::config::Config;
using pglynx::config::ConfigRow;
using pglynx::config::DefaultConfig;
using pglynx::config::Describe;
using pglynx::config::HiddenStatePolicy;
using pglynx::config::KeyRule;
using pglynx::config::KeyState;
using pglynx::config::LogFormat;
using pglynx::config::LogLevel;
using pglynx::config::Masked;
using pglynx::config::Name;
using pglynx::config::PoolMode;
using pglynx::config::RulesOf;
using pglynx::config::Secret;
using pglynx::config::Section;
using pglynx::config::SessionStatePolicy;

TEST_CASE("Describe has a row for each key of general, admin and auth") {
  std::set<std::string> expected;
  const auto add = [&expected](Section section, const std::string& prefix) {
    for (const KeyRule& rule : RulesOf(section)) {
      const bool is_alias = rule.name.starts_with("admin_") || rule.name.starts_with("password_");
      if (rule.state == KeyState::kWorks && !is_alias)
        expected.insert(prefix + std::string(rule.name));
    }
  };
  add(Section::kGeneral, "");
  add(Section::kAdmin, "admin.");
  add(Section::kAuth, "auth.");
  std::set<std::string> keys;
  for (const ConfigRow& row : Describe(Config{})) keys.insert(row.key);
  CHECK(keys == expected);
  CHECK(Describe(Config{}).size() == expected.size());
}

TEST_CASE("the defaults of both forms are described as defaults") {
  for (const bool pgcat_form : {false, true}) {
    for (const ConfigRow& row : Describe(DefaultConfig(pgcat_form))) {
      INFO(row.key);
      CHECK(row.value == row.default_value);
    }
  }
}

TEST_CASE("a row has the value as the file would write it") {
  Config config;
  config.general.hosts = {"10.0.0.1", "::1"};
  config.general.max_db_connections = 40;
  config.general.max_user_connections = 30;
  config.general.max_buffered_bytes = uint64_t{1} << 40U;
  config.general.query_wait_notify = {};
  config.general.client_idle_timeout = std::chrono::hours(1);
  config.general.idle_client_in_transaction_timeout = std::chrono::minutes(2);
  config.general.transaction_timeout = std::chrono::hours(24 * 7);
  config.general.query_timeout = std::chrono::milliseconds(1500);
  config.general.idle_timeout = std::chrono::seconds(90);
  config.general.healthcheck_timeout = std::chrono::milliseconds(250);
  config.general.healthcheck_delay = {};
  config.general.ban_time = std::chrono::minutes(5);
  config.general.ban_time_max = std::chrono::hours(2);
  config.general.dns_max_ttl = {};
  config.admin.password = {Secret::Kind::kPlain, "hunter2"};
  std::vector<ConfigRow> rows;
  for (const ConfigRow& row : Describe(config)) {
    if (row.value != row.default_value) rows.push_back(row);
  }
  CHECK(rows == std::vector<ConfigRow>{{"host", "10.0.0.1, ::1", "0.0.0.0", false},
                                       {"max_db_connections", "40", "0", true},
                                       {"max_user_connections", "30", "0", true},
                                       {"max_buffered_bytes", "1024GiB", "256MiB", true},
                                       {"query_wait_notify", "0", "5s", true},
                                       {"client_idle_timeout", "1h", "0", true},
                                       {"idle_client_in_transaction_timeout", "2m", "0", true},
                                       {"transaction_timeout", "7d", "0", true},
                                       {"query_timeout", "1500ms", "0", true},
                                       {"idle_timeout", "90s", "10m", true},
                                       {"healthcheck_timeout", "250ms", "1s", true},
                                       {"healthcheck_delay", "0", "30s", true},
                                       {"ban_time", "5m", "1m", true},
                                       {"ban_time_max", "2h", "10m", true},
                                       {"dns_max_ttl", "0", "30s", true},
                                       {"admin.password", "********", "", true}});
}

TEST_CASE("a restart is needed for listeners and workers alone") {
  std::set<std::string> keys;
  for (const ConfigRow& row : Describe(Config{})) {
    if (!row.changeable) keys.insert(row.key);
  }
  CHECK(keys == std::set<std::string>{"host", "port", "workers", "admin.host", "admin.port"});
}

TEST_CASE("Masked tells whether there is a secret and no more") {
  CHECK(Masked({}).empty());
  CHECK(Masked({Secret::Kind::kPlain, "a"}) == Masked({Secret::Kind::kScram, "bcdefg"}));
}

TEST_CASE("enumerators have the names of the file") {
  CHECK(Name(PoolMode::kSession) == "session");
  CHECK(Name(PoolMode::kTransaction) == "transaction");
  CHECK(Name(SessionStatePolicy::kPin) == "pin");
  CHECK(Name(SessionStatePolicy::kError) == "error");
  CHECK(Name(SessionStatePolicy::kWarn) == "warn");
  CHECK(Name(HiddenStatePolicy::kProbe) == "probe");
  CHECK(Name(HiddenStatePolicy::kReset) == "reset");
  CHECK(Name(HiddenStatePolicy::kTrust) == "trust");
  CHECK(Name(AuthMethod::kScramSha256) == "scram-sha-256");
  CHECK(Name(AuthMethod::kMd5) == "md5");
  CHECK(Name(AuthMethod::kTrust) == "trust");
  CHECK(Name(LogLevel::kError) == "error");
  CHECK(Name(LogLevel::kDebug) == "debug");
  CHECK(Name(LogFormat::kText) == "text");
  CHECK(Name(LogFormat::kLogfmt) == "logfmt");
}
