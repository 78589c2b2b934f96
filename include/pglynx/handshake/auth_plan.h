#pragma once

// How one client must prove itself: what the owner answers to ClientHandshake's kStartup. A
// value; copies what it is given, so the configuration may change during the login.
//
//   handshake.Challenge(user == nullptr ? AuthPlan::ScramMock(process_secret)
//                                       : AuthPlan::Scram(*user->credential.verifier()));
//
// A plain password's verifier must be made (PBKDF2, off the loop) before.

#include <cstdint>
#include <optional>
#include <string_view>

#include "pglynx/auth/scram.h"
#include "pglynx/auth/secret.h"

namespace pglynx::handshake {

struct AuthPlan {
  enum class Method : uint8_t {
    kTrust,      // no proof
    kScram,      // SCRAM-SHA-256 against `verifier`
    kScramMock,  // the same messages for a user that does not exist; always refused
    kMd5,        // md5 against `secret`
    kMd5Mock,    // the same messages for a user that does not exist; always refused
  };

  static AuthPlan Trust() { return {}; }
  static AuthPlan Scram(const auth::ScramVerifier& verifier) {
    return {.method = Method::kScram, .verifier = verifier, .secret = {}};
  }
  // `process_secret`: see auth::ScramServer::Mock.
  static AuthPlan ScramMock(std::string_view process_secret) {
    return {
        .method = Method::kScramMock, .verifier = {}, .secret = auth::SecretString(process_secret)};
  }
  // `md5_secret`: see auth::IsMd5Secret; any other text is always refused.
  static AuthPlan Md5(std::string_view md5_secret) {
    return {.method = Method::kMd5, .verifier = {}, .secret = auth::SecretString(md5_secret)};
  }
  static AuthPlan Md5Mock() { return {.method = Method::kMd5Mock, .verifier = {}, .secret = {}}; }

  Method method = Method::kTrust;
  std::optional<auth::ScramVerifier> verifier;  // kScram
  auth::SecretString secret;                    // kMd5: the secret; kScramMock: the process's
};

}  // namespace pglynx::handshake
