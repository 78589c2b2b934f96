#pragma once

// Reads the tokens of one statement for mini_sql.h: what is not as asked for makes ok() false, and
// the statement is a syntax error. A value over a borrowed text.

#include <string>
#include <string_view>
#include <vector>

#include "pglynx/sql/lexer.h"

namespace pglynx::sim {

// As Postgres folds a name that is not quoted.
std::string Lower(std::string_view text);

class SqlReader {
 public:
  explicit SqlReader(std::string_view text)
      : text_(text), lexer_(text, sql::StringSyntax::kStandard) {
    Advance();
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] const sql::Token& token() const { return token_; }
  // Where the token at hand begins in the text.
  [[nodiscard]] size_t position() const { return static_cast<size_t>(token_.begin - text_.data()); }
  [[nodiscard]] std::string_view text() const { return text_; }

  void Advance() { token_ = lexer_.Next(); }
  [[nodiscard]] bool AtEnd() const { return token_.kind == sql::TokenKind::kEnd; }
  [[nodiscard]] bool At(std::string_view word) const {
    return token_.kind == sql::TokenKind::kWord && sql::EqualsIgnoreCase(token_.text(), word);
  }
  bool Take(std::string_view word) {
    if (!At(word)) return false;
    Advance();
    return true;
  }
  bool Take(sql::TokenKind kind) {
    if (token_.kind != kind) return false;
    Advance();
    return true;
  }
  bool TakeOperator(std::string_view symbol) {
    return token_.text() == symbol && Take(sql::TokenKind::kOperator);
  }
  void Need(bool taken) { ok_ = ok_ && taken; }

  // A name, folded as Postgres folds it; empty if there is none.
  std::string Name();
  // Several joined by dots, as a parameter may be called.
  std::string DottedName();
  // A string, number or word as it is written.
  std::string Value();
  // A value of SET: words are folded, and may be quoted; numbers have signs.
  std::string SettingValue();
  // Values up to the closing parenthesis, behind the opening one.
  std::vector<std::string> Arguments();

 private:
  std::string_view text_;
  sql::Lexer lexer_;
  sql::Token token_;
  bool ok_ = true;
};

}  // namespace pglynx::sim
