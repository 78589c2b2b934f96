#pragma once

// A pool's surroundings without sockets or clocks: a scheduler in virtual time, servers that
// do nothing by themselves, and clients that wait. The test decides when a login succeeds,
// when a connection breaks and when time passes. Header only: each module's tests are built
// from its own sources alone.
//
//   FakePool world;
//   Pool pool(world.world(), FakePool::Settings());
//   FakeWaiter client(1);
//   client.Ask(pool);
//   world.launcher.LogIn(0);

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pglynx/core/timer_queue.h"
#include "pglynx/pool/pool.h"

namespace pglynx::test {

class FakeScheduler final : public Scheduler {
 public:
  TimePoint Now() override { return now_; }
  int64_t WallClockMicros() override { return 0; }
  void Arm(Timer& timer, TimePoint deadline) override { timers_.Arm(timer, deadline); }
  void Post(Task& task) override {
    if (!task.linked()) tasks_.PushBack(task);
  }
  void DeferDelete(std::unique_ptr<Deletable> object) override {
    doomed_.push_back(std::move(object));
  }

  // Lets time pass, timer by timer, and ends a turn after each.
  void Pass(Duration duration);
  // Posted tasks, then deletions.
  void EndTurn();

 private:
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  TimerQueue timers_;
  IntrusiveList<Task> tasks_;
  std::vector<std::unique_ptr<Deletable>> doomed_;
};

class SilentLog final : public Log {
 public:
  void Write(LogLevel, std::string_view, Fields) override {}
  [[nodiscard]] LogLevel level() const override { return LogLevel::kError; }
};

class FakeLauncher;

// Counts what the pool asks of it. Owned by the pool; its launcher knows the living ones.
class FakeServer final : public pool::PooledServer {
 public:
  FakeServer(FakeLauncher& launcher, pool::Pool& pool, uint64_t id);
  ~FakeServer() override;

  void SetUser(pool::ServerUser*) override {}
  void Send(std::span<const std::string_view>) override {}
  [[nodiscard]] size_t pending_bytes() const override { return 0; }
  void PauseReading() override {}
  void ResumeReading() override {}
  void Cancel(std::function<void()>) override { ++cancels_in_flight; }
  void Recycle() override { ++recycles; }
  void Close() override;
  [[nodiscard]] bool HasCancelInFlight() const override { return cancels_in_flight > 0; }
  [[nodiscard]] std::string Peer() const override { return "fake:1"; }
  void FillRow(pool::ConnectionRow&) const override {}

  // What the network would do.
  void Ready() { pool_.OnServerReady(*this); }
  void Break(std::string cause);
  // An open transaction, and the answers that end it.
  void Begin();
  void RollBack();
  void CancelDone();

  int cancels_in_flight = 0;
  int recycles = 0;
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

// A client that asks for a server and notes what it is told.
class FakeWaiter final : public pool::Waiter {
 public:
  explicit FakeWaiter(uint64_t id) : id_(id) {}
  void OnLease(pool::Lease lease) override {
    lease_ = std::move(lease);
    if (order_ != nullptr) order_->push_back(id_);
  }
  void OnWaitFailed(const Error& error) override {
    failures.push_back(error);
    if (order_ != nullptr) order_->push_back(id_);
  }
  [[nodiscard]] uint64_t client_id() const override { return id_; }

  // Notes its id there when it is told something.
  void NoteIn(std::vector<uint64_t>& order) { order_ = &order; }
  void Ask(pool::Pool& pool);
  void Release() { lease_.Release(); }
  [[nodiscard]] bool has_lease() const { return static_cast<bool>(lease_); }
  [[nodiscard]] FakeServer& server() { return static_cast<FakeServer&>(*lease_); }
  // The connection broke under it.
  void Lose(std::string cause);

  std::vector<Error> failures;

 private:
  uint64_t id_;
  std::vector<uint64_t>* order_ = nullptr;
  pool::Lease lease_;
};

struct FakePool {
  pool::Pool::World world() { return {loop, log, launcher, parameters, ids}; }
  // Two servers, 10 s of patience, retries after 1 s to 8 s, no ends by time.
  static pool::PoolSettings Settings();

  FakeScheduler loop;
  SilentLog log;
  FakeLauncher launcher;
  pool::ParameterTable parameters;
  pool::IdSource ids;
};

inline void FakeScheduler::Pass(Duration duration) {
  const TimePoint end = now_ + duration;
  EndTurn();
  while (timers_.NextDeadline() <= end) {
    now_ = std::max(now_, timers_.NextDeadline());
    timers_.Advance(now_);
    EndTurn();
  }
  now_ = end;
}

inline void FakeScheduler::EndTurn() {
  while (!tasks_.empty() || !doomed_.empty()) {
    while (Task* task = tasks_.front()) {
      task->Unlink();
      task->Run();
    }
    doomed_.clear();
  }
}

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
  Break("closed by the pooler");
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

inline void FakeWaiter::Ask(pool::Pool& pool) {
  pool::Pool::Outcome outcome = pool.Acquire(*this);
  if (auto* lease = std::get_if<pool::Lease>(&outcome)) OnLease(std::move(*lease));
  if (const auto* error = std::get_if<Error>(&outcome)) OnWaitFailed(*error);
}

inline void FakeWaiter::Lose(std::string cause) {
  FakeServer& lost = server();
  lease_.Forget();
  lost.Break(std::move(cause));
}

inline pool::PoolSettings FakePool::Settings() {
  pool::PoolSettings settings;
  settings.database = "app";
  settings.user = "ann";
  settings.pool_size = 2;
  settings.query_wait_timeout = std::chrono::seconds(10);
  settings.server_retry_min = std::chrono::seconds(1);
  settings.server_retry_max = std::chrono::seconds(8);
  return settings;
}

}  // namespace pglynx::test
