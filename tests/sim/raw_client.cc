#include "sim/raw_client.h"

#include "pglynx/core/bytes.h"
#include "pglynx/handshake/server_error.h"
#include "pglynx/wire/message_writer.h"
#include "pglynx/wire/startup.h"

namespace pglynx::sim {

RawClient::RawClient(Simulation& sim)
    : connect_(sim.network().Connect(sim.client_world().pooler, *this)) {}

RawClient::~RawClient() = default;

void RawClient::LogIn(const wire::StartupParameters& parameters) {
  wire::StartupParameters all = {{"user", "app"}, {"database", "app"}};
  all.insert(all.end(), parameters.begin(), parameters.end());
  std::string message;
  wire::AppendStartupMessage(message, 0, all);
  Say(message);
}

void RawClient::Say(std::string_view bytes) {
  if (stream_ != nullptr) {
    stream_->Write(bytes);
  } else {
    unsaid_ += bytes;
  }
}

void RawClient::Close() {
  connect_.reset();
  if (stream_ != nullptr) stream_->Close();
  ended_ = true;
}

template <typename Handle>
void RawClient::ForEachMessage(const Handle& handle) const {
  std::string_view rest = heard_;
  while (rest.size() >= wire::kHeaderBytes) {
    const size_t length = LoadU32(rest.data() + 1);
    if (rest.size() < length + 1) return;
    handle(rest[0], rest.substr(wire::kHeaderBytes, length - 4));
    rest.remove_prefix(length + 1);
  }
}

std::string RawClient::types() const {
  std::string types;
  ForEachMessage([&types](char type, std::string_view) { types += type; });
  return types;
}

std::string RawClient::last_sqlstate() const {
  std::string sqlstate;
  ForEachMessage([&sqlstate](char type, std::string_view body) {
    const auto error = handshake::ParseServerError(body);
    if (type == 'E' && error.has_value()) sqlstate = error->sqlstate;
  });
  return sqlstate;
}

std::string RawClient::last_error_text() const {
  std::string text;
  ForEachMessage([&text](char type, std::string_view body) {
    const auto error = handshake::ParseServerError(body);
    if (type == 'E' && error.has_value()) text = error->message;
  });
  return text;
}

void RawClient::OnConnected(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetListener(*this);
  connect_.reset();
  if (!unsaid_.empty()) stream_->Write(unsaid_);
}

void RawClient::OnConnectFailed(const Error&) {
  ended_ = true;
}

}  // namespace pglynx::sim
