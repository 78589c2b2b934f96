#pragma once

// One end of a simulated connection, and the link that holds both. The link belongs to its
// SimNetwork; a SimStream belongs to whoever reads it and may be destroyed at any time.

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "pglynx/core/buffer.h"
#include "pglynx/net/stream.h"
#include "sim/sim_network.h"

namespace pglynx::sim {

// The socket behind a stream.
struct Endpoint {
  explicit Endpoint(BlockPool& blocks) : out(blocks) {}

  SimStream* stream = nullptr;  // nullptr: not accepted yet, finishing or closed
  net::StreamListener* listener = nullptr;
  Buffer out;            // written, beyond the window
  std::string inbox;     // arrived, unread
  size_t in_flight = 0;  // sent by this end, not arrived
  TimePoint last_arrival{};
  SimLoop::Ticket linger;
  std::unique_ptr<Deletable> kept;  // by whoever said goodbye, until it is closed
  int pauses = 0;
  bool open = true;
  bool finishing = false;     // FinishAndClose was called
  bool ends_sending = false;  // no more will be written
  bool end_sent = false;
  bool end_arrived = false;    // the peer sends no more
  bool reset_arrived = false;  // told when the stream is next read or written
  bool frozen = false;         // nothing of what this end sends arrives any more
  bool read_scheduled = false;
  bool tell_drained = false;
};

struct Link {
  Link(uint64_t link_id, BlockPool& connected, BlockPool& accepted)
      : id(link_id), ends{Endpoint(connected), Endpoint(accepted)} {}

  uint64_t id;
  Duration latency{};
  std::array<net::Address, 2> addresses;  // of the ends
  std::array<Endpoint, 2> ends;           // 0: who connected, 1: who accepted
};

class SimStream final : public net::Stream {
 public:
  SimStream(SimNetwork& network, Link& link, int side);
  ~SimStream() override;

  void SetListener(net::StreamListener& listener) override;
  using net::Stream::Write;
  bool Write(std::span<const net::Chunk> chunks) override;
  [[nodiscard]] size_t pending_bytes() const override;
  void Pause() override;
  void Resume() override;
  void Close() override;
  using net::Stream::FinishAndClose;
  void FinishAndClose(std::unique_ptr<Deletable> kept) override;
  [[nodiscard]] const net::Address& peer() const override { return peer_; }
  [[nodiscard]] net::Address RemoteAddress() const override { return peer_; }
  [[nodiscard]] net::Address LocalAddress() const override { return local_; }

  // For the fakes: ends our direction and goes on reading, as shutdown(SHUT_WR).
  void FinishSending();
  // For the fakes: closes with a reset.
  void Abort();

 private:
  friend class SimNetwork;
  Endpoint& end();

  SimNetwork& network_;
  Link* link_;  // nullptr: closed
  int side_;
  net::Address peer_;
  net::Address local_;
};

}  // namespace pglynx::sim
