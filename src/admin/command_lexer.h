#pragma once

// Cuts the text of a console command into tokens by the lexical rules of SQL ("Lexical
// Structure" in the PostgreSQL manual), as far as commands need them: no escapes in
// strings, no dollar quotes. Pure; tokens own their text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::admin {

// More tokens than any command has.
inline constexpr size_t kTokensMax = 64;

enum class TokenKind : uint8_t {
  kWord,    // identifier or keyword
  kQuoted,  // "identifier" without its quotes
  kString,  // 'text' without its quotes
  kNumber,  // begins with a digit
  kSymbol,  // any other single byte
};

struct Token {
  TokenKind kind;
  std::string text;          // of a word or an identifier: in lower case
  std::string written = {};  // of a word or an identifier: as it stands there
  bool joined = false;       // nothing is between it and the token before it

  [[nodiscard]] bool Is(TokenKind wanted, std::string_view wanted_text) const {
    return kind == wanted && text == wanted_text;
  }
};

// Nothing if a quote or a comment is not closed or there are more than kTokensMax tokens.
std::optional<std::vector<Token>> Tokenize(std::string_view text);

}  // namespace pglynx::admin
