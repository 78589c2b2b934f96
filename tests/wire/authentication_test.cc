// Goal: each login message is read back as it was written, and every shorter or longer body
// is refused where its length is fixed. Method: round trips, every prefix, seeded noise.
#include "pglynx/wire/authentication.h"

#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::ErrorCode;
using pglynx::wire::AppendAuthenticationCleartextPassword;
using pglynx::wire::AppendAuthenticationMd5Password;
using pglynx::wire::AppendAuthenticationOk;
using pglynx::wire::AppendAuthenticationSasl;
using pglynx::wire::AppendAuthenticationSaslContinue;
using pglynx::wire::AppendAuthenticationSaslFinal;
using pglynx::wire::AppendNegotiateProtocolVersion;
using pglynx::wire::AppendPasswordMessage;
using pglynx::wire::AppendSaslInitialResponse;
using pglynx::wire::AppendSaslResponse;
using pglynx::wire::AuthenticationCode;
using pglynx::wire::AuthenticationName;
using pglynx::wire::AuthenticationRequest;
using pglynx::wire::ParseAuthentication;
using pglynx::wire::ParseNegotiateProtocolVersion;
using pglynx::wire::ParsePasswordMessage;
using pglynx::wire::ParseSaslInitialResponse;
using pglynx::wire::ParseSaslMechanisms;
using std::string_view_literals::operator""sv;

namespace {

// The body of the one message in `out`, whose type and length are checked.
std::string Body(const std::string& out, char type) {
  REQUIRE(out.size() >= 5);
  CHECK(out[0] == type);
  CHECK(pglynx::LoadU32(out.data() + 1) == out.size() - 1);
  return out.substr(5);
}

}  // namespace

TEST_CASE("Authentication messages have the bytes of the manual") {
  std::string out;
  AppendAuthenticationOk(out);
  CHECK(out == "R\0\0\0\x08\0\0\0\0"sv);
  out.clear();
  AppendAuthenticationCleartextPassword(out);
  CHECK(out == "R\0\0\0\x08\0\0\0\x03"sv);
  out.clear();
  AppendAuthenticationMd5Password(out, "salt");
  CHECK(out == "R\0\0\0\x0c\0\0\0\x05salt"sv);
  out.clear();
  const std::string_view mechanisms[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"};
  AppendAuthenticationSasl(out, mechanisms);
  CHECK(Body(out, 'R') == "\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv);
  out.clear();
  AppendAuthenticationSaslContinue(out, "r=");
  CHECK(Body(out, 'R') == "\0\0\0\x0br="sv);
  out.clear();
  AppendAuthenticationSaslFinal(out, "v=");
  CHECK(Body(out, 'R') == "\0\0\0\x0cv="sv);
}

TEST_CASE("ParseAuthentication reads what Append writes") {
  const std::pair<std::string_view, AuthenticationRequest> cases[] = {
      {"\0\0\0\0"sv, {AuthenticationCode::kOk, ""}},
      {"\0\0\0\x03"sv, {AuthenticationCode::kCleartextPassword, ""}},
      {"\0\0\0\x05salt"sv, {AuthenticationCode::kMd5Password, "salt"}},
      {"\0\0\0\x0aX\0\0"sv, {AuthenticationCode::kSasl, "X\0\0"sv}},
      {"\0\0\0\x0b"sv, {AuthenticationCode::kSaslContinue, ""}},
      {"\0\0\0\x0cv="sv, {AuthenticationCode::kSaslFinal, "v="}},
      {"\0\0\0\x07xyz"sv, {static_cast<AuthenticationCode>(7), "xyz"}}};
  for (const auto& [body, expected] : cases) {
    const auto request = ParseAuthentication(body);
    REQUIRE(request.has_value());
    CHECK(request->code == expected.code);
    CHECK(request->data == expected.data);
  }
  for (const std::string_view body :
       {""sv, "\0\0\0"sv, "\0\0\0\0x"sv, "\0\0\0\x03x"sv, "\0\0\0\x05sal"sv, "\0\0\0\x05saltx"sv}) {
    const auto request = ParseAuthentication(body);
    REQUIRE_FALSE(request.has_value());
    CHECK(request.error().code == ErrorCode::kServerProtocolViolation);
  }
}

TEST_CASE("ParseSaslMechanisms wants a terminated list with an entry") {
  const auto list = ParseSaslMechanisms("A\0B\0\0"sv);
  REQUIRE(list.has_value());
  CHECK(*list == std::vector<std::string_view>{"A", "B"});
  for (const std::string_view data : {""sv, "\0"sv, "A"sv, "A\0"sv, "A\0B\0"sv, "A\0\0x"sv}) {
    const auto refused = ParseSaslMechanisms(data);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kServerProtocolViolation);
  }
}

TEST_CASE("AuthenticationName names every number") {
  CHECK(AuthenticationName(static_cast<AuthenticationCode>(2)) == "Kerberos V5");
  CHECK(AuthenticationName(static_cast<AuthenticationCode>(7)) == "GSSAPI");
  CHECK(AuthenticationName(static_cast<AuthenticationCode>(9)) == "SSPI");
  CHECK(AuthenticationName(static_cast<AuthenticationCode>(4711)) == "an unknown method");
  for (uint32_t code = 0; code < 20; ++code) {
    CHECK_FALSE(AuthenticationName(static_cast<AuthenticationCode>(code)).empty());
  }
}

TEST_CASE("Password messages are read back and refused when cut") {
  std::string out;
  AppendPasswordMessage(out, "open sesame");
  const std::string body = Body(out, 'p');
  CHECK(*ParsePasswordMessage(body) == "open sesame");
  for (size_t length = 0; length < body.size(); ++length) {
    const auto cut = ParsePasswordMessage(std::string_view(body).substr(0, length));
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().code == ErrorCode::kProtocolViolation);
  }
  CHECK_FALSE(ParsePasswordMessage(body + "x").has_value());
  CHECK_FALSE(ParsePasswordMessage("a\0b\0"sv).has_value());
}

TEST_CASE("SASL responses are read back and refused when cut") {
  std::string out;
  AppendSaslInitialResponse(out, "SCRAM-SHA-256", "n,,n=,r=abc");
  const std::string body = Body(out, 'p');
  const auto initial = ParseSaslInitialResponse(body);
  REQUIRE(initial.has_value());
  CHECK(initial->mechanism == "SCRAM-SHA-256");
  CHECK(initial->response == "n,,n=,r=abc");
  for (size_t length = 0; length < body.size(); ++length) {
    const auto cut = ParseSaslInitialResponse(std::string_view(body).substr(0, length));
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().code == ErrorCode::kProtocolViolation);
  }
  CHECK_FALSE(ParseSaslInitialResponse(body + "x").has_value());
  const auto none = ParseSaslInitialResponse("X\0\xff\xff\xff\xff"sv);
  REQUIRE(none.has_value());
  CHECK_FALSE(none->response.has_value());
  CHECK_FALSE(ParseSaslInitialResponse("X\0\xff\xff\xff\xfe"sv).has_value());
  out.clear();
  AppendSaslResponse(out, "c=biws");
  CHECK(Body(out, 'p') == "c=biws");
}

TEST_CASE("NegotiateProtocolVersion is read back and refused when cut") {
  const std::string options[] = {"_pq_.one", "_pq_.two"};
  std::string out;
  AppendNegotiateProtocolVersion(out, 2, options);
  const std::string body = Body(out, 'v');
  CHECK(body == "\0\x03\0\x02\0\0\0\x02_pq_.one\0_pq_.two\0"sv);
  const auto negotiation = ParseNegotiateProtocolVersion(body);
  REQUIRE(negotiation.has_value());
  CHECK(negotiation->minor == 2);
  CHECK(negotiation->unrecognized_options == std::vector<std::string_view>{"_pq_.one", "_pq_.two"});
  for (size_t length = 0; length < body.size(); ++length) {
    const auto cut = ParseNegotiateProtocolVersion(std::string_view(body).substr(0, length));
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().code == ErrorCode::kServerProtocolViolation);
  }
  CHECK_FALSE(ParseNegotiateProtocolVersion(body + "x").has_value());
  CHECK_FALSE(ParseNegotiateProtocolVersion("\0\x02\0\0\0\0\0\0"sv).has_value());
  CHECK(ParseNegotiateProtocolVersion("\0\0\0\0\0\0\0\0"sv).has_value());
  // A count that lies does not make us reserve or loop.
  CHECK_FALSE(ParseNegotiateProtocolVersion("\0\x03\0\0\xff\xff\xff\xff"sv).has_value());
}

TEST_CASE("The parsers of login messages survive noise") {
  pglynx::SeededRandom random(5);
  size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string noise = random.Bytes(random.Next64() % 24);
    for (char& c : noise) c = static_cast<char>(c & 3);
    accepted += ParseAuthentication(noise).has_value() ? 1U : 0U;
    accepted += ParseSaslMechanisms(noise).has_value() ? 1U : 0U;
    accepted += ParsePasswordMessage(noise).has_value() ? 1U : 0U;
    accepted += ParseSaslInitialResponse(noise).has_value() ? 1U : 0U;
    accepted += ParseNegotiateProtocolVersion(noise).has_value() ? 1U : 0U;
  }
  CHECK(accepted > 0);
}
