// Goal: the command line means what the manual page says, and mistakes exit with 64.
#include "pglynx/server/options.h"

#include <string>
#include <vector>

#include "pglynx/server/version.h"
#include "support/catch.h"

using pglynx::server::ParsedOptions;

namespace {

ParsedOptions Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "pglynx");
  return pglynx::server::ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST_CASE("without arguments the file of the package is used") {
  const ParsedOptions parsed = Parse({});
  CHECK(parsed.run);
  CHECK(parsed.options.config_path == "/etc/pglynx/pglynx.toml");
  CHECK_FALSE(parsed.options.check);
}

TEST_CASE("the file may be given with and without --config") {
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"a.toml"}, {"--config", "a.toml"}, {"--config=a.toml"}, {"-c", "a.toml"}}) {
    const ParsedOptions parsed = Parse(arguments);
    CHECK(parsed.run);
    CHECK(parsed.options.config_path == "a.toml");
  }
}

TEST_CASE("--check takes the file either way") {
  CHECK(Parse({"--check", "a.toml"}).options.check);
  const ParsedOptions parsed = Parse({"--check", "--config", "a.toml"});
  CHECK(parsed.options.check);
  CHECK(parsed.options.config_path == "a.toml");
}

TEST_CASE("--connect goes with --check") {
  CHECK_FALSE(Parse({"--check", "a.toml"}).options.connect);
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"--check", "--connect", "a.toml"}, {"--connect", "--config", "a.toml", "--check"}}) {
    const ParsedOptions parsed = Parse(arguments);
    CHECK(parsed.run);
    CHECK((parsed.options.check && parsed.options.connect));
    CHECK(parsed.options.config_path == "a.toml");
  }
}

TEST_CASE("--version and --help print and exit with 0") {
  const ParsedOptions version = Parse({"--version"});
  CHECK_FALSE(version.run);
  CHECK(version.exit_status == 0);
  CHECK(version.output == "pglynx " + std::string(pglynx::server::kVersion) + "\n");
  const ParsedOptions help = Parse({"--help"});
  CHECK_FALSE(help.run);
  CHECK(help.exit_status == 0);
  CHECK(help.output.find("--check") != std::string::npos);
  CHECK(help.output.find("--connect") != std::string::npos);
}

TEST_CASE("mistakes are told in one line and exit with 64") {
  for (const auto& arguments :
       std::vector<std::vector<const char*>>{{"--no-such-option"},
                                             {"a.toml", "b.toml"},
                                             {"--config", "a.toml", "b.toml"},
                                             {"--connect", "a.toml"}}) {
    const ParsedOptions parsed = Parse(arguments);
    CHECK_FALSE(parsed.run);
    CHECK(parsed.exit_status == pglynx::server::kExitUsage);
    CHECK(parsed.output.rfind("pglynx: ", 0) == 0);
    CHECK(parsed.output.find('\n') == parsed.output.size() - 1);
  }
}
