#include "pglynx/auth/derived_secret.h"

#include "auth/crypto.h"

namespace pglynx::auth {

std::string DeriveSecret(std::string_view key, std::string_view purpose, size_t bytes) {
  const Digest digest = HmacSha256(key, purpose);
  return std::string(AsView(digest).substr(0, bytes));
}

}  // namespace pglynx::auth
