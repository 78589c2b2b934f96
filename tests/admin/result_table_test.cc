// Goal: the bytes of RowDescription and DataRow, written out once by hand.

#include "pglynx/admin/result_table.h"

#include <string>

#include "support/catch.h"

namespace pglynx::admin {
namespace {

using namespace std::string_literals;

TEST_CASE("a RowDescription has the OIDs and lengths of the types and text format") {
  std::string out;
  AppendRowDescription(out, {{"a", ColumnType::kText},
                             {"b", ColumnType::kInt4},
                             {"c", ColumnType::kInt8},
                             {"d", ColumnType::kNumeric}});
  const std::string none = "\0\0\0\0\0\0"s;
  const std::string plain = "\xff\xff\xff\xff\0\0"s;
  CHECK(out == "T\0\0\0\x56\0\x04"s + "a\0"s + none + "\0\0\0\x19\xff\xff"s + plain + "b\0"s +
                   none + "\0\0\0\x17\0\x04"s + plain + "c\0"s + none + "\0\0\0\x14\0\x08"s +
                   plain + "d\0"s + none + "\0\0\x06\xa4\xff\xff"s + plain);
}

TEST_CASE("a DataRow tells NULL from an empty text") {
  std::string out;
  AppendDataRow(out, {"xy", "", std::nullopt});
  CHECK(out == "D\0\0\0\x14\0\x03\0\0\0\x02xy\0\0\0\0\xff\xff\xff\xff"s);
}

TEST_CASE("messages are appended behind what is there") {
  std::string out = "Z";
  AppendRowDescription(out, {});
  AppendDataRow(out, {});
  CHECK(out == "ZT\0\0\0\x06\0\0D\0\0\0\x06\0\0"s);
}

}  // namespace
}  // namespace pglynx::admin
