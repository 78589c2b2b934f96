// Goal: durations, sizes and integers are read exactly or refused; what is formatted reads
// back as the same value.
#include "config/units.h"

#include <limits>

#include "pglynx/core/random.h"
#include "support/catch.h"

using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using pglynx::Duration;
using pglynx::SeededRandom;
using pglynx::config::FormatBytes;
using pglynx::config::FormatDuration;
using pglynx::config::ParseBytes;
using pglynx::config::ParseDuration;
using pglynx::config::ParseInteger;

TEST_CASE("ParseDuration reads digits and a unit") {
  const struct {
    const char* text;
    Duration duration;
  } cases[] = {{"0s", 0us}, {"500us", 500us}, {"250ms", 250ms}, {"30s", 30s}, {"5m", 5min},
               {"1h", 1h},  {"1d", 24h},      {"007s", 7s},     {"0ms", 0us}, {"365d", 8760h}};
  for (const auto& c : cases) {
    INFO(c.text);
    REQUIRE(ParseDuration(c.text));
    CHECK(*ParseDuration(c.text) == c.duration);
  }
}

TEST_CASE("ParseDuration refuses every other form") {
  for (const char* text : {"", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5sec",
                           "5min", "1h30m", "0x5s", "5\xc2\xb5s", "ms5"}) {
    INFO(text);
    CHECK_FALSE(ParseDuration(text));
  }
}

TEST_CASE("ParseDuration makes what is too long the longest duration") {
  for (const char* text : {"99999999999999999999s", "18446744073709551615us", "9223372036855s",
                           "18446744073709551616us", "200000000d"}) {
    INFO(text);
    REQUIRE(ParseDuration(text));
    CHECK(*ParseDuration(text) == Duration::max());
  }
  CHECK(*ParseDuration("9223372036854775807us") == Duration::max());
  CHECK(*ParseDuration("9223372036854775806us") == Duration::max() - 1us);
}

TEST_CASE("ParseBytes reads digits and a unit") {
  const struct {
    const char* text;
    uint64_t bytes;
  } cases[] = {{"0kB", 0},
               {"10kB", 10'000},
               {"1MB", 1'000'000},
               {"2GB", 2000000000},
               {"64KiB", 65536},
               {"1MiB", 1048576},
               {"2GiB", 2147483648},
               {"17179869183GiB", 18446744072635809792U},
               {"17179869184GiB", std::numeric_limits<uint64_t>::max()},
               {"99999999999999999999kB", std::numeric_limits<uint64_t>::max()}};
  for (const auto& c : cases) {
    INFO(c.text);
    REQUIRE(ParseBytes(c.text));
    CHECK(*ParseBytes(c.text) == c.bytes);
  }
  for (const char* text : {"", "5", "5B", "kB", "5KB", "5kib", "5 KiB", "-5KiB", "5KiBs"}) {
    INFO(text);
    CHECK_FALSE(ParseBytes(text));
  }
}

TEST_CASE("ParseInteger reads whole numbers that fit and nothing else") {
  CHECK(ParseInteger("-12") == -12);
  CHECK(ParseInteger("9223372036854775807") == std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808"}) {
    INFO(text);
    CHECK_FALSE(ParseInteger(text));
  }
}

TEST_CASE("FormatDuration uses the largest whole unit") {
  CHECK(FormatDuration(0us) == "0");
  CHECK(FormatDuration(1us) == "1us");
  CHECK(FormatDuration(1500us) == "1500us");
  CHECK(FormatDuration(90s) == "90s");
  CHECK(FormatDuration(120s) == "2m");
  CHECK(FormatDuration(24h) == "1d");
  CHECK(FormatDuration(25h) == "25h");
}

TEST_CASE("what is formatted reads back as the same value") {
  SeededRandom random(1);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t bits = random.Next64() >> (random.Next64() % 60);
    const Duration duration(static_cast<int64_t>(bits >> 1U));
    if (duration != 0us) CHECK(*ParseDuration(FormatDuration(duration)) == duration);
    const std::string text = FormatBytes(bits);
    const auto plain = ParseInteger(text);
    if (text.ends_with('B')) CHECK(*ParseBytes(text) == bits);
    if (plain) CHECK(static_cast<uint64_t>(*plain) == bits);
  }
}
