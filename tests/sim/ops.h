#pragma once

// What a simulated client asks for: one statement each, as a value. A client gives it its
// marker when it sends it; the text is valid on a real Postgres too.
//
//   anna.Query({Begin(), Echo()});
//   anna.Extended({Echo().As("s1")});

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/time.h"

namespace pglynx::sim {

enum class OpKind : uint8_t {
  kEcho,             // SELECT its marker
  kRows,             // many rows, each of them made of its marker
  kSleep,            // takes time, then shows its marker
  kShow,             // its own value of a parameter
  kCurrent,          // the same by current_setting(name, true)
  kSet,              // SET name TO 'value'; SET ROLE value
  kSetLocal,         // SET LOCAL name TO 'value'
  kSetConfig,        // set_config('name', 'value', is_local)
  kCharacteristics,  // SET SESSION CHARACTERISTICS: its value is an isolation level
  kReset,            // RESET name
  kResetAll,
  kBegin,  // its name is the text
  kCommit,
  kRollback,
  kSavepoint,   // SAVEPOINT name
  kRelease,     // RELEASE name
  kRollbackTo,  // ROLLBACK TO name
  kDivide,      // fails: SELECT 1/0
  kBadSyntax,   // fails before anything runs
  kCreateTemp,  // CREATE TEMP TABLE name
  kInsert,      // its marker into that table
  kReadTable,   // what is in that table
  kDropTable,
  kListen,    // LISTEN name
  kUnlisten,  // UNLISTEN name
  kUnlistenAll,
  kNotify,   // NOTIFY name
  kLock,     // an advisory lock of the session
  kTryLock,  // the same without waiting; its key must be the client's alone
  kUnlock,   // one lock of that key; says whether there was one
  kUnlockAll,
  // Functions that do what their text does not say.
  kHiddenLock,    // as kLock
  kHiddenTemp,    // creates the table "hidden"
  kHiddenListen,  // LISTEN name
  kHiddenSet,     // SET name TO 'value'
  kHiddenNothing,
  kPrepare,     // PREPARE name: SELECT $1, or its marker
  kExecute,     // EXECUTE name, with its marker as an argument or without
  kDeallocate,  // DEALLOCATE name
  kDeallocateAll,
  kDiscardAll,  // alone in its Query or batch
  kDiscardPlans,
  kDiscardTemp,
  kCopyIn,  // into the shared table
  kCopyOut,
  // What the pooler answers itself; each alone in its Query or batch.
  kSetShard,        // SET SHARD TO value
  kSetShardingKey,  // SET SHARDING KEY TO value
  kShowShard,
  kSetServerRole,  // SET SERVER ROLE TO value
  kShowServerRole,
  kSetPrimaryReads,  // SET PRIMARY READS TO value
  kShowPrimaryReads,
};

// How the data of COPY IN end.
enum class CopyEnd : uint8_t {
  kDone,  // CopyDone
  kFail,  // CopyFail
  kHold,  // not yet: FakeClient::FinishCopy sends the second half
};

struct Op {
  OpKind kind = OpKind::kEcho;
  std::string name = {};
  std::string value = {};
  uint32_t rows = 1;
  uint32_t repeats = 1;  // of the marker in a row
  Duration time{};
  CopyEnd copy_end = CopyEnd::kDone;

  // In the extended protocol: the statement's name, "" for the unnamed one.
  std::string statement = {};
  bool parses = true;      // false: the statement of that name is used again
  bool describes = false;  // a Describe of the portal in front of Execute
  bool closes = false;     // a Close of the statement behind Execute
  // Echo of a parameter instead of a literal, so that clients share the statement.
  bool by_parameter = false;
  bool is_local = false;       // of kSetConfig
  bool has_parameter = false;  // of kPrepare and kExecute
  std::string hint = {};       // "shard_id: 1", in a comment in front of it
  std::string marker = {};     // given when it is sent

  // The statement's name in the extended protocol.
  [[nodiscard]] Op As(std::string_view statement_name) const;
  // Bind and Execute alone, of a statement that was prepared before.
  [[nodiscard]] Op Again() const;
  [[nodiscard]] Op Described() const;
  [[nodiscard]] Op Closed() const;

  // Chooses a shard or a role, or asks for them.
  [[nodiscard]] bool IsCommand() const { return kind >= OpKind::kSetShard; }
  [[nodiscard]] Op Hinted(std::string_view comment) const;

  [[nodiscard]] bool ReturnsRows() const;
  // What a failed transaction still accepts.
  [[nodiscard]] bool LeavesFailure() const {
    return kind == OpKind::kCommit || kind == OpKind::kRollback || kind == OpKind::kRollbackTo;
  }
  // The text, with the marker in it.
  [[nodiscard]] std::string Sql() const;

 private:
  [[nodiscard]] std::string Marked(std::string_view sql) const;
  // Its marker beside it, as a second column.
  [[nodiscard]] std::string Call(std::string_view call) const;
  [[nodiscard]] std::string SettingSql() const;
  [[nodiscard]] std::string StateSql() const;
  [[nodiscard]] std::string CommandSql() const;
  [[nodiscard]] std::string PlainSql() const;
};

Op Echo();
// Prepared once and used by many clients: SELECT $1.
Op EchoParameter();
Op Rows(uint32_t rows, uint32_t repeats);
Op Sleep(Duration time);
Op Show(std::string_view name);
Op Current(std::string_view name);
Op Set(std::string_view name, std::string_view value);
Op SetLocal(std::string_view name, std::string_view value);
Op SetConfig(std::string_view name, std::string_view value, bool is_local);
Op SetIsolation(std::string_view level);
Op Reset(std::string_view name);
Op ResetAll();
Op Begin(std::string_view text = "BEGIN");
Op Commit();
Op Rollback();
Op Savepoint(std::string_view name);
Op Release(std::string_view name);
Op RollbackTo(std::string_view name);
Op DivideByZero();
Op BadSyntax();
Op CreateTemp(std::string_view table);
Op Insert(std::string_view table);
Op ReadTable(std::string_view table);
Op DropTable(std::string_view table);
Op Listen(std::string_view channel);
Op Unlisten(std::string_view channel);
Op UnlistenAll();
Op Notify(std::string_view channel);
Op Lock(uint32_t key);
Op TryLock(uint32_t key);
Op Unlock(uint32_t key);
Op UnlockAll();
Op HiddenLock(uint32_t key);
Op HiddenTemp();
Op HiddenListen(std::string_view channel);
Op HiddenSet(std::string_view name, std::string_view value);
Op HiddenNothing();
Op Prepare(std::string_view name, bool has_parameter);
Op Execute(std::string_view name, bool has_parameter);
Op Deallocate(std::string_view name);
Op DeallocateAll();
Op DiscardAll();
Op DiscardPlans();
Op DiscardTemp();
Op CopyIn(uint32_t rows, CopyEnd end = CopyEnd::kDone);
Op CopyOut(uint32_t rows);
Op SetShard(std::string_view shard);
Op SetShardingKey(std::string_view key);
Op ShowShard();
Op SetServerRole(std::string_view role);
Op ShowServerRole();
Op SetPrimaryReads(std::string_view value);
Op ShowPrimaryReads();

}  // namespace pglynx::sim
