#pragma once

// What PostgreSQL finds out about a statement before it runs: parse analysis, at Parse and
// again at Bind, then planning, which folds constants, at Bind; and the columns of its result.
// Pure functions over the session's tables and the few objects that every session sees.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/mini_sql.h"
#include "sim/session_state.h"

namespace pglynx::sim {

struct SqlError {
  std::string_view sqlstate;
  std::string message;
};

// The OIDs of types that statements meet (pg_type.dat).
inline constexpr uint32_t kBoolOid = 16;
inline constexpr uint32_t kInt8Oid = 20;
inline constexpr uint32_t kInt4Oid = 23;
inline constexpr uint32_t kTextOid = 25;
inline constexpr uint32_t kVoidOid = 2278;

// The one table that is not temporary. Only its owner, who is not a client, may drop it, and
// the fake does not keep its rows.
inline constexpr std::string_view kSharedTable = "log";
// Whether search_path leads to what is not temporary: the table, the sequences and the functions
// that are not of the server itself.
bool SeesPublic(const SessionState& state);
bool SeesTable(const SessionState& state, const std::string& name);
// Sequences that every session sees: sq0 and sq1.
bool IsSequence(std::string_view name);

// An advisory lock that a call takes, waiting for it.
bool IsLockCall(const SelectItem& item);
// An advisory lock of a transaction rather than of the session.
bool IsTransactionLock(const SelectItem& item);

// Whether $n may stand in a statement: in the extended protocol and in PREPARE.
enum class ParameterUse : uint8_t { kRefused, kAllowed };
// Parse analysis. `types` are the parameters' OIDs as Parse gave them, 0 for those it leaves
// open; they are completed.
std::optional<SqlError> Analyze(const MiniStatement& statement, const SessionState& state,
                                ParameterUse use, std::vector<uint32_t>& types);
// What is refused when the plan is made.
std::optional<SqlError> Plan(const MiniStatement& statement);

// Empty: it returns no rows.
std::vector<Column> ResultColumns(const MiniStatement& statement, const SessionState& state,
                                  const std::vector<uint32_t>& types);

}  // namespace pglynx::sim
