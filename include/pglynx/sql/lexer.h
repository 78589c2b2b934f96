#pragma once

// Cuts SQL text into tokens as PostgreSQL's own scanner does ("Lexical Structure" in the
// manual). A small value over a borrowed text: copying it is how one looks ahead. It
// never fails, allocates or reads past the text, and is linear in it; what cannot be a
// token comes back as kInvalid (one byte) or kUnterminated (the rest of the text).
//
// Keywords are not told from identifiers here: both are kWord, and case is kept.
// Comments and white space are skipped, so tokens lie in order with only those between.
// The text must be in an encoding whose multi-byte characters have no bytes below 0x80
// (any server encoding, but not the client encodings SJIS, BIG5, GBK, UHC, GB18030, JOHAB).
//
//   Lexer lexer(text, StringSyntax::kStandard);
//   for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
//     ...
//   }

#include <cstdint>
#include <string_view>

namespace pglynx::sql {

// What a backslash is in '...': the server's setting standard_conforming_strings, which
// the server reports, on or off.
enum class StringSyntax : uint8_t {
  kStandard,   // on: an ordinary character
  kBackslash,  // off: an escape, as in E'...'
};

enum class TokenKind : uint32_t {
  kEnd,            // of the text; empty, and returned again by every further call
  kWord,           // unquoted identifier or keyword
  kQuotedWord,     // "..."
  kUnicodeWord,    // U&"..."; its escapes are not decoded
  kString,         // '...' without backslash escapes, N'...' likewise
  kEscapeString,   // E'...', and '...' and N'...' where a backslash is an escape
  kUnicodeString,  // U&'...'
  kBitString,      // B'...' and X'...'
  kDollarString,   // $$...$$ and $tag$...$tag$
  kNumber,         // 1, 1.5e3, 0x1f, 1_000
  kParameter,      // $1
  kOperator,       // a run of operator characters, such as = or ->>
  kDot,            // . and ..
  kComma,
  kColon,     // : and :=
  kTypecast,  // ::
  kSemicolon,
  kOpenParen,
  kCloseParen,
  kOpenBracket,
  kCloseBracket,
  kInvalid,       // one byte that begins no token: the server refuses such a text
  kUnterminated,  // a string, quoted identifier or comment that does not end
};

// Sixteen bytes, so that it travels in registers.
struct Token {
  const char* begin = nullptr;  // points into the lexer's text
  uint32_t bytes = 0;           // 32 bits are enough: a message's length is an Int32
  TokenKind kind = TokenKind::kEnd;

  // All of it, quotes included.
  [[nodiscard]] std::string_view text() const { return {begin, bytes}; }
};

class Lexer {
 public:
  // `text` must outlive the lexer and the tokens.
  Lexer(std::string_view text, StringSyntax syntax)
      : at_(text.data()), end_(text.data() + text.size()), syntax_(syntax) {}

  // The next token; kEnd at the end of the text, again and again.
  Token Next();

 private:
  // What a quote may be followed or preceded by inside a string constant.
  enum class Escapes : uint8_t { kNone, kDoubling, kBackslash };

  bool SkipBlank();
  bool SkipComment();
  Token Word(const char* start);
  Token Prefixed(const char* start);
  Token String(const char* start, TokenKind kind, Escapes escapes);
  Token PlainString(const char* start);
  Token QuotedWord(const char* start, TokenKind kind);
  Token Dollar(const char* start);
  Token Number(const char* start);
  Token Operator(const char* start);
  Token Punctuation(const char* start);
  bool SkipQuoted(Escapes escapes);
  bool Continues();
  Token Make(TokenKind kind, const char* start) const {
    return {start, static_cast<uint32_t>(at_ - start), kind};
  }
  Token Unterminated(const char* start);

  const char* at_;   // the first byte not consumed
  const char* end_;  // past the last byte
  StringSyntax syntax_;
};

// The content of a kQuotedWord, without its outer quotes. A quote in it is still doubled.
std::string_view QuotedContent(const Token& token);

// True if `word` is `lower_case` in any ASCII case.
bool EqualsIgnoreCase(std::string_view word, std::string_view lower_case);

// True if `part`, given in lower case, occurs in `text` in any ASCII case.
bool ContainsIgnoreCase(std::string_view text, std::string_view lower_case_part);

}  // namespace pglynx::sql
