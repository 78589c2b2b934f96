#include "backend/server_connection.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::backend {
namespace {

using wire::FrameScanner;
using Verdict = wire::ReplyTracker::Verdict;

constexpr std::string_view kTerminate("X\0\0\0\4", 5);

}  // namespace

ServerConnection::ServerConnection(Launcher& launcher, pool::Pool& pool, uint64_t id)
    : PooledServer(launcher.world().loop.blocks(), id),
      launcher_(launcher),
      pool_(pool),
      address_(launcher.target().address) {}

ServerConnection::~ServerConnection() {
  launcher_.world().cancels.Forget(*this);
}

void ServerConnection::Start() {
  BackendWorld& world = launcher_.world();
  memory().parameters = world.parameters.Empty();
  world.loop.Arm(timer_, DeadlineAfter(world.loop.Now(), launcher_.target().connect_timeout));
  connect_ = world.connector.Connect(address_, *this);
}

void ServerConnection::OnConnected(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetListener(*this);
  connect_.reset();
  connected_at_us_ = launcher_.world().loop.WallClockMicros();
  phase_ = Phase::kHandshake;
  const ServerTarget& target = launcher_.target();
  handshake_ = std::make_unique<handshake::ServerHandshake>(
      handshake::ServerLogin{.user = target.user,
                             .database = target.database,
                             .parameters = {},
                             .credential = launcher_.CredentialFor(pool_)},
      launcher_.world().random);
  std::string_view nothing;
  Act(handshake_->Start(), nothing);
}

void ServerConnection::OnConnectFailed(const Error& error) {
  login_failure = pool::LoginFailure::kRefused;
  Gone({error.code, fmt::format("{} (pool {})", error.detail, pool_.Name())});
}

void ServerConnection::OnData(std::span<char> bytes) {
  const std::string_view input(bytes.data(), bytes.size());
  switch (phase_) {
    case Phase::kHandshake:
      OnHandshakeData(input);
      break;
    case Phase::kExchange:
      ForEachMessage(input, &ServerConnection::OnExchangeMessage);
      break;
    case Phase::kPooled:
      if (user_ != nullptr) {
        user_->OnServerData(bytes);
      } else {
        ForEachMessage(input, &ServerConnection::OnIdleMessage);
      }
      break;
    case Phase::kDraining:
      ForEachMessage(input, &ServerConnection::OnDrainMessage);
      break;
    case Phase::kConnecting:
    case Phase::kClosed:
      break;
  }
}

void ServerConnection::OnHandshakeData(std::string_view input) {
  if (key_work_ != nullptr) {
    Fail(ErrorCode::kServerProtocolViolation, "spoke out of turn during the login");
    return;
  }
  while (phase_ == Phase::kHandshake && !input.empty() && key_work_ == nullptr) {
    Act(handshake_->Step(input), input);
  }
}

void ServerConnection::Act(handshake::ServerHandshake::Action action, std::string_view& input) {
  using Kind = handshake::ServerHandshake::ActionKind;
  if (!action.send.empty()) stream_->Write(action.send);
  switch (action.kind) {
    case Kind::kNone:
    case Kind::kSend:
      return;
    case Kind::kNeedScramKeys:
      OnNeedKeys(action.salt, action.iterations);
      return;
    case Kind::kFailed:
      if (action.error->code == ErrorCode::kServerNotReady) {
        login_failure = pool::LoginFailure::kNotReady;
      }
      Fail(action.error->code, action.error->detail);
      return;
    case Kind::kDone:
      OnLoggedIn(std::exchange(input, {}));
      return;
  }
}

void ServerConnection::OnNeedKeys(const std::string& salt, uint32_t iterations) {
  std::string_view nothing;
  if (const auth::ScramKeys* keys = launcher_.FindKeys(salt, iterations)) {
    Act(handshake_->Continue(*keys), nothing);
    return;
  }
  // Both run on another thread's time: the work owns copies, the result is handed over.
  struct Derivation {
    auth::SecretString password;
    std::string salt;
    uint32_t iterations;
    auth::ScramKeys keys;
  };
  auto derivation = std::make_shared<Derivation>(
      Derivation{launcher_.target().credential.secret(), salt, iterations, {}});
  key_work_ = launcher_.world().loop.Offload(
      [derivation] {
        derivation->keys = auth::DeriveScramKeys(derivation->password.view(), derivation->salt,
                                                 derivation->iterations);
      },
      [this, derivation] {
        key_work_.reset();
        launcher_.KeepKeys(derivation->salt, derivation->iterations, derivation->keys);
        std::string_view no_input;
        Act(handshake_->Continue(derivation->keys), no_input);
      });
}

// `more`: what came behind ReadyForQuery: a notice, or its last word where it shuts down.
void ServerConnection::OnLoggedIn(std::string_view more) {
  pool::Welcome welcome;
  pool::ParameterTable& table = launcher_.world().parameters;
  welcome.defaults = table.Empty();
  for (const wire::StartupParameter& parameter : handshake_->parameters()) {
    if (pool::IsFixedParameter(parameter.name)) {
      welcome.fixed.push_back({parameter.name, parameter.value});
    } else {
      welcome.defaults = table.With(welcome.defaults, parameter.name, parameter.value);
    }
  }
  memory().parameters = welcome.defaults;
  memory().defaults = welcome.defaults;
  // One that is to be replaced may be at another server than those to come.
  if (!close_needed) pool_.SetWelcome(std::move(welcome));
  pid_ = handshake_->pid();
  cancel_secret_ = handshake_->cancel_secret();
  handshake_.reset();
  if (!more.empty()) ForEachMessage(more, &ServerConnection::OnIdleMessage);
  if (phase_ == Phase::kClosed) return;
  if (!launcher_.target().connect_query.empty()) {
    StartExchange({{launcher_.target().connect_query, ""}});
    return;
  }
  phase_ = Phase::kPooled;
  timer_.Disarm();
  pool_.OnServerReady(*this);
}

void ServerConnection::StartExchange(
    std::vector<std::pair<std::string, std::string>> queries_and_tags) {
  phase_ = Phase::kExchange;
  expected_tags_.clear();
  tags_seen_ = 0;
  exchange_done_ = false;
  std::string messages;
  for (auto& [query, tag] : queries_and_tags) {
    wire::AppendQuery(messages, query);
    tracker().Sent(wire::Request::kHiddenQuery);
    expected_tags_.push_back(std::move(tag));
  }
  stream_->Write(messages);
  BackendWorld& world = launcher_.world();
  world.loop.Arm(timer_, DeadlineAfter(world.loop.Now(), launcher_.target().connect_timeout));
}

void ServerConnection::Recycle() {
  std::vector<std::pair<std::string, std::string>> queries;
  if (tracker().status() != 'I') queries.emplace_back("ROLLBACK", "ROLLBACK");
  discards_all_ = memory().needs_reset;
  if (discards_all_) queries.emplace_back("DISCARD ALL", "DISCARD ALL");
  PGLYNX_CHECK(!queries.empty() && phase_ == Phase::kPooled);
  StartExchange(std::move(queries));
}

void ServerConnection::Check() {
  PGLYNX_CHECK(phase_ == Phase::kPooled && tracker().Idle());
  StartExchange({{"", ""}});
  const BackendWorld& world = launcher_.world();
  world.loop.Arm(timer_, DeadlineAfter(world.loop.Now(), launcher_.target().healthcheck_timeout));
}

void ServerConnection::ForEachMessage(std::string_view bytes, Handler handle) {
  std::string joined;
  if (!held().empty()) {
    joined = held().view();
    joined += bytes;
    held().Clear();
    bytes = joined;
  }
  while (!bytes.empty() && phase_ != Phase::kClosed) {
    const size_t tail_bytes = std::min<size_t>(scanner().body_remaining(), bytes.size());
    const FrameScanner::Item item = scanner().Next(bytes);
    if (item.kind == FrameScanner::Kind::kNeedMore) {
      held().Append(bytes);
      break;
    }
    if (item.kind == FrameScanner::Kind::kInvalid || item.kind == FrameScanner::Kind::kTooLong) {
      Fail(ErrorCode::kServerProtocolViolation,
           fmt::format("sent an invalid message of type {}",
                       static_cast<int>(static_cast<uint8_t>(item.type))));
      return;
    }
    bytes.remove_prefix(item.bytes.size());
    if (item.kind == FrameScanner::Kind::kRun) {
      if (!CheckRun(item.bytes.substr(tail_bytes))) return;
      continue;
    }
    // What comes behind the end of an exchange is judged as on an idle connection.
    const Handler now = exchange_done_ ? &ServerConnection::OnIdleMessage : handle;
    if (!(this->*now)(item.type, item.bytes.substr(wire::kHeaderBytes))) return;
  }
  if (exchange_done_ && phase_ != Phase::kClosed) OnExchangeDone();
  if (phase_ == Phase::kDraining) CheckDrained();
}

// Messages that pass unread: rows during an exchange of ours, otherwise notices alone.
bool ServerConnection::CheckRun(std::string_view run) {
  if (phase_ == Phase::kDraining || (phase_ == Phase::kExchange && !exchange_done_)) return true;
  while (run.size() >= wire::kHeaderBytes) {
    if (run[0] != 'N') return OnIdleMessage(run[0], {});
    run.remove_prefix(std::min<size_t>(run.size(), size_t{LoadU32(run.data() + 1)} + 1));
  }
  return true;
}

bool ServerConnection::OnExchangeMessage(char type, std::string_view body) {
  if (type == 'S') return LearnParameter(body);
  const char status = type == 'Z' && !body.empty() ? body[0] : '\0';
  const Verdict verdict = tracker().Reply(type, status);
  if (verdict == Verdict::kHiddenFailed) {
    const auto error = handshake::ParseServerError(body);
    Fail(ErrorCode::kServerUnreachable,
         fmt::format("refused a query of the pooler: {}", error ? error->message : ""));
    return false;
  }
  if (verdict != Verdict::kSwallow) {
    Fail(ErrorCode::kServerProtocolViolation, "sent a reply to nothing");
    return false;
  }
  if (type == 'C' && tags_seen_ < expected_tags_.size()) {
    const std::string& expected = expected_tags_[tags_seen_];
    if (!expected.empty()) {
      if (body != std::string_view(expected.c_str(), expected.size() + 1)) {
        Fail(ErrorCode::kServerProtocolViolation, fmt::format("did not confirm {}", expected));
        return false;
      }
      ++tags_seen_;
    }
  }
  exchange_done_ = type == 'Z' && tracker().empty();
  return true;
}

void ServerConnection::OnExchangeDone() {
  exchange_done_ = false;
  const bool all_confirmed = tags_seen_ == expected_tags_.size() ||
                             (expected_tags_.size() == 1 && expected_tags_[0].empty());
  if (!all_confirmed || !tracker().Idle() || !AtMessageBoundary()) {
    Fail(ErrorCode::kServerLost, "could not be brought back to an idle session");
    return;
  }
  timer_.Disarm();
  phase_ = Phase::kPooled;
  pool::ServerMemory& memory = this->memory();
  memory.unnamed = {};  // each Query drops it
  if (discards_all_) {
    discards_all_ = false;
    memory.needs_reset = false;
    memory.settings_unknown = false;
    memory.statements.Clear();
    memory.sequences_of = 0;
    // What is reported has been reported; what is not is at its default again.
    const pool::ParameterRef before = memory.parameters;
    for (const pool::Parameter& parameter : before->all()) {
      if (pool_.welcome().has_value() &&
          pool_.welcome()->defaults->Find(parameter.name) != nullptr) {
        continue;
      }
      memory.parameters = launcher_.world().parameters.Without(memory.parameters, parameter.name);
    }
  }
  pool_.OnServerReady(*this);
}

// Nothing is owed to a free server: settings may change under it (a reload of Postgres),
// notices pass, and an error is its last word.
bool ServerConnection::OnIdleMessage(char type, std::string_view body) {
  if (type == 'S') return LearnParameter(body);
  if (type == 'A') return true;  // of a channel that a later UNLISTEN or reset has closed
  if (type == 'E') {
    const auto error = handshake::ParseServerError(body);
    Fail(ErrorCode::kServerLost,
         fmt::format("ended the connection: {}", error ? error->message : "unreadable error"));
    return false;
  }
  Fail(ErrorCode::kServerProtocolViolation,
       fmt::format("sent a message of type '{}' unasked", type));
  return false;
}

bool ServerConnection::LearnParameter(std::string_view body) {
  ByteReader reader(body);
  const std::string_view name = reader.CString();
  const std::string_view value = reader.CString();
  if (!reader.ok()) {
    Fail(ErrorCode::kServerProtocolViolation, "sent an invalid ParameterStatus");
    return false;
  }
  if (name == pool::kInHotStandby) pool_.LearnStandby(value);
  if (!pool::IsFixedParameter(name)) {
    memory().parameters = launcher_.world().parameters.With(memory().parameters, name, value);
  }
  return true;
}

void ServerConnection::OnDrained() {
  if (user_ != nullptr) user_->OnServerDrained();
}

void ServerConnection::OnClosed(const Error& cause) {
  login_failure = pool::LoginFailure::kRefused;
  Fail(handshake_ != nullptr ? ErrorCode::kServerUnreachable : ErrorCode::kServerLost,
       fmt::format("closed the connection: {}", cause.detail));
}

void ServerConnection::OnTimeout() {
  if (phase_ == Phase::kDraining) {
    OnDrainTimeout();
    return;
  }
  const Duration timeout = launcher_.target().connect_timeout;
  const std::string limit = fmt::format("connect_timeout = {} ms", timeout.count() / 1000);
  if (in_check) {
    login_failure = pool::LoginFailure::kLate;
    Fail(ErrorCode::kServerLost,
         fmt::format("did not answer a health check within healthcheck_timeout = {} ms",
                     launcher_.target().healthcheck_timeout.count() / 1000));
  } else if (phase_ == Phase::kExchange && state != pool::ServerState::kLogin) {
    Fail(ErrorCode::kServerLost, "did not reset its session within " + limit);
  } else {
    login_failure = pool::LoginFailure::kLate;
    Fail(ErrorCode::kServerUnreachable, "did not complete connect and login within " + limit);
  }
}

std::string ServerConnection::PeerHost() const {
  return stream_ == nullptr ? "" : stream_->RemoteAddress().host;
}

// To the very server: its name may stand for another one by now, or for several.
void ServerConnection::Cancel(std::function<void()> done) {
  ++cancels_in_flight_;
  ++pool_.cancels_in_flight;
  const Duration timeout = launcher_.target().connect_timeout;
  launcher_.world().cancels.Start({stream_->RemoteAddress(), pid_, cancel_secret_, timeout}, *this,
                                  std::move(done));
}

void ServerConnection::OnCancelDone() {
  --cancels_in_flight_;
  --pool_.cancels_in_flight;
  if (state == pool::ServerState::kBeingCanceled && cancels_in_flight_ == 0) {
    pool_.OnServerReady(*this);
  } else if (phase_ == Phase::kDraining) {
    CheckDrained();
  } else if (user_ != nullptr && cancels_in_flight_ == 0) {
    user_->OnServerCancelsDone();
  }
}

void ServerConnection::Close() {
  if (phase_ == Phase::kClosed) return;
  if (stream_ != nullptr && tracker().Idle()) {
    stream_->Write(kTerminate);
    // Postgres closes its end when the backend has given up its place there: so long this
    // connection counts.
    if (slot != nullptr) slot->MarkClosing();
    stream_->FinishAndClose(std::move(slot));
  }
  Gone({ErrorCode::kConnectionClosed,
        fmt::format("server {} was closed by the pooler (pool {})", Peer(), pool_.Name())});
}

void ServerConnection::Fail(ErrorCode code, std::string_view what) {
  Gone({code, fmt::format("server {} {} (pool {})", Peer(), what, pool_.Name())});
}

void ServerConnection::Gone(const Error& error) {
  if (phase_ == Phase::kClosed) return;
  const bool wanted = user_ != nullptr || state == pool::ServerState::kLogin;
  launcher_.world().log.Write(wanted ? LogLevel::kWarn : LogLevel::kDebug,
                              "server connection closed",
                              {{"pool", pool_.Name()},
                               {"server", Peer()},
                               {"id", std::to_string(id())},
                               {"cause", error.detail}});
  phase_ = Phase::kClosed;
  timer_.Disarm();
  connect_.reset();
  key_work_.reset();
  if (stream_ != nullptr) stream_->Close();
  pool_.cancels_in_flight -= cancels_in_flight_;
  cancels_in_flight_ = 0;
  launcher_.world().cancels.Forget(*this);
  pool::ServerUser* user = std::exchange(user_, nullptr);
  if (user != nullptr) user->OnServerClosed(error);
  pool_.OnServerGone(*this, error);
}

void ServerConnection::FillRow(pool::ConnectionRow& row) const {
  row.address = address_.host;
  row.port = address_.port;
  if (stream_ != nullptr) {
    const net::Address local = stream_->LocalAddress();
    row.local_address = local.host;
    row.local_port = local.port;
  }
  row.connect_time_us = connected_at_us_;
  row.request_time_us = connected_at_us_;
  row.remote_pid = pid_;
}

}  // namespace pglynx::backend
