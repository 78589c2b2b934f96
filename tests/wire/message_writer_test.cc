// Goal: each message has the layout of "Message Formats" in the PostgreSQL manual. Method: a
// table of messages and their bytes; what is written is read back by the scanner.
#include "pglynx/wire/message_writer.h"

#include "pglynx/core/bytes.h"
#include "pglynx/wire/frame_scanner.h"
#include "support/catch.h"

using pglynx::Error;
using pglynx::ErrorCode;
using pglynx::wire::ErrorFields;
using pglynx::wire::MessageScope;
using pglynx::wire::Severity;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

namespace {

// What `append` writes behind what is there already.
template <typename Append>
std::string Written(Append append) {
  std::string out = "before";
  append(out);
  CHECK(out.substr(0, 6) == "before");
  return out.substr(6);
}

}  // namespace

TEST_CASE("MessageScope fills in the length of what was appended") {
  CHECK(Written([](std::string& out) { const MessageScope message(out, 'S'); }) == "S\0\0\0\4"sv);
  CHECK(Written([](std::string& out) {
          const MessageScope message(out, 'd');
          out += "0123456789";
        }) == "d\0\0\0\x0e"s + "0123456789");
  const std::string large = Written([](std::string& out) {
    const MessageScope message(out, 'd');
    out.append(0x012345, 'x');  // the string moves meanwhile
  });
  CHECK(large.substr(0, 5) == "d\0\x01\x23\x49"sv);
}

TEST_CASE("Messages have the layout of the manual") {
  using pglynx::wire::AppendBackendKeyData;
  using pglynx::wire::AppendClose;
  using pglynx::wire::AppendCommandComplete;
  using pglynx::wire::AppendCString;
  using pglynx::wire::AppendParameterStatus;
  using pglynx::wire::AppendParse;
  using pglynx::wire::AppendQuery;
  using pglynx::wire::AppendReadyForQuery;
  CHECK(Written([](std::string& out) { AppendCString(out, "abc"); }) == "abc\0"sv);
  CHECK(Written([](std::string& out) { AppendCString(out, ""); }) == "\0"sv);
  CHECK(Written([](std::string& out) { AppendParameterStatus(out, "TimeZone", "UTC"); }) ==
        "S\0\0\0\x11TimeZone\0UTC\0"sv);
  CHECK(Written([](std::string& out) { AppendBackendKeyData(out, 0x01020304U, "secr"); }) ==
        "K\0\0\0\x0c\1\2\3\4secr"sv);
  CHECK(Written([](std::string& out) { AppendReadyForQuery(out, 'T'); }) == "Z\0\0\0\5T"sv);
  CHECK(Written([](std::string& out) { AppendCommandComplete(out, "SELECT 1"); }) ==
        "C\0\0\0\x0dSELECT 1\0"sv);
  CHECK(Written([](std::string& out) { AppendQuery(out, "BEGIN"); }) ==
        "Q\0\0\0\x0a"
        "BEGIN\0"sv);
  CHECK(Written([](std::string& out) { AppendParse(out, "s", "SELECT 1\0\0\0"sv); }) ==
        "P\0\0\0\x11s\0SELECT 1\0\0\0"sv);
  CHECK(Written([](std::string& out) { AppendClose(out, 'S', "s"); }) == "C\0\0\0\7Ss\0"sv);
  CHECK(Written([](std::string& out) { pglynx::wire::AppendDescribe(out, 'S', "s"); }) ==
        "D\0\0\0\7Ss\0"sv);
  CHECK(Written([](std::string& out) { pglynx::wire::AppendSync(out); }) == "S\0\0\0\4"sv);
  CHECK(Written([](std::string& out) { pglynx::wire::AppendRun(out, "s", "SET a TO b"); }) ==
        "P\0\0\0\x13s\0SET a TO b\0\0\0"
        "B\0\0\0\x0es\0s\0\0\0\0\0\0\0"
        "E\0\0\0\x0as\0\0\0\0\0"
        "C\0\0\0\7Ps\0C\0\0\0\7Ss\0"sv);
}

TEST_CASE("Errors and notices carry their fields, and only those that have text") {
  const ErrorFields all{.severity = Severity::kFatal,
                        .sqlstate = "57P01",
                        .message = "ends",
                        .detail = "for good",
                        .hint = "go"};
  const std::string_view body = "SFATAL\0VFATAL\0C57P01\0Mends\0Dfor good\0Hgo\0Rpglynx\0\0"sv;
  const std::string error =
      Written([&](std::string& out) { pglynx::wire::AppendErrorResponse(out, all); });
  CHECK(error.substr(0, 5) == "E\0\0\0\x36"sv);
  CHECK(error.substr(5) == body);
  const std::string notice =
      Written([&](std::string& out) { pglynx::wire::AppendNoticeResponse(out, all); });
  CHECK(notice == 'N' + error.substr(1));
  CHECK(Written([](std::string& out) {
          pglynx::wire::AppendNoticeResponse(out, {.severity = Severity::kNotice,
                                                   .sqlstate = "00000",
                                                   .message = "hm",
                                                   .detail = {},
                                                   .hint = {}});
        }).substr(5) == "SNOTICE\0VNOTICE\0C00000\0Mhm\0Rpglynx\0\0"sv);
}

TEST_CASE("An Error is told with the SQLSTATE of its code") {
  const std::string out = Written([](std::string& to) {
    pglynx::wire::AppendErrorResponse(to, Severity::kError,
                                      Error{ErrorCode::kQueryCanceled, "canceled"});
  });
  CHECK(out.substr(5) == "SERROR\0VERROR\0C57014\0Mcanceled\0Rpglynx\0\0"sv);
}

TEST_CASE("What is written is one whole message to the scanner") {
  std::string out;
  pglynx::wire::AppendQuery(out, "SELECT 1");
  pglynx::wire::FrameScanner scanner(pglynx::wire::FrontendRules(), 1000);
  const auto item = scanner.Next(out);
  CHECK(item.kind == pglynx::wire::FrameScanner::Kind::kMessage);
  CHECK(item.bytes == out);
}
