#pragma once

// What the parts of the console have in common: messages without a body, and the end of a
// connection that breaks the protocol.

#include <string>
#include <string_view>

#include "pglynx/admin/console.h"
#include "pglynx/core/error.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {

inline void AppendEmptyMessage(std::string& out, char type) {
  const wire::MessageScope scope(out, type);
}

inline Next Fatal(std::string& out, std::string_view what) {
  wire::AppendErrorResponse(out, wire::Severity::kFatal,
                            Error{ErrorCode::kProtocolViolation, std::string(what)});
  return Next::kClose;
}

// `type`: of the message that is not laid out as it should be.
inline Next Malformed(std::string& out, char type) {
  return Fatal(out, std::string("invalid message format: type '") + type + "'");
}

}  // namespace pglynx::admin
