#include "sql/set_config.h"

#include <cstddef>

namespace pglynx::sql {
namespace {

// A constant that may go on in the next line, or has a backslash in it that counts, is none.
std::optional<std::string_view> PlainString(const Token& token) {
  const std::string_view text = token.text();
  if (text.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  size_t mark = 1;
  switch (token.kind) {
    case TokenKind::kString:
      break;
    case TokenKind::kEscapeString:
      if (text.find('\\') != std::string_view::npos) return std::nullopt;
      break;
    case TokenKind::kDollarString:
      mark = text.find('$', 1) + 1;
      break;
    default:
      return std::nullopt;
  }
  const size_t start = token.kind == TokenKind::kDollarString ? mark : text.find('\'') + 1;
  return text.substr(start, text.size() - mark - start);
}

bool IsPlainlyTrue(const Token& token) {
  if (token.kind == TokenKind::kWord) return EqualsIgnoreCase(token.text(), "true");
  const std::optional<std::string_view> text = PlainString(token);
  return text && (EqualsIgnoreCase(*text, "true") || EqualsIgnoreCase(*text, "t"));
}

}  // namespace

SetConfigCall ReadSetConfig(Lexer arguments) {
  SetConfigCall call;
  size_t depth = 0;
  size_t argument = 0;
  size_t tokens = 0;  // of this argument
  Token first;
  const auto end_argument = [&] {
    const bool is_constant = tokens == 1;
    if (is_constant && argument == 0) call.name = PlainString(first);
    if (is_constant && argument == 1) call.value = PlainString(first);
    ++argument;
    tokens = 0;
  };
  while (true) {
    const Token token = arguments.Next();
    switch (token.kind) {
      case TokenKind::kEnd:
      case TokenKind::kSemicolon:
      case TokenKind::kUnterminated:
        return call;
      case TokenKind::kOpenParen:
      case TokenKind::kOpenBracket:
        ++depth;
        break;
      case TokenKind::kCloseParen:
      case TokenKind::kCloseBracket:
        if (depth == 0) {
          call.is_local = argument == 2 && tokens == 1 && IsPlainlyTrue(first);
          return call;
        }
        --depth;
        break;
      case TokenKind::kComma:
        if (depth > 0) break;
        end_argument();
        continue;
      default:
        if (IsSetConfig(token)) return call;
        break;
    }
    if (tokens++ == 0) first = token;
  }
}

bool IsSetConfig(const Token& token) {
  if (token.kind == TokenKind::kWord) return EqualsIgnoreCase(token.text(), "set_config");
  return QuotedContent(token) == "set_config";
}

}  // namespace pglynx::sql
