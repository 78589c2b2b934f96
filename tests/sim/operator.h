#pragma once

// Somebody who works on the pooler while it is in use: pauses, disables, drains, kills,
// reconnects, bans servers, takes a database out of the configuration and puts it back. What holds
// others up is undone within kHoldMax. Owner: the swarm; the simulation outlives it.

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/dice.h"
#include "sim/simulation.h"

namespace pglynx::sim {

class Operator {
 public:
  static constexpr Duration kHoldMax = std::chrono::seconds(2);

  // `eagerness`: the probability of an action at each Tick. `servers`: what BAN is said of.
  Operator(Simulation& sim, double eagerness, std::vector<net::Address> servers = {})
      : sim_(sim), eagerness_(eagerness), servers_(std::move(servers)) {}

  // Now and then.
  void Tick();
  // The end: nothing is held up any more.
  void UndoAll();

 private:
  void Act();
  // Half of the time all of them.
  std::string SomeDatabase();
  void UndoLater(std::function<void()> undo);
  void RemovePool();
  void BanSome();

  Simulation& sim_;
  double eagerness_;
  std::vector<net::Address> servers_;
  std::multimap<TimePoint, std::function<void()>> undo_;
  bool pool_is_out_ = false;
};

}  // namespace pglynx::sim
