#pragma once

// The key words of PostgreSQL ("SQL Key Words" in the manual): where an unquoted word can
// be a name. Those of versions 13 to 18; the classes have not changed in between.

#include <cstdint>
#include <string_view>

namespace pglynx::sql {

enum class KeywordClass : uint8_t {
  kNone,            // an identifier
  kUnreserved,      // may name anything
  kTypeOrFunction,  // may name a function or type, not a column or table
  kColumn,          // may name a column or table, never a function or type
  kReserved,        // names nothing unless quoted
};

// The class of an unquoted word, in any ASCII case.
KeywordClass ClassOf(std::string_view word);

}  // namespace pglynx::sql
