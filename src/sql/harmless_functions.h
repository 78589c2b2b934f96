#pragma once

// Built-in functions that leave nothing behind in the session that calls them and run no
// SQL given to them as text or by the name of a relation. Every name is one of
// PostgreSQL 15's pg_catalog. Not on the list, although built in: set_config, setseed,
// session advisory locks, large objects, query_to_xml and its kin, ts_stat, ts_rewrite,
// everything that reads or writes files, replication control, nextval and its kin.
//
// The name is all that is known: an overload of the same name that a user has put into a
// schema on the search path is taken for the built-in one.

#include <span>
#include <string_view>

namespace pglynx::sql {

// `name` as the server has it after folding: lower case, without quotes or schema.
bool IsHarmlessFunction(std::string_view name);

// The whole list, in no useful order.
std::span<const std::string_view> HarmlessFunctions();

}  // namespace pglynx::sql
