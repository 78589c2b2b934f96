#pragma once

// Reads a whole file from disk. Blocking: used at start and on reload only.

#include <cstddef>
#include <cstdint>
#include <string>

#include "pglynx/core/result.h"

namespace pglynx::config {

struct FileText {
  std::string text;
  bool readable_by_others = false;  // the permission bit for "others"
  uint64_t device = 0;              // device and inode: the same file under two names
  uint64_t inode = 0;
};

// Fails with the operating system's reason if the file cannot be read, is a directory or is
// longer than `bytes_max`. The error does not name the path.
Result<FileText> ReadFile(const std::string& path, size_t bytes_max);

// `path` as seen from the directory of the file `base`; absolute paths stay as they are.
std::string RelativeTo(const std::string& base, const std::string& path);

}  // namespace pglynx::config
