// Goal: ByteReader never reads past the end and stays failed once it failed.
#include "pglynx/core/bytes.h"

#include "support/catch.h"

using pglynx::ByteReader;

TEST_CASE("ByteReader reads what the protocol writes") {
  std::string body;
  pglynx::AppendU32(body, 0x01020304U);
  pglynx::AppendU16(body, 0xfffeU);
  body += std::string_view("abc\0\x07", 5);
  ByteReader reader(body);
  CHECK(reader.U32() == 0x01020304U);
  CHECK(reader.U16() == 0xfffeU);
  CHECK(reader.CString() == "abc");
  CHECK(reader.U8() == 7);
  CHECK(reader.AtEnd());
}

TEST_CASE("ByteReader stays failed after the first short read") {
  for (size_t length = 0; length < 4; ++length) {
    ByteReader reader(std::string_view("\0\0\0", 3).substr(0, length));
    CHECK(reader.U32() == 0);
    CHECK_FALSE(reader.ok());
    CHECK(reader.U8() == 0);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("ByteReader refuses a string without its terminator") {
  ByteReader reader("no terminator");
  CHECK(reader.CString().empty());
  CHECK_FALSE(reader.ok());
  CHECK_FALSE(reader.AtEnd());
}
