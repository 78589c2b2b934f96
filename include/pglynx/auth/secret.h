#pragma once

// `SecretString`: a byte string that is overwritten before its memory is given back. A
// value; copies own their bytes and are wiped too. It protects against secrets left in
// freed memory and core files, not against a reader of live memory.
//
//   SecretString password("open sesame");
//   Use(password.view());
//
// There is no stream or fmt output on purpose: a secret is only read through view(), and
// view() must not be stored or logged.

#include <string_view>
#include <vector>

namespace pglynx::auth {

class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(std::string_view text) : bytes_(text.begin(), text.end()) {}
  SecretString(const SecretString&) = default;
  // The source is empty afterwards.
  SecretString(SecretString&& other) noexcept;
  SecretString& operator=(const SecretString& other);
  SecretString& operator=(SecretString&& other) noexcept;
  ~SecretString();

  // Lives until this object changes or ends.
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  void Wipe();

  // Not std::string: moving one copies short texts and leaves them behind.
  std::vector<char> bytes_;
};

}  // namespace pglynx::auth
