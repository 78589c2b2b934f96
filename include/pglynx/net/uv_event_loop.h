#pragma once

// The libuv implementation of the loop, its connector, its resolver and its listeners. The header
// shows no libuv type, so that only src/net/uv_* depends on it.
//
// Owner: server::Worker; outlives everything that uses it. Creation ends the process if
// the system has no epoll.

#include <functional>
#include <memory>
#include <span>

#include "pglynx/core/log.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/net/resolver.h"

namespace pglynx::net {

class UvEventLoop final : public EventLoop, public Connector, public Resolver {
 public:
  explicit UvEventLoop(Log& log);
  ~UvEventLoop() override;

  // Runs until Stop().
  void Run();
  void Stop();
  // Runs what is posted and deletes what is due, for an orderly end outside of Run().
  void FinishTurn();

  TimePoint Now() override;
  int64_t WallClockMicros() override;
  void Arm(Timer& timer, TimePoint deadline) override;
  void Post(Task& task) override;
  void DeferDelete(std::unique_ptr<Deletable> object) override;
  std::unique_ptr<OffloadedWork> Offload(std::function<void()> work,
                                         std::function<void()> done) override;
  BlockPool& blocks() override;

  std::unique_ptr<PendingConnect> Connect(const Address& address,
                                          ConnectListener& listener) override;
  std::unique_ptr<PendingLookup> Resolve(const std::string& name, Done done) override;

  // Binds and listens. Fails with kIo naming the address and the cause. A name listens on
  // its first address.
  Result<std::unique_ptr<Listener>> Listen(const Address& address, AcceptListener& listener);
  // Calls `handler` on the loop for every signal of this number, until the loop ends.
  void OnSignal(int signal_number, std::function<void()> handler);

  // For sockets accepted and connected from now on.
  void SetSocketOptions(const SocketOptions& options);

  // What the turns since the last call cost; measured from the first look at the clock in a
  // turn to its end.
  struct Load {
    Duration longest{};
    Duration busy{};  // together
  };
  Load TakeLoad();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace pglynx::net
