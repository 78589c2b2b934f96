// What ShardlessReader makes of expressions ("Value Expressions" in the manual).

#include "sql/keywords.h"
#include "sql/name_table.h"
#include "sql/shardless_names.h"
#include "sql/shardless_reader.h"

namespace pglynx::sql {
namespace {

// What ends an expression: it begins a clause. All of them are reserved.
constexpr std::string_view kClauses =
    "except fetch for from group having intersect into limit offset on order select union using "
    "where window with";
constexpr auto kClauseTable = MakeNameTable<CountNames(kClauses)>(kClauses);

// Words of expressions that are no names, and behind which an operand comes ...
constexpr std::string_view kInner =
    "all and any array asc asymmetric between both case collate desc distinct else escape ilike in "
    "leading like not or overlaps placing similar some symmetric then to trailing variadic when "
    "zone";
constexpr auto kInnerTable = MakeNameTable<CountNames(kInner)>(kInner);

// ... and those that are operands, or the end of one.
constexpr std::string_view kOperands =
    "current_catalog current_date current_role current_schema current_time current_timestamp "
    "current_user end false isnull localtime localtimestamp notnull null session_user true user";
constexpr auto kOperandTable = MakeNameTable<CountNames(kOperands)>(kOperands);

// Calls that the grammar knows; their names can name no function.
constexpr std::string_view kGrammarCalls =
    "coalesce exists extract greatest least normalize nullif overlay position row substring trim";
constexpr auto kGrammarCallTable = MakeNameTable<CountNames(kGrammarCalls)>(kGrammarCalls);

bool MayNameFunction(std::string_view word) {
  const KeywordClass word_class = ClassOf(word);
  return word_class != KeywordClass::kReserved && word_class != KeywordClass::kColumn;
}

bool IsString(TokenKind kind) {
  return kind == TokenKind::kString || kind == TokenKind::kEscapeString ||
         kind == TokenKind::kUnicodeString || kind == TokenKind::kDollarString;
}

}  // namespace

// Operands, operators and commas in any order, up to a clause or what closes or ends.
bool ShardlessReader::Expressions(Until until) {
  bool has_operand = false;  // right before this place
  while (true) {
    const Token& token = words_.token();
    switch (token.kind) {
      case TokenKind::kEnd:
      case TokenKind::kSemicolon:
      case TokenKind::kCloseParen:
      case TokenKind::kCloseBracket:
        return true;
      case TokenKind::kInvalid:
      case TokenKind::kUnterminated:
      case TokenKind::kUnicodeWord:
        return false;
      case TokenKind::kWord:
        if (IsExpressionEnd(until, has_operand)) return true;
        if (!ExpressionWord(has_operand)) return false;
        continue;
      case TokenKind::kQuotedWord:
        if (!NameOrCall()) return false;
        break;
      case TokenKind::kOpenParen:
        if (!Parenthesis()) return false;
        break;
      case TokenKind::kOpenBracket:
        if (!Bracket()) return false;
        break;
      case TokenKind::kDot:
        if (!has_operand || !Field()) return false;
        break;
      case TokenKind::kTypecast:
        words_.Skip();
        if (!Type()) return false;
        break;
      case TokenKind::kComma:
        if (until == Until::kJoin) return true;
        words_.Skip();
        has_operand = false;
        continue;
      case TokenKind::kOperator:
        if (!IsBuiltInOperator(token.text())) return false;
        words_.Skip();
        has_operand = false;
        continue;
      case TokenKind::kString:
      case TokenKind::kEscapeString:
      case TokenKind::kUnicodeString:
      case TokenKind::kBitString:
      case TokenKind::kDollarString:
      case TokenKind::kNumber:
      case TokenKind::kParameter:
      case TokenKind::kColon:
        words_.Skip();
        break;
    }
    has_operand = true;
  }
}

// LEFT and its like are JOINs behind an operand, and functions where one has to come.
bool ShardlessReader::IsExpressionEnd(Until until, bool has_operand) const {
  const std::string_view word = words_.token().text();
  if (kClauseTable.Contains(word)) return true;
  if (until == Until::kAs) return words_.At("as");
  return until == Until::kJoin && has_operand && BeginsJoin(word);
}

bool ShardlessReader::ExpressionWord(bool& has_operand) {
  const std::string_view word = words_.token().text();
  const bool is_operand = kOperandTable.Contains(word);
  if (is_operand || kInnerTable.Contains(word)) {
    // like(a, b) is a call, and so is any function of such a name.
    if (!MayNameFunction(word) || !IsBeforeParenthesis()) {
      words_.Skip();
      has_operand = is_operand;
      return true;
    }
  } else if (words_.At("is") && !IsBeforeParenthesis()) {
    words_.Skip();
    words_.Take("not");
    has_operand = false;
    return !words_.Take("distinct") || words_.Take("from");
  } else if (words_.At("operator") && IsBeforeParenthesis()) {
    has_operand = false;
    return OperatorSyntax();
  }
  has_operand = true;
  if (words_.Take("cast")) return Cast();
  if (!words_.Take("as")) return NameOrCall();
  if (!words_.AtIdentifier()) return false;
  words_.Skip();  // any word is a label
  return true;
}

// .f or .* behind a row that is not just named.
bool ShardlessReader::Field() {
  words_.Skip();
  if (words_.AtIdentifier()) {
    words_.Skip();
    return true;
  }
  return words_.token().text() == "*";
}

// A column, a label, a call, or the type of a string.
bool ShardlessReader::NameOrCall() {
  Name name;
  if (!TakeName(name)) return false;
  if (words_.At(TokenKind::kOpenParen)) return Call(name);
  if (IsString(words_.token().kind)) return IsBuiltInType(name);
  return name.first.kind != TokenKind::kWord || MayNameColumn(name.first.text());
}

// From the parenthesis on.
bool ShardlessReader::Call(const Name& name) {
  if (name.IsWord() && !MayNameFunction(name.first.text())) {
    return kGrammarCallTable.Contains(name.first.text()) && GrammarArguments();
  }
  return IsShardlessFunction(name) && Parenthesis() && CallRest();
}

// EXTRACT(year FROM x), SUBSTRING(x FROM 1 FOR 2), EXISTS (SELECT ...).
bool ShardlessReader::GrammarArguments() {
  if (!Open(TokenKind::kOpenParen)) return false;
  do {
    if (!(AtQuery() ? Query() : Expressions() && QueryRest())) return false;
  } while (words_.Take("from") || words_.Take("for"));
  return Close(TokenKind::kCloseParen);
}

// [WITHIN GROUP (...)] [FILTER (WHERE ...)] [OVER (...)]
bool ShardlessReader::CallRest() {
  if (words_.Take("within") && !(words_.Take("group") && Parenthesis())) return false;
  if (words_.At("filter") && IsBeforeParenthesis()) {
    words_.Skip();
    if (!Open(TokenKind::kOpenParen) || !words_.Take("where") || !Expressions()) return false;
    if (!Close(TokenKind::kCloseParen)) return false;
  }
  return !words_.Take("over") || Parenthesis();
}

// CAST(x AS type), behind its word.
bool ShardlessReader::Cast() {
  return Open(TokenKind::kOpenParen) && Expressions(Until::kAs) && words_.Take("as") && Type() &&
         Close(TokenKind::kCloseParen);
}

// OPERATOR(schema.+)
bool ShardlessReader::OperatorSyntax() {
  words_.Skip();
  if (!Open(TokenKind::kOpenParen)) return false;
  if (words_.AtIdentifier()) {
    if (ServerName(words_.token()).view() != "pg_catalog") return false;
    words_.Skip();
    if (!words_.At(TokenKind::kDot)) return false;
    words_.Skip();
  }
  if (!words_.At(TokenKind::kOperator) || !IsBuiltInOperator(words_.token().text())) return false;
  words_.Skip();
  return Close(TokenKind::kCloseParen);
}

// A query, a row, arguments, modifiers of a type: what may stand in one of them is taken in all.
bool ShardlessReader::Parenthesis() {
  if (!Open(TokenKind::kOpenParen)) return false;
  const bool is_understood = AtQuery() ? Query() : Expressions() && QueryRest();
  return is_understood && Close(TokenKind::kCloseParen);
}

bool ShardlessReader::Bracket() {
  return Open(TokenKind::kOpenBracket) && Expressions() && Close(TokenKind::kCloseBracket);
}

// Its brackets look like those of a subscript, and the fields of an interval like names.
bool ShardlessReader::Type() {
  Name name;
  if (!TakeName(name) || !IsBuiltInType(name)) return false;
  words_.Take("precision");
  words_.Take("varying");
  if (words_.At(TokenKind::kOpenParen) && !Parenthesis()) return false;
  if (words_.Take("with") || words_.Take("without")) {
    if (!words_.Take("time") || !words_.Take("zone")) return false;
  }
  while (words_.At(TokenKind::kOpenBracket)) {
    if (!Bracket()) return false;
  }
  return true;
}

}  // namespace pglynx::sql
