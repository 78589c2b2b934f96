#pragma once

// A text as a row of words, for those who look for a few commands in it and not for all that
// it may do: the current token, and what can be taken off the front. Borrows the text.

#include <string>
#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

class Words {
 public:
  Words(std::string_view text, StringSyntax syntax) : lexer_(text, syntax), token_(lexer_.Next()) {}

  // The first that is not taken.
  [[nodiscard]] const Token& token() const { return token_; }
  [[nodiscard]] Token Peek() const {
    Lexer ahead = lexer_;
    return ahead.Next();
  }
  // What follows the current token.
  [[nodiscard]] Lexer Rest() const { return lexer_; }

  [[nodiscard]] bool At(TokenKind kind) const { return token_.kind == kind; }
  // An unquoted word, in any case.
  [[nodiscard]] bool At(std::string_view lower_case) const;
  // An unquoted or quoted word.
  [[nodiscard]] bool AtIdentifier() const {
    return At(TokenKind::kWord) || At(TokenKind::kQuotedWord);
  }
  // Whether the current word is a parameter's name, whatever it is otherwise: so says a dot or
  // an assignment behind it.
  [[nodiscard]] bool AtParameter() const;
  // The end of a statement.
  [[nodiscard]] bool AtEnd() const { return At(TokenKind::kEnd) || At(TokenKind::kSemicolon); }

  void Skip() { token_ = lexer_.Next(); }
  bool Take(std::string_view lower_case);
  // A parameter's name in lower case with its dots; empty if there is none.
  std::string TakeName();
  // TO or =.
  bool TakeAssignment();

 private:
  Lexer lexer_;
  Token token_;
};

// A word or quoted word as the server has it: folded if unquoted, else without its quotes, and
// cut to the length of a name.
std::string IdentifierOf(const Token& token);

// In ASCII.
std::string LowerCase(std::string_view text);

}  // namespace pglynx::sql
