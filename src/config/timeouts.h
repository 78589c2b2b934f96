#pragma once

// The times that are inherited: timeouts, user over pool over general, and those of the health of
// servers, pool over general.

#include <chrono>
#include <optional>

#include "config/key_reader.h"
#include "pglynx/core/time.h"

namespace pglynx::config {

// What is set on one level or inherited from above. A level starts as a copy of the one
// above it.
struct Timeouts {
  std::optional<Duration> connect;     // nothing = never set
  std::optional<Duration> query_wait;  // nothing = never set
  Duration query_wait_notify;
  Duration client_idle;
  Duration idle_client_in_transaction;
  Duration transaction;
  Duration query;
  Duration idle;
  Duration server_lifetime;

  // Our default where it was never set.
  [[nodiscard]] Duration ConnectTimeout() const;
  // What was set; else the connect_timeout that was set, since PgCat's connect_timeout is
  // the wait for a server; else our default.
  [[nodiscard]] Duration QueryWaitTimeout() const;
  // Sets the fields of a General or a PoolUser that have the names of the keys.
  template <typename T>
  void CopyTo(T& out) const {
    out.connect_timeout = ConnectTimeout();
    out.query_wait_timeout = QueryWaitTimeout();
    out.query_wait_notify = query_wait_notify;
    out.client_idle_timeout = client_idle;
    out.idle_client_in_transaction_timeout = idle_client_in_transaction;
    out.transaction_timeout = transaction;
    out.query_timeout = query;
    out.idle_timeout = idle;
    out.server_lifetime = server_lifetime;
  }
};

// As Timeouts, for a General or a Pool.
struct HealthTimes {
  Duration healthcheck_timeout;
  Duration healthcheck_delay;
  Duration ban_time;
  std::optional<Duration> ban_time_max;  // nothing = never set

  // What was set; else our default, or ban_time if that is longer.
  [[nodiscard]] Duration BanTimeMax() const;
  template <typename T>
  void CopyTo(T& out) const {
    out.healthcheck_timeout = healthcheck_timeout;
    out.healthcheck_delay = healthcheck_delay;
    out.ban_time = ban_time;
    out.ban_time_max = BanTimeMax();
  }
};

// What pools inherit.
struct InheritedTimes {
  Timeouts timeouts;
  HealthTimes health;
};

// 0 = off, else 1 ms to 7 days: of a client, a transaction or a query.
inline constexpr DurationRange kClientTimeoutRange{std::chrono::milliseconds(1),
                                                   std::chrono::hours(24 * 7), true};

// The level above [general]. PgCat's default of connect_timeout counts as set.
Timeouts DefaultTimeouts(bool pgcat_form);

HealthTimes DefaultHealthTimes();

// Take over what the table sets.
void ReadTimeouts(KeyReader& reader, Timeouts& timeouts);
void ReadHealthTimes(KeyReader& reader, HealthTimes& health);

}  // namespace pglynx::config
