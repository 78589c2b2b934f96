#pragma once

// One connection to a server under comparison, FakePostgres or a real one. Messages go in as
// bytes and come out one by one, without sleeping: the fake's side runs its loop until nothing
// is left to happen, the real one's waits for the socket.
//
// Owner: the run of a script. What a real server does not say within kSilence counts as never.

#include <memory>
#include <optional>
#include <string_view>

#include "sim/fake_postgres.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "support/e2e/raw_client.h"

namespace pglynx::sim {

using e2e::RawMessage;

class Peer {
 public:
  virtual ~Peer() = default;
  virtual void Send(std::string_view bytes) = 0;
  // The next message; nothing: there is none, or the connection has ended.
  virtual std::optional<RawMessage> Next() = 0;
  // The server has closed the connection.
  [[nodiscard]] virtual bool closed() const = 0;
  // Says goodbye and waits for the server's end.
  virtual void Leave() = 0;
};

// A server with the same users and objects as RealServer, in a world of its own.
class FakeServer {
 public:
  explicit FakeServer(uint64_t seed);
  std::unique_ptr<Peer> Connect();

 private:
  SeededRandom random_;
  Violations violations_;
  SimLoop loop_;
  SimNetwork network_;
  std::unique_ptr<FakePostgres> postgres_;
};

// A cluster with the database `app` and what FakePostgres has in it.
class RealServer {
 public:
  RealServer();
  ~RealServer();
  std::unique_ptr<Peer> Connect();
  // Sequences begin again, as in a new FakeServer.
  void StartScript();
  [[nodiscard]] int major_version() const { return major_version_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  int major_version_ = 0;
};

// Roles of both, each with the password "secret": one for each method of proof.
inline constexpr std::string_view kTrusted = "app";
inline constexpr std::string_view kMd5User = "md5er";
inline constexpr std::string_view kScramUser = "scrammer";
inline constexpr std::string_view kNobody = "nobody_here";  // there is no such role
inline constexpr std::string_view kPassword = "secret";

}  // namespace pglynx::sim
