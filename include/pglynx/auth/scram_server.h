#pragma once

// The side of SCRAM-SHA-256 that asks: we authenticate a client against a verifier. A value
// for one login; copies the verifier, so the configuration may change under it. Two steps:
//
//   ScramServer server(verifier, random);
//   Result<std::string> server_first = server.ReceiveClientFirst(client_first);
//   Result<ScramServer::Success> success = server.ReceiveClientFinal(client_final);
//   // send success->server_final; success->keys logs in to servers in the client's name
//
// An unknown user gets the same messages from ScramServer::Mock, which always fails at the
// last step; as salt and iteration count are those of an ordinary Postgres verifier
// (16 bytes, 4,096), nobody can tell who exists.
//
// Limits: messages of 4,096 bytes, nonces of 1,024. No channel binding ("p="), no authorization
// identity, no extensions ("m=" or unknown attributes). The user name inside the exchange is
// ignored, as in Postgres: the one of the StartupMessage counts.
// Errors: kInvalidPassword if the proof is wrong; kProtocolViolation or
// kFeatureNotSupported for messages that cannot be; after an error the object is done.

#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/auth/scram.h"
#include "pglynx/core/random.h"
#include "pglynx/core/result.h"

namespace pglynx::auth {

class ScramServer {
 public:
  struct Success {
    std::string server_final;
    ScramKeys keys;  // the ClientKey recovered from the proof, and the verifier's ServerKey
  };

  // `random` gives the nonce and is not kept.
  ScramServer(const ScramVerifier& verifier, Random& random);
  // For a user that does not exist. `process_secret`: random bytes, the same for every login
  // of the process, so that a user's salt does not change from try to try.
  static ScramServer Mock(std::string_view process_secret, std::string_view user, Random& random);
  // With a given nonce, to replay the example of an RFC.
  static ScramServer WithNonceForTest(const ScramVerifier& verifier, std::string_view nonce);

  // `message`: client-first-message. Returns the server-first-message.
  Result<std::string> ReceiveClientFirst(std::string_view message);
  // `message`: client-final-message. A call out of order is kProtocolViolation too.
  Result<Success> ReceiveClientFinal(std::string_view message);

 private:
  ScramServer(const ScramVerifier& verifier, std::string nonce);

  enum class State : uint8_t {
    kClientFirst,  // nothing received
    kClientFinal,  // server-first sent
    kDone,         // succeeded or failed
  };

  ScramVerifier verifier_;
  bool is_mock_ = false;
  State state_ = State::kClientFirst;
  std::string server_nonce_;       // our part; from the first step on the client's and ours
  std::string channel_binding_;    // base64 of the client's gs2 header, which it must repeat
  std::string auth_message_head_;  // client-first-bare "," server-first
};

}  // namespace pglynx::auth
