#pragma once

// PostgreSQL's md5 password method ("Password Authentication" and "Message Flow" in the
// manual): the stored secret is "md5" + hex(md5(password + user)), the response on the
// wire "md5" + hex(md5(hex of the secret + salt)). Pure functions. The secret is as good as
// the password to whoever has it.
//
//   Result<SecretString> secret = MakeMd5Secret(password, user);
//   Result<std::string> response = MakeMd5Response(secret->view(), salt);
//
// Errors: kFeatureNotSupported where the system's OpenSSL refuses MD5.

#include <cstddef>
#include <string>
#include <string_view>

#include "pglynx/auth/secret.h"
#include "pglynx/core/result.h"

namespace pglynx::auth {

inline constexpr size_t kMd5SaltBytes = 4;

// True for "md5" and 32 lower-case hex digits: what pg_authid holds.
bool IsMd5Secret(std::string_view text);

Result<SecretString> MakeMd5Secret(std::string_view password, std::string_view user);

// `secret`: see IsMd5Secret. kInvalidAuthorization if it is not one.
Result<std::string> MakeMd5Response(std::string_view secret, std::string_view salt);

// Whether `response` answers `salt` for `secret`; false too if `secret` is none.
// Compares in constant time.
Result<bool> VerifyMd5Response(std::string_view secret, std::string_view salt,
                               std::string_view response);

}  // namespace pglynx::auth
