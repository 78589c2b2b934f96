#include "pglynx/sharding/key.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "sharding/datetime.h"

namespace pglynx::sharding {
namespace {

constexpr size_t kShownBytesMax = 64;
constexpr size_t kHexGroupDigits = 4;

struct TypeTexts {
  std::string_view name;
  std::string_view allowed_text;   // what stands after "allowed " in an error
  std::string_view allowed_bytes;  // lengths in binary format
};

// In the order of KeyType.
constexpr TypeTexts kTypes[] = {
    {"smallint", "are whole numbers from -32768 to 32767", "2, 4 or 8"},
    {"integer", "are whole numbers from -2147483648 to 2147483647", "2, 4 or 8"},
    {"bigint", "are whole numbers from -9223372036854775808 to 9223372036854775807", "2, 4 or 8"},
    {"text", "is any text", "any"},
    {"varchar", "is any text", "any"},
    {"uuid", "are 32 hexadecimal digits, a hyphen after any group of four, in braces or not", "16"},
    {"date", "are YYYY-MM-DD from 0001-01-01 to 294276-12-31, infinity and -infinity", "4"},
    {"timestamp",
     "are YYYY-MM-DD HH:MM[:SS[.ffffff]] (or T for the blank) without a time zone, to the year "
     "294276, infinity and -infinity",
     "8"},
    {"timestamptz",
     "are YYYY-MM-DD HH:MM[:SS[.ffffff]] (or T for the blank) with Z, +HH, +HHMM, +HH:MM or "
     "+HH:MM:SS (or -), to the year 294276, infinity and -infinity",
     "8"},
};
static_assert(std::size(kTypes) == static_cast<size_t>(KeyType::kTimestamptz) + 1);

const TypeTexts& TextsOf(KeyType type) {
  return kTypes[static_cast<size_t>(type)];
}

// Text from outside as it may stand in an error: bounded, printable, on one line.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kShownBytesMax));
  for (char& byte : shown) {
    if (byte < ' ' || byte > '~') byte = '?';
  }
  if (text.size() > kShownBytesMax) shown += "...";
  return shown;
}

Error InvalidText(std::string_view text, KeyType type) {
  return {ErrorCode::kInvalidParameterValue,
          fmt::format("invalid sharding key of type {}: \"{}\"; allowed {}", NameOf(type),
                      Shown(text), TextsOf(type).allowed_text)};
}

Error InvalidLength(std::string_view bytes, KeyType type) {
  return {ErrorCode::kInvalidParameterValue,
          fmt::format("invalid sharding key of type {}: {} bytes in binary format; allowed are {}",
                      NameOf(type), bytes.size(), TextsOf(type).allowed_bytes)};
}

// Without the white space that PostgreSQL's numbers may have around them: isspace() in C.
std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\v\f\r";
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// Decimal only: 0x1f and 1_000 are numbers from PostgreSQL 16 on, errors before.
template <typename Number>
std::optional<int64_t> ParseNumber(std::string_view text) {
  std::string_view digits = Trimmed(text);
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
    if (digits.starts_with('-')) return std::nullopt;
  }
  Number number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// The value of each hexadecimal digit; -1: it is none.
constexpr std::array<int8_t, 256> MakeHexValues() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t value = 0; value < kDigits.size(); ++value) {
    const auto digit = static_cast<unsigned char>(kDigits[value]);
    values[digit] = static_cast<int8_t>(value);
    if (value >= 10) values[digit ^ 0x20U] = static_cast<int8_t>(value);
  }
  return values;
}

constexpr std::array<int8_t, 256> kHexValues = MakeHexValues();

std::optional<Uuid> ParseUuid(std::string_view text) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  Uuid uuid = {};
  size_t digits = 0;
  bool may_be_hyphen = false;
  for (const char byte : text) {
    if (byte == '-' && may_be_hyphen) {
      may_be_hyphen = false;
      continue;
    }
    const int value = kHexValues[static_cast<unsigned char>(byte)];
    if (value < 0 || digits == 2 * uuid.size()) return std::nullopt;
    char& target = uuid[digits / 2];
    target = static_cast<char>(digits % 2 == 0 ? value << 4 : target | value);
    ++digits;
    may_be_hyphen = digits % kHexGroupDigits == 0 && digits < 2 * uuid.size();
  }
  if (digits != 2 * uuid.size()) return std::nullopt;
  return uuid;
}

template <typename Value>
Result<Key> KeyOrError(std::optional<Value> value, std::string_view text, KeyType type) {
  if (!value) return InvalidText(text, type);
  return Key(*value);
}

int64_t LoadInt64(std::string_view bytes) {
  return static_cast<int64_t>(uint64_t{LoadU32(bytes.data())} << 32U | LoadU32(bytes.data() + 4));
}

// nullopt: it has the length of no integer.
std::optional<int64_t> LoadNumber(std::string_view bytes) {
  switch (bytes.size()) {
    case 2:
      return static_cast<int16_t>(LoadU16(bytes.data()));
    case 4:
      return static_cast<int32_t>(LoadU32(bytes.data()));
    case 8:
      return LoadInt64(bytes);
    default:
      return std::nullopt;
  }
}

template <typename Number>
Result<Key> ParseBinaryNumber(std::string_view bytes, KeyType type) {
  const std::optional<int64_t> number = LoadNumber(bytes);
  if (!number) return InvalidLength(bytes, type);
  if (!std::in_range<Number>(*number)) return InvalidText(std::to_string(*number), type);
  return Key(*number);
}

Result<Key> ParseBinaryUuid(std::string_view bytes) {
  Uuid uuid;
  if (bytes.size() != uuid.size()) return InvalidLength(bytes, KeyType::kUuid);
  bytes.copy(uuid.data(), uuid.size());
  return Key(uuid);
}

}  // namespace

std::string_view NameOf(KeyType type) {
  return TextsOf(type).name;
}

Result<Key> ParseKeyText(std::string_view text, KeyType type) {
  switch (type) {
    case KeyType::kSmallint:
      return KeyOrError(ParseNumber<int16_t>(text), text, type);
    case KeyType::kInteger:
      return KeyOrError(ParseNumber<int32_t>(text), text, type);
    case KeyType::kBigint:
      return KeyOrError(ParseNumber<int64_t>(text), text, type);
    case KeyType::kText:
    case KeyType::kVarchar:
      return Key(text);
    case KeyType::kUuid:
      return KeyOrError(ParseUuid(text), text, type);
    case KeyType::kDate:
      return KeyOrError(ParseDate(text), text, type);
    case KeyType::kTimestamp:
      return KeyOrError(ParseTimestamp(text, ZoneOffset::kNone), text, type);
    case KeyType::kTimestamptz:
      return KeyOrError(ParseTimestamp(text, ZoneOffset::kRequired), text, type);
  }
  return InvalidText(text, type);
}

Result<Key> ParseKeyBinary(std::string_view bytes, KeyType type) {
  switch (type) {
    case KeyType::kSmallint:
      return ParseBinaryNumber<int16_t>(bytes, type);
    case KeyType::kInteger:
      return ParseBinaryNumber<int32_t>(bytes, type);
    case KeyType::kBigint:
      return ParseBinaryNumber<int64_t>(bytes, type);
    case KeyType::kText:
    case KeyType::kVarchar:
      return Key(bytes);
    case KeyType::kUuid:
      return ParseBinaryUuid(bytes);
    case KeyType::kDate:
      if (bytes.size() != sizeof(int32_t)) return InvalidLength(bytes, type);
      return Key(int64_t{static_cast<int32_t>(LoadU32(bytes.data()))});
    case KeyType::kTimestamp:
    case KeyType::kTimestamptz:
      if (bytes.size() != sizeof(int64_t)) return InvalidLength(bytes, type);
      return Key(LoadInt64(bytes));
  }
  return InvalidLength(bytes, type);
}

}  // namespace pglynx::sharding
