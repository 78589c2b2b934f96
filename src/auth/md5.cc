#include "pglynx/auth/md5.h"

#include "auth/crypto.h"

namespace pglynx::auth {
namespace {

constexpr std::string_view kPrefix = "md5";
constexpr size_t kHexBytes = 32;

}  // namespace

bool IsMd5Secret(std::string_view text) {
  return text.size() == kPrefix.size() + kHexBytes && text.starts_with(kPrefix) &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

Result<SecretString> MakeMd5Secret(std::string_view password, std::string_view user) {
  std::string salted;
  salted.reserve(password.size() + user.size());  // no reallocation: the copy is wiped below
  salted.append(password).append(user);
  Result<std::string> hex = Md5Hex(salted);
  Cleanse(salted);
  if (!hex) return hex.error();
  std::string text = std::string(kPrefix) + *hex;
  SecretString secret(text);
  Cleanse(text);
  Cleanse(*hex);
  return secret;
}

Result<std::string> MakeMd5Response(std::string_view secret, std::string_view salt) {
  if (!IsMd5Secret(secret)) {
    return Error{ErrorCode::kInvalidAuthorization,
                 "the stored secret is not an md5 secret (\"md5\" and 32 hex digits)"};
  }
  std::string salted(secret.substr(kPrefix.size()));
  salted.append(salt);
  Result<std::string> hex = Md5Hex(salted);
  Cleanse(salted);
  if (!hex) return hex.error();
  return std::string(kPrefix) + *hex;
}

Result<bool> VerifyMd5Response(std::string_view secret, std::string_view salt,
                               std::string_view response) {
  if (!IsMd5Secret(secret)) return false;
  const Result<std::string> expected = MakeMd5Response(secret, salt);
  if (!expected) return expected.error();
  return ConstantTimeEqual(*expected, response);
}

}  // namespace pglynx::auth
