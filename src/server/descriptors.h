#pragma once

// Open files: each client and each server connection is one. Checked at start and at a reload,
// so that a limit that is too low is a line in the log and a refusal of clients, not a pooler
// that can reach no server.

#include <cstdint>

#include "pglynx/config/config.h"

namespace pglynx::server {

struct DescriptorPlan {
  uint64_t limit = 0;         // files that the process may have open
  uint64_t needed = 0;        // by the configuration
  uint32_t clients = 0;       // that are taken, at most max_client_conn; at least 1
  uint32_t logins_spare = 0;  // connections that may be logging in beside them
};

// Pure. Servers come first: without them no client can be served.
DescriptorPlan PlanDescriptors(const config::Config& config, uint64_t limit);

// Raises the soft limit to the hard one and returns it.
uint64_t RaiseDescriptorLimit();

}  // namespace pglynx::server
