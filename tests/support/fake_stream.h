#pragma once

// Streams and connects that happen when the test says so: the other side of every connection
// is a `FakeWire`. Header only, see fake_scheduler.h.
//
//   FakeConnector connector;
//   ...                                  // the code under test connects
//   FakeWire& wire = connector.Accept(0);
//   CHECK(wire.sent == "...");
//   wire.Receive("...");                 // as if the other side had sent it

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "pglynx/core/check.h"
#include "pglynx/net/event_loop.h"

namespace pglynx::test {

// The other side of a FakeStream, and what the stream was told. Outlives it.
struct FakeWire {
  void Receive(std::string bytes) {
    if (listener != nullptr) listener->OnData({bytes.data(), bytes.size()});
  }
  void Hangup(ErrorCode code = ErrorCode::kConnectionClosed) {
    net::StreamListener* told = std::exchange(listener, nullptr);
    if (told != nullptr) told->OnClosed({code, "the peer closed the connection"});
  }
  std::string TakeSent() { return std::exchange(sent, {}); }
  // The stream will never speak again.
  [[nodiscard]] bool over() const { return closed || finished; }

  net::StreamListener* listener = nullptr;
  std::string sent;
  size_t pending_bytes = 0;
  int pauses = 0;
  bool closed = false;
  bool finished = false;
  std::string remote_host;  // empty: what was asked for
};

class FakeStream final : public net::Stream {
 public:
  FakeStream(FakeWire& wire, net::Address peer) : wire_(wire), peer_(std::move(peer)) {}
  ~FakeStream() override { Close(); }

  void SetListener(net::StreamListener& listener) override { wire_.listener = &listener; }
  using Stream::Write;
  bool Write(std::span<const net::Chunk> chunks) override {
    if (wire_.over()) return false;
    for (const net::Chunk& chunk : chunks) wire_.sent += chunk;
    return true;
  }
  [[nodiscard]] size_t pending_bytes() const override { return wire_.pending_bytes; }
  void Pause() override { ++wire_.pauses; }
  void Resume() override {
    PGLYNX_CHECK(wire_.pauses > 0);
    --wire_.pauses;
  }
  void Close() override {
    if (!wire_.finished) wire_.closed = true;
    wire_.listener = nullptr;
  }
  using Stream::FinishAndClose;
  void FinishAndClose(std::unique_ptr<Deletable>) override {
    if (!wire_.closed) wire_.finished = true;
    wire_.listener = nullptr;
  }
  [[nodiscard]] const net::Address& peer() const override { return peer_; }
  [[nodiscard]] net::Address RemoteAddress() const override {
    return {wire_.remote_host.empty() ? peer_.host : wire_.remote_host, peer_.port};
  }
  [[nodiscard]] net::Address LocalAddress() const override { return {"127.0.0.1", 40000}; }

 private:
  FakeWire& wire_;
  net::Address peer_;
};

class FakeConnector final : public net::Connector {
 public:
  struct Attempt {
    net::Address address;
    net::ConnectListener* listener;  // nullptr: given up or answered
    FakeWire wire;
  };

  std::unique_ptr<net::PendingConnect> Connect(const net::Address& address,
                                               net::ConnectListener& listener) override {
    Attempt& attempt = attempts.emplace_back(Attempt{address, &listener, {}});
    return std::make_unique<Pending>(attempt);
  }

  FakeWire& Accept(size_t index) {
    Attempt& attempt = attempts.at(index);
    net::ConnectListener* listener = std::exchange(attempt.listener, nullptr);
    PGLYNX_CHECK(listener != nullptr);
    listener->OnConnected(std::make_unique<FakeStream>(attempt.wire, attempt.address));
    return attempt.wire;
  }
  void Refuse(size_t index, std::string detail) {
    net::ConnectListener* listener = std::exchange(attempts.at(index).listener, nullptr);
    PGLYNX_CHECK(listener != nullptr);
    listener->OnConnectFailed({ErrorCode::kServerUnreachable, std::move(detail)});
  }

  std::deque<Attempt> attempts;

 private:
  class Pending final : public net::PendingConnect {
   public:
    explicit Pending(Attempt& attempt) : attempt_(attempt) {}
    ~Pending() override { attempt_.listener = nullptr; }

   private:
    Attempt& attempt_;
  };
};

}  // namespace pglynx::test
