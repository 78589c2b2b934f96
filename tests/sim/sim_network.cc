#include "sim/sim_network.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "sim/sim_stream.h"

namespace pglynx::sim {
namespace {

constexpr size_t kReadBlockBytes = size_t{64} * 1024;
constexpr Duration kReadGapMax = std::chrono::microseconds(20);
constexpr Duration kResolveMax = std::chrono::milliseconds(2);
constexpr size_t kReadsKept = 50;
constexpr size_t kReadBytesKept = 120;
// A byte that is valid in no message, in place of what a listener should have copied.
constexpr char kPoison = '\xdd';

bool IsNumeric(const std::string& host) {
  return host.find_first_not_of("0123456789.:") == std::string::npos;
}

Endpoint& End(Link& link, int side) {
  return link.ends[static_cast<size_t>(side)];
}

}  // namespace

std::string ReadEvent::ToString() const {
  std::string shown;
  for (const char c : bytes) shown += c >= ' ' && c <= '~' ? c : '.';
  return fmt::format("{} link {} {} {}", at.time_since_epoch().count(), link,
                     side == 0 ? "<-" : "->", shown);
}

class SimListener final : public net::Listener {
 public:
  SimListener(SimNetwork& network, net::Address address)
      : network_(network), address_(std::move(address)) {}
  ~SimListener() override { network_.listeners_.erase(address_.ToString()); }
  [[nodiscard]] const net::Address& address() const override { return address_; }

 private:
  SimNetwork& network_;
  net::Address address_;
};

class SimPendingConnect final : public net::PendingConnect {
 public:
  SimPendingConnect(SimNetwork& network, net::Address address, net::ConnectListener& listener)
      : network_(network), address_(std::move(address)), listener_(listener) {}
  ~SimPendingConnect() override { network_.loop_.Unschedule(ticket_); }

  void Start() {
    Dice& dice = network_.dice_;
    const NetworkFaults& faults = network_.faults;
    const Reach reach = network_.ReachOf(address_);
    if (reach == Reach::kSilent || dice.Chance(faults.black_hole)) return;
    const bool refused = reach == Reach::kRefuses || dice.Chance(faults.refuse);
    Duration delay = dice.Between(faults.latency_min, faults.latency_max) * 2;
    if (!address_.is_unix() && !IsNumeric(address_.host)) {
      delay += dice.Between(Duration::zero(), kResolveMax);
      if (dice.Chance(faults.unresolvable)) {
        ticket_ = network_.loop_.Schedule(network_.loop_.Now() + delay,
                                          [this] { Fail("the name has no address"); });
        return;
      }
    }
    ticket_ = network_.loop_.Schedule(network_.loop_.Now() + delay, [this, refused] {
      Finish(refused ? nullptr : network_.Establish(address_));
    });
  }

 private:
  // The listener may destroy this object: nothing is touched afterwards.
  void Finish(std::unique_ptr<net::Stream> stream) {
    if (stream != nullptr) {
      listener_.OnConnected(std::move(stream));
      return;
    }
    Fail("Connection refused");
  }
  void Fail(std::string_view why) {
    const Error error{ErrorCode::kServerUnreachable,
                      fmt::format("cannot connect to server {}: {}", address_.ToString(), why)};
    listener_.OnConnectFailed(error);
  }

  SimNetwork& network_;
  net::Address address_;
  net::ConnectListener& listener_;
  SimLoop::Ticket ticket_;
};

SimNetwork::SimNetwork(SimLoop& loop, Random& random)
    : loop_(loop), dice_(random), read_block_(kReadBlockBytes) {}

SimNetwork::~SimNetwork() = default;

std::unique_ptr<net::PendingConnect> SimNetwork::Connect(const net::Address& address,
                                                         net::ConnectListener& listener) {
  auto connect = std::make_unique<SimPendingConnect>(*this, address, listener);
  connect->Start();
  return connect;
}

namespace {

class SimPendingLookup final : public net::PendingLookup {
 public:
  explicit SimPendingLookup(SimLoop& loop) : loop_(loop) {}
  ~SimPendingLookup() override { loop_.Unschedule(ticket); }
  SimLoop::Ticket ticket;

 private:
  SimLoop& loop_;
};

}  // namespace

std::unique_ptr<net::PendingLookup> SimNetwork::Resolve(const std::string& name, Done done) {
  auto lookup = std::make_unique<SimPendingLookup>(loop_);
  lookup->ticket = loop_.Schedule(loop_.Now() + dice_.Between(Duration::zero(), kResolveMax),
                                  [this, name, done = std::move(done)] {
                                    const auto found = names.find(name);
                                    if (found == names.end()) {
                                      done(Error{ErrorCode::kIo, "the name has no address"});
                                    } else {
                                      done(found->second);
                                    }
                                  });
  return lookup;
}

std::unique_ptr<net::Listener> SimNetwork::Listen(const net::Address& address,
                                                  net::AcceptListener& listener) {
  const bool is_new = listeners_.emplace(address.ToString(), &listener).second;
  PGLYNX_CHECK(is_new);
  return std::make_unique<SimListener>(*this, address);
}

std::unique_ptr<net::Stream> SimNetwork::Establish(net::Address address) {
  if (const auto named = names.find(address.host); named != names.end()) {
    address.host = named->second.front();
  }
  if (!listeners_.contains(address.ToString())) return nullptr;
  const uint64_t id = next_link_++;
  const bool to_pooler = address == pooler;
  auto link = std::make_unique<Link>(id, to_pooler ? others_blocks_ : loop_.blocks(),
                                     to_pooler ? loop_.blocks() : others_blocks_);
  link->latency = dice_.Between(faults.latency_min, faults.latency_max);
  link->addresses[0] = {"10.0.0.1", static_cast<uint16_t>(1024 + id % 64000)};
  link->addresses[1] = address;
  auto stream = std::make_unique<SimStream>(*this, *link, 0);
  links_.emplace(id, std::move(link));
  loop_.Schedule(loop_.Now(), [this, id, address] { Accept(id, address); });
  return stream;
}

void SimNetwork::Accept(uint64_t link_id, const net::Address& address) {
  Link* link = FindLink(link_id);
  if (link == nullptr || !End(*link, 1).open) return;
  const auto found = listeners_.find(address.ToString());
  if (found == listeners_.end()) {
    SendReset(*link, 1);
    Close(*link, 1);
    return;
  }
  found->second->OnAccept(std::make_unique<SimStream>(*this, *link, 1));
}

Link* SimNetwork::FindLink(uint64_t id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second.get();
}

void SimNetwork::SetReach(const net::Address& address, Reach reach) {
  if (reach == Reach::kOpen) {
    reach_.erase(address.ToString());
  } else {
    reach_[address.ToString()] = reach;
  }
}

Reach SimNetwork::ReachOf(const net::Address& address) const {
  if (reach_.empty()) return Reach::kOpen;
  const auto found = reach_.find(address.ToString());
  return found == reach_.end() ? Reach::kOpen : found->second;
}

void SimNetwork::Cut(const net::Address& address) {
  for (const auto& [id, link] : links_) {
    if (link->addresses[1] != address) continue;
    for (const int side : {0, 1}) Freeze(*link, side);
  }
}

size_t SimNetwork::UnsentBytes(const net::Address& address) const {
  size_t bytes = 0;
  for (const auto& [id, link] : links_) {
    if (link->addresses[1] == address) bytes += link->ends[1].out.size();
  }
  return bytes;
}

// ----- sending -----

TimePoint SimNetwork::ArrivalTime(Link& link, int from) {
  Endpoint& self = End(link, from);
  if (self.frozen) return kNever;
  TimePoint at = loop_.Now() + link.latency;
  if (dice_.Chance(faults.stall)) at += dice_.Between(Duration::zero(), faults.stall_max);
  at = std::max(at, self.last_arrival);
  self.last_arrival = at;
  return at;
}

void SimNetwork::Freeze(Link& link, int from) {
  End(link, from).frozen = true;
  for (const int side : {0, 1}) {
    loop_.Schedule(loop_.Now() + faults.user_timeout,
                   [this, id = link.id, side] { ArriveReset(id, side); });
  }
}

// Moves what fits from `out` into the window.
void SimNetwork::Send(Link& link, int from) {
  Endpoint& self = End(link, from);
  const Endpoint& peer = End(link, 1 - from);
  const size_t used = self.in_flight + peer.inbox.size();
  const size_t count = std::min(self.out.size(), used < kWindowBytes ? kWindowBytes - used : 0);
  if (count == 0) return;
  if (dice_.Chance(faults.reset)) {
    SendReset(link, from);
    SendReset(link, 1 - from);
    return;
  }
  if (!self.frozen && dice_.Chance(faults.freeze)) Freeze(link, from);
  std::string bytes(self.out.view().substr(0, count));
  self.out.Consume(count);
  self.in_flight += count;
  const TimePoint at = ArrivalTime(link, from);
  if (at == kNever) return;
  loop_.Schedule(at, [this, id = link.id, to = 1 - from, sent = std::move(bytes)]() mutable {
    Arrive(id, to, std::move(sent));
  });
}

void SimNetwork::SendEnd(Link& link, int from) {
  Endpoint& self = End(link, from);
  if (self.end_sent || !self.out.empty()) return;
  self.end_sent = true;
  const TimePoint at = ArrivalTime(link, from);
  if (at == kNever) return;
  loop_.Schedule(at, [this, id = link.id, to = 1 - from] { ArriveEnd(id, to); });
}

void SimNetwork::SendReset(Link& link, int from) {
  if (End(link, from).frozen) return;
  loop_.Schedule(loop_.Now() + link.latency,
                 [this, id = link.id, to = 1 - from] { ArriveReset(id, to); });
}

// ----- arriving -----

void SimNetwork::Arrive(uint64_t link_id, int to, std::string bytes) {
  Link* link = FindLink(link_id);
  if (link == nullptr) return;
  End(*link, 1 - to).in_flight -= bytes.size();
  Endpoint& self = End(*link, to);
  if (!self.open) {
    SendReset(*link, to);
    return;
  }
  if (self.reset_arrived) return;
  self.inbox += bytes;
  if (!self.read_scheduled) Read(link_id, to);
}

void SimNetwork::ArriveEnd(uint64_t link_id, int to) {
  Link* link = FindLink(link_id);
  if (link == nullptr || !End(*link, to).open) return;
  End(*link, to).end_arrived = true;
  if (!End(*link, to).read_scheduled) Read(link_id, to);
}

void SimNetwork::ArriveReset(uint64_t link_id, int to) {
  Link* link = FindLink(link_id);
  if (link == nullptr || !End(*link, to).open) return;
  Endpoint& self = End(*link, to);
  self.reset_arrived = true;
  self.inbox.clear();
  // Other sockets that are ready in the same turn may be told first.
  ScheduleRead(*link, to, dice_.Between(Duration::zero(), kReadGapMax));
}

void SimNetwork::Break(const net::Address& address, Duration unnoticed) {
  for (const auto& [id, link] : links_) {
    if (link->addresses[1] != address) continue;
    for (const int side : {0, 1}) {
      Endpoint& self = End(*link, side);
      self.reset_arrived = true;
      self.inbox.clear();
      ScheduleRead(*link, side, unnoticed);
    }
  }
}

void SimNetwork::ScheduleRead(Link& link, int side, Duration delay) {
  Endpoint& self = End(link, side);
  if (self.read_scheduled || !self.open) return;
  self.read_scheduled = true;
  loop_.Schedule(loop_.Now() + delay, [this, id = link.id, side] {
    Link* found = FindLink(id);
    if (found == nullptr) return;
    End(*found, side).read_scheduled = false;
    Read(id, side);
  });
}

// The socket is readable. A paused stream is not polled, so it learns nothing, unless it
// waits to write.
void SimNetwork::Read(uint64_t link_id, int side) {
  Link& link = *FindLink(link_id);
  Endpoint& self = End(link, side);
  if (!self.open) return;
  const bool reads = self.finishing || (self.listener != nullptr && self.pauses == 0);
  if (self.reset_arrived && (reads || (self.listener != nullptr && !self.out.empty()))) {
    Die(link, side, {ErrorCode::kIo, "Connection reset by peer"});
    return;
  }
  if (!reads) return;
  if (!self.inbox.empty()) {
    HandOver(link, side);
  } else if (self.end_arrived) {
    Die(link, side, {ErrorCode::kConnectionClosed, "the peer closed the connection"});
  }
}

void SimNetwork::HandOver(Link& link, int side) {
  Endpoint& self = End(link, side);
  size_t count = std::min(self.inbox.size(), read_block_.size());
  if (dice_.Chance(faults.single_byte)) {
    count = 1;
  } else if (dice_.Chance(faults.split)) {
    count = dice_.Between(1, count);
  }
  std::memcpy(read_block_.data(), self.inbox.data(), count);
  self.inbox.erase(0, count);
  loop_.Note(link.id * 2 + static_cast<uint64_t>(side));
  loop_.Note({read_block_.data(), count});
  if (last_reads_.size() >= kReadsKept) last_reads_.pop_front();
  last_reads_.push_back({loop_.Now(), link.id, side,
                         std::string(read_block_.data(), std::min(count, kReadBytesKept))});
  if (End(link, 1 - side).open && !End(link, 1 - side).out.empty()) {
    loop_.Schedule(loop_.Now() + link.latency,
                   [this, id = link.id, peer = 1 - side] { Writable(id, peer); });
  }
  if (self.listener != nullptr) {
    self.listener->OnData({read_block_.data(), count});
    std::memset(read_block_.data(), kPoison, count);
  }
  // Links are erased by a delivery of their own: this one is still there.
  if (self.open && (!self.inbox.empty() || self.end_arrived || self.reset_arrived)) {
    ScheduleRead(link, side, dice_.Between(Duration::zero(), kReadGapMax));
  }
}

// The window has room again.
void SimNetwork::Writable(uint64_t link_id, int side) {
  Link* link = FindLink(link_id);
  if (link == nullptr || !End(*link, side).open) return;
  Endpoint& self = End(*link, side);
  if (self.reset_arrived) {
    Read(link_id, side);
    return;
  }
  Send(*link, side);
  if (self.ends_sending) SendEnd(*link, side);
  if (self.tell_drained && self.out.size() <= net::Stream::kLowWatermark) {
    self.tell_drained = false;
    if (self.listener != nullptr) self.listener->OnDrained();
  }
}

// ----- ending -----

void SimNetwork::Die(Link& link, int side, const Error& cause) {
  net::StreamListener* listener = End(link, side).listener;
  Close(link, side);
  if (listener != nullptr) listener->OnClosed(cause);
}

void SimNetwork::Close(Link& link, int side) {
  Endpoint& self = End(link, side);
  if (!self.open) return;
  self.open = false;
  if (self.stream != nullptr) self.stream->link_ = nullptr;
  self.stream = nullptr;
  self.listener = nullptr;
  self.out.Clear();
  loop_.Unschedule(self.linger);
  self.kept.reset();
  if (!self.reset_arrived) {
    if (!self.inbox.empty()) {
      SendReset(link, side);
    } else {
      SendEnd(link, side);
    }
  }
  self.inbox.clear();
  if (End(link, 1 - side).open) return;
  // In a turn of its own: callers of this function still look at the link.
  loop_.Schedule(loop_.Now(), [this, id = link.id] { links_.erase(id); });
}

}  // namespace pglynx::sim
