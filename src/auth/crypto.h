#pragma once

// The few primitives that authentication is made of. Private to `auth`; the one source that
// includes OpenSSL is crypto.cc. Byte strings are std::string_view; nothing is kept between calls
// but OpenSSL's own working memory. SHA-256 cannot fail short of a broken libcrypto, which ends the
// process; MD5 can be switched off by policy (FIPS), so it returns a Result.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/core/result.h"

namespace pglynx::auth {

inline constexpr size_t kSha256Bytes = 32;
using Digest = std::array<char, kSha256Bytes>;

inline std::string_view AsView(const Digest& digest) {
  return {digest.data(), digest.size()};
}

Digest Sha256(std::string_view data);
Digest HmacSha256(std::string_view key, std::string_view data);
// PBKDF2-HMAC-SHA-256, 32 bytes out; RFC 5802 calls it Hi(). Precondition: 1 <= iterations
// <= 10,000,000. About 1 ms for 4,096 iterations.
Digest Pbkdf2Sha256(std::string_view password, std::string_view salt, uint32_t iterations);

// 32 lower-case hex digits. kFeatureNotSupported if the library refuses MD5.
Result<std::string> Md5Hex(std::string_view data);

std::string Base64Encode(std::string_view bytes);
// Strict RFC 4648: padding required, no white space, no stray bits. nullopt otherwise.
std::optional<std::string> Base64Decode(std::string_view text);

// Takes the same time wherever the first difference is; lengths may leak.
bool ConstantTimeEqual(std::string_view left, std::string_view right);

// Overwrites memory in a way the compiler may not drop.
void Cleanse(void* at, size_t count);
inline void Cleanse(Digest& digest) {
  Cleanse(digest.data(), digest.size());
}
inline void Cleanse(std::string& text) {
  Cleanse(text.data(), text.size());
}

}  // namespace pglynx::auth
