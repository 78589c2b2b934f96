#include "sql/statement_judge.h"

#include <array>
#include <cstddef>

#include "sql/acting_words.h"
#include "sql/harmless_functions.h"
#include "sql/keywords.h"
#include "sql/name_table.h"
#include "sql/set_config.h"

namespace pglynx::sql {
namespace {

// What ends the names of a WITH clause or a GROUP BY list.
constexpr std::string_view kListEnds =
    "delete except fetch for having insert intersect limit merge offset order returning select "
    "table union update values window";
constexpr auto kListEndTable = MakeNameTable<CountNames(kListEnds)>(kListEnds);

bool IsName(TokenKind kind) {
  return kind == TokenKind::kWord || kind == TokenKind::kQuotedWord ||
         kind == TokenKind::kUnicodeWord;
}

bool IsWord(const Token& token, std::string_view lower_case) {
  return token.kind == TokenKind::kWord && EqualsIgnoreCase(token.text(), lower_case);
}

bool IsTemp(const Token& token) {
  return IsWord(token, "temp") || IsWord(token, "temporary");
}

// The name that the server looks up: folded if unquoted. Empty if it can be no built-in
// function's. `folded` holds the bytes.
std::string_view LookedUp(const Token& token, const FoldedName& folded) {
  if (token.kind == TokenKind::kWord) return folded.view();
  return QuotedContent(token);
}

// The built-in functions with an effect of their own; the enumeration is in the order of
// the text.
constexpr std::string_view kActingFunctions =
    "currval lastval nextval pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock "
    "pg_advisory_unlock_all pg_advisory_unlock_shared pg_try_advisory_lock "
    "pg_try_advisory_lock_shared set_config setval";
constexpr auto kActingFunctionTable = MakeNameTable<CountNames(kActingFunctions)>(kActingFunctions);
constexpr std::array<StateEffect, CountNames(kActingFunctions)> kFunctionEffects = {
    StateEffect::kReadsSequences, StateEffect::kReadsSequences, StateEffect::kTouchesSequences,
    StateEffect::kAdvisoryLock,   StateEffect::kAdvisoryLock,   StateEffect::kReleases,
    StateEffect::kReleases,       StateEffect::kReleases,       StateEffect::kAdvisoryLock,
    StateEffect::kAdvisoryLock,   StateEffect::kSetsUntracked,  StateEffect::kTouchesSequences,
};

// Of set_config it is kSetsUntracked, whatever its arguments are.
StateEffect EffectOfCall(const Name& name) {
  const FoldedName schema(name.parts == 1 ? std::string_view() : name.first.text());
  const bool is_built_in =
      name.parts == 1 || (name.parts == 2 && LookedUp(name.first, schema) == "pg_catalog");
  if (!is_built_in) return StateEffect::kFunction;
  const FoldedName folded(name.last.text());
  const std::string_view function = LookedUp(name.last, folded);
  if (IsHarmlessFunction(function)) return StateEffect::kNone;
  const int place = kActingFunctionTable.FindLower(function);
  return place < 0 ? StateEffect::kFunction : kFunctionEffects[static_cast<size_t>(place)];
}

}  // namespace

StateEffects StatementJudge::Run() {
  while (token_.kind != TokenKind::kEnd) {
    if (token_.kind == TokenKind::kSemicolon) {
      token_ = lexer_.Next();
      continue;
    }
    surroundings_.Begin();
    calls_ = Calls::kPossible;
    open_conflicts_ = 0;
    Command();
    Scan();
    // Without its DO it was no clause of INSERT but, say, JOIN t ON conflict(a, b).
    if (open_conflicts_ > 0) effects_.Add(StateEffect::kFunction);
  }
  return effects_;
}

void StatementJudge::Scan() {
  while (!AtStatementEnd()) ScanItem();
}

void StatementJudge::ScanItem() {
  switch (token_.kind) {
    case TokenKind::kWord:
    case TokenKind::kQuotedWord:
    case TokenKind::kUnicodeWord:
      return ScanName();
    case TokenKind::kOpenParen:
      surroundings_.Open(token_, Opener::kOther);
      break;
    case TokenKind::kCloseParen:
      surroundings_.Close(token_);
      break;
    default:
      return Advance();
  }
  token_ = lexer_.Next();
}

// A name with all its parts, and the parenthesis behind it if there is one.
void StatementJudge::ScanName() {
  Name name{token_, token_, 1};
  JudgeMention(token_);
  token_ = lexer_.Next();
  while (token_.kind == TokenKind::kDot) {
    token_ = lexer_.Next();
    ++name.parts;
    if (!IsName(token_.kind)) {  // t.*
      surroundings_.Pass(name.first, Role::kQualifiedName);
      return;
    }
    name.last = token_;
    JudgeMention(token_);
    token_ = lexer_.Next();
  }
  if (name.IsWord()) JudgeWord(name.first.text());
  const bool is_open = token_.kind == TokenKind::kOpenParen;
  const Opener opener = is_open ? JudgeParenthesis(name) : Opener::kOther;
  surroundings_.Pass(name.first, name.parts > 1 ? Role::kQualifiedName : Role::kToken);
  if (is_open) {
    surroundings_.Open(token_, opener);
    token_ = lexer_.Next();
  }
}

// The schema of temporary objects is pg_temp, or pg_temp_<n>. Escapes could spell it.
void StatementJudge::JudgeMention(const Token& word) {
  constexpr std::string_view kTemporarySchema = "pg_temp";
  if (word.kind == TokenKind::kUnicodeWord) {
    effects_.Add(StateEffect::kUnjudged);
    return;
  }
  // Most names are told by their first letter.
  const size_t quote_bytes = word.kind == TokenKind::kQuotedWord ? 1 : 0;
  if (word.bytes < kTemporarySchema.size() || (word.begin[quote_bytes] | 0x20) != 'p') return;
  const std::string_view name = word.text().substr(quote_bytes);
  if (EqualsIgnoreCase(name.substr(0, kTemporarySchema.size()), kTemporarySchema)) {
    effects_.Add(StateEffect::kTemporary);
  }
}

// `word` has been taken off but not passed yet; token_ is behind it.
void StatementJudge::JudgeWord(std::string_view word) {
  if (surroundings_.HasLists() || surroundings_.setting() == Setting::kCopy) JudgeListEnd(word);
  const int place = kActingTable.Find(word);
  if (place < 0) return;
  const Passed& before = surroundings_.before();
  const bool is_data = calls_ == Calls::kPossible;
  switch (static_cast<Acting>(place)) {
    case Acting::kBy:
      if (before.Is("group")) surroundings_.EnterGroupList();
      return;
    case Acting::kConflict:
      if (before.Is("on")) ++open_conflicts_;
      return;
    case Acting::kDo:
      if (open_conflicts_ > 0) --open_conflicts_;
      return;
    case Acting::kExecute:  // CREATE TABLE t AS EXECUTE p
      if (before.Is("as")) effects_.Add(StateEffect::kExecute);
      return;
    case Acting::kDefault:  // UPDATE t SET id = DEFAULT
      if (surroundings_.setting() != Setting::kOther) return;
      [[fallthrough]];
    case Acting::kInsert:
    case Acting::kMerge:
      if (is_data) effects_.Add(StateEffect::kTouchesSequences);
      return;
    case Acting::kInto:
      return JudgeInto();
    case Acting::kTemp:
    case Acting::kTemporary:
      if (before.Is("create") || before.Is("replace") || before.Is("local") ||
          before.Is("global")) {
        effects_.Add(StateEffect::kTemporary);
      }
      return;
    case Acting::kWith:
      if (before.token.kind == TokenKind::kEnd || before.token.kind == TokenKind::kOpenParen) {
        surroundings_.EnterWithList();
      }
      return;
  }
}

// token_ is behind INTO. SELECT ... INTO TEMP t makes a table; INSERT INTO temp (a) does
// not, and is known by what cannot be the new table's name.
void StatementJudge::JudgeInto() {
  if (!IsTemp(token_)) return;
  Lexer ahead = lexer_;
  const Token next = ahead.Next();
  bool makes_table = next.kind == TokenKind::kQuotedWord || next.kind == TokenKind::kUnicodeWord;
  if (next.kind == TokenKind::kWord) {
    const bool is_rows = IsWord(next, "values") && ahead.Next().kind == TokenKind::kOpenParen;
    makes_table =
        !is_rows && (ClassOf(next.text()) != KeywordClass::kReserved || IsWord(next, "table"));
  }
  if (makes_table) effects_.Add(StateEffect::kTemporary);
}

void StatementJudge::JudgeListEnd(std::string_view word) {
  if (kListEndTable.Contains(word)) surroundings_.LeaveLists();
  if (surroundings_.setting() != Setting::kCopy || surroundings_.depth() > 0) return;
  const bool is_from = EqualsIgnoreCase(word, "from");
  if (is_from) effects_.Add(StateEffect::kTouchesSequences);
  if (is_from || EqualsIgnoreCase(word, "to")) surroundings_.set_setting(Setting::kCopyOptions);
}

// token_ is the parenthesis behind `name`, which has not been passed yet. Says what kind
// of parenthesis it is, and notes the call if it is one.
Opener StatementJudge::JudgeParenthesis(const Name& name) {
  if (calls_ == Calls::kImpossible) return Opener::kOther;
  const StateEffect effect = EffectOfCall(name);
  if (effect == StateEffect::kNone) return Opener::kOther;
  if (name.IsWord()) {
    switch (ClassOf(name.first.text())) {
      case KeywordClass::kReserved: {
        const bool is_distinct_on =
            surroundings_.before().Is("distinct") && IsWord(name.first, "on");
        return is_distinct_on ? Opener::kPrefix : Opener::kOther;
      }
      case KeywordClass::kColumn:
        // TREAT(x AS t) calls a function named as the type is.
        if (IsWord(name.first, "treat")) effects_.Add(StateEffect::kFunction);
        return Opener::kOther;
      case KeywordClass::kUnreserved:
        if (IsWord(name.first, "operator") && IsOperatorSyntax()) return Opener::kPrefix;
        if (IsWord(name.first, "insert") && IsMergeInsert()) return Opener::kOther;
        break;
      case KeywordClass::kTypeOrFunction:
      case KeywordClass::kNone:
        break;
    }
  }
  if (surroundings_.IsBeforeList(name)) {
    return IsWord(name.first, "sets") ? Opener::kGroupingSets : Opener::kOther;
  }
  if (effect == StateEffect::kSetsUntracked) {
    JudgeSetConfig();
  } else {
    effects_.Add(effect);
  }
  return Opener::kOther;
}

// token_ is the parenthesis. The search goes on inside it, so what is judged here is the
// setting alone. As in a SET, a search_path of pg_temp counts even for the transaction only.
void StatementJudge::JudgeSetConfig() {
  const SetConfigCall call = ReadSetConfig(lexer_);
  if (!call.is_local) {
    effects_.Add(StateEffect::kSetsUntracked);
    effects_.Add(StateEffect::kSets);
  } else {
    effects_.Add(StateEffect::kSetsLocal);
  }
  if (call.name && !EqualsIgnoreCase(*call.name, "search_path")) return;
  if (!call.value) {
    effects_.Add(StateEffect::kUnjudged);
  } else if (ContainsIgnoreCase(*call.value, "pg_temp")) {
    effects_.Add(StateEffect::kTemporary);
  }
}

// OPERATOR(schema.+) is how an operator is written with its schema; operator(x) is a call.
bool StatementJudge::IsOperatorSyntax() const {
  Lexer ahead = lexer_;
  Token next = ahead.Next();
  while (IsName(next.kind)) {
    if (ahead.Next().kind != TokenKind::kDot) return false;
    next = ahead.Next();
  }
  return next.kind == TokenKind::kOperator && ahead.Next().kind == TokenKind::kCloseParen;
}

// MERGE ... THEN INSERT (a, b) VALUES, and not CASE WHEN a THEN insert(b) END. Looks no
// further than the next parenthesis, so that no text is looked at again and again.
bool StatementJudge::IsMergeInsert() const {
  if (!surroundings_.before().Is("then")) return false;
  Lexer ahead = lexer_;
  TokenKind kind = TokenKind::kComma;
  while (IsName(kind) || kind == TokenKind::kComma || kind == TokenKind::kDot) {
    kind = ahead.Next().kind;
  }
  if (kind != TokenKind::kCloseParen) return false;
  const Token next = ahead.Next();
  return IsWord(next, "values") || IsWord(next, "overriding");
}

void StatementJudge::Advance() {
  if (token_.kind == TokenKind::kInvalid || token_.kind == TokenKind::kUnterminated) {
    effects_.Add(StateEffect::kUnjudged);
  }
  surroundings_.Pass(token_);
  token_ = lexer_.Next();
}

bool StatementJudge::TakeWord(std::string_view lower_case) {
  if (!AtWord(lower_case)) return false;
  Advance();
  return true;
}

bool StatementJudge::AtWord(std::string_view lower_case) const {
  return IsWord(token_, lower_case);
}

bool StatementJudge::AtStatementEnd() const {
  return token_.kind == TokenKind::kSemicolon || token_.kind == TokenKind::kEnd;
}

Token StatementJudge::Peek() const {
  Lexer ahead = lexer_;
  return ahead.Next();
}

}  // namespace pglynx::sql
