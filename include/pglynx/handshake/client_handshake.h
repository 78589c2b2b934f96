#pragma once

// The login of a client, with us as the server ("Start-up" and "SASL Authentication" in the
// PostgreSQL manual). A pure machine without socket or clock, owned by the session until
// the login is over. It is fed bytes, cut anywhere, and never takes one that lies behind the
// login. Each step returns one action; `send` goes to the client first, whatever the kind.
//
//   while (true) {
//     ClientHandshake::Action action = handshake.Step(input);
//     Send(action.send);
//     switch (action.kind) {
//       case kNone: return;                       // more bytes, or our own answer, awaited
//       case kSend: break;
//       case kStartup: action = handshake.Challenge(PlanFor(handshake.user())); ...
//       ...
//   }
//
//   SSLRequest, GSSENCRequest ──▶ kSend 'N', once each (no TLS yet)
//   CancelRequest ──▶ kCancel, done
//   StartupMessage ──▶ kStartup ──Challenge──▶ proof ──▶ kAuthenticated, done
//                              └──Reject──▶ kReject, done      └──▶ kReject, done
//
// An unknown user gets the plan kScramMock or kMd5Mock: the same messages, always refused with
// the same error. Limits: first packet 10,004 bytes, password messages 4,096. Errors:
// kProtocolViolation, kFeatureNotSupported (protocol 2), kInvalidAuthorization (no user),
// kInvalidPassword; each is in `error` and, as a FATAL ErrorResponse, in `send`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/auth/scram.h"
#include "pglynx/auth/scram_server.h"
#include "pglynx/auth/secret.h"
#include "pglynx/core/random.h"
#include "pglynx/core/result.h"
#include "pglynx/handshake/auth_plan.h"
#include "pglynx/handshake/message_collector.h"
#include "pglynx/wire/startup.h"

namespace pglynx::handshake {

class ClientHandshake {
 public:
  enum class ActionKind : uint8_t {
    kNone,           // all input is used up, or Challenge or Reject is awaited, or it is over
    kSend,           // go on with Step
    kCancel,         // `cancel` names the query; nothing is sent, the connection closes
    kStartup,        // the owner must call Challenge or Reject; Step takes nothing before
    kAuthenticated,  // over: `send` ends with AuthenticationOk
    kReject,         // over: `send` ends with the ErrorResponse for `error`
  };
  struct Action {
    ActionKind kind = ActionKind::kNone;
    std::string send = {};
    wire::CancelRequest cancel = {};                 // kCancel
    std::optional<Error> error = {};                 // kReject
    std::optional<auth::ScramKeys> scram_keys = {};  // kAuthenticated by SCRAM: for pass-through
  };

  // `random` must outlive this object.
  explicit ClientHandshake(Random& random) : random_(random) {}
  ClientHandshake(const ClientHandshake&) = delete;
  ClientHandshake& operator=(const ClientHandshake&) = delete;

  // Takes a prefix of `input` and says what to do. At most one action a call.
  Action Step(std::string_view& input);
  // The answer to kStartup: how this user proves itself. Returns kSend, kAuthenticated (trust)
  // or kReject (MD5 not available). Precondition: kStartup was the last action.
  Action Challenge(AuthPlan plan);
  // The other answer to kStartup: no login. Returns kReject. Precondition as above.
  Action Reject(Error error);

  // From kStartup on. The database is the user's name if the client named none.
  [[nodiscard]] std::string_view user() const { return user_; }
  [[nodiscard]] std::string_view database() const { return database_; }
  // All parameters in order, `user` and `database` included, `_pq_.` options left out.
  [[nodiscard]] const wire::StartupParameters& parameters() const { return startup_.parameters; }
  // The minor version of protocol 3 that is spoken: 0 or 2. (3.1 never existed; who asks for
  // it gets 3.0, from which it does not differ.)
  [[nodiscard]] uint16_t minor() const { return minor_; }

 private:
  enum class State : uint8_t {
    kFirstPacket,   // a packet without type byte is awaited
    kOwner,         // Challenge or Reject is awaited
    kMd5Response,   // AuthenticationMD5Password sent
    kSaslInitial,   // AuthenticationSASL sent
    kSaslResponse,  // AuthenticationSASLContinue sent
    kOver,          // done or refused
  };

  Action OnFirstPacket();
  Action OnStartup(wire::StartupMessage message);
  Action OnPasswordMessage();
  Action OnMd5Response(std::string_view body);
  Action OnSaslInitial(std::string_view body);
  Action OnSaslResponse(std::string_view body);
  Action Authenticated(std::string send);
  Action Fail(Error error);
  Action WrongPassword();
  void AppendNegotiation(std::string& out) const;

  Random& random_;
  State state_ = State::kFirstPacket;
  bool ssl_refused_ = false;
  bool gss_refused_ = false;
  uint16_t minor_ = 0;
  MessageCollector collector_;
  wire::StartupMessage startup_;
  std::vector<std::string> unrecognized_options_;
  std::string user_;
  std::string database_;
  AuthPlan plan_;
  std::string md5_salt_;
  std::optional<auth::ScramServer> scram_;
};

}  // namespace pglynx::handshake
