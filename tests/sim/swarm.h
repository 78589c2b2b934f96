#pragma once

// One run of the swarm: from a seed to a topology, limits, faults and client scripts, for a
// number of events, with the invariants checked after each turn. A value of results; the run
// owns its whole world.
//
//   SwarmResult result = RunSwarm({.seed = 1, .events = 20000});

#include <cstdint>
#include <string>
#include <vector>

namespace pglynx::sim {

struct SwarmOptions {
  uint64_t seed = 1;
  uint64_t events = 20'000;
  std::string faults = {};      // the name of a profile; empty: the seed chooses
  uint64_t violations_max = 1;  // ends the run
  bool describe = false;        // fill SwarmResult::report even without a violation
};

struct SwarmResult {
  std::vector<std::string> violations;
  uint64_t trace = 0;
  uint64_t statements = 0;  // that clients saw done
  uint64_t errors = 0;
  uint64_t clients = 0;
  std::string topology;                 // one line for a person
  std::vector<std::string> notes;       // what the first violated client had sent and heard
  std::vector<std::string> last_lines;  // the last reads, and the end of the pooler's log
};

// Names that SwarmOptions::faults takes.
std::vector<std::string> FaultProfiles();
bool IsFaultProfile(const std::string& name);

SwarmResult RunSwarm(const SwarmOptions& options);

}  // namespace pglynx::sim
