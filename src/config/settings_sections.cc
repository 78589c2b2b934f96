// [general], [admin] and [auth].

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/host_name.h"
#include "config/names.h"
#include "config/secret.h"
#include "config/sections.h"
#include "config/units.h"

namespace pglynx::config {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::string_view kHostForms = "an IPv4 or IPv6 address or a host name";
constexpr TextRange kNameRange{1, 255};
constexpr BytesRange kMessageRange{uint64_t{1} << 10U, uint64_t{1} << 30U};
constexpr BytesRange kBufferedRange{uint64_t{1} << 20U, uint64_t{1} << 40U};
constexpr DurationRange kLookupRange{std::chrono::seconds(1), hours(24), true,
                                     std::chrono::seconds(1)};
constexpr DurationRange kRetryRange{milliseconds(1), hours(1)};
constexpr DurationRange kLoginRange{milliseconds(1), hours(24), true};
constexpr DurationRange kShutdownRange{milliseconds(1), hours(24 * 7)};
constexpr DurationRange kUserTimeoutRange{milliseconds(1), hours(24), true};
constexpr int64_t kKeepaliveSecondsMax = 32767;  // Linux: MAX_TCP_KEEPIDLE, _KEEPINTVL
constexpr int64_t kKeepaliveCountMax = 127;      // Linux: MAX_TCP_KEEPCNT

// `hosts` stays as it is if the key is absent or wrong. The texts are not shown: what
// stands there by mistake may be a URL with a password.
void ReadHosts(KeyReader& reader, KeyReader::Shape shape, std::vector<std::string>& hosts) {
  const auto texts = reader.Texts("host", shape);
  if (!texts) return;
  if (texts->empty() || (texts->size() == 1 && texts->front().text.empty())) {
    reader.AddError("host", fmt::format("key 'host' in {} names no listener; allowed: {}",
                                        reader.where(), kHostForms));
    return;
  }
  std::vector<std::string> parsed;
  for (const PlacedText& text : *texts) {
    if (auto host = ParseHost(text.text)) {
      parsed.push_back(*std::move(host));
    } else {
      reader.context().problems.AddError(
          text.place, fmt::format("key 'host' in {} is not {}", reader.where(), kHostForms));
    }
  }
  if (parsed.size() == texts->size()) hosts = std::move(parsed);
}

void ReadWorkers(KeyReader& reader, uint32_t& workers) {
  const TomlEntry* entry = reader.Find("workers");
  if (entry == nullptr) return;
  if (entry->value.kind == TomlValue::Kind::kInteger && entry->value.integer == 1) {
    workers = 1;
    return;
  }
  reader.AddError("workers",
                  "key 'workers': more than one worker is not available in this version; "
                  "allowed: 1");
}

void ReadTcp(KeyReader& reader, General& general) {
  reader.ReadSeconds("tcp_keepalives_idle", {0, kKeepaliveSecondsMax}, general.tcp_keepalives_idle);
  reader.ReadInteger("tcp_keepalives_count", {1, kKeepaliveCountMax}, general.tcp_keepalives_count);
  reader.ReadSeconds("tcp_keepalives_interval", {1, kKeepaliveSecondsMax},
                     general.tcp_keepalives_interval);
  reader.ReadDuration("tcp_user_timeout", kUserTimeoutRange, general.tcp_user_timeout);
}

void ReadLog(KeyReader& reader, General& general) {
  reader.ReadEnum("log_level", kLogLevels, general.log_level);
  reader.ReadEnum("log_format", kLogFormats, general.log_format);
  reader.ReadBool("log_client_connections", general.log_client_connections);
  reader.ReadBool("log_client_disconnections", general.log_client_disconnections);
}

void ReadRetry(KeyReader& reader, General& general) {
  reader.ReadDuration("server_retry_min", kRetryRange, general.server_retry_min);
  reader.ReadDuration("server_retry_max", kRetryRange, general.server_retry_max);
  if (general.server_retry_min > general.server_retry_max) {
    const bool has_max = reader.Find("server_retry_max") != nullptr;
    reader.AddError(has_max ? "server_retry_max" : "server_retry_min",
                    "key 'server_retry_max' must not be less than 'server_retry_min'");
  }
}

void ReadMemory(KeyReader& reader, General& general) {
  const auto was_refused = [&reader](std::string_view key, BytesRange range, uint64_t& out) {
    return !reader.ReadBytes(key, range, out) && reader.Find(key) != nullptr;
  };
  const bool no_message = was_refused("max_query_bytes", kMessageRange, general.max_query_bytes);
  const bool no_sum = was_refused("max_buffered_bytes", kBufferedRange, general.max_buffered_bytes);
  if (no_message || no_sum || general.max_buffered_bytes >= general.max_query_bytes) return;
  const bool has_sum = reader.Find("max_buffered_bytes") != nullptr;
  reader.AddError(
      has_sum ? "max_buffered_bytes" : "max_query_bytes",
      fmt::format("key 'max_buffered_bytes' is {}, less than 'max_query_bytes', which "
                  "is {}: the longest message would never fit",
                  FormatBytes(general.max_buffered_bytes), FormatBytes(general.max_query_bytes)));
}

// PgCat has the console's user in [general].
void ReadPgcatAdmin(KeyReader& reader, const TomlValue& root, Admin& admin) {
  const TomlEntry* own = root.Find("admin");
  for (const char* key : {"username", "password"}) {
    const std::string old_key = std::string("admin_") + key;
    const TomlEntry* again = own == nullptr ? nullptr : own->value.Find(key);
    if (again != nullptr && reader.Find(old_key) != nullptr) {
      reader.context().problems.AddError(
          again->place, fmt::format("key 'admin.{}' is set twice: as 'admin_{}' at {}", key, key,
                                    reader.context().problems.Where(reader.Find(old_key)->place)));
    }
  }
  reader.ReadText("admin_username", kNameRange, admin.username);
  if (auto secret = ReadInlineSecret(reader, "admin_password")) admin.password = *secret;
}

void ReadGeneral(const TomlValue& root, KeyReader& reader, InheritedTimes& times, Config& config) {
  General& general = config.general;
  ReadHosts(reader, KeyReader::Shape::kOneOrArray, general.hosts);
  reader.ReadPort("port", general.port);
  ReadWorkers(reader, general.workers);
  reader.ReadInteger("max_client_conn", {1, 1'000'000}, general.max_client_conn);
  reader.ReadInteger("max_db_connections", kLimitRange, general.max_db_connections);
  reader.ReadInteger("max_user_connections", kLimitRange, general.max_user_connections);
  ReadMemory(reader, general);
  reader.ReadInteger("max_client_statements", {1, 1'000'000}, general.max_client_statements);
  reader.ReadDuration("client_login_timeout", kLoginRange, general.client_login_timeout);
  ReadTimeouts(reader, times.timeouts);
  reader.ReadBool("server_round_robin", general.server_round_robin);
  ReadHealthTimes(reader, times.health);
  reader.ReadDuration("dns_max_ttl", kLookupRange, general.dns_max_ttl);
  ReadRetry(reader, general);
  reader.ReadDuration("shutdown_timeout", kShutdownRange, general.shutdown_timeout);
  ReadTcp(reader, general);
  ReadLog(reader, general);
  ReadPgcatAdmin(reader, root, config.admin);
}

void ReadAdmin(KeyReader& reader, Admin& admin) {
  std::vector<std::string> hosts = {admin.host};
  ReadHosts(reader, KeyReader::Shape::kOneOrArray, hosts);
  if (hosts.size() > 1) {
    reader.AddError("host", "key 'host' in [admin] may name only one address");
  }
  admin.host = hosts.front();
  reader.ReadPort("port", admin.port);
  reader.ReadText("username", kNameRange, admin.username);
  if (auto secret = ReadSecret(reader, "password"); secret && !secret->text.empty()) {
    admin.password = *secret;
  }
  if (const auto users = reader.Texts("stats_users", KeyReader::Shape::kArray)) {
    for (const PlacedText& user : *users) admin.stats_users.push_back(user.text);
  }
  reader.ReadBool("on_client_port", admin.on_client_port);
}

}  // namespace

bool IsPgcatForm(const TomlValue& root) {
  const TomlEntry* general = root.Find("general");
  return general != nullptr && general->value.Find("admin_username") != nullptr &&
         root.Find("admin") == nullptr;
}

bool IsTable(const TomlEntry& entry, LoadContext& context) {
  if (entry.value.kind == TomlValue::Kind::kTable) return true;
  context.problems.AddError(entry.place, fmt::format("key '{}' needs a table, not {}", entry.key,
                                                     KindName(entry.value.kind)));
  return false;
}

InheritedTimes ReadSettings(const TomlValue& root, LoadContext& context, Config& config) {
  const KeyReader top(root, Section::kTop, "", context);
  InheritedTimes times{DefaultTimeouts(context.pgcat_form), DefaultHealthTimes()};
  if (const TomlEntry* entry = root.Find("general"); entry && IsTable(*entry, context)) {
    KeyReader reader(entry->value, Section::kGeneral, "[general]", context);
    ReadGeneral(root, reader, times, config);
  }
  times.timeouts.CopyTo(config.general);
  times.health.CopyTo(config.general);
  if (const TomlEntry* entry = root.Find("admin"); entry && IsTable(*entry, context)) {
    KeyReader reader(entry->value, Section::kAdmin, "[admin]", context);
    ReadAdmin(reader, config.admin);
  }
  config.admin.enabled = config.admin.password.kind != Secret::Kind::kNone;
  if (const TomlEntry* entry = root.Find("auth"); entry && IsTable(*entry, context)) {
    KeyReader reader(entry->value, Section::kAuth, "[auth]", context);
    reader.ReadEnum("method", kAuthMethods, config.auth.method);
  }
  return times;
}

}  // namespace pglynx::config
