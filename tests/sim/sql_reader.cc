#include "sim/sql_reader.h"

namespace pglynx::sim {
namespace {

using sql::TokenKind;

std::string Unquote(std::string_view quoted) {
  const char quote = quoted[0];
  std::string content;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    content += quoted[i];
    if (quoted[i] == quote) ++i;
  }
  return content;
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return lower;
}

std::string SqlReader::Name() {
  std::string name;
  if (token_.kind == TokenKind::kWord) name = Lower(token_.text());
  if (token_.kind == TokenKind::kQuotedWord) name = Unquote(token_.text());
  Need(!name.empty());
  if (!name.empty()) Advance();
  return name;
}

std::string SqlReader::DottedName() {
  std::string name = Name();
  while (Take(TokenKind::kDot)) name += "." + Name();
  return name;
}

std::string SqlReader::Value() {
  std::string value;
  if (token_.kind == TokenKind::kString) {
    value = Unquote(token_.text());
  } else if (token_.kind == TokenKind::kNumber || token_.kind == TokenKind::kWord) {
    value = token_.text();
  } else {
    Need(false);
    return value;
  }
  Advance();
  return value;
}

std::string SqlReader::SettingValue() {
  const bool minus = TakeOperator("-");
  if (minus || TakeOperator("+")) {
    Need(token_.kind == TokenKind::kNumber);
    return (minus ? "-" : "") + Value();
  }
  if (token_.kind == TokenKind::kWord || token_.kind == TokenKind::kQuotedWord) return Name();
  return Value();
}

std::vector<std::string> SqlReader::Arguments() {
  std::vector<std::string> arguments;
  while (ok_ && token_.kind != TokenKind::kCloseParen) {
    arguments.push_back(Value());
    if (token_.kind != TokenKind::kCloseParen) Need(Take(TokenKind::kComma));
  }
  Need(Take(TokenKind::kCloseParen));
  return arguments;
}

}  // namespace pglynx::sim
