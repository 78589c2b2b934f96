#pragma once

// A TOML text as a tree of plain values with places. The parser is toml++ and stays inside
// toml_document.cc, the only file of the program in which a library throws.
//
//   auto parsed = ParseToml(text, file);
//   if (const auto* error = std::get_if<TomlError>(&parsed)) …

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problems.h"

namespace pglynx::config {

struct TomlEntry;

// One value and all below it. Which member counts is said by `kind`.
struct TomlValue {
  enum class Kind : uint8_t { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };

  Kind kind = Kind::kTable;
  Place place;
  std::string text;
  int64_t integer = 0;
  bool boolean = false;
  std::vector<TomlValue> items;    // of an array
  std::vector<TomlEntry> entries;  // of a table, in the order of the file, keys differ

  // Null if this is no table or has no such key.
  [[nodiscard]] const TomlEntry* Find(std::string_view key) const;
};

struct TomlEntry {
  std::string key;
  Place place;  // of the key
  TomlValue value;
};

// The first fault of the text; the parser cannot go on behind it.
struct TomlError {
  Place place;
  std::string text;
};

// `file` goes into every place. Never throws. Errors do not show text from the values of
// lines that may hold a secret. Nesting is limited to 32 levels.
std::variant<TomlValue, TomlError> ParseToml(std::string_view text, uint32_t file);

// "a string", "an integer", … for errors.
std::string_view KindName(TomlValue::Kind kind);

}  // namespace pglynx::config
