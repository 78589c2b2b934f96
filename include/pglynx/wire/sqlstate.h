#pragma once

// The one table that says what an ErrorCode means to a client: its SQLSTATE, and
// whether the connection survives. Codes follow "PostgreSQL Error Codes" in the
// manual. Classes 08 and 57P make drivers drop the connection and are therefore never used
// for a refusal by a rule or a limit that leaves it usable. One exception: a server that
// cannot be reached, or is not ready, is 08001, though the session lives; a driver that
// reconnects is told the cause at its login.

#include <cstdint>
#include <string_view>

#include "pglynx/core/error.h"

namespace pglynx::wire {

enum class Disposition : uint8_t {
  kReport,      // the client is told, its session goes on
  kEndSession,  // the client is told FATAL and its connection closed
  kDropServer,  // the server connection is closed; the client is told FATAL if it was using it
};

enum class Severity : uint8_t { kNotice, kWarning, kError, kFatal };

struct ErrorMeaning {
  std::string_view sqlstate;  // five characters
  Disposition disposition;
};

// Total: every code has a meaning.
ErrorMeaning MeaningOf(ErrorCode code);

std::string_view SeverityName(Severity severity);

}  // namespace pglynx::wire
