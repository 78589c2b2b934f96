#pragma once

// Which host of a shard serves the next transaction. Owner: what holds the hosts of one shard
// for one pool. Pure: the caller says how each host stands, and whom to try next after a failure
// is the same question again with that host banned. Copies freely.
//
// kRoundRobin is the smooth weighted kind: at each pick every host that could serve gains its
// weight as credit, the richest is picked (the first of equals) and pays what all gained. With
// weights 3 and 1 that is a a b a. A host that could not serve (banned, or no connection) neither
// gains nor pays, so that it comes back to its even share and not to a burst, however long it was
// away. Each wanted role has credits of its own: reads do not disturb the turns of writes.
//
// Costs: two passes over the hosts; allocates nothing.
//
//   const Pick pick = rotation.Next(WantedRole::kReplica, candidates, random);
//   if (pick.outcome == Pick::Outcome::kHost) Connect(hosts[pick.index]);

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pglynx/balancer/host.h"
#include "pglynx/core/random.h"

namespace pglynx::balancer {

enum class BalancingMode : uint8_t {
  kRoundRobin,
  kRandom,            // by weight
  kLeastOutstanding,  // fewest busy connections; equals take turns by weight
};

// How one host stands at this moment.
struct Candidate {
  bool eligible = false;   // has the wanted role
  bool banned = false;     // false for writes to a primary: those are never kept from it
  bool available = false;  // has a connection that is free or may be opened
  uint32_t busy = 0;       // connections in use
};

struct Pick {
  enum class Outcome : uint8_t {
    kHost,
    kWait,       // every host that is not banned is full: wait for whichever frees first
    kAllBanned,  // every eligible host is banned
    kNoHost,     // no host of the shard is eligible
  };
  Outcome outcome = Outcome::kNoHost;
  size_t index = 0;  // kHost: into the candidates
};

class Rotation {
 public:
  // Of the hosts only the weights are kept, drawn into 1 … kWeightMax.
  Rotation(BalancingMode mode, std::span<const HostSpec> hosts);

  // `candidates` are the hosts of the constructor, in that order. Only kHost moves the rotation;
  // only kRandom uses `random`.
  Pick Next(WantedRole wanted, std::span<const Candidate> candidates, Random& random);

 private:
  struct Turn {
    int64_t weight = 1;
    // By WantedRole. Differ by a few rounds at most, whoever was away and when.
    std::array<int64_t, kWantedRoles> credit = {};
  };

  size_t TakeTurn(WantedRole wanted, std::span<const Candidate> candidates, uint32_t busy_max);
  size_t Draw(std::span<const Candidate> candidates, Random& random) const;

  BalancingMode mode_;
  std::vector<Turn> turns_;
};

}  // namespace pglynx::balancer
