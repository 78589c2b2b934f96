// Goal: a stream delivers every byte once and in order, tells its end once, and is silent
// after Close. Method: both ends on one real loop over loopback, run until a condition holds.
#include "pglynx/net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"
#include "support/loopback.h"

using pglynx::ErrorCode;
using pglynx::net::Chunk;
using pglynx::net::Stream;
using pglynx::test::Loopback;

namespace {

// More than the kernel takes at once on any system.
constexpr size_t kManyBytes = size_t{24} << 20U;

std::string RandomBytes(size_t count) {
  return pglynx::SeededRandom(7).Bytes(count);
}

// A client socket outside of the loop, which does nothing by itself.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(send(descriptor_, "x", 1, MSG_NOSIGNAL) == 1);
  }
  ~RawClient() { Close(); }
  RawClient(RawClient&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;

  [[nodiscard]] uint16_t Port() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    REQUIRE(getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    return ntohs(address.sin_port);
  }

  // As a server does that says why and goes, with unread bytes of its peer: the peer gets both,
  // the words and a reset.
  void SayAndReset(const std::string& words) {
    REQUIRE(send(descriptor_, words.data(), words.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(words.size()));
    const linger hard{1, 0};
    REQUIRE(setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
    Close();
  }

 private:
  void Close() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }
  int descriptor_;
};

// The end of a connection that this process has accepted.
int DescriptorWithPeer(uint16_t port) {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        address.sin_family == AF_INET && ntohs(address.sin_port) == port) {
      return descriptor;
    }
  }
  FAIL("no connection with port " << port);
  return -1;
}

int OptionOf(int descriptor, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  REQUIRE(getsockopt(descriptor, level, name, &value, &length) == 0);
  return value;
}

}  // namespace

TEST_CASE("Streams carry bytes both ways") {
  Loopback world;
  auto [client, server] = world.Connect();
  server->on_data = [&server = server] {
    server->stream->Write("<" + server->received + ">");
    server->received.clear();
  };
  client->stream->Write("hello");
  REQUIRE(world.RunUntil([&client = client] { return client->received == "<hello>"; }));
  CHECK(client->stream->pending_bytes() == 0);
  CHECK(client->stream->peer() == server->stream->LocalAddress());
  CHECK(server->stream->peer() == client->stream->LocalAddress());
  CHECK(client->stream->RemoteAddress() == server->stream->LocalAddress());
  client->stream->Close();
  CHECK(client->stream->RemoteAddress() == client->stream->peer());
}

TEST_CASE("A stream sends any number of chunks in order") {
  Loopback world;
  auto [client, server] = world.Connect();
  std::vector<std::string> texts;
  std::string all;
  for (int i = 0; i < 300; ++i) all += texts.emplace_back(std::to_string(i) + ',');
  texts.emplace_back();
  const std::vector<Chunk> chunks(texts.begin(), texts.end());
  client->stream->Write(chunks);
  client->stream->Write(std::span<const Chunk>());
  REQUIRE(world.RunUntil([&] { return server->received.size() >= all.size(); }));
  CHECK(server->received == all);
}

TEST_CASE("A stream holds what the peer does not read and tells when it is gone") {
  Loopback world;
  auto [client, server] = world.Connect();
  const std::string bytes = RandomBytes(kManyBytes);
  server->stream->Pause();
  client->stream->Write(bytes);
  client->stream->Write("end");
  CHECK(client->stream->pending_bytes() > Stream::kHighWatermark);
  CHECK(client->drained == 0);
  server->stream->Resume();
  REQUIRE(world.RunUntil([&] { return server->received.size() >= bytes.size() + 3; }));
  CHECK(server->received == bytes + "end");
  CHECK(client->drained == 1);
  CHECK(client->stream->pending_bytes() == 0);
  CHECK(world.loop.blocks().taken_bytes() == 0);
}

// Much without a word of the reader's own is read in larger pieces (kGatherBytes in uv_stream.cc).
TEST_CASE("What comes behind much, and is little, arrives all the same") {
  Loopback world;
  auto [client, server] = world.Connect();
  const std::string bytes = RandomBytes(size_t{2} << 20U);
  std::string expected;
  for (int round = 0; round < 3; ++round) {
    client->stream->Write(bytes);
    expected += bytes;
    REQUIRE(world.RunUntil([&] { return server->received.size() == expected.size(); }));
    client->stream->Write("end");
    expected += "end";
    if (round == 1) {
      server->stream->Pause();
      REQUIRE(world.RunUntil([&] { return client->stream->pending_bytes() == 0; }));
      server->stream->Resume();
    }
    REQUIRE(world.RunUntil([&] { return server->received.size() == expected.size(); }));
    server->stream->Write("reply");
    REQUIRE(world.RunUntil([&] { return client->received.ends_with("reply"); }));
    client->received.clear();
  }
  CHECK(server->received == expected);
}

TEST_CASE("The end of a connection is told at once behind much") {
  Loopback world;
  auto [client, server] = world.Connect();
  const std::string bytes = RandomBytes((size_t{2} << 20U) + 1);
  client->stream->Write(bytes);
  REQUIRE(world.RunUntil([&] { return client->stream->pending_bytes() == 0; }));
  client->stream->FinishAndClose();
  REQUIRE(world.RunUntil([&] { return server->closed.size() == 1; }));
  CHECK(server->received == bytes);
}

TEST_CASE("A stream does not read until it is resumed as often as it was paused") {
  Loopback world;
  auto [client, server] = world.Connect();
  auto [other_client, other_server] = world.Connect();
  // When this has come through, what was sent before it would have too.
  const auto round_trip = [&, &witness = other_server, &sender = other_client] {
    witness->received.clear();
    sender->stream->Write("tick");
    REQUIRE(world.RunUntil([&] { return witness->received == "tick"; }));
  };
  server->stream->Pause();
  server->stream->Pause();
  client->stream->Write("hello");
  round_trip();
  CHECK(server->received.empty());
  server->stream->Resume();
  round_trip();
  CHECK(server->received.empty());
  server->stream->Resume();
  REQUIRE(world.RunUntil([&server = server] { return server->received == "hello"; }));
}

TEST_CASE("A stream that is paused inside OnData is told nothing more") {
  Loopback world;
  auto [client, server] = world.Connect();
  server->on_data = [&server = server] { server->stream->Pause(); };
  const std::string bytes = RandomBytes(kManyBytes);
  client->stream->Write(bytes);
  std::string all;
  while (all.size() < bytes.size()) {
    REQUIRE(world.RunUntil([&server = server] { return server->reads > 0; }));
    CHECK(server->reads == 1);
    all += server->received;
    server->received.clear();
    server->reads = 0;
    server->stream->Resume();
  }
  CHECK(all == bytes);
}

TEST_CASE("A stream tells once that its peer has closed, behind the last bytes") {
  Loopback world;
  auto [client, server] = world.Connect();
  client->stream->Write("last words");
  client->stream->Close();
  client->stream->Close();  // no harm
  REQUIRE(world.RunUntil([&server = server] { return !server->closed.empty(); }));
  CHECK(server->received == "last words");
  CHECK(server->closed.size() == 1);
  CHECK(server->closed[0].code == ErrorCode::kConnectionClosed);
  CHECK(server->closed[0].detail == "the peer closed the connection");
  CHECK(client->closed.empty());  // who closes is not told
  server->stream->Write("to nobody");
  server->stream->Pause();
  server->stream->Resume();
  CHECK(server->stream->pending_bytes() == 0);
  CHECK(server->stream->LocalAddress() == pglynx::net::Address{});
  server->stream->FinishAndClose();
  world.loop.FinishTurn();
  CHECK(server->closed.size() == 1);
}

TEST_CASE("A stream tells once, and not inside Write, that its connection is broken") {
  Loopback world;
  auto [client, server] = world.Connect();
  // Closing with unread input sends a reset.
  server->stream->Pause();
  client->stream->Write("unread");
  auto [other_client, other_server] = world.Connect();  // by then it has arrived
  server->stream->Close();
  for (int i = 0; i < 100 && client->closed.empty(); ++i) {
    const size_t told = client->closed.size();
    client->stream->Write("into the void");
    CHECK(client->closed.size() == told);
  }
  REQUIRE(world.RunUntil([&client = client] { return !client->closed.empty(); }));
  CHECK(client->closed[0].code == ErrorCode::kIo);
  client->stream->Write("more");
  world.loop.FinishTurn();
  CHECK(client->closed.size() == 1);
  CHECK(client->stream->pending_bytes() == 0);
}

TEST_CASE("A stream delivers what came before its connection was reset, and names the cause") {
  enum class How { kReads, kWrites, kPausesOnTheWay };
  for (const How how : {How::kReads, How::kWrites, How::kPausesOnTheWay}) {
    CAPTURE(static_cast<int>(how));
    Loopback world;
    const auto listener = world.Listen();
    RawClient peer(listener->address().port);
    REQUIRE(world.RunUntil(
        [&] { return !world.accepted.empty() && !world.accepted.back()->received.empty(); }));
    auto& end = *world.accepted.back();
    end.received.clear();
    const std::string words = RandomBytes(100'000);
    bool paused = false;
    end.on_data = [&] {
      if (how != How::kPausesOnTheWay || paused) return;
      paused = true;
      end.stream->Pause();
    };
    peer.SayAndReset(words);
    if (how == How::kWrites) end.stream->Write("into the void");
    if (how == How::kPausesOnTheWay) {
      REQUIRE(world.RunUntil([&] { return paused; }));
      CHECK(end.closed.empty());
      end.stream->Resume();
    }
    REQUIRE(world.RunUntil([&] { return !end.closed.empty(); }));
    CHECK((end.received == words));  // not printed: it is long
    CHECK(end.closed.size() == 1);
    CHECK(end.closed[0].detail == "Connection reset by peer");
    CHECK(end.closed[0].code == ErrorCode::kIo);
  }
}

// They have them from their listener (src/net/uv_listener.cc), which takes over new ones when it
// accepts: whoever is in the queue then still has the old ones.
TEST_CASE("Accepted sockets have the options of the loop") {
  Loopback world;
  const auto listener = world.Listen();
  const auto accept = [&] {
    world.accepted.clear();
    RawClient peer(listener->address().port);
    REQUIRE(world.RunUntil([&] { return !world.accepted.empty(); }));
    return peer;
  };
  for (const int idle_seconds : {77, 88}) {
    world.loop.SetSocketOptions({.keepalive_idle = std::chrono::seconds(idle_seconds),
                                 .keepalive_interval = std::chrono::seconds(9),
                                 .keepalive_count = 3});
    accept();
    const RawClient peer = accept();
    const int accepted = DescriptorWithPeer(peer.Port());
    CHECK(OptionOf(accepted, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(OptionOf(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(OptionOf(accepted, IPPROTO_TCP, TCP_KEEPIDLE) == idle_seconds);
    CHECK(OptionOf(accepted, IPPROTO_TCP, TCP_KEEPINTVL) == 9);
    CHECK(OptionOf(accepted, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  }
}

// Its window is closed, and the kernel's probes come ever more rarely: far apart from each other
// than user_timeout. That nothing happens takes time to see.
TEST_CASE("A stream whose peer reads nothing is not given up by user_timeout") {
  Loopback world;
  constexpr auto kUserTimeout = std::chrono::milliseconds(20);
  world.loop.SetSocketOptions({.user_timeout = kUserTimeout});
  const auto listener = world.Listen();
  const RawClient peer(listener->address().port);
  REQUIRE(world.RunUntil([&] { return !world.accepted.empty(); }));
  auto& end = *world.accepted.back();
  end.stream->Write(RandomBytes(kManyBytes));
  bool over = false;
  struct Alarm {
    void Ring() { *rung = true, loop->Stop(); }
    bool* rung;
    pglynx::net::UvEventLoop* loop;
  } alarm{&over, &world.loop};
  pglynx::Timer timer = pglynx::MemberTimer<&Alarm::Ring>(&alarm);
  world.loop.Arm(timer, world.loop.Now() + 50 * kUserTimeout);
  REQUIRE(world.RunUntil([&] { return over; }));
  CHECK(end.closed.empty());
  CHECK(end.stream->pending_bytes() > 0);
}

TEST_CASE("A stream that is closed or destroyed inside OnData is silent afterwards") {
  for (const bool destroys : {false, true}) {
    CAPTURE(destroys);
    Loopback world;
    auto [client, server] = world.Connect();
    server->on_data = [destroys, &server = server] {
      destroys ? server->stream.reset() : server->stream->Close();
    };
    client->stream->Write(RandomBytes(kManyBytes));
    REQUIRE(world.RunUntil([&client = client] { return !client->closed.empty(); }));
    CHECK(server->reads == 1);
    CHECK(server->closed.empty());
  }
}

TEST_CASE("FinishAndClose delivers what is pending though the stream is destroyed at once") {
  Loopback world;
  auto [client, server] = world.Connect();
  const std::string bytes = RandomBytes(kManyBytes);
  client->stream->Write(bytes);
  CHECK(client->stream->pending_bytes() > 0);
  client->stream->FinishAndClose();
  CHECK(client->stream->pending_bytes() == 0);  // not its business any more
  client->stream->Write("too late");
  client->stream.reset();
  REQUIRE(world.RunUntil([&server = server] { return !server->closed.empty(); }));
  CHECK(server->received == bytes);
  CHECK(server->closed[0].code == ErrorCode::kConnectionClosed);
  CHECK(client->closed.empty());
  CHECK(client->drained == 0);
}

TEST_CASE("FinishAndClose inside OnData lets the peer read the last message") {
  Loopback world;
  auto [client, server] = world.Connect();
  server->on_data = [&server = server] {
    server->stream->Write("FATAL");
    server->stream->FinishAndClose();
  };
  client->stream->Write(RandomBytes(size_t{1} << 20U));  // most of it is never read
  REQUIRE(world.RunUntil([&client = client] { return !client->closed.empty(); }));
  CHECK(client->received == "FATAL");
  CHECK(server->reads == 1);
  CHECK(server->closed.empty());
}

TEST_CASE("The loop can be destroyed while a stream says goodbye") {
  for (const size_t bytes : {size_t{0}, size_t{10}, kManyBytes}) {
    CAPTURE(bytes);
    std::optional<RawClient> client;  // reads nothing and outlives the loop
    {
      Loopback world;
      const auto listener = world.Listen();
      client.emplace(listener->address().port);
      REQUIRE(world.RunUntil([&] { return !world.accepted.empty(); }));
      world.accepted[0]->stream->Write(std::string(bytes, 'x'));
      world.accepted[0]->stream->FinishAndClose();
    }
    SUCCEED("it did not wait for the peer");
  }
}

TEST_CASE("Streams may be destroyed with bytes pending and the loop after them") {
  Loopback world;
  auto [client, server] = world.Connect();
  server->stream->Pause();
  client->stream->Write(std::string(kManyBytes, 'x'));
  CHECK(world.loop.blocks().taken_bytes() > 0);
  client->stream->Close();
  CHECK(world.loop.blocks().taken_bytes() == 0);
}
