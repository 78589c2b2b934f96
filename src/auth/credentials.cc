#include "pglynx/auth/credentials.h"

#include "pglynx/auth/md5.h"
#include "pglynx/core/check.h"

namespace pglynx::auth {

Result<Credential> Credential::Parse(std::string_view text) {
  Credential credential;
  if (text.empty()) return credential;
  if (LooksLikeScramVerifier(text)) {
    Result<ScramVerifier> verifier = ScramVerifier::Parse(text);
    if (!verifier) return verifier.error();
    credential.kind_ = Kind::kScramVerifier;
    credential.verifier_ = *verifier;
    return credential;
  }
  credential.kind_ = IsMd5Secret(text) ? Kind::kMd5Secret : Kind::kPlainPassword;
  credential.secret_ = SecretString(text);
  return credential;
}

void Credential::CacheVerifier(const ScramVerifier& verifier) {
  PGLYNX_CHECK(kind_ == Kind::kPlainPassword);
  verifier_ = verifier;
}

}  // namespace pglynx::auth
