#pragma once

// The timeouts that pools and users may repeat: user over pool over general.

#include <optional>

#include "config/key_reader.h"
#include "pglynx/core/time.h"

namespace pglynx::config {

// What is set on one level or inherited from above. A level starts as a copy of the one
// above it.
struct Timeouts {
  std::optional<Duration> connect;     // nothing = never set
  std::optional<Duration> query_wait;  // nothing = never set
  Duration idle;
  Duration server_lifetime;

  // Our default where it was never set.
  [[nodiscard]] Duration ConnectTimeout() const;
  // What was set; else the connect_timeout that was set, since PgCat's connect_timeout is
  // the wait for a server; else our default.
  [[nodiscard]] Duration QueryWaitTimeout() const;
};

// The level above [general]. PgCat's default of connect_timeout counts as set.
Timeouts DefaultTimeouts(bool pgcat_form);

// Takes over what the table sets.
void ReadTimeouts(KeyReader& reader, Timeouts& timeouts);

}  // namespace pglynx::config
