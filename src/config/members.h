#pragma once

// The tables of a list in the file: an array of tables, or PgCat's keyed tables "users.0". Borrows
// the file's tree.

#include <string>
#include <vector>

#include "config/load_context.h"
#include "config/toml_document.h"

namespace pglynx::config {

struct Member {
  std::string label;  // "0"
  const TomlValue* table;
  Place place;
};

// Whether it is a list, and empty.
bool HasNoMembers(const TomlValue& value);

// The members that are tables, PgCat's in the order of their numbers, other names behind them.
// What is no table is reported.
std::vector<Member> Members(const TomlEntry& entry, const std::string& where, LoadContext& context);

}  // namespace pglynx::config
