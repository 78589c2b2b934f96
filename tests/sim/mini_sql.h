#pragma once

// The statements that FakePostgres understands: a small part of Postgres's SQL, so that the
// same text runs on a real server. Anything else is a syntax error, as it would be there.
//
//   SELECT 'client-1/2', $1, pg_sleep(0.05), repeat('x', 9) [FROM generate_series(1, 3) | t]
//   SHOW x · SET [SESSION|LOCAL] x TO 'v'[, …]|DEFAULT · RESET x|ALL, with the special names TIME
//   ZONE, ROLE, SESSION AUTHORIZATION, SCHEMA and NAMES
//   SET SESSION CHARACTERISTICS AS TRANSACTION modes
//   BEGIN|START TRANSACTION [modes] · COMMIT|END · ROLLBACK|ABORT, [WORK|TRANSACTION]
//   SAVEPOINT p · RELEASE [SAVEPOINT] p · ROLLBACK [WORK] TO [SAVEPOINT] p
//   CREATE TEMP TABLE t (x text) · DROP TABLE t · INSERT INTO t VALUES ('v'|$1)
//   COPY t FROM STDIN · COPY (SELECT …) TO STDOUT · LISTEN c · UNLISTEN c|* · NOTIFY c
//   PREPARE s [(text, …)] AS SELECT|INSERT … · EXECUTE s[('v', …)] · DEALLOCATE [PREPARE] s|ALL
//   DISCARD ALL|SEQUENCES|TEMP|PLANS · the product's questions: session::kStateProbe, and
//   CASE WHEN COALESCE((SELECT source … FROM pg_settings …), true) THEN current_setting(…) END
//
// Values; a Statement owns its text.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::sim {

enum class StatementKind : uint8_t {
  kEmpty,
  kSyntaxError,
  kSelect,
  kShow,
  kSet,
  kSetLocal,
  kReset,
  kResetAll,
  kCharacteristics,  // its arguments are parameter, value, parameter, value, …
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,
  kRelease,
  kRollbackTo,
  kCreateTemp,
  kDropTable,
  kInsert,
  kCopyIn,
  kCopyOut,
  kListen,
  kUnlisten,
  kNotify,
  kPrepare,
  kExecute,
  kDeallocate,
  kDeallocateAll,
  kDiscard,
};

// One column of a SELECT.
struct SelectItem {
  // kHeld: a column of the probe. kOwnSetting: a value that was set in this session.
  enum class Kind : uint8_t {
    kString,
    kNumber,
    kParameter,
    kCall,
    kColumn,
    kDivision,
    kHeld,
    kOwnSetting,
  };
  Kind kind = Kind::kString;
  std::string text;  // the value, the number, the function, the column, the parameter
  std::vector<std::string> arguments;  // of kCall
};

struct MiniStatement {
  StatementKind kind = StatementKind::kEmpty;
  std::string text;  // as it was sent, comments included
  // Of a parameter, table, channel, …; what DISCARD discards; what BEGIN answers.
  std::string name;
  std::string value;                   // the text behind PREPARE … AS
  size_t declared = 0;                 // how many types PREPARE names
  bool to_default = false;             // SET … TO DEFAULT
  std::vector<SelectItem> items;       // of SELECT; the one value of INSERT
  std::vector<std::string> arguments;  // of EXECUTE; the values of SET
  std::string table;                   // SELECT … FROM table
  uint32_t series = 1;                 // rows of SELECT … FROM generate_series(1, n)
  bool from_series = false;

  // COMMIT, ROLLBACK and ROLLBACK TO: what a failed transaction still accepts.
  [[nodiscard]] bool LeavesFailure() const {
    return kind == StatementKind::kCommit || kind == StatementKind::kRollback ||
           kind == StatementKind::kRollbackTo;
  }
  // The highest n of its $n.
  [[nodiscard]] size_t ParameterCount() const;
};

// Cuts at the semicolons outside of strings and comments; what is only blank is left out.
std::vector<std::string> SplitStatements(std::string_view text);
MiniStatement ParseStatement(std::string_view text);

// Which client a text belongs to: the first "client-<client>/<number>" in it.
struct Marker {
  uint32_t client = 0;  // 0: none
  uint32_t number = 0;
};
Marker FindMarker(std::string_view text);

}  // namespace pglynx::sim
