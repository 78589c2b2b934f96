#pragma once

// SHA-1 (FIPS 180-4), of which sharding needs the end alone. Not for secrets; OpenSSL has one, but
// its home is auth.

#include <cstdint>
#include <string_view>

namespace pglynx::sharding {

// The last 32 bits of the digest of `bytes`.
uint32_t Sha1LastWord(std::string_view bytes);

}  // namespace pglynx::sharding
