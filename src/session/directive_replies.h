#pragma once

// Pieces of the answers to commands that the pooler carries out itself.

#include <optional>
#include <string>
#include <string_view>

#include "pglynx/sql/directive.h"

namespace pglynx::session {

// SET SHARD…, SET SERVER…, SHOW …: the letters that tell it from most statements. A comment may
// stand in front.
inline bool MayBeDirective(std::string_view text) {
  if (text.empty()) return false;
  const char first = static_cast<char>(text[0] | 0x20);
  if (first == 's') return text.size() > 2 && (text[1] | 0x20) != 'a' && (text[2] | 0x20) != 'l';
  return first == '/' || first == '-' || static_cast<unsigned char>(text[0]) <= ' ';
}

// The command that a text is, if it is one; quick to say no.
std::optional<sql::Directive> DirectiveOf(std::string_view text, sql::StringSyntax syntax);

// A RowDescription of one column of type text, a DataRow of one value, and a message without body.
void AppendOneColumn(std::string& out, std::string_view column);
void AppendOneRow(std::string& out, std::string_view value);
void AppendBare(std::string& out, char type);

}  // namespace pglynx::session
