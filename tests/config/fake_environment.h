#pragma once

// An environment of the test's own, a directory that is gone at the end of a test, and the
// shortest pool that is valid.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <sys/stat.h>

#include "pglynx/config/load.h"

namespace pglynx::config {

class FakeEnvironment final : public Environment {
 public:
  [[nodiscard]] std::optional<std::string> Get(const std::string& name) const override {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  }

  std::map<std::string, std::string> variables;
};

// A fresh directory below the system's temporary one, removed by the destructor.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "pglynx-XXXXXX").string();
    if (mkdtemp(path.data()) != nullptr) path_ = path;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  // Writes a file of that mode and returns its path.
  [[nodiscard]] std::string Write(const std::string& name, const std::string& text,
                                  mode_t mode = 0600) const {
    const std::string path = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const std::string kValidPool =
    "\n[pools.app]\ndatabase = 'app'\nservers = [{ host = 'db' }]\n"
    "[[pools.app.users]]\nusername = 'app'\npassword = 'hunter2'\n";

// Loads `text` as the file "t.toml"; `kValidPool` behind it if it has no pool.
inline LoadResult LoadText(const std::string& text,
                           const Environment& environment = FakeEnvironment()) {
  const bool has_pool = text.find("pools") != std::string::npos;
  return LoadConfigText(has_pool ? text : text + kValidPool, "t.toml", environment);
}

// A shard with one server, which has no role.
inline Shard OneServer(const std::string& database, const std::string& host, uint16_t port = 5432) {
  return {.database = database, .servers = {{.host = host, .port = port}}};
}

// All errors, one a line; "" if there are none.
inline std::string ErrorText(const LoadResult& loaded) {
  std::string text;
  if (loaded) return text;
  for (const std::string& line : loaded.errors().lines) text += line + "\n";
  return text;
}

}  // namespace pglynx::config
