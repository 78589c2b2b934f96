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

TEST_CASE("binary cells are what the types' send functions write") {
  using pglynx::admin::CellFormat;
  using pglynx::admin::ColumnType;
  std::string out;
  pglynx::admin::AppendDataRow(out, {"7", "4294967296", "123456789", "0", "text", std::nullopt},
                               {{"a", ColumnType::kInt4},
                                {"b", ColumnType::kInt8},
                                {"c", ColumnType::kNumeric},
                                {"d", ColumnType::kNumeric},
                                {"e", ColumnType::kText},
                                {"f", ColumnType::kInt4}},
                               std::vector<CellFormat>(6, CellFormat::kBinary));
  const std::string_view expected(
      "\0\x06"
      "\0\0\0\x04\0\0\0\x07"
      "\0\0\0\x08\0\0\0\x01\0\0\0\0"
      "\0\0\0\x0e\0\x03\0\x02\0\0\0\0\0\x01\x09\x29\x1a\x85"
      "\0\0\0\x08\0\0\0\0\0\0\0\0"
      "\0\0\0\x04text"
      "\xff\xff\xff\xff",
      2 + 8 + 12 + 18 + 12 + 8 + 4);
  CHECK(std::string_view(out).substr(5) == expected);
}
