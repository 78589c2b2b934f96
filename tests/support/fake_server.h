#pragma once

// Servers that do nothing by themselves, and the launcher that makes them: the test decides
// when a login succeeds, when a connection breaks and when a cancel is over. See fake_pool.h.

#include <memory>
#include <string>
#include <vector>

#include "pglynx/pool/pool.h"
#include "pglynx/pool/pooled_server.h"
#include "pglynx/pool/snapshot.h"

namespace pglynx::test {

class FakeLauncher;

// Counts what the pool asks of it. Owned by the pool; its launcher knows the living ones.
class FakeServer final : public pool::PooledServer {
 public:
  FakeServer(FakeLauncher& launcher, pool::Pool& pool, uint64_t id);
  ~FakeServer() override;

  void SetUser(pool::ServerUser*) override {}
  bool Send(std::span<const std::string_view>) override { return true; }
  [[nodiscard]] size_t pending_bytes() const override { return 0; }
  void PauseReading() override {}
  void ResumeReading() override {}
  void Cancel(std::function<void()>) override { ++cancels_in_flight; }
  void Recycle() override { ++recycles; }
  void Check() override { ++checks; }
  void Abandon() override { ++abandoned; }
  void Close() override;
  [[nodiscard]] bool HasCancelInFlight() const override { return cancels_in_flight > 0; }
  [[nodiscard]] std::string Peer() const override { return "fake:1"; }
  [[nodiscard]] std::string PeerHost() const override { return host; }
  [[nodiscard]] uint32_t pid() const override { return 1; }
  void FillRow(pool::ConnectionRow&) const override {}

  // What the network would do.
  void Ready() { pool_.OnServerReady(*this); }
  void Break(std::string cause);
  // An open transaction, and the answers that end it.
  void Begin();
  void RollBack();
  void CancelDone();

  std::string host = "10.0.0.1";
  int cancels_in_flight = 0;
  int recycles = 0;
  int checks = 0;
  int abandoned = 0;
  bool gone = false;  // reported to the pool; dies at the end of the turn

 private:
  FakeLauncher& launcher_;
  pool::Pool& pool_;
};

class FakeLauncher final : public pool::ServerLauncher {
 public:
  std::unique_ptr<pool::PooledServer> Launch(pool::Pool& pool, uint64_t id) override;

  // Those in this state, oldest first.
  [[nodiscard]] std::vector<FakeServer*> In(pool::ServerState state) const;
  [[nodiscard]] size_t Count(pool::ServerState state) const { return In(state).size(); }
  // The oldest login under way succeeds or fails.
  void LogIn() { In(pool::ServerState::kLogin).at(0)->Ready(); }
  void RefuseLogin(std::string cause) {
    In(pool::ServerState::kLogin).at(0)->Break(std::move(cause));
  }

  BlockPool blocks;
  std::vector<FakeServer*> servers;  // living, oldest first
  size_t launches = 0;
  size_t closes = 0;
};

inline FakeServer::FakeServer(FakeLauncher& launcher, pool::Pool& pool, uint64_t id)
    : PooledServer(launcher.blocks, id), launcher_(launcher), pool_(pool) {
  launcher_.servers.push_back(this);
}

inline FakeServer::~FakeServer() {
  std::erase(launcher_.servers, this);
}

inline void FakeServer::Close() {
  if (gone) return;
  ++launcher_.closes;
  gone = true;
  pool_.OnServerGone(*this, {ErrorCode::kConnectionClosed, "closed by the pooler"});
}

inline void FakeServer::Break(std::string cause) {
  gone = true;
  pool_.OnServerGone(*this, {ErrorCode::kServerUnreachable, std::move(cause)});
}

inline void FakeServer::Begin() {
  tracker().Sent(wire::Request::kQuery);
  static_cast<void>(tracker().Reply('C'));
  static_cast<void>(tracker().Reply('Z', 'T'));
}

inline void FakeServer::RollBack() {
  tracker().Sent(wire::Request::kHiddenQuery);
  static_cast<void>(tracker().Reply('C'));
  static_cast<void>(tracker().Reply('Z', 'I'));
}

inline void FakeServer::CancelDone() {
  --cancels_in_flight;
  if (state == pool::ServerState::kBeingCanceled && cancels_in_flight == 0) Ready();
}

inline std::unique_ptr<pool::PooledServer> FakeLauncher::Launch(pool::Pool& pool, uint64_t id) {
  ++launches;
  return std::make_unique<FakeServer>(*this, pool, id);
}

inline std::vector<FakeServer*> FakeLauncher::In(pool::ServerState state) const {
  std::vector<FakeServer*> found;
  for (FakeServer* server : servers) {
    if (!server->gone && server->state == state) found.push_back(server);
  }
  return found;
}

}  // namespace pglynx::test
