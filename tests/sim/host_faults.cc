#include "sim/host_faults.h"

#include <algorithm>
#include <chrono>

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;

constexpr Duration kDownMax = std::chrono::seconds(3);
// How long a connection may look well that is not: latency, and what holds segments up.
constexpr Duration kUnnoticed = milliseconds(500);

}  // namespace

HostFaults::HostFaults(Simulation& sim, const std::vector<PoolMap>& maps, Kind kind,
                       double eagerness)
    : sim_(sim), maps_(maps), kind_(kind), eagerness_(eagerness) {
  for (const PoolMap& map : maps_) {
    const bool alone = map.shards.size() == 1 && map.shards[0].size() == 1;
    for (const std::vector<PoolMap::Host>& hosts : map.shards) {
      for (const PoolMap::Host& host : hosts) {
        if (!alone) servers_.push_back(host.server);
      }
    }
  }
}

void HostFaults::Tick() {
  while (!undo_.empty() && undo_.begin()->first <= sim_.Now()) {
    const std::function<void()> undo = std::move(undo_.begin()->second);
    undo_.erase(undo_.begin());
    undo();
  }
  if (servers_.empty() || !sim_.dice().Chance(eagerness_)) return;
  const size_t server = servers_[sim_.dice().Below(servers_.size())];
  if (kind_ != Kind::kGentle) {
    Fail(server);
  } else if (MayFailGently(server)) {
    FailGently(server);
  }
}

void HostFaults::UndoAll() {
  for (const auto& [at, undo] : undo_) undo();
  undo_.clear();
}

void HostFaults::Fail(size_t server) {
  const net::Address address = sim_.server(server).address();
  const Duration down = sim_.dice().Between(milliseconds(100), kDownMax);
  const uint64_t least = kind_ == Kind::kServers ? 3 : 0;
  const uint64_t most = kind_ == Kind::kNetwork ? 2 : 3;
  switch (sim_.dice().Between(least, most)) {
    case 0:
      sim_.network().SetReach(address, Reach::kRefuses);
      break;
    case 1:
      sim_.network().SetReach(address, Reach::kSilent);
      break;
    case 2:
      sim_.network().Cut(address);
      sim_.network().SetReach(address, Reach::kSilent);
      break;
    default:
      sim_.server(server).Restart(down);
      return;
  }
  undo_.emplace(sim_.Now() + down,
                [this, address] { sim_.network().SetReach(address, Reach::kOpen); });
}

bool HostFaults::MayFailGently(size_t server) const {
  if (sim_.Now() < down_until_ || sim_.pooler().HasBans()) return false;
  for (const PoolMap& map : maps_) {
    for (const std::vector<PoolMap::Host>& hosts : map.shards) {
      const auto self = std::find_if(hosts.begin(), hosts.end(),
                                     [server](const auto& host) { return host.server == server; });
      if (self == hosts.end()) continue;
      const auto alike = std::count_if(
          hosts.begin(), hosts.end(), [self](const auto& host) { return host.role == self->role; });
      if (alike < 2) return false;
    }
  }
  return true;
}

void HostFaults::FailGently(size_t server) {
  const Duration down = sim_.dice().Between(milliseconds(100), kDownMax);
  down_until_ = sim_.Now() + down;
  doubtful_until_ = sim_.Now() + kUnnoticed;
  for (const auto& client : sim_.clients()) {
    if (client->map() == nullptr || !client->map()->Find(server).has_value()) continue;
    client->ExcuseUntil(doubtful_until_);
  }
  const net::Address address = sim_.server(server).address();
  if (sim_.dice().Chance(0.5)) {
    sim_.network().SetReach(address, Reach::kRefuses);
    undo_.emplace(down_until_, [this, address] { sim_.network().SetReach(address, Reach::kOpen); });
  }
  sim_.server(server).Restart(down);
}

}  // namespace pglynx::sim
