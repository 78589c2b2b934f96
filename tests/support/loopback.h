#pragma once

// A real loop with both ends of its connections in one thread. Everything that happens stops
// the loop, so that a test can wait for a condition without sleeping; a timer guards against
// waiting for ever.
//
//   Loopback world;
//   auto [client, server] = world.Connect();
//   client->stream->Write("hello");
//   REQUIRE(world.RunUntil([&] { return server->received == "hello"; }));

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/net/uv_event_loop.h"
#include "support/catch.h"
#include "support/fake_scheduler.h"

namespace pglynx::test {

// One end of a connection: notes what it is told.
class LoopbackPeer final : public net::StreamListener {
 public:
  LoopbackPeer(net::UvEventLoop& loop, std::unique_ptr<net::Stream> stream_in)
      : stream(std::move(stream_in)), loop_(loop) {
    stream->SetListener(*this);
  }

  void OnData(std::span<char> bytes) override {
    ++reads;
    received.append(bytes.data(), bytes.size());
    if (on_data) on_data();
    loop_.Stop();
  }
  void OnDrained() override {
    ++drained;
    loop_.Stop();
  }
  void OnClosed(const Error& cause) override {
    closed.push_back(cause);
    loop_.Stop();
  }

  std::unique_ptr<net::Stream> stream;
  std::string received;
  int reads = 0;
  int drained = 0;
  std::vector<Error> closed;
  std::function<void()> on_data;

 private:
  net::UvEventLoop& loop_;
};

class Loopback final : public net::AcceptListener, public net::ConnectListener {
 public:
  using Peer = std::unique_ptr<LoopbackPeer>;

  void OnAccept(std::unique_ptr<net::Stream> stream) override {
    accepted.push_back(std::make_unique<LoopbackPeer>(loop, std::move(stream)));
    loop.Stop();
  }
  void OnConnected(std::unique_ptr<net::Stream> stream) override {
    connected.push_back(std::make_unique<LoopbackPeer>(loop, std::move(stream)));
    loop.Stop();
  }
  void OnConnectFailed(const Error& error) override {
    failures.push_back(error);
    loop.Stop();
  }

  // False where the condition did not come true in time: a minute, far beyond any pause of a
  // busy machine.
  bool RunUntil(const std::function<bool()>& condition) {
    loop.Arm(guard_, loop.Now() + std::chrono::minutes(1));
    while (!condition() && guard_.armed()) loop.Run();
    guard_.Disarm();
    return condition();
  }

  std::unique_ptr<net::Listener> Listen() {
    auto listener = loop.Listen({"127.0.0.1", 0}, *this);
    REQUIRE(listener.has_value());
    return *std::move(listener);
  }

  // A connection: the client's end, which has sent one byte, and the server's, which has read
  // it. (Listeners accept only clients that have sent something.)
  std::pair<Peer, Peer> Connect() {
    const std::unique_ptr<net::Listener> listener = Listen();
    const auto pending = loop.Connect(listener->address(), *this);
    REQUIRE(RunUntil([&] { return !connected.empty(); }));
    connected.back()->stream->Write("x");
    REQUIRE(RunUntil([&] { return !accepted.empty() && !accepted.back()->received.empty(); }));
    std::pair<Peer, Peer> ends(std::move(connected.back()), std::move(accepted.back()));
    connected.pop_back();
    accepted.pop_back();
    ends.second->received.clear();
    ends.second->reads = 0;
    return ends;
  }

  SilentLog log;
  net::UvEventLoop loop{log};
  std::vector<Peer> accepted;
  std::vector<Peer> connected;
  std::vector<Error> failures;

 private:
  void OnGuard() { loop.Stop(); }
  Timer guard_ = MemberTimer<&Loopback::OnGuard>(this);
};

}  // namespace pglynx::test
