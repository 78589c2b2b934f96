#pragma once

// What a text says of a call set_config(name, value, is_local), whose arguments may be any
// expressions: only constants are read. Pure; allocates nothing.

#include <optional>
#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

struct SetConfigCall {
  // The content of a string constant that has no escapes and stands alone in its line and its
  // argument; nullopt: anything else, which only the server can tell.
  std::optional<std::string_view> name;
  std::optional<std::string_view> value;
  bool is_local = false;  // surely, by the word true or the string 't' or 'true'
};

// `arguments` is behind the opening parenthesis. Looks no further than another set_config
// inside it, so that no text is looked at again and again.
SetConfigCall ReadSetConfig(Lexer arguments);

// Whether a word or quoted word is the name of the function.
bool IsSetConfig(const Token& token);

}  // namespace pglynx::sql
