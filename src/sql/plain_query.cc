#include "sql/plain_query.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sql/acting_words.h"
#include "sql/harmless_functions.h"
#include "sql/keywords.h"
#include "sql/name_table.h"

namespace pglynx::sql {
namespace {

enum class Step : uint8_t {
  kWord,
  kNumber,
  kPass,  // white space, and operators that begin no comment
  kQuote,
  kComment,  // if there are two of them, or a star behind it
  kOpen,
  kClose,
  kDollar,
  kEnd,     // if nothing but white space follows
  kGiveUp,  // backslashes, what is not ASCII
};

constexpr std::array<Step, 256> MakeSteps() {
  std::array<Step, 256> steps{};
  steps.fill(Step::kGiveUp);
  for (unsigned byte = 'a'; byte <= 'z'; ++byte) {
    steps[byte] = steps[byte - 'a' + 'A'] = Step::kWord;
  }
  steps['_'] = Step::kWord;
  for (unsigned byte = '0'; byte <= '9'; ++byte) steps[byte] = Step::kNumber;
  for (const char byte : std::string_view(" \t\n\r\f,.:[]~!@#^&|`?+*%<>=")) {
    steps[static_cast<unsigned char>(byte)] = Step::kPass;
  }
  steps['\''] = steps['"'] = Step::kQuote;
  steps['-'] = steps['/'] = Step::kComment;
  steps['('] = Step::kOpen;
  steps[')'] = Step::kClose;
  steps['$'] = Step::kDollar;
  steps[';'] = Step::kEnd;
  return steps;
}

constexpr std::array<Step, 256> kSteps = MakeSteps();

Step StepOf(char byte) {
  return kSteps[static_cast<unsigned char>(byte)];
}

bool IsWordPart(char byte) {
  static_assert(Step::kWord < Step::kNumber);
  return StepOf(byte) <= Step::kNumber;
}

// A word with a meaning of its own, or what could be the schema pg_temp. BY and DO mean nothing
// without another one, or a parenthesis.
bool MayAct(std::string_view word) {
  if (word.size() <= 2) return false;
  if ((word[0] | 0x20) == 'p' && word[2] == '_') return true;
  return kActingTable.Contains(word);
}

// Of these statements nothing is known but what stands in them.
bool BeginsPlainly(std::string_view text) {
  constexpr std::string_view kWords[] = {"select ", "update ", "delete "};
  if (text.size() < kWords[0].size()) return false;
  std::array<char, 7> begin{};
  for (size_t i = 0; i < begin.size(); ++i) begin[i] = static_cast<char>(text[i] | 0x20);
  const std::string_view word(begin.data(), begin.size());
  return word == kWords[0] || word == kWords[1] || word == kWords[2];
}

// Behind a quoted piece that begins at `at`; nullptr if that is not plain. A doubled quote inside
// is taken for the end of one piece and the begin of another, which comes to the same.
const char* SkipQuoted(const char* at, const char* end) {
  const char quote = *at;
  const char before = at[-1];  // there is the statement's first word
  const bool prefixed = before == '&' || before == '$' || IsWordPart(before);
  if (prefixed || end - at < 2 || (quote == '"' && (at[1] | 0x20) == 'p')) return nullptr;
  const void* close = std::memchr(at + 1, quote, static_cast<size_t>(end - at - 1));
  return close == nullptr ? nullptr : static_cast<const char*>(close) + 1;
}

const char* SkipWord(const char* at, const char* end) {
  while (at != end && IsWordPart(*at)) ++at;
  return at;
}

bool IsBlank(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\n')) ++at;
  return at == end;
}

// Behind a parameter, as in $1; nullptr for the begin of a string or what else has a dollar in it.
const char* SkipParameter(const char* at, const char* end) {
  if (IsWordPart(at[-1]) || at[-1] == '$') return nullptr;
  const char* const digits = ++at;
  while (at != end && StepOf(*at) == Step::kNumber) ++at;
  return at == digits || (at != end && (IsWordPart(*at) || *at == '$')) ? nullptr : at;
}

// What was passed last, white space aside.
struct Passed {
  char last = 'a';  // its last byte; 'a' for a word
  std::string_view word;
  bool is_part = false;  // of a name with dots
};

// A parenthesis is none of a call behind an operator, a comma or a reserved word; that of a
// built-in function without effects may be one.
bool MayOpen(const Passed& before) {
  if (before.last != 'a')
    return std::string_view(",(=<>+-*/%|").find(before.last) != std::string_view::npos;
  if (before.is_part) return false;
  return IsHarmlessFunction(FoldedName(before.word).view()) ||
         ClassOf(before.word) == KeywordClass::kReserved;
}

}  // namespace

bool IsPlainQuery(std::string_view text, StringSyntax syntax) {
  if (syntax != StringSyntax::kStandard || !BeginsPlainly(text)) return false;
  const char* at = text.data() + 6;
  const char* const end = text.data() + text.size();
  Passed before{.word = text.substr(0, 6)};
  while (true) {
    while (at != end && *at == ' ') ++at;
    if (at == end) return true;
    const char* const start = at;
    switch (StepOf(*at)) {
      case Step::kWord:
        at = SkipWord(at, end);
        before = {'a', {start, static_cast<size_t>(at - start)}, before.last == '.'};
        if (MayAct(before.word)) return false;
        continue;
      case Step::kNumber:
        while (at != end && StepOf(*at) == Step::kNumber) ++at;
        if (at != end && StepOf(*at) == Step::kWord) return false;  // 1e5, 0x1f
        break;
      case Step::kPass:
        ++at;
        if (*start == '\t' || *start == '\n' || *start == '\r' || *start == '\f') continue;
        break;
      case Step::kQuote:
        at = SkipQuoted(at, end);
        break;
      case Step::kComment:
        ++at;
        if (at != end && (*at == '-' || *at == '*')) return false;
        break;
      case Step::kOpen:
        if (!MayOpen(before)) return false;
        ++at;
        break;
      case Step::kClose:
        ++at;
        break;
      case Step::kDollar:
        at = SkipParameter(at, end);
        break;
      case Step::kEnd:
        return IsBlank(at + 1, end);
      case Step::kGiveUp:
        return false;
    }
    if (at == nullptr) return false;
    before.last = *start;
  }
}

}  // namespace pglynx::sql
