#pragma once

// The loop: a Scheduler with work off the loop, and the makers of streams. One
// implementation for libuv (uv_event_loop.h), one in the simulator. Everything that a loop
// touches belongs to one thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "pglynx/core/buffer.h"
#include "pglynx/core/result.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/core/time.h"
#include "pglynx/net/address.h"
#include "pglynx/net/stream.h"

namespace pglynx::net {

struct SocketOptions {
  Duration keepalive_idle = std::chrono::seconds(5);
  Duration keepalive_interval = std::chrono::seconds(5);
  uint32_t keepalive_count = 5;
  // A peer that acknowledges nothing for so long is gone; see src/net/ack_watch.h.
  Duration user_timeout = std::chrono::seconds(10);

  bool operator==(const SocketOptions&) const = default;
};

class ConnectListener {
 public:
  virtual ~ConnectListener() = default;
  // The stream has no listener yet.
  virtual void OnConnected(std::unique_ptr<Stream> stream) = 0;
  // Names host, port and cause: refused, timed out, unresolvable …
  virtual void OnConnectFailed(const Error& error) = 0;
};

// A connect under way. Destroying it gives it up. Never calls its listener before the
// call that made it has returned.
class PendingConnect {
 public:
  virtual ~PendingConnect() = default;
};

class Connector {
 public:
  virtual ~Connector() = default;
  // Resolves names off the loop. `listener` must outlive the result.
  virtual std::unique_ptr<PendingConnect> Connect(const Address& address,
                                                  ConnectListener& listener) = 0;
};

class AcceptListener {
 public:
  virtual ~AcceptListener() = default;
  virtual void OnAccept(std::unique_ptr<Stream> stream) = 0;
};

// Accepts connections until it is destroyed.
class Listener {
 public:
  virtual ~Listener() = default;
  // The address that was bound, with the port the system chose where 0 was asked for.
  [[nodiscard]] virtual const Address& address() const = 0;
};

// Work that runs off the loop. Destroying the handle drops the result; the work itself
// runs to its end and is forgotten.
class OffloadedWork {
 public:
  virtual ~OffloadedWork() = default;
};

class EventLoop : public Scheduler {
 public:
  // Runs `work` on another thread, then `done` on the loop. `work` touches nothing that
  // the loop owns. Control plane only: allocates.
  virtual std::unique_ptr<OffloadedWork> Offload(std::function<void()> work,
                                                 std::function<void()> done) = 0;

  virtual BlockPool& blocks() = 0;
};

}  // namespace pglynx::net
