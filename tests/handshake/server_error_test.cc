// Goal: an ErrorResponse's fields are found in any order and a broken layout is seen; text
// from a peer is fit for a log line.
#include "pglynx/handshake/server_error.h"

#include "handshake/printable.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::handshake::ParseServerError;
using pglynx::handshake::Printable;
using std::string_view_literals::operator""sv;

TEST_CASE("ParseServerError reads the fields that matter and skips the others") {
  const auto body =
      "SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0Dwhy\0Hdo so\0Fauth.c\0L326\0\0"sv;
  const auto error = ParseServerError(body);
  REQUIRE(error.has_value());
  CHECK(error->severity == "FATAL");
  CHECK(error->sqlstate == "28P01");
  CHECK(error->message == "password authentication failed");
  CHECK(error->detail == "why");
  CHECK(error->hint == "do so");
  for (size_t length = 0; length < body.size(); ++length) {
    CHECK_FALSE(ParseServerError(body.substr(0, length)).has_value());
  }
  CHECK_FALSE(ParseServerError(std::string(body) + "x").has_value());
}

TEST_CASE("ParseServerError prefers the severity that is not translated") {
  CHECK(ParseServerError("SFATALE\0VFATAL\0\0"sv)->severity == "FATAL");
  CHECK(ParseServerError("VFATAL\0SFATALE\0\0"sv)->severity == "FATAL");
  CHECK(ParseServerError("SFATALE\0\0"sv)->severity == "FATALE");
  CHECK(ParseServerError("\0"sv)->severity.empty());
}

TEST_CASE("Printable bounds a text and keeps it on one line") {
  CHECK(Printable("app") == "app");
  CHECK(Printable("a\nb\r\0\x7f"sv) == "a?b???");
  CHECK(Printable(std::string(64, 'x')) == std::string(63, 'x'));
  // A character of two bytes across the limit is left out whole.
  CHECK(Printable(std::string(62, 'x') + "\xc3\xa4") == std::string(62, 'x'));
  CHECK(Printable("p\xc3\xa4ss") == "p\xc3\xa4ss");
  CHECK(Printable(std::string(100, '\x80')).empty());
}
