// Goal: each day and each time of day is read as its number, and nothing but the forms of key.h is
// read at all. Method: a calendar counted day by day; all times; all zones; every change of one
// byte. That the numbers are PostgreSQL's is what hash_test.cc shows.
#include "sharding/datetime.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "support/catch.h"

namespace {

using pglynx::sharding::ParseDate;
using pglynx::sharding::ParseTimestamp;
using pglynx::sharding::ZoneOffset;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

// At least `width` digits.
std::string Digits(int number, size_t width) {
  const std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

std::string DateText(int year, int month, int day) {
  return Digits(year, 4) + "-" + Digits(month, 2) + "-" + Digits(day, 2);
}

bool IsLeap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int DaysIn(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && IsLeap(year) ? 1 : 0);
}

// Of 0001-01-01.
constexpr int32_t kFirstDay = -730119;

std::optional<int64_t> Plain(std::string_view text) {
  return ParseTimestamp(text, ZoneOffset::kNone);
}

std::optional<int64_t> Zoned(std::string_view text) {
  return ParseTimestamp(text, ZoneOffset::kRequired);
}

}  // namespace

TEST_CASE("ParseDate counts each day of the first 2,400 years and knows no other") {
  int32_t expected = kFirstDay;
  for (int year = 1; year <= 2400; ++year) {
    for (int month = 0; month <= 13; ++month) {
      const int days = month == 0 || month == 13 ? 0 : DaysIn(year, month);
      for (int day = 1; day <= days; ++day, ++expected) {
        REQUIRE(ParseDate(DateText(year, month, day)) == expected);
      }
      REQUIRE_FALSE(ParseDate(DateText(year, month, 0)).has_value());
      REQUIRE_FALSE(ParseDate(DateText(year, month, days + 1)).has_value());
    }
  }
  CHECK(ParseDate("2000-01-01") == 0);
}

TEST_CASE("ParseDate knows where each year to 294276 begins, has its February and ends") {
  int32_t first = kFirstDay;
  for (int year = 1; year <= 294276; ++year) {
    const int leap = IsLeap(year) ? 1 : 0;
    REQUIRE(ParseDate(DateText(year, 1, 1)) == first);
    REQUIRE(ParseDate(DateText(year, 2, 29)).has_value() == (leap == 1));
    REQUIRE(ParseDate(DateText(year, 3, 1)) == first + 59 + leap);
    REQUIRE(ParseDate(DateText(year, 12, 31)) == first + 364 + leap);
    first += 365 + leap;
  }
  CHECK_FALSE(ParseDate("294277-01-01").has_value());
  CHECK_FALSE(ParseDate("0000-12-31").has_value());
}

TEST_CASE("ParseTimestamp reads each second and each microsecond") {
  for (int second = 0; second < 86400; ++second) {
    const std::string text = "2000-01-01 " + Digits(second / 3600, 2) + ":" +
                             Digits(second / 60 % 60, 2) + ":" + Digits(second % 60, 2);
    REQUIRE(Plain(text) == second * kSecond);
  }
  for (int micros = 0; micros < kSecond; micros += 7) {
    REQUIRE(Plain("1999-12-31T23:59:59." + Digits(micros, 6)) == micros - kSecond);
  }
}

TEST_CASE("ParseTimestamp rounds what is below a microsecond") {
  const struct {
    const char* fraction;
    int64_t micros;
  } kCases[] = {
      {".5", 500'000},       {".000001", 1},          {".0000004", 0},         {".0000005", 0},
      {".0000006", 1},       {".0000015", 2},         {".0000025", 2},         {".00000050001", 1},
      {".9999994", 999'999}, {".9999995", 1'000'000}, {".9999999", 1'000'000},
  };
  for (const auto& example : kCases) {
    INFO(example.fraction);
    CHECK(Plain(std::string("2000-01-01 00:00:00") + example.fraction) == example.micros);
    CHECK(Zoned(std::string("2000-01-01 00:00:00") + example.fraction + "Z") == example.micros);
  }
}

TEST_CASE("ParseTimestamp reads 24:00:00 and second 60, but no time after them") {
  CHECK(Plain("2000-01-01 24:00") == kDay);
  CHECK(Plain("2000-01-01 24:00:00") == kDay);
  CHECK(Plain("2000-01-01 24:00:00.0000001") == kDay);
  CHECK(Plain("2000-01-01 23:59:60") == kDay);
  CHECK(Plain("2000-01-01 23:58:60.5") == kDay - kMinute + kSecond / 2);
  CHECK_FALSE(Plain("2000-01-01 24:00:00.000001").has_value());
  CHECK_FALSE(Plain("2000-01-01 23:59:60.5").has_value());
  CHECK_FALSE(Plain("2000-01-01 24:00:01").has_value());
  CHECK_FALSE(Plain("2000-01-01 24:01").has_value());
  CHECK_FALSE(Plain("2000-01-01 25:00").has_value());
  CHECK_FALSE(Plain("2000-01-01 12:60").has_value());
  CHECK_FALSE(Plain("2000-01-01 12:00:61").has_value());
}

TEST_CASE("ParseTimestamp takes each offset off") {
  const std::string noon = "2000-01-01 12:00:00";
  CHECK(Zoned(noon + "Z") == 12 * kHour);
  for (int minutes = 0; minutes < 16 * 60; ++minutes) {
    const std::string hour = Digits(minutes / 60, 2);
    const std::string minute = Digits(minutes % 60, 2);
    const int64_t ahead = 12 * kHour - minutes * kMinute;
    const int64_t behind = 12 * kHour + minutes * kMinute;
    REQUIRE(Zoned(noon + "+" + hour + ":" + minute) == ahead);
    REQUIRE(Zoned(noon + "-" + hour + ":" + minute) == behind);
    REQUIRE(Zoned(noon + "+" + hour + minute) == ahead);
    REQUIRE(Zoned(noon + "+" + hour + ":" + minute + ":59") == ahead - 59 * kSecond);
    if (minute == "00") REQUIRE(Zoned(noon + "-" + hour) == behind);
  }
  for (const char* offset : {"",     "z",       "UTC",           "+",     "+1",        "+1:00",
                             "+16",  "-16:00",  "+00:60",        "+0060", "+00:00:60", "+000000",
                             "+00:", "+00:00:", "+00:0",         "+000",  "Z+00",      "+00Z",
                             " Z",   " +00",    "Europe/Vienna", "++00",  "+-00"}) {
    INFO(offset);
    CHECK_FALSE(Zoned(noon + offset).has_value());
  }
  CHECK_FALSE(Plain(noon + "Z").has_value());
  CHECK_FALSE(Plain(noon + "+00").has_value());
}

TEST_CASE("the last timestamp is the last microsecond of 294276, in UTC") {
  constexpr int64_t kEnd = 9'223'371'331'200'000'000;
  CHECK(Plain("294276-12-31 23:59:59.999999") == kEnd - 1);
  CHECK_FALSE(Plain("294276-12-31 23:59:59.9999999").has_value());
  CHECK_FALSE(Plain("294276-12-31 24:00").has_value());
  CHECK_FALSE(Plain("294277-01-01 00:00").has_value());
  CHECK_FALSE(Zoned("294276-12-31 23:00-01").has_value());
  CHECK(Zoned("294276-12-31 24:00+01") == kEnd - kHour);
  CHECK(Plain("0001-01-01 00:00") == kFirstDay * kDay);
  CHECK(Zoned("0001-01-01 00:00+15:59:59") == kFirstDay * kDay - 16 * kHour + kSecond);
}

TEST_CASE("infinity is the end of the range, in any case") {
  for (const char* text : {"infinity", "INFINITY", "Infinity"}) {
    CHECK(ParseDate(text) == INT32_MAX);
    CHECK(Plain(text) == INT64_MAX);
    CHECK(Zoned(text) == INT64_MAX);
    const std::string negative = std::string("-") + text;
    CHECK(ParseDate(negative) == INT32_MIN);
    CHECK(Plain(negative) == INT64_MIN);
    CHECK(Zoned(negative) == INT64_MIN);
  }
  for (const char* text : {"inf", "+infinity", " infinity", "infinity ", "--infinity"}) {
    CHECK_FALSE(ParseDate(text).has_value());
    CHECK_FALSE(Plain(text).has_value());
  }
}

TEST_CASE("no beginning of a text that needs all of it is read") {
  const std::string text = "2024-02-29 12:34:56.789+01:23:45";
  for (size_t length = 0; length < text.size(); ++length) {
    const std::string_view beginning(text.data(), length);
    INFO(beginning);
    CHECK(ParseDate(beginning).has_value() == (length == std::string_view("2024-02-29").size()));
    const std::string_view time = beginning.substr(0, beginning.find('+'));
    const bool is_time = time.size() == 16 || time.size() == 19 || time.size() > 20;
    CHECK(Plain(beginning).has_value() == (is_time && time == beginning));
    const size_t zone = beginning.size() - time.size();
    CHECK(Zoned(beginning).has_value() == (zone == 3 || zone == 6 || zone == 9));
  }
}

TEST_CASE("a change of one byte gives another digit, T for the blank, or nothing") {
  const std::string text = "1024-01-10T10:10:10.100000";
  for (size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const bool is_digit = byte >= '0' && byte <= '9';
      const bool was_digit = text[at] >= '0' && text[at] <= '9';
      const bool same_shape =
          was_digit ? is_digit : changed[at] == text[at] || (at == 10 && byte == ' ');
      INFO(changed);
      if (!same_shape) REQUIRE_FALSE(Plain(changed).has_value());
      if (!was_digit && same_shape) REQUIRE(Plain(changed) == Plain(text));
      if (was_digit && same_shape && changed != text) REQUIRE(Plain(changed) != Plain(text));
    }
  }
}

TEST_CASE("forms that PostgreSQL reads in its own ways are not read") {
  for (const char* text : {"",
                           " 2024-01-02",
                           "2024-01-02 ",
                           "2024-1-02",
                           "2024-01-2",
                           "24-01-02",
                           "124-01-02",
                           "20240102",
                           "2024/01/02",
                           "2024.01.02",
                           "01-02-2024",
                           "2024-Jan-02",
                           "January 2, 2024",
                           "2024-01-02 BC",
                           "0044-03-15 BC",
                           "-0044-03-15",
                           "+2024-01-02",
                           "0002024-01-02",
                           "2024-002",
                           "J2451545",
                           "today",
                           "now",
                           "epoch",
                           "-2024-01-02",
                           "2024--1-02"}) {
    INFO(text);
    CHECK_FALSE(ParseDate(text).has_value());
    CHECK_FALSE(Plain(text).has_value());
    CHECK_FALSE(Plain(std::string(text) + " 12:00").has_value());
  }
  for (const char* text : {"2024-01-02",
                           "2024-01-02 ",
                           "2024-01-02T",
                           "2024-01-02 12",
                           "2024-01-02  12:00",
                           "2024-01-02t12:00",
                           "2024-01-02 1:00",
                           "2024-01-02 12:0",
                           "2024-01-02 12:00:",
                           "2024-01-02 12:00:0",
                           "2024-01-02 12:00:00.",
                           "2024-01-02 12:00.5",
                           "2024-01-02 12:00:00,5",
                           "2024-01-02 12:00:00.5e1",
                           "2024-01-02 12:00:00.-5",
                           "2024-01-02 12:00:00..5",
                           "2024-01-02 12:00 PM",
                           "2024-01-02 120000",
                           "2024-01-02T120000",
                           "2024-01-02 -12:00",
                           "2024-01-02 12:00 "}) {
    INFO(text);
    CHECK_FALSE(Plain(text).has_value());
    CHECK_FALSE(Zoned(std::string(text) + "Z").has_value());
  }
}

TEST_CASE("a fraction is read as far as PostgreSQL reads a text") {
  const std::string time = "2024-01-02 12:00:00.";
  CHECK(Plain(time + std::string(128 - time.size(), '0')) == Plain("2024-01-02 12:00"));
  CHECK_FALSE(Plain(time + std::string(129 - time.size(), '0')).has_value());
}
