#include "pglynx/sql/simple_forms.h"

#include <cstddef>

#include "sql/keywords.h"
#include "sql/name_table.h"
#include "sql/words.h"

namespace pglynx::sql {
namespace {

using Kind = SimpleForm::Kind;

constexpr std::string_view kNotSimple =
    "characteristics constraints local names role schema seed session session_authorization time "
    "transaction transaction_deferrable transaction_isolation transaction_read_only xml";
constexpr auto kNotSimpleTable = MakeNameTable<CountNames(kNotSimple)>(kNotSimple);

constexpr uint32_t FoldedByte(char byte) {
  return static_cast<unsigned char>(byte) | 0x20U;
}

// Three letters tell SET from SELECT, and all that matters here from most other commands.
constexpr uint32_t Beginning(std::string_view text) {
  return FoldedByte(text[0]) << 16U | FoldedByte(text[1]) << 8U | FoldedByte(text[2]);
}

bool MayBeSimple(std::string_view text) {
  if (text.size() < 3) return false;
  switch (Beginning(text)) {
    case Beginning("abort"):
    case Beginning("begin"):
    case Beginning("commit"):
    case Beginning("deallocate"):
    case Beginning("discard"):
    case Beginning("end"):
    case Beginning("rollback"):
    case Beginning("set"):
    case Beginning("show"):
    case Beginning("start"):
      return true;
    default:
      break;
  }
  switch (text[0]) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '\f':
    case '-':
    case '/':
      return true;
    default:
      return false;
  }
}

// What some version of the server may not take, or not as this one does.
bool IsPlainText(std::string_view text) {
  for (const char byte : text) {
    if (static_cast<unsigned char>(byte) >= 0x80 || byte == '\v') return false;
  }
  return true;
}

bool TakesEnd(Words& words) {
  while (words.At(TokenKind::kSemicolon)) words.Skip();
  return words.At(TokenKind::kEnd);
}

void TakeTransactionWord(Words& words) {
  if (!words.Take("work")) words.Take("transaction");
}

bool TakeIsolation(Words& words) {
  if (!words.Take("level")) return false;
  if (words.Take("serializable")) return true;
  if (words.Take("repeatable")) return words.Take("read");
  if (!words.Take("read")) return false;
  return words.Take("committed") || words.Take("uncommitted");
}

bool TakeMode(Words& words) {
  if (words.Take("isolation")) return TakeIsolation(words);
  if (words.Take("read")) return words.Take("only") || words.Take("write");
  words.Take("not");
  return words.Take("deferrable");
}

bool ReadBegin(Words& words, SimpleForm& form) {
  form.kind = Kind::kBegin;
  while (!words.AtEnd()) {
    if (form.has_modes && words.At(TokenKind::kComma)) words.Skip();
    if (!TakeMode(words)) return false;
    form.has_modes = true;
  }
  return true;
}

bool ReadTransactionEnd(Words& words, SimpleForm& form, Kind kind) {
  form.kind = kind;
  TakeTransactionWord(words);
  return !words.Take("and") || (words.Take("no") && words.Take("chain"));
}

// A word as the grammar's "ColId", of a length that the server does not cut.
bool IsPlainName(const Token& token) {
  if (token.kind != TokenKind::kWord || token.bytes > kNameBytesMax) return false;
  const KeywordClass word_class = ClassOf(token.text());
  return word_class != KeywordClass::kReserved && word_class != KeywordClass::kTypeOrFunction;
}

// "..." whose content is just what stands there.
bool IsPlainQuoted(const Token& token) {
  const std::string_view content = QuotedContent(token);
  return !content.empty() && content.size() <= kNameBytesMax &&
         content.find('"') == std::string_view::npos;
}

bool TakeSimpleName(Words& words, std::string_view& name) {
  const Token first = words.token();
  if (IsPlainQuoted(first)) {
    name = QuotedContent(first);
    words.Skip();
    return name.find('.') == std::string_view::npos && !kNotSimpleTable.Contains(name);
  }
  const char* end = first.begin;
  while (true) {
    const Token& part = words.token();
    if (!IsPlainName(part) || part.begin != end) return false;
    end = part.begin + part.bytes;
    words.Skip();
    const Token& dot = words.token();
    if (dot.kind != TokenKind::kDot) break;
    if (dot.begin != end || dot.bytes != 1) return false;
    ++end;
    words.Skip();
  }
  name = {first.begin, static_cast<size_t>(end - first.begin)};
  return !kNotSimpleTable.Contains(first.text());
}

// Without what only some versions know: 0x1f, 1_000.
bool IsPlainNumber(const Token& token) {
  return token.kind == TokenKind::kNumber &&
         token.text().find_first_not_of("0123456789.eE+-") == std::string_view::npos;
}

bool IsPlainString(const Token& token) {
  const bool is_string = token.kind == TokenKind::kString || token.kind == TokenKind::kEscapeString;
  return is_string && token.text().front() == '\'' &&
         token.text().find_first_of("\\\r\n") == std::string_view::npos;
}

// A word where the grammar has "opt_boolean_or_string".
bool IsPlainValue(const Token& token) {
  if (token.kind == TokenKind::kQuotedWord) return IsPlainQuoted(token);
  if (token.kind != TokenKind::kWord || token.bytes > kNameBytesMax) return false;
  return ClassOf(token.text()) != KeywordClass::kReserved || EqualsIgnoreCase(token.text(), "on") ||
         EqualsIgnoreCase(token.text(), "true") || EqualsIgnoreCase(token.text(), "false");
}

bool TakeValue(Words& words, std::string_view& value) {
  const Token first = words.token();
  value = first.text();
  words.Skip();
  if (first.kind != TokenKind::kOperator) {
    return IsPlainNumber(first) || IsPlainString(first) || IsPlainValue(first);
  }
  if (value != "-" && value != "+") return false;
  const Token number = words.token();
  value = {first.begin, value.size() + number.bytes};
  words.Skip();
  return IsPlainNumber(number) && number.begin == first.begin + 1;
}

bool ReadSet(Words& words, SimpleForm& form) {
  form.kind = Kind::kSet;
  if (words.At("session") && !words.AtParameter()) words.Skip();
  return TakeSimpleName(words, form.name) && words.TakeAssignment() &&
         TakeValue(words, form.value) && !ContainsIgnoreCase(form.value, "pg_temp");
}

bool ReadShow(Words& words, SimpleForm& form) {
  form.kind = Kind::kShow;
  if (!words.Take("time")) return TakeSimpleName(words, form.name);
  form.name = "timezone";
  return words.Take("zone");
}

// What follows the first word.
bool ReadForm(Words& words, SimpleForm& form) {
  if (words.Take("begin")) {
    TakeTransactionWord(words);
    return ReadBegin(words, form);
  }
  if (words.Take("start")) {
    form.starts = true;
    return words.Take("transaction") && ReadBegin(words, form);
  }
  if (words.Take("set")) return ReadSet(words, form);
  if (words.Take("show")) return ReadShow(words, form);
  if (words.Take("commit") || words.Take("end")) {
    return ReadTransactionEnd(words, form, Kind::kCommit);
  }
  if (words.Take("rollback") || words.Take("abort")) {
    return ReadTransactionEnd(words, form, Kind::kRollback);
  }
  if (words.Take("discard")) {
    form.kind = Kind::kDiscardAll;
    return words.Take("all");
  }
  if (words.Take("deallocate")) {
    form.kind = Kind::kDeallocateAll;
    words.Take("prepare");
    return words.Take("all");
  }
  return false;
}

}  // namespace

SimpleForm FindSimpleForm(std::string_view text, StringSyntax syntax) {
  if (!MayBeSimple(text)) return {};
  SimpleForm form;
  Words words(text, syntax);
  if (!ReadForm(words, form) || !TakesEnd(words) || !IsPlainText(text)) return {};
  return form;
}

}  // namespace pglynx::sql
