#include "config/key_reader.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "config/expand.h"
#include "config/units.h"

namespace pglynx::config {

namespace {

// The value as an error shows it: as the file has it, before variables are put in, since
// what they hold may be a secret.
std::string Shown(const TomlValue& value) {
  switch (value.kind) {
    case TomlValue::Kind::kString:
      return Quoted(value.text);
    case TomlValue::Kind::kInteger:
      return fmt::format("{}", value.integer);
    case TomlValue::Kind::kBoolean:
      return value.boolean ? "true" : "false";
    default:
      return std::string(KindName(value.kind));
  }
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char byte) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
  });
  return text;
}

bool IsOff(const DurationRange& range, Duration duration) {
  return range.zero_is_off && duration == Duration::zero();
}

}  // namespace

KeyReader::KeyReader(const TomlValue& table, Section section, std::string where,
                     LoadContext& context)
    : table_(table), where_(std::move(where)), context_(context) {
  JudgeKeys(section);
}

Place KeyReader::PlaceOf(std::string_view key) const {
  const TomlEntry* entry = Find(key);
  return entry == nullptr ? table_.place : entry->value.place;
}

void KeyReader::AddError(std::string_view key, std::string_view text) {
  context_.problems.AddError(PlaceOf(key), text);
}

std::optional<std::string> KeyReader::Expanded(const TomlValue& value, std::string_view key) {
  Result<std::string> expanded = Expand(value.text, context_.environment);
  if (expanded) return *std::move(expanded);
  context_.problems.AddError(value.place,
                             fmt::format("key '{}': {}", key, expanded.error().detail));
  return std::nullopt;
}

std::optional<TomlValue> KeyReader::Resolved(std::string_view key) {
  const TomlEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  TomlValue value = entry->value;
  if (value.kind != TomlValue::Kind::kString) return value;
  std::optional<std::string> text = Expanded(value, key);
  if (!text) return std::nullopt;
  if (HasVariable(value.text)) {
    if (const std::optional<int64_t> integer = ParseInteger(*text)) {
      value.kind = TomlValue::Kind::kInteger;
      value.integer = *integer;
    } else if (*text == "true" || *text == "false") {
      value.kind = TomlValue::Kind::kBoolean;
      value.boolean = *text == "true";
    }
  }
  value.text = *std::move(text);
  return value;
}

bool KeyReader::WrongKind(std::string_view key, std::string_view needed) {
  AddError(key,
           fmt::format("key '{}' needs {}, not {}", key, needed, KindName(Find(key)->value.kind)));
  return false;
}

bool KeyReader::NotAllowed(std::string_view key, std::string_view allowed) {
  AddError(key, fmt::format("key '{}' is {}; allowed: {}", key, Shown(Find(key)->value), allowed));
  return false;
}

bool KeyReader::ReadBool(std::string_view key, bool& out) {
  const std::optional<TomlValue> value = Resolved(key);
  if (!value) return false;
  if (value->kind != TomlValue::Kind::kBoolean) return WrongKind(key, "true or false");
  out = value->boolean;
  return true;
}

std::optional<int64_t> KeyReader::Integer(std::string_view key, IntegerRange range) {
  const std::optional<TomlValue> value = Resolved(key);
  if (!value) return std::nullopt;
  if (value->kind != TomlValue::Kind::kInteger) {
    WrongKind(key, fmt::format("an integer from {} to {}", range.min, range.max));
    return std::nullopt;
  }
  if (value->integer < range.min || value->integer > range.max) {
    NotAllowed(key, fmt::format("{} to {}", range.min, range.max));
    return std::nullopt;
  }
  return value->integer;
}

bool KeyReader::ReadDuration(std::string_view key, const DurationRange& range, Duration& out) {
  const std::optional<TomlValue> value = Resolved(key);
  if (!value) return false;
  Duration duration{-1};
  if (value->kind == TomlValue::Kind::kInteger) {
    if (value->integer >= 0) {
      duration = Scaled(static_cast<uint64_t>(value->integer), range.integer_unit);
    }
  } else if (value->kind == TomlValue::Kind::kString) {
    const Result<Duration> parsed = ParseDuration(value->text);
    if (!parsed) return NotAllowed(key, parsed.error().detail);
    duration = *parsed;
  } else {
    return WrongKind(key, fmt::format("a duration such as \"5s\" or an integer in {}",
                                      FormatDuration(range.integer_unit).substr(1)));
  }
  if (!IsOff(range, duration) && (duration < range.min || duration > range.max)) {
    return NotAllowed(key, fmt::format("{}{} to {}", range.zero_is_off ? "0 (off), " : "",
                                       FormatDuration(range.min), FormatDuration(range.max)));
  }
  out = duration;
  return true;
}

bool KeyReader::ReadSeconds(std::string_view key, IntegerRange range, std::chrono::seconds& out) {
  const DurationRange durations{std::chrono::seconds(range.min), std::chrono::seconds(range.max),
                                false, std::chrono::seconds(1)};
  Duration duration{};
  if (!ReadDuration(key, durations, duration)) return false;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  if (seconds != duration) return NotAllowed(key, "whole seconds");
  out = seconds;
  return true;
}

bool KeyReader::ReadBytes(std::string_view key, BytesRange range, uint64_t& out) {
  const std::optional<TomlValue> value = Resolved(key);
  if (!value) return false;
  uint64_t bytes = 0;
  if (value->kind == TomlValue::Kind::kInteger) {
    bytes = value->integer < 0 ? 0 : static_cast<uint64_t>(value->integer);
  } else if (value->kind == TomlValue::Kind::kString) {
    const Result<uint64_t> parsed = ParseBytes(value->text);
    if (!parsed) return NotAllowed(key, parsed.error().detail);
    bytes = *parsed;
  } else {
    return WrongKind(key, "a size such as \"64KiB\" or an integer in bytes");
  }
  if (bytes < range.min || bytes > range.max) {
    return NotAllowed(key, fmt::format("{} to {}", FormatBytes(range.min), FormatBytes(range.max)));
  }
  out = bytes;
  return true;
}

std::optional<std::string> KeyReader::RawText(std::string_view key) {
  const TomlEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->value.kind != TomlValue::Kind::kString) {
    WrongKind(key, "a string");
    return std::nullopt;
  }
  return Expanded(entry->value, key);
}

bool KeyReader::ReadText(std::string_view key, const TextRange& range, std::string& out) {
  std::optional<std::string> text = RawText(key);
  if (!text) return false;
  if (text->size() < range.bytes_min || text->size() > range.bytes_max) {
    AddError(key, fmt::format("key '{}' has {} bytes; allowed: {} to {}", key, text->size(),
                              range.bytes_min, range.bytes_max));
    return false;
  }
  // A string of the v3 protocol ends at its first NUL ("Message Data Types").
  const bool names_only = range.form == TextForm::kName;
  const auto is_refused = [names_only](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code == 0 || (names_only && (code < 0x20 || code == 0x7f));
  };
  if (std::any_of(text->begin(), text->end(), is_refused)) {
    AddError(key, fmt::format("key '{}' holds a control character", key));
    return false;
  }
  out = *std::move(text);
  return true;
}

std::optional<size_t> KeyReader::OneOf(std::string_view key, std::span<const Choice> choices) {
  std::string names;
  for (const Choice& choice : choices) {
    if (choice.spelling == Spelling::kPgcats) continue;
    names += names.empty() ? "" : ", ";
    names += Quoted(choice.name);
  }
  const TomlEntry* entry = Find(key);
  if (entry != nullptr && entry->value.kind != TomlValue::Kind::kString) {
    WrongKind(key, "one of " + names);
    return std::nullopt;
  }
  const std::optional<std::string> text = RawText(key);
  if (!text) return std::nullopt;
  const bool any_case = context_.pgcat_form;  // PgCat takes "Transaction" too
  const auto found = std::find_if(choices.begin(), choices.end(), [&](const Choice& choice) {
    return any_case ? Lower(*text) == Lower(std::string(choice.name)) : *text == choice.name;
  });
  if (found == choices.end()) {
    NotAllowed(key, names);
    return std::nullopt;
  }
  return static_cast<size_t>(found - choices.begin());
}

std::optional<std::vector<PlacedText>> KeyReader::Texts(std::string_view key, Shape shape) {
  const TomlEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  std::vector<TomlValue> items;
  if (entry->value.kind == TomlValue::Kind::kArray) {
    items = entry->value.items;
  } else if (entry->value.kind == TomlValue::Kind::kString && shape == Shape::kOneOrArray) {
    items.push_back(entry->value);
  } else {
    WrongKind(key, shape == Shape::kArray ? "an array of strings" : "a string or an array of them");
    return std::nullopt;
  }
  std::vector<PlacedText> texts;
  for (const TomlValue& item : items) {
    if (item.kind != TomlValue::Kind::kString) {
      context_.problems.AddError(
          item.place, fmt::format("key '{}' needs strings, not {}", key, KindName(item.kind)));
      return std::nullopt;
    }
    std::optional<std::string> text = Expanded(item, key);
    if (!text) return std::nullopt;
    texts.push_back({*std::move(text), item.place});
  }
  return texts;
}

}  // namespace pglynx::config
