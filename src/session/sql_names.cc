#include "session/sql_names.h"

#include <algorithm>

namespace pglynx::session {

std::optional<PrepareParts> SplitPrepare(std::string_view rest, sql::StringSyntax syntax) {
  sql::Lexer lexer(rest, syntax);
  sql::Token token = lexer.Next();
  PrepareParts parts;
  if (token.kind == sql::TokenKind::kOpenParen) {
    const char* begin = token.begin;
    size_t depth = 0;
    do {
      if (token.kind == sql::TokenKind::kOpenParen) ++depth;
      if (token.kind == sql::TokenKind::kCloseParen) --depth;
      if (depth == 0) break;
      token = lexer.Next();
    } while (token.kind != sql::TokenKind::kEnd);
    parts.types = rest.substr(static_cast<size_t>(begin - rest.data()),
                              static_cast<size_t>(token.begin + token.bytes - begin));
    token = lexer.Next();
  }
  if (token.kind != sql::TokenKind::kWord || !sql::EqualsIgnoreCase(token.text(), "as")) {
    return std::nullopt;
  }
  const sql::Token first = lexer.Next();
  if (first.kind == sql::TokenKind::kEnd) return std::nullopt;
  parts.body = rest.substr(static_cast<size_t>(first.begin - rest.data()));
  return parts;
}

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

bool UsesNames(sql::StateEffects effects) {
  return effects.Has(sql::StateEffect::kPrepare) || effects.Has(sql::StateEffect::kExecute) ||
         effects.Has(sql::StateEffect::kDeallocate) ||
         effects.Has(sql::StateEffect::kDeallocateAll);
}

}  // namespace pglynx::session
