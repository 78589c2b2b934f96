#pragma once

// Whole servers that fail for a while: they restart, refuse connects, are silent, or lose what is
// on its way. Owner: the swarm; the simulation outlives it.
//
// Gentle faults are those that nobody may notice whose statement was not under way there: one
// server at a time, restarted, with another one for each role that it serves, and not before the
// pooler believes all servers to be well again.

#include <functional>
#include <map>
#include <vector>

#include "sim/route_model.h"
#include "sim/simulation.h"

namespace pglynx::sim {

class HostFaults {
 public:
  enum class Kind : uint8_t { kGentle, kNetwork, kServers, kAll };
  // `maps`: of all pools. `eagerness`: the probability of a fault at each Tick.
  HostFaults(Simulation& sim, const std::vector<PoolMap>& maps, Kind kind, double eagerness);

  // Now and then.
  void Tick();
  // The end: all are well again.
  void UndoAll();
  // A client that begins now may find a server that has just gone.
  [[nodiscard]] bool IsDoubtful() const { return sim_.Now() < doubtful_until_; }

 private:
  [[nodiscard]] bool MayFailGently(size_t server) const;
  void FailGently(size_t server);
  void Fail(size_t server);

  Simulation& sim_;
  const std::vector<PoolMap>& maps_;
  Kind kind_;
  double eagerness_;
  std::vector<size_t> servers_;  // of pools that have several
  std::multimap<TimePoint, std::function<void()>> undo_;
  TimePoint doubtful_until_{};
  TimePoint down_until_{};
};

}  // namespace pglynx::sim
