#pragma once

// Statements that the pooler answers itself, prepared by a client: the text by name, and by portal
// what was bound. Made when a client prepares its first. Bound: the caller counts them among its
// prepared statements.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pglynx::session {

struct LocalStatements {
  struct Portal {
    std::string statement;  // its name
    std::string value;      // of its parameter
    bool has_value = false;
    bool is_null = false;
    bool is_binary = false;
  };
  struct Prepared {
    std::string text;
    uint32_t type_oid = 0;  // of its parameter, as Parse declared it; 0: not
  };
  // "" is the unnamed one, which a Query and any other unnamed Parse drop.
  std::map<std::string, Prepared, std::less<>> texts;
  std::map<std::string, Portal, std::less<>> portals;  // until the Sync
};

}  // namespace pglynx::session
