#pragma once

// The short way of Judge() for what most statements are: a query or a change of rows without
// comments, calls of unknown functions, a second statement, or a word that could mean more. It
// tells one thing, by one look at each byte, and gives up where it would have to look twice.

#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

// True: StatementJudge would find no effect. False: it has to be asked.
bool IsPlainQuery(std::string_view text, StringSyntax syntax);

}  // namespace pglynx::sql
