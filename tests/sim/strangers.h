#pragma once

// Connections that are no client of anybody's: port scans, other protocols, broken packets, a
// login and then rubbish, half a message for ever. They check nothing; that nobody else notices
// them is what the others check. Owner: the swarm; the simulation outlives it.

#include <memory>
#include <string>
#include <vector>

#include "sim/raw_client.h"
#include "sim/simulation.h"

namespace pglynx::sim {

class Strangers {
 public:
  static constexpr size_t kAtOnceMax = 20;
  static constexpr Duration kStayMax = std::chrono::seconds(12);

  // `databases`: where some of them log in, as a user of that name, if the pooler trusts.
  Strangers(Simulation& sim, std::vector<std::string> databases, bool trusted)
      : sim_(sim), databases_(std::move(databases)), trusted_(trusted) {}

  // Now and then: some come, some go.
  void Tick();
  void LeaveAll() { strangers_.clear(); }

 private:
  struct Stranger {
    std::unique_ptr<RawClient> client;
    TimePoint until;
  };
  std::string FirstWords();
  std::string StartupPacket();
  std::string RubbishAfterLogin();

  Simulation& sim_;
  std::vector<std::string> databases_;
  bool trusted_;
  std::vector<Stranger> strangers_;
};

}  // namespace pglynx::sim
