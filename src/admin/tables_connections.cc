// SHOW CLIENTS and SHOW SERVERS.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "admin/cells.h"
#include "admin/instances.h"
#include "pglynx/admin/tables.h"

namespace pglynx::admin {
namespace {

using enum ColumnType;
using pool::ConnectionRow;

std::vector<Column> ConnectionColumns() {
  return {{"type", kText},
          {"user", kText},
          {"database", kText},
          {"replication", kText},
          {"state", kText},
          {"addr", kText},
          {"port", kInt4},
          {"local_addr", kText},
          {"local_port", kInt4},
          {"connect_time", kText},
          {"request_time", kText},
          {"wait", kInt4},
          {"wait_us", kInt4},
          {"close_needed", kInt4},
          {"ptr", kText},
          {"link", kText},
          {"remote_pid", kInt4},
          {"tls", kText},
          {"application_name", kText},
          {"prepared_statements", kInt4},
          {"id", kInt4}};
}

// Stands where PgBouncer prints an address in memory: what joins `link` to `ptr`.
std::string Handle(uint64_t id) {
  return id == 0 ? std::string() : fmt::format("{:#x}", id);
}

Row ConnectionCells(const ConnectionRow& row) {
  constexpr uint64_t kIdMask = 0x7fffffff;
  // Scripts cast both to a timestamp: a connection without a request shows when it began.
  const int64_t request_time = row.request_time_us == 0 ? row.connect_time_us : row.request_time_us;
  return {row.is_client ? "C" : "S",
          row.user,
          InstanceName(row),
          "none",
          TextCell(row.state),
          row.address,
          Int4Cell(row.port),
          row.local_address,
          Int4Cell(row.local_port),
          TimestampText(row.connect_time_us),
          TimestampText(request_time),
          Int4Cell(row.wait_us / kMicrosecondsPerSecond),
          Int4Cell(row.wait_us % kMicrosecondsPerSecond),
          row.close_needed ? "1" : "0",
          Handle(row.id),
          Handle(row.link),
          std::to_string(static_cast<int32_t>(row.remote_pid)),
          "",
          row.application_name,
          Int4Cell(row.prepared_statements),
          std::to_string(row.id & kIdMask)};
}

}  // namespace

std::string TimestampText(int64_t microseconds) {
  constexpr int64_t kLast = 253402300799;  // 9999-12-31 23:59:59
  const std::chrono::sys_seconds time{
      std::chrono::seconds(std::clamp<int64_t>(microseconds / 1'000'000, 0, kLast))};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

// `pin_seconds` is text, as an int4 column has nothing empty.
ResultTable ClientsTable(const pool::Snapshot& snapshot) {
  ResultTable table{ConnectionColumns()};
  table.columns.push_back({"pin_reason", kText});
  table.columns.push_back({"pin_seconds", kText});
  for (const ConnectionRow& row : snapshot.clients) {
    Row cells = ConnectionCells(row);
    cells.emplace_back(row.pin_reason);
    cells.emplace_back(row.pin_reason.empty() ? ""
                                              : Int4Cell(row.pin_age_us / kMicrosecondsPerSecond));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

ResultTable ServersTable(const pool::Snapshot& snapshot) {
  ResultTable table{ConnectionColumns()};
  table.columns.push_back({"shard", kInt4});
  table.columns.push_back({"role", kText});
  for (const ConnectionRow& row : snapshot.servers) {
    Row cells = ConnectionCells(row);
    cells.emplace_back(Int4Cell(row.shard));
    cells.emplace_back(TextCell(row.role));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

}  // namespace pglynx::admin
