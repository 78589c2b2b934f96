// Goal: every ErrorCode means something to a client, and no refusal that leaves the session
// alive looks to a driver like a lost connection. Method: all codes.
#include "pglynx/wire/sqlstate.h"

#include <algorithm>
#include <string_view>

#include "pglynx/core/error.h"
#include "support/catch.h"

using pglynx::Error;
using pglynx::ErrorCode;
using pglynx::wire::Disposition;
using pglynx::wire::ErrorMeaning;
using pglynx::wire::MeaningOf;
using pglynx::wire::Severity;
using pglynx::wire::SeverityName;

namespace {

// kInternal is the last.
constexpr int kCodes = static_cast<int>(ErrorCode::kInternal) + 1;

}  // namespace

TEST_CASE("Every ErrorCode has a SQLSTATE of five digits and capital letters") {
  for (int number = 0; number < kCodes; ++number) {
    CAPTURE(number);
    const std::string_view sqlstate = MeaningOf(static_cast<ErrorCode>(number)).sqlstate;
    CHECK(sqlstate.size() == 5);
    CHECK(std::all_of(sqlstate.begin(), sqlstate.end(),
                      [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }));
    CHECK(sqlstate.substr(0, 2) != "00");  // success
  }
}

TEST_CASE("A refusal that leaves the session alive does not look like a lost connection") {
  for (int number = 0; number < kCodes; ++number) {
    CAPTURE(number);
    const ErrorMeaning meaning = MeaningOf(static_cast<ErrorCode>(number));
    if (meaning.disposition != Disposition::kReport) continue;
    const auto code = static_cast<ErrorCode>(number);
    if (code == ErrorCode::kServerUnreachable || code == ErrorCode::kServerNotReady) {
      continue;  // see sqlstate.h
    }
    CHECK(meaning.sqlstate.substr(0, 3) != "57P");
    CHECK(meaning.sqlstate.substr(0, 2) != "08");
  }
}

TEST_CASE("The codes that clients act on are Postgres's own") {
  struct Case {
    ErrorCode code;
    std::string_view sqlstate;
    Disposition disposition;
  };
  const Case cases[] = {
      {ErrorCode::kProtocolViolation, "08P01", Disposition::kEndSession},
      {ErrorCode::kInvalidPassword, "28P01", Disposition::kEndSession},
      {ErrorCode::kUnknownDatabase, "3D000", Disposition::kEndSession},
      {ErrorCode::kTooManyConnections, "53300", Disposition::kEndSession},
      {ErrorCode::kQueryCanceled, "57014", Disposition::kReport},
      {ErrorCode::kAdminShutdown, "57P01", Disposition::kEndSession},
      {ErrorCode::kServerLost, "08006", Disposition::kDropServer},
      {ErrorCode::kFeatureNotSupported, "0A000", Disposition::kReport},
      {ErrorCode::kInvalidStatementName, "26000", Disposition::kReport},
      {ErrorCode::kDuplicateStatement, "42P05", Disposition::kReport},
      {ErrorCode::kActiveTransaction, "25001", Disposition::kReport},
      {ErrorCode::kSyntaxError, "42601", Disposition::kReport},
      {ErrorCode::kInternal, "XX000", Disposition::kEndSession},
  };
  for (const Case& c : cases) {
    CAPTURE(c.sqlstate);
    CHECK(MeaningOf(c.code).sqlstate == c.sqlstate);
    CHECK(MeaningOf(c.code).disposition == c.disposition);
  }
}

TEST_CASE("A code that is not one is an internal error that ends the session") {
  const ErrorMeaning meaning = MeaningOf(static_cast<ErrorCode>(255));
  CHECK(meaning.sqlstate == "XX000");
  CHECK(meaning.disposition == Disposition::kEndSession);
}

TEST_CASE("An Error is a value that owns its text") {
  Error error{ErrorCode::kIo, "disk full"};
  const Error copy = error;
  error.detail.clear();
  CHECK(copy.detail == "disk full");
  CHECK(MeaningOf(copy.code).sqlstate == "58030");
}

TEST_CASE("Severities have the names of the protocol") {
  CHECK(SeverityName(Severity::kNotice) == "NOTICE");
  CHECK(SeverityName(Severity::kError) == "ERROR");
  CHECK(SeverityName(Severity::kFatal) == "FATAL");
}
