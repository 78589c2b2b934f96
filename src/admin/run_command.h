#pragma once

// Carries a console command out: what the simple and the extended protocol share. Free
// functions; the host is borrowed for the call.

#include <cstdint>
#include <string>
#include <vector>

#include "pglynx/admin/command.h"
#include "pglynx/admin/console.h"
#include "pglynx/admin/result_table.h"

namespace pglynx::admin {

// The columns of a command's rows; none if it has no rows.
std::vector<Column> ColumnsOf(const Command& command);

enum class RunOutcome : uint8_t {
  kDone,    // the rows, if it has any, are in the table; the tag is still to be sent
  kFailed,  // an ErrorResponse was appended
  kClose,   // the connection ends without a reply
  kWait,    // as kDone, but the tag is not to be sent before IsSettled
};

// Whether a command that RunCommand left with kWait is done.
bool IsSettled(const Command& command, ConsoleHost& host);

// Appends the notices of the command to `out`, or its error, and fills `table`.
RunOutcome RunCommand(const Command& command, ConsoleHost& host, Rights rights, ResultTable& table,
                      std::string& out);

}  // namespace pglynx::admin
