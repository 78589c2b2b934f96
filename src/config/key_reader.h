#pragma once

// Reads one table of the file, key by key, and reports what is wrong with it.
//
// The constructor judges the keys themselves: unknown ones, those that do not work yet.
// Each Read function leaves its output as it is if the key is absent or its value refused;
// it returns true only if it was set. Borrows the table and the context.
//
//   KeyReader reader(table, Section::kGeneral, "[general]", context);
//   reader.ReadInteger("max_client_conn", {1, 1'000'000}, general.max_client_conn);

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/key_rules.h"
#include "config/load_context.h"
#include "config/names.h"
#include "config/toml_document.h"
#include "pglynx/core/time.h"

namespace pglynx::config {

struct IntegerRange {
  int64_t min;
  int64_t max;
};

// Of a limit on clients or connections; 0 = none.
inline constexpr IntegerRange kLimitRange{0, 1'000'000};

struct DurationRange {
  Duration min;
  Duration max;
  bool zero_is_off = false;
  Duration integer_unit = std::chrono::milliseconds(1);  // of a value without a unit
};

struct BytesRange {
  uint64_t min;
  uint64_t max;
};

// Names stand in logs and in the startup message: no control characters.
enum class TextForm : uint8_t { kName, kFreeText };

struct TextRange {
  size_t bytes_min;
  size_t bytes_max;
  TextForm form = TextForm::kName;
};

struct PlacedText {
  std::string text;
  Place place;
};

class KeyReader {
 public:
  KeyReader(const TomlValue& table, Section section, std::string where, LoadContext& context);

  // Null if the key is absent.
  [[nodiscard]] const TomlEntry* Find(std::string_view key) const { return table_.Find(key); }
  // Of the key's value; of the table if the key is absent.
  [[nodiscard]] Place PlaceOf(std::string_view key) const;
  // At PlaceOf(key).
  void AddError(std::string_view key, std::string_view text);
  // Reports that a key that is there has a value other than those allowed; false.
  bool NotAllowed(std::string_view key, std::string_view allowed);

  bool ReadBool(std::string_view key, bool& out);
  bool ReadDuration(std::string_view key, const DurationRange& range, Duration& out);
  bool ReadSeconds(std::string_view key, IntegerRange range, std::chrono::seconds& out);
  bool ReadBytes(std::string_view key, BytesRange range, uint64_t& out);
  bool ReadText(std::string_view key, const TextRange& range, std::string& out);
  bool ReadPort(std::string_view key, uint16_t& out) { return ReadInteger(key, {1, 65535}, out); }

  // `range` must fit into T.
  template <typename T>
  bool ReadInteger(std::string_view key, IntegerRange range, T& out) {
    const std::optional<int64_t> value = Integer(key, range);
    if (value) out = static_cast<T>(*value);
    return value.has_value();
  }

  template <typename T, size_t kCount>
  bool ReadEnum(std::string_view key, const std::array<EnumName<T>, kCount>& names, T& out) {
    std::array<Choice, kCount> choices;
    for (size_t i = 0; i < kCount; ++i) choices[i] = {names[i].name, names[i].spelling};
    const std::optional<size_t> index = OneOf(key, choices);
    if (index) out = names[*index].value;
    return index.has_value();
  }

  // The strings of an array, expanded, or of a single string where `one_allowed`. Nothing
  // if the key is absent or an element is no string, which is reported.
  enum class Shape : uint8_t { kArray, kOneOrArray };
  std::optional<std::vector<PlacedText>> Texts(std::string_view key, Shape shape);

  // The string at `key`, expanded, neither judged nor quoted in errors: for secrets.
  std::optional<std::string> RawText(std::string_view key);

  [[nodiscard]] LoadContext& context() { return context_; }
  // "[pools.app]", or "" at the top of the file: for errors.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  void JudgeKeys(Section section);
  // "key 'x' in [general]", without the table at the top of the file.
  [[nodiscard]] std::string KeyInTable(const TomlEntry& entry) const;
  void JudgeKey(const TomlEntry& entry, Section section, std::span<const KeyRule> rules);
  void RejectUnknown(const TomlEntry& entry, Section section, std::span<const KeyRule> rules);
  std::optional<int64_t> Integer(std::string_view key, IntegerRange range);
  struct Choice {
    std::string_view name;
    Spelling spelling = Spelling::kOurs;
  };
  std::optional<size_t> OneOf(std::string_view key, std::span<const Choice> choices);
  std::optional<std::string> Expanded(const TomlValue& value, std::string_view key);
  // The value with its variables put in; a string that had some may stand for a number or
  // a boolean. Nothing if the key is absent or a variable is not set, which is reported.
  std::optional<TomlValue> Resolved(std::string_view key);
  bool WrongKind(std::string_view key, std::string_view needed);

  const TomlValue& table_;
  std::string where_;
  LoadContext& context_;
};

}  // namespace pglynx::config
