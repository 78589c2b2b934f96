#pragma once

// What the parts of one load share. Lives on the stack of LoadConfig; the environment
// outlives it.

#include <cstdint>
#include <set>

#include "config/problems.h"
#include "pglynx/config/load.h"

namespace pglynx::config {

struct LoadContext {
  explicit LoadContext(const Environment& from) : environment(from) {}

  const Environment& environment;
  Problems problems;
  bool pgcat_form = false;           // known before any section is read
  std::set<uint32_t> exposed_files;  // files that everyone may read
  std::set<uint32_t> secret_files;   // files in which a secret is written out
};

}  // namespace pglynx::config
