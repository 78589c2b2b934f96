#pragma once

// The result of a SHOW as a value, and its messages ("Message Formats" in the PostgreSQL
// manual). Cells are held as text; the types are those of PgBouncer's columns, by which
// drivers and exporters choose how to read it. A column may be asked for in binary, as
// asyncpg, pgx and tokio-postgres do for all of theirs.
//
//   ResultTable table{{{"version", ColumnType::kText}}, {}};
//   table.rows.push_back({"pglynx 0.1.0"});
//   AppendRowDescription(out, table.columns);
//   for (const Row& row : table.rows) AppendDataRow(out, row);

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::admin {

enum class ColumnType : uint8_t { kText, kInt4, kInt8, kNumeric };

struct Column {
  std::string_view name;  // a static string
  ColumnType type = ColumnType::kText;
};

using Row = std::vector<std::optional<std::string>>;  // nothing = NULL

// Every row has as many cells as there are columns: fewer than 32768.
struct ResultTable {
  std::vector<Column> columns;
  std::vector<Row> rows = {};
};

// The type's OID in pg_type.
uint32_t TypeOid(ColumnType type);

enum class CellFormat : uint8_t { kText = 0, kBinary = 1 };  // as on the wire

// `formats`: one for each column, or empty: all text.
void AppendRowDescription(std::string& out, const std::vector<Column>& columns,
                          const std::vector<CellFormat>& formats = {});
void AppendDataRow(std::string& out, const Row& row, const std::vector<Column>& columns = {},
                   const std::vector<CellFormat>& formats = {});

}  // namespace pglynx::admin
