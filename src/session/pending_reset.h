#pragma once

// A RESET under way: what Postgres took back is the server's default, which is not always what the
// client logged in with. Owner: ClientSession, of which client_resets.cc makes it good.

#include <cstdint>

#include "pglynx/sql/resets.h"

namespace pglynx::session {

// What RESET took back to the server's default, and is to be made good.
struct PendingReset {
  uint32_t replies_left;  // ReadyForQuery up to and including its own
  bool committed;         // a COMMIT was answered behind a part of it
  bool failed;            // then an error took back what came after that
  bool rolled_back;       // a ROLLBACK was answered behind it
  sql::Resets resets;
};

}  // namespace pglynx::session
