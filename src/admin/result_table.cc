#include "pglynx/admin/result_table.h"

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::admin {
namespace {

constexpr uint32_t kNoTable = 0;
constexpr uint16_t kNoAttribute = 0;
constexpr uint32_t kNoTypeModifier = 0xffffffffU;
constexpr uint16_t kTextFormat = 0;
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

void AppendRowDescription(std::string& out, const std::vector<Column>& columns) {
  const wire::MessageScope message(out, 'T');
  AppendU16(out, static_cast<uint16_t>(columns.size()));
  for (const Column& column : columns) {
    wire::AppendCString(out, column.name);
    AppendU32(out, kNoTable);
    AppendU16(out, kNoAttribute);
    AppendU32(out, TypeOid(column.type));
    AppendU16(out, TypeLength(column.type));
    AppendU32(out, kNoTypeModifier);
    AppendU16(out, kTextFormat);
  }
}

void AppendDataRow(std::string& out, const Row& row) {
  const wire::MessageScope message(out, 'D');
  AppendU16(out, static_cast<uint16_t>(row.size()));
  for (const std::optional<std::string>& cell : row) {
    if (!cell) {
      AppendU32(out, kNullLength);
      continue;
    }
    AppendU32(out, static_cast<uint32_t>(cell->size()));
    out += *cell;
  }
}

}  // namespace pglynx::admin
