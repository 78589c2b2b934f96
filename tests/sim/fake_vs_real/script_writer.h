#pragma once

// Writes a script step by step: what one of two connections sends at once. Each step ends so
// that the server is ready afterwards, or reads COPY data, which the runner ends. Equal seeds
// and equal replies give equal scripts. A value.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pglynx/core/random.h"
#include "sim/dice.h"
#include "sim/fake_vs_real/random_sql.h"

namespace pglynx::sim {

struct ScriptMessage {
  std::string bytes;
  std::string line;  // for a person
};
struct ScriptStep {
  size_t connection = 0;
  std::vector<ScriptMessage> messages;
};

class ScriptWriter {
 public:
  static constexpr size_t kConnections = 2;
  // What each connection's last ReadyForQuery said: 'I', 'T' or 'E'.
  using Statuses = std::array<char, kConnections>;

  explicit ScriptWriter(uint64_t seed);
  ScriptStep Next(const Statuses& statuses);
  // A message that ends the connection.
  ScriptStep Last(size_t connection);

  static ScriptMessage Query(const std::string& sql);
  static ScriptMessage Plain(char type, const std::string& name);

 private:
  void Prologue();
  void Request();
  void CloseLeftOver();
  void Batch();
  // One Query, or one for each statement, or one batch.
  void Story();
  void CopyIn();
  void CopyData();
  void FunctionCall();
  void OutOfPlace();
  // Parse to Execute of one statement, or any one of them.
  void Statement();
  void Parse(const std::string& name, const std::string& sql);
  void Bind(const std::string& portal, const std::string& name, size_t parameters);
  void Describe(char kind, const std::string& name);
  void Execute(const std::string& portal, uint32_t rows_max);
  uint32_t RowsMax();
  void Close(char kind, const std::string& name);
  void Send(char type, const std::string& body, const std::string& line);
  std::string StatementName();
  std::string PortalName();
  RandomSql Sql() { return {dice_, step_.connection}; }

  SeededRandom random_;
  Dice dice_;
  ScriptStep step_;
  std::array<bool, kConnections> begun_ = {};
  std::optional<size_t> looks_on_;  // the connection that is to look at the other's doings
  char status_ = 'I';               // of the step's connection
};

}  // namespace pglynx::sim
