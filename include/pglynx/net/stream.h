#pragma once

// A connected byte stream, as the protocol drivers see it. The loop's contracts hold
// (ARCHITECTURE.md section 6): a Stream never calls its listener from inside a call that
// the listener made; after Close() returns, nothing is called any more.
//
// Owner: the session or server connection that reads it. Its listener must outlive it or
// close it first.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pglynx/core/error.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/net/address.h"

namespace pglynx::net {

// Bytes that are written as one: valid until the call returns.
using Chunk = std::string_view;

class StreamListener {
 public:
  virtual ~StreamListener() = default;
  // Bytes arrived. They lie in the loop's one read block, may be changed in place, and are
  // gone when this returns: the listener passes on or copies what it needs. The end of what is
  // more than a megabyte, with no Write meanwhile, may come two milliseconds late.
  virtual void OnData(std::span<char> bytes) = 0;
  // What could not be sent at once has been sent, down to Stream::kLowWatermark.
  virtual void OnDrained() = 0;
  // The peer closed (kConnectionClosed) or the connection broke (kIo). The stream is
  // dead: no more calls; the owner destroys it when it likes.
  virtual void OnClosed(const Error& cause) = 0;
};

class Stream {
 public:
  // Reading of the other side pauses above the high mark and resumes at the low one.
  static constexpr size_t kHighWatermark = size_t{256} * 1024;
  static constexpr size_t kLowWatermark = size_t{64} * 1024;

  virtual ~Stream() = default;

  virtual void SetListener(StreamListener& listener) = 0;

  // Sends the chunks in order, in one system call where nothing is pending; copies what
  // the socket does not take. Never fails here: a broken connection is told by OnClosed
  // in a later turn, and what is written meanwhile is dropped. False: it is broken, and not a byte
  // of these was taken.
  virtual bool Write(std::span<const Chunk> chunks) = 0;
  bool Write(Chunk chunk) { return Write(std::span<const Chunk>(&chunk, 1)); }

  // Copied bytes that wait for the socket.
  [[nodiscard]] virtual size_t pending_bytes() const = 0;

  // Reading is paused until as many Resume() as Pause() were called.
  virtual void Pause() = 0;
  virtual void Resume() = 0;

  // Closes now; pending bytes are dropped. Idempotent.
  virtual void Close() = 0;
  // Says goodbye: sends what is pending, ends our direction, and closes when the peer has
  // read it and closed its own, or after two seconds. The listener hears nothing more and
  // the stream may be destroyed at once. Closing with unread input would make the system
  // send a reset, and the peer could lose our last message. `kept` is destroyed when the
  // connection is closed at both ends, or given up.
  virtual void FinishAndClose(std::unique_ptr<Deletable> kept) = 0;
  void FinishAndClose() { FinishAndClose(nullptr); }

  // As it was asked for, maybe by a name.
  [[nodiscard]] virtual const Address& peer() const = 0;
  // In numbers: where a name was asked for, which of its addresses. peer() of a Unix socket, and
  // where it is not known any more.
  [[nodiscard]] virtual Address RemoteAddress() const = 0;
  [[nodiscard]] virtual Address LocalAddress() const = 0;
};

}  // namespace pglynx::net
