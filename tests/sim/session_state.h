#pragma once

// What a Postgres session keeps: parameters (GUCs), temporary tables, channels, prepared
// statements, portals and sequence values, with the life-times of the real ones. What is
// transactional is rolled back with the transaction or the savepoint. A value; pure.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/known_parameters.h"
#include "sim/mini_sql.h"

namespace pglynx::sim {

// How the names of statements begin that the pooler prepares, of its own or under its own name.
inline constexpr std::string_view kPoolerPrefix = "pglynx_";

// A value of SQL as text; nothing: NULL.
using SqlValue = std::optional<std::string>;

struct Column {
  std::string name;
  uint32_t type = 0;  // its OID
  bool of_table = false;
};

struct PreparedStatement {
  MiniStatement statement;
  std::vector<uint32_t> types = {};  // OIDs of its parameters
  std::vector<Column> columns = {};  // of its result, as they were at Parse; empty: no rows
  uint64_t batch = 0;                // which Query or batch of its session made it
  bool from_sql = false;             // by PREPARE
};

struct Portal {
  MiniStatement statement;
  std::vector<uint32_t> types;  // as its statement's
  std::vector<SqlValue> parameters;
  std::vector<Column> columns;  // of its result, as they were at Bind; empty: no rows
  // SELECT makes its rows when they are fetched, from its table as it was at Bind.
  std::vector<SqlValue> table_rows;
  size_t row_count = 0;
  size_t next_row = 0;
  // SHOW and EXECUTE make all of them (DataRow messages) when they first run.
  std::vector<std::string> store;
  bool started = false;
  bool at_end = false;       // no more rows; what returns none has run
  bool failed = false;       // an error came since it was made: nothing of it can run
  bool born_failed = false;  // made in a failed transaction
  size_t level = 0;          // the savepoints that were open when it was made
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
  // But for those that survive it.
  void ResetAll();
  [[nodiscard]] std::string Value(const KnownParameter& parameter) const;
  [[nodiscard]] std::string StartupValue(const KnownParameter& parameter) const;
  // By SET or its like, in this session or transaction.
  [[nodiscard]] bool IsSet(const KnownParameter& parameter) const {
    return now.local.contains(parameter.name) || now.parameters.contains(parameter.name);
  }
  // What this session knows by this name; nullptr: nothing.
  [[nodiscard]] const KnownParameter* Find(std::string_view name) const;
  // The same for SET and RESET, which make the parameters of applications known.
  const KnownParameter* FindOrMake(std::string_view name);

  // --- transaction ---
  void BeginImplicit();
  // The block that BEGIN opens.
  void BeginBlock() { transaction = TransactionState::kBlock; }
  // After an error: an implicit transaction is gone, a block has failed.
  void Fail();
  // The commit of what LISTEN and UNLISTEN asked for goes with it.
  void Commit();
  void Rollback();
  [[nodiscard]] char StatusByte() const;

  // --- savepoints, inside a block ---
  void Savepoint(const std::string& name);
  [[nodiscard]] bool HasSavepoint(const std::string& name) const;
  // Precondition of both: HasSavepoint. They return the level that is left.
  size_t Release(const std::string& name);
  size_t RollbackTo(const std::string& name);
  [[nodiscard]] size_t level() const { return savepoints_.size(); }

  // DISCARD ALL, but for the locks, which are the server's. The unnamed statement survives it.
  void DiscardAll();

  struct Transactional {
    std::map<std::string_view, std::string> parameters;  // set in this session
    std::map<std::string_view, std::string> local;       // set in this transaction
    std::map<std::string, std::vector<SqlValue>> temp_tables;
    std::map<std::string, std::string> owners;  // of those that were made under another role
    std::set<std::string> channels;             // that it will hear once it commits
    std::vector<std::string> notifications;     // of this transaction, sent at its commit
  };
  Transactional now;
  std::set<std::string> heard_channels;               // as committed
  std::map<std::string, PreparedStatement> prepared;  // by the protocol and by PREPARE
  std::optional<PreparedStatement> unnamed_statement;
  std::map<std::string, Portal> portals;  // "" is the unnamed one
  std::map<std::string, int64_t> sequence_values;
  std::string last_sequence;
  TransactionState transaction = TransactionState::kIdle;

 private:
  struct SavedLevel {
    std::string name;
    Transactional before;
  };
  // The index of the innermost one of this name; nothing: there is none.
  [[nodiscard]] std::optional<size_t> FindSavepoint(const std::string& name) const;
  void EndTransaction();

  std::map<std::string_view, std::string> startup_;
  std::set<std::string_view> custom_;  // the parameters of applications that are known here
  Transactional before_;               // at the beginning of the transaction
  std::vector<SavedLevel> savepoints_;
};

}  // namespace pglynx::sim
