#include "pglynx/admin/console.h"

#include <fmt/format.h>

#include "admin/console_messages.h"
#include "admin/run_command.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {
namespace {

constexpr char kStatus = 'I';  // ReadyForQuery: there are no transactions here

}  // namespace

Next Console::OnMessage(char type, std::string_view body, std::string& out) {
  PGLYNX_DCHECK(!waiting_.has_value());
  // "Extended Query": after an error everything up to Sync is discarded. The end of the
  // connection is not, nor is a message that cannot be.
  constexpr std::string_view kSkipped = "QPBDECHFdcf";
  if (skipping_to_sync_ && kSkipped.find(type) != std::string_view::npos) return Next::kContinue;
  return Dispatch(type, body, out);
}

Next Console::Continue(std::string& out) {
  PGLYNX_DCHECK(waiting_.has_value());
  if (!IsSettled(waiting_->command, host_)) return Next::kWait;
  wire::AppendCommandComplete(out, waiting_->command.tag);
  if (waiting_->ready_follows) wire::AppendReadyForQuery(out, kStatus);
  waiting_.reset();
  return Next::kContinue;
}

Next Console::Dispatch(char type, std::string_view body, std::string& out) {
  ByteReader reader(body);
  switch (type) {
    case 'Q':
      return OnQuery(reader, out);
    case 'P':
      return OnParse(reader, out);
    case 'B':
      return OnBind(reader, out);
    case 'D':
      return OnDescribe(reader, out);
    case 'E':
      return OnExecute(reader, out);
    case 'C':
      return OnClose(reader, out);
    case 'S':
      return OnSync(reader, out);
    case 'F':
      return OnFunctionCall(out);
    case 'H':  // Flush: nothing is held back
    case 'd':  // "COPY Operations": remnants of a copy are ignored outside of one
    case 'c':
    case 'f':
      return Next::kContinue;
    case 'X':
      return Next::kClose;
    default:
      return Fatal(out, fmt::format("invalid frontend message type {}",
                                    static_cast<unsigned>(static_cast<unsigned char>(type))));
  }
}

Next Console::OnQuery(ByteReader& body, std::string& out) {
  const std::string_view text = body.CString();
  if (!body.AtEnd()) return Malformed(out, 'Q');
  // "Extended Query": a simple Query ends the unnamed statement and, as the end of a
  // transaction, all portals.
  if (const auto unnamed = statements_.find(""); unnamed != statements_.end()) {
    statements_.erase(unnamed);
  }
  portals_.clear();
  const Result<Command> command = ParseCommand(text);
  if (!command) {
    wire::AppendErrorResponse(out, wire::Severity::kError, command.error());
  } else if (command->kind == CommandKind::kEmpty) {
    AppendEmptyMessage(out, 'I');
  } else {
    ResultTable table;
    const RunOutcome outcome = RunCommand(*command, host_, rights_, table, out);
    if (outcome == RunOutcome::kClose) return Next::kClose;
    if (outcome == RunOutcome::kWait) {
      waiting_ = Waiting{.command = *command, .ready_follows = true};
      return Next::kWait;
    }
    if (outcome == RunOutcome::kDone) {
      if (!table.columns.empty()) AppendRowDescription(out, table.columns);
      for (const Row& row : table.rows) AppendDataRow(out, row);
      wire::AppendCommandComplete(out, command->tag);
      if (command->kind == CommandKind::kForgetStatements) statements_.clear();
    }
  }
  wire::AppendReadyForQuery(out, kStatus);
  return Next::kContinue;
}

// "Function Call": an exchange of its own, so that ReadyForQuery follows the error.
Next Console::OnFunctionCall(std::string& out) {
  wire::AppendErrorResponse(
      out, wire::Severity::kError,
      Error{ErrorCode::kFeatureNotSupported, "function calls are not supported by the console"});
  wire::AppendReadyForQuery(out, kStatus);
  return Next::kContinue;
}

Next Console::OnSync(ByteReader& body, std::string& out) {
  if (!body.AtEnd()) return Malformed(out, 'S');
  skipping_to_sync_ = false;
  portals_.clear();
  wire::AppendReadyForQuery(out, kStatus);
  return Next::kContinue;
}

}  // namespace pglynx::admin
