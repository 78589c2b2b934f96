#include "pglynx/admin/tables.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "admin/cells.h"

namespace pglynx::admin {
namespace {

using enum ColumnType;
using pool::PoolRow;
using pool::Snapshot;

// The rows at the front with the first one's database. Precondition: not empty.
std::span<const PoolRow> FirstDatabase(std::span<const PoolRow> rows) {
  const auto other = std::ranges::find_if(
      rows, [&](const PoolRow& row) { return row.database != rows.front().database; });
  return {rows.begin(), other};
}

// What a user has in all of its pools together.
struct UserSums {
  uint32_t pool_size = 0;
  std::string_view pool_mode;
  bool same_size = true;
  bool same_mode = true;
  uint64_t servers = 0;
  uint64_t clients = 0;
};

std::map<std::string_view, UserSums> SumsByUser(const Snapshot& snapshot) {
  std::map<std::string_view, UserSums> users;
  for (const PoolRow& row : snapshot.pools) {
    const auto [found, added] = users.try_emplace(
        row.user, UserSums{.pool_size = row.pool_size, .pool_mode = row.pool_mode});
    UserSums& sums = found->second;
    sums.same_size = sums.same_size && sums.pool_size == row.pool_size;
    sums.same_mode = sums.same_mode && sums.pool_mode == row.pool_mode;
    sums.servers += ServersOf(row);
    sums.clients += ClientsOf(row);
  }
  return users;
}

}  // namespace

TableNeeds NeedsOf(ShowWhat what) {
  switch (what) {
    case ShowWhat::kVersion:
    case ShowWhat::kHelp:
    case ShowWhat::kState:
      return {};
    case ShowWhat::kConfig:
      return {.config = true};
    case ShowWhat::kClients:
    case ShowWhat::kServers:
      return {.pools = true, .connections = true};
    case ShowWhat::kPools:
    case ShowWhat::kDatabases:
    case ShowWhat::kUsers:
    case ShowWhat::kStats:
    case ShowWhat::kStatsTotals:
    case ShowWhat::kStatsAverages:
    case ShowWhat::kTotals:
    case ShowWhat::kLists:
      return {.pools = true};
  }
  return {};
}

ResultTable MakeTable(ShowWhat what, const TableSource& source) {
  switch (what) {
    case ShowWhat::kVersion:
      return VersionTable(source.version);
    case ShowWhat::kHelp:
      return {};
    case ShowWhat::kPools:
      return PoolsTable(source.snapshot);
    case ShowWhat::kClients:
      return ClientsTable(source.snapshot);
    case ShowWhat::kServers:
      return ServersTable(source.snapshot);
    case ShowWhat::kDatabases:
      return DatabasesTable(source.snapshot);
    case ShowWhat::kUsers:
      return UsersTable(source.snapshot);
    case ShowWhat::kStats:
      return StatsTable(source.snapshot);
    case ShowWhat::kStatsTotals:
      return StatsTotalsTable(source.snapshot);
    case ShowWhat::kStatsAverages:
      return StatsAveragesTable(source.snapshot);
    case ShowWhat::kTotals:
      return TotalsTable(source.snapshot);
    case ShowWhat::kLists:
      return ListsTable(source.snapshot);
    case ShowWhat::kConfig:
      return ConfigTable(source.config);
    case ShowWhat::kState:
      return StateTable();
  }
  return {};
}

std::string VersionText(std::string_view version) {
  return fmt::format("pglynx {}", version);
}

ResultTable VersionTable(std::string_view version) {
  return {{{"version", kText}}, {{VersionText(version)}}};
}

ResultTable StateTable() {
  return {{{"key", kText}, {"value", kText}},
          {{"active", "yes"}, {"paused", "no"}, {"suspended", "no"}}};
}

ResultTable ConfigTable(const std::vector<config::ConfigRow>& config) {
  ResultTable table{{{"key", kText}, {"value", kText}, {"default", kText}, {"changeable", kText}}};
  for (const config::ConfigRow& row : config) {
    table.rows.push_back({row.key, row.value, row.default_value, row.changeable ? "yes" : "no"});
  }
  return table;
}

ResultTable PoolsTable(const Snapshot& snapshot) {
  ResultTable table{{{"database", kText},
                     {"user", kText},
                     {"cl_active", kInt4},
                     {"cl_waiting", kInt4},
                     {"cl_active_cancel_req", kInt4},
                     {"cl_waiting_cancel_req", kInt4},
                     {"sv_active", kInt4},
                     {"sv_active_cancel", kInt4},
                     {"sv_being_canceled", kInt4},
                     {"sv_idle", kInt4},
                     {"sv_used", kInt4},
                     {"sv_tested", kInt4},
                     {"sv_login", kInt4},
                     {"maxwait", kInt4},
                     {"maxwait_us", kInt4},
                     {"pool_mode", kText},
                     {"load_balance_hosts", kText}}};
  for (const PoolRow& row : snapshot.pools) {
    table.rows.push_back(
        {row.database, row.user, Int4Cell(row.cl_active), Int4Cell(row.cl_waiting),
         Int4Cell(row.cl_active_cancel_req), Int4Cell(row.cl_waiting_cancel_req),
         Int4Cell(row.sv_active), Int4Cell(row.sv_active_cancel), Int4Cell(row.sv_being_canceled),
         Int4Cell(row.sv_idle), Int4Cell(row.sv_used), Int4Cell(row.sv_tested),
         Int4Cell(row.sv_login), Int4Cell(row.maxwait_us / kMicrosecondsPerSecond),
         Int4Cell(row.maxwait_us % kMicrosecondsPerSecond), TextCell(row.pool_mode), std::nullopt});
  }
  return table;
}

// One row for each database: the settings are those of its first user, the connections those
// of all.
ResultTable DatabasesTable(const Snapshot& snapshot) {
  ResultTable table{{{"name", kText},
                     {"host", kText},
                     {"port", kInt4},
                     {"database", kText},
                     {"force_user", kText},
                     {"pool_size", kInt4},
                     {"min_pool_size", kInt4},
                     {"reserve_pool_size", kInt4},
                     {"server_lifetime", kInt4},
                     {"pool_mode", kText},
                     {"load_balance_hosts", kText},
                     {"max_connections", kInt4},
                     {"current_connections", kInt4},
                     {"max_client_connections", kInt4},
                     {"current_client_connections", kInt4},
                     {"paused", kInt4},
                     {"disabled", kInt4}}};
  std::span<const PoolRow> rest = snapshot.pools;
  while (!rest.empty()) {
    const std::span<const PoolRow> group = FirstDatabase(rest);
    rest = rest.subspan(group.size());
    const PoolRow& first = group.front();
    uint64_t servers = 0;
    uint64_t clients = 0;
    for (const PoolRow& row : group) {
      servers += ServersOf(row);
      clients += ClientsOf(row);
    }
    table.rows.push_back({first.database, TextOrNull(first.host), Int4Cell(first.port),
                          first.server_database, TextOrNull(first.server_user),
                          Int4Cell(first.pool_size), "0", "0",
                          Int4Cell(first.server_lifetime_seconds), TextOrNull(first.pool_mode),
                          std::nullopt, "0", Int4Cell(servers), "0", Int4Cell(clients), "0", "0"});
  }
  return table;
}

// pool_size and pool_mode are printed where they are the same in all pools of the user, as
// PgBouncer prints those that are set for the user itself.
ResultTable UsersTable(const Snapshot& snapshot) {
  ResultTable table{{{"name", kText},
                     {"pool_size", kText},
                     {"reserve_pool_size", kText},
                     {"pool_mode", kText},
                     {"max_user_connections", kInt4},
                     {"current_connections", kInt4},
                     {"max_user_client_connections", kInt4},
                     {"current_client_connections", kInt4}}};
  for (const auto& [name, sums] : SumsByUser(snapshot)) {
    table.rows.push_back({TextCell(name), sums.same_size ? Int4Cell(sums.pool_size) : "", "",
                          sums.same_mode ? TextOrNull(sums.pool_mode) : std::nullopt, "0",
                          Int4Cell(sums.servers), "0", Int4Cell(sums.clients)});
  }
  return table;
}

// PgBouncer's "free" ones are structures that wait for reuse: we keep none. "Used" are all
// connections there are, idle ones too.
ResultTable ListsTable(const Snapshot& snapshot) {
  uint64_t clients = snapshot.login_clients;
  uint64_t servers = 0;
  for (const PoolRow& row : snapshot.pools) {
    clients += ClientsOf(row) + row.cl_active_cancel_req + row.cl_waiting_cancel_req;
    servers += ServersOf(row);
  }
  return {{{"list", kText}, {"items", kInt4}},
          {{"databases", Int4Cell(snapshot.databases)},
           {"users", Int4Cell(snapshot.users)},
           {"peers", "0"},
           {"pools", Int4Cell(snapshot.pools.size())},
           {"peer_pools", "0"},
           {"free_clients", "0"},
           {"used_clients", Int4Cell(clients)},
           {"login_clients", Int4Cell(snapshot.login_clients)},
           {"free_servers", "0"},
           {"used_servers", Int4Cell(servers)},
           {"dns_names", "0"},
           {"dns_zones", "0"},
           {"dns_queries", "0"},
           {"dns_pending", "0"}}};
}

}  // namespace pglynx::admin
