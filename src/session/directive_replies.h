#pragma once

// Pieces of the answers to commands that the pooler carries out itself.

#include <optional>
#include <string>
#include <string_view>

#include "pglynx/sql/directive.h"

namespace pglynx::session {

// The command that a text is, if it is one; quick to say no.
std::optional<sql::Directive> DirectiveOf(std::string_view text, sql::StringSyntax syntax);

// A RowDescription of one column of type text, a DataRow of one value, and a message without body.
void AppendOneColumn(std::string& out, std::string_view column);
void AppendOneRow(std::string& out, std::string_view value);
void AppendBare(std::string& out, char type);

}  // namespace pglynx::session
