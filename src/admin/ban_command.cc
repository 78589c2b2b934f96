#include "admin/ban_command.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace pglynx::admin {
namespace {

using Tokens = std::span<const Token>;

constexpr uint32_t kPortMax = 65535;

// The token as it stands in the text, quotes aside.
std::string_view Written(const Token& token) {
  return token.written.empty() ? token.text : token.written;
}

// A whole number in these bounds.
std::optional<uint32_t> NumberIn(std::string_view text, uint32_t min, uint32_t max) {
  uint32_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, number);
  if (failure != std::errc() || end != last || number < min || number > max) return std::nullopt;
  return number;
}

// What words and numbers consist of, and these, may stand in a host that is not quoted: in the
// brackets of an IPv6 address, and elsewhere.
constexpr std::string_view kAddressSymbols = ".:%-";
constexpr std::string_view kHostSymbols = ".-/";

bool IsBare(const Token& token, std::string_view symbols) {
  if (token.kind == TokenKind::kSymbol) return symbols.find(token.text) != std::string_view::npos;
  return token.kind == TokenKind::kWord || token.kind == TokenKind::kNumber;
}

// Moves the tokens of a host that is not quoted from the front to `host`. False if it is not
// complete.
bool TakeBareHost(Tokens& tokens, std::string& host) {
  const bool bracketed = tokens.front().Is(TokenKind::kSymbol, "[");
  if (bracketed) tokens = tokens.subspan(1);
  const std::string_view symbols = bracketed ? kAddressSymbols : kHostSymbols;
  const auto end = std::ranges::find_if_not(
      tokens, [symbols](const Token& token) { return IsBare(token, symbols); });
  const auto count = static_cast<size_t>(end - tokens.begin());
  for (const Token& token : tokens.first(count)) host += Written(token);
  tokens = tokens.subspan(count);
  if (!bracketed) return !host.empty();
  if (tokens.empty() || !tokens.front().Is(TokenKind::kSymbol, "]")) return false;
  tokens = tokens.subspan(1);
  return host.find(':') != std::string::npos;
}

// host[:port], in one piece. False if it is something else.
bool ReadServer(Tokens tokens, Command& command) {
  if (tokens.empty()) return false;
  const bool in_one_piece = std::ranges::all_of(tokens.subspan(1), &Token::joined);
  if (!in_one_piece) return false;
  if (tokens.front().kind == TokenKind::kQuoted) {
    command.host = tokens.front().written;
    tokens = tokens.subspan(1);
    if (command.host.empty()) return false;
  } else if (!TakeBareHost(tokens, command.host)) {
    return false;
  }
  if (tokens.empty()) return true;
  if (tokens.size() != 2 || !tokens[0].Is(TokenKind::kSymbol, ":") ||
      tokens[1].kind != TokenKind::kNumber) {
    return false;
  }
  const std::optional<uint32_t> port = NumberIn(tokens[1].text, 1, kPortMax);
  if (port) command.port = static_cast<uint16_t>(*port);
  return port.has_value();
}

Result<Command> ParseBan(Tokens arguments) {
  Command command{.kind = CommandKind::kBan, .tag = "BAN"};
  if (!arguments.empty() && arguments.back().kind == TokenKind::kNumber &&
      !arguments.back().joined && ReadServer(arguments.first(arguments.size() - 1), command)) {
    const std::optional<uint32_t> seconds =
        NumberIn(arguments.back().text, kBanSecondsMin, kBanSecondsMax);
    if (seconds) {
      command.ban_seconds = *seconds;
      return command;
    }
  }
  return Error{
      ErrorCode::kSyntaxError,
      fmt::format("BAN takes <host>[:<port>] <seconds>: a host of SHOW DATABASES, bare, in "
                  "double quotes or, if it has colons, in brackets, a port from 1 to {}, "
                  "or none for all, and {} to {} seconds, use SHOW HELP;",
                  kPortMax, kBanSecondsMin, kBanSecondsMax)};
}

Result<Command> ParseUnban(Tokens arguments) {
  Command command{.kind = CommandKind::kUnban, .tag = "UNBAN"};
  if (ReadServer(arguments, command)) return command;
  return Error{ErrorCode::kSyntaxError,
               fmt::format("UNBAN takes <host>[:<port>]: a host of SHOW BANS, bare, in double "
                           "quotes or, if it has colons, in brackets, and a port from 1 to {}, or "
                           "none for all, use SHOW HELP;",
                           kPortMax)};
}

}  // namespace

std::optional<Result<Command>> ParseBanCommand(std::span<const Token> tokens) {
  if (tokens[0].Is(TokenKind::kWord, "ban")) return ParseBan(tokens.subspan(1));
  if (tokens[0].Is(TokenKind::kWord, "unban")) return ParseUnban(tokens.subspan(1));
  return std::nullopt;
}

}  // namespace pglynx::admin
