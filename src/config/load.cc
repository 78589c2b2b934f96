#include "pglynx/config/load.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "config/document.h"
#include "config/load_context.h"
#include "config/sections.h"
#include "pglynx/config/describe.h"

namespace pglynx::config {

namespace {

LoadResult Load(const DocumentSource& source, const Environment& environment) {
  LoadContext context(environment);
  const std::optional<TomlValue> root = LoadDocument(source, context);
  if (!root) return ConfigErrors{context.problems.ErrorLines()};

  context.pgcat_form = IsPgcatForm(*root);
  Config config = DefaultConfig(context.pgcat_form);
  const InheritedTimes inherited = ReadSettings(*root, context, config);
  ReadPools(*root, inherited, context, config);
  CheckTogether(*root, context, config);
  for (const uint32_t file : context.secret_files) {
    if (!context.exposed_files.contains(file)) continue;
    context.problems.AddWarning(
        Place{file, 0, 0},
        "the file holds secrets and can be read by every user; set its mode to 0640");
  }
  if (context.problems.has_errors()) return ConfigErrors{context.problems.ErrorLines()};
  config.warnings = context.problems.WarningLines();
  return config;
}

}  // namespace

std::optional<std::string> ProcessEnvironment::Get(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

LoadResult LoadConfig(const std::string& path, const Environment& environment) {
  return Load(DocumentSource{path, std::nullopt}, environment);
}

LoadResult LoadConfigText(std::string_view text, const std::string& name,
                          const Environment& environment) {
  return Load(DocumentSource{name, text}, environment);
}

}  // namespace pglynx::config
