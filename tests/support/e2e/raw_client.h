#pragma once

// A client of bytes: speaks as much of the v3 protocol as it is told to, right or wrong.
//
// Move-only; closes itself. Logs in by trust alone (libpq's Connection does the rest). Every
// wait is bounded by kPatience; then, or when the peer closes where a message was expected,
// std::runtime_error is thrown.
//
//   RawClient client(pooler.port());
//   client.Login("app", "app");
//   client.Send(RawClient::Query("select 1"));
//   CHECK(client.ReadUntil('Z').back().body == "I");

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/e2e/child_process.h"

namespace pglynx::e2e {

struct RawMessage {
  char type;
  std::string body;  // without the length
};

class RawClient {
 public:
  explicit RawClient(uint16_t port);  // on 127.0.0.1
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;

  // Bytes as they go on the wire.
  static std::string Frame(char type, std::string_view body);
  static std::string Query(std::string_view sql);
  static std::string Startup(const std::vector<std::pair<std::string, std::string>>& parameters);
  static std::string Int32(uint32_t value);

  // Startup up to the first ReadyForQuery; the messages in between, it included. An
  // ErrorResponse ends it as well.
  std::vector<RawMessage> Login(const std::string& user, const std::string& database);

  void Send(std::string_view bytes);
  RawMessage Read();
  // Messages up to and including the first of `type`.
  std::vector<RawMessage> ReadUntil(char type);
  // A single byte, as the answer to an SSLRequest is.
  char ReadByte();
  // The next `count` bytes, whatever they are.
  std::string ReadBytes(size_t count);
  // True if the peer closes, after any number of further bytes, within `timeout`.
  bool ClosedByPeer(std::chrono::milliseconds timeout = kPatience);
  // True if something can be read (or the end seen) within `timeout`.
  bool Readable(std::chrono::milliseconds timeout) const;

  void FinishSending();  // half-close
  void Reset();          // close with a TCP reset

 private:
  int socket_ = -1;
};

}  // namespace pglynx::e2e
