#include "pglynx/admin/command.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "admin/ban_command.h"
#include "admin/command_lexer.h"
#include "admin/shown.h"
#include "admin/steer_command.h"

namespace pglynx::admin {
namespace {

struct ShowEntry {
  std::string_view name;
  ShowWhat what;
};

constexpr std::array kShows = {
    ShowEntry{"version", ShowWhat::kVersion},
    ShowEntry{"help", ShowWhat::kHelp},
    ShowEntry{"pools", ShowWhat::kPools},
    ShowEntry{"clients", ShowWhat::kClients},
    ShowEntry{"servers", ShowWhat::kServers},
    ShowEntry{"databases", ShowWhat::kDatabases},
    ShowEntry{"users", ShowWhat::kUsers},
    ShowEntry{"stats", ShowWhat::kStats},
    ShowEntry{"stats_totals", ShowWhat::kStatsTotals},
    ShowEntry{"stats_averages", ShowWhat::kStatsAverages},
    ShowEntry{"totals", ShowWhat::kTotals},
    ShowEntry{"lists", ShowWhat::kLists},
    ShowEntry{"config", ShowWhat::kConfig},
    ShowEntry{"state", ShowWhat::kState},
    ShowEntry{"bans", ShowWhat::kBans},
    ShowEntry{"shards", ShowWhat::kShards},
};

struct FakedParameter {
  std::string_view name;
  std::string_view value;
};

// What drivers ask for or set when they connect. The values hold for everything that the
// console prints.
constexpr std::array kFakedParameters = {
    FakedParameter{"client_encoding", "UTF8"},
    FakedParameter{"default_transaction_isolation", "read committed"},
    FakedParameter{"transaction_isolation", "read committed"},
    FakedParameter{"standard_conforming_strings", "on"},
    FakedParameter{"datestyle", "ISO"},
    FakedParameter{"timezone", "GMT"},
    FakedParameter{"extra_float_digits", "1"},
    FakedParameter{"application_name", ""},
};

using Tokens = std::span<const Token>;

Error Invalid(std::string_view text) {
  return Error{ErrorCode::kSyntaxError,
               fmt::format("invalid command '{}', use SHOW HELP;", Shown(text))};
}

bool IsName(const Token& token) {
  return token.kind == TokenKind::kWord || token.kind == TokenKind::kQuoted;
}

// The tokens from `from` on are exactly these words.
bool AreWords(Tokens tokens, std::initializer_list<std::string_view> words) {
  return std::equal(
      tokens.begin(), tokens.end(), words.begin(), words.end(),
      [](const Token& token, std::string_view word) { return token.Is(TokenKind::kWord, word); });
}

const FakedParameter* FindParameter(std::string_view name) {
  const auto* found = std::ranges::find(kFakedParameters, name, &FakedParameter::name);
  return found == kFakedParameters.end() ? nullptr : found;
}

// The name of a parameter at the front of `tokens`, which are shortened by it. Empty if
// there is none.
std::string_view TakeParameterName(Tokens& tokens) {
  if (tokens.size() >= 2 && AreWords(tokens.first(2), {"time", "zone"})) {
    tokens = tokens.subspan(2);
    return "timezone";
  }
  if (tokens.empty() || !IsName(tokens.front())) return {};
  const std::string_view name = tokens.front().text;
  tokens = tokens.subspan(1);
  return name;
}

std::string ShowNames() {
  std::string names;
  for (const ShowEntry& entry : kShows) {
    if (!names.empty()) names += ", ";
    for (const char c : entry.name) {
      names += c == '_' ? c : static_cast<char>(c - 'a' + 'A');
    }
  }
  return names;
}

std::optional<Command> ShowOf(std::string_view name) {
  const auto* found = std::ranges::find(kShows, name, &ShowEntry::name);
  if (found != kShows.end()) {
    return Command{.kind = CommandKind::kShow, .show = found->what, .tag = "SHOW"};
  }
  if (const FakedParameter* parameter = FindParameter(name)) {
    return Command{.kind = CommandKind::kShowParameter,
                   .tag = "SHOW",
                   .parameter = parameter->name,
                   .value = parameter->value};
  }
  return std::nullopt;
}

Result<Command> ParseShow(Tokens arguments, std::string_view text) {
  if (AreWords(arguments, {"transaction", "isolation", "level"})) {
    return *ShowOf("transaction_isolation");
  }
  const std::string_view name = TakeParameterName(arguments);
  if (name.empty() || !arguments.empty()) return Invalid(text);
  if (std::optional<Command> command = ShowOf(name)) return *command;
  return Error{ErrorCode::kSyntaxError,
               fmt::format("invalid command '{}', SHOW offers {}; use SHOW HELP;", Shown(text),
                           ShowNames())};
}

Result<Command> ParseSelect(Tokens arguments, std::string_view text) {
  if (arguments.size() == 1 && arguments[0].Is(TokenKind::kNumber, "1")) {
    return Command{.kind = CommandKind::kSelectOne, .tag = "SELECT 1"};
  }
  Tokens call = arguments;
  if (call.size() > 2 && call[0].Is(TokenKind::kWord, "pg_catalog") &&
      call[1].Is(TokenKind::kSymbol, ".")) {
    call = call.subspan(2);
  }
  if (call.size() == 3 && call[0].Is(TokenKind::kWord, "version") &&
      call[1].Is(TokenKind::kSymbol, "(") && call[2].Is(TokenKind::kSymbol, ")")) {
    return Command{.kind = CommandKind::kSelectVersion, .tag = "SELECT 1"};
  }
  return ParseShow(arguments, text);
}

Result<Command> ParseSet(Tokens arguments, std::string_view text) {
  if (!arguments.empty() && (arguments[0].Is(TokenKind::kWord, "session") ||
                             arguments[0].Is(TokenKind::kWord, "local"))) {
    arguments = arguments.subspan(1);
  }
  const bool time_zone = arguments.size() >= 2 && AreWords(arguments.first(2), {"time", "zone"});
  const std::string_view name = TakeParameterName(arguments);
  const bool assigns = !arguments.empty() && (arguments[0].Is(TokenKind::kSymbol, "=") ||
                                              arguments[0].Is(TokenKind::kWord, "to"));
  if (assigns) arguments = arguments.subspan(1);
  // SET TIME ZONE 'UTC' has no "=" or TO.
  if (name.empty() || assigns == time_zone || arguments.empty()) return Invalid(text);
  const FakedParameter* parameter = FindParameter(name);
  if (parameter == nullptr) {
    return Error{ErrorCode::kFeatureNotSupported,
                 fmt::format("SET of '{}' is not offered: change the configuration file, then "
                             "RELOAD; use SHOW HELP;",
                             Shown(name))};
  }
  return Command{.kind = CommandKind::kSetParameter, .tag = "SET", .parameter = parameter->name};
}

Result<Command> ParseShutdown(Tokens arguments, std::string_view text) {
  Command command{.kind = CommandKind::kShutdown, .tag = "SHUTDOWN"};
  if (arguments.empty()) return command;
  if (AreWords(arguments, {"wait_for_servers"})) {
    command.shutdown = ShutdownMode::kWaitForServers;
    return command;
  }
  if (AreWords(arguments, {"wait_for_clients"})) {
    command.shutdown = ShutdownMode::kWaitForClients;
    return command;
  }
  return Invalid(text);
}

// The commands about transactions and session state, which the console does not have.
// Drivers send them around others; modes of BEGIN are not looked at.
std::optional<Command> ParseSessionCommand(Tokens tokens) {
  const std::string_view word = tokens[0].text;
  const Tokens rest = tokens.subspan(1);
  const auto no_effect = [](std::string_view tag) {
    return Command{.kind = CommandKind::kNoEffect, .tag = tag};
  };
  if (word == "begin") return no_effect("BEGIN");
  if (word == "start" && !rest.empty() && rest[0].Is(TokenKind::kWord, "transaction")) {
    return no_effect("START TRANSACTION");
  }
  const bool whole = rest.empty() || AreWords(rest, {"work"}) || AreWords(rest, {"transaction"});
  if ((word == "commit" || word == "end") && whole) return no_effect("COMMIT");
  if ((word == "rollback" || word == "abort") && whole) return no_effect("ROLLBACK");
  if (!AreWords(rest, {"all"})) return std::nullopt;
  if (word == "reset") return no_effect("RESET");
  if (word == "discard") {
    return Command{.kind = CommandKind::kForgetStatements, .tag = "DISCARD ALL"};
  }
  if (word == "deallocate") {
    return Command{.kind = CommandKind::kForgetStatements, .tag = "DEALLOCATE ALL"};
  }
  return std::nullopt;
}

Result<Command> ParseTokens(Tokens tokens, std::string_view text) {
  if (tokens[0].kind != TokenKind::kWord) return Invalid(text);
  const std::string_view word = tokens[0].text;
  const Tokens arguments = tokens.subspan(1);
  if (word == "show") return ParseShow(arguments, text);
  if (word == "select") return ParseSelect(arguments, text);
  if (word == "set") return ParseSet(arguments, text);
  if (word == "shutdown") return ParseShutdown(arguments, text);
  if (word == "reload" && arguments.empty()) {
    return Command{.kind = CommandKind::kReload, .tag = "RELOAD"};
  }
  if (std::optional<Result<Command>> command = ParseSteerCommand(tokens)) {
    return std::move(*command);
  }
  if (std::optional<Result<Command>> command = ParseBanCommand(tokens)) {
    return std::move(*command);
  }
  if (std::optional<Command> command = ParseSessionCommand(tokens)) return *command;
  return Invalid(text);
}

bool IsSemicolon(const Token& token) {
  return token.Is(TokenKind::kSymbol, ";");
}

}  // namespace

Result<Command> ParseCommand(std::string_view text) {
  if (text.size() > kCommandBytesMax) {
    return Error{ErrorCode::kSyntaxError,
                 fmt::format("command of {} bytes: at most {} are allowed, use SHOW HELP;",
                             text.size(), kCommandBytesMax)};
  }
  const std::optional<std::vector<Token>> all = Tokenize(text);
  if (!all) return Invalid(text);
  Tokens tokens = *all;
  while (!tokens.empty() && IsSemicolon(tokens.front())) tokens = tokens.subspan(1);
  while (!tokens.empty() && IsSemicolon(tokens.back())) tokens = tokens.first(tokens.size() - 1);
  if (tokens.empty()) return Command{};
  if (std::ranges::any_of(tokens, IsSemicolon)) {
    return Error{ErrorCode::kFeatureNotSupported,
                 "several commands in one message are not supported: send them one by one"};
  }
  return ParseTokens(tokens, text);
}

std::string_view ShowName(size_t index) {
  return index < kShows.size() ? kShows[index].name : std::string_view{};
}

std::string_view HelpText() {
  return "\n\tSHOW VERSION | HELP | STATE | CONFIG | LISTS"
         "\n\tSHOW DATABASES | USERS | POOLS | CLIENTS | SERVERS"
         "\n\tSHOW STATS | STATS_TOTALS | STATS_AVERAGES | TOTALS"
         "\n\tSHOW SHARDS | BANS"
         "\n\tRELOAD"
         "\n\tPAUSE [ <database> ]"
         "\n\tRESUME [ <database> ]"
         "\n\tDISABLE <database>"
         "\n\tENABLE <database>"
         "\n\tRECONNECT [ <database> ]"
         "\n\tWAIT_CLOSE [ <database> ]"
         "\n\tKILL [ <database> ]"
         "\n\tKILL_CLIENT <id>"
         "\n\tDRAIN | UNDRAIN"
         "\n\tBAN <host>[:<port>] <seconds>"
         "\n\tUNBAN <host>[:<port>]"
         "\n\tSHUTDOWN [ WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS ]";
}

}  // namespace pglynx::admin
