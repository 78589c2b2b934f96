#include "admin/admin_session.h"

#include <fmt/format.h>

#include "pglynx/auth/md5.h"
#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {

using ActionKind = handshake::ClientHandshake::ActionKind;
using handshake::AuthPlan;

AdminSession::AdminSession(ConsoleTable& table, std::unique_ptr<net::Stream> stream)
    : table_(table), stream_(std::move(stream)), handshake_(table.world_.random) {}

AdminSession::~AdminSession() = default;

void AdminSession::Start(std::string_view first) {
  net::EventLoop& loop = table_.world_.loop;
  loop.Arm(timer_, DeadlineAfter(loop.Now(), table_.world_.login_timeout));
  stream_->SetListener(*this);
  input_ = first;
  Consume();
}

void AdminSession::OnData(std::span<char> bytes) {
  input_.append(bytes.data(), bytes.size());
  if (waiting_ && !full_ && input_.size() > kConsoleMessageBytesMax) {
    full_ = true;
    stream_->Pause();
  }
  Consume();
}

void AdminSession::Consume() {
  if (console_ == nullptr) ConsumeLogin();
  while (console_ != nullptr && !over_ && !paused_ && !waiting_ && ConsumeMessage()) {
  }
}

void AdminSession::ConsumeLogin() {
  while (!over_ && console_ == nullptr) {
    std::string_view rest = input_;
    handshake::ClientHandshake::Action action = handshake_.Step(rest);
    input_.erase(0, input_.size() - rest.size());
    const bool waits = action.kind == ActionKind::kNone;
    Act(std::move(action));
    if (waits) return;
  }
}

void AdminSession::Act(handshake::ClientHandshake::Action action) {
  if (!action.send.empty()) stream_->Write(action.send);
  switch (action.kind) {
    case ActionKind::kNone:
    case ActionKind::kSend:
      return;
    case ActionKind::kStartup:
      OnStartup();
      return;
    case ActionKind::kAuthenticated:
      Welcome();
      return;
    case ActionKind::kCancel:
      Finish();
      return;  // the console's commands end by themselves
    case ActionKind::kReject:
      table_.world_.log.Warn("console login refused", {{"address", stream_->peer().ToString()},
                                                       {"user", handshake_.user()},
                                                       {"cause", action.error->detail}});
      Finish();
      return;
  }
}

void AdminSession::OnStartup() {
  const std::optional<ConsoleUsers::Known> known =
      table_.world_.users.FindConsoleUser(handshake_.user());
  AuthPlan plan = AuthPlan::ScramMock(table_.mock_secret_);
  if (known.has_value()) {
    rights_ = known->rights;
    if (known->credential->verifier() != nullptr) {
      plan = AuthPlan::Scram(*known->credential->verifier());
    } else if (known->credential->kind() == auth::Credential::Kind::kMd5Secret) {
      plan = AuthPlan::Md5(known->credential->secret().view());
    }
  }
  Act(handshake_.Challenge(std::move(plan)));
}

void AdminSession::Welcome() {
  timer_.Disarm();
  const std::string version = fmt::format("{}/pglynx", table_.world_.host.version());
  std::string greeting;
  const std::pair<std::string_view, std::string_view> parameters[] = {
      {"server_version", version}, {"client_encoding", "UTF8"},
      {"server_encoding", "UTF8"}, {"DateStyle", "ISO"},
      {"TimeZone", "GMT"},         {"integer_datetimes", "on"},
      {"is_superuser", "on"},      {"standard_conforming_strings", "on"}};
  for (const auto& [name, value] : parameters) {
    wire::AppendParameterStatus(greeting, name, value);
  }
  // Nothing here runs long enough to be cancelled: a key nobody looks up.
  wire::AppendBackendKeyData(greeting, 0, table_.world_.random.Bytes(4));
  wire::AppendReadyForQuery(greeting, 'I');
  stream_->Write(greeting);
  console_ = std::make_unique<Console>(table_.world_.host, rights_);
}

bool AdminSession::ConsumeMessage() {
  if (input_.size() < wire::kHeaderBytes) return false;
  const uint32_t length = LoadU32(input_.data() + 1);
  if (length < 4 || length > kConsoleMessageBytesMax) {
    std::string message;
    wire::AppendErrorResponse(message, wire::Severity::kFatal,
                              {ErrorCode::kProtocolViolation,
                               fmt::format("message of {} bytes: the console takes 4 to {}", length,
                                           kConsoleMessageBytesMax)});
    stream_->Write(message);
    Finish();
    return false;
  }
  if (input_.size() < length + 1) return false;
  const std::string_view body = std::string_view(input_).substr(wire::kHeaderBytes, length - 4);
  std::string reply;
  const Next next = console_->OnMessage(input_[0], body, reply);
  input_.erase(0, length + 1);
  return Deliver(next, reply);
}

bool AdminSession::Deliver(Next next, const std::string& reply) {
  if (!reply.empty()) stream_->Write(reply);
  if (next == Next::kClose) {
    Finish();
    return false;
  }
  waiting_ = next == Next::kWait;
  if (waiting_) {
    net::EventLoop& loop = table_.world_.loop;
    loop.Arm(check_timer_, loop.Now() + kSettledCheckInterval);
    return false;
  }
  if (stream_->pending_bytes() > net::Stream::kHighWatermark) {
    paused_ = true;
    stream_->Pause();
  }
  return true;
}

void AdminSession::OnCheckSettled() {
  std::string reply;
  const Next next = console_->Continue(reply);
  if (!Deliver(next, reply)) return;
  if (full_) {
    full_ = false;
    stream_->Resume();
  }
  Consume();
}

void AdminSession::OnDrained() {
  if (!paused_) return;
  paused_ = false;
  stream_->Resume();
  Consume();
}

void AdminSession::OnClosed(const Error&) {
  Finish();
}

void AdminSession::Finish() {
  if (over_) return;
  over_ = true;
  timer_.Disarm();
  check_timer_.Disarm();
  stream_->FinishAndClose();
  table_.Remove(*this);
}

}  // namespace pglynx::admin
