#pragma once

// The errors and warnings of one load, each with its place. Owned by LoadContext. Texts
// are made one line: control characters become '?'.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::config {

// A place in a file; line and column count from 1, line 0 = the file as a whole.
struct Place {
  uint32_t file = 0;  // Index into the files of `Problems`.
  uint32_t line = 0;
  uint32_t column = 0;

  auto operator<=>(const Place&) const = default;
};

class Problems {
 public:
  // Returns the index for `Place::file`. Errors are sorted by it first.
  uint32_t AddFile(std::string path);
  [[nodiscard]] const std::string& path(uint32_t file) const { return files_[file]; }

  void AddError(Place place, std::string_view text);
  void AddWarning(Place place, std::string_view text);

  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }
  // "file:line:column", or "file" where there is no line.
  [[nodiscard]] std::string Where(Place place) const;
  // One line each, sorted by place; problems of one place stay in the order they came in.
  [[nodiscard]] std::vector<std::string> ErrorLines() const { return Lines(errors_); }
  [[nodiscard]] std::vector<std::string> WarningLines() const { return Lines(warnings_); }

 private:
  struct Problem {
    Place place;
    std::string text;
  };
  [[nodiscard]] std::vector<std::string> Lines(std::vector<Problem> problems) const;

  std::vector<std::string> files_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

// A text from a file within '"', on one line and not too long for an error.
std::string Quoted(std::string_view text);

// "a, b, c".
std::string Join(const std::vector<std::string>& parts);

}  // namespace pglynx::config
