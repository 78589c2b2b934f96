#pragma once

// What the SHOW commands print: from plain values to tables. Pure; golden-tested in
// tests/golden/admin_tables.txt.
//
// Names, order and types of the columns are PgBouncer's, so that its exporters and scripts
// work; columns and rows of our own stand behind them. What we do not have is what PgBouncer
// prints when it is not used: no peers, no DNS cache. A limit of 0 is none.
// - Rows are unique by their name columns: one for each (database, user) in POOLS, one for
//   each database in DATABASES and STATS*, one for each user in USERS. Where a database has
//   several servers or shards, there is one for each server instead, by its instance name:
//   exporters refuse everything if a name stands there twice.
// - An int4 holds at most 2147483647: larger numbers stop there. The `id` of a connection
//   is its low 31 bits; `ptr` and `link` have it whole, in hexadecimal.
// - Averages are over the snapshot's stats period; 0 as long as there was none.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/admin/command.h"
#include "pglynx/admin/result_table.h"
#include "pglynx/config/describe.h"
#include "pglynx/pool/snapshot.h"

namespace pglynx::admin {

// Where the tables get what they print. Nothing is kept of it.
struct TableSource {
  const pool::Snapshot& snapshot;
  const std::vector<config::ConfigRow>& config;
  std::string_view version;  // the bare number
};

// The parts of a TableSource that the table of a SHOW reads.
struct TableNeeds {
  bool pools = false;
  bool connections = false;  // and the snapshot's clients and servers
  bool config = false;
};
TableNeeds NeedsOf(ShowWhat what);

// The columns do not depend on the source. kHelp has a table without columns.
ResultTable MakeTable(ShowWhat what, const TableSource& source);

ResultTable VersionTable(std::string_view version);
ResultTable StateTable(const pool::Snapshot& snapshot);
ResultTable ConfigTable(const std::vector<config::ConfigRow>& config);
ResultTable PoolsTable(const pool::Snapshot& snapshot);
ResultTable DatabasesTable(const pool::Snapshot& snapshot);
ResultTable UsersTable(const pool::Snapshot& snapshot);
ResultTable ListsTable(const pool::Snapshot& snapshot);
ResultTable ClientsTable(const pool::Snapshot& snapshot);
ResultTable ServersTable(const pool::Snapshot& snapshot);
ResultTable StatsTable(const pool::Snapshot& snapshot);
ResultTable StatsTotalsTable(const pool::Snapshot& snapshot);
ResultTable StatsAveragesTable(const pool::Snapshot& snapshot);
ResultTable TotalsTable(const pool::Snapshot& snapshot);
// A row for each shard in which a banned host serves.
ResultTable BansTable(const pool::Snapshot& snapshot);
ResultTable ShardsTable(const pool::Snapshot& snapshot);

// What BAN and UNBAN print of the bans that they have given or lifted. The user is always "*": a
// ban is for all of them.
ResultTable ChangedBansTable(std::span<const pool::BanRow> bans);

// "pglynx 0.1.0"
std::string VersionText(std::string_view version);

// Microseconds since 1970 as "2026-11-22 17:30:00 UTC", from 1970 to 9999.
std::string TimestampText(int64_t microseconds);

}  // namespace pglynx::admin
