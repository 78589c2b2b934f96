#pragma once

// The main file and those that its `include` names, merged into one tree.
//
// Patterns are those of glob(7), relative to the main file; one without wildcards must
// match. Tables merge; a key set twice is an error that names both places. Included files
// may not include. A file may have 1 MiB, all of them may be 1000.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/load_context.h"
#include "config/toml_document.h"

namespace pglynx::config {

inline constexpr size_t kFileBytesMax = size_t{1} << 20U;
inline constexpr size_t kIncludedFilesMax = 1000;

// Where the main file comes from. `path` names it; `text`, if set, is read in its stead.
struct DocumentSource {
  std::string path;
  std::optional<std::string_view> text;
};

// Nothing if a file could not be read or parsed: then looking for more errors would only
// report what is missing because of that. Every error is in `context.problems`.
std::optional<TomlValue> LoadDocument(const DocumentSource& source, LoadContext& context);

}  // namespace pglynx::config
