#include "config/timeouts.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/units.h"
#include "pglynx/config/describe.h"

namespace pglynx::config {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Duration kShortest = milliseconds(1);
constexpr DurationRange kConnectRange{kShortest, hours(1)};
constexpr DurationRange kWaitRange{kShortest, hours(24), true};
constexpr DurationRange kProbeRange{kShortest, hours(1)};
constexpr DurationRange kProbeDelayRange{Duration::zero(), hours(24)};  // 0 = before each reuse
constexpr DurationRange kBanRange{kShortest, hours(24), false, std::chrono::seconds(1)};
constexpr DurationRange kLifetimeRange{kShortest, hours(24 * 365), true};

void ReadOptional(KeyReader& reader, std::string_view key, const DurationRange& range,
                  std::optional<Duration>& out) {
  Duration value{};
  if (reader.ReadDuration(key, range, value)) out = value;
}

}  // namespace

Duration Timeouts::ConnectTimeout() const {
  return connect.value_or(General{}.connect_timeout);
}

Duration Timeouts::QueryWaitTimeout() const {
  if (query_wait) return *query_wait;
  return connect.value_or(General{}.query_wait_timeout);
}

Duration HealthTimes::BanTimeMax() const {
  return ban_time_max.value_or(std::max(General{}.ban_time_max, ban_time));
}

Timeouts DefaultTimeouts(bool pgcat_form) {
  const General defaults = DefaultConfig(pgcat_form).general;
  Timeouts timeouts{.connect = {},
                    .query_wait = {},
                    .query_wait_notify = defaults.query_wait_notify,
                    .client_idle = defaults.client_idle_timeout,
                    .idle_client_in_transaction = defaults.idle_client_in_transaction_timeout,
                    .transaction = defaults.transaction_timeout,
                    .query = defaults.query_timeout,
                    .idle = defaults.idle_timeout,
                    .server_lifetime = defaults.server_lifetime};
  if (pgcat_form) timeouts.connect = defaults.connect_timeout;
  return timeouts;
}

void ReadTimeouts(KeyReader& reader, Timeouts& timeouts) {
  ReadOptional(reader, "connect_timeout", kConnectRange, timeouts.connect);
  ReadOptional(reader, "query_wait_timeout", kWaitRange, timeouts.query_wait);
  reader.ReadDuration("query_wait_notify", kWaitRange, timeouts.query_wait_notify);
  reader.ReadDuration("client_idle_timeout", kClientTimeoutRange, timeouts.client_idle);
  reader.ReadDuration("idle_client_in_transaction_timeout", kClientTimeoutRange,
                      timeouts.idle_client_in_transaction);
  reader.ReadDuration("transaction_timeout", kClientTimeoutRange, timeouts.transaction);
  reader.ReadDuration("query_timeout", kClientTimeoutRange, timeouts.query);
  reader.ReadDuration("idle_timeout", kLifetimeRange, timeouts.idle);
  reader.ReadDuration("server_lifetime", kLifetimeRange, timeouts.server_lifetime);
}

HealthTimes DefaultHealthTimes() {
  const General defaults;
  return {.healthcheck_timeout = defaults.healthcheck_timeout,
          .healthcheck_delay = defaults.healthcheck_delay,
          .ban_time = defaults.ban_time,
          .ban_time_max = {}};
}

void ReadHealthTimes(KeyReader& reader, HealthTimes& health) {
  reader.ReadDuration("healthcheck_timeout", kProbeRange, health.healthcheck_timeout);
  reader.ReadDuration("healthcheck_delay", kProbeDelayRange, health.healthcheck_delay);
  const bool has_time = reader.ReadDuration("ban_time", kBanRange, health.ban_time);
  Duration longest{};
  const bool has_max = reader.ReadDuration("ban_time_max", kBanRange, longest);
  if (has_max) health.ban_time_max = longest;
  const bool was_refused = (!has_time && reader.Find("ban_time") != nullptr) ||
                           (!has_max && reader.Find("ban_time_max") != nullptr);
  const bool is_set = has_time || has_max;  // else the table above was told what is wrong
  if (was_refused || !is_set || health.ban_time <= health.BanTimeMax()) return;
  reader.AddError(
      has_max ? "ban_time_max" : "ban_time",
      fmt::format("key 'ban_time_max' is {}, less than 'ban_time', which is {}",
                  FormatDuration(health.BanTimeMax()), FormatDuration(health.ban_time)));
}

}  // namespace pglynx::config
