#include "pglynx/wire/sqlstate.h"

namespace pglynx::wire {

ErrorMeaning MeaningOf(ErrorCode code) {
  using enum Disposition;
  switch (code) {  // no default: the compiler finds the missing entry
    case ErrorCode::kProtocolViolation:
      return {"08P01", kEndSession};
    case ErrorCode::kInvalidPassword:
      return {"28P01", kEndSession};
    case ErrorCode::kInvalidAuthorization:
      return {"28000", kEndSession};
    case ErrorCode::kUnknownDatabase:
      return {"3D000", kEndSession};
    case ErrorCode::kTooManyConnections:
      return {"53300", kEndSession};
    case ErrorCode::kConfigurationLimit:
      return {"53400", kReport};
    case ErrorCode::kOutOfMemory:
      return {"53200", kEndSession};
    case ErrorCode::kProgramLimit:
      return {"54000", kEndSession};
    case ErrorCode::kQueryCanceled:
      return {"57014", kReport};
    case ErrorCode::kQueryWaitTimeout:
    case ErrorCode::kServerFull:
      return {"53300", kReport};
    case ErrorCode::kAdminShutdown:
      return {"57P01", kEndSession};
    case ErrorCode::kCannotConnectNow:
      return {"57P03", kEndSession};
    case ErrorCode::kIdleSessionTimeout:
      return {"57P05", kEndSession};
    case ErrorCode::kIdleInTransactionTimeout:
      return {"25P03", kEndSession};
    case ErrorCode::kTransactionTimeout:
      return {"25P04", kEndSession};
    case ErrorCode::kServerNotReady:
    case ErrorCode::kServerUnreachable:
      return {"08001", kReport};
    case ErrorCode::kServerLost:
      return {"08006", kDropServer};
    case ErrorCode::kServerProtocolViolation:
      return {"08P01", kDropServer};
    case ErrorCode::kFeatureNotSupported:
      return {"0A000", kReport};
    case ErrorCode::kInvalidParameterValue:
      return {"22023", kReport};
    case ErrorCode::kUndefinedObject:
      return {"42704", kReport};
    case ErrorCode::kInvalidStatementName:
      return {"26000", kReport};
    case ErrorCode::kDuplicateStatement:
      return {"42P05", kReport};
    case ErrorCode::kNotInPrerequisiteState:
      return {"55000", kReport};
    case ErrorCode::kActiveTransaction:
      return {"25001", kReport};
    case ErrorCode::kInsufficientPrivilege:
      return {"42501", kReport};
    case ErrorCode::kSyntaxError:
      return {"42601", kReport};
    case ErrorCode::kConfigFile:
      return {"F0000", kReport};
    case ErrorCode::kIo:
      return {"58030", kReport};
    case ErrorCode::kConnectionClosed:
      return {"08006", kEndSession};
    case ErrorCode::kInternal:
      return {"XX000", kEndSession};
  }
  return {"XX000", kEndSession};
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNotice:
      return "NOTICE";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
    case Severity::kFatal:
      return "FATAL";
  }
  return "FATAL";
}

}  // namespace pglynx::wire
