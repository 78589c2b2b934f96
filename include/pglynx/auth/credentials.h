#pragma once

// What the configuration knows of a user's password. A value; its secrets are wiped when it
// is destroyed. The kind is read off the text as Postgres does for rolpassword:
//
//   Result<Credential> credential = Credential::Parse(text);
//   if (credential->verifier() == nullptr) {           // a plain password
//     credential->CacheVerifier(MakeVerifier(...));    // expensive: off the loop
//   }

#include <cstdint>
#include <optional>
#include <string_view>

#include "pglynx/auth/scram.h"
#include "pglynx/auth/secret.h"
#include "pglynx/core/result.h"

namespace pglynx::auth {

class Credential {
 public:
  enum class Kind : uint8_t {
    kNone,           // nothing known: an empty text
    kPlainPassword,  // serves every method, both ways
    kMd5Secret,      // "md5" and 32 hex digits: serves the md5 method, both ways
    kScramVerifier,  // serves SCRAM toward clients; toward servers only the client's own keys do
  };

  Credential() = default;
  // kInvalidParameterValue for a text that begins like a SCRAM verifier and is none: a
  // password of that form is far less likely than a slip of the pen.
  static Result<Credential> Parse(std::string_view text);

  [[nodiscard]] Kind kind() const { return kind_; }
  // The plain password or the md5 secret as written; empty for the other kinds.
  [[nodiscard]] const SecretString& secret() const { return secret_; }
  // Of kScramVerifier at once, of kPlainPassword after CacheVerifier; otherwise null. Lives
  // as long as this object is not changed.
  [[nodiscard]] const ScramVerifier* verifier() const { return verifier_ ? &*verifier_ : nullptr; }

  // Precondition: kPlainPassword, and `verifier` was made from that password. Keep it for
  // the life of the process: a salt that changes from login to login would show that the
  // user exists.
  void CacheVerifier(const ScramVerifier& verifier);

 private:
  Kind kind_ = Kind::kNone;
  SecretString secret_;
  std::optional<ScramVerifier> verifier_;
};

}  // namespace pglynx::auth
