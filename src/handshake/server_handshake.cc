#include "pglynx/handshake/server_handshake.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "handshake/printable.h"
#include "pglynx/auth/md5.h"
#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/authentication.h"

namespace pglynx::handshake {
namespace {

using wire::AuthenticationCode;

constexpr size_t kMessageBytesMax = 64 * 1024;
constexpr size_t kLoginBytesMax = 1024 * 1024;

// For error texts.
std::string_view NameOf(const ServerCredential& credential) {
  if (std::holds_alternative<PlainPassword>(credential)) return "a plain password";
  if (std::holds_alternative<Md5Secret>(credential)) return "an md5 secret";
  if (std::holds_alternative<auth::ScramKeys>(credential)) return "the client's SCRAM keys";
  return "no password";
}

}  // namespace

ServerHandshake::Action ServerHandshake::Start() {
  PGLYNX_CHECK(state_ == State::kBegin);
  wire::StartupParameters parameters = {{"user", login_.user}, {"database", login_.database}};
  parameters.insert(parameters.end(), login_.parameters.begin(), login_.parameters.end());
  Action action{.kind = ActionKind::kSend};
  wire::AppendStartupMessage(action.send, 0, parameters);
  state_ = State::kFirstRequest;
  return action;
}

ServerHandshake::Action ServerHandshake::Step(std::string_view& input) {
  while (state_ != State::kBegin && state_ != State::kOwner && state_ != State::kOver) {
    const size_t input_bytes = input.size();
    const MessageCollector::Outcome outcome =
        collector_.Take(input, MessageCollector::Framing::kTyped, kMessageBytesMax);
    bytes_taken_ += input_bytes - input.size();
    if (outcome == MessageCollector::Outcome::kBadLength) {
      return Violation(fmt::format("message type {} has an invalid length or more than {} bytes",
                                   static_cast<unsigned char>(collector_.type()),
                                   kMessageBytesMax));
    }
    if (bytes_taken_ > kLoginBytesMax) {
      return Violation(fmt::format("more than {} bytes before ReadyForQuery", kLoginBytesMax));
    }
    if (outcome == MessageCollector::Outcome::kNeedMore) return {};
    Action action = OnMessage(collector_.type(), collector_.body());
    collector_.Clear();
    if (action.kind != ActionKind::kNone) return action;
  }
  return {};
}

ServerHandshake::Action ServerHandshake::OnMessage(char type, std::string_view body) {
  switch (type) {
    case 'E':
      return OnErrorResponse(body);
    case 'N':  // a notice: nobody to tell it to
      return {};
    case 'R':
      if (state_ == State::kReady) return Violation("authentication message behind its end");
      return OnAuthentication(body);
    case 'v': {
      if (state_ == State::kReady) return Violation("NegotiateProtocolVersion after the login");
      const auto negotiation = wire::ParseNegotiateProtocolVersion(body);
      // We ask for 3.0, the oldest: there is nothing to go down to.
      return negotiation ? Action{} : Violation(negotiation.error().detail);
    }
    default:
      break;
  }
  if (state_ == State::kReady) return OnSession(type, body);
  return Violation(fmt::format("expected an authentication request, got message type {}",
                               static_cast<unsigned char>(type)));
}

ServerHandshake::Action ServerHandshake::OnAuthentication(std::string_view body) {
  const Result<wire::AuthenticationRequest> request = wire::ParseAuthentication(body);
  if (!request) return Violation(request.error().detail);
  const auto [code, data] = *request;
  if (state_ == State::kFirstRequest) return OnFirstRequest(code, data);
  if (state_ == State::kSaslContinue && code == AuthenticationCode::kSaslContinue) {
    return OnServerFirst(data);
  }
  if (state_ == State::kSaslFinal && code == AuthenticationCode::kSaslFinal) {
    return OnServerFinal(data);
  }
  if (state_ == State::kOk && code == AuthenticationCode::kOk) {
    state_ = State::kReady;
    return {};
  }
  // Among others AuthenticationOk from a server that has not proven itself.
  return Violation(
      fmt::format("authentication request {} out of order", static_cast<uint32_t>(code)));
}

ServerHandshake::Action ServerHandshake::OnFirstRequest(AuthenticationCode code,
                                                        std::string_view data) {
  switch (code) {
    case AuthenticationCode::kOk:
      state_ = State::kReady;
      return {};
    case AuthenticationCode::kCleartextPassword:
      return AnswerCleartext();
    case AuthenticationCode::kMd5Password:
      return AnswerMd5(data);
    case AuthenticationCode::kSasl:
      return AnswerSasl(data);
    case AuthenticationCode::kSaslContinue:
    case AuthenticationCode::kSaslFinal:
      return Violation("SASL message without a SASL request");
  }
  return Fail(ErrorCode::kServerUnreachable,
              fmt::format("the server asks for {} (authentication request {}), which is not "
                          "supported; supported are password, md5 and SCRAM-SHA-256",
                          wire::AuthenticationName(code), static_cast<uint32_t>(code)));
}

ServerHandshake::Action ServerHandshake::AnswerCleartext() {
  const auto* password = std::get_if<PlainPassword>(&login_.credential);
  if (password == nullptr) return CannotAnswer("a cleartext password");
  Action action{.kind = ActionKind::kSend};
  wire::AppendPasswordMessage(action.send, password->text.view());
  state_ = State::kOk;
  return action;
}

ServerHandshake::Action ServerHandshake::AnswerMd5(std::string_view salt) {
  auth::SecretString secret;
  if (const auto* stored = std::get_if<Md5Secret>(&login_.credential)) {
    secret = stored->text;
  } else if (const auto* password = std::get_if<PlainPassword>(&login_.credential)) {
    Result<auth::SecretString> made = auth::MakeMd5Secret(password->text.view(), login_.user);
    if (!made) return Fail(made.error().code, made.error().detail);
    secret = *made;
  } else {
    return CannotAnswer("an md5 password");
  }
  const Result<std::string> response = auth::MakeMd5Response(secret.view(), salt);
  if (!response) return Fail(response.error().code, response.error().detail);
  Action action{.kind = ActionKind::kSend};
  wire::AppendPasswordMessage(action.send, *response);
  state_ = State::kOk;
  return action;
}

ServerHandshake::Action ServerHandshake::AnswerSasl(std::string_view mechanisms) {
  const Result<std::vector<std::string_view>> offered = wire::ParseSaslMechanisms(mechanisms);
  if (!offered) return Violation(offered.error().detail);
  if (std::find(offered->begin(), offered->end(), auth::kScramMechanism) == offered->end()) {
    return Fail(ErrorCode::kServerUnreachable,
                fmt::format("the server offers SASL mechanism \"{}\" but not SCRAM-SHA-256, which "
                            "alone is supported",
                            Printable(offered->front())));
  }
  if (!std::holds_alternative<PlainPassword>(login_.credential) &&
      !std::holds_alternative<auth::ScramKeys>(login_.credential)) {
    return CannotAnswer("SCRAM-SHA-256");
  }
  scram_.emplace(random_);
  Action action{.kind = ActionKind::kSend};
  wire::AppendSaslInitialResponse(action.send, auth::kScramMechanism, scram_->Start());
  state_ = State::kSaslContinue;
  return action;
}

ServerHandshake::Action ServerHandshake::OnServerFirst(std::string_view data) {
  Result<auth::ScramClient::NeedKeys> need = scram_->ReceiveServerFirst(data);
  if (!need) return Violation(need.error().detail);
  state_ = State::kOwner;
  if (const auto* keys = std::get_if<auth::ScramKeys>(&login_.credential)) return Continue(*keys);
  return {.kind = ActionKind::kNeedScramKeys,
          .salt = std::move(need->salt),
          .iterations = need->iterations};
}

ServerHandshake::Action ServerHandshake::Continue(const auth::ScramKeys& keys) {
  PGLYNX_CHECK(state_ == State::kOwner);
  Action action{.kind = ActionKind::kSend};
  wire::AppendSaslResponse(action.send, scram_->Continue(keys));
  state_ = State::kSaslFinal;
  return action;
}

ServerHandshake::Action ServerHandshake::OnServerFinal(std::string_view data) {
  const Status proven = scram_->ReceiveServerFinal(data);
  if (!proven) return Fail(proven.error().code, proven.error().detail);
  state_ = State::kOk;
  return {};
}

ServerHandshake::Action ServerHandshake::OnSession(char type, std::string_view body) {
  ByteReader reader(body);
  switch (type) {
    case 'S': {
      const std::string_view name = reader.CString();
      const std::string_view value = reader.CString();
      if (!reader.AtEnd()) return Violation("invalid ParameterStatus message");
      parameters_.push_back({std::string(name), std::string(value)});
      return {};
    }
    case 'K':
      pid_ = reader.U32();
      cancel_secret_ = reader.rest();
      if (!reader.ok() || cancel_secret_.size() < wire::kCancelSecretBytesMin ||
          cancel_secret_.size() > wire::kCancelSecretBytesMax) {
        return Violation("invalid BackendKeyData message: the secret has 4 to 256 bytes");
      }
      return {};
    case 'Z':
      if (body != "I") return Violation("the first ReadyForQuery does not say idle");
      state_ = State::kOver;
      return {.kind = ActionKind::kDone};
    default:
      return Violation(fmt::format("unexpected message type {} before ReadyForQuery",
                                   static_cast<unsigned char>(type)));
  }
}

namespace {

// States of the server that pass, by the code that drivers know; the rest is ours to mend.
ErrorCode CodeOf(std::string_view sqlstate) {
  if (sqlstate == "57P03") return ErrorCode::kServerNotReady;
  if (sqlstate == "53300") return ErrorCode::kServerFull;
  return ErrorCode::kServerUnreachable;
}

}  // namespace

ServerHandshake::Action ServerHandshake::OnErrorResponse(std::string_view body) {
  server_error_ = ParseServerError(body);
  if (!server_error_) return Violation("invalid ErrorResponse message");
  return Fail(
      CodeOf(server_error_->sqlstate),
      fmt::format("the server says {}: {} (SQLSTATE {})", Printable(server_error_->severity),
                  Printable(server_error_->message, kPrintableMessageBytesMax),
                  Printable(server_error_->sqlstate)));
}

ServerHandshake::Action ServerHandshake::Fail(ErrorCode code, std::string_view why) {
  state_ = State::kOver;
  return {
      .kind = ActionKind::kFailed,
      .error = Error{code, fmt::format("login of user \"{}\" to database \"{}\" failed: {}",
                                       Printable(login_.user), Printable(login_.database), why)}};
}

ServerHandshake::Action ServerHandshake::Violation(std::string_view why) {
  return Fail(ErrorCode::kServerProtocolViolation, why);
}

ServerHandshake::Action ServerHandshake::CannotAnswer(std::string_view asked) {
  return Fail(ErrorCode::kServerUnreachable, fmt::format("the server asks for {}, but we have {}",
                                                         asked, NameOf(login_.credential)));
}

}  // namespace pglynx::handshake
