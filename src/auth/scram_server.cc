#include "pglynx/auth/scram_server.h"

#include <optional>
#include <utility>

#include "auth/crypto.h"
#include "auth/scram_text.h"

namespace pglynx::auth {
namespace {

Error Malformed(std::string_view what) {
  return Error{ErrorCode::kProtocolViolation, "malformed SCRAM message: " + std::string(what)};
}

Error Unsupported(std::string_view what) {
  return Error{ErrorCode::kFeatureNotSupported, std::string(what)};
}

// The gs2-header of a client-first-message, without its last comma taken off the front.
// RFC 5802: "n" no channel binding, "y" the client could but thinks that we cannot.
Result<std::string_view> TakeGs2Header(std::string_view& message) {
  const std::string_view flag = message.substr(0, 2);
  if (flag == "p=") {
    return Malformed(
        "client selected SCRAM-SHA-256 without channel binding, but the message "
        "has channel binding data");
  }
  if (flag != "n," && flag != "y,") return Malformed("it does not begin with \"n,\" or \"y,\"");
  if (message.substr(2, 2) == "a=") {
    return Unsupported("SCRAM: an authorization identity is not supported");
  }
  if (message.substr(2, 1) != ",") return Malformed("a comma is missing behind the gs2 header");
  const std::string_view header = message.substr(0, 3);
  message.remove_prefix(3);
  return header;
}

}  // namespace

ScramServer::ScramServer(const ScramVerifier& verifier, Random& random)
    : ScramServer(verifier, MakeNonce(random)) {}

ScramServer::ScramServer(const ScramVerifier& verifier, std::string nonce)
    : verifier_(verifier), server_nonce_(std::move(nonce)) {}

ScramServer ScramServer::WithNonceForTest(const ScramVerifier& verifier, std::string_view nonce) {
  return ScramServer(verifier, std::string(nonce));
}

ScramServer ScramServer::Mock(std::string_view process_secret, std::string_view user,
                              Random& random) {
  const Digest seed = HmacSha256(process_secret, user);
  ScramVerifier verifier;
  verifier.iterations = kScramIterationsDefault;
  verifier.salt.assign(seed.data(), kScramSaltBytes);
  // Keys that nobody has: the proof is computed against them like any other, and fails.
  verifier.stored_key.bytes = HmacSha256(process_secret, AsView(seed));
  verifier.server_key.bytes = verifier.stored_key.bytes;
  ScramServer server(verifier, random);
  server.is_mock_ = true;
  return server;
}

Result<std::string> ScramServer::ReceiveClientFirst(std::string_view message) {
  if (std::exchange(state_, State::kDone) != State::kClientFirst) {
    return Malformed("a client-first-message is not expected here");
  }
  if (message.size() > kScramMessageBytesMax) return Malformed("longer than 4096 bytes");
  const Result<std::string_view> gs2_header = TakeGs2Header(message);
  if (!gs2_header) return gs2_header.error();
  channel_binding_ = Base64Encode(*gs2_header);

  const std::string_view bare = message;
  if (message.starts_with("m=")) return Unsupported("SCRAM: the extension \"m=\" is not supported");
  if (!TakeAttribute(message, 'n')) return Malformed("the user name (n=) is missing");
  const std::optional<std::string_view> client_nonce = TakeAttribute(message, 'r');
  if (!client_nonce) return Malformed("the nonce (r=) is missing");
  if (!IsNonce(*client_nonce)) return Malformed("the nonce is not 1 to 1024 printable characters");
  if (!message.empty() || bare.ends_with(',')) {
    return Unsupported("SCRAM: attributes behind the nonce are not supported");
  }

  server_nonce_.insert(0, *client_nonce);
  std::string server_first = "r=" + server_nonce_ + ",s=" + Base64Encode(verifier_.salt) +
                             ",i=" + std::to_string(verifier_.iterations);
  auth_message_head_ = std::string(bare) + "," + server_first;
  state_ = State::kClientFinal;
  return server_first;
}

Result<ScramServer::Success> ScramServer::ReceiveClientFinal(std::string_view message) {
  if (std::exchange(state_, State::kDone) != State::kClientFinal) {
    return Malformed("a client-final-message is not expected here");
  }
  if (message.size() > kScramMessageBytesMax) return Malformed("longer than 4096 bytes");
  const std::string_view whole = message;
  const std::optional<std::string_view> binding = TakeAttribute(message, 'c');
  if (!binding) return Malformed("the channel binding (c=) is missing");
  if (*binding != channel_binding_) return Malformed("the channel binding does not match");
  if (message.starts_with("m=")) return Unsupported("SCRAM: the extension \"m=\" is not supported");
  const std::optional<std::string_view> nonce = TakeAttribute(message, 'r');
  if (!nonce) return Malformed("the nonce (r=) is missing");
  if (*nonce != server_nonce_) return Malformed("the nonce does not match");
  const size_t without_proof_bytes = whole.size() - message.size() - 1;  // less the comma
  const std::optional<std::string_view> proof_text = TakeAttribute(message, 'p');
  if (!proof_text) return Malformed("the proof (p=) is missing or not where it must be");
  if (!message.empty() || whole.ends_with(',')) return Malformed("there is more behind the proof");
  const std::optional<std::string> proof = Base64Decode(*proof_text);
  if (!proof || proof->size() != kScramKeyBytes) {
    return Malformed("the proof is not base64 of 32 bytes");
  }

  const std::string auth_message =
      auth_message_head_ + "," + std::string(whole.substr(0, without_proof_bytes));
  const Digest signature = HmacSha256(verifier_.stored_key.view(), auth_message);
  Success success;
  success.keys.client_key.bytes = Xor(*proof, AsView(signature));
  success.keys.server_key = verifier_.server_key;
  const Digest stored_key = Sha256(success.keys.client_key.view());
  const bool proven = ConstantTimeEqual(AsView(stored_key), verifier_.stored_key.view());
  if (!proven || is_mock_) {
    return Error{ErrorCode::kInvalidPassword, "the SCRAM proof does not fit the password"};
  }
  const Digest server_signature = HmacSha256(verifier_.server_key.view(), auth_message);
  success.server_final = "v=" + Base64Encode(AsView(server_signature));
  return success;
}

}  // namespace pglynx::auth
