#include "pglynx/sql/lexer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace pglynx::sql {
namespace {

// What a byte may be, as bits; the sets of PostgreSQL's src/backend/parser/scan.l.
constexpr uint8_t kSpace = 1;
constexpr uint8_t kWordStart = 2;
constexpr uint8_t kWordPart = 4;
constexpr uint8_t kDigit = 8;
constexpr uint8_t kOperatorPart = 16;
constexpr uint8_t kBlankStart = 32;  // white space, or what may begin a comment

constexpr bool IsLetter(unsigned byte) {
  const unsigned lower = byte | 0x20U;
  return (lower >= 'a' && lower <= 'z') || byte == '_' || byte >= 0x80;
}

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> classes{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (IsLetter(byte)) classes[byte] = kWordStart | kWordPart;
    if (byte >= '0' && byte <= '9') classes[byte] = kDigit | kWordPart;
  }
  // The vertical tab is white space since PostgreSQL 16, an error before.
  for (const char byte : {' ', '\t', '\n', '\r', '\f', '\v'}) {
    classes[static_cast<unsigned char>(byte)] = kSpace | kBlankStart;
  }
  for (const char byte : std::string_view("~!@#^&|`?+-*/%<>=")) {
    classes[static_cast<unsigned char>(byte)] = kOperatorPart;
  }
  for (const char byte : {'-', '/'}) classes[static_cast<unsigned char>(byte)] |= kBlankStart;
  classes['$'] = kWordPart;
  return classes;
}

constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

// What kind of token a byte begins, for those that are one byte long whatever follows; kEnd: it
// depends.
constexpr std::array<TokenKind, 256> MakeSingles() {
  std::array<TokenKind, 256> singles{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool is_known = (kClasses[byte] & ~(kSpace | kBlankStart)) != 0;
    singles[byte] = is_known ? TokenKind::kEnd : TokenKind::kInvalid;
  }
  for (const char byte : std::string_view("'\"$.:")) {
    singles[static_cast<unsigned char>(byte)] = TokenKind::kEnd;
  }
  singles[','] = TokenKind::kComma;
  singles[';'] = TokenKind::kSemicolon;
  singles['('] = TokenKind::kOpenParen;
  singles[')'] = TokenKind::kCloseParen;
  singles['['] = TokenKind::kOpenBracket;
  singles[']'] = TokenKind::kCloseBracket;
  return singles;
}

constexpr std::array<TokenKind, 256> kSingles = MakeSingles();

bool Is(char byte, uint8_t bits) {
  return (kClasses[static_cast<unsigned char>(byte)] & bits) != 0;
}

char Lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
}

bool IsNewline(char byte) {
  return byte == '\n' || byte == '\r';
}

// Strings may be megabytes long, so they are searched by the word. `end` if there is none.
const char* FindByte(const char* at, const char* end, char byte) {
  const void* found = std::memchr(at, byte, static_cast<size_t>(end - at));
  return found == nullptr ? end : static_cast<const char*>(found);
}

bool IsHexDigit(char byte) {
  const char lower = Lower(byte);
  return Is(byte, kDigit) || (lower >= 'a' && lower <= 'f');
}

}  // namespace

Token Lexer::Unterminated(const char* start) {
  at_ = end_;
  return Make(TokenKind::kUnterminated, start);
}

Token Lexer::Next() {
  // Most tokens have one blank before them, or none.
  if (at_ != end_ && *at_ == ' ') ++at_;
  if (at_ != end_ && Is(*at_, kBlankStart) && !SkipBlank()) return Unterminated(at_);
  if (at_ == end_) return Make(TokenKind::kEnd, at_);
  const char* start = at_;
  const char first = *start;
  if (Is(first, kWordStart)) return Word(start);
  const TokenKind single = kSingles[static_cast<unsigned char>(first)];
  if (single != TokenKind::kEnd) {
    ++at_;
    return Make(single, start);
  }
  switch (first) {
    case '.':
    case ':':
      return Punctuation(start);
    case '\'':
      return PlainString(start);
    case '"':
      return QuotedWord(start, TokenKind::kQuotedWord);
    case '$':
      return Dollar(start);
    default:
      return Is(first, kDigit) ? Number(start) : Operator(start);
  }
}

// False if a comment does not end; at_ is then at its beginning.
bool Lexer::SkipBlank() {
  while (at_ != end_ && Is(*at_, kBlankStart)) {
    if (Is(*at_, kSpace)) {
      ++at_;
    } else if (end_ - at_ >= 2 && at_[0] == '-' && at_[1] == '-') {
      at_ = std::find_if(at_, end_, IsNewline);
    } else if (end_ - at_ >= 2 && at_[0] == '/' && at_[1] == '*') {
      if (!SkipComment()) return false;
    } else {
      return true;
    }
  }
  return true;
}

// Comments of this form nest. False, and nothing skipped, if it does not end.
bool Lexer::SkipComment() {
  size_t depth = 0;
  const char* at = at_;
  while (end_ - at >= 2) {
    if (at[0] == '/' && at[1] == '*') {
      ++depth;
      at += 2;
    } else if (at[0] == '*' && at[1] == '/') {
      --depth;
      at += 2;
      if (depth == 0) {
        at_ = at;
        return true;
      }
    } else {
      ++at;
    }
  }
  return false;
}

Token Lexer::Word(const char* start) {
  const char* at = start + 1;
  while (at != end_ && Is(*at, kWordPart)) ++at;
  at_ = at;
  // A letter right before a quote is not a word but says what the string is.
  if (at_ - start == 1 && at_ != end_ && (*at_ == '\'' || *at_ == '&')) return Prefixed(start);
  return Make(TokenKind::kWord, start);
}

Token Lexer::Prefixed(const char* start) {
  const char prefix = Lower(*start);
  if (*at_ == '\'') {
    switch (prefix) {
      case 'e':
        return String(start, TokenKind::kEscapeString, Escapes::kBackslash);
      case 'b':
      case 'x':
        return String(start, TokenKind::kBitString, Escapes::kNone);
      case 'n':
        return PlainString(start);
      default:
        break;
    }
  } else if (prefix == 'u' && end_ - at_ >= 2 && (at_[1] == '\'' || at_[1] == '"')) {
    const bool is_word = at_[1] == '"';
    ++at_;
    if (is_word) return QuotedWord(start, TokenKind::kUnicodeWord);
    return String(start, TokenKind::kUnicodeString, Escapes::kDoubling);
  }
  return Make(TokenKind::kWord, start);
}

Token Lexer::PlainString(const char* start) {
  if (syntax_ == StringSyntax::kBackslash) {
    return String(start, TokenKind::kEscapeString, Escapes::kBackslash);
  }
  return String(start, TokenKind::kString, Escapes::kDoubling);
}

// at_ is at the opening quote. A string goes on, by the same rules, behind white space
// that has a line break in it: E'a' <newline> '\'' is one constant.
Token Lexer::String(const char* start, TokenKind kind, Escapes escapes) {
  do {
    if (!SkipQuoted(escapes)) return Unterminated(start);
  } while (Continues());
  return Make(kind, start);
}

// at_ is at an opening quote, and then behind the closing one. False if there is none.
bool Lexer::SkipQuoted(Escapes escapes) {
  const char* at = at_ + 1;
  while (at != end_) {
    if (escapes == Escapes::kBackslash) {
      at = std::find_if(at, end_, [](char byte) { return byte == '\'' || byte == '\\'; });
    } else {
      at = FindByte(at, end_, '\'');
    }
    if (at == end_) return false;
    const bool more = end_ - at >= 2;
    if (*at == '\'' && !(more && at[1] == '\'' && escapes != Escapes::kNone)) {
      at_ = at + 1;
      return true;
    }
    if (!more) return false;
    at += 2;
  }
  return false;
}

// True, with at_ at the next opening quote, if the string just closed goes on there.
// Comments up to the end of a line may lie between, the other kind may not.
bool Lexer::Continues() {
  bool has_newline = false;
  const char* at = at_;
  while (at != end_) {
    if (Is(*at, kSpace)) {
      has_newline = has_newline || IsNewline(*at);
      ++at;
    } else if (end_ - at >= 2 && at[0] == '-' && at[1] == '-') {
      at = std::find_if(at, end_, IsNewline);
    } else {
      break;
    }
  }
  if (!has_newline || at == end_ || *at != '\'') return false;
  at_ = at;
  return true;
}

// at_ is at the opening quote, which may stand behind a prefix.
Token Lexer::QuotedWord(const char* start, TokenKind kind) {
  const char* at = at_ + 1;
  while (at != end_) {
    at = FindByte(at, end_, '"');
    if (at == end_) break;
    if (end_ - at < 2 || at[1] != '"') {
      at_ = at + 1;
      return Make(kind, start);
    }
    at += 2;
  }
  return Unterminated(start);
}

// $1 is a parameter; $$ or $tag$ begins a string that ends at the same mark.
Token Lexer::Dollar(const char* start) {
  const char* at = start + 1;
  if (at != end_ && Is(*at, kDigit)) {
    at_ = std::find_if(at, end_, [](char byte) { return !Is(byte, kDigit); });
    return Make(TokenKind::kParameter, start);
  }
  if (at != end_ && Is(*at, kWordStart)) {
    at = std::find_if(at, end_, [](char byte) { return byte == '$' || !Is(byte, kWordPart); });
  }
  if (at == end_ || *at != '$') {
    at_ = start + 1;
    return Make(TokenKind::kInvalid, start);
  }
  ++at;
  const std::string_view mark(start, static_cast<size_t>(at - start));
  const std::string_view rest(at, static_cast<size_t>(end_ - at));
  const size_t close = rest.find(mark);
  if (close == std::string_view::npos) return Unterminated(start);
  at_ = at + close + mark.size();
  return Make(TokenKind::kDollarString, start);
}

// Never takes a letter that could begin something else: servers before PostgreSQL 15
// read 1e'x' as the number 1 and the string E'x'; later ones refuse it.
Token Lexer::Number(const char* start) {
  const auto digits = [this](const char* at, bool (*is_digit)(char)) {
    while (at != end_ && (is_digit(*at) || (*at == '_' && end_ - at >= 2 && is_digit(at[1])))) ++at;
    return at;
  };
  const auto is_decimal = [](char byte) { return Is(byte, kDigit); };
  if (*start == '0' && end_ - start >= 3 && IsHexDigit(start[2])) {
    const char base = Lower(start[1]);
    if (base == 'x' || base == 'o' || base == 'b') {
      at_ = digits(start + 2, IsHexDigit);
      return Make(TokenKind::kNumber, start);
    }
  }
  const char* at = digits(start, is_decimal);
  // "1..2" is a range in the server's procedural languages, and so its scanner knows "..".
  if (at != end_ && *at == '.' && (end_ - at < 2 || at[1] != '.')) at = digits(at + 1, is_decimal);
  if (end_ - at >= 2 && Lower(*at) == 'e') {
    const bool has_sign = at[1] == '+' || at[1] == '-';
    const char* exponent = at + (has_sign ? 2 : 1);
    if (exponent != end_ && is_decimal(*exponent)) at = digits(exponent, is_decimal);
  }
  at_ = at;
  return Make(TokenKind::kNumber, start);
}

// A comment ends an operator. One of several characters may end in + or - only if it has
// one of ~ ! @ # ^ & | ` ? % in it, so that "a=-1" is what it looks like.
Token Lexer::Operator(const char* start) {
  const char* at = start + 1;
  while (at != end_ && Is(*at, kOperatorPart)) {
    if (end_ - at >= 2 && ((at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*'))) break;
    ++at;
  }
  const std::string_view text(start, static_cast<size_t>(at - start));
  if (text.size() > 1 && text.find_first_of("~!@#^&|`?%") == std::string_view::npos) {
    while (at - start > 1 && (at[-1] == '+' || at[-1] == '-')) --at;
  }
  at_ = at;
  return Make(TokenKind::kOperator, start);
}

// A dot or a colon.
Token Lexer::Punctuation(const char* start) {
  at_ = start + 1;
  const char next = at_ == end_ ? '\0' : *at_;
  if (*start == '.') {
    if (Is(next, kDigit)) return Number(start);
    if (next == '.') ++at_;
    return Make(TokenKind::kDot, start);
  }
  if (next == ':' || next == '=') ++at_;
  return Make(next == ':' ? TokenKind::kTypecast : TokenKind::kColon, start);
}

std::string_view QuotedContent(const Token& token) {
  if (token.kind != TokenKind::kQuotedWord || token.text().size() < 2) return {};
  return token.text().substr(1, token.text().size() - 2);
}

bool EqualsIgnoreCase(std::string_view word, std::string_view lower_case) {
  if (word.size() != lower_case.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (Lower(word[i]) != lower_case[i]) return false;
  }
  return true;
}

bool ContainsIgnoreCase(std::string_view text, std::string_view lower_case_part) {
  const auto equal = [](char byte, char wanted) { return Lower(byte) == wanted; };
  return std::search(text.begin(), text.end(), lower_case_part.begin(), lower_case_part.end(),
                     equal) != text.end();
}

}  // namespace pglynx::sql
