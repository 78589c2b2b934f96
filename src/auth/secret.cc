#include "pglynx/auth/secret.h"

#include <utility>

#include "auth/crypto.h"

namespace pglynx::auth {

SecretString::SecretString(SecretString&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

SecretString& SecretString::operator=(const SecretString& other) {
  if (this != &other) {
    Wipe();
    bytes_ = std::vector<char>(other.bytes_);
  }
  return *this;
}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

SecretString::~SecretString() {
  Wipe();
}

void SecretString::Wipe() {
  if (!bytes_.empty()) Cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace pglynx::auth
