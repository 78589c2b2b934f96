#include "config/document.h"

#include <algorithm>
#include <glob.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/expand.h"
#include "config/file_text.h"

namespace pglynx::config {

namespace {

// The paths that a pattern matches, sorted. Owns nothing of glob's.
std::vector<std::string> Matches(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return paths;
}

class DocumentLoader {
 public:
  explicit DocumentLoader(LoadContext& context) : context_(context) {}

  std::optional<TomlValue> Load(const DocumentSource& source) {
    const uint32_t file = context_.problems.AddFile(source.path);
    std::optional<TomlValue> root;
    if (source.text) {
      root = Parse(*source.text, file);
    } else if (const auto read = ReadFile(source.path, kFileBytesMax)) {
      root = Parse(Remember(*read, file), file);
    } else {
      AddError(Place{file, 0, 0}, "cannot be read: " + read.error().detail);
    }
    if (!root) return std::nullopt;
    if (const TomlEntry* include = root->Find("include")) IncludeAll(TomlEntry(*include), *root);
    if (!complete_) return std::nullopt;
    return root;
  }

 private:
  using Identity = std::pair<uint64_t, uint64_t>;  // device, inode

  // Nothing if the text is no TOML, which is reported.
  std::optional<TomlValue> Parse(std::string_view text, uint32_t file) {
    auto parsed = ParseToml(text, file);
    if (const auto* error = std::get_if<TomlError>(&parsed)) {
      AddError(error->place, error->text);
      return std::nullopt;
    }
    return std::get<TomlValue>(std::move(parsed));
  }

  std::string_view Remember(const FileText& read, uint32_t file) {
    files_.emplace_back(read.device, read.inode);
    if (read.readable_by_others) context_.exposed_files.insert(file);
    return read.text;
  }

  void IncludeAll(const TomlEntry& include, TomlValue& root) {
    if (include.value.kind != TomlValue::Kind::kArray) {
      AddError(include.value.place,
               fmt::format("key 'include' needs an array of file patterns, not {}",
                           KindName(include.value.kind)));
      return;
    }
    for (const TomlValue& item : include.value.items) {
      if (item.kind != TomlValue::Kind::kString) {
        AddError(item.place,
                 fmt::format("key 'include' needs file patterns, not {}", KindName(item.kind)));
        continue;
      }
      const Result<std::string> pattern = Expand(item.text, context_.environment);
      if (!pattern) {
        AddError(item.place, "key 'include': " + pattern.error().detail);
        continue;
      }
      IncludePattern(*pattern, item, root);
    }
  }

  void IncludePattern(const std::string& pattern, const TomlValue& item, TomlValue& root) {
    const std::vector<std::string> paths =
        Matches(RelativeTo(context_.problems.path(item.place.file), pattern));
    if (paths.empty() && pattern.find_first_of("*?[") == std::string::npos) {
      AddError(item.place, fmt::format("included file {} does not exist", Quoted(item.text)));
      complete_ = false;
    }
    for (const std::string& path : paths) {
      if (files_.size() > kIncludedFilesMax) {
        AddError(item.place, fmt::format("more than {} included files", kIncludedFilesMax));
        complete_ = false;
        return;
      }
      IncludeFile(path, item, root);
    }
  }

  void IncludeFile(const std::string& path, const TomlValue& item, TomlValue& root) {
    const auto read = ReadFile(path, kFileBytesMax);
    if (!read) {
      AddError(item.place,
               fmt::format("included file {} cannot be read: {}", path, read.error().detail));
      complete_ = false;
      return;
    }
    // Two patterns may match the same file, and a pattern the main file.
    const Identity identity(read->device, read->inode);
    if (std::find(files_.begin(), files_.end(), identity) != files_.end()) return;
    const uint32_t file = context_.problems.AddFile(path);
    std::optional<TomlValue> included = Parse(Remember(*read, file), file);
    if (!included) {
      complete_ = false;
      return;
    }
    if (const TomlEntry* nested = included->Find("include")) {
      AddError(nested->place, "key 'include' is allowed only in the main file");
      std::erase_if(included->entries, [](const TomlEntry& e) { return e.key == "include"; });
    }
    Merge(*std::move(included), "", root);
  }

  void Merge(TomlValue from, const std::string& prefix, TomlValue& into) {
    for (TomlEntry& entry : from.entries) {
      const auto found =
          std::find_if(into.entries.begin(), into.entries.end(),
                       [&entry](const TomlEntry& other) { return other.key == entry.key; });
      if (found == into.entries.end()) {
        into.entries.push_back(std::move(entry));
        continue;
      }
      const std::string name = prefix + entry.key;
      if (found->value.kind == TomlValue::Kind::kTable &&
          entry.value.kind == TomlValue::Kind::kTable) {
        Merge(std::move(entry.value), name + ".", found->value);
        continue;
      }
      AddError(entry.place, fmt::format("key '{}' is set twice: also at {}", name,
                                        context_.problems.Where(found->place)));
    }
  }

  void AddError(Place place, std::string_view text) { context_.problems.AddError(place, text); }

  LoadContext& context_;
  std::vector<Identity> files_;  // those that were read
  bool complete_ = true;         // every file was read and parsed
};

}  // namespace

std::optional<TomlValue> LoadDocument(const DocumentSource& source, LoadContext& context) {
  return DocumentLoader(context).Load(source);
}

}  // namespace pglynx::config
