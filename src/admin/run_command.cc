#include "admin/run_command.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "pglynx/admin/tables.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {
namespace {

using wire::Severity;

constexpr std::string_view kSuccessState = "00000";

void AppendNotice(std::string& out, std::string_view message, std::string_view detail = {}) {
  wire::AppendNoticeResponse(out, {.severity = Severity::kNotice,
                                   .sqlstate = kSuccessState,
                                   .message = message,
                                   .detail = detail,
                                   .hint = {}});
}

// Lines come from files: a NUL would end the field of the message.
std::string WithoutNul(std::string_view line) {
  std::string text(line);
  std::ranges::replace(text, '\0', '?');
  return text;
}

// The first lines, and how many are left out.
std::string FirstLines(std::string_view lines) {
  size_t end = 0;
  for (size_t count = 0; count < kReloadLinesMax; ++count) {
    end = lines.find('\n', end);
    if (end == std::string_view::npos) return std::string(lines);
    ++end;
  }
  const auto left = std::ranges::count(lines.substr(end), '\n') + 1;
  return fmt::format("{}and {} more", lines.substr(0, end), left);
}

RunOutcome Reload(ConsoleHost& host, std::string& out) {
  const Result<std::vector<std::string>> reloaded = host.Reload();
  if (!reloaded) {
    const std::string all = WithoutNul(reloaded.error().detail);
    const std::string first = all.substr(0, all.find('\n'));
    wire::AppendErrorResponse(out, {.severity = Severity::kError,
                                    .sqlstate = wire::MeaningOf(ErrorCode::kConfigFile).sqlstate,
                                    .message = fmt::format("RELOAD failed: {}", first),
                                    .detail = FirstLines(all),
                                    .hint = {}});
    return RunOutcome::kFailed;
  }
  const size_t told = std::min(reloaded->size(), kReloadLinesMax);
  for (size_t i = 0; i < told; ++i) AppendNotice(out, WithoutNul((*reloaded)[i]));
  if (told < reloaded->size()) {
    AppendNotice(out, fmt::format("and {} more changes", reloaded->size() - told));
  }
  return RunOutcome::kDone;
}

RunOutcome Shutdown(ShutdownMode mode, ConsoleHost& host) {
  host.Shutdown(mode);
  return mode == ShutdownMode::kImmediate ? RunOutcome::kClose : RunOutcome::kDone;
}

RunOutcome Fail(const Error& error, std::string& out) {
  wire::AppendErrorResponse(out, Severity::kError, error);
  return RunOutcome::kFailed;
}

RunOutcome Steer(const Command& command, ConsoleHost& host, std::string& out) {
  const Status started = host.Steer(command.steer, command.database);
  if (!started) return Fail(started.error(), out);
  const bool waits = command.steer == SteerWhat::kPause || command.steer == SteerWhat::kWaitClose;
  return waits && !IsSettled(command, host) ? RunOutcome::kWait : RunOutcome::kDone;
}

RunOutcome KillClient(uint64_t id, ConsoleHost& host, std::string& out) {
  const Status killed = host.KillClient(id);
  return killed ? RunOutcome::kDone : Fail(killed.error(), out);
}

RunOutcome ChangeBans(const Command& command, ConsoleHost& host, ResultTable& table,
                      std::string& out) {
  const Result<std::vector<pool::BanRow>> changed =
      command.kind == CommandKind::kBan
          ? host.Ban(command.host, command.port, std::chrono::seconds(command.ban_seconds))
          : host.Unban(command.host, command.port);
  if (!changed) return Fail(changed.error(), out);
  table = ChangedBansTable(*changed);
  return RunOutcome::kDone;
}

ResultTable ShowTable(ShowWhat what, ConsoleHost& host) {
  const TableNeeds needs = NeedsOf(what);
  const pool::Snapshot snapshot =
      needs.pools ? host.TakeSnapshot(needs.connections ? WhatToInclude::kPoolsAndConnections
                                                        : WhatToInclude::kPools)
                  : pool::Snapshot{};
  const std::vector<config::ConfigRow> config =
      needs.config ? host.ConfigRows() : std::vector<config::ConfigRow>{};
  return MakeTable(what, {.snapshot = snapshot, .config = config, .version = host.version()});
}

bool NeedsAdmin(const Command& command) {
  switch (command.kind) {
    case CommandKind::kReload:
    case CommandKind::kShutdown:
    case CommandKind::kSteer:
    case CommandKind::kKillClient:
    case CommandKind::kDrain:
    case CommandKind::kUndrain:
    case CommandKind::kBan:
    case CommandKind::kUnban:
      return true;
    case CommandKind::kEmpty:
    case CommandKind::kShow:
    case CommandKind::kShowParameter:
    case CommandKind::kSetParameter:
    case CommandKind::kSelectOne:
    case CommandKind::kSelectVersion:
    case CommandKind::kNoEffect:
    case CommandKind::kForgetStatements:
      break;
  }
  return false;
}

}  // namespace

std::vector<Column> ColumnsOf(const Command& command) {
  switch (command.kind) {
    case CommandKind::kShow:
      return MakeTable(command.show, {.snapshot = {}, .config = {}, .version = {}}).columns;
    case CommandKind::kShowParameter:
      return {{command.parameter, ColumnType::kText}};
    case CommandKind::kSelectOne:
      return {{"?column?", ColumnType::kInt4}};
    case CommandKind::kSelectVersion:
      return {{"version", ColumnType::kText}};
    case CommandKind::kBan:
    case CommandKind::kUnban:
      return ChangedBansTable({}).columns;
    case CommandKind::kEmpty:
    case CommandKind::kSetParameter:
    case CommandKind::kReload:
    case CommandKind::kShutdown:
    case CommandKind::kSteer:
    case CommandKind::kKillClient:
    case CommandKind::kDrain:
    case CommandKind::kUndrain:
    case CommandKind::kNoEffect:
    case CommandKind::kForgetStatements:
      break;
  }
  return {};
}

bool IsSettled(const Command& command, ConsoleHost& host) {
  return host.IsSettled(command.steer, command.database);
}

RunOutcome RunCommand(const Command& command, ConsoleHost& host, Rights rights, ResultTable& table,
                      std::string& out) {
  if (NeedsAdmin(command) && rights != Rights::kAdmin) {
    return Fail({ErrorCode::kInsufficientPrivilege,
                 fmt::format("admin access needed: this user may not {}", command.tag)},
                out);
  }
  if (command.kind != CommandKind::kShow) table.columns = ColumnsOf(command);
  switch (command.kind) {
    case CommandKind::kShow:
      if (command.show == ShowWhat::kHelp) AppendNotice(out, "Console usage", HelpText());
      table = ShowTable(command.show, host);
      return RunOutcome::kDone;
    case CommandKind::kShowParameter:
      table.rows.push_back({std::string(command.value)});
      return RunOutcome::kDone;
    case CommandKind::kSelectOne:
      table.rows.push_back({"1"});
      return RunOutcome::kDone;
    case CommandKind::kSelectVersion:
      table.rows.push_back({VersionText(host.version())});
      return RunOutcome::kDone;
    case CommandKind::kSetParameter:
      AppendNotice(out, "SET ignored");
      return RunOutcome::kDone;
    case CommandKind::kReload:
      return Reload(host, out);
    case CommandKind::kShutdown:
      return Shutdown(command.shutdown, host);
    case CommandKind::kSteer:
      return Steer(command, host, out);
    case CommandKind::kKillClient:
      return KillClient(command.client_id, host, out);
    case CommandKind::kDrain:
    case CommandKind::kUndrain:
      host.Drain(command.kind == CommandKind::kDrain);
      return RunOutcome::kDone;
    case CommandKind::kBan:
    case CommandKind::kUnban:
      return ChangeBans(command, host, table, out);
    case CommandKind::kEmpty:
    case CommandKind::kNoEffect:
    case CommandKind::kForgetStatements:
      break;
  }
  return RunOutcome::kDone;
}

}  // namespace pglynx::admin
