#include "pglynx/handshake/client_handshake.h"

#include <utility>

#include <fmt/format.h>

#include "handshake/printable.h"
#include "pglynx/auth/md5.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::handshake {
namespace {

constexpr size_t kPasswordMessageBytesMax = 4096;
constexpr std::string_view kRefuseEncryption = "N";
// Protocol options, as opposed to settings ("Start-up" in the manual). We know none.
constexpr std::string_view kProtocolOptionPrefix = "_pq_.";
constexpr std::string_view kMockMd5Secret = "md500000000000000000000000000000000";

Error Violation(std::string text) {
  return Error{ErrorCode::kProtocolViolation, std::move(text)};
}

}  // namespace

ClientHandshake::Action ClientHandshake::Step(std::string_view& input) {
  if (state_ == State::kOwner || state_ == State::kOver) return {};
  const bool is_first = state_ == State::kFirstPacket;
  const MessageCollector::Outcome outcome =
      is_first
          ? collector_.Take(input, MessageCollector::Framing::kUntyped, wire::kStartupBytesMax)
          : collector_.Take(input, MessageCollector::Framing::kTyped, kPasswordMessageBytesMax);
  if (outcome == MessageCollector::Outcome::kNeedMore) return {};
  if (is_first) return OnFirstPacket();  // ParseStartup refuses a bad length itself
  if (collector_.type() != 'p') {
    return Fail(Violation(fmt::format("expected password response, got message type {}",
                                      static_cast<unsigned char>(collector_.type()))));
  }
  if (outcome == MessageCollector::Outcome::kBadLength) {
    return Fail(Violation(fmt::format("invalid length of password message: at most {} bytes",
                                      kPasswordMessageBytesMax)));
  }
  return OnPasswordMessage();
}

ClientHandshake::Action ClientHandshake::OnFirstPacket() {
  Result<std::optional<wire::ParsedStartup>> parsed = wire::ParseStartup(collector_.whole());
  if (!parsed) return Fail(parsed.error());
  // The collector has a whole packet or a length that ParseStartup refuses.
  PGLYNX_CHECK(parsed->has_value());
  wire::StartupPacket packet = std::move((*parsed)->packet);
  collector_.Clear();
  if (std::holds_alternative<wire::SslRequest>(packet)) {
    if (std::exchange(ssl_refused_, true)) return Fail(Violation("SSLRequest was sent twice"));
    return {.kind = ActionKind::kSend, .send = std::string(kRefuseEncryption)};
  }
  if (std::holds_alternative<wire::GssEncRequest>(packet)) {
    if (std::exchange(gss_refused_, true)) return Fail(Violation("GSSENCRequest was sent twice"));
    return {.kind = ActionKind::kSend, .send = std::string(kRefuseEncryption)};
  }
  if (auto* cancel = std::get_if<wire::CancelRequest>(&packet)) {
    state_ = State::kOver;
    return {.kind = ActionKind::kCancel, .cancel = std::move(*cancel)};
  }
  return OnStartup(std::move(std::get<wire::StartupMessage>(packet)));
}

ClientHandshake::Action ClientHandshake::OnStartup(wire::StartupMessage message) {
  startup_.minor = message.minor;
  minor_ = message.minor >= 2 ? 2 : 0;
  for (wire::StartupParameter& parameter : message.parameters) {
    if (parameter.name.starts_with(kProtocolOptionPrefix)) {
      unrecognized_options_.push_back(std::move(parameter.name));
    } else {
      startup_.parameters.push_back(std::move(parameter));
    }
  }
  user_ = startup_.Find("user").value_or("");
  if (user_.empty()) {
    return Fail(Error{ErrorCode::kInvalidAuthorization,
                      "no PostgreSQL user name specified in startup packet"});
  }
  database_ = startup_.Find("database").value_or("");
  if (database_.empty()) database_ = user_;
  state_ = State::kOwner;
  return {.kind = ActionKind::kStartup};
}

ClientHandshake::Action ClientHandshake::Challenge(AuthPlan plan) {
  PGLYNX_CHECK(state_ == State::kOwner);
  plan_ = std::move(plan);
  std::string send;
  AppendNegotiation(send);
  switch (plan_.method) {
    case AuthPlan::Method::kTrust:
      return Authenticated(std::move(send));
    case AuthPlan::Method::kMd5:
    case AuthPlan::Method::kMd5Mock:
      md5_salt_ = random_.Bytes(auth::kMd5SaltBytes);
      wire::AppendAuthenticationMd5Password(send, md5_salt_);
      state_ = State::kMd5Response;
      break;
    case AuthPlan::Method::kScram:
      PGLYNX_CHECK(plan_.verifier.has_value());
      scram_.emplace(*plan_.verifier, random_);
      break;
    case AuthPlan::Method::kScramMock:
      scram_ = auth::ScramServer::Mock(plan_.secret.view(), user_, random_);
      break;
  }
  if (scram_) {
    const std::string_view mechanisms[] = {auth::kScramMechanism};
    wire::AppendAuthenticationSasl(send, mechanisms);
    state_ = State::kSaslInitial;
  }
  return {.kind = ActionKind::kSend, .send = std::move(send)};
}

ClientHandshake::Action ClientHandshake::Reject(Error error) {
  PGLYNX_CHECK(state_ == State::kOwner);
  return Fail(std::move(error));
}

ClientHandshake::Action ClientHandshake::OnPasswordMessage() {
  const std::string_view body = collector_.body();
  Action action;
  switch (state_) {
    case State::kMd5Response:
      action = OnMd5Response(body);
      break;
    case State::kSaslInitial:
      action = OnSaslInitial(body);
      break;
    case State::kSaslResponse:
      action = OnSaslResponse(body);
      break;
    case State::kFirstPacket:
    case State::kOwner:
    case State::kOver:
      PGLYNX_CHECK(false);  // Step does not come here in these states
  }
  collector_.Clear();
  return action;
}

ClientHandshake::Action ClientHandshake::OnMd5Response(std::string_view body) {
  const Result<std::string_view> response = wire::ParsePasswordMessage(body);
  if (!response) return Fail(response.error());
  // A mock does the same work against a secret of the right form.
  const bool is_mock = plan_.method == AuthPlan::Method::kMd5Mock;
  const std::string_view secret = is_mock ? kMockMd5Secret : plan_.secret.view();
  const Result<bool> right = auth::VerifyMd5Response(secret, md5_salt_, *response);
  if (!right) return Fail(right.error());
  return *right && !is_mock ? Authenticated({}) : WrongPassword();
}

ClientHandshake::Action ClientHandshake::OnSaslInitial(std::string_view body) {
  const Result<wire::SaslInitialResponse> initial = wire::ParseSaslInitialResponse(body);
  if (!initial) return Fail(initial.error());
  if (initial->mechanism != auth::kScramMechanism) {
    return Fail(
        Violation("client selected an invalid SASL authentication mechanism: offered is "
                  "SCRAM-SHA-256"));
  }
  if (!initial->response) {
    return Fail(Violation("SASLInitialResponse has no client-first-message"));
  }
  const Result<std::string> server_first = scram_->ReceiveClientFirst(*initial->response);
  if (!server_first) return Fail(server_first.error());
  state_ = State::kSaslResponse;
  Action action{.kind = ActionKind::kSend};
  wire::AppendAuthenticationSaslContinue(action.send, *server_first);
  return action;
}

ClientHandshake::Action ClientHandshake::OnSaslResponse(std::string_view body) {
  const Result<auth::ScramServer::Success> success = scram_->ReceiveClientFinal(body);
  if (!success) {
    return success.error().code == ErrorCode::kInvalidPassword ? WrongPassword()
                                                               : Fail(success.error());
  }
  std::string send;
  wire::AppendAuthenticationSaslFinal(send, success->server_final);
  Action action = Authenticated(std::move(send));
  action.scram_keys = success->keys;
  return action;
}

ClientHandshake::Action ClientHandshake::Authenticated(std::string send) {
  state_ = State::kOver;
  wire::AppendAuthenticationOk(send);
  return {.kind = ActionKind::kAuthenticated, .send = std::move(send)};
}

ClientHandshake::Action ClientHandshake::Fail(Error error) {
  state_ = State::kOver;
  Action action{.kind = ActionKind::kReject};
  wire::AppendErrorResponse(action.send, wire::Severity::kFatal, error);
  action.error = std::move(error);
  return action;
}

ClientHandshake::Action ClientHandshake::WrongPassword() {
  return Fail(
      Error{ErrorCode::kInvalidPassword,
            fmt::format("password authentication failed for user \"{}\"", Printable(user_))});
}

void ClientHandshake::AppendNegotiation(std::string& out) const {
  // Once, before anything else ("Start-up"): the client goes on with what is offered.
  if (startup_.minor <= wire::kProtocolMinorMax && unrecognized_options_.empty()) return;
  wire::AppendNegotiateProtocolVersion(out, minor_, unrecognized_options_);
}

}  // namespace pglynx::handshake
