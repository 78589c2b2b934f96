#pragma once

// Appends v3 messages to a byte string ("Message Formats" in the PostgreSQL manual).
// Free functions: the caller owns the string and decides when it is sent. Strings must
// not hold a NUL; callers pass text that came from a NUL-terminated field or our own.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "pglynx/core/error.h"
#include "pglynx/wire/sqlstate.h"

namespace pglynx::wire {

// Bytes of a message's type and length.
inline constexpr size_t kHeaderBytes = 5;

// One message whose length is filled in when it goes out of scope:
//   MessageScope message(out, 'Z');
//   out += 'I';
class MessageScope {
 public:
  MessageScope(std::string& out, char type);
  ~MessageScope();
  MessageScope(const MessageScope&) = delete;
  MessageScope& operator=(const MessageScope&) = delete;

 private:
  std::string& out_;
  size_t length_at_;
};

// Appends `text` and the NUL that ends it.
void AppendCString(std::string& out, std::string_view text);

// What an ErrorResponse or NoticeResponse says. Empty fields are left out.
struct ErrorFields {
  Severity severity = Severity::kError;
  std::string_view sqlstate;
  std::string_view message;
  std::string_view detail;
  std::string_view hint;
  std::string_view routine = "pglynx";  // an application can tell the pooler from the server
};

void AppendErrorResponse(std::string& out, const ErrorFields& fields);
void AppendNoticeResponse(std::string& out, const ErrorFields& fields);
// With the SQLSTATE of the error's code.
void AppendErrorResponse(std::string& out, Severity severity, const Error& error);

void AppendParameterStatus(std::string& out, std::string_view name, std::string_view value);
// `secret`: 4 bytes in protocol 3.0, 4 to 256 in 3.2.
void AppendBackendKeyData(std::string& out, uint32_t pid, std::string_view secret);
// status: 'I' idle, 'T' in a transaction, 'E' in a failed one.
void AppendReadyForQuery(std::string& out, char status);
void AppendCommandComplete(std::string& out, std::string_view tag);

// Frontend messages.
void AppendQuery(std::string& out, std::string_view sql);
// `parameters_tail`: what follows the query in Parse, the count and the type OIDs.
void AppendParse(std::string& out, std::string_view name, std::string_view sql_and_tail);
void AppendClose(std::string& out, char kind, std::string_view name);
void AppendDescribe(std::string& out, char kind, std::string_view name);
// Parse, Bind, Execute and Close of one statement without parameters or rows, under `name` for
// statement and portal, so that the session's unnamed ones stay. No Sync.
void AppendRun(std::string& out, std::string_view name, std::string_view sql);
void AppendSync(std::string& out);

}  // namespace pglynx::wire
