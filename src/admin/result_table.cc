#include "pglynx/admin/result_table.h"

#include <charconv>

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {
namespace {

constexpr uint32_t kNoTable = 0;
constexpr uint16_t kNoAttribute = 0;
constexpr uint32_t kNoTypeModifier = 0xffffffffU;
constexpr uint32_t kNullLength = 0xffffffffU;

// pg_type.typlen: negative for types of variable length.
uint16_t TypeLength(ColumnType type) {
  switch (type) {
    case ColumnType::kInt4:
      return 4;
    case ColumnType::kInt8:
      return 8;
    case ColumnType::kText:
    case ColumnType::kNumeric:
      break;
  }
  return 0xffffU;
}

// numeric_send (src/backend/utils/adt/numeric.c): groups of four decimal digits, most
// significant first. Our numbers are whole; a minus sign is understood.
void AppendBinaryNumeric(std::string& out, std::string_view digits) {
  const bool negative = !digits.empty() && digits.front() == '-';
  if (negative) digits.remove_prefix(1);
  std::vector<uint16_t> groups;
  for (size_t end = digits.size(); end > 0;) {
    const size_t begin = end > 4 ? end - 4 : 0;
    uint16_t group = 0;
    for (const char digit : digits.substr(begin, end - begin)) {
      group = static_cast<uint16_t>(group * 10 + (digit - '0'));
    }
    groups.insert(groups.begin(), group);
    end = begin;
  }
  while (!groups.empty() && groups.front() == 0) groups.erase(groups.begin());
  AppendU32(out, static_cast<uint32_t>(8 + 2 * groups.size()));
  AppendU16(out, static_cast<uint16_t>(groups.size()));
  AppendU16(out, static_cast<uint16_t>(groups.empty() ? 0 : groups.size() - 1));
  AppendU16(out, negative ? 0x4000U : 0U);
  AppendU16(out, 0);  // digits behind the point
  for (const uint16_t group : groups) AppendU16(out, group);
}

void AppendBinaryCell(std::string& out, ColumnType type, std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  const auto bits = static_cast<uint64_t>(number);
  switch (type) {
    case ColumnType::kInt4:
      AppendU32(out, 4);
      AppendU32(out, static_cast<uint32_t>(bits));
      return;
    case ColumnType::kInt8:
      AppendU32(out, 8);
      AppendU32(out, static_cast<uint32_t>(bits >> 32U));
      AppendU32(out, static_cast<uint32_t>(bits));
      return;
    case ColumnType::kNumeric:
      AppendBinaryNumeric(out, text);
      return;
    case ColumnType::kText:
      break;
  }
  AppendU32(out, static_cast<uint32_t>(text.size()));
  out += text;
}

}  // namespace

uint32_t TypeOid(ColumnType type) {  // src/include/catalog/pg_type.dat
  switch (type) {
    case ColumnType::kText:
      return 25;
    case ColumnType::kInt4:
      return 23;
    case ColumnType::kInt8:
      return 20;
    case ColumnType::kNumeric:
      return 1700;
  }
  return 25;
}

void AppendRowDescription(std::string& out, const std::vector<Column>& columns,
                          const std::vector<CellFormat>& formats) {
  const wire::MessageScope message(out, 'T');
  AppendU16(out, static_cast<uint16_t>(columns.size()));
  for (size_t i = 0; i < columns.size(); ++i) {
    wire::AppendCString(out, columns[i].name);
    AppendU32(out, kNoTable);
    AppendU16(out, kNoAttribute);
    AppendU32(out, TypeOid(columns[i].type));
    AppendU16(out, TypeLength(columns[i].type));
    AppendU32(out, kNoTypeModifier);
    AppendU16(out, formats.empty() ? 0 : static_cast<uint16_t>(formats[i]));
  }
}

void AppendDataRow(std::string& out, const Row& row, const std::vector<Column>& columns,
                   const std::vector<CellFormat>& formats) {
  const wire::MessageScope message(out, 'D');
  AppendU16(out, static_cast<uint16_t>(row.size()));
  for (size_t i = 0; i < row.size(); ++i) {
    if (!row[i]) {
      AppendU32(out, kNullLength);
    } else if (!formats.empty() && formats[i] == CellFormat::kBinary) {
      AppendBinaryCell(out, columns[i].type, *row[i]);
    } else {
      AppendU32(out, static_cast<uint32_t>(row[i]->size()));
      out += *row[i];
    }
  }
}

}  // namespace pglynx::admin
