#include "admin/steer_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace pglynx::admin {
namespace {

struct SteerEntry {
  std::string_view word;
  std::string_view tag;
  SteerWhat what;
  bool needs_database = false;
};

// For no new clients anywhere there is DRAIN.
constexpr std::array kSteers = {
    SteerEntry{"pause", "PAUSE", SteerWhat::kPause},
    SteerEntry{"resume", "RESUME", SteerWhat::kResume},
    SteerEntry{"disable", "DISABLE", SteerWhat::kDisable, true},
    SteerEntry{"enable", "ENABLE", SteerWhat::kEnable, true},
    SteerEntry{"kill", "KILL", SteerWhat::kKill},
    SteerEntry{"reconnect", "RECONNECT", SteerWhat::kReconnect},
    SteerEntry{"wait_close", "WAIT_CLOSE", SteerWhat::kWaitClose},
};

using Tokens = std::span<const Token>;

// PgBouncer takes a bare name that begins with a digit too. "" would mean all databases: that
// is said by no name, not by an empty one.
bool IsDatabaseName(const Token& token) {
  return token.kind == TokenKind::kWord || token.kind == TokenKind::kNumber ||
         (token.kind == TokenKind::kQuoted && !token.text.empty());
}

Result<Command> ParseSteer(const SteerEntry& entry, Tokens arguments) {
  Command command{.kind = CommandKind::kSteer, .steer = entry.what, .tag = entry.tag};
  if (arguments.empty() && !entry.needs_database) return command;
  if (arguments.size() != 1 || !IsDatabaseName(arguments[0])) {
    return Error{
        ErrorCode::kSyntaxError,
        fmt::format("{} takes the name of one database, bare or in double quotes{}, use SHOW HELP;",
                    entry.tag, entry.needs_database ? "" : ", or nothing for all")};
  }
  const Token& name = arguments[0];
  command.database = name.kind == TokenKind::kNumber ? name.text : name.written;
  return command;
}

Result<Command> ParseKillClient(Tokens arguments) {
  Command command{.kind = CommandKind::kKillClient, .tag = "KILL_CLIENT"};
  if (arguments.size() == 1 && arguments[0].kind == TokenKind::kNumber) {
    const std::string_view digits = arguments[0].text;
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), command.client_id);
    const bool whole = failure == std::errc() && end == digits.data() + digits.size();
    if (whole && command.client_id >= kClientIdMin && command.client_id <= kClientIdMax) {
      return command;
    }
  }
  return Error{ErrorCode::kSyntaxError,
               fmt::format("KILL_CLIENT takes the id of a client in SHOW CLIENTS, {} to {}, use "
                           "SHOW HELP;",
                           kClientIdMin, kClientIdMax)};
}

Result<Command> ParseDrain(CommandKind kind, std::string_view tag, Tokens arguments) {
  if (arguments.empty()) return Command{.kind = kind, .tag = tag};
  return Error{ErrorCode::kSyntaxError,
               fmt::format("{} takes nothing behind it, use SHOW HELP;", tag)};
}

}  // namespace

std::optional<Result<Command>> ParseSteerCommand(std::span<const Token> tokens) {
  if (tokens[0].kind != TokenKind::kWord) return std::nullopt;
  const std::string_view word = tokens[0].text;
  const Tokens arguments = tokens.subspan(1);
  const auto* found = std::ranges::find(kSteers, word, &SteerEntry::word);
  if (found != kSteers.end()) return ParseSteer(*found, arguments);
  if (word == "kill_client") return ParseKillClient(arguments);
  if (word == "drain") return ParseDrain(CommandKind::kDrain, "DRAIN", arguments);
  if (word == "undrain") return ParseDrain(CommandKind::kUndrain, "UNDRAIN", arguments);
  return std::nullopt;
}

}  // namespace pglynx::admin
