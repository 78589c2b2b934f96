#pragma once

// The text of one console command, understood. Pure; a Command is a value whose views are
// static strings, so that it may be kept as a prepared statement.
//
// Keywords and names are case-insensitive; a name may be quoted ("pools"); spaces, SQL
// comments and semicolons around the command are skipped. `SELECT pools` means `SHOW pools`,
// as in PgBouncer. What drivers send by themselves (BEGIN, SELECT 1, SET client_encoding …)
// is understood too and has no effect.
// Limits: kCommandBytesMax and one command in a text.
// Errors: kSyntaxError (not a command), kFeatureNotSupported (several commands, SET of a
// setting). They quote at most a few dozen printable bytes of the text.
//
//   Result<Command> command = ParseCommand("show pools;");
//   if (!command) return command.error();

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pglynx/core/result.h"

namespace pglynx::admin {

// The longest text that is looked at.
inline constexpr size_t kCommandBytesMax = 8192;

enum class CommandKind : uint8_t {
  kEmpty,             // nothing but spaces and comments
  kShow,              // `show` says which table
  kShowParameter,     // a session parameter that drivers ask for: `parameter`, `value`
  kSetParameter,      // such a parameter is set: ignored, with a notice
  kSelectOne,         // SELECT 1
  kSelectVersion,     // SELECT version()
  kReload,            // needs admin rights
  kShutdown,          // needs admin rights; `shutdown` says how
  kNoEffect,          // BEGIN, COMMIT, ROLLBACK, RESET ALL: answered by `tag` alone
  kForgetStatements,  // DISCARD ALL, DEALLOCATE ALL: prepared statements are dropped
};

enum class ShowWhat : uint8_t {
  kVersion,
  kHelp,
  kPools,
  kClients,
  kServers,
  kDatabases,
  kUsers,
  kStats,
  kStatsTotals,
  kStatsAverages,
  kTotals,
  kLists,
  kConfig,
  kState,
};

enum class ShutdownMode : uint8_t {
  kImmediate,       // every connection is closed at once
  kWaitForServers,  // ends when no server connection is in use
  kWaitForClients,  // ends when the last client leaves
};

struct Command {
  CommandKind kind = CommandKind::kEmpty;
  ShowWhat show = ShowWhat::kVersion;
  ShutdownMode shutdown = ShutdownMode::kImmediate;
  std::string_view tag = {};        // what CommandComplete says; empty for kEmpty
  std::string_view parameter = {};  // lower case
  std::string_view value = {};

  bool operator==(const Command&) const = default;
};

// `text` is not kept.
Result<Command> ParseCommand(std::string_view text);

// Every name that SHOW takes as a table, in lower case, or "" behind the last one.
std::string_view ShowName(size_t index);

// The DETAIL of SHOW HELP: what the console offers.
std::string_view HelpText();

}  // namespace pglynx::admin
