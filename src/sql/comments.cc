#include "pglynx/sql/comments.h"

#include <algorithm>

namespace pglynx::sql {
namespace {

constexpr std::string_view kBlanks = " \t\n\r\f\v";

bool IsNewline(char byte) {
  return byte == '\n' || byte == '\r';
}

bool StartsWith(const char* at, const char* end, std::string_view mark) {
  return std::string_view(at, static_cast<size_t>(end - at)).starts_with(mark);
}

// `at` is at the marks of a comment that ends before `end`.
const char* BlockEnd(const char* at, const char* end) {
  size_t depth = 0;
  while (at != end) {
    const bool opens = StartsWith(at, end, "/*");
    const bool closes = StartsWith(at, end, "*/");
    at += opens || closes ? 2 : 1;
    if (opens) ++depth;
    if (closes && --depth == 0) break;
  }
  return at;
}

// Also one that does not end: comments may lie between the pieces before.
bool IsString(const Token& token) {
  switch (token.kind) {
    case TokenKind::kString:
    case TokenKind::kEscapeString:
    case TokenKind::kUnicodeString:
    case TokenKind::kBitString:
      return true;
    case TokenKind::kUnterminated:
      return token.text()[token.text().find_first_of("'\"$/")] == '\'';
    default:
      return false;
  }
}

// Of a string constant, whether a backslash is an escape in it.
bool HasEscapes(const Token& token, StringSyntax syntax) {
  switch (*token.begin) {
    case 'e':
    case 'E':
      return true;
    case 'n':
    case 'N':
    case '\'':
      return syntax == StringSyntax::kBackslash;
    default:
      return false;
  }
}

// Behind the first closing quote of a string constant, or of what is left of one. A doubled quote
// counts as the end of one piece and the beginning of the next.
const char* PieceEnd(const char* at, const char* end, bool has_escapes) {
  at = std::find(at, end, '\'');
  while (at != end && ++at != end) {
    if (*at == '\'') return at + 1;
    if (has_escapes && *at == '\\') ++at;
  }
  return end;
}

// The opening quote of the next piece of a string constant. Comments may have quotes, too.
const char* NextPiece(const char* at, const char* end) {
  while (at != end && *at != '\'') {
    at = *at == '-' ? std::find_if(at, end, IsNewline) : at + 1;
  }
  return at;
}

std::string_view Head(std::string_view text, size_t limit) {
  text = text.substr(0, limit);
  // Most texts have no comment: they need no lexer.
  const bool may_have =
      text.find("/*") != std::string_view::npos || text.find("--") != std::string_view::npos;
  return may_have ? text : text.substr(0, 0);
}

void TrimFront(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

bool TakeName(std::string_view& text, std::string_view lower_case) {
  if (!EqualsIgnoreCase(text.substr(0, lower_case.size()), lower_case)) return false;
  text.remove_prefix(lower_case.size());
  return true;
}

// Without its marks; nullopt if it has none.
std::optional<std::string_view> ContentOf(std::string_view comment) {
  if (comment.starts_with("--")) return comment.substr(2);
  if (comment.size() < 4 || !comment.starts_with("/*") || !comment.ends_with("*/")) {
    return std::nullopt;
  }
  return comment.substr(2, comment.size() - 4);
}

}  // namespace

CommentReader::CommentReader(std::string_view text, StringSyntax syntax, size_t limit)
    : text_(Head(text, limit)),
      syntax_(syntax),
      ends_line_(text.size() <= text_.size() || IsNewline(text[text_.size()])),
      lexer_(text_, syntax),
      at_(text_.data()),
      token_{at_, 0, TokenKind::kEnd},
      token_end_(at_) {
  Advance();
}

std::string_view CommentReader::Next() {
  while (true) {
    while (at_ != token_.begin) {
      const char* start = at_;
      if (*start == '/') {
        at_ = BlockEnd(start, token_.begin);
      } else if (*start == '-') {
        at_ = std::find_if(start, token_.begin, IsNewline);
        if (at_ == text_.data() + text_.size() && !ends_line_) continue;
      } else {
        ++at_;
        continue;
      }
      return {start, static_cast<size_t>(at_ - start)};
    }
    if (token_.kind == TokenKind::kEnd) return {};
    Advance();
  }
}

// To the token, or the piece of one, behind the current.
void CommentReader::Advance() {
  at_ = token_.begin + token_.bytes;
  if (at_ != token_end_) {
    token_.begin = NextPiece(at_, token_end_);
  } else {
    token_ = lexer_.Next();
    token_end_ = token_.begin + token_.bytes;
    if (!IsString(token_)) return;
    has_escapes_ = HasEscapes(token_, syntax_);
  }
  token_.bytes =
      static_cast<uint32_t>(PieceEnd(token_.begin, token_end_, has_escapes_) - token_.begin);
}

std::optional<Hint> FindHint(std::string_view comment) {
  const std::optional<std::string_view> content = ContentOf(comment);
  if (!content) return std::nullopt;
  std::string_view rest = *content;
  TrimFront(rest);
  Hint hint;
  if (TakeName(rest, "shard_id")) {
    hint.kind = Hint::Kind::kShardId;
  } else if (!TakeName(rest, "sharding_key")) {
    return std::nullopt;
  }
  TrimFront(rest);
  if (rest.empty() || (rest.front() != ':' && rest.front() != '=')) return std::nullopt;
  rest.remove_prefix(1);
  TrimFront(rest);
  rest = rest.substr(0, rest.find_last_not_of(kBlanks) + 1);
  hint.value = UnquoteString(rest, StringSyntax::kStandard).value_or(ValueText(rest));
  return hint;
}

}  // namespace pglynx::sql
