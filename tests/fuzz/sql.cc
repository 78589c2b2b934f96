// The SQL lexer, the judge and the finders (sql/lexer.h, judge.h, resets.h, simple_forms.h,
// prepared_uses.h, touched_settings.h).
//
// Properties of the lexer: tokens lie in order, between them are only blanks and comments, a
// token read alone is that token, nothing is read behind the text; where no backslash is, both
// string syntaxes agree. Of the judge: neither the case of words nor what lies between
// tokens matters, two texts one behind the other have the effects of both, tracking more
// parameters adds no effect, a reason is given exactly where it pins. Of resets: where
// everything is reset, the judge has seen a reset too (not so for one parameter: "set a =
// default, b" is no statement at all, and only the judge reads it to its end). Of the other
// finders: what they point at lies in the text; what they find the judge has seen, and what
// the judge has seen is among the settings that are touched.
//
// Input: the text; its last byte also chooses where it is divided.
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/sql/judge.h"
#include "pglynx/sql/lexer.h"
#include "pglynx/sql/prepared_uses.h"
#include "pglynx/sql/resets.h"
#include "pglynx/sql/simple_forms.h"
#include "pglynx/sql/touched_settings.h"

namespace pglynx::fuzz {
namespace {

using sql::Lexer;
using sql::StringSyntax;
using sql::Token;
using sql::TokenKind;

class Tracks final : public sql::TrackedParameters {
 public:
  explicit Tracks(bool all) : all_(all) {}
  [[nodiscard]] bool IsTracked(std::string_view lower_case_name) const override {
    PGLYNX_CHECK(!lower_case_name.empty() && lower_case_name.size() <= 127);
    for (const char c : lower_case_name) PGLYNX_CHECK(c < 'A' || c > 'Z');
    PGLYNX_CHECK(lower_case_name != "role" && lower_case_name != "session_authorization");
    return all_;
  }

 private:
  bool all_;
};

sql::StateEffects JudgeText(std::string_view text, StringSyntax syntax, bool all_tracked = false) {
  const ExactBytes exact(text);
  return sql::Judge(exact.view(), syntax, Tracks(all_tracked));
}

std::vector<Token> TokensOf(std::string_view text, StringSyntax syntax) {
  std::vector<Token> tokens;
  Lexer lexer(text, syntax);
  while (true) {
    const Token token = lexer.Next();
    if (token.kind == TokenKind::kEnd) break;
    PGLYNX_CHECK(token.bytes > 0);
    tokens.push_back(token);
  }
  PGLYNX_CHECK(lexer.Next().kind == TokenKind::kEnd);
  return tokens;
}

// Takes a comment that ends off the front; false if there is none.
bool TakeComment(std::string_view& gap) {
  if (gap.starts_with("--")) {
    gap.remove_prefix(std::min(gap.find_first_of("\n\r"), gap.size()));
    return true;
  }
  if (!gap.starts_with("/*")) return false;
  size_t depth = 0;
  do {
    if (gap.starts_with("/*")) {
      ++depth;
      gap.remove_prefix(2);
    } else if (gap.starts_with("*/")) {
      --depth;
      gap.remove_prefix(2);
    } else {
      PGLYNX_CHECK(!gap.empty());
      gap.remove_prefix(1);
    }
  } while (depth > 0);
  return true;
}

void CheckGap(std::string_view gap) {
  while (!gap.empty()) {
    if (std::string_view(" \t\n\v\f\r").find(gap[0]) != std::string_view::npos) {
      gap.remove_prefix(1);
    } else {
      PGLYNX_CHECK(TakeComment(gap));
    }
  }
}

void CheckTokens(std::string_view text, StringSyntax syntax) {
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (const Token& token : TokensOf(text, syntax)) {
    PGLYNX_CHECK(token.begin >= at && token.bytes <= static_cast<size_t>(end - token.begin));
    CheckGap({at, static_cast<size_t>(token.begin - at)});
    at = token.begin + token.bytes;
    PGLYNX_CHECK(token.kind != TokenKind::kInvalid || token.bytes == 1);
    PGLYNX_CHECK(token.kind != TokenKind::kUnterminated || at == end);
    const ExactBytes alone(token.text());
    const std::vector<Token> again = TokensOf(alone.view(), syntax);
    PGLYNX_CHECK(again.size() == 1 && again[0].kind == token.kind && again[0].bytes == token.bytes);
    PGLYNX_CHECK(sql::QuotedContent(token).size() <= token.bytes);
  }
  CheckGap({at, static_cast<size_t>(end - at)});
}

void CheckSyntaxesAgree(std::string_view text) {
  if (text.find('\\') != std::string_view::npos) return;
  const std::vector<Token> standard = TokensOf(text, StringSyntax::kStandard);
  const std::vector<Token> backslash = TokensOf(text, StringSyntax::kBackslash);
  PGLYNX_CHECK(standard.size() == backslash.size());
  for (size_t i = 0; i < standard.size(); ++i) {
    PGLYNX_CHECK(standard[i].begin == backslash[i].begin);
    PGLYNX_CHECK(standard[i].bytes == backslash[i].bytes);
    PGLYNX_CHECK(
        standard[i].kind == backslash[i].kind ||
        (standard[i].kind == TokenKind::kString && backslash[i].kind == TokenKind::kEscapeString));
  }
  PGLYNX_CHECK(JudgeText(text, StringSyntax::kStandard) ==
               JudgeText(text, StringSyntax::kBackslash));
}

// The same statements in another dress: words with their case turned, one blank for each gap.
std::string Redressed(std::string_view text, StringSyntax syntax) {
  std::string redressed;
  const char* at = text.data();
  for (const Token& token : TokensOf(text, syntax)) {
    if (token.begin != at) redressed += ' ';
    at = token.begin + token.bytes;
    for (char c : token.text()) {
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (token.kind == TokenKind::kWord && is_letter) c = static_cast<char>(c ^ 0x20);
      redressed += c;
    }
  }
  return redressed;
}

void CheckJudge(std::string_view text, StringSyntax syntax) {
  const sql::StateEffects effects = JudgeText(text, syntax);
  PGLYNX_CHECK(effects == JudgeText(text, syntax));
  PGLYNX_CHECK(effects == sql::StateEffects::FromBits(effects.bits()));
  PGLYNX_CHECK(effects.MayLeaveState() == !sql::PinReason(effects).empty());
  PGLYNX_CHECK((sql::Describe(effects) == "none") == effects.empty());
  PGLYNX_CHECK(effects == JudgeText(Redressed(text, syntax), syntax));

  const sql::StateEffects tracked = JudgeText(text, syntax, true);
  sql::StateEffects both = effects;
  both.Add(tracked);
  PGLYNX_CHECK(both == effects);

  // A text whose tokens all end, and a second one behind it.
  const size_t middle = text.empty() ? 0 : static_cast<uint8_t>(text.back()) % text.size();
  const std::string first(text.substr(0, middle));
  const std::string_view second = text.substr(middle);
  const std::vector<Token> tokens = TokensOf(first, syntax);
  const bool ends = tokens.empty() || tokens.back().kind != TokenKind::kUnterminated;
  sql::StateEffects sum = JudgeText(first, syntax);
  sum.Add(JudgeText(second, syntax));
  if (ends) PGLYNX_CHECK(sum == JudgeText(first + "\n;" + std::string(second), syntax));
}

bool LiesIn(std::string_view part, std::string_view text) {
  return part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size();
}

void CheckSimpleForm(std::string_view text, StringSyntax syntax) {
  using Kind = sql::SimpleForm::Kind;
  const ExactBytes exact(text);
  const sql::SimpleForm form = sql::FindSimpleForm(exact.view(), syntax);
  if (form.kind == Kind::kOther) {
    PGLYNX_CHECK(form.name.empty() && form.value.empty() && !form.starts && !form.has_modes);
    return;
  }
  PGLYNX_CHECK(sql::FindSimpleForm(Redressed(text, syntax), syntax).kind == form.kind);
  PGLYNX_CHECK(form.name.empty() || form.name == "timezone" || LiesIn(form.name, exact.view()));
  PGLYNX_CHECK(form.value.empty() || LiesIn(form.value, exact.view()));
  const bool is_set = form.kind == Kind::kSet;
  PGLYNX_CHECK(form.name.empty() == !(is_set || form.kind == Kind::kShow));
  PGLYNX_CHECK(form.value.empty() == !is_set);
  const sql::StateEffects effects = JudgeText(text, syntax, true);
  PGLYNX_CHECK(is_set || !effects.MayLeaveState());
  PGLYNX_CHECK(effects.Has(sql::StateEffect::kBegins) == (form.kind == Kind::kBegin));
  PGLYNX_CHECK(effects.Has(sql::StateEffect::kEnds) ==
               (form.kind == Kind::kCommit || form.kind == Kind::kRollback));
  PGLYNX_CHECK(effects.Has(sql::StateEffect::kSets) == is_set);
  PGLYNX_CHECK(effects.Has(sql::StateEffect::kDiscard) == (form.kind == Kind::kDiscardAll));
  PGLYNX_CHECK(effects.Has(sql::StateEffect::kDeallocateAll) ==
               (form.kind == Kind::kDeallocateAll));
}

sql::StateEffect EffectOf(sql::PreparedUse::Kind kind) {
  using Kind = sql::PreparedUse::Kind;
  switch (kind) {
    case Kind::kPrepare:
      return sql::StateEffect::kPrepare;
    case Kind::kExecute:
      return sql::StateEffect::kExecute;
    case Kind::kDeallocate:
      return sql::StateEffect::kDeallocate;
    case Kind::kDeallocateAll:
      return sql::StateEffect::kDeallocateAll;
    case Kind::kDiscardAll:
      return sql::StateEffect::kDiscard;
    case Kind::kDiscardPlans:
      return sql::StateEffect::kDiscardsPlans;
  }
  return sql::StateEffect::kNone;
}

void CheckPreparedUses(std::string_view text, StringSyntax syntax) {
  const ExactBytes exact(text);
  const auto uses = sql::FindPreparedUses(exact.view(), syntax);
  const sql::StateEffects effects = JudgeText(text, syntax);
  if (!uses) return;
  size_t at = 0;
  for (const sql::PreparedUse& use : *uses) {
    PGLYNX_CHECK(effects.Has(EffectOf(use.kind)));
    PGLYNX_CHECK(use.statement_at >= at && use.name_at > use.statement_at);
    at = use.statement_at + use.statement_bytes;  // no statement has two
    PGLYNX_CHECK(use.name_bytes > 0 && use.name_at + use.name_bytes <= at && at <= text.size());
    const bool has_name = use.kind == sql::PreparedUse::Kind::kPrepare ||
                          use.kind == sql::PreparedUse::Kind::kExecute ||
                          use.kind == sql::PreparedUse::Kind::kDeallocate;
    PGLYNX_CHECK(use.name.empty() == !has_name);
    PGLYNX_CHECK(use.name.size() <= 63 && use.name.size() <= use.name_bytes);
    PGLYNX_CHECK(TokensOf(text.substr(use.name_at, use.name_bytes), syntax).size() == 1);
  }
}

void CheckTouchedSettings(std::string_view text, StringSyntax syntax) {
  const ExactBytes exact(text);
  const sql::TouchedSettings touched = sql::FindTouchedSettings(exact.view(), syntax);
  for (const std::string& name : touched.names) {
    PGLYNX_CHECK(!name.empty());
    for (const char c : name) PGLYNX_CHECK(c < 'A' || c > 'Z');
  }
  if (sql::ContainsIgnoreCase(text, "explain")) return;  // of a SET is nothing to the server
  const sql::StateEffects effects = JudgeText(text, syntax);
  const bool seen = effects.Has(sql::StateEffect::kSets) || effects.Has(sql::StateEffect::kReset) ||
                    effects.Has(sql::StateEffect::kDiscard);
  PGLYNX_CHECK(!seen || touched.all || touched.unknown || !touched.names.empty());
}

}  // namespace

void FuzzSqlLexer(std::string_view input) {
  CheckTokens(input, StringSyntax::kStandard);
  CheckTokens(input, StringSyntax::kBackslash);
  CheckSyntaxesAgree(input);
}

void FuzzSqlJudge(std::string_view input) {
  CheckJudge(input, StringSyntax::kStandard);
  CheckJudge(input, StringSyntax::kBackslash);
}

void FuzzSqlResets(std::string_view input) {
  for (const StringSyntax syntax : {StringSyntax::kStandard, StringSyntax::kBackslash}) {
    const sql::Resets resets = sql::FindResets(input, syntax);
    for (const std::string& name : resets.names) {
      PGLYNX_CHECK(resets.Includes(name));
      for (const char c : name) PGLYNX_CHECK(c < 'A' || c > 'Z');
    }
    PGLYNX_CHECK(resets.all || resets.kept.empty());
    for (const std::string& name : resets.kept) PGLYNX_CHECK(!resets.Includes(name));
    const sql::Resets again = sql::FindResets(Redressed(input, syntax), syntax);
    PGLYNX_CHECK(again.all == resets.all);
    const sql::StateEffects effects = JudgeText(input, syntax, true);
    const bool seen = effects.Has(sql::StateEffect::kReset) ||
                      effects.Has(sql::StateEffect::kDiscard) || effects.MayLeaveState();
    PGLYNX_CHECK(seen || !resets.all);
    CheckSimpleForm(input, syntax);
    CheckPreparedUses(input, syntax);
    CheckTouchedSettings(input, syntax);
  }
}

}  // namespace pglynx::fuzz
