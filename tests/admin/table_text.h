#pragma once

// Tables of the console as text, for tests. Header only.
//
//   CHECK(CellOf(PoolsTable(snapshot), 0, "cl_active") == "3");

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/admin/result_table.h"
#include "support/catch.h"

namespace pglynx::admin {

inline const char* TypeName(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "text";
    case ColumnType::kInt4:
      return "int4";
    case ColumnType::kInt8:
      return "int8";
    case ColumnType::kNumeric:
      return "numeric";
  }
  return "?";
}

// A line of columns with their types, then one for each row.
inline std::string Printed(const ResultTable& table) {
  std::string text;
  for (const Column& column : table.columns) {
    text += text.empty() ? "" : " | ";
    text += std::string(column.name) + ' ' + TypeName(column.type);
  }
  text += '\n';
  for (const Row& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "" : " | ";
      text += !row[i] ? "NULL" : row[i]->empty() ? "''" : *row[i];
    }
    text += '\n';
  }
  return text;
}

inline size_t IndexOf(const ResultTable& table, std::string_view name) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == name) return i;
  }
  FAIL("no column " << name);
  return 0;
}

using Names = std::vector<std::string_view>;

inline Names LastColumns(const ResultTable& table, size_t count) {
  Names names;
  for (size_t i = table.columns.size() - count; i < table.columns.size(); ++i) {
    names.push_back(table.columns[i].name);
  }
  return names;
}

inline std::string CellOf(const ResultTable& table, size_t row, std::string_view name) {
  return table.rows.at(row).at(IndexOf(table, name)).value_or("NULL");
}

// What the golden file holds; `text` is written to it first where the environment has
// PGLYNX_UPDATE_GOLDEN=1.
inline std::string Golden(const char* path, std::string_view text) {
  const char* update = std::getenv("PGLYNX_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") std::ofstream(path) << text;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  return golden.str();
}

}  // namespace pglynx::admin
