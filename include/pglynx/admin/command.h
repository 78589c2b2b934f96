#pragma once

// The text of one console command, understood. Pure; a Command is a value that refers to
// nothing of its text (a database's name is its own copy, its views are static strings), so
// that it may be kept as a prepared statement.
//
// Keywords and names of tables are case-insensitive; a name may be quoted ("pools"); spaces,
// SQL comments and semicolons around the command are skipped. The name of a database is taken
// as it is written, bare or "quoted": unlike PostgreSQL, and like PgBouncer, a bare one is not
// turned to lower case. The host of a server is taken as it is written too: bare or "quoted", or
// an IPv6 address in brackets; `:port` follows it without a space. `SELECT pools` means
// `SHOW pools`, as in PgBouncer. What drivers send by themselves (BEGIN, SELECT 1,
// SET client_encoding …) is understood too and has no effect.
// Limits: kCommandBytesMax, which bounds a Command too, and one command in a text.
// Errors: kSyntaxError (not a command), kFeatureNotSupported (several commands, SET of a
// setting). They quote at most a few dozen printable bytes of the text.
//
//   Result<Command> command = ParseCommand("show pools;");
//   if (!command) return command.error();

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/core/result.h"

namespace pglynx::admin {

// The longest text that is looked at.
inline constexpr size_t kCommandBytesMax = 8192;
// What KILL_CLIENT takes.
inline constexpr uint64_t kClientIdMin = 1;
inline constexpr uint64_t kClientIdMax = 0x7fff'ffff'ffff'ffffU;
// How long BAN bans.
inline constexpr uint32_t kBanSecondsMin = 1;
inline constexpr uint32_t kBanSecondsMax = 365 * 24 * 60 * 60;

enum class CommandKind : uint8_t {
  kEmpty,             // nothing but spaces and comments
  kShow,              // `show` says which table
  kShowParameter,     // a session parameter that drivers ask for: `parameter`, `value`
  kSetParameter,      // such a parameter is set: ignored, with a notice
  kSelectOne,         // SELECT 1
  kSelectVersion,     // SELECT version()
  kReload,            // needs admin rights
  kShutdown,          // needs admin rights; `shutdown` says how
  kSteer,             // needs admin rights; `steer` says what is done to `database`
  kKillClient,        // needs admin rights; `client_id`
  kDrain,             // needs admin rights
  kUndrain,           // needs admin rights
  kBan,               // needs admin rights; `host`, `port`, `ban_seconds`
  kUnban,             // needs admin rights; `host`, `port`
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
  kBans,
  kShards,
};

enum class ShutdownMode : uint8_t {
  kImmediate,       // every connection is closed at once
  kWaitForServers,  // ends when no server connection is in use
  kWaitForClients,  // ends when the last client leaves
};

// What a command does to the pools of one database, or of all.
enum class SteerWhat : uint8_t {
  kPause,      // no client gets a server; ends when the last server is closed
  kResume,     // undoes PAUSE and KILL
  kDisable,    // no new clients
  kEnable,     // undoes DISABLE
  kKill,       // closes all clients and servers at once, then it is paused
  kReconnect,  // every server connection is closed when it is free
  kWaitClose,  // ends when those that RECONNECT or RELOAD replaced are closed
};

struct Command {
  CommandKind kind = CommandKind::kEmpty;
  ShowWhat show = ShowWhat::kVersion;
  ShutdownMode shutdown = ShutdownMode::kImmediate;
  SteerWhat steer = SteerWhat::kPause;
  std::string database = {};          // of kSteer, as written; empty: all of them
  uint64_t client_id = 0;             // of kKillClient, kClientIdMin to kClientIdMax
  std::string host = {};              // of kBan and kUnban, as written, without brackets or quotes
  std::optional<uint16_t> port = {};  // of kBan and kUnban; nothing: every port of the host
  uint32_t ban_seconds = 0;           // of kBan, kBanSecondsMin to kBanSecondsMax
  std::string_view tag = {};          // what CommandComplete says; empty for kEmpty
  std::string_view parameter = {};    // lower case
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
