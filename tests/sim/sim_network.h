#pragma once

// The network in virtual time: connects, listeners and streams with the contracts of
// include/pglynx/net/stream.h, over links that delay, cut and lose as `NetworkFaults` says.
// It behaves as TCP does: bytes arrive in order or not at all; a close behind unread input is
// a reset; what is sent to a closed end comes back as a reset; each direction holds
// kWindowBytes, the rest waits at the sender.
//
// The bytes that OnData shows are overwritten when it returns, so that a listener which keeps
// a pointer to them is found out. Owner: the simulation; outlives all streams.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pglynx/net/event_loop.h"
#include "pglynx/net/resolver.h"
#include "sim/dice.h"
#include "sim/sim_loop.h"

namespace pglynx::sim {

// Probabilities; all zero is a perfect network.
struct NetworkFaults {
  double unresolvable = 0;  // a host's name has no address at the moment
  double refuse = 0;        // a connect is refused
  double black_hole = 0;    // a connect is never answered
  double reset = 0;         // a segment breaks its connection
  double stall = 0;         // a segment is held up, for at most `stall_max`
  double freeze = 0;        // a segment and all behind it never arrive; both ends learn it
                            // after `user_timeout`, as TCP_USER_TIMEOUT makes it
  double split = 0;         // a read ends anywhere
  double single_byte = 0;   // a read has one byte
  Duration latency_min = std::chrono::microseconds(50);
  Duration latency_max = std::chrono::microseconds(500);
  Duration stall_max = std::chrono::milliseconds(200);
  Duration user_timeout = std::chrono::seconds(10);
};

// How connects to one address end, whatever the chances above.
enum class Reach : uint8_t {
  kOpen,
  kRefuses,
  kSilent,  // no answer
};

struct Link;
class SimStream;

// Bytes that somebody read: what happened, for a person who looks at a violation.
struct ReadEvent {
  TimePoint at{};
  uint64_t link = 0;
  int side = 0;  // 0: read by who connected
  std::string bytes;
  [[nodiscard]] std::string ToString() const;
};

class SimNetwork final : public net::Connector, public net::Resolver {
 public:
  // What one direction of a connection holds in flight and unread.
  static constexpr size_t kWindowBytes = size_t{64} * 1024;

  SimNetwork(SimLoop& loop, Random& random);
  ~SimNetwork() override;
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  std::unique_ptr<net::PendingConnect> Connect(const net::Address& address,
                                               net::ConnectListener& listener) override;
  // Of `names`; what is not there has no address.
  std::unique_ptr<net::PendingLookup> Resolve(const std::string& name, Done done) override;
  // Accepts at this address until the result is destroyed. Precondition: nobody else does.
  std::unique_ptr<net::Listener> Listen(const net::Address& address, net::AcceptListener& listener);

  void SetReach(const net::Address& address, Reach reach);
  // What is sent over the connections to this address does not arrive; both ends learn it after
  // `user_timeout`.
  void Cut(const net::Address& address);

  // For links made from now on, and for the segments of all.
  NetworkFaults faults;
  // What names stand for, the first is connected to. One that is not here is the name of a server.
  std::map<std::string, std::vector<std::string>> names;
  // Where the pooler listens: everybody who connects there is not the pooler.
  net::Address pooler;

  // Resets the connections that were accepted at this address; both ends are told that much later.
  void Break(const net::Address& address, Duration unnoticed);

  // Connections of which one end at least is open.
  [[nodiscard]] size_t link_count() const { return links_.size(); }
  // What was written by those who accepted at this address and is not sent yet.
  [[nodiscard]] size_t UnsentBytes(const net::Address& address) const;
  // The last reads, oldest first.
  [[nodiscard]] const std::deque<ReadEvent>& last_reads() const { return last_reads_; }
  SimLoop& loop() { return loop_; }
  Dice& dice() { return dice_; }

 private:
  friend class SimStream;
  friend class SimListener;
  friend class SimPendingConnect;

  // Makes the link and tells the listener in a turn to come. nullptr: nobody listens.
  std::unique_ptr<net::Stream> Establish(net::Address address);
  void Accept(uint64_t link_id, const net::Address& address);
  Link* FindLink(uint64_t id);
  [[nodiscard]] Reach ReachOf(const net::Address& address) const;
  void Freeze(Link& link, int from);

  void Send(Link& link, int from);
  void Arrive(uint64_t link_id, int to, std::string bytes);
  void ArriveEnd(uint64_t link_id, int to);
  void ArriveReset(uint64_t link_id, int to);
  void ScheduleRead(Link& link, int side, Duration delay);
  void Read(uint64_t link_id, int side);
  void HandOver(Link& link, int side);
  void Writable(uint64_t link_id, int side);
  void SendEnd(Link& link, int from);
  void SendReset(Link& link, int from);
  void Close(Link& link, int side);
  void Die(Link& link, int side, const Error& cause);
  // When the next segment of this direction arrives; kNever: never.
  TimePoint ArrivalTime(Link& link, int from);

  SimLoop& loop_;
  Dice dice_;
  std::map<std::string, net::AcceptListener*> listeners_;
  std::map<std::string, Reach> reach_;  // of those that are not open
  BlockPool others_blocks_;             // what the fakes hold back is not the pooler's
  std::map<uint64_t, std::unique_ptr<Link>> links_;
  std::vector<char> read_block_;
  std::deque<ReadEvent> last_reads_;
  uint64_t next_link_ = 1;
};

}  // namespace pglynx::sim
