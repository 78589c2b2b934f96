#pragma once

// The text form of SCRAM messages (RFC 5802, section 7), shared by both sides: a list of
// attributes "x=value" divided by commas, and the computations over it. Private to `auth`.
// Views point into the message.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/crypto.h"
#include "pglynx/core/random.h"

namespace pglynx::auth {

// Random bytes behind a nonce, as in Postgres; 24 characters of text.
inline constexpr size_t kNonceRawBytes = 18;
// The longest nonce of a peer. RFC 5802 names no limit; drivers send 24 to 48 characters.
inline constexpr size_t kNonceBytesMax = 1024;
inline constexpr size_t kSaltBytesMax = 1024;

// Takes "x=value" and the comma behind it off the front of `message`. nullopt, and
// `message` unchanged, if the front is not attribute `name`.
std::optional<std::string_view> TakeAttribute(std::string_view& message, char name);

// 1 to 1,024 printable ASCII characters other than the comma.
bool IsNonce(std::string_view text);

std::string MakeNonce(Random& random);

// Decimal from 1 to kScramIterationsMax, digits only.
std::optional<uint32_t> ParseIterations(std::string_view text);

// Bytewise exclusive or: turns a ClientKey and a signature into a proof and back.
Digest Xor(std::string_view left, std::string_view right);

}  // namespace pglynx::auth
