#pragma once

// What drives a client of the swarm: thinks for a while, asks for something that fits its
// state, waits, and at last leaves or vanishes. All chances come from the simulation's dice. Split
// over bot.cc (when it asks), bot_state.cc (what of the session's state it asks for) and
// bot_route.cc (where that is to run).
// Owner: the swarm; outlives its client's use of it.

#include <cstdint>
#include <string>
#include <vector>

#include "sim/dice.h"
#include "sim/fake_client.h"
#include "sim/ops.h"
#include "sim/sim_loop.h"

namespace pglynx::sim {

// How the clients of one run behave: probabilities of each action.
struct BotHabits {
  double vanish = 0.02;   // goes without a word, at any byte
  double cancel = 0.05;   // cancels what it runs
  double extended = 0.5;  // uses the extended protocol
  double pipeline = 0.2;  // sends several requests at once
  double transaction = 0.3;
  double settings = 0.2;
  double session_state = 0.02;  // what pins it in transaction mode
  double hidden = 0.02;         // functions that do what their text does not say
  double sql_names = 0.05;      // PREPARE, EXECUTE, DEALLOCATE
  double copy = 0.1;
  double discard = 0.01;  // DISCARD ALL
  double slow = 0.02;     // stops to read for a while
  double error = 0.05;
  double route = 0;    // chooses a shard or a role, or asks for them
  double named = 0.7;  // a prepared statement has a name
  double needs = 0;    // asks for what needs a shard
  uint32_t actions_max = 30;
  Duration think_max = std::chrono::milliseconds(20);
  Duration sleep_max = std::chrono::milliseconds(50);
  // Vanishes when nothing has come for so long.
  Duration patience = std::chrono::seconds(40);
};

class Bot {
 public:
  // `hides`: it calls functions that leave state behind.
  Bot(SimLoop& loop, Dice& dice, const BotHabits& habits, FakeClient& client, bool hides = true);
  ~Bot();
  Bot(const Bot&) = delete;
  Bot& operator=(const Bot&) = delete;

  [[nodiscard]] FakeClient& client() { return client_; }

 private:
  void Tick();
  void Act();
  void ActBusy();
  void AskOnce();
  enum class Protocol : uint8_t { kSimple, kExtended };
  // Ops for one Query or batch.
  std::vector<Op> SomeOps(Protocol protocol);
  Op SomeOp(Protocol protocol);
  Op SomeTransactionStep();
  // --- bot_state.cc ---
  Op SomeSetting();
  Op SomeOwnSetting();
  Op SomeRole();
  Op SomeSessionState();
  Op SomeHidden();
  Op SomeSqlName();
  void AskForCopy();
  // --- bot_route.cc ---
  void AskToRoute();
  Op SomeCommand();
  std::string SomeShard();
  std::string SomeKey();
  // Gives it a named statement, and uses it again if it is prepared already.
  Op Prepared();

  SimLoop& loop_;
  Dice& dice_;
  const BotHabits& habits_;
  FakeClient& client_;
  const bool hides_;
  uint32_t actions_left_;
  uint64_t done_before_ = 0;
  uint32_t commands_ = 0;  // sent by the extended protocol
  SimLoop::Ticket tick_;
};

}  // namespace pglynx::sim
