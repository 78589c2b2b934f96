#pragma once

// A socket as a Stream: one uv_poll_t that is started once and stays armed, with direct
// recv and send (PERFORMANCE.md section 4: this costs what bare epoll costs).
//
// The handle outlives its UvStream by the time that libuv needs to close it.

#include <memory>
#include <sys/socket.h>

#include "net/uv_loop_impl.h"
#include "pglynx/net/stream.h"

namespace pglynx::net {

class UvStream final : public Stream {
  struct Private {};  // only Adopt makes one

 public:
  UvStream(Private, Address peer) : peer_(std::move(peer)) {}
  // Takes the connected, non-blocking descriptor, whose options are set. `loop` must outlive the
  // stream.
  static std::unique_ptr<Stream> Adopt(UvEventLoop::Impl& loop, int descriptor, Address peer);
  ~UvStream() override;

  void SetListener(StreamListener& listener) override;
  bool Write(std::span<const Chunk> chunks) override;
  [[nodiscard]] size_t pending_bytes() const override;
  void Pause() override;
  void Resume() override;
  void Close() override;
  using Stream::FinishAndClose;
  void FinishAndClose(std::unique_ptr<Deletable> kept) override;
  [[nodiscard]] const Address& peer() const override { return peer_; }
  [[nodiscard]] Address RemoteAddress() const override;
  [[nodiscard]] Address LocalAddress() const override;

  class Handle;

 private:
  Handle* handle_ = nullptr;  // nullptr once closed; the handle clears it when it dies
  Address peer_;
};

// Keepalive and NODELAY; nothing on Unix sockets. Failures are harmless
// and ignored: a socket without them works.
void ApplySocketOptions(int descriptor, const SocketOptions& options);

// An address in numbers, with its zone where it needs one; empty host for an unnamed Unix socket.
Address FromSockaddr(const sockaddr_storage& storage);

}  // namespace pglynx::net
