#include "config/toml_document.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <optional>
#include <utility>

// The parser comes from the distribution's shared library; it costs seven times more to
// compile in. pkg-config says so too.
#ifndef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY 0
#endif
#include <toml++/toml.h>

namespace pglynx::config {

namespace {

constexpr uint32_t kDepthMax = 32;

Place PlaceOf(const toml::source_region& region, uint32_t file) {
  return {file, region.begin.line, region.begin.column};
}

// Builds our tree from the parser's; remembers the first value that is nested too deeply.
class Converter {
 public:
  explicit Converter(uint32_t file) : file_(file) {}

  TomlValue Convert(const toml::node& node, uint32_t depth) {
    TomlValue value;
    value.place = PlaceOf(node.source(), file_);
    if (depth > kDepthMax) {
      if (!too_deep_) too_deep_ = value.place;
      return value;
    }
    if (const toml::table* table = node.as_table()) {
      AddEntries(*table, depth, value);
    } else if (const toml::array* array = node.as_array()) {
      value.kind = TomlValue::Kind::kArray;
      value.items.reserve(array->size());
      for (const toml::node& item : *array) value.items.push_back(Convert(item, depth + 1));
    } else if (const auto* text = node.as_string()) {
      value.kind = TomlValue::Kind::kString;
      value.text = text->get();
    } else if (const auto* integer = node.as_integer()) {
      value.kind = TomlValue::Kind::kInteger;
      value.integer = integer->get();
    } else if (const auto* boolean = node.as_boolean()) {
      value.kind = TomlValue::Kind::kBoolean;
      value.boolean = boolean->get();
    } else if (node.is_floating_point()) {
      value.kind = TomlValue::Kind::kFloat;
    } else {
      value.kind = TomlValue::Kind::kDate;
    }
    return value;
  }

  [[nodiscard]] const std::optional<Place>& too_deep() const { return too_deep_; }

 private:
  void AddEntries(const toml::table& table, uint32_t depth, TomlValue& value) {
    value.kind = TomlValue::Kind::kTable;
    value.entries.reserve(table.size());
    for (const auto& [key, node] : table) {
      TomlEntry entry;
      entry.key = std::string(key.str());
      entry.place = PlaceOf(key.source(), file_);
      entry.value = Convert(node, depth + 1);
      if (entry.place.line == 0) entry.place = entry.value.place;
      if (entry.value.place.line == 0) entry.value.place = entry.place;
      value.entries.push_back(std::move(entry));
    }
    // The parser sorts by name; pools and users keep the order of the file.
    std::stable_sort(value.entries.begin(), value.entries.end(),
                     [](const TomlEntry& a, const TomlEntry& b) { return a.place < b.place; });
  }

  uint32_t file_;
  std::optional<Place> too_deep_;
};

// Lines `line` - 1 and `line`: where the text lies that a parser's message may quote.
std::string_view LinesAround(std::string_view text, uint32_t line) {
  size_t begin = 0;
  size_t previous = 0;
  for (uint32_t current = 1; current < line; ++current) {
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    previous = begin;
    begin = end + 1;
  }
  return text.substr(previous, text.find('\n', begin) - previous);
}

bool MayNameSecret(std::string_view lines) {
  std::string lower(lines);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char byte) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
  });
  return lower.find("pass") != std::string::npos || lower.find("secret") != std::string::npos;
}

TomlError MakeError(std::string_view text, uint32_t file, const toml::parse_error& error) {
  TomlError result{PlaceOf(error.source(), file), "invalid TOML: "};
  if (MayNameSecret(LinesAround(text, result.place.line))) {
    result.text += "the value here cannot be read; strings stand in quotes";
  } else {
    result.text += error.description();
  }
  return result;
}

}  // namespace

const TomlEntry* TomlValue::Find(std::string_view key) const {
  for (const TomlEntry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::variant<TomlValue, TomlError> ParseToml(std::string_view text, uint32_t file) {
  try {
    const toml::table table = toml::parse(text);
    Converter converter(file);
    TomlValue root = converter.Convert(table, 0);
    if (converter.too_deep()) {
      return TomlError{*converter.too_deep(), "invalid TOML: nested deeper than 32 levels"};
    }
    return root;
  } catch (const toml::parse_error& error) {
    return MakeError(text, file, error);
  } catch (const std::exception& error) {
    return TomlError{Place{file, 0, 0}, std::string("invalid TOML: ") + error.what()};
  }
}

std::string_view KindName(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::kString:
      return "a string";
    case TomlValue::Kind::kInteger:
      return "an integer";
    case TomlValue::Kind::kFloat:
      return "a number with a fraction";
    case TomlValue::Kind::kBoolean:
      return "a boolean";
    case TomlValue::Kind::kDate:
      return "a date or time";
    case TomlValue::Kind::kArray:
      return "an array";
    case TomlValue::Kind::kTable:
      return "a table";
  }
  return "a value";
}

}  // namespace pglynx::config
