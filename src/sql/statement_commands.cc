// The commands that StatementJudge knows, by the word they begin with ("SQL Commands" in
// the manual). Each function leaves token_ where the general search goes on.

#include <cstddef>

#include "sql/name_table.h"
#include "sql/statement_judge.h"

namespace pglynx::sql {
namespace {

// What they do shows in the words and calls in them.
constexpr std::string_view kQueries = "delete insert merge select table update values with";
constexpr auto kQueryTable = MakeNameTable<CountNames(kQueries)>(kQueries);

// They leave nothing behind and no expression is evaluated in them.
constexpr std::string_view kPlainCommands =
    "analyse analyze checkpoint cluster comment fetch grant import lock move notify reassign "
    "refresh reindex release revoke savepoint security show truncate vacuum";
constexpr auto kPlainTable = MakeNameTable<CountNames(kPlainCommands)>(kPlainCommands);

// The enumeration is in the order of the text.
constexpr std::string_view kSpecialCommands =
    "abort alter begin call close commit copy create deallocate declare discard do drop end "
    "execute explain listen load prepare reset rollback set start unlisten";
constexpr auto kSpecialTable = MakeNameTable<CountNames(kSpecialCommands)>(kSpecialCommands);

enum class Special : int8_t {
  kAbort,
  kAlter,
  kBegin,
  kCall,
  kClose,
  kCommit,
  kCopy,
  kCreate,
  kDeallocate,
  kDeclare,
  kDiscard,
  kDo,
  kDrop,
  kEnd,
  kExecute,
  kExplain,
  kListen,
  kLoad,
  kPrepare,
  kReset,
  kRollback,
  kSet,
  kStart,
  kUnlisten,
};

// The longest name of a parameter that is asked for, dots included.
constexpr size_t kParameterBytesMax = 127;

bool HasEscapes(const Token& token) {
  return (token.kind == TokenKind::kEscapeString || token.kind == TokenKind::kUnicodeString) &&
         token.text().find('\\') != std::string_view::npos;
}

}  // namespace

// token_ is the first of a statement. EXPLAIN has another command inside, hence the loop.
void StatementJudge::Command() {
  for (;;) {
    if (token_.kind == TokenKind::kOpenParen) return;  // a query in parentheses
    if (token_.kind != TokenKind::kWord) {
      effects_.Add(StateEffect::kUnjudged);
      return;
    }
    if (kQueryTable.Contains(token_.text())) return;
    const int place = kSpecialTable.Find(token_.text());
    if (place >= 0) {
      if (!SpecialCommand(place)) return;
    } else if (kPlainTable.Contains(token_.text())) {
      calls_ = Calls::kImpossible;
      return;
    } else {
      effects_.Add(StateEffect::kUnjudged);
      return;
    }
  }
}

// True if a command begins at token_, inside this one.
bool StatementJudge::SpecialCommand(int place) {
  switch (static_cast<Special>(place)) {
    case Special::kAlter:  // a new column of type serial numbers the rows that are there
      effects_.Add(StateEffect::kTouchesSequences);
      return false;
    case Special::kBegin:
    case Special::kStart:
      return PlainEffect(StateEffect::kBegins);
    case Special::kCall:
      return PlainEffect(StateEffect::kCall);
    case Special::kClose:
    case Special::kDrop:
    case Special::kUnlisten:
      return PlainEffect(StateEffect::kReleases);
    case Special::kAbort:
    case Special::kCommit:
    case Special::kEnd:
    case Special::kRollback:
      EndTransaction();
      return false;
    case Special::kCopy:
      effects_.Add(StateEffect::kCopy);
      surroundings_.set_setting(Setting::kCopy);
      Advance();  // COPY (query) is no call
      return false;
    case Special::kCreate:
      Create();
      return false;
    case Special::kDeallocate:
      Deallocate();
      return false;
    case Special::kDeclare:
      Declare();
      return false;
    case Special::kDiscard:
      Discard();
      return false;
    case Special::kDo:
      return PlainEffect(StateEffect::kDo);
    case Special::kExecute:
      effects_.Add(StateEffect::kExecute);
      return false;
    case Special::kExplain:
      Explain();
      return token_.kind == TokenKind::kWord;
    case Special::kListen:
      return PlainEffect(StateEffect::kListen);
    case Special::kLoad:
      return PlainEffect(StateEffect::kLoad);
    case Special::kPrepare:
      Prepare();
      return false;
    case Special::kReset:
      return PlainEffect(StateEffect::kReset);
    case Special::kSet:
      Set();
      return false;
  }
  return false;
}

// Of a command in which no function is called. Returns false: no command begins inside.
bool StatementJudge::PlainEffect(StateEffect effect) {
  effects_.Add(effect);
  calls_ = Calls::kImpossible;
  return false;
}

// {COMMIT | END | ROLLBACK | ABORT} [WORK | TRANSACTION] [AND [NO] CHAIN]. With PREPARED it
// is about another session's transaction, with TO it stays in its own.
void StatementJudge::EndTransaction() {
  calls_ = Calls::kImpossible;
  Advance();
  if (AtWord("prepared")) return;
  if (!TakeWord("work")) TakeWord("transaction");
  if (AtWord("to")) return;
  effects_.Add(StateEffect::kEnds);
  if (TakeWord("and") && AtWord("chain")) effects_.Add(StateEffect::kBegins);
}

void StatementJudge::Create() {
  surroundings_.set_setting(Setting::kCreate);
  Advance();
  TakeWord("unique");
  if (AtWord("index")) surroundings_.set_setting(Setting::kCreateIndex);
}

void StatementJudge::Deallocate() {
  PlainEffect(StateEffect::kReleases);
  Advance();
  if (AtWord("prepare")) {
    const TokenKind next = Peek().kind;
    if (next != TokenKind::kEnd && next != TokenKind::kSemicolon) Advance();
  }
  effects_.Add(AtWord("all") ? StateEffect::kDeallocateAll : StateEffect::kDeallocate);
}

// DECLARE name ... CURSOR [WITH HOLD] FOR query. A cursor without HOLD ends with its
// transaction.
void StatementJudge::Declare() {
  Advance();
  if (!AtStatementEnd()) {  // the name may be any word
    JudgeMention(token_);
    Advance();
  }
  bool may_hold = false;
  while (!AtStatementEnd() && !AtWord("for")) {
    may_hold = may_hold || token_.kind != TokenKind::kWord || AtWord("with");
    Advance();
  }
  if (may_hold || AtStatementEnd()) effects_.Add(StateEffect::kCursor);
  if (!TakeWord("for")) return;
  surroundings_.BeginInner();
}

void StatementJudge::Discard() {
  PlainEffect(StateEffect::kReleases);
  Advance();
  if (AtWord("all")) {
    effects_.Add(StateEffect::kDiscard);
  } else if (AtWord("sequences")) {
    effects_.Add(StateEffect::kTouchesSequences);
  } else if (AtWord("plans")) {
    effects_.Add(StateEffect::kDiscardsPlans);
  } else if (!AtWord("temp") && !AtWord("temporary")) {
    effects_.Add(StateEffect::kUnjudged);
  }
}

// Leaves token_ at the command that is explained; EXPLAIN ANALYZE carries it out.
void StatementJudge::Explain() {
  Advance();
  if (token_.kind == TokenKind::kOpenParen) {
    // Options, or a query: nothing in options looks like a call.
    do {
      ScanItem();
    } while (surroundings_.depth() > 0 && !AtStatementEnd());
  } else {
    while (TakeWord("analyze") || TakeWord("analyse") || TakeWord("verbose")) {
    }
  }
  surroundings_.BeginInner();
}

void StatementJudge::Prepare() {
  const Token next = Peek();
  if (next.kind == TokenKind::kWord && EqualsIgnoreCase(next.text(), "transaction")) {
    Lexer ahead = lexer_;
    ahead.Next();
    switch (ahead.Next().kind) {
      case TokenKind::kString:
      case TokenKind::kEscapeString:
      case TokenKind::kUnicodeString:
      case TokenKind::kDollarString:
        effects_.Add(StateEffect::kEnds);  // of two-phase commit
        return;
      default:
        break;
    }
  }
  effects_.Add(StateEffect::kPrepare);
}

// SET [SESSION | LOCAL] parameter {= | TO} value, and its special forms. A word that is
// followed by an assignment or a dot is a parameter's name, whatever it is otherwise.
void StatementJudge::Set() {
  calls_ = Calls::kImpossible;
  Advance();
  bool is_local = false;
  if ((AtWord("local") || AtWord("session")) && !IsAssignment()) {
    is_local = AtWord("local");
    Advance();
  }
  if (is_local) effects_.Add(StateEffect::kSetsLocal);
  if (is_local || ((AtWord("transaction") || AtWord("constraints")) && !IsAssignment())) {
    // Ends with the transaction.
    return SetValue();
  }
  effects_.Add(StateEffect::kSets);
  if (AtWord("characteristics")) {
    effects_.Add(StateEffect::kSetsUntracked);
  } else if (AtWord("authorization")) {
    SetSessionUser();
  } else {
    SetParameter();
  }
  SetValue();
}

void StatementJudge::SetSessionUser() {
  Advance();
  const TokenKind next = Peek().kind;
  const bool ends = next == TokenKind::kEnd || next == TokenKind::kSemicolon;
  effects_.Add(AtWord("default") && ends ? StateEffect::kReset : StateEffect::kSetsUntracked);
}

void StatementJudge::SetParameter() {
  if (!IsAssignment()) {
    if (TakeWord("time") && AtWord("zone")) return SetNamed("timezone");
    if (AtWord("names")) return SetNamed("client_encoding");
    if (AtWord("schema")) return SetNamed("search_path");
    if (TakeWord("xml") && AtWord("option")) return SetNamed("xmloption");
    effects_.Add(StateEffect::kSetsUntracked);  // SET ROLE x, or a form of a later version
    return;
  }
  char name[kParameterBytesMax];
  size_t size = 0;
  bool fits = true;
  while (!AtStatementEnd() && !AtWord("to") && token_.kind != TokenKind::kOperator) {
    const bool is_quoted = token_.kind == TokenKind::kQuotedWord;
    const FoldedName part(is_quoted ? QuotedContent(token_) : token_.text());
    JudgeMention(token_);
    fits = fits && !part.view().empty() && size + part.view().size() <= sizeof name;
    if (fits) size += part.view().copy(name + size, part.view().size());
    Advance();
  }
  // An empty name is tracked by nobody.
  SetNamed(fits ? std::string_view(name, size) : std::string_view());
}

// token_ is the last before the value: =, TO, or a word that needs neither.
void StatementJudge::SetNamed(std::string_view name) {
  if (!AtStatementEnd()) Advance();
  const TokenKind next = Peek().kind;
  const bool ends = next == TokenKind::kEnd || next == TokenKind::kSemicolon;
  // SET TIME ZONE LOCAL means DEFAULT.
  if ((AtWord("default") || (AtWord("local") && name == "timezone")) && ends) {
    effects_.Add(StateEffect::kReset);
    return;
  }
  const bool may_ask = !name.empty() && name != "role" && name != "session_authorization";
  if (!may_ask || !tracked_.IsTracked(name)) effects_.Add(StateEffect::kSetsUntracked);
}

// A search_path that begins with pg_temp makes every new table a temporary one, so the
// schema's name counts in strings as well; what could spell it otherwise is not judged.
void StatementJudge::SetValue() {
  for (; !AtStatementEnd(); Advance()) {
    switch (token_.kind) {
      case TokenKind::kString:
      case TokenKind::kEscapeString:
      case TokenKind::kUnicodeString:
      case TokenKind::kDollarString:
        if (ContainsIgnoreCase(token_.text(), "pg_temp")) effects_.Add(StateEffect::kTemporary);
        if (HasEscapes(token_) || token_.text().find_first_of("\r\n") != std::string_view::npos) {
          effects_.Add(StateEffect::kUnjudged);
        }
        break;
      case TokenKind::kWord:
      case TokenKind::kQuotedWord:
      case TokenKind::kUnicodeWord:
        JudgeMention(token_);
        break;
      default:
        break;
    }
  }
}

// Whether the token behind token_ says that token_ is (a part of) a parameter's name.
bool StatementJudge::IsAssignment() const {
  if (token_.kind != TokenKind::kWord && token_.kind != TokenKind::kQuotedWord) return false;
  const Token next = Peek();
  return next.kind == TokenKind::kDot ||
         (next.kind == TokenKind::kOperator && next.text() == "=") ||
         (next.kind == TokenKind::kWord && EqualsIgnoreCase(next.text(), "to"));
}

}  // namespace pglynx::sql
