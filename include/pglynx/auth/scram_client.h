#pragma once

// The side of SCRAM-SHA-256 that is asked: we log in to a server. A value for one login.
// The expensive step is the caller's, between the two messages, so that it may run
// elsewhere or come from a cache:
//
//   ScramClient client(random);
//   Send(client.Start());
//   Result<ScramClient::NeedKeys> need = client.ReceiveServerFirst(server_first);
//   Send(client.Continue(DeriveScramKeys(password, need->salt, need->iterations)));
//   Status proven = client.ReceiveServerFinal(server_final);
//
// Who has only keys (recovered from a client's login) calls Continue with them at once; they
// fit only if this server stores the same verifier.
//
// Limits: messages of 4,096 bytes, salts of 1,024, iterations from 1 to 10,000,000; no channel
// binding, no extensions. Errors: kServerProtocolViolation, and kServerUnreachable if the
// server itself reports a failure ("e="); after an error the object is done.

#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/auth/scram.h"
#include "pglynx/core/random.h"
#include "pglynx/core/result.h"

namespace pglynx::auth {

class ScramClient {
 public:
  struct NeedKeys {
    std::string salt;  // raw bytes
    uint32_t iterations;
  };

  // `random` gives the nonce and is not kept.
  explicit ScramClient(Random& random);

  // The client-first-message. The same at each call.
  [[nodiscard]] std::string Start() const;
  Result<NeedKeys> ReceiveServerFirst(std::string_view message);
  // The client-final-message. Precondition: ReceiveServerFirst has succeeded.
  std::string Continue(const ScramKeys& keys);
  // Tests that the server knows the ServerKey. Precondition: Continue was called.
  Status ReceiveServerFinal(std::string_view message);

 private:
  std::string client_nonce_;
  std::string server_nonce_;   // begins with client_nonce_; empty until server-first
  std::string auth_message_;   // client-first-bare "," server-first, then all three parts
  ScramKey server_signature_;  // what server-final must say
  bool has_signature_ = false;
};

}  // namespace pglynx::auth
