#pragma once

// Keys and verifiers of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL stores and speaks
// it ("SASL Authentication" in the manual). Values; keys are wiped when destroyed. The
// exchanges are scram_server.h (we ask) and scram_client.h (we are asked).
//
//   SaltedPassword = PBKDF2(password, salt, iterations)      the expensive step
//   ClientKey      = HMAC(SaltedPassword, "Client Key")      proves the password
//   StoredKey      = SHA-256(ClientKey)                      tests such a proof
//   ServerKey      = HMAC(SaltedPassword, "Server Key")      proves the server
//
// Limit: passwords are not normalised (SASLprep, RFC 4013). ASCII passwords are unchanged by
// it; for others the raw bytes are used, as Postgres does when a password cannot be
// prepared. A non-ASCII password that SASLprep would change (e.g. a no-break space, a
// ligature, decomposed accents) must be written in the configuration in its prepared form.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/core/random.h"
#include "pglynx/core/result.h"

namespace pglynx::auth {

inline constexpr std::string_view kScramMechanism = "SCRAM-SHA-256";
inline constexpr size_t kScramKeyBytes = 32;
// As Postgres writes them; also what a mock exchange shows for an unknown user.
inline constexpr uint32_t kScramIterationsDefault = 4096;
inline constexpr size_t kScramSaltBytes = 16;
// A peer or a verifier that asks for more (seconds of CPU) is refused.
inline constexpr uint32_t kScramIterationsMax = 10'000'000;
// One SCRAM message, either way.
inline constexpr size_t kScramMessageBytesMax = 4096;

// 32 bytes, wiped when destroyed.
struct ScramKey {
  ~ScramKey();

  [[nodiscard]] std::string_view view() const { return {bytes.data(), bytes.size()}; }

  std::array<char, kScramKeyBytes> bytes{};
};

// What logs in without the password: as good as it, for this salt and iteration count.
struct ScramKeys {
  ScramKey client_key;
  ScramKey server_key;
};

// What tests a login without knowing the password.
struct ScramVerifier {
  // Reads "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>", the form of
  // pg_authid.rolpassword. kInvalidParameterValue says which part is wrong; the text itself
  // is never repeated.
  static Result<ScramVerifier> Parse(std::string_view text);
  [[nodiscard]] std::string Format() const;

  uint32_t iterations = 0;
  std::string salt;  // raw bytes, at least one
  ScramKey stored_key;
  ScramKey server_key;
};

// True for texts that begin like a verifier, whether the rest is one or not.
bool LooksLikeScramVerifier(std::string_view text);

// PBKDF2: about 1 ms for 4,096 iterations, seconds for the maximum. Pure, so it may run on
// any thread. Precondition: 1 <= iterations <= kScramIterationsMax.
ScramKeys DeriveScramKeys(std::string_view password, std::string_view salt, uint32_t iterations);
ScramVerifier MakeVerifier(std::string_view password, std::string_view salt, uint32_t iterations);
// The verifier these keys belong to; cheap.
ScramVerifier VerifierOf(const ScramKeys& keys, std::string_view salt, uint32_t iterations);
// As Postgres does for a new password: a fresh salt of 16 bytes, 4,096 iterations.
ScramVerifier MakeVerifier(std::string_view password, Random& random);

}  // namespace pglynx::auth
