#include "sharding/datetime.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <system_error>

namespace pglynx::sharding {
namespace {

// datetime.h of PostgreSQL, MAXDATELEN: it reads nothing longer.
constexpr size_t kTextBytesMax = 128;
// The last year of a timestamp.
constexpr int64_t kYearMax = 294276;
constexpr size_t kYearDigitsMin = 4;
constexpr size_t kYearDigitsMax = 6;
// timestamp.h of PostgreSQL, MAX_TZDISP_HOUR.
constexpr int64_t kOffsetHoursMax = 15;

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;
// timestamp.h of PostgreSQL, END_TIMESTAMP: 294277-01-01 00:00, the first one beyond the range.
constexpr int64_t kTimestampEnd = 9'223'371'331'200'000'000;

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}

// Reads a text front to back; a Take that returns false leaves the caller with no value.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool AtEnd() const { return rest_.empty(); }
  [[nodiscard]] bool At(char byte) const { return !rest_.empty() && rest_[0] == byte; }

  bool Take(char byte) {
    if (!At(byte)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // All digits that follow, maybe none.
  std::string_view TakeDigits() {
    size_t count = 0;
    while (count < rest_.size() && IsDigit(rest_[count])) ++count;
    const std::string_view digits = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return digits;
  }

  // A point and digits.
  bool TakeFraction(double& value) {
    if (!At('.')) return false;
    const char* const end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, value, std::chars_format::fixed);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<size_t>(stop - rest_.data()));
    return true;
  }

  // Exactly two digits, at most `max` as a number.
  bool TakeTwoDigits(int64_t max, int64_t& value) {
    if (rest_.size() < 2 || !IsDigit(rest_[0]) || !IsDigit(rest_[1])) return false;
    value = (rest_[0] - '0') * 10 + (rest_[1] - '0');
    rest_.remove_prefix(2);
    return value <= max;
  }

 private:
  std::string_view rest_;
};

bool EqualsLowerCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char byte = text[i];
    if ((byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte) != lower[i]) return false;
  }
  return true;
}

template <typename Number>
std::optional<Number> FindInfinity(std::string_view text) {
  if (EqualsLowerCase(text, "infinity")) return std::numeric_limits<Number>::max();
  if (EqualsLowerCase(text, "-infinity")) return std::numeric_limits<Number>::min();
  return std::nullopt;
}

// nullopt: there is no such day. The standard library's calendar ends with the year 32767, but
// it repeats every 400 years.
std::optional<int64_t> DaysSince2000(int64_t year, int64_t month, int64_t day) {
  constexpr int64_t kYearsPerCycle = 400;
  constexpr int64_t kDaysPerCycle = 146'097;
  constexpr std::chrono::sys_days kEpoch = std::chrono::year(2000) / 1 / 1;
  const int64_t year_of_cycle = year % kYearsPerCycle;
  const std::chrono::year_month_day alike(std::chrono::year(static_cast<int>(2000 + year_of_cycle)),
                                          std::chrono::month(static_cast<unsigned>(month)),
                                          std::chrono::day(static_cast<unsigned>(day)));
  if (year < 1 || !alike.ok()) return std::nullopt;
  const int64_t cycles = (year - year_of_cycle - 2000) / kYearsPerCycle;
  return cycles * kDaysPerCycle + (std::chrono::sys_days(alike) - kEpoch).count();
}

// YYYY-MM-DD
bool TakeDate(Cursor& cursor, int64_t& days) {
  const std::string_view year_digits = cursor.TakeDigits();
  if (year_digits.size() < kYearDigitsMin || year_digits.size() > kYearDigitsMax) return false;
  int64_t year = 0;
  std::from_chars(year_digits.data(), year_digits.data() + year_digits.size(), year);
  int64_t month = 0;
  int64_t day = 0;
  if (year > kYearMax || !cursor.Take('-') || !cursor.TakeTwoDigits(12, month) ||
      !cursor.Take('-') || !cursor.TakeTwoDigits(31, day)) {
    return false;
  }
  const std::optional<int64_t> found = DaysSince2000(year, month, day);
  days = found.value_or(0);
  return found.has_value();
}

// PostgreSQL (ParseFractionalSecond) goes through a double too, which decides how half a
// microsecond is rounded. The result may be a whole second.
bool TakeFraction(Cursor& cursor, int64_t& micros) {
  double fraction = 0;
  if (!cursor.TakeFraction(fraction)) return false;
  micros = std::llrint(fraction * static_cast<double>(kMicrosPerSecond));
  return true;
}

// HH:MM[:SS[.f…]]; second 60 and 24:00:00 are times too (date.c of PostgreSQL, time_overflows).
bool TakeTime(Cursor& cursor, int64_t& micros) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t fraction = 0;
  if (!cursor.TakeTwoDigits(24, hour) || !cursor.Take(':') || !cursor.TakeTwoDigits(59, minute)) {
    return false;
  }
  if (cursor.Take(':')) {
    if (!cursor.TakeTwoDigits(60, second)) return false;
    if (cursor.At('.') && !TakeFraction(cursor, fraction)) return false;
  }
  micros = hour * kMicrosPerHour + minute * kMicrosPerMinute + second * kMicrosPerSecond + fraction;
  return micros <= kMicrosPerDay;
}

// Z, ±HH, ±HHMM, ±HH:MM or ±HH:MM:SS: what the time is ahead of UTC.
bool TakeOffset(Cursor& cursor, int64_t& micros) {
  micros = 0;
  if (cursor.Take('Z')) return true;
  const bool behind = cursor.At('-');
  if (!cursor.Take('-') && !cursor.Take('+')) return false;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (!cursor.TakeTwoDigits(kOffsetHoursMax, hours)) return false;
  if (cursor.Take(':')) {
    if (!cursor.TakeTwoDigits(59, minutes)) return false;
    if (cursor.Take(':') && !cursor.TakeTwoDigits(59, seconds)) return false;
  } else if (!cursor.AtEnd() && !cursor.TakeTwoDigits(59, minutes)) {
    return false;
  }
  micros = hours * kMicrosPerHour + minutes * kMicrosPerMinute + seconds * kMicrosPerSecond;
  if (behind) micros = -micros;
  return true;
}

}  // namespace

std::optional<int32_t> ParseDate(std::string_view text) {
  if (const auto infinity = FindInfinity<int32_t>(text)) return infinity;
  Cursor cursor(text);
  int64_t days = 0;
  if (!TakeDate(cursor, days) || !cursor.AtEnd()) return std::nullopt;
  return static_cast<int32_t>(days);
}

std::optional<int64_t> ParseTimestamp(std::string_view text, ZoneOffset zone_offset) {
  if (const auto infinity = FindInfinity<int64_t>(text)) return infinity;
  if (text.size() > kTextBytesMax) return std::nullopt;
  Cursor cursor(text);
  int64_t days = 0;
  int64_t time = 0;
  int64_t offset = 0;
  if (!TakeDate(cursor, days)) return std::nullopt;
  if (!cursor.Take(' ') && !cursor.Take('T')) return std::nullopt;
  if (!TakeTime(cursor, time)) return std::nullopt;
  if (zone_offset == ZoneOffset::kRequired && !TakeOffset(cursor, offset)) return std::nullopt;
  const int64_t micros = days * kMicrosPerDay + time - offset;
  if (!cursor.AtEnd() || micros >= kTimestampEnd) return std::nullopt;
  return micros;
}

}  // namespace pglynx::sharding
