// The extended protocol of the console ("Extended Query" in the PostgreSQL manual).

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "admin/console_messages.h"
#include "admin/run_command.h"
#include "admin/shown.h"
#include "pglynx/admin/console.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {
namespace {

using wire::Severity;

constexpr uint16_t kTextFormat = 0;
constexpr uint16_t kBinaryFormat = 1;

// PostgreSQL's codes for portals, which only the console has.
constexpr std::string_view kInvalidCursorName = "34000";
constexpr std::string_view kDuplicateCursor = "42P03";

Error TooMany(std::string_view things, size_t allowed) {
  return Error{ErrorCode::kConfigurationLimit,
               fmt::format("too many {} on the console: at most {} are allowed", things, allowed)};
}

Error UnknownStatement(std::string_view name) {
  return Error{ErrorCode::kInvalidStatementName,
               fmt::format("prepared statement \"{}\" does not exist", Shown(name))};
}

Error NameTooLong() {
  return Error{
      ErrorCode::kConfigurationLimit,
      fmt::format("name of a statement or portal is too long: at most {} bytes are allowed",
                  kConsoleNameBytesMax)};
}

void AppendErrorWithState(std::string& out, std::string_view sqlstate, std::string_view message) {
  wire::AppendErrorResponse(out, {.severity = Severity::kError,
                                  .sqlstate = sqlstate,
                                  .message = message,
                                  .detail = {},
                                  .hint = {}});
}

void AppendDescription(std::string& out, const Command& command,
                       const std::vector<CellFormat>& formats = {}) {
  const std::vector<Column> columns = ColumnsOf(command);
  if (columns.empty()) {
    AppendEmptyMessage(out, 'n');
  } else {
    AppendRowDescription(out, columns, formats);
  }
}

// The list of result formats at the end of a Bind: none, one for all columns, or one for
// each. A command without rows takes any. The result has one for each column, or none.
Result<std::vector<CellFormat>> ReadResultFormats(ByteReader& body, const Command& command) {
  const uint16_t count = body.U16();
  const size_t columns = ColumnsOf(command).size();
  std::vector<CellFormat> formats;
  bool unknown = false;
  for (uint16_t i = 0; i < count && body.ok(); ++i) {
    const uint16_t format = body.U16();
    unknown = unknown || (format != kTextFormat && format != kBinaryFormat);
    formats.push_back(format == kBinaryFormat ? CellFormat::kBinary : CellFormat::kText);
  }
  if (columns == 0) return std::vector<CellFormat>();
  if (count > 1 && count != columns) {
    return Error{ErrorCode::kProtocolViolation,
                 fmt::format("bind message has {} result formats but the command has {} columns",
                             count, columns)};
  }
  if (unknown) {
    return Error{ErrorCode::kInvalidParameterValue,
                 "unsupported format code in bind message: 0 (text) and 1 (binary) are offered"};
  }
  if (count == 1) formats.resize(columns, formats[0]);
  return formats;
}

}  // namespace

Next Console::OnParse(ByteReader& body, std::string& out) {
  const std::string_view name = body.CString();
  const std::string_view text = body.CString();
  const uint16_t parameter_types = body.U16();
  body.Bytes(size_t{parameter_types} * sizeof(uint32_t));
  if (!body.AtEnd()) return Malformed(out, 'P');
  if (name.size() > kConsoleNameBytesMax) return Skip(out, NameTooLong());
  if (parameter_types != 0) {
    return Skip(
        out, Error{ErrorCode::kFeatureNotSupported, "parameters are not supported by the console"});
  }
  const Result<Command> command = ParseCommand(text);
  if (!command) return Skip(out, command.error());
  const auto found = statements_.find(name);
  if (found != statements_.end() && !name.empty()) {
    return Skip(out, Error{ErrorCode::kDuplicateStatement,
                           fmt::format("prepared statement \"{}\" already exists", Shown(name))});
  }
  if (found == statements_.end() && statements_.size() == kConsoleStatementsMax) {
    return Skip(out, TooMany("prepared statements", kConsoleStatementsMax));
  }
  statements_.insert_or_assign(std::string(name), *command);
  AppendEmptyMessage(out, '1');
  return Next::kContinue;
}

Next Console::OnBind(ByteReader& body, std::string& out) {
  const std::string_view portal = body.CString();
  const std::string_view statement = body.CString();
  const uint16_t parameter_formats = body.U16();
  body.Bytes(size_t{parameter_formats} * sizeof(uint16_t));
  const uint16_t parameters = body.U16();
  if (!body.ok()) return Malformed(out, 'B');
  if (portal.size() > kConsoleNameBytesMax) return Skip(out, NameTooLong());
  const auto prepared = statements_.find(statement);
  if (prepared == statements_.end()) return Skip(out, UnknownStatement(statement));
  if (parameters != 0) {
    return Skip(out, Error{ErrorCode::kProtocolViolation,
                           fmt::format("bind message supplies {} parameters, but console commands "
                                       "take none",
                                       parameters)});
  }
  Result<std::vector<CellFormat>> formats = ReadResultFormats(body, prepared->second);
  if (!body.AtEnd()) return Malformed(out, 'B');
  if (!formats) return Skip(out, formats.error());
  const auto found = portals_.find(portal);
  if (found != portals_.end() && !portal.empty()) {
    skipping_to_sync_ = true;
    AppendErrorWithState(out, kDuplicateCursor,
                         fmt::format("portal \"{}\" already exists", Shown(portal)));
    return Next::kContinue;
  }
  if (found == portals_.end() && portals_.size() == kConsoleStatementsMax) {
    return Skip(out, TooMany("portals", kConsoleStatementsMax));
  }
  portals_.insert_or_assign(std::string(portal), Portal{.statement = std::string(statement),
                                                        .command = prepared->second,
                                                        .formats = std::move(*formats)});
  AppendEmptyMessage(out, '2');
  return Next::kContinue;
}

Next Console::OnDescribe(ByteReader& body, std::string& out) {
  const char kind = static_cast<char>(body.U8());
  const std::string_view name = body.CString();
  if (!body.AtEnd() || (kind != 'S' && kind != 'P')) return Malformed(out, 'D');
  if (kind == 'P') {
    const auto portal = portals_.find(name);
    if (portal == portals_.end()) return SkipUnknownPortal(out, name);
    AppendDescription(out, portal->second.command, portal->second.formats);
    return Next::kContinue;
  }
  const auto statement = statements_.find(name);
  if (statement == statements_.end()) return Skip(out, UnknownStatement(name));
  {
    const wire::MessageScope description(out, 't');
    AppendU16(out, 0);
  }
  AppendDescription(out, statement->second);
  return Next::kContinue;
}

Next Console::OnExecute(ByteReader& body, std::string& out) {
  const std::string_view name = body.CString();
  const uint32_t rows_max = body.U32();
  if (!body.AtEnd()) return Malformed(out, 'E');
  const auto portal = portals_.find(name);
  if (portal == portals_.end()) return SkipUnknownPortal(out, name);
  return ExecutePortal(portal->second, rows_max, out);
}

Next Console::ExecutePortal(Portal& portal, uint32_t rows_max, std::string& out) {
  const Command& command = portal.command;
  if (command.kind == CommandKind::kEmpty) {
    AppendEmptyMessage(out, 'I');
    return Next::kContinue;
  }
  if (portal.started && portal.table.columns.empty()) {
    return Skip(out, Error{ErrorCode::kNotInPrerequisiteState,
                           fmt::format("portal of {} cannot be run again", command.tag)});
  }
  if (!portal.started) {
    const RunOutcome outcome = RunCommand(command, host_, rights_, portal.table, out);
    if (outcome == RunOutcome::kClose) return Next::kClose;
    if (outcome == RunOutcome::kFailed) {
      skipping_to_sync_ = true;
      return Next::kContinue;
    }
    portal.started = true;
    if (outcome == RunOutcome::kWait) {
      waiting_ = Waiting{.command = command};
      return Next::kWait;
    }
    if (command.kind == CommandKind::kForgetStatements) statements_.clear();
  }
  // Zero and what is negative as an int32 mean no limit.
  const bool limited = rows_max != 0 && rows_max <= 0x7fffffffU;
  const std::vector<Row>& rows = portal.table.rows;
  size_t end = rows.size();
  if (limited) end = std::min(end, portal.next_row + rows_max);
  const size_t count = end - portal.next_row;
  for (; portal.next_row < end; ++portal.next_row) {
    AppendDataRow(out, rows[portal.next_row], portal.table.columns, portal.formats);
  }
  // As PostgreSQL does, a limit that is just reached suspends: the next Execute finds no row.
  if (limited && count == rows_max) {
    AppendEmptyMessage(out, 's');
  } else {
    portal.table.rows.clear();  // one more Execute finds none
    portal.next_row = 0;
    wire::AppendCommandComplete(out, command.tag);
  }
  return Next::kContinue;
}

Next Console::OnClose(ByteReader& body, std::string& out) {
  const char kind = static_cast<char>(body.U8());
  const std::string_view name = body.CString();
  if (!body.AtEnd() || (kind != 'S' && kind != 'P')) return Malformed(out, 'C');
  if (kind == 'P') {
    if (const auto portal = portals_.find(name); portal != portals_.end()) portals_.erase(portal);
  } else if (const auto statement = statements_.find(name); statement != statements_.end()) {
    // "Extended Query": closing a statement closes the portals made from it.
    std::erase_if(portals_, [name](const auto& entry) { return entry.second.statement == name; });
    statements_.erase(statement);
  }
  AppendEmptyMessage(out, '3');
  return Next::kContinue;
}

Next Console::Skip(std::string& out, const Error& error) {
  skipping_to_sync_ = true;
  wire::AppendErrorResponse(out, Severity::kError, error);
  return Next::kContinue;
}

Next Console::SkipUnknownPortal(std::string& out, std::string_view name) {
  skipping_to_sync_ = true;
  AppendErrorWithState(out, kInvalidCursorName,
                       fmt::format("portal \"{}\" does not exist", Shown(name)));
  return Next::kContinue;
}

}  // namespace pglynx::admin
