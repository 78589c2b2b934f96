#include "pglynx/auth/scram_client.h"

#include <optional>
#include <utility>

#include "auth/crypto.h"
#include "auth/scram_text.h"
#include "pglynx/core/check.h"

namespace pglynx::auth {
namespace {

// No channel binding, no authorization identity.
constexpr std::string_view kGs2Header = "n,,";
constexpr std::string_view kGs2HeaderBase64 = "biws";
// A server's own text in our error: enough to read, no control characters.
constexpr size_t kErrorTextBytesMax = 64;

Error Malformed(std::string_view what) {
  return Error{ErrorCode::kServerProtocolViolation,
               "malformed SCRAM message from the server: " + std::string(what)};
}

std::string Printable(std::string_view text) {
  std::string printable(text.substr(0, kErrorTextBytesMax));
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return printable;
}

}  // namespace

ScramClient::ScramClient(Random& random) : client_nonce_(MakeNonce(random)) {}

std::string ScramClient::Start() const {
  // The user name is empty as libpq's is: the StartupMessage has said it.
  return std::string(kGs2Header) + "n=,r=" + client_nonce_;
}

Result<ScramClient::NeedKeys> ScramClient::ReceiveServerFirst(std::string_view message) {
  if (!server_nonce_.empty()) return Malformed("a second server-first-message");
  if (message.size() > kScramMessageBytesMax) return Malformed("longer than 4096 bytes");
  const std::string_view whole = message;
  if (message.starts_with("m=")) return Malformed("it asks for an extension (m=)");
  const std::optional<std::string_view> nonce = TakeAttribute(message, 'r');
  if (!nonce || !IsNonce(*nonce)) return Malformed("the nonce (r=) is missing or invalid");
  if (!nonce->starts_with(client_nonce_) || nonce->size() == client_nonce_.size()) {
    return Malformed("the nonce does not continue ours");
  }
  const std::optional<std::string_view> salt_text = TakeAttribute(message, 's');
  if (!salt_text) return Malformed("the salt (s=) is missing");
  std::optional<std::string> salt = Base64Decode(*salt_text);
  if (!salt || salt->empty() || salt->size() > kSaltBytesMax) {
    return Malformed("the salt is not base64 of 1 to 1024 bytes");
  }
  const std::optional<std::string_view> count = TakeAttribute(message, 'i');
  if (!count) return Malformed("the iteration count (i=) is missing");
  const std::optional<uint32_t> iterations = ParseIterations(*count);
  if (!iterations) return Malformed("the iteration count is not a number from 1 to 10000000");
  if (!message.empty() || whole.ends_with(',')) {
    return Malformed("there is more behind the iteration count");
  }
  server_nonce_ = std::string(*nonce);
  auth_message_ = Start().substr(kGs2Header.size()) + "," + std::string(whole);
  return NeedKeys{.salt = std::move(*salt), .iterations = *iterations};
}

std::string ScramClient::Continue(const ScramKeys& keys) {
  PGLYNX_CHECK(!server_nonce_.empty() && !has_signature_);
  std::string client_final = "c=" + std::string(kGs2HeaderBase64) + ",r=" + server_nonce_;
  auth_message_ += "," + client_final;
  const Digest stored_key = Sha256(keys.client_key.view());
  const Digest signature = HmacSha256(AsView(stored_key), auth_message_);
  const Digest proof = Xor(keys.client_key.view(), AsView(signature));
  server_signature_.bytes = HmacSha256(keys.server_key.view(), auth_message_);
  has_signature_ = true;
  return client_final + ",p=" + Base64Encode(AsView(proof));
}

Status ScramClient::ReceiveServerFinal(std::string_view message) {
  PGLYNX_CHECK(has_signature_);
  if (message.size() > kScramMessageBytesMax) return Malformed("longer than 4096 bytes");
  if (message.starts_with("e=")) {
    return Error{ErrorCode::kServerUnreachable,
                 "the server ended the SCRAM exchange: " + Printable(message.substr(2))};
  }
  const std::string_view whole = message;
  const std::optional<std::string_view> text = TakeAttribute(message, 'v');
  if (!text) return Malformed("the signature (v=) is missing");
  if (!message.empty() || whole.ends_with(',')) {
    return Malformed("there is more behind the signature");
  }
  const std::optional<std::string> signature = Base64Decode(*text);
  if (!signature || signature->size() != kScramKeyBytes) {
    return Malformed("the signature is not base64 of 32 bytes");
  }
  if (!ConstantTimeEqual(*signature, server_signature_.view())) {
    return Error{ErrorCode::kServerProtocolViolation,
                 "the server's SCRAM signature is wrong: it does not know the password"};
  }
  return Ok();
}

}  // namespace pglynx::auth
