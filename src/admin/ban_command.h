#pragma once

// The commands about servers: BAN, UNBAN. Pure; the result is as command.h says.

#include <optional>
#include <span>

#include "admin/command_lexer.h"
#include "pglynx/admin/command.h"

namespace pglynx::admin {

// `tokens`: of one command without its semicolons, at least one. Nothing if the first is no
// such command; a kSyntaxError that says what it takes if what follows does not fit it.
std::optional<Result<Command>> ParseBanCommand(std::span<const Token> tokens);

}  // namespace pglynx::admin
