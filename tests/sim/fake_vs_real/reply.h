#pragma once

// A reply as a line for a person, with what no two servers share masked: process ids, keys,
// versions, table OIDs and the texts of notices. A value; pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/e2e/raw_client.h"

namespace pglynx::sim {

// Process ids of one server's connections, to the connection's index.
using Processes = std::map<uint32_t, size_t>;

struct Reply {
  char type;
  std::string line;       // all that is compared exactly
  std::string text = {};  // of an error or a notice
};
Reply Describe(const e2e::RawMessage& message, const Processes& processes);

// Whether they say the same. Of a syntax error and an unknown function the fake knows only how
// the text begins.
bool IsSame(const Reply& fake, const Reply& real);

std::string Printable(const std::string& bytes);

}  // namespace pglynx::sim
