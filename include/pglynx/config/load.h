#pragma once

// Reads the configuration file: the whole of it, or every error in it.
//
// Each error line is `file:line:column: what, and what is allowed`; the lines are sorted by
// place and hold neither secrets nor newlines. A key that this version does not offer is
// refused at every value; nothing is ignored in silence. In PgCat's form some keys are
// accepted without effect, each with a line in `Config::warnings`.
// Files are read as they are now; the result keeps no reference to them.
//
//   LoadResult loaded = LoadConfig(path, ProcessEnvironment());
//   if (!loaded) { Print(loaded.errors().lines); return 78; }
//   Use(*loaded);

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pglynx/config/config.h"
#include "pglynx/core/check.h"

namespace pglynx::config {

// Where `${VAR}` and `password_env` are looked up, and who knows what this module does not.
class Environment {
 public:
  virtual ~Environment() = default;
  // Nothing if the variable is not set.
  [[nodiscard]] virtual std::optional<std::string> Get(const std::string& name) const = 0;
  // What is wrong with a pattern for comments; nothing if it can be used.
  [[nodiscard]] virtual std::optional<std::string> PatternFault(std::string_view) const {
    return std::nullopt;
  }
};

// The environment of this process.
class ProcessEnvironment : public Environment {
 public:
  [[nodiscard]] std::optional<std::string> Get(const std::string& name) const override;
};

// At least one line.
struct ConfigErrors {
  std::vector<std::string> lines;
};

// A valid configuration, or all errors.
class [[nodiscard]] LoadResult {
 public:
  LoadResult(Config config) : state_(std::move(config)) {}        // NOLINT
  LoadResult(ConfigErrors errors) : state_(std::move(errors)) {}  // NOLINT

  [[nodiscard]] bool has_value() const { return std::holds_alternative<Config>(state_); }
  explicit operator bool() const { return has_value(); }

  Config& operator*() {
    PGLYNX_CHECK(has_value());
    return std::get<Config>(state_);
  }
  const Config& operator*() const {
    PGLYNX_CHECK(has_value());
    return std::get<Config>(state_);
  }
  Config* operator->() { return &**this; }
  const Config* operator->() const { return &**this; }

  [[nodiscard]] const ConfigErrors& errors() const {
    PGLYNX_CHECK(!has_value());
    return std::get<ConfigErrors>(state_);
  }

 private:
  std::variant<Config, ConfigErrors> state_;
};

// Reads the file at `path` and those that it includes. A missing file is one error line.
LoadResult LoadConfig(const std::string& path, const Environment& environment);

// The same for a text in memory. `name` stands for the file in errors; relative paths in
// the text start at its directory.
LoadResult LoadConfigText(std::string_view text, const std::string& name,
                          const Environment& environment);

}  // namespace pglynx::config
