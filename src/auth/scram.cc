#include "pglynx/auth/scram.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "auth/crypto.h"
#include "auth/scram_text.h"
#include "pglynx/core/check.h"

namespace pglynx::auth {
namespace {

constexpr std::string_view kVerifierPrefix = "SCRAM-SHA-256$";

// A key from its base64; nullopt unless it is 32 bytes.
std::optional<ScramKey> ParseKey(std::string_view text) {
  std::optional<std::string> bytes = Base64Decode(text);
  if (!bytes || bytes->size() != kScramKeyBytes) return std::nullopt;
  ScramKey key;
  std::copy(bytes->begin(), bytes->end(), key.bytes.begin());
  Cleanse(*bytes);
  return key;
}

ScramKey KeyOf(Digest digest) {
  ScramKey key;
  key.bytes = digest;
  Cleanse(digest);
  return key;
}

Error BadVerifier(std::string_view what) {
  return Error{ErrorCode::kInvalidParameterValue,
               "invalid SCRAM verifier: " + std::string(what) +
                   "; expected SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>"};
}

}  // namespace

ScramKey::~ScramKey() {
  Cleanse(bytes.data(), bytes.size());
}

Result<ScramVerifier> ScramVerifier::Parse(std::string_view text) {
  if (!LooksLikeScramVerifier(text)) return BadVerifier("it does not begin with SCRAM-SHA-256$");
  text.remove_prefix(kVerifierPrefix.size());
  const size_t colon = text.find(':');
  const size_t dollar = text.find('$');
  if (colon == std::string_view::npos || dollar == std::string_view::npos || colon > dollar) {
    return BadVerifier("a separator is missing");
  }
  const std::optional<uint32_t> iterations = ParseIterations(text.substr(0, colon));
  if (!iterations) return BadVerifier("the iterations are not a number from 1 to 10000000");
  std::optional<std::string> salt = Base64Decode(text.substr(colon + 1, dollar - colon - 1));
  if (!salt || salt->empty() || salt->size() > kSaltBytesMax) {
    return BadVerifier("the salt is not base64 of 1 to 1024 bytes");
  }
  const std::string_view keys = text.substr(dollar + 1);
  const size_t middle = keys.find(':');
  if (middle == std::string_view::npos) return BadVerifier("a separator is missing");
  const std::optional<ScramKey> stored_key = ParseKey(keys.substr(0, middle));
  if (!stored_key) return BadVerifier("the StoredKey is not base64 of 32 bytes");
  const std::optional<ScramKey> server_key = ParseKey(keys.substr(middle + 1));
  if (!server_key) return BadVerifier("the ServerKey is not base64 of 32 bytes");
  return ScramVerifier{.iterations = *iterations,
                       .salt = std::move(*salt),
                       .stored_key = *stored_key,
                       .server_key = *server_key};
}

std::string ScramVerifier::Format() const {
  return std::string(kVerifierPrefix) + std::to_string(iterations) + ":" + Base64Encode(salt) +
         "$" + Base64Encode(stored_key.view()) + ":" + Base64Encode(server_key.view());
}

bool LooksLikeScramVerifier(std::string_view text) {
  return text.starts_with(kVerifierPrefix);
}

ScramKeys DeriveScramKeys(std::string_view password, std::string_view salt, uint32_t iterations) {
  PGLYNX_CHECK(iterations >= 1 && iterations <= kScramIterationsMax);
  Digest salted = Pbkdf2Sha256(password, salt, iterations);
  ScramKeys keys{.client_key = KeyOf(HmacSha256(AsView(salted), "Client Key")),
                 .server_key = KeyOf(HmacSha256(AsView(salted), "Server Key"))};
  Cleanse(salted);
  return keys;
}

ScramVerifier VerifierOf(const ScramKeys& keys, std::string_view salt, uint32_t iterations) {
  return ScramVerifier{.iterations = iterations,
                       .salt = std::string(salt),
                       .stored_key = KeyOf(Sha256(keys.client_key.view())),
                       .server_key = keys.server_key};
}

ScramVerifier MakeVerifier(std::string_view password, std::string_view salt, uint32_t iterations) {
  return VerifierOf(DeriveScramKeys(password, salt, iterations), salt, iterations);
}

ScramVerifier MakeVerifier(std::string_view password, Random& random) {
  return MakeVerifier(password, random.Bytes(kScramSaltBytes), kScramIterationsDefault);
}

}  // namespace pglynx::auth
