#include "pglynx/sql/prepared_uses.h"

#include <utility>

#include "sql/keywords.h"
#include "sql/words.h"

namespace pglynx::sql {
namespace {

using Kind = PreparedUse::Kind;

bool IsString(TokenKind kind) {
  return kind == TokenKind::kString || kind == TokenKind::kEscapeString ||
         kind == TokenKind::kUnicodeString || kind == TokenKind::kDollarString;
}

// What the grammar takes for a name without quotes ("ColId").
bool IsColumnName(std::string_view word) {
  const KeywordClass word_class = ClassOf(word);
  return word_class != KeywordClass::kReserved && word_class != KeywordClass::kTypeOrFunction;
}

// Walks a text statement by statement. A semicolon ends none inside parentheses (CREATE RULE)
// and inside a function's body (BEGIN ATOMIC ... END).
class Finder {
 public:
  Finder(std::string_view text, StringSyntax syntax) : begin_(text.data()), words_(text, syntax) {}

  // Call once.
  std::optional<std::vector<PreparedUse>> Run();

 private:
  void Statement(size_t index);
  void Command();
  void Create();
  void Deallocate();
  void Discard();
  void Execute();
  void Explain();
  void Prepare();
  void AddName(Kind kind);
  void AddWord(Kind kind);
  void ExpectEnd() { is_broken_ = is_broken_ || !AtEnd(); }

  void Advance();
  void CountBlocks();
  bool Take(std::string_view lower_case);
  [[nodiscard]] bool AtEnd() const;
  [[nodiscard]] size_t At(const Token& token) const {
    return static_cast<size_t>(token.begin - begin_);
  }

  const char* begin_;
  Words words_;
  std::vector<PreparedUse> uses_;
  bool is_broken_ = false;
  // Of the current statement.
  Token passed_;                // the last token
  size_t depth_ = 0;            // of parentheses
  size_t blocks_ = 0;           // BEGIN ATOMIC and CASE that are open
  bool may_have_body_ = false;  // CREATE FUNCTION or PROCEDURE
};

std::optional<std::vector<PreparedUse>> Finder::Run() {
  for (size_t index = 0; !words_.At(TokenKind::kEnd);) {
    if (words_.At(TokenKind::kSemicolon)) {
      words_.Skip();
      continue;
    }
    Statement(index++);
    if (is_broken_) return std::nullopt;
  }
  return std::move(uses_);
}

void Finder::Statement(size_t index) {
  passed_ = {};
  depth_ = 0;
  blocks_ = 0;
  may_have_body_ = false;
  const size_t known = uses_.size();
  const size_t at = At(words_.token());
  Command();
  while (!AtEnd()) Advance();
  is_broken_ = is_broken_ || depth_ > 0 || blocks_ > 0;
  const size_t end = At(passed_) + passed_.bytes;
  for (size_t i = known; i < uses_.size(); ++i) {
    uses_[i].statement = index;
    uses_[i].statement_at = at;
    uses_[i].statement_bytes = end - at;
  }
}

void Finder::Command() {
  if (Take("explain")) {
    Explain();
    if (!words_.At("execute") && !words_.At("create")) return;
  }
  if (Take("prepare")) return Prepare();
  if (Take("execute")) return Execute();
  if (Take("deallocate")) return Deallocate();
  if (Take("discard")) return Discard();
  if (Take("create")) return Create();
}

// CREATE TABLE name ... AS EXECUTE: no other AS can stand before that one.
void Finder::Create() {
  if (Take("or")) Take("replace");
  may_have_body_ = words_.At("function") || words_.At("procedure");
  while (Take("global") || Take("local") || Take("temp") || Take("temporary") || Take("unlogged")) {
  }
  if (!Take("table")) return;
  while (!AtEnd()) {
    const bool is_query = depth_ == 0 && words_.At("as");
    Advance();
    if (!is_query) continue;
    if (Take("execute")) Execute();
    return;
  }
}

void Finder::Deallocate() {
  if (words_.At("prepare")) {
    const TokenKind next = words_.Peek().kind;
    if (next != TokenKind::kEnd && next != TokenKind::kSemicolon) Advance();
  }
  if (words_.At("all")) {
    AddWord(Kind::kDeallocateAll);
  } else {
    AddName(Kind::kDeallocate);
  }
  ExpectEnd();
}

void Finder::Discard() {
  if (words_.At("all")) {
    AddWord(Kind::kDiscardAll);
  } else if (words_.At("plans")) {
    AddWord(Kind::kDiscardPlans);
  } else {
    return;
  }
  ExpectEnd();
}

void Finder::Execute() {
  AddName(Kind::kExecute);
  const bool goes_on = AtEnd() || words_.At(TokenKind::kOpenParen) || words_.At("with");
  is_broken_ = is_broken_ || !goes_on;
}

// Up to the command that is explained.
void Finder::Explain() {
  if (!words_.At(TokenKind::kOpenParen)) {
    while (Take("analyze") || Take("analyse") || Take("verbose")) {
    }
    return;
  }
  do {
    Advance();
  } while (depth_ > 0 && !AtEnd());
}

void Finder::Prepare() {
  if (words_.At("transaction") && IsString(words_.Peek().kind)) return;  // two-phase commit
  AddName(Kind::kPrepare);
  const bool goes_on = words_.At(TokenKind::kOpenParen) || words_.At("as");
  is_broken_ = is_broken_ || !goes_on;
}

void Finder::AddName(Kind kind) {
  const Token& name = words_.token();
  const bool is_name =
      words_.At(TokenKind::kWord) ? IsColumnName(name.text()) : !QuotedContent(name).empty();
  if (!is_name) {
    is_broken_ = true;
    return;
  }
  AddWord(kind);
  uses_.back().name = IdentifierOf(passed_);
}

void Finder::AddWord(Kind kind) {
  PreparedUse use{};
  use.kind = kind;
  use.name_at = At(words_.token());
  use.name_bytes = words_.token().bytes;
  uses_.push_back(std::move(use));
  Advance();
}

void Finder::Advance() {
  switch (words_.token().kind) {
    case TokenKind::kInvalid:
    case TokenKind::kUnterminated:
      is_broken_ = true;
      break;
    case TokenKind::kOpenParen:
      ++depth_;
      break;
    case TokenKind::kCloseParen:
      if (depth_ > 0) --depth_;
      break;
    case TokenKind::kWord:
      if (may_have_body_) CountBlocks();
      break;
    default:
      break;
  }
  passed_ = words_.token();
  words_.Skip();
}

// Behind AS or a dot, any word is a name.
void Finder::CountBlocks() {
  const bool follows_as =
      passed_.kind == TokenKind::kWord && EqualsIgnoreCase(passed_.text(), "as");
  if (follows_as || passed_.kind == TokenKind::kDot) return;
  if (blocks_ == 0) {
    const Token next = words_.Peek();
    const bool begins = depth_ == 0 && words_.At("begin") && next.kind == TokenKind::kWord &&
                        EqualsIgnoreCase(next.text(), "atomic");
    if (begins) blocks_ = 1;
  } else if (words_.At("case")) {
    ++blocks_;
  } else if (words_.At("end")) {
    --blocks_;
  }
}

bool Finder::Take(std::string_view lower_case) {
  if (!words_.At(lower_case)) return false;
  Advance();
  return true;
}

bool Finder::AtEnd() const {
  if (words_.At(TokenKind::kEnd)) return true;
  return words_.At(TokenKind::kSemicolon) && depth_ == 0 && blocks_ == 0;
}

}  // namespace

std::optional<std::vector<PreparedUse>> FindPreparedUses(std::string_view text,
                                                         StringSyntax syntax) {
  return Finder(text, syntax).Run();
}

}  // namespace pglynx::sql
