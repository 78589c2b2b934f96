// Goal: the files of config/ are valid, and config/pglynx.toml shows every accepted key at its
// default: with each "#key = value" made active it still means the defaults.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/fake_environment.h"
#include "config/key_rules.h"
#include "pglynx/config/describe.h"
#include "pglynx/config/load.h"
#include "support/catch.h"

using pglynx::config::AllSections;
using pglynx::config::Config;
using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::KeyRule;
using pglynx::config::KeyState;
using pglynx::config::LoadConfig;
using pglynx::config::LoadConfigText;
using pglynx::config::LoadResult;
using pglynx::config::RulesOf;
using pglynx::config::Section;

namespace {

const std::string kDirectory = std::string(PGLYNX_SOURCE_DIR) + "/config";

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the shipped files are valid") {
  FakeEnvironment environment;
  environment.variables["SHOP_PASSWORD"] = "secret";  // of the example of sharding
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kDirectory)) {
    if (entry.path().extension() != ".toml") continue;
    ++files;
    CHECK(ErrorText(LoadConfig(entry.path().string(), environment)).empty());
  }
  CHECK(files >= 4);
}

TEST_CASE("pglynx.toml means the same with every default written out") {
  const std::string path = kDirectory + "/pglynx.toml";
  const std::string text = ReadAll(path);
  std::string active;
  size_t uncommented = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') {
      line.erase(0, 1);
      ++uncommented;
    }
    active += line + "\n";
  }
  CHECK(uncommented > 30);
  const LoadResult shipped = LoadConfigText(text, path, FakeEnvironment());
  const LoadResult all = LoadConfigText(active, path, FakeEnvironment());
  REQUIRE(ErrorText(shipped).empty());
  REQUIRE(ErrorText(all).empty());
  CHECK(shipped->general == Config{}.general);
  CHECK(all->general == shipped->general);
  CHECK(all->admin == shipped->admin);
  CHECK(all->auth == shipped->auth);
  CHECK(all->pools == shipped->pools);
}

TEST_CASE("pglynx.toml names every key that is accepted") {
  const std::string text = ReadAll(kDirectory + "/pglynx.toml");
  for (const Section section : AllSections()) {
    for (const KeyRule& rule : RulesOf(section)) {
      if (rule.state != KeyState::kWorks) continue;
      INFO(rule.name);
      CHECK(text.find(rule.name) != std::string::npos);
    }
  }
}
