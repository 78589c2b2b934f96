#include "sql/words.h"

#include <algorithm>
#include <cstddef>

#include "sql/name_table.h"

namespace pglynx::sql {
namespace {

// How many bytes the UTF-8 character has that begins with this one; 1 if none does.
size_t CharacterBytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

// The server cuts no character in two.
void CutToName(std::string& name) {
  if (name.size() <= kNameBytesMax) return;
  size_t size = kNameBytesMax;
  for (size_t tail = 1; tail <= 3; ++tail) {
    const size_t bytes = CharacterBytes(name[kNameBytesMax - tail]);
    if (bytes == 1) continue;
    if (bytes > tail) size = kNameBytesMax - tail;
    break;
  }
  name.resize(size);
}

}  // namespace

bool Words::At(std::string_view lower_case) const {
  return token_.kind == TokenKind::kWord && EqualsIgnoreCase(token_.text(), lower_case);
}

bool Words::AtParameter() const {
  if (!AtIdentifier()) return false;
  const Token next = Peek();
  return next.kind == TokenKind::kDot ||
         (next.kind == TokenKind::kOperator && next.text() == "=") ||
         (next.kind == TokenKind::kWord && EqualsIgnoreCase(next.text(), "to"));
}

bool Words::Take(std::string_view lower_case) {
  if (!At(lower_case)) return false;
  Skip();
  return true;
}

std::string Words::TakeName() {
  std::string name;
  while (AtIdentifier()) {
    name += LowerCase(IdentifierOf(token_));
    Skip();
    if (token_.kind != TokenKind::kDot) break;
    name += '.';
    Skip();
  }
  return name;
}

bool Words::TakeAssignment() {
  if (Take("to")) return true;
  if (token_.kind != TokenKind::kOperator || token_.text() != "=") return false;
  Skip();
  return true;
}

std::string IdentifierOf(const Token& token) {
  std::string name;
  if (token.kind == TokenKind::kQuotedWord) {
    const std::string_view content = QuotedContent(token);
    for (size_t i = 0; i < content.size(); ++i) {
      name += content[i];
      if (content[i] == '"') ++i;  // the second one of two
    }
  } else {
    name = LowerCase(token.text());
  }
  CutToName(name);
  return name;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
  });
  return lower;
}

}  // namespace pglynx::sql
