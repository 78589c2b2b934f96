#pragma once

// What the parts of one load share. Lives on the stack of LoadConfig; the environment
// outlives it.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "config/problems.h"
#include "pglynx/config/load.h"

namespace pglynx::config {

struct ServerLimit {
  uint32_t max_connections;
  Place place;
};

struct LoadContext {
  explicit LoadContext(const Environment& from) : environment(from) {}

  const Environment& environment;
  Problems problems;
  bool pgcat_form = false;           // known before any section is read
  std::set<uint32_t> exposed_files;  // files that everyone may read
  std::set<uint32_t> secret_files;   // files in which a secret is written out
  // The first max_connections other than 0 of each (host, port).
  std::map<std::pair<std::string, uint16_t>, ServerLimit> server_limits;
};

}  // namespace pglynx::config
