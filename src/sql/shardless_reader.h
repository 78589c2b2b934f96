#pragma once

// The walk of NeedsShard() over a text: statements, queries and their FROM lists are read in
// shardless.cc, expressions in shardless_expressions.cc. Lives on the stack for one call; borrows
// the text.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pglynx/sql/lexer.h"
#include "sql/surroundings.h"
#include "sql/words.h"

namespace pglynx::sql {

// Reads statements by the server's grammar ("SELECT" in the manual), as loosely as it can be done
// without missing a place where a relation, a function or a type is named: what the server refuses
// may be taken here. Each function takes what it is named after and returns false if that cannot
// be or is not understood; then the text needs a shard, and nothing else of it counts.
class ShardlessReader {
 public:
  ShardlessReader(std::string_view text, StringSyntax syntax) : words_(text, syntax) {}

  // The whole text. Call once.
  bool Text();

 private:
  // What else ends an expression.
  enum class Until : uint8_t {
    kClause,
    kJoin,  // a comma, or the words before JOIN: the condition behind ON
    kAs,
  };

  // shardless.cc
  bool Statement();
  bool Command();
  bool CommandRest();

  bool Query();
  bool WithList();
  bool QueryTerm();
  bool QueryRest();
  bool Select();

  bool FromList();
  bool FromItem();
  bool FromParenthesis();
  bool Joins();
  bool Alias();
  bool NameList();

  // shardless_expressions.cc
  bool Expressions(Until until = Until::kClause);
  [[nodiscard]] bool IsExpressionEnd(Until until, bool has_operand) const;
  bool ExpressionWord(bool& has_operand);
  bool Field();
  bool NameOrCall();
  bool Call(const Name& name);
  bool GrammarArguments();
  bool CallRest();
  bool Cast();
  bool OperatorSyntax();
  bool Parenthesis();
  bool Bracket();
  bool Type();

  // shardless.cc
  bool TakeName(Name& name);
  bool TakeComma();
  bool Open(TokenKind kind);
  bool Close(TokenKind kind);
  [[nodiscard]] bool AtQuery() const {
    return words_.At("select") || words_.At("values") || words_.At("with");
  }
  [[nodiscard]] bool IsBeforeParenthesis() const {
    return words_.Peek().kind == TokenKind::kOpenParen;
  }
  bool AddWithName(const Token& name);
  [[nodiscard]] bool IsWithName(const Name& name) const;

  // Parentheses and brackets inside each other: a bound for the recursion, which takes a few calls
  // for each of them.
  static constexpr size_t kDepthMax = 32;
  static constexpr size_t kWithNamesMax = 32;

  Words words_;
  size_t depth_ = 0;  // of what is open
  // Of all WITH lists around this place, the outermost first.
  std::array<Token, kWithNamesMax> with_names_;
  size_t with_name_count_ = 0;
};

}  // namespace pglynx::sql
