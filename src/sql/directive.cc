#include "pglynx/sql/directive.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "sql/words.h"

namespace pglynx::sql {
namespace {

using Kind = Directive::Kind;

// What a value is written as.
struct Written {
  enum class Form : uint8_t { kOther, kNumber, kString, kWord, kParameter };
  Form form = Form::kOther;
  ValueText text;
  uint16_t parameter = 0;
};

bool MayBeDirective(std::string_view text) {
  if (text.size() < std::string_view("SHOW SHARD").size()) return false;
  switch (text[0]) {
    case 's':
    case 'S':
      return EqualsIgnoreCase(text.substr(0, 3), "set") ||
             EqualsIgnoreCase(text.substr(0, 4), "show");
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '\f':
    case '\v':
    case '-':
    case '/':
      return true;
    default:
      return false;
  }
}

std::optional<Kind> KindIf(bool is_all, Kind kind) {
  return is_all ? std::optional<Kind>(kind) : std::nullopt;
}

// The words that make the command, whatever follows.
std::optional<Kind> TakeCommand(Words& words) {
  if (words.Take("set")) {
    if (words.Take("sharding")) return KindIf(words.Take("key"), Kind::kSetShardingKey);
    if (words.Take("shard")) return KindIf(words.Take("to"), Kind::kSetShard);
    if (words.Take("server")) {
      return KindIf(words.Take("role") && words.Take("to"), Kind::kSetServerRole);
    }
    if (!words.Take("primary")) return std::nullopt;
    return KindIf(words.Take("reads") && words.Take("to"), Kind::kSetPrimaryReads);
  }
  if (!words.Take("show")) return std::nullopt;
  if (words.Take("shard")) return Kind::kShowShard;
  if (words.Take("server")) return KindIf(words.Take("role"), Kind::kShowServerRole);
  return KindIf(words.Take("primary") && words.Take("reads"), Kind::kShowPrimaryReads);
}

// Up to the end of the statement, as written; nullopt if there is another one behind it.
std::optional<std::string_view> TakeLastStatement(Words& words) {
  const char* begin = words.token().begin;
  const char* end = begin;
  while (!words.AtEnd()) {
    end = words.token().begin + words.token().bytes;
    words.Skip();
  }
  while (words.At(TokenKind::kSemicolon)) words.Skip();
  if (!words.At(TokenKind::kEnd)) return std::nullopt;
  return std::string_view(begin, static_cast<size_t>(end - begin));
}

bool IsSign(char byte) {
  return byte == '+' || byte == '-';
}

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool IsInteger(std::string_view text) {
  if (!text.empty() && IsSign(text.front())) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

// 0 if there can be no such parameter: a message counts them in 16 bits.
uint16_t ParameterNumber(std::string_view digits) {
  constexpr uint32_t kParametersMax = 65535;
  uint32_t number = 0;
  for (const char digit : digits) {
    number = number * 10 + static_cast<uint32_t>(digit - '0');
    if (number > kParametersMax) return 0;
  }
  return static_cast<uint16_t>(number);
}

std::optional<ValueText> StringOf(const Token& token) {
  std::string_view text = token.text();
  switch (token.kind) {
    case TokenKind::kString:
      return UnquoteString(text, StringSyntax::kStandard);
    case TokenKind::kEscapeString:
      if (text.front() == 'e' || text.front() == 'E') text.remove_prefix(1);
      return UnquoteString(text, StringSyntax::kBackslash);
    case TokenKind::kDollarString: {
      const size_t mark_bytes = text.find('$', 1) + 1;
      return ValueText(text.substr(mark_bytes, text.size() - 2 * mark_bytes));
    }
    default:
      return std::nullopt;
  }
}

Written TakeNumber(Words& words) {
  const char* begin = words.token().begin;
  // A sign of one byte has the digits right behind it, or it is none.
  if (words.At(TokenKind::kOperator)) words.Skip();
  const Token digits = words.token();
  const std::string_view all(begin, static_cast<size_t>(digits.begin + digits.bytes - begin));
  words.Skip();
  if (digits.kind != TokenKind::kNumber || !IsInteger(all)) return {};
  return {Written::Form::kNumber, ValueText(all)};
}

Written TakeValue(Words& words) {
  const Token token = words.token();
  if (token.kind == TokenKind::kNumber || token.kind == TokenKind::kOperator) {
    return TakeNumber(words);
  }
  words.Skip();
  if (token.kind == TokenKind::kWord) return {Written::Form::kWord, ValueText(token.text())};
  if (token.kind == TokenKind::kParameter) {
    const uint16_t number = ParameterNumber(token.text().substr(1));
    return number == 0 ? Written{} : Written{Written::Form::kParameter, {}, number};
  }
  std::optional<ValueText> content = StringOf(token);
  if (!content) return {};
  return {Written::Form::kString, *std::move(content)};
}

template <typename Value, size_t kCount>
using ValueNames = std::array<std::pair<std::string_view, Value>, kCount>;

constexpr ValueNames<Directive::Role, 5> kRoles = {{{"primary", Directive::Role::kPrimary},
                                                    {"replica", Directive::Role::kReplica},
                                                    {"any", Directive::Role::kAny},
                                                    {"auto", Directive::Role::kAuto},
                                                    {"default", Directive::Role::kDefault}}};

constexpr ValueNames<Directive::Reads, 3> kReads = {{{"on", Directive::Reads::kOn},
                                                     {"off", Directive::Reads::kOff},
                                                     {"default", Directive::Reads::kDefault}}};

template <typename Value, size_t kCount>
bool FindName(const ValueNames<Value, kCount>& names, std::string_view text, Value& value) {
  for (const auto& [name, named] : names) {
    if (!EqualsIgnoreCase(text, name)) continue;
    value = named;
    return true;
  }
  return false;
}

// Whether the command takes this; what it means goes into `directive`.
bool Accept(Written::Form form, std::string_view text, Directive& directive) {
  const bool is_name = form == Written::Form::kString || form == Written::Form::kWord;
  switch (directive.kind) {
    case Kind::kSetShardingKey:
      return form == Written::Form::kNumber || form == Written::Form::kString ||
             form == Written::Form::kParameter;
    case Kind::kSetShard:
      if (form == Written::Form::kNumber || form == Written::Form::kParameter) return true;
      directive.is_any = is_name && EqualsIgnoreCase(text, "any");
      return directive.is_any || (form == Written::Form::kString && IsInteger(text));
    case Kind::kSetServerRole:
      return is_name && FindName(kRoles, text, directive.role);
    case Kind::kSetPrimaryReads:
      return is_name && FindName(kReads, text, directive.reads);
    case Kind::kShowShard:
    case Kind::kShowServerRole:
    case Kind::kShowPrimaryReads:
      return false;
  }
  return false;
}

// What follows the command's words, up to the end of the statement.
void ReadValue(Words& words, std::string_view written, Directive& directive) {
  if (directive.kind != Kind::kSetShardingKey || words.Take("to")) {
    Written value = TakeValue(words);
    if (words.AtEnd() && Accept(value.form, value.text.view(), directive)) {
      directive.parameter = value.parameter;
      directive.value = std::move(value.text);
      return;
    }
  }
  directive.malformed = true;
  directive.value = ValueText(written);
}

// An escape behind its backslash.
std::optional<char> Unescaped(char byte) {
  switch (byte) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'x':
    case 'u':
    case 'U':
      return std::nullopt;
    default:
      return byte >= '0' && byte <= '7' ? std::nullopt : std::optional<char>(byte);
  }
}

}  // namespace

std::optional<Directive> ParseDirective(std::string_view text, StringSyntax syntax) {
  if (!MayBeDirective(text)) return std::nullopt;
  Words words(text, syntax);
  const std::optional<Kind> kind = TakeCommand(words);
  if (!kind) return std::nullopt;
  Words value = words;
  const std::optional<std::string_view> written = TakeLastStatement(words);
  if (!written) return std::nullopt;
  Directive directive;
  directive.kind = *kind;
  if (ColumnOf(*kind).empty()) {
    ReadValue(value, *written, directive);
  } else if (!written->empty()) {
    return std::nullopt;
  }
  return directive;
}

std::string_view TagOf(Directive::Kind kind) {
  switch (kind) {
    case Kind::kSetShardingKey:
      return "SET SHARDING KEY";
    case Kind::kSetShard:
      return "SET SHARD";
    case Kind::kSetServerRole:
      return "SET SERVER ROLE";
    case Kind::kSetPrimaryReads:
      return "SET PRIMARY READS";
    case Kind::kShowShard:
    case Kind::kShowServerRole:
    case Kind::kShowPrimaryReads:
      return "SELECT 1";
  }
  return {};
}

std::string_view ColumnOf(Directive::Kind kind) {
  switch (kind) {
    case Kind::kShowShard:
      return "shard";
    case Kind::kShowServerRole:
      return "server role";
    case Kind::kShowPrimaryReads:
      return "primary reads";
    case Kind::kSetShardingKey:
    case Kind::kSetShard:
    case Kind::kSetServerRole:
    case Kind::kSetPrimaryReads:
      return {};
  }
  return {};
}

std::string_view AllowedOf(Directive::Kind kind) {
  switch (kind) {
    case Kind::kSetShardingKey:
      return "a number, a string in single quotes or a parameter such as $1";
    case Kind::kSetShard:
      return "a shard's number, ANY or a parameter such as $1";
    case Kind::kSetServerRole:
      return "primary, replica, any, auto, default";
    case Kind::kSetPrimaryReads:
      return "on, off, default";
    case Kind::kShowShard:
    case Kind::kShowServerRole:
    case Kind::kShowPrimaryReads:
      return {};
  }
  return {};
}

std::optional<ValueText> UnquoteString(std::string_view quoted, StringSyntax syntax) {
  if (quoted.size() < 2 || quoted.front() != '\'' || quoted.back() != '\'') return std::nullopt;
  const std::string_view content = quoted.substr(1, quoted.size() - 2);
  const bool has_escapes = syntax == StringSyntax::kBackslash;
  if (content.find_first_of(has_escapes ? "'\\" : "'") == std::string_view::npos) {
    return ValueText(content);
  }
  std::string undone;
  undone.reserve(content.size());
  for (size_t i = 0; i < content.size(); ++i) {
    std::optional<char> byte = content[i];
    if (byte == '\'' || (byte == '\\' && has_escapes)) {
      const bool is_quote = byte == '\'';
      if (++i == content.size()) return std::nullopt;
      // A lone quote ends the string, though what follows may make it go on.
      if (is_quote && content[i] != '\'') return std::nullopt;
      byte = is_quote ? '\'' : Unescaped(content[i]);
      if (!byte) return std::nullopt;
    }
    undone += *byte;
  }
  return ValueText(std::move(undone));
}

}  // namespace pglynx::sql
