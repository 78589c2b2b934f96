#pragma once

// A pool's surroundings without sockets or clocks: a scheduler in virtual time, servers that
// do nothing by themselves, and clients that wait.
//
//   FakePool world;
//   Pool pool(world.world(), FakePool::Settings());
//   FakeWaiter client(1);
//   client.Ask(pool);
//   world.launcher.LogIn();

#include <memory>
#include <string>
#include <vector>

#include "pglynx/pool/pool.h"
#include "support/fake_scheduler.h"
#include "support/fake_server.h"

namespace pglynx::test {

// A client that asks for a server and notes what it is told.
class FakeWaiter final : public pool::Waiter {
 public:
  explicit FakeWaiter(uint64_t id) : id_(id) {}
  void OnLease(pool::Lease lease) override {
    lease_ = std::move(lease);
    if (order_ != nullptr) order_->push_back(id_);
  }
  void OnLongWait(std::string_view reason) override { notices.emplace_back(reason); }
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
  std::vector<std::string> notices;

 private:
  uint64_t id_;
  std::vector<uint64_t>* order_ = nullptr;
  pool::Lease lease_;
};

struct FakePool {
  pool::Pool::World world() { return {loop, log, launcher, parameters, ids, budget, database}; }
  // Two servers, 10 s of patience, retries after 1 s to 8 s, no ends by time.
  static pool::PoolSettings Settings();

  FakeScheduler loop;
  SilentLog log;
  FakeLauncher launcher;
  pool::ParameterTable parameters;
  pool::IdSource ids;
  pool::Budget budget{loop};
  pool::DatabaseCount database;
};

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
