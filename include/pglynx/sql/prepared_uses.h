#pragma once

// Where a text prepares, executes or deallocates statements by SQL: PREPARE, EXECUTE (also
// behind EXPLAIN and CREATE TABLE … AS), DEALLOCATE, DISCARD ALL and DISCARD PLANS; so that the
// names can be replaced by others. Asked for texts in which Judge() has seen kPrepare, kExecute,
// kDeallocate, kDeallocateAll or kDiscard. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

struct PreparedUse {
  enum class Kind : uint8_t {
    kPrepare,
    kExecute,
    kDeallocate,
    kDeallocateAll,  // name_bytes covers the word ALL
    kDiscardAll,     // name_bytes covers the word ALL
    kDiscardPlans,   // name_bytes covers the word PLANS
  };
  Kind kind;
  // As the server has it: folded to lower case if unquoted, else with its quotes taken off and
  // doubled ones halved; cut at 63 bytes. Empty for the kinds without a name.
  std::string name;
  size_t name_at;  // where the name's token stands in the text, its quotes included
  size_t name_bytes;
  size_t statement;        // which statement of the text it is in, from 0; empty ones do not count
  size_t statement_at;     // where that statement's first token stands
  size_t statement_bytes;  // up to the end of its last token, without its semicolon
};

// In the order of the text. nullopt: something in it cannot be understood (a U&"…" name, broken
// text), so that names cannot be replaced safely.
std::optional<std::vector<PreparedUse>> FindPreparedUses(std::string_view text,
                                                         StringSyntax syntax);

}  // namespace pglynx::sql
