#pragma once

// The command line. A value.

#include <cstdint>
#include <string>

namespace pglynx::server {

struct Options {
  std::string config_path = "/etc/pglynx/pglynx.toml";
  bool check = false;    // validate the file and say so
  bool connect = false;  // only with `check`: and log in to every server
};

// What the process does with its arguments.
struct ParsedOptions {
  Options options;
  bool run = false;  // else print `output` and exit with `exit_status`
  std::string output;
  int exit_status = 0;
};

// sysexits.h: EX_USAGE for a wrong command line, EX_CONFIG for a wrong file.
inline constexpr int kExitUsage = 64;
inline constexpr int kExitConfig = 78;
// --check --connect: the file is valid, but something was found by connecting.
inline constexpr int kExitFound = 2;
// A listener's address is in use, and other refusals of the system at the start.
inline constexpr int kExitStart = 71;

ParsedOptions ParseOptions(int argc, const char* const* argv);

}  // namespace pglynx::server
