#pragma once

// The gathered writes of a loop, shared by its sessions: one event is handled at a time.

#include "session/write_batch.h"

namespace pglynx::session {

struct RelayScratch {
  WriteBatch to_server;
  WriteBatch to_client;
};

}  // namespace pglynx::session
