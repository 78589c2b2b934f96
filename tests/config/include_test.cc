// Goal: files are found relative to the one that names them, merged key by key, and every
// fault names both places.
#include "config/fake_environment.h"
#include "pglynx/config/load.h"
#include "support/catch.h"

using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::kValidPool;
using pglynx::config::LoadConfig;
using pglynx::config::LoadConfigText;
using pglynx::config::LoadResult;
using pglynx::config::TemporaryDirectory;

namespace {

// The files' names in errors, without the directory.
std::string Errors(const LoadResult& loaded, const TemporaryDirectory& directory) {
  std::string text = ErrorText(loaded);
  const std::string prefix = directory.path() + "/";
  for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
    text.erase(at, prefix.size());
  }
  return text;
}

}  // namespace

TEST_CASE("included files are merged into one configuration") {
  const TemporaryDirectory directory;
  FakeEnvironment environment;
  environment.variables["SITE"] = "conf.d";
  const std::string main = directory.Write(
      "main.toml", "include = ['${SITE}/*.toml', 'none/*.toml']\n[general]\nport = 7000\n");
  const std::string a = directory.Write("conf.d/a.toml", kValidPool);
  const std::string b = directory.Write("conf.d/b.toml",
                                        "[general]\nmax_client_conn = 5\n[pools.app]\n"
                                        "pool_mode = 'session'\n");
  const LoadResult loaded = LoadConfig(main, environment);
  REQUIRE(Errors(loaded, directory).empty());
  CHECK(loaded->general.port == 7000);
  CHECK(loaded->general.max_client_conn == 5);
  CHECK(loaded->pools[0].users[0].pool_mode == pglynx::config::PoolMode::kSession);
}

TEST_CASE("a text in memory includes files from the directory of its name") {
  const TemporaryDirectory directory;
  const std::string pool = directory.Write("pool.toml", kValidPool);
  const LoadResult loaded =
      LoadConfigText("include = ['pool.toml']", directory.path() + "/x.toml", FakeEnvironment());
  CHECK(Errors(loaded, directory).empty());
}

TEST_CASE("a file that is matched twice, or matches itself, is read once") {
  const TemporaryDirectory directory;
  const std::string main =
      directory.Write("main.toml", "include = ['*.toml', 'pool.toml']\n[general]\nport = 7000\n");
  const std::string pool = directory.Write("pool.toml", kValidPool);
  CHECK(Errors(LoadConfig(main, FakeEnvironment()), directory).empty());
}

TEST_CASE("a key set twice is an error that names both places") {
  const TemporaryDirectory directory;
  const std::string main = directory.Write(
      "main.toml", "include = ['a.toml', 'b.toml']\n[general]\nport = 7000\n" + kValidPool);
  const std::string a = directory.Write("a.toml", "[general]\nport = 7001\nworkers = 1\n");
  const std::string b = directory.Write(
      "b.toml", "general.workers = 1\nadmin.username = 'x'\n[[pools.app.users]]\nusername = 'b'\n");
  CHECK(Errors(LoadConfig(main, FakeEnvironment()), directory) ==
        "a.toml:2:1: key 'general.port' is set twice: also at main.toml:3:1\n"
        "b.toml:1:9: key 'general.workers' is set twice: also at a.toml:3:1\n"
        "b.toml:3:13: key 'pools.app.users' is set twice: also at main.toml:8:13\n");
}

TEST_CASE("files that cannot be included are reported where they are named") {
  const TemporaryDirectory directory;
  const std::string nested = directory.Write("nested.toml", "include = ['x.toml']\n");
  const std::string broken = directory.Write("broken.toml", "a = \n");
  const std::string broken2 = directory.Write("broken2.toml", "[\n");
  const std::string large = directory.Write("large.toml", std::string(1048577, '\n'));
  const auto errors = [&](const std::string& include) {
    const std::string main =
        directory.Write("main.toml", "include = " + include + "\n" + kValidPool);
    return Errors(LoadConfig(main, FakeEnvironment()), directory);
  };
  CHECK(errors("['none.toml']") == "main.toml:1:12: included file \"none.toml\" does not exist\n");
  CHECK(errors("'none.toml'") ==
        "main.toml:1:11: key 'include' needs an array of file patterns, not a string\n");
  CHECK(errors("[1]") == "main.toml:1:12: key 'include' needs file patterns, not an integer\n");
  CHECK(errors("['${NO}']") ==
        "main.toml:1:12: key 'include': environment variable 'NO' is not set\n");
  CHECK(errors("['nested.toml']") ==
        "nested.toml:1:1: key 'include' is allowed only in the main file\n");
  CHECK(errors("['.']") == "main.toml:1:12: included file . cannot be read: Is a directory\n");
  CHECK(errors("['large.toml']") ==
        "main.toml:1:12: included file large.toml cannot be read: longer than 1048576 bytes\n");
  const std::string both = errors("['broken.toml', 'broken2.toml', 'none.toml']");
  CHECK(both.find("broken.toml:") != std::string::npos);
  CHECK(both.find("broken2.toml:") != std::string::npos);
  CHECK(both.find("none.toml\" does not exist") != std::string::npos);
}

TEST_CASE("a main file that cannot be read is one line") {
  const TemporaryDirectory directory;
  CHECK(Errors(LoadConfig(directory.path() + "/no.toml", FakeEnvironment()), directory) ==
        "no.toml: cannot be read: No such file or directory\n");
  CHECK(ErrorText(LoadConfig(directory.path(), FakeEnvironment())) ==
        directory.path() + ": cannot be read: Is a directory\n");
}
