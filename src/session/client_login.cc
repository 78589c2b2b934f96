#include "session/client_login.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/auth/md5.h"
#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"

namespace pglynx::session {
namespace {

using ActionKind = handshake::ClientHandshake::ActionKind;
using handshake::AuthPlan;
using Unstarted = ListNode<ClientLogin, UnstartedLogins>;

// A secret of protocol 3.0 has 4 bytes; 3.2 allows more, and these cannot be guessed.
constexpr uint8_t kSecretBytes = 4;
constexpr uint8_t kLongSecretBytes = 32;

bool IsConsoleDatabase(std::string_view database) {
  return database == "pglynx" || database == "pgbouncer" || database == "pgcat";
}

}  // namespace

ClientLogin::ClientLogin(SessionTable& table, uint64_t id, std::unique_ptr<net::Stream> stream)
    : table_(table), id_(id), stream_(std::move(stream)), handshake_(table.world().random) {}

ClientLogin::~ClientLogin() = default;

void ClientLogin::Start() {
  SessionWorld& world = table_.world();
  world.loop.Arm(timer_,
                 DeadlineAfter(world.loop.Now(), world.config->general.client_login_timeout));
  stream_->SetListener(*this);
}

void ClientLogin::OnData(std::span<char> bytes) {
  heard_ = true;
  unread_.append(bytes.data(), bytes.size());
  if (phase_ == Phase::kHandshake || phase_ == Phase::kProof) ConsumeUnread();
  if (phase_ != Phase::kOver && unread_.size() > kUnreadBytesMax && !paused_) {
    paused_ = true;
    stream_->Pause();
  }
}

void ClientLogin::ConsumeUnread() {
  std::string_view rest = unread_;
  while (phase_ == Phase::kHandshake || phase_ == Phase::kProof) {
    handshake::ClientHandshake::Action action = handshake_.Step(rest);
    if (action.kind == ActionKind::kNone && action.send.empty()) break;
    // What Act starts may look at unread_: it must hold only what has not been taken.
    const size_t left = rest.size();
    unread_.erase(0, unread_.size() - left);
    Act(std::move(action));
    rest = unread_;
  }
  if (phase_ != Phase::kOver) unread_.erase(0, unread_.size() - rest.size());
}

void ClientLogin::Act(handshake::ClientHandshake::Action action) {
  switch (action.kind) {
    case ActionKind::kNone:
    case ActionKind::kSend:
      Write(action.send);
      return;
    case ActionKind::kStartup:
      Write(action.send);
      OnStartup();
      return;
    case ActionKind::kCancel:
      phase_ = Phase::kCancel;
      Unstarted::Unlink();
      table_.Cancel(action.cancel.pid, action.cancel.secret,
                    [&table = table_, id = id_] { table.FinishLogin(id); });
      return;
    case ActionKind::kAuthenticated:
      greeting_ = std::move(action.send);
      OnAuthenticated(action.scram_keys);
      return;
    case ActionKind::kReject:
      Write(action.send);
      table_.world().log.Warn("login refused", {{"address", stream_->peer().ToString()},
                                                {"user", handshake_.user()},
                                                {"database", handshake_.database()},
                                                {"cause", action.error->detail}});
      Finish();
      return;
  }
}

void ClientLogin::OnStartup() {
  phase_ = Phase::kProof;
  Unstarted::Unlink();
  if (HandOverToConsole()) return;
  std::unique_ptr<Error> refusal = table_.Refusal();
  started_ = true;
  table_.CountStarted(true);
  if (refusal != nullptr) {
    Act(handshake_.Reject(*refusal));
    return;
  }
  for (const wire::StartupParameter& parameter : handshake_.parameters()) {
    if (parameter.name != "replication") continue;
    const Result<wire::ReplicationMode> mode = wire::ParseReplication(parameter.value);
    if (!mode) {
      Act(handshake_.Reject(mode.error()));
      return;
    }
    if (*mode != wire::ReplicationMode::kNone) {
      Act(handshake_.Reject({ErrorCode::kFeatureNotSupported,
                             "replication connections are not available through pglynx; "
                             "connect to the server itself"}));
      return;
    }
  }
  const std::optional<AuthPlan> plan = Plan();
  if (plan.has_value()) Act(handshake_.Challenge(*plan));
}

bool ClientLogin::HandOverToConsole() {
  const config::Admin& admin = table_.world().config->admin;
  if (!admin.enabled || !admin.on_client_port || !IsConsoleDatabase(handshake_.database())) {
    return false;
  }
  // The console does its own login: it gets the startup packet again, and what follows.
  std::string first;
  wire::AppendStartupMessage(first, handshake_.minor(), handshake_.parameters());
  first += unread_;
  unread_.clear();
  phase_ = Phase::kOver;
  timer_.Disarm();
  table_.world().host.OpenConsole(std::move(stream_), std::move(first));
  table_.Remove(*this);
  return true;
}

std::optional<AuthPlan> ClientLogin::Plan() {
  SessionWorld& world = table_.world();
  const config::AuthMethod method = world.config->auth.method;
  UserEntry* user = world.users.Find(handshake_.database(), handshake_.user()).user;
  if (method == config::AuthMethod::kTrust && user != nullptr) return AuthPlan::Trust();
  const bool md5 = method == config::AuthMethod::kMd5;
  if (user == nullptr) {
    return md5 ? AuthPlan::Md5Mock() : AuthPlan::ScramMock(table_.mock_secret());
  }
  auth::Credential& credential = user->credential;
  if (md5 && credential.kind() == auth::Credential::Kind::kMd5Secret) {
    return AuthPlan::Md5(credential.secret().view());
  }
  if (md5 && credential.kind() == auth::Credential::Kind::kPlainPassword) {
    const Result<auth::SecretString> secret =
        auth::MakeMd5Secret(credential.secret().view(), handshake_.user());
    return secret ? AuthPlan::Md5(secret->view()) : AuthPlan::Md5Mock();
  }
  if (credential.verifier() != nullptr) return AuthPlan::Scram(*credential.verifier());
  if (credential.kind() == auth::Credential::Kind::kPlainPassword) {
    MakeVerifierOffLoop();
    return std::nullopt;
  }
  return AuthPlan::ScramMock(table_.mock_secret());
}

// PBKDF2 once for each plain password of the configuration.
void ClientLogin::MakeVerifierOffLoop() {
  SessionWorld& world = table_.world();
  UserEntry* user = world.users.Find(handshake_.database(), handshake_.user()).user;
  struct Work {
    auth::SecretString password;
    std::string salt;
    auth::ScramVerifier verifier;
  };
  auto shared = std::make_shared<Work>(
      Work{user->credential.secret(), world.random.Bytes(auth::kScramSaltBytes), {}});
  verifier_work_ = world.loop.Offload(
      [shared] {
        shared->verifier = auth::MakeVerifier(shared->password.view(), shared->salt,
                                              auth::kScramIterationsDefault);
      },
      [this, shared] {
        verifier_work_.reset();
        UserEntry* now = table_.world().users.Find(handshake_.database(), handshake_.user()).user;
        // The configuration may have been reloaded meanwhile, or another login was faster.
        if (now != nullptr && now->credential.verifier() == nullptr &&
            now->credential.kind() == auth::Credential::Kind::kPlainPassword &&
            now->credential.secret().view() == shared->password.view()) {
          now->credential.CacheVerifier(shared->verifier);
        }
        const std::optional<AuthPlan> plan = Plan();
        if (plan.has_value()) Act(handshake_.Challenge(*plan));
        if (phase_ == Phase::kProof) ConsumeUnread();
      });
}

void ClientLogin::OnAuthenticated(const std::optional<auth::ScramKeys>& keys) {
  phase_ = Phase::kSettings;
  SessionWorld& world = table_.world();
  const UserDirectory::Found found = world.users.Find(handshake_.database(), handshake_.user());
  if (found.user == nullptr || !found.serves_database) {
    Fatal({ErrorCode::kUnknownDatabase,
           fmt::format("database \"{}\" does not exist", handshake_.database())});
    return;
  }
  pool_ = &world.host.PoolFor(*found.user, handshake_.database());
  if (keys.has_value() && found.user->credential.kind() == auth::Credential::Kind::kScramVerifier) {
    pool_->scram_client_key = keys->client_key.view();
    pool_->scram_server_key = keys->server_key.view();
  }
  if (const std::optional<Error> refusal = pool_->ClientRefusal()) {
    Fatal(*refusal);
    return;
  }
  const Status collected = CollectSettings();
  if (!collected) {
    Fatal(collected.error());
    return;
  }
  ContinueWithSettings();
}

// nullptr: a value has been forgotten since it was asked for, as that cache is bounded.
const pool::Pool::Greeting* ClientLogin::Greet() {
  if (const pool::Pool::Greeting* known = pool_->FindGreeting(settings_)) return known;
  pool::ParameterRef parameters = pool_->welcome()->defaults;
  for (const wire::StartupParameter& setting : settings_) {
    const pool::Parameter* canonical = pool_->FindCanonical(setting.name, setting.value);
    if (canonical == nullptr) return nullptr;
    parameters = table_.world().parameters.With(parameters, canonical->name, canonical->value);
  }
  return &pool_->MakeGreeting(settings_, std::move(parameters));
}

void ClientLogin::Complete() {
  SessionWorld& world = table_.world();
  if (const Error* closing = table_.closing()) {  // since the StartupMessage was judged
    Fatal(*closing);
    return;
  }
  if (const std::optional<Error> refusal = pool_->ClientRefusal()) {  // others were faster
    Fatal(*refusal);
    return;
  }
  if (!pool_->welcome().has_value()) {  // RECONNECT, or a reload, while a server was asked
    ContinueWithSettings();
    return;
  }
  const pool::Pool::Greeting* greeting = Greet();
  if (greeting == nullptr) {
    ContinueWithSettings();
    return;
  }
  greeting_ += greeting->messages;
  const uint8_t secret_bytes = handshake_.minor() >= 2 ? kLongSecretBytes : kSecretBytes;
  const CancelKey key = table_.NewCancelKey(secret_bytes);
  wire::AppendBackendKeyData(greeting_, key.pid, table_.CancelSecret(key));
  wire::AppendReadyForQuery(greeting_, 'I');
  Write(greeting_);
  if (paused_) stream_->Resume();
  if (world.config->general.log_client_connections) {
    world.log.Info("client connected", {{"client", std::to_string(id_)},
                                        {"address", stream_->peer().ToString()},
                                        {"pool", pool_->Name()}});
  }
  phase_ = Phase::kOver;
  timer_.Disarm();
  auto session = std::make_unique<ClientSession>(
      table_, ClientSession::Birth{.id = id_,
                                   .cancel_key = key,
                                   .stream = std::move(stream_),
                                   .pool = *pool_,
                                   .rules = world.host.RulesFor(*pool_),
                                   .parameters = greeting->parameters,
                                   .connected_at_us = world.loop.WallClockMicros()});
  ClientSession& started = *session;
  const std::string unread = std::move(unread_);
  table_.Add(std::move(session));
  table_.Remove(*this);
  started.Start(unread);
}

void ClientLogin::OnClosed(const Error&) {
  Finish();
}

void ClientLogin::OnServerClosed(const Error& cause) {
  lease_.Forget();
  Fatal(cause);
}

// What the client is owed so far goes first.
void ClientLogin::OnLongWait(std::string_view reason) {
  wire::AppendNoticeResponse(greeting_, {.severity = wire::Severity::kNotice,
                                         .sqlstate = "00000",
                                         .message = reason,
                                         .detail = {},
                                         .hint = {}});
  Write(greeting_);
  greeting_.clear();
}

void ClientLogin::OnTimeout() {
  if (!heard_) {
    Evict();  // a port scan: there is nobody to tell
    return;
  }
  const Duration timeout = table_.world().config->general.client_login_timeout;
  Fatal({ErrorCode::kIdleSessionTimeout,
         fmt::format("login was not completed within client_login_timeout = {} ms",
                     timeout.count() / 1000)});
}

void ClientLogin::Fatal(const Error& error) {
  if (phase_ == Phase::kOver) return;
  table_.world().log.Warn("login failed", {{"address", stream_->peer().ToString()},
                                           {"user", handshake_.user()},
                                           {"database", handshake_.database()},
                                           {"cause", error.detail}});
  std::string message = std::move(greeting_);
  // To a client that logs in, what the server is going through is what Postgres would say; in
  // a session that goes on it would look like the end of that.
  const bool not_ready = error.code == ErrorCode::kServerNotReady;
  wire::AppendErrorResponse(
      message, wire::Severity::kFatal,
      {not_ready ? ErrorCode::kCannotConnectNow : error.code, error.detail, error.hint});
  Write(message);
  Finish();
}

// Not FinishAndClose, which waits for the peer: whoever says nothing does not close either.
void ClientLogin::Evict() {
  phase_ = Phase::kOver;
  Unstarted::Unlink();
  timer_.Disarm();
  stream_->Close();
  table_.Remove(*this);
}

void ClientLogin::Finish() {
  if (phase_ == Phase::kOver) return;
  phase_ = Phase::kOver;
  timer_.Disarm();
  verifier_work_.reset();
  Unstarted::Unlink();
  Waiter::Unlink();
  stream_->FinishAndClose();
  if (lease_ && !lease_->tracker().Quiet()) lease_->tracker().Doubt();
  table_.Remove(*this);
  lease_.Release();  // last: the server may go to another client in this call
}

}  // namespace pglynx::session
