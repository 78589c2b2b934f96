#include "pglynx/config/describe.h"

#include <array>

#include <fmt/format.h>

#include "config/names.h"
#include "config/problems.h"
#include "config/units.h"

namespace pglynx::config {

namespace {

std::string Text(bool value) {
  return value ? "true" : "false";
}
std::string Text(uint32_t value) {
  return fmt::format("{}", value);
}
std::string Text(Duration value) {
  return FormatDuration(value);
}

enum class Reload : uint8_t { kApplies, kNeedsRestart };

struct Row {
  std::string_view key;
  std::string (*value)(const Config& config);
  Reload reload = Reload::kApplies;
};

using C = Config;

constexpr Row kRows[] = {
    {"host", [](const C& c) { return Join(c.general.hosts); }, Reload::kNeedsRestart},
    {"port", [](const C& c) { return Text(uint32_t{c.general.port}); }, Reload::kNeedsRestart},
    {"workers", [](const C& c) { return Text(c.general.workers); }, Reload::kNeedsRestart},
    {"max_client_conn", [](const C& c) { return Text(c.general.max_client_conn); }},
    {"max_db_connections", [](const C& c) { return Text(c.general.max_db_connections); }},
    {"max_user_connections", [](const C& c) { return Text(c.general.max_user_connections); }},
    {"max_query_bytes", [](const C& c) { return FormatBytes(c.general.max_query_bytes); }},
    {"max_buffered_bytes", [](const C& c) { return FormatBytes(c.general.max_buffered_bytes); }},
    {"max_client_statements", [](const C& c) { return Text(c.general.max_client_statements); }},
    {"client_login_timeout", [](const C& c) { return Text(c.general.client_login_timeout); }},
    {"connect_timeout", [](const C& c) { return Text(c.general.connect_timeout); }},
    {"query_wait_timeout", [](const C& c) { return Text(c.general.query_wait_timeout); }},
    {"query_wait_notify", [](const C& c) { return Text(c.general.query_wait_notify); }},
    {"client_idle_timeout", [](const C& c) { return Text(c.general.client_idle_timeout); }},
    {"idle_client_in_transaction_timeout",
     [](const C& c) { return Text(c.general.idle_client_in_transaction_timeout); }},
    {"transaction_timeout", [](const C& c) { return Text(c.general.transaction_timeout); }},
    {"query_timeout", [](const C& c) { return Text(c.general.query_timeout); }},
    {"idle_timeout", [](const C& c) { return Text(c.general.idle_timeout); }},
    {"server_lifetime", [](const C& c) { return Text(c.general.server_lifetime); }},
    {"server_round_robin", [](const C& c) { return Text(c.general.server_round_robin); }},
    {"healthcheck_timeout", [](const C& c) { return Text(c.general.healthcheck_timeout); }},
    {"healthcheck_delay", [](const C& c) { return Text(c.general.healthcheck_delay); }},
    {"ban_time", [](const C& c) { return Text(c.general.ban_time); }},
    {"ban_time_max", [](const C& c) { return Text(c.general.ban_time_max); }},
    {"dns_max_ttl", [](const C& c) { return Text(c.general.dns_max_ttl); }},
    {"server_retry_min", [](const C& c) { return Text(c.general.server_retry_min); }},
    {"server_retry_max", [](const C& c) { return Text(c.general.server_retry_max); }},
    {"shutdown_timeout", [](const C& c) { return Text(c.general.shutdown_timeout); }},
    {"tcp_keepalives_idle", [](const C& c) { return Text(c.general.tcp_keepalives_idle); }},
    {"tcp_keepalives_count", [](const C& c) { return Text(c.general.tcp_keepalives_count); }},
    {"tcp_keepalives_interval", [](const C& c) { return Text(c.general.tcp_keepalives_interval); }},
    {"tcp_user_timeout", [](const C& c) { return Text(c.general.tcp_user_timeout); }},
    {"log_level", [](const C& c) { return std::string(Name(c.general.log_level)); }},
    {"log_format", [](const C& c) { return std::string(Name(c.general.log_format)); }},
    {"log_client_connections", [](const C& c) { return Text(c.general.log_client_connections); }},
    {"log_client_disconnections",
     [](const C& c) { return Text(c.general.log_client_disconnections); }},
    {"admin.host", [](const C& c) { return c.admin.host; }, Reload::kNeedsRestart},
    {"admin.port", [](const C& c) { return Text(uint32_t{c.admin.port}); }, Reload::kNeedsRestart},
    {"admin.username", [](const C& c) { return c.admin.username; }},
    {"admin.password", [](const C& c) { return std::string(Masked(c.admin.password)); }},
    {"admin.stats_users", [](const C& c) { return Join(c.admin.stats_users); }},
    {"admin.on_client_port", [](const C& c) { return Text(c.admin.on_client_port); }},
    {"auth.method", [](const C& c) { return std::string(Name(c.auth.method)); }},
};

}  // namespace

std::vector<ConfigRow> Describe(const Config& config) {
  const Config defaults = DefaultConfig(config.pgcat_form);
  std::vector<ConfigRow> rows;
  for (const Row& row : kRows) {
    rows.push_back({std::string(row.key), row.value(config), row.value(defaults),
                    row.reload == Reload::kApplies});
  }
  return rows;
}

Config DefaultConfig(bool pgcat_form) {
  Config config;
  if (!pgcat_form) return config;
  config.pgcat_form = true;
  config.general.port = 5432;
  config.general.connect_timeout = std::chrono::milliseconds(1000);
  config.general.query_wait_timeout = config.general.connect_timeout;
  config.general.server_round_robin = true;
  config.admin.on_client_port = true;
  config.auth.method = AuthMethod::kMd5;
  return config;
}

std::string_view Masked(const Secret& secret) {
  return secret.kind == Secret::Kind::kNone ? "" : "********";
}

std::string_view Name(PoolMode mode) {
  return NameIn(kPoolModes, mode);
}
std::string_view Name(SessionStatePolicy policy) {
  return NameIn(kSessionStatePolicies, policy);
}
std::string_view Name(HiddenStatePolicy policy) {
  return NameIn(kHiddenStatePolicies, policy);
}
std::string_view Name(AuthMethod method) {
  return NameIn(kAuthMethods, method);
}
std::string_view Name(LogLevel level) {
  return NameIn(kLogLevels, level);
}
std::string_view Name(LogFormat format) {
  return NameIn(kLogFormats, format);
}

}  // namespace pglynx::config
