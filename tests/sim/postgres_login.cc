// FakePostgres: the login ("Start-up" in the manual).

#include <variant>

#include "pglynx/auth/md5.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/startup.h"
#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

constexpr size_t kSecretBytes = 4;

}  // namespace

bool PostgresSession::OnStartupBytes() {
  const Result<std::optional<wire::ParsedStartup>> parsed = wire::ParseStartup(input_);
  if (!parsed) {
    Refuse("08P01", "invalid startup packet");
    return false;
  }
  if (!parsed->has_value()) return false;
  const wire::ParsedStartup startup = **parsed;
  input_.erase(0, startup.consumed);
  if (const auto* cancel = std::get_if<wire::CancelRequest>(&startup.packet)) {
    server_.Cancel(cancel->pid, cancel->secret);
    End();
    return false;
  }
  const auto* message = std::get_if<wire::StartupMessage>(&startup.packet);
  if (message == nullptr) {  // neither TLS nor GSSAPI
    stream_->Write("N");
    return true;
  }
  user_ = message->Find("user").value_or("");
  if (server_.IsDown()) {
    Refuse("57P03", "the database system is starting up");
    return false;
  }
  if (!server_.refuse_with.empty()) {
    Refuse(server_.refuse_with, "the server refuses logins");
    return false;
  }
  if (server_.dice().Chance(server_.faults.refuse_login)) {
    const bool full = server_.dice().Chance(0.5);
    Refuse(full ? "53300" : "57P03",
           full ? "sorry, too many clients already" : "the database system is shutting down");
    return false;
  }
  for (const wire::StartupParameter& parameter : message->parameters) {
    if (parameter.name == "user" || parameter.name == "database") continue;
    startup_parameters_.emplace_back(parameter.name, parameter.value);
  }
  OnStartup(user_);
  return true;
}

void PostgresSession::OnStartup(const std::string& user) {
  const PostgresUser* known = server_.FindUser(user);
  if (known == nullptr) {  // as with the method trust
    wire::AppendAuthenticationOk(out_);
    Refuse("28000", "role \"" + user + "\" does not exist");
    return;
  }
  switch (known->method) {
    case PostgresUser::Method::kTrust:
      LoggedIn();
      return;
    case PostgresUser::Method::kMd5:
      phase_ = Phase::kMd5;
      md5_salt_ = server_.world().random.Bytes(auth::kMd5SaltBytes);
      wire::AppendAuthenticationMd5Password(out_, md5_salt_);
      break;
    case PostgresUser::Method::kScram: {
      phase_ = Phase::kSaslInitial;
      scram_.emplace(server_.VerifierOf(user), server_.world().random);
      const std::string_view mechanism = auth::kScramMechanism;
      wire::AppendAuthenticationSasl(out_, {&mechanism, 1});
      break;
    }
  }
  Flush();
}

void PostgresSession::OnPassword(std::string_view body) {
  if (phase_ != Phase::kMd5) {
    OnSasl(body);
    return;
  }
  const Result<std::string_view> response = wire::ParsePasswordMessage(body);
  const Result<auth::SecretString> secret =
      auth::MakeMd5Secret(server_.FindUser(user_)->password, user_);
  if (response && secret) {
    const Result<bool> proven = auth::VerifyMd5Response(secret->view(), md5_salt_, *response);
    if (proven && *proven) {
      LoggedIn();
      return;
    }
  }
  Refuse("28P01", "password authentication failed for user \"" + user_ + "\"");
}

void PostgresSession::OnSasl(std::string_view body) {
  if (phase_ == Phase::kSaslInitial) {
    const Result<wire::SaslInitialResponse> initial = wire::ParseSaslInitialResponse(body);
    const Result<std::string> first =
        initial ? scram_->ReceiveClientFirst(initial->response.value_or(""))
                : Result<std::string>(initial.error());
    if (first) {
      phase_ = Phase::kSaslResponse;
      wire::AppendAuthenticationSaslContinue(out_, *first);
      Flush();
      return;
    }
  } else {
    const Result<auth::ScramServer::Success> success = scram_->ReceiveClientFinal(body);
    if (success) {
      wire::AppendAuthenticationSaslFinal(out_, success->server_final);
      LoggedIn();
      return;
    }
  }
  Refuse("28P01", "password authentication failed for user \"" + user_ + "\"");
}

std::optional<SqlError> PostgresSession::ApplyStartupParameters() {
  state_.SetStartup(*FindParameter("session_authorization"), user_);
  for (const auto& [name, value] : startup_parameters_) {
    const KnownParameter* known = FindParameter(name);
    if (known == nullptr) {
      return SqlError{"42704", "unrecognized configuration parameter \"" + name + "\""};
    }
    const std::string printed(known->name);
    if (known->fixed) return SqlError{"55P02", "parameter \"" + printed + "\" cannot be changed"};
    const auto canonical = CanonicalValue(*known, value, state_.Value(*known));
    if (!canonical.has_value()) {
      return SqlError{"22023",
                      "invalid value for parameter \"" + printed + "\": \"" + value + "\""};
    }
    state_.SetStartup(*known, *canonical);
  }
  return std::nullopt;
}

void PostgresSession::LoggedIn() {
  phase_ = Phase::kLoginDelay;
  wire::AppendAuthenticationOk(out_);
  if (const std::optional<SqlError> error = ApplyStartupParameters()) {
    Refuse(error->sqlstate, error->message);
    return;
  }
  if (!server_.dice().Chance(server_.faults.late_login)) {
    Welcome();
    return;
  }
  const TimePoint later = server_.world().loop.Now() +
                          server_.dice().Between(Duration::zero(), server_.faults.late_max);
  wake_ = server_.world().loop.Schedule(later, [this] {
    Welcome();
    Process();
  });
}

void PostgresSession::Welcome() {
  phase_ = Phase::kReady;
  for (const KnownParameter* parameter : ReportedParameters()) {
    std::string value = state_.Value(*parameter);
    if (parameter->name == "server_version") value = server_.version();
    wire::AppendParameterStatus(out_, parameter->name, value);
    reported_[parameter->name] = state_.Value(*parameter);
  }
  pid_ = server_.NewPid(*this);
  secret_ = server_.world().random.Bytes(kSecretBytes);
  wire::AppendBackendKeyData(out_, pid_, secret_);
  wire::AppendReadyForQuery(out_, 'I');
  Flush();
}

void PostgresSession::Refuse(std::string_view sqlstate, std::string_view message) {
  wire::AppendErrorResponse(out_, {.severity = wire::Severity::kFatal,
                                   .sqlstate = sqlstate,
                                   .message = message,
                                   .detail = {},
                                   .hint = {}});
  Flush();
  End();
}

}  // namespace pglynx::sim
