#pragma once

// The messages of a login, in both directions ("Message Formats" in the PostgreSQL
// manual): Authentication* ('R'), the client's answers ('p'), and
// NegotiateProtocolVersion ('v'). Free functions; Append writes whole messages, Parse
// reads a body (what follows type and length) and returns views into it.
//
// Errors: kServerProtocolViolation for what a server sends, kProtocolViolation for what a
// client sends.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/result.h"

namespace pglynx::wire {

// The codes behind 'R'. Others exist; see AuthenticationName.
enum class AuthenticationCode : uint32_t {
  kOk = 0,
  kCleartextPassword = 3,
  kMd5Password = 5,
  kSasl = 10,
  kSaslContinue = 11,
  kSaslFinal = 12,
};

void AppendAuthenticationOk(std::string& out);
void AppendAuthenticationCleartextPassword(std::string& out);
// `salt`: 4 bytes.
void AppendAuthenticationMd5Password(std::string& out, std::string_view salt);
void AppendAuthenticationSasl(std::string& out, std::span<const std::string_view> mechanisms);
void AppendAuthenticationSaslContinue(std::string& out, std::string_view data);
void AppendAuthenticationSaslFinal(std::string& out, std::string_view data);

struct AuthenticationRequest {
  AuthenticationCode code;  // any number that the server sent
  std::string_view data;    // the 4 bytes of salt, SASL data or SASL mechanisms; else empty
};
// Tests the layout for the codes above; of other codes only the number is read.
Result<AuthenticationRequest> ParseAuthentication(std::string_view body);
// The mechanism names in the data of kSasl.
Result<std::vector<std::string_view>> ParseSaslMechanisms(std::string_view data);
// For error texts: "GSSAPI", "SSPI", ... or "an unknown method".
std::string_view AuthenticationName(AuthenticationCode code);

// `password`: the clear text or the md5 response.
void AppendPasswordMessage(std::string& out, std::string_view password);
void AppendSaslInitialResponse(std::string& out, std::string_view mechanism,
                               std::string_view response);
void AppendSaslResponse(std::string& out, std::string_view data);

Result<std::string_view> ParsePasswordMessage(std::string_view body);
struct SaslInitialResponse {
  std::string_view mechanism;
  std::optional<std::string_view> response;  // nullopt: none was sent (length -1)
};
Result<SaslInitialResponse> ParseSaslInitialResponse(std::string_view body);

// `minor`: the newest minor version of protocol 3 that is offered. It goes out as the whole
// version number, as Postgres sends it and libpq reads it; the manual's words "newest
// minor protocol version" do not say so.
void AppendNegotiateProtocolVersion(std::string& out, uint16_t minor,
                                    std::span<const std::string> unrecognized_options);
struct NegotiateProtocolVersion {
  uint16_t minor;
  std::vector<std::string_view> unrecognized_options;
};
Result<NegotiateProtocolVersion> ParseNegotiateProtocolVersion(std::string_view body);

}  // namespace pglynx::wire
