#pragma once

// The words of a statement that mean something wherever they stand. Few, because every word of
// every query is looked for here.

#include <cstdint>
#include <string_view>

#include "sql/name_table.h"

namespace pglynx::sql {

// In the order of the text.
enum class Acting : int8_t {
  kBy,
  kConflict,
  kDefault,
  kDo,
  kExecute,
  kInsert,
  kInto,
  kMerge,
  kTemp,
  kTemporary,
  kWith,
};
inline constexpr std::string_view kActing =
    "by conflict default do execute insert into merge temp temporary with";
inline constexpr auto kActingTable = MakeNameTable<CountNames(kActing)>(kActing);

}  // namespace pglynx::sql
