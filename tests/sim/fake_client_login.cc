// FakeClient: the connection and its login.

#include <fmt/format.h>

#include "pglynx/auth/md5.h"
#include "pglynx/core/bytes.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/message_writer.h"
#include "sim/fake_client.h"

namespace pglynx::sim {
namespace {

// Blanks end a value in `options` unless a backslash comes before them.
std::string OptionValue(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == ' ' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

void FakeClient::OnConnected(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetListener(*this);
  connect_.reset();
  state_ = State::kLogin;
  wire::StartupParameters parameters = {{"user", options_.user}, {"database", options_.database}};
  for (const auto* more : {&options_.settings, &options_.other_parameters}) {
    for (const wire::StartupParameter& parameter : *more) parameters.push_back(parameter);
  }
  std::string options;
  for (const wire::StartupParameter& setting : options_.option_settings) {
    options += fmt::format("{}-c {}={}", options.empty() ? "" : " ", setting.name,
                           OptionValue(setting.value));
  }
  if (!options.empty()) parameters.push_back({"options", options});
  std::string message;
  wire::AppendStartupMessage(message, 0, parameters);
  Send(message);
}

void FakeClient::OnConnectFailed(const Error& error) {
  if (!options_.may_be_cut_off) Complain("could not connect: " + error.detail);
  End();
}

void FakeClient::OnData(std::span<char> bytes) {
  last_progress_ = world_.loop.Now();
  input_.append(bytes.data(), bytes.size());
  while (state_ != State::kEnded && input_.size() >= wire::kHeaderBytes) {
    const uint32_t length = LoadU32(input_.data() + 1);
    if (length < 4 || length > (1U << 30U)) {
      Complain(fmt::format("a message of type '{}' has the length {}", input_[0], length));
      End();
      return;
    }
    if (input_.size() < length + 1) return;
    const std::string message = input_.substr(0, length + 1);
    input_.erase(0, length + 1);
    const std::string_view body = std::string_view(message).substr(wire::kHeaderBytes);
    if (state_ == State::kLogin) {
      OnLoginMessage(message[0], body);
    } else {
      OnMessage(message[0], body);
    }
  }
}

void FakeClient::OnLoginMessage(char type, std::string_view body) {
  login_replies_ += type;
  ByteReader reader(body);
  switch (type) {
    case 'R':
      OnAuthentication(body);
      return;
    case 'S': {
      const std::string name(reader.CString());
      reported_[name] = reader.CString();
      return;
    }
    case 'K':
      cancel_pid_ = reader.U32();
      cancel_secret_ = reader.rest();
      return;
    case 'E': {
      const auto error = handshake::ParseServerError(body);
      if (error.has_value()) OnFatal(*error);
      return;
    }
    case 'Z': {
      if (body != "I") Complain("the login ends with a ReadyForQuery that is not idle");
      state_ = State::kReady;
      CheckReported();
      const std::string unsent = std::move(unsent_);
      if (!unsent.empty()) Send(unsent);
      return;
    }
    case 'N':
      return;
    default:
      Complain(fmt::format("got a message of type '{}' during the login", type));
  }
}

void FakeClient::OnAuthentication(std::string_view body) {
  const Result<wire::AuthenticationRequest> request = wire::ParseAuthentication(body);
  if (!request) {
    Complain("an authentication message cannot be read");
    return;
  }
  std::string bytes;
  if (request->code == wire::AuthenticationCode::kMd5Password) {
    const auto secret = auth::MakeMd5Secret(options_.password, options_.user);
    wire::AppendPasswordMessage(bytes, *auth::MakeMd5Response(secret->view(), request->data));
  } else if (request->code == wire::AuthenticationCode::kSasl) {
    scram_.emplace(world_.random);
    wire::AppendSaslInitialResponse(bytes, auth::kScramMechanism, scram_->Start());
  } else if (request->code == wire::AuthenticationCode::kSaslContinue && scram_.has_value()) {
    const Result<auth::ScramClient::NeedKeys> need = scram_->ReceiveServerFirst(request->data);
    if (!need) {
      Complain(need.error().detail);
      return;
    }
    const std::string key = options_.password + '\0' + need->salt;
    auto found = world_.keys.find(key);
    if (found == world_.keys.end()) {
      found =
          world_.keys
              .emplace(key, auth::DeriveScramKeys(options_.password, need->salt, need->iterations))
              .first;
    }
    wire::AppendSaslResponse(bytes, scram_->Continue(found->second));
  } else if (request->code == wire::AuthenticationCode::kSaslFinal && scram_.has_value()) {
    const Status proven = scram_->ReceiveServerFinal(request->data);
    if (!proven) Complain(proven.error().detail);
  }
  if (!bytes.empty()) Send(bytes);
}

// A FATAL is the last word, at the login or later.
void FakeClient::OnFatal(const handshake::ServerError& error) {
  fatal_ = error.sqlstate;
  last_error_ = error.sqlstate;
  last_error_text_ = error.message;
  ++errors_seen_;
}

void FakeClient::OnClosed(const Error& cause) {
  const bool told = !fatal_.empty() && options_.tolerated.contains(fatal_);
  if (!leaving_ && !options_.may_be_cut_off && !told) {
    Complain(
        fmt::format("was cut off: {}, last error {} {}", cause.detail, fatal_, last_error_text_));
  }
  End();
}

}  // namespace pglynx::sim
