#pragma once

// Where in a statement the judge stands: the last two items before it and what the
// parentheses around it are for. Answers the one question on which finding function calls
// rests: is `name (` a call here, or can only a list of columns or options stand here?
//
// A value owned by StatementJudge, one for each statement. Bounded: parentheses deeper
// than kDepthMax are taken for the kind that excuses nothing.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

// What an item already passed was, beyond its first token.
enum class Role : uint8_t {
  kToken,          // just that
  kQualifiedName,  // the first part of a.b or a.*
  kPrefix,         // a parenthesis closed, behind which an expression begins:
                   // DISTINCT ON (...), OPERATOR(...)
};

struct Passed {
  Token token;  // kEnd: nothing was before
  Role role = Role::kToken;

  // The unquoted, unqualified word `lower_case`.
  [[nodiscard]] bool Is(std::string_view lower_case) const;
};

// A possibly qualified name: a, "a", a.b, a."b".c
struct Name {
  Token first;
  Token last;
  size_t parts = 1;

  [[nodiscard]] bool IsWord() const { return parts == 1 && first.kind == TokenKind::kWord; }
};

// Statements that change the meaning of a parenthesis.
enum class Setting : uint8_t {
  kOther,
  kCreate,       // CREATE: names of functions and views have lists behind them
  kCreateIndex,  // and so have tables after ON and access methods after USING
  kCopy,         // COPY, up to its FROM or TO
  kCopyOptions,  // behind that: STDIN (...), FORCE_NULL (...)
};

enum class Opener : uint8_t { kOther, kPrefix, kGroupingSets };

class Surroundings {
 public:
  // A new statement begins.
  void Begin() { *this = Surroundings(); }
  // What comes next is judged as if a statement began there (behind EXPLAIN, say).
  void BeginInner() { passed_[latest_] = {}; }

  void Pass(const Token& token, Role role = Role::kToken) {
    latest_ ^= 1U;
    passed_[latest_].token = token;
    passed_[latest_].role = role;
  }
  // Pass a parenthesis.
  void Open(const Token& token, Opener opener);
  void Close(const Token& token);

  void EnterWithList() { with_lists_ |= DepthBit(); }
  void EnterGroupList() { group_lists_ |= DepthBit(); }
  // A word such as SELECT or ORDER, which ends either at this depth.
  void LeaveLists() {
    with_lists_ &= ~DepthBit();
    group_lists_ &= ~DepthBit();
  }
  [[nodiscard]] bool HasLists() const { return (with_lists_ | group_lists_) != 0; }
  void set_setting(Setting setting) { setting_ = setting; }

  // True if `name (` is surely no function call. `name` is not reserved.
  [[nodiscard]] bool IsBeforeList(const Name& name) const;

  [[nodiscard]] const Passed& before() const { return passed_[latest_]; }
  [[nodiscard]] const Passed& earlier() const { return passed_[latest_ ^ 1U]; }
  [[nodiscard]] Setting setting() const { return setting_; }
  [[nodiscard]] size_t depth() const { return depth_; }

 private:
  static constexpr size_t kDepthMax = 64;

  // 0 where the depth has no bit.
  [[nodiscard]] uint64_t DepthBit() const { return depth_ < kDepthMax ? uint64_t{1} << depth_ : 0; }
  [[nodiscard]] bool FollowsListWord() const;
  [[nodiscard]] bool FollowsOperand() const;
  [[nodiscard]] bool FollowsRelation() const;
  [[nodiscard]] bool IsWordBeforeList(std::string_view word) const;

  Passed passed_[2];  // the last two items
  uint32_t latest_ = 0;
  size_t depth_ = 0;
  // One bit for each depth: the parenthesis that opened it is_prefix; it holds the names
  // of a WITH clause; it holds a GROUP BY list.
  uint64_t prefixes_ = 0;
  uint64_t with_lists_ = 0;
  uint64_t group_lists_ = 0;
  Setting setting_ = Setting::kOther;
};

}  // namespace pglynx::sql
