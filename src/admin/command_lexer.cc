#include "admin/command_lexer.h"

#include <algorithm>
#include <utility>

namespace pglynx::admin {
namespace {

constexpr std::string_view kSpaces = " \t\n\v\f\r";

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Bytes above ASCII belong to words, as in PostgreSQL's own lexer.
bool StartsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool ContinuesWord(char c) {
  return StartsWord(c) || IsDigit(c) || c == '$';
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Removes one comment, nested ones within it included, from the front. False if it does
// not end.
bool SkipBlockComment(std::string_view& rest) {
  size_t depth = 0;
  size_t at = 0;
  while (at + 1 < rest.size()) {
    const std::string_view pair = rest.substr(at, 2);
    if (pair == "/*") ++depth;
    if (pair == "*/") --depth;
    at += size_t{pair == "/*" || pair == "*/" ? 2U : 1U};
    if (depth == 0) {
      rest.remove_prefix(at);
      return true;
    }
  }
  return false;
}

// Removes spaces and comments from the front. False if a comment does not end.
bool SkipSpace(std::string_view& rest) {
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces), rest.size()));
    if (rest.starts_with("--")) {
      rest.remove_prefix(std::min(rest.find_first_of("\n\r"), rest.size()));
    } else if (rest.starts_with("/*")) {
      if (!SkipBlockComment(rest)) return false;
    } else {
      return true;
    }
  }
}

// Takes quoted text from the front; a doubled quote stands for one. Nothing if it does not
// end.
std::optional<std::string> TakeQuoted(std::string_view& rest, char quote) {
  std::string text;
  size_t at = 1;
  while (true) {
    const size_t end = rest.find(quote, at);
    if (end == std::string_view::npos) return std::nullopt;
    text += rest.substr(at, end - at);
    at = end + 1;
    if (at == rest.size() || rest[at] != quote) break;
    text += quote;
    ++at;
  }
  rest.remove_prefix(at);
  return text;
}

std::string_view TakeWord(std::string_view& rest) {
  size_t end = 1;
  while (end < rest.size() && ContinuesWord(rest[end])) ++end;
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

// Precondition: `rest` is not empty.
std::optional<Token> TakeToken(std::string_view& rest) {
  const char first = rest.front();
  if (first == '"' || first == '\'') {
    std::optional<std::string> text = TakeQuoted(rest, first);
    if (!text) return std::nullopt;
    if (first == '\'') return Token{TokenKind::kString, std::move(*text)};
    return Token{TokenKind::kQuoted, Lower(*text), std::move(*text)};
  }
  if (StartsWord(first)) {
    const std::string_view word = TakeWord(rest);
    return Token{TokenKind::kWord, Lower(word), std::string(word)};
  }
  if (IsDigit(first)) return Token{TokenKind::kNumber, std::string(TakeWord(rest))};
  rest.remove_prefix(1);
  return Token{TokenKind::kSymbol, std::string(1, first)};
}

}  // namespace

std::optional<std::vector<Token>> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  while (true) {
    const size_t before = text.size();
    if (!SkipSpace(text)) return std::nullopt;
    if (text.empty()) return tokens;
    const bool joined = text.size() == before && !tokens.empty();
    if (tokens.size() == kTokensMax) return std::nullopt;
    std::optional<Token> token = TakeToken(text);
    if (!token) return std::nullopt;
    token->joined = joined;
    tokens.push_back(std::move(*token));
  }
}

}  // namespace pglynx::admin
