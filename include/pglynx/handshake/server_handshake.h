#pragma once

// Our login to a Postgres server ("Start-up" and "SASL Authentication" in the PostgreSQL
// manual), from the StartupMessage to the first ReadyForQuery. A pure machine without socket
// or clock, owned by the server connection until the login is over. It is fed bytes, cut
// anywhere, and takes none behind ReadyForQuery. Each step returns one action; `send` goes to
// the server first.
//
//   ServerHandshake::Action action = handshake.Start();
//   while (true) {
//     Send(action.send);
//     if (action.kind == kNeedScramKeys)  // PBKDF2: elsewhere, or from a cache
//       action = handshake.Continue(DeriveScramKeys(password, action.salt, action.iterations));
//     else if (action.kind is kNone, kDone or kFailed) break;
//     else action = handshake.Step(input);
//   }
//
// Limits: one message 64 kB, 1 MB in all. Errors (kFailed): the server's own refusal is
// kServerUnreachable with server_error() set; kServerUnreachable too if it asks for a proof
// that we do not have; kServerProtocolViolation for what the protocol forbids and for a
// server that does not know the password. Texts name the user and the database; the owner
// adds host and port.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "pglynx/auth/scram.h"
#include "pglynx/auth/scram_client.h"
#include "pglynx/auth/secret.h"
#include "pglynx/core/random.h"
#include "pglynx/core/result.h"
#include "pglynx/handshake/message_collector.h"
#include "pglynx/handshake/server_error.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/startup.h"

namespace pglynx::handshake {

struct PlainPassword {
  auth::SecretString text;
};
struct Md5Secret {
  auth::SecretString text;  // see auth::IsMd5Secret
};
// What we have to prove ourselves with: nothing, a plain password (every method), an md5
// secret (md5 only), or the keys of a client's own SCRAM login (SCRAM only).
using ServerCredential = std::variant<std::monostate, PlainPassword, Md5Secret, auth::ScramKeys>;

struct ServerLogin {
  std::string user;
  std::string database;
  wire::StartupParameters parameters;  // sent behind user and database
  ServerCredential credential;
};

class ServerHandshake {
 public:
  enum class ActionKind : uint8_t {
    kNone,           // all input is used up, or Continue is awaited, or it is over
    kSend,           // go on with Step
    kNeedScramKeys,  // call Continue; Step takes nothing before
    kDone,           // over: the server is idle
    kFailed,         // over: see `error`; the connection must be closed
  };
  struct Action {
    ActionKind kind = ActionKind::kNone;
    std::string send = {};
    std::string salt = {};            // kNeedScramKeys
    uint32_t iterations = 0;          // kNeedScramKeys
    std::optional<Error> error = {};  // kFailed
  };

  // `random` must outlive this object.
  ServerHandshake(ServerLogin login, Random& random) : login_(std::move(login)), random_(random) {}
  ServerHandshake(const ServerHandshake&) = delete;
  ServerHandshake& operator=(const ServerHandshake&) = delete;

  // kSend: the StartupMessage, protocol 3.0. Precondition: called once, first.
  Action Start();
  // Takes a prefix of `input` and says what to do. At most one action a call.
  Action Step(std::string_view& input);
  // The answer to kNeedScramKeys. Precondition: that was the last action.
  Action Continue(const auth::ScramKeys& keys);

  // What the server has reported; complete at kDone.
  [[nodiscard]] const wire::StartupParameters& parameters() const { return parameters_; }
  // The cancel key. Some servers behind Postgres's protocol send none: pid 0, empty secret.
  [[nodiscard]] uint32_t pid() const { return pid_; }
  [[nodiscard]] std::string_view cancel_secret() const { return cancel_secret_; }
  // The server's refusal, if that is why it failed.
  [[nodiscard]] const std::optional<ServerError>& server_error() const { return server_error_; }

 private:
  enum class State : uint8_t {
    kBegin,         // Start is awaited
    kFirstRequest,  // StartupMessage sent
    kSaslContinue,  // SASLInitialResponse sent: the server-first-message is awaited
    kOwner,         // Continue is awaited
    kSaslFinal,     // the proof is sent: the server's is awaited
    kOk,            // all is answered: AuthenticationOk is awaited
    kReady,         // logged in: ReadyForQuery is awaited
    kOver,          // done or failed
  };

  Action OnMessage(char type, std::string_view body);
  Action OnAuthentication(std::string_view body);
  Action OnFirstRequest(wire::AuthenticationCode code, std::string_view data);
  Action AnswerCleartext();
  Action AnswerMd5(std::string_view salt);
  Action AnswerSasl(std::string_view mechanisms);
  Action OnServerFirst(std::string_view data);
  Action OnServerFinal(std::string_view data);
  Action OnSession(char type, std::string_view body);
  Action OnErrorResponse(std::string_view body);
  Action Fail(ErrorCode code, std::string_view why);
  Action Violation(std::string_view why);
  Action CannotAnswer(std::string_view asked);

  ServerLogin login_;
  Random& random_;
  State state_ = State::kBegin;
  size_t bytes_taken_ = 0;
  MessageCollector collector_;
  std::optional<auth::ScramClient> scram_;
  wire::StartupParameters parameters_;
  uint32_t pid_ = 0;
  std::string cancel_secret_;
  std::optional<ServerError> server_error_;
};

}  // namespace pglynx::handshake
