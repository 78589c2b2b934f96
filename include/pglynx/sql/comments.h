#pragma once

// The real comments of a text, and the hints in them that choose a shard for the statement they
// stand with. What looks like a comment inside a string, a quoted name or a dollar quote is none.
// PgCat searches the bytes of the message instead, and so can be steered by a literal.
//
// Only comments that lie wholly within the first `limit` bytes are found: half of one could hold
// half of a key. Nested comments count as one. Encodings: as Lexer. Pure; linear in the limit.
// Allocates only for a hint's value with a doubled quote.
//
//   CommentReader comments(query, StringSyntax::kStandard, regex_search_limit);
//   for (std::string_view comment = comments.Next(); !comment.empty(); comment = comments.Next()) {
//     if (const std::optional<Hint> hint = FindHint(comment)) return *hint;
//   }

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pglynx/sql/directive.h"
#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

// A value over a borrowed text, which must outlive it and the comments.
class CommentReader {
 public:
  CommentReader(std::string_view text, StringSyntax syntax, size_t limit);

  // The next comment with its marks, /*...*/ or --... without the line's end; empty at the end of
  // the text, again and again. One that does not end is no comment.
  std::string_view Next();

 private:
  void Advance();

  std::string_view text_;  // as far as the limit
  StringSyntax syntax_;
  bool ends_line_;  // a comment at the end of text_ is not cut
  Lexer lexer_;
  const char* at_;  // what lies from here to the token is blanks and comments
  // A string constant is taken piece by piece: comments may lie between its lines.
  Token token_;
  const char* token_end_;  // of the whole constant
  bool has_escapes_ = false;
};

// For those who want all of them. `visit` is called with a std::string_view.
template <typename Visit>
void ForEachComment(std::string_view text, StringSyntax syntax, size_t limit, Visit visit) {
  CommentReader comments(text, syntax, limit);
  for (std::string_view comment = comments.Next(); !comment.empty(); comment = comments.Next()) {
    visit(comment);
  }
}

struct Hint {
  enum class Kind : uint8_t { kShardingKey, kShardId };
  Kind kind = Kind::kShardingKey;
  // Trimmed and without its quotes, if it had any; perhaps empty. Not judged: it may be no number.
  ValueText value;
};

// Of a comment with its marks: `sharding_key: v` or `shard_id: v` at its beginning, in any case,
// with : or =, blanks or none. All that follows is the value: nothing else may stand in such a
// comment. nullopt: it begins otherwise.
std::optional<Hint> FindHint(std::string_view comment);

}  // namespace pglynx::sql
