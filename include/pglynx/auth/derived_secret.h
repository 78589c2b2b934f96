#pragma once

// Secrets that need not be kept: each is made again from one key and what it is for.

#include <cstddef>
#include <string>
#include <string_view>

namespace pglynx::auth {

// The first `bytes` of HMAC-SHA-256 of `purpose` (RFC 2104). Precondition: bytes <= 32. Whoever
// knows any number of them and not the key cannot tell another.
std::string DeriveSecret(std::string_view key, std::string_view purpose, size_t bytes);

}  // namespace pglynx::auth
