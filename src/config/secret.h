#pragma once

// Secrets of the file: their forms, and the three keys that may hold one.

#include <optional>
#include <string>
#include <string_view>

#include "config/key_reader.h"
#include "pglynx/config/config.h"
#include "pglynx/core/result.h"

namespace pglynx::config {

inline constexpr size_t kSecretBytesMax = 1000;

// Tells a plain password, "md5" and 32 hex digits, and a SCRAM verifier apart, as
// PostgreSQL does for pg_authid.rolpassword; an empty text is no secret. Fails on a broken
// verifier, on a NUL and on more than kSecretBytesMax bytes, without showing the text.
Result<Secret> ClassifySecret(std::string text);

// Reads `key`, `key`_file or `key`_env, of which at most one may be set. kNone if none is;
// nothing if there was an error, which is reported. Paths are relative to the file that
// names them; one newline at the end of a file is not part of the secret. An empty file or
// variable is an error, `key` = "" is not.
std::optional<Secret> ReadSecret(KeyReader& reader, const std::string& key);

// The same for a key that has no _file and _env.
std::optional<Secret> ReadInlineSecret(KeyReader& reader, const std::string& key);

}  // namespace pglynx::config
