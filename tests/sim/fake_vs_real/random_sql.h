#pragma once

// Random statements of the language that FakePostgres understands (mini_sql.h), over few names,
// so that they meet. A value over a borrowed Dice.
//
// No statement waits for ever: an advisory lock that is waited for belongs to one connection
// alone, those that two compete for are only tried.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/dice.h"

namespace pglynx::sim {

class RandomSql {
 public:
  // Where $1 may stand.
  enum class Protocol : uint8_t { kSimple, kExtended };

  RandomSql(Dice& dice, size_t connection) : dice_(dice), connection_(connection) {}

  // `status`: 'I', 'T' or 'E', as the connection's last ReadyForQuery said.
  std::string Statement(Protocol protocol, char status);
  std::string CopyIn();
  // Statements that belong together and look at what they did: chance alone seldom gets
  // through a savepoint with something in it.
  std::vector<std::string> Story();

 private:
  std::string Select(Protocol protocol);
  std::string Transaction(char status);
  std::string Effect();
  std::string Look();
  std::string Setting();
  std::string Table(Protocol protocol);
  std::string Session();
  std::string Prepared();
  std::string Item(Protocol protocol);
  std::string LockItem();
  std::string SequenceItem();
  std::string TableName();
  // --- random_session_sql.cc ---
  // What sets, shows or resets a parameter in one of the rarer ways.
  std::string SpecialSetting();
  std::string SettingItem();
  // A function whose name does not say what it does.
  std::string HiddenItem();
  // The product's probe, alone or in front of another statement, and what a pooler replays.
  std::string OwnSetting();
  std::string PoolerText();

  Dice& dice_;
  size_t connection_;
};

}  // namespace pglynx::sim
