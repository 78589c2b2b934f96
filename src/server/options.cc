#include "pglynx/server/options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "pglynx/server/version.h"

namespace pglynx::server {

ParsedOptions ParseOptions(int argc, const char* const* argv) {
  ParsedOptions parsed;
  CLI::App app("pglynx: PostgreSQL connection pooler", "pglynx");
  std::string positional;
  std::string named;
  app.add_option("--config,-c", named,
                 fmt::format("configuration file (default {})", parsed.options.config_path));
  app.add_option("FILE", positional, "the same, without --config");
  app.add_flag("--check", parsed.options.check, "validate the file and exit: 0 valid, 78 invalid");
  app.add_flag("--connect", parsed.options.connect,
               "with --check: log in to every server, too, and compare the shards: 2 if something "
               "is wrong");
  app.set_version_flag("--version,-V", fmt::format("pglynx {}", kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    parsed.output =
        success.get_name() == "CallForHelp" ? app.help() : fmt::format("pglynx {}\n", kVersion);
    return parsed;
  } catch (const CLI::ParseError& error) {
    parsed.output = fmt::format("pglynx: {} (see --help)\n", error.what());
    parsed.exit_status = kExitUsage;
    return parsed;
  }
  if (!named.empty() && !positional.empty()) {
    parsed.output = "pglynx: a file was given twice: with --config and without (see --help)\n";
    parsed.exit_status = kExitUsage;
    return parsed;
  }
  if (parsed.options.connect && !parsed.options.check) {
    parsed.output = "pglynx: --connect needs --check (see --help)\n";
    parsed.exit_status = kExitUsage;
    return parsed;
  }
  if (!named.empty()) parsed.options.config_path = named;
  if (!positional.empty()) parsed.options.config_path = positional;
  parsed.run = true;
  return parsed;
}

}  // namespace pglynx::server
