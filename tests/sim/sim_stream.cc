#include "sim/sim_stream.h"

#include "pglynx/core/check.h"

namespace pglynx::sim {
namespace {

constexpr Duration kLingerMax = std::chrono::seconds(2);

}  // namespace

SimStream::SimStream(SimNetwork& network, Link& link, int side)
    : network_(network),
      link_(&link),
      side_(side),
      peer_(link.addresses[static_cast<size_t>(1 - side)]),
      local_(link.addresses[static_cast<size_t>(side)]) {
  end().stream = this;
}

SimStream::~SimStream() {
  Close();
}

Endpoint& SimStream::end() {
  return link_->ends[static_cast<size_t>(side_)];
}

void SimStream::SetListener(net::StreamListener& listener) {
  if (link_ == nullptr) return;
  end().listener = &listener;
  network_.ScheduleRead(*link_, side_, Duration::zero());
}

bool SimStream::Write(std::span<const net::Chunk> chunks) {
  if (link_ == nullptr) return false;
  Endpoint& self = end();
  PGLYNX_CHECK(!self.ends_sending);
  if (self.reset_arrived) {  // the system says so at once, the listener hears it later
    network_.ScheduleRead(*link_, side_, Duration::zero());
    return false;
  }
  for (const net::Chunk& chunk : chunks) self.out.Append(chunk);
  network_.Send(*link_, side_);
  if (self.out.size() > kHighWatermark) self.tell_drained = true;
  return true;
}

size_t SimStream::pending_bytes() const {
  return link_ != nullptr ? link_->ends[static_cast<size_t>(side_)].out.size() : 0;
}

void SimStream::Pause() {
  if (link_ != nullptr) ++end().pauses;
}

void SimStream::Resume() {
  if (link_ == nullptr) return;
  PGLYNX_CHECK(end().pauses > 0);
  if (--end().pauses == 0) network_.ScheduleRead(*link_, side_, Duration::zero());
}

void SimStream::Close() {
  if (link_ == nullptr) return;
  network_.Close(*link_, side_);
}

void SimStream::FinishAndClose(std::unique_ptr<Deletable> kept) {
  if (link_ == nullptr) return;
  Link& link = *link_;
  Endpoint& self = end();
  if (self.reset_arrived) {
    Close();
    return;
  }
  self.stream = nullptr;
  self.listener = nullptr;
  self.finishing = true;
  self.kept = std::move(kept);
  self.ends_sending = true;
  self.pauses = 0;
  link_ = nullptr;
  network_.SendEnd(link, side_);
  self.linger = network_.loop().Schedule(network_.loop().Now() + kLingerMax,
                                         [&network = network_, id = link.id, side = side_] {
                                           Link* found = network.FindLink(id);
                                           if (found != nullptr) network.Close(*found, side);
                                         });
  network_.ScheduleRead(link, side_, Duration::zero());
}

void SimStream::FinishSending() {
  if (link_ == nullptr || end().ends_sending) return;
  end().ends_sending = true;
  network_.SendEnd(*link_, side_);
}

void SimStream::Abort() {
  if (link_ == nullptr) return;
  Link& link = *link_;
  end().out.Clear();
  network_.SendReset(link, side_);
  end().end_sent = true;
  Close();
}

}  // namespace pglynx::sim
