#pragma once

// What a Postgres session keeps: parameters (GUCs), temporary tables, channels, prepared
// statements, portals and sequence values, with the life-times of the real ones. What is
// transactional is rolled back with the transaction. A value; pure.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/result.h"
#include "sim/mini_sql.h"

namespace pglynx::sim {

// A parameter that the server knows.
struct KnownParameter {
  std::string_view name;  // as it is printed
  std::string_view standard;
  bool reported = false;
  bool fixed = false;  // nobody can set it
};
// nullptr: unknown. Names compare without case.
const KnownParameter* FindParameter(std::string_view name);
// In the order in which they are reported at a login.
std::vector<const KnownParameter*> ReportedParameters();
// The value as the server prints it; nothing if it is refused.
std::optional<std::string> CanonicalValue(const KnownParameter& parameter, std::string_view value);

struct PreparedStatement {
  MiniStatement statement;
  uint64_t batch = 0;  // which Query or batch of its session made it
};
struct Portal {
  MiniStatement statement;
  std::vector<std::string> parameters;
  bool started = false;
  std::vector<std::string> rows;  // DataRow messages not sent yet
};

enum class TransactionState : uint8_t { kIdle, kImplicit, kBlock, kFailed };

class SessionState {
 public:
  // --- parameters ---
  // Startup values are what RESET goes back to.
  void SetStartup(const KnownParameter& parameter, std::string value);
  void Set(const KnownParameter& parameter, std::string value);
  void SetLocal(const KnownParameter& parameter, std::string value);
  void Reset(const KnownParameter& parameter);
  void ResetAll();
  [[nodiscard]] std::string Value(const KnownParameter& parameter) const;

  // --- transaction ---
  void BeginImplicit();
  // The block that BEGIN opens.
  void BeginBlock() { transaction = TransactionState::kBlock; }
  // After an error: an implicit transaction is gone, a block has failed.
  void Fail();
  void Commit();
  void Rollback();
  [[nodiscard]] char StatusByte() const;

  // DISCARD ALL, but for the locks, which are the server's.
  void DiscardAll();

  struct Transactional {
    std::map<std::string_view, std::string> parameters;  // set in this session
    std::map<std::string, std::vector<std::string>> temp_tables;
    std::set<std::string> channels;
  };
  Transactional now;
  std::vector<std::string> notifications;             // of this transaction, sent at its commit
  std::map<std::string, PreparedStatement> prepared;  // by the protocol and by PREPARE
  std::optional<PreparedStatement> unnamed_statement;
  std::map<std::string, Portal> portals;  // "" is the unnamed one
  std::map<std::string, int64_t> sequence_values;
  std::string last_sequence;
  TransactionState transaction = TransactionState::kIdle;

 private:
  std::map<std::string_view, std::string> startup_;
  std::map<std::string_view, std::string> local_;
  Transactional before_;  // at the beginning of the transaction
};

}  // namespace pglynx::sim
