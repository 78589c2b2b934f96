#pragma once

// `${VAR}` in the values of the file. `$${` stands for a literal "${"; any other '$' for
// itself. What a variable holds is not expanded again.

#include <string>
#include <string_view>

#include "pglynx/config/load.h"
#include "pglynx/core/result.h"

namespace pglynx::config {

// Fails on a variable that is not set and on "${" without a name and '}'. The error names
// the variable, never a value.
Result<std::string> Expand(std::string_view text, const Environment& environment);

// At least one variable would be put in.
bool HasVariable(std::string_view text);

}  // namespace pglynx::config
