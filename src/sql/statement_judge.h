#pragma once

// The walk of Judge() over a text: statement by statement, token by token. What begins a
// statement decides what it does (statement_commands.cc); everywhere in it calls of
// functions and a few words are looked for (statement_judge.cc). Lives on the stack for
// one call of Judge(); borrows the text and the tracked parameters.

#include <cstdint>
#include <string_view>

#include "pglynx/sql/judge.h"
#include "pglynx/sql/lexer.h"
#include "sql/surroundings.h"

namespace pglynx::sql {

class StatementJudge {
 public:
  StatementJudge(std::string_view text, StringSyntax syntax, const TrackedParameters& tracked)
      : tracked_(tracked), lexer_(text, syntax), token_(lexer_.Next()) {}

  // Reads the whole text. Call once.
  StateEffects Run();

 private:
  // Whether functions can be called in the rest of the statement.
  enum class Calls : uint8_t { kPossible, kImpossible };

  // statement_judge.cc
  void Scan();
  void ScanItem();
  void ScanName();
  void JudgeMention(const Token& word);
  void JudgeWord(std::string_view word);
  void JudgeInto();
  void JudgeListEnd(std::string_view word);
  Opener JudgeParenthesis(const Name& name);
  void JudgeSetConfig();
  [[nodiscard]] bool IsOperatorSyntax() const;
  [[nodiscard]] bool IsMergeInsert() const;

  // statement_commands.cc
  void Command();
  bool SpecialCommand(int place);
  bool PlainEffect(StateEffect effect);
  void EndTransaction();
  void Create();
  void Deallocate();
  void Declare();
  void Discard();
  void Explain();
  void Prepare();
  void Set();
  void SetSessionUser();
  void SetParameter();
  void SetNamed(std::string_view name);
  void SetValue();
  [[nodiscard]] bool IsAssignment() const;

  // Passes the current token as it is, without looking at it.
  void Advance();
  bool TakeWord(std::string_view lower_case);
  [[nodiscard]] bool AtWord(std::string_view lower_case) const;
  [[nodiscard]] bool AtStatementEnd() const;
  [[nodiscard]] Token Peek() const;

  const TrackedParameters& tracked_;
  Lexer lexer_;
  Token token_;  // the first not passed
  Surroundings surroundings_;
  StateEffects effects_;
  Calls calls_ = Calls::kPossible;
  uint32_t open_conflicts_ = 0;  // ON CONFLICT whose DO has not come yet
};

}  // namespace pglynx::sql
