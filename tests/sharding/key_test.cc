// Goal: a key is read as PostgreSQL would read it or refused with what is allowed. Method: tables
// of spellings; edges of the ranges; every length in binary; random texts. Dates and times are in
// datetime_test.cc, keys from a real server in hash_test.cc.
#include "pglynx/sharding/key.h"

#include <algorithm>
#include <string>
#include <vector>

#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::Error;
using pglynx::ErrorCode;
using pglynx::Result;
using pglynx::sharding::Key;
using pglynx::sharding::KeyType;
using pglynx::sharding::NameOf;
using pglynx::sharding::ParseKeyBinary;
using pglynx::sharding::ParseKeyText;
using pglynx::sharding::Uuid;

constexpr KeyType kTypes[] = {
    KeyType::kSmallint, KeyType::kInteger,   KeyType::kBigint,
    KeyType::kText,     KeyType::kVarchar,   KeyType::kUuid,
    KeyType::kDate,     KeyType::kTimestamp, KeyType::kTimestamptz,
};

// The text of the error, or "read".
std::string ErrorOf(const Result<Key>& key) {
  if (key) return "read";
  CHECK(key.error().code == ErrorCode::kInvalidParameterValue);
  return key.error().detail;
}

std::string TextError(std::string_view text, KeyType type) {
  const std::vector<char> copy(text.begin(), text.end());  // so that a sanitizer sees its ends
  return ErrorOf(ParseKeyText({copy.data(), copy.size()}, type));
}

int64_t Number(const Result<Key>& key) {
  REQUIRE(key.has_value());
  REQUIRE(std::holds_alternative<int64_t>(*key));
  return std::get<int64_t>(*key);
}

std::string BigEndian(int64_t number, size_t bytes) {
  std::string eight;
  pglynx::AppendU32(eight, static_cast<uint32_t>(static_cast<uint64_t>(number) >> 32U));
  pglynx::AppendU32(eight, static_cast<uint32_t>(number));
  return eight.substr(8 - bytes);
}

}  // namespace

TEST_CASE("numbers may have a sign, leading zeros and white space around them") {
  const struct {
    const char* text;
    int64_t number;
  } kCases[] = {
      {"0", 0},
      {"-0", 0},
      {"+0", 0},
      {"7", 7},
      {"+7", 7},
      {"-7", -7},
      {" 7", 7},
      {"7 ", 7},
      {"\t\n\v\f\r -7\t\n\v\f\r ", -7},
      {"007", 7},
      {"32767", 32767},
      {"-32768", -32768},
      {"00000000000000000000000000000032767", 32767},
  };
  for (const auto& example : kCases) {
    for (const KeyType type : {KeyType::kSmallint, KeyType::kInteger, KeyType::kBigint}) {
      INFO(example.text);
      CHECK(Number(ParseKeyText(example.text, type)) == example.number);
    }
  }
}

TEST_CASE("numbers end where their type ends") {
  CHECK(Number(ParseKeyText("2147483647", KeyType::kInteger)) == INT32_MAX);
  CHECK(Number(ParseKeyText("-2147483648", KeyType::kInteger)) == INT32_MIN);
  CHECK(Number(ParseKeyText("9223372036854775807", KeyType::kBigint)) == INT64_MAX);
  CHECK(Number(ParseKeyText("-9223372036854775808", KeyType::kBigint)) == INT64_MIN);
  for (const char* text : {"32768", "-32769", "65536", "99999999999999999999999999"}) {
    CHECK(TextError(text, KeyType::kSmallint) ==
          "invalid sharding key of type smallint: \"" + std::string(text) +
              "\"; allowed are whole numbers from -32768 to 32767");
  }
  for (const char* text : {"2147483648", "-2147483649", "4294967296"}) {
    CHECK(TextError(text, KeyType::kInteger) ==
          "invalid sharding key of type integer: \"" + std::string(text) +
              "\"; allowed are whole numbers from -2147483648 to 2147483647");
  }
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                           "100000000000000000000"}) {
    CHECK(TextError(text, KeyType::kBigint) ==
          "invalid sharding key of type bigint: \"" + std::string(text) +
              "\"; allowed are whole numbers from -9223372036854775808 to 9223372036854775807");
  }
}

TEST_CASE("what is no decimal number is refused") {
  for (const std::string_view text : {"",
                                      " ",
                                      "+",
                                      "-",
                                      "+-5",
                                      "-+5",
                                      "--5",
                                      "++5",
                                      "+ 5",
                                      "- 5",
                                      "5-",
                                      "5 5",
                                      "5,0",
                                      "5.0",
                                      "5e3",
                                      "0x1f",
                                      "0b1",
                                      "1_000",
                                      "five",
                                      "'5'",
                                      "\xc2\xa0"
                                      "5",
                                      "5;",
                                      "NaN",
                                      "infinity"}) {
    for (const KeyType type : {KeyType::kSmallint, KeyType::kInteger, KeyType::kBigint}) {
      INFO(text);
      CHECK(TextError(text, type) != "read");
    }
  }
  CHECK(TextError(std::string_view("5\0", 2), KeyType::kBigint) != "read");
}

TEST_CASE("text is any bytes, and a view of them") {
  for (const KeyType type : {KeyType::kText, KeyType::kVarchar}) {
    for (const std::string_view text : {"", " a ", "'", "\xff\xfe", "line\nline"}) {
      for (const auto& key : {ParseKeyText(text, type), ParseKeyBinary(text, type)}) {
        REQUIRE(key.has_value());
        const auto& found = std::get<std::string_view>(*key);
        CHECK(found == text);
        CHECK(found.data() == text.data());
      }
    }
  }
}

TEST_CASE("a uuid may have braces, and hyphens after any group of four digits") {
  const Uuid expected = {'\x12', '\x3e', '\x45', '\x67', '\xe8', '\x9b', '\x12', '\xd3',
                         '\xa4', '\x56', '\x42', '\x66', '\x14', '\x17', '\x40', '\x00'};
  for (const char* text :
       {"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000",
        "123e4567e89b12d3a456426614174000", "{123e4567-e89b-12d3-a456-426614174000}",
        "{123e4567e89b12d3a456426614174000}", "123e-4567-e89b-12d3-a456-4266-1417-4000",
        "123e4567e89b-12d3a4564266-14174000"}) {
    INFO(text);
    const auto key = ParseKeyText(text, KeyType::kUuid);
    REQUIRE(key.has_value());
    CHECK(std::get<Uuid>(*key) == expected);
  }
  CHECK(std::get<Uuid>(*ParseKeyBinary({expected.data(), expected.size()}, KeyType::kUuid)) ==
        expected);
}

TEST_CASE("what is no uuid is refused") {
  for (const char* text : {"",
                           "{",
                           "}",
                           "{}",
                           "-",
                           "123e4567-e89b-12d3-a456-42661417400",
                           "123e4567-e89b-12d3-a456-4266141740000",
                           "-123e4567e89b12d3a456426614174000",
                           "123e4567e89b12d3a456426614174000-",
                           "123e4567--e89b-12d3-a456-426614174000",
                           "123e45-67e89b12d3a456426614174000",
                           "{123e4567e89b12d3a456426614174000",
                           "123e4567e89b12d3a456426614174000}",
                           "{{123e4567e89b12d3a456426614174000}}",
                           "(123e4567e89b12d3a456426614174000)",
                           " 123e4567e89b12d3a456426614174000",
                           "123e4567e89b12d3a456426614174000 ",
                           "g23e4567e89b12d3a456426614174000",
                           "{123e4567e89b12d3a456426614174000-}",
                           "123e4567 e89b12d3a456426614174000"}) {
    INFO(text);
    CHECK(TextError(text, KeyType::kUuid) ==
          "invalid sharding key of type uuid: \"" + std::string(text) +
              "\"; allowed are 32 hexadecimal digits, a hyphen after any group of four, in braces "
              "or not");
  }
}

TEST_CASE("dates and times are read in ISO form, else the error names it") {
  CHECK(Number(ParseKeyText("2000-01-02", KeyType::kDate)) == 1);
  CHECK(Number(ParseKeyText("2000-01-01 00:00:01", KeyType::kTimestamp)) == 1'000'000);
  CHECK(Number(ParseKeyText("2000-01-01 01:00+01", KeyType::kTimestamptz)) == 0);
  CHECK(TextError("02/01/2000", KeyType::kDate) ==
        "invalid sharding key of type date: \"02/01/2000\"; allowed are YYYY-MM-DD from "
        "0001-01-01 to 294276-12-31, infinity and -infinity");
  CHECK(TextError("2000-01-02", KeyType::kTimestamp) ==
        "invalid sharding key of type timestamp: \"2000-01-02\"; allowed are YYYY-MM-DD "
        "HH:MM[:SS[.ffffff]] (or T for the blank) without a time zone, to the year 294276, "
        "infinity and -infinity");
  CHECK(TextError("2000-01-02 00:00", KeyType::kTimestamptz) ==
        "invalid sharding key of type timestamptz: \"2000-01-02 00:00\"; allowed are YYYY-MM-DD "
        "HH:MM[:SS[.ffffff]] (or T for the blank) with Z, +HH, +HHMM, +HH:MM or +HH:MM:SS (or -), "
        "to the year 294276, infinity and -infinity");
}

TEST_CASE("an error shows 64 bytes of a value at most, and only printable ones") {
  CHECK(TextError("1\n2\t\x7f\xc3\xa4\"", KeyType::kSmallint) ==
        "invalid sharding key of type smallint: \"1?2????\"\"; allowed are whole numbers from "
        "-32768 to 32767");
  CHECK(TextError(std::string(64, 'x'), KeyType::kSmallint) ==
        "invalid sharding key of type smallint: \"" + std::string(64, 'x') +
            "\"; allowed are whole numbers from -32768 to 32767");
  CHECK(TextError(std::string(100'000, 'x'), KeyType::kSmallint) ==
        "invalid sharding key of type smallint: \"" + std::string(64, 'x') +
            "...\"; allowed are whole numbers from -32768 to 32767");
}

TEST_CASE("a binary number may have any width that holds it and must fit its type") {
  const struct {
    KeyType type;
    int64_t min;
    int64_t max;
  } kRanges[] = {
      {KeyType::kSmallint, INT16_MIN, INT16_MAX},
      {KeyType::kInteger, INT32_MIN, INT32_MAX},
      {KeyType::kBigint, INT64_MIN, INT64_MAX},
  };
  for (const auto& range : kRanges) {
    for (const int64_t number : {range.min, range.max, int64_t{-1}, int64_t{0}, int64_t{1}}) {
      CHECK(Number(ParseKeyBinary(BigEndian(number, 8), range.type)) == number);
    }
    for (const int64_t number : {int64_t{INT16_MIN}, int64_t{INT16_MAX}, int64_t{-1}}) {
      CHECK(Number(ParseKeyBinary(BigEndian(number, 2), range.type)) == number);
      CHECK(Number(ParseKeyBinary(BigEndian(number, 4), range.type)) == number);
    }
  }
  CHECK(ErrorOf(ParseKeyBinary(BigEndian(32768, 4), KeyType::kSmallint)) ==
        "invalid sharding key of type smallint: \"32768\"; allowed are whole numbers from -32768 "
        "to 32767");
  CHECK(ErrorOf(ParseKeyBinary(BigEndian(-32769, 8), KeyType::kSmallint)) != "read");
  CHECK(ErrorOf(ParseKeyBinary(BigEndian(int64_t{INT32_MAX} + 1, 8), KeyType::kInteger)) != "read");
  CHECK(ErrorOf(ParseKeyBinary(BigEndian(int64_t{INT32_MIN} - 1, 8), KeyType::kInteger)) != "read");
}

TEST_CASE("binary dates and times are any number of their width") {
  for (const int64_t number : {int64_t{INT32_MIN}, int64_t{-1}, int64_t{0}, int64_t{INT32_MAX}}) {
    CHECK(Number(ParseKeyBinary(BigEndian(number, 4), KeyType::kDate)) == number);
  }
  for (const int64_t number : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    CHECK(Number(ParseKeyBinary(BigEndian(number, 8), KeyType::kTimestamp)) == number);
    CHECK(Number(ParseKeyBinary(BigEndian(number, 8), KeyType::kTimestamptz)) == number);
  }
}

TEST_CASE("a binary value of another length is refused") {
  const struct {
    KeyType type;
    std::vector<size_t> lengths;
    const char* allowed;
  } kCases[] = {
      {KeyType::kSmallint, {2, 4, 8}, "2, 4 or 8"},
      {KeyType::kInteger, {2, 4, 8}, "2, 4 or 8"},
      {KeyType::kBigint, {2, 4, 8}, "2, 4 or 8"},
      {KeyType::kUuid, {16}, "16"},
      {KeyType::kDate, {4}, "4"},
      {KeyType::kTimestamp, {8}, "8"},
      {KeyType::kTimestamptz, {8}, "8"},
  };
  for (const auto& example : kCases) {
    for (size_t length = 0; length < 40; ++length) {
      const std::vector<char> zeros(length);
      const bool allowed = std::find(example.lengths.begin(), example.lengths.end(), length) !=
                           example.lengths.end();
      CHECK(ErrorOf(ParseKeyBinary({zeros.data(), zeros.size()}, example.type)) ==
            (allowed ? "read"
                     : "invalid sharding key of type " + std::string(NameOf(example.type)) + ": " +
                           std::to_string(length) + " bytes in binary format; allowed are " +
                           example.allowed));
    }
  }
}

TEST_CASE("random texts are read or refused with a bounded error") {
  pglynx::SeededRandom random(5);
  constexpr std::string_view kAlphabet = "0123456789012345678901234567890abcdefT+-:-:. {}Z\n";
  for (int round = 0; round < 100'000; ++round) {
    std::string text = random.Bytes(random.Next64() % 40);
    if (round % 8 != 0) {
      for (char& byte : text) byte = kAlphabet[static_cast<unsigned char>(byte) % kAlphabet.size()];
    }
    for (const KeyType type : kTypes) {
      const std::string error = TextError(text, type);
      REQUIRE(error.size() < 400);
      REQUIRE(error.find('\n') == std::string::npos);
    }
  }
}
