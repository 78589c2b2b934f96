// SHOW STATS, STATS_TOTALS, STATS_AVERAGES and TOTALS: the same numbers under the four sets of
// names that PgBouncer gave them, and behind all of its columns our own.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "admin/cells.h"
#include "admin/instances.h"
#include "pglynx/admin/tables.h"

namespace pglynx::admin {
namespace {

using enum ColumnType;
using metrics::PoolStats;

enum class Average : uint8_t {
  kPerSecond,
  kPerAssignment,  // microseconds of one server assignment
  kPerXact,        // microseconds of one transaction
  kPerQuery,       // microseconds of one query
};

struct Measure {
  uint64_t PoolStats::* value;
  Average average;
  std::string_view stats_total;    // SHOW STATS
  std::string_view stats_average;  // SHOW STATS
  std::string_view total;          // SHOW STATS_TOTALS
  std::string_view average_name;   // SHOW STATS_AVERAGES
  std::string_view totals_total;   // SHOW TOTALS
  std::string_view totals_average;
};

constexpr std::array<Measure, 14> kMeasures = {{
    {&PoolStats::server_assignment_count, Average::kPerSecond, "total_server_assignment_count",
     "avg_server_assignment_count", "server_assignment_count", "server_assignment_count",
     "total_server_assignment_count", "avg_server_assignment_count"},
    {&PoolStats::xact_count, Average::kPerSecond, "total_xact_count", "avg_xact_count",
     "xact_count", "xact_count", "total_xact_count", "avg_xact_count"},
    {&PoolStats::query_count, Average::kPerSecond, "total_query_count", "avg_query_count",
     "query_count", "query_count", "total_query_count", "avg_query_count"},
    {&PoolStats::bytes_received, Average::kPerSecond, "total_received", "avg_recv",
     "bytes_received", "bytes_received", "total_client_bytes", "avg_client_bytes"},
    {&PoolStats::bytes_sent, Average::kPerSecond, "total_sent", "avg_sent", "bytes_sent",
     "bytes_sent", "total_server_bytes", "avg_server_bytes"},
    {&PoolStats::xact_time, Average::kPerXact, "total_xact_time", "avg_xact_time", "xact_time",
     "xact_time", "total_xact_time", "avg_xact_time"},
    {&PoolStats::query_time, Average::kPerQuery, "total_query_time", "avg_query_time", "query_time",
     "query_time", "total_query_time", "avg_query_time"},
    {&PoolStats::wait_time, Average::kPerAssignment, "total_wait_time", "avg_wait_time",
     "wait_time", "wait_time", "total_wait_time", "avg_wait_time"},
    {&PoolStats::client_parse_count, Average::kPerSecond, "total_client_parse_count",
     "avg_client_parse_count", "client_parse_count", "avg_client_parse_count",
     "total_ps_client_parse_count", "avg_ps_client_parse_count"},
    {&PoolStats::server_parse_count, Average::kPerSecond, "total_server_parse_count",
     "avg_server_parse_count", "server_parse_count", "avg_server_parse_count",
     "total_ps_server_parse_count", "avg_ps_server_parse_count"},
    {&PoolStats::bind_count, Average::kPerSecond, "total_bind_count", "avg_bind_count",
     "bind_count", "avg_bind_count", "total_ps_bind_count", "avg_ps_bind_count"},
    {&PoolStats::client_login_count, Average::kPerSecond, "total_client_login_count",
     "avg_client_login_count", "client_login_count", "avg_client_login_count",
     "total_client_login_count", "avg_client_login_count"},
    {&PoolStats::pin_count, Average::kPerSecond, "total_pin_count", "avg_pin_count", "pin_count",
     "avg_pin_count", "total_pin_count", "avg_pin_count"},
    {&PoolStats::probe_count, Average::kPerSecond, "total_probe_count", "avg_probe_count",
     "probe_count", "avg_probe_count", "total_probe_count", "avg_probe_count"},
}};

// PgBouncer's, then our own: who counts columns finds its totals and averages where they were.
using Measures = std::span<const Measure>;
constexpr size_t kPgbouncerMeasures = 12;
constexpr std::array<Measures, 2> kOwners = {Measures(kMeasures).first(kPgbouncerMeasures),
                                             Measures(kMeasures).subspan(kPgbouncerMeasures)};

struct Sums {
  PoolStats now;
  PoolStats before;  // one stats period ago
};

void Add(Sums& sums, const pool::PoolRow& row) {
  sums.now += row.stats;
  sums.before += row.stats_previous;
}

// 0 where a pool was replaced, so that its numbers began again.
uint64_t Growth(const Sums& sums, uint64_t PoolStats::* value) {
  const uint64_t now = sums.now.*value;
  const uint64_t before = sums.before.*value;
  return now > before ? now - before : 0;
}

uint64_t PerSecond(uint64_t growth, uint64_t period_us) {
  if (period_us == 0) return 0;
  // In two parts: 18 terabytes in a period would not fit a single product.
  return growth / period_us * kMicrosecondsPerSecond +
         growth % period_us * kMicrosecondsPerSecond / period_us;
}

uint64_t PerItem(uint64_t growth, uint64_t items) {
  return items == 0 ? 0 : growth / items;
}

uint64_t AverageOf(const Measure& measure, const Sums& sums, uint64_t period_us) {
  if (period_us == 0) return 0;
  const uint64_t growth = Growth(sums, measure.value);
  switch (measure.average) {
    case Average::kPerSecond:
      return PerSecond(growth, period_us);
    case Average::kPerAssignment:
      return PerItem(growth, Growth(sums, &PoolStats::server_assignment_count));
    case Average::kPerXact:
      return PerItem(growth, Growth(sums, &PoolStats::xact_count));
    case Average::kPerQuery:
      return PerItem(growth, Growth(sums, &PoolStats::query_count));
  }
  return 0;
}

struct Selection {
  bool totals = false;
  bool averages = false;
};

// A row for each database, or for each of its servers: its name, what is selected of its users'
// sums, and which server it is; the columns of the last go behind the others.
void AppendInstanceRows(ResultTable& table, const pool::Snapshot& snapshot, Selection selection) {
  table.columns.push_back({"shard", kInt4});
  table.columns.push_back({"role", kText});
  for (const Instance& instance : InstancesOf(snapshot)) {
    Sums sums;
    for (const pool::PoolRow* row : instance) Add(sums, *row);
    const pool::PoolRow& first = *instance.front();
    Row cells = {InstanceName(first)};
    for (const Measures measures : kOwners) {
      for (const Measure& measure : measures) {
        if (selection.totals) cells.emplace_back(NumericCell(sums.now.*measure.value));
      }
      for (const Measure& measure : measures) {
        if (!selection.averages) break;
        cells.emplace_back(NumericCell(AverageOf(measure, sums, snapshot.stats_period_us)));
      }
    }
    cells.emplace_back(Int4Cell(first.shard));
    cells.emplace_back(TextCell(first.role));
    table.rows.push_back(std::move(cells));
  }
}

void AppendColumns(ResultTable& table, Measures measures, std::string_view Measure::* name) {
  for (const Measure& measure : measures) table.columns.push_back({measure.*name, kNumeric});
}

}  // namespace

ResultTable StatsTable(const pool::Snapshot& snapshot) {
  ResultTable table{{{"database", kText}}};
  for (const Measures measures : kOwners) {
    AppendColumns(table, measures, &Measure::stats_total);
    AppendColumns(table, measures, &Measure::stats_average);
  }
  AppendInstanceRows(table, snapshot, {.totals = true, .averages = true});
  return table;
}

ResultTable StatsTotalsTable(const pool::Snapshot& snapshot) {
  ResultTable table{{{"database", kText}}};
  AppendColumns(table, kMeasures, &Measure::total);
  AppendInstanceRows(table, snapshot, {.totals = true});
  return table;
}

ResultTable StatsAveragesTable(const pool::Snapshot& snapshot) {
  ResultTable table{{{"database", kText}}};
  AppendColumns(table, kMeasures, &Measure::average_name);
  AppendInstanceRows(table, snapshot, {.averages = true});
  return table;
}

ResultTable TotalsTable(const pool::Snapshot& snapshot) {
  Sums sums;
  for (const pool::PoolRow& row : snapshot.pools) Add(sums, row);
  ResultTable table{{{"name", kText}, {"value", kNumeric}}};
  for (const Measures measures : kOwners) {
    for (const Measure& measure : measures) {
      table.rows.push_back({TextCell(measure.totals_total), NumericCell(sums.now.*measure.value)});
    }
    for (const Measure& measure : measures) {
      table.rows.push_back({TextCell(measure.totals_average),
                            NumericCell(AverageOf(measure, sums, snapshot.stats_period_us))});
    }
  }
  return table;
}

}  // namespace pglynx::admin
