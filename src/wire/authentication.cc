#include "pglynx/wire/authentication.h"

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::wire {
namespace {

constexpr size_t kMd5SaltBytes = 4;
constexpr uint32_t kNoResponse = 0xffffffffU;  // -1
constexpr uint32_t kProtocolMajor = 3;

void AppendAuthentication(std::string& out, AuthenticationCode code, std::string_view data) {
  const MessageScope message(out, 'R');
  AppendU32(out, static_cast<uint32_t>(code));
  out += data;
}

Error ServerViolation(std::string_view what) {
  return Error{ErrorCode::kServerProtocolViolation, std::string(what)};
}

Error ClientViolation(std::string_view what) {
  return Error{ErrorCode::kProtocolViolation, std::string(what)};
}

}  // namespace

void AppendAuthenticationOk(std::string& out) {
  AppendAuthentication(out, AuthenticationCode::kOk, {});
}

void AppendAuthenticationCleartextPassword(std::string& out) {
  AppendAuthentication(out, AuthenticationCode::kCleartextPassword, {});
}

void AppendAuthenticationMd5Password(std::string& out, std::string_view salt) {
  AppendAuthentication(out, AuthenticationCode::kMd5Password, salt);
}

void AppendAuthenticationSasl(std::string& out, std::span<const std::string_view> mechanisms) {
  const MessageScope message(out, 'R');
  AppendU32(out, static_cast<uint32_t>(AuthenticationCode::kSasl));
  for (const std::string_view mechanism : mechanisms) AppendCString(out, mechanism);
  out += '\0';
}

void AppendAuthenticationSaslContinue(std::string& out, std::string_view data) {
  AppendAuthentication(out, AuthenticationCode::kSaslContinue, data);
}

void AppendAuthenticationSaslFinal(std::string& out, std::string_view data) {
  AppendAuthentication(out, AuthenticationCode::kSaslFinal, data);
}

Result<AuthenticationRequest> ParseAuthentication(std::string_view body) {
  ByteReader reader(body);
  const uint32_t code = reader.U32();
  if (!reader.ok()) return ServerViolation("authentication message without a code");
  const AuthenticationRequest request{static_cast<AuthenticationCode>(code), reader.rest()};
  switch (request.code) {
    case AuthenticationCode::kOk:
    case AuthenticationCode::kCleartextPassword:
      if (!request.data.empty()) return ServerViolation("authentication message is too long");
      break;
    case AuthenticationCode::kMd5Password:
      if (request.data.size() != kMd5SaltBytes) {
        return ServerViolation("AuthenticationMD5Password: the salt has not 4 bytes");
      }
      break;
    case AuthenticationCode::kSasl:
    case AuthenticationCode::kSaslContinue:
    case AuthenticationCode::kSaslFinal:
      break;
  }
  return request;
}

Result<std::vector<std::string_view>> ParseSaslMechanisms(std::string_view data) {
  std::vector<std::string_view> mechanisms;
  ByteReader reader(data);
  for (std::string_view name = reader.CString(); !name.empty(); name = reader.CString()) {
    mechanisms.push_back(name);
  }
  if (!reader.AtEnd() || mechanisms.empty()) {
    return ServerViolation("AuthenticationSASL: invalid list of mechanisms");
  }
  return mechanisms;
}

std::string_view AuthenticationName(AuthenticationCode code) {
  // Numbers of "Message Formats" and of Postgres's protocol.h for the retired ones.
  switch (static_cast<uint32_t>(code)) {
    case 0:
      return "no password";
    case 1:
      return "Kerberos V4";
    case 2:
      return "Kerberos V5";
    case 3:
      return "a cleartext password";
    case 4:
      return "a crypt password";
    case 5:
      return "an md5 password";
    case 6:
      return "SCM credentials";
    case 7:
    case 8:
      return "GSSAPI";
    case 9:
      return "SSPI";
    case 10:
    case 11:
    case 12:
      return "SASL";
    default:
      return "an unknown method";
  }
}

void AppendPasswordMessage(std::string& out, std::string_view password) {
  const MessageScope message(out, 'p');
  AppendCString(out, password);
}

void AppendSaslInitialResponse(std::string& out, std::string_view mechanism,
                               std::string_view response) {
  const MessageScope message(out, 'p');
  AppendCString(out, mechanism);
  AppendU32(out, static_cast<uint32_t>(response.size()));
  out += response;
}

void AppendSaslResponse(std::string& out, std::string_view data) {
  const MessageScope message(out, 'p');
  out += data;
}

Result<std::string_view> ParsePasswordMessage(std::string_view body) {
  ByteReader reader(body);
  const std::string_view password = reader.CString();
  if (!reader.AtEnd()) return ClientViolation("invalid password packet size");
  return password;
}

Result<SaslInitialResponse> ParseSaslInitialResponse(std::string_view body) {
  ByteReader reader(body);
  SaslInitialResponse initial{.mechanism = reader.CString(), .response = std::nullopt};
  const uint32_t length = reader.U32();
  if (length != kNoResponse) initial.response = reader.Bytes(length);
  if (!reader.AtEnd()) return ClientViolation("invalid SASLInitialResponse message");
  return initial;
}

void AppendNegotiateProtocolVersion(std::string& out, uint16_t minor,
                                    std::span<const std::string> unrecognized_options) {
  const MessageScope message(out, 'v');
  AppendU32(out, (kProtocolMajor << 16U) | minor);
  AppendU32(out, static_cast<uint32_t>(unrecognized_options.size()));
  for (const std::string& option : unrecognized_options) AppendCString(out, option);
}

Result<NegotiateProtocolVersion> ParseNegotiateProtocolVersion(std::string_view body) {
  ByteReader reader(body);
  const uint32_t version = reader.U32();
  const uint32_t count = reader.U32();
  // Accepts the bare minor number too, which the manual's words allow.
  if (version >> 16U != kProtocolMajor && version >> 16U != 0) {
    return ServerViolation("NegotiateProtocolVersion: the major version is not 3");
  }
  NegotiateProtocolVersion negotiation{.minor = static_cast<uint16_t>(version & 0xffffU),
                                       .unrecognized_options = {}};
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    negotiation.unrecognized_options.push_back(reader.CString());
  }
  if (!reader.AtEnd()) return ServerViolation("invalid NegotiateProtocolVersion message");
  return negotiation;
}

}  // namespace pglynx::wire
