#pragma once

// The one error type of the program. A value: copies freely, owns its text.
//
// `ErrorCode` says what failed in the program's own terms; the table in
// `wire/sqlstate.h` gives each code its SQLSTATE, severity and disposition.
// `detail` is one line for a person: what failed, on what (host, port, pool),
// why, and the limit or the allowed values. Never a secret, never a newline.

#include <cstdint>
#include <string>
#include <utility>

namespace pglynx {

enum class ErrorCode : uint8_t {
  kProtocolViolation,         // the peer broke the v3 protocol
  kInvalidPassword,           // wrong password or unknown user: indistinguishable on purpose
  kInvalidAuthorization,      // login refused for another reason than the password
  kUnknownDatabase,           // no pool of that name, told only after a correct login
  kTooManyConnections,        // a limit on clients or servers is reached
  kConfigurationLimit,        // another configured limit is reached
  kOutOfMemory,               // the bound on buffered bytes is reached
  kProgramLimit,              // a message is longer than may be held
  kQueryCanceled,             // cancel request or statement timeout
  kQueryWaitTimeout,          // no server within query_wait_timeout
  kAdminShutdown,             // shutdown, removed pool, KILL
  kCannotConnectNow,          // starting, draining, paused
  kIdleSessionTimeout,        // client idle, or its login not finished, for too long
  kIdleInTransactionTimeout,  // a client idle inside a transaction for too long
  kTransactionTimeout,        // a transaction that takes too long
  kServerNotReady,            // a server that starts or recovers: it said 57P03
  kServerFull,                // a server that has no connection left: it said 53300
  kServerLost,                // a server connection broke while it was in use
  kServerUnreachable,         // no server connection could be made
  kServerProtocolViolation,   // a server sent what the protocol forbids
  kFeatureNotSupported,       // valid, but not offered here
  kInvalidParameterValue,     // a value that is refused
  kUndefinedObject,           // an unknown parameter
  kInvalidStatementName,      // unknown prepared statement
  kDuplicateStatement,        // prepared statement name already in use
  kNotInPrerequisiteState,    // e.g. currval before nextval in this session
  kActiveTransaction,         // not inside a transaction, or not after a session's first statement
  kInsufficientPrivilege,     // authenticated, but not allowed to do this
  kSyntaxError,               // console command or startup option that is not understood
  kConfigFile,                // the configuration cannot be read or is invalid
  kIo,                        // the operating system refused
  kConnectionClosed,          // the peer closed its end: an ordinary end of a stream
  kInternal,                  // a state that should not exist; logged with its cause
};

struct Error {
  ErrorCode code;
  std::string detail;
  std::string hint = {};  // what to do about it; usually empty
  // Postgres's own for an error that is said in its place: drivers look at it. nullptr: ours.
  const char* routine = nullptr;
};

}  // namespace pglynx
