#pragma once

// The part of mini_sql.h's language that is about parameters and transactions. Free functions
// over a reader that stands at the statement's first word.

#include "sim/mini_sql.h"
#include "sim/sql_reader.h"

namespace pglynx::sim {

// SET, RESET, SHOW.
bool IsSettingCommand(const SqlReader& reader);
MiniStatement ParseSetting(SqlReader& reader);

// BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT, SAVEPOINT, RELEASE.
bool IsTransactionCommand(const SqlReader& reader);
MiniStatement ParseTransaction(SqlReader& reader);

}  // namespace pglynx::sim
