#include "support/e2e/raw_client.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include "support/e2e/wait.h"

namespace pglynx::e2e {

namespace {

constexpr uint32_t kProtocol3 = 3U << 16;  // "Message Formats", StartupMessage

uint32_t FromNetwork(std::string_view bytes) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return ntohl(value);
}

}  // namespace

RawClient::RawClient(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    throw std::runtime_error("cannot connect to port " + std::to_string(port) + ": " +
                             std::strerror(errno));
  }
  const int on = 1;  // so that a test's writes arrive in the pieces it makes
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient::~RawClient() {
  if (socket_ >= 0) close(socket_);
}

RawClient::RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

std::string RawClient::Int32(uint32_t value) {
  const uint32_t network = htonl(value);
  std::string bytes(sizeof network, '\0');
  std::memcpy(bytes.data(), &network, sizeof network);
  return bytes;
}

std::string RawClient::Frame(char type, std::string_view body) {
  return type + Int32(static_cast<uint32_t>(body.size() + 4)) + std::string(body);
}

std::string RawClient::Query(std::string_view sql) {
  return Frame('Q', std::string(sql) + '\0');
}

std::string RawClient::Startup(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string body = Int32(kProtocol3);
  for (const auto& [name, value] : parameters) body += name + '\0' + value + '\0';
  body += '\0';
  return Int32(static_cast<uint32_t>(body.size() + 4)) + body;
}

std::vector<RawMessage> RawClient::Login(const std::string& user, const std::string& database) {
  Send(Startup({{"user", user}, {"database", database}}));
  std::vector<RawMessage> messages;
  do {
    messages.push_back(Read());
    const RawMessage& last = messages.back();
    if (last.type == 'R' && FromNetwork(last.body) != 0) {
      throw std::runtime_error("RawClient logs in by trust, and was asked for another proof");
    }
  } while (messages.back().type != 'Z' && messages.back().type != 'E');
  return messages;
}

void RawClient::Send(std::string_view bytes) {
  const Deadline deadline(kPatience);
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EAGAIN || !WaitFor({socket_}, POLLOUT, deadline)) {
      throw std::runtime_error(std::string("cannot send: ") + std::strerror(errno));
    }
  }
}

std::string RawClient::ReadBytes(size_t count) {
  const Deadline deadline(kPatience);
  std::string bytes(count, '\0');
  for (size_t have = 0; have < count;) {
    if (!WaitReadable({socket_}, deadline)) throw std::runtime_error("no bytes in time");
    const ssize_t got = recv(socket_, bytes.data() + have, count - have, 0);
    if (got <= 0) throw std::runtime_error("the peer closed the connection");
    have += static_cast<size_t>(got);
  }
  return bytes;
}

char RawClient::ReadByte() {
  return ReadBytes(1).front();
}

RawMessage RawClient::Read() {
  const std::string header = ReadBytes(5);
  const uint32_t length = FromNetwork(std::string_view(header).substr(1));
  if (length < 4) throw std::runtime_error("a message with an impossible length");
  return {header.front(), ReadBytes(length - 4)};
}

std::vector<RawMessage> RawClient::ReadUntil(char type) {
  std::vector<RawMessage> messages;
  do {
    messages.push_back(Read());
  } while (messages.back().type != type);
  return messages;
}

bool RawClient::Readable(std::chrono::milliseconds timeout) const {
  return WaitReadable({socket_}, Deadline(timeout));
}

bool RawClient::ClosedByPeer(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  char bytes[4096];
  while (WaitReadable({socket_}, deadline)) {
    if (recv(socket_, bytes, sizeof bytes, 0) <= 0) return true;  // its end, or a reset
  }
  return false;
}

void RawClient::FinishSending() {
  shutdown(socket_, SHUT_WR);
}

void RawClient::Reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(socket_, -1));
}

}  // namespace pglynx::e2e
