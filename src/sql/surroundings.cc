#include "sql/surroundings.h"

#include "sql/keywords.h"
#include "sql/name_table.h"

namespace pglynx::sql {
namespace {

// Behind these stands a name, and behind that a list of columns, arguments or types:
// AS t (a, b), COPY t (a), EXECUTE p (1), IF NOT EXISTS t (a int), INTO t (a),
// WITH ORDINALITY t (a, b), PREPARE p (int), WITH RECURSIVE t (a), REFERENCES t (a),
// CREATE TABLE t (a int), WITH t (a). None of them can stand before a function call.
constexpr std::string_view kListWords =
    "as copy execute exists into ordinality prepare recursive references table with";
constexpr auto kListWordTable = MakeNameTable<CountNames(kListWords)>(kListWords);

constexpr std::string_view kDefinedWords = "aggregate function procedure view";
constexpr auto kDefinedWordTable = MakeNameTable<CountNames(kDefinedWords)>(kDefinedWords);

// Unreserved words behind which an expression may begin.
constexpr std::string_view kExpressionWords =
    "by content document escape first groups key next passing path range ref return rows value "
    "version zone";
constexpr auto kExpressionWordTable = MakeNameTable<CountNames(kExpressionWords)>(kExpressionWords);

// What may stand before JOIN besides a table.
constexpr std::string_view kJoinKinds = "cross full inner left natural outer right";
constexpr auto kJoinKindTable = MakeNameTable<CountNames(kJoinKinds)>(kJoinKinds);

// Words that may name a function but take parentheses in the grammar, too. The
// enumeration is in the order of the text.
constexpr std::string_view kListTakers =
    "by conflict cube rollup first next ilike join set key materialized sets varying zone "
    "stdin stdout force_quote force_not_null force_null";
constexpr auto kListTakerTable = MakeNameTable<CountNames(kListTakers)>(kListTakers);

enum class ListTaker : int8_t {
  kBy,
  kConflict,
  kCube,
  kRollup,
  kFirst,
  kNext,
  kIlike,
  kJoin,
  kSet,
  kKey,
  kMaterialized,
  kSets,
  kVarying,
  kZone,
  kStdin,
  kStdout,
  kForceQuote,
  kForceNotNull,
  kForceNull,
};

}  // namespace

bool Passed::Is(std::string_view lower_case) const {
  return token.kind == TokenKind::kWord && role == Role::kToken &&
         EqualsIgnoreCase(token.text(), lower_case);
}

void Surroundings::Open(const Token& token, Opener opener) {
  if (setting_ == Setting::kCopyOptions && depth_ == 0) {
    const bool is_options = before().Is("with") || before().Is("stdin") || before().Is("stdout") ||
                            before().token.kind == TokenKind::kString ||
                            before().token.kind == TokenKind::kEscapeString;
    if (!is_options) setting_ = Setting::kOther;  // the condition after WHERE
  }
  const bool in_group_list = (group_lists_ & DepthBit()) != 0;
  ++depth_;
  LeaveLists();
  prefixes_ &= ~DepthBit();
  if (opener == Opener::kPrefix) prefixes_ |= DepthBit();
  if (opener == Opener::kGroupingSets && in_group_list) group_lists_ |= DepthBit();
  Pass(token);
}

void Surroundings::Close(const Token& token) {
  const bool is_prefix = depth_ >= kDepthMax || (prefixes_ & DepthBit()) != 0;
  LeaveLists();
  if (depth_ > 0) --depth_;
  Pass(token, is_prefix ? Role::kPrefix : Role::kToken);
}

bool Surroundings::IsBeforeList(const Name& name) const {
  if (before().token.kind == TokenKind::kTypecast) return true;  // x::numeric(10, 2)
  if (FollowsListWord() || FollowsOperand()) return true;
  const bool in_with_list = (with_lists_ & DepthBit()) != 0;
  if (in_with_list && before().token.kind == TokenKind::kComma) return true;
  return name.IsWord() && IsWordBeforeList(name.first.text());
}

bool Surroundings::FollowsListWord() const {
  if (before().token.kind != TokenKind::kWord || before().role == Role::kQualifiedName)
    return false;
  if (kListWordTable.Contains(before().token.text())) return true;
  switch (setting_) {
    case Setting::kCreate:
      return kDefinedWordTable.Contains(before().token.text());
    case Setting::kCreateIndex:
      return before().Is("on") || before().Is("only") || before().Is("using");
    case Setting::kOther:
    case Setting::kCopy:
    case Setting::kCopyOptions:
      return false;
  }
  return false;
}

// Two operands never stand side by side, so a name right behind one is an alias with its
// columns, or a clause such as OVER (...) or FILTER (...).
bool Surroundings::FollowsOperand() const {
  switch (before().token.kind) {
    case TokenKind::kCloseParen:
      return before().role != Role::kPrefix;
    case TokenKind::kQuotedWord:
      return true;
    case TokenKind::kWord:
      return before().role == Role::kQualifiedName ||
             ClassOf(before().token.text()) == KeywordClass::kNone;
    default:
      return false;
  }
}

// Behind the name of a table or column that is an unreserved word. Names that are no words
// of the grammar at all were seen by FollowsOperand.
bool Surroundings::FollowsRelation() const {
  return before().token.kind == TokenKind::kWord &&
         ClassOf(before().token.text()) == KeywordClass::kUnreserved &&
         !kExpressionWordTable.Contains(before().token.text());
}

bool Surroundings::IsWordBeforeList(std::string_view word) const {
  const int place = kListTakerTable.Find(word);
  if (place < 0) return false;
  const TokenKind kind = before().token.kind;
  switch (static_cast<ListTaker>(place)) {
    case ListTaker::kBy:
      return before().Is("order") || before().Is("group") || before().Is("partition");
    case ListTaker::kConflict:  // the judge counts that a DO follows
      return before().Is("on");
    case ListTaker::kCube:
    case ListTaker::kRollup:
      return (group_lists_ & DepthBit()) != 0 &&
             (before().Is("by") || before().Is("distinct") || before().Is("all") ||
              kind == TokenKind::kComma || kind == TokenKind::kOpenParen);
    case ListTaker::kFirst:
    case ListTaker::kNext:
      return before().Is("fetch");
    case ListTaker::kIlike:
    case ListTaker::kSet:
      return FollowsRelation();
    case ListTaker::kJoin:
      return FollowsRelation() || kJoinKindTable.Contains(before().token.text());
    case ListTaker::kKey:
      return before().Is("primary") || before().Is("foreign");
    case ListTaker::kMaterialized:
      return before().Is("not") && earlier().Is("as");
    case ListTaker::kSets:
      return before().Is("grouping");
    case ListTaker::kVarying:
      return before().Is("character") || before().Is("char") || before().Is("bit") ||
             before().Is("nchar");
    case ListTaker::kZone:
      return before().Is("time");
    case ListTaker::kStdin:
    case ListTaker::kStdout:
      return setting_ == Setting::kCopyOptions && depth_ == 0 &&
             (before().Is("from") || before().Is("to"));
    case ListTaker::kForceQuote:
    case ListTaker::kForceNotNull:
    case ListTaker::kForceNull:
      return setting_ == Setting::kCopyOptions && depth_ == 1 &&
             (kind == TokenKind::kOpenParen || kind == TokenKind::kComma);
  }
  return false;
}

}  // namespace pglynx::sql
