#pragma once

// The program's version, as --version and SHOW VERSION print it. CMake's project() has the
// same number; a test compares them.

#include <string_view>

namespace pglynx::server {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace pglynx::server
