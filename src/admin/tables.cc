#include "pglynx/admin/tables.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "admin/cells.h"
#include "admin/instances.h"

namespace pglynx::admin {
namespace {

using enum ColumnType;
using pool::PoolRow;
using pool::Snapshot;

// A setting of a user's pools: nothing where they differ.
template <typename T>
class Common {
 public:
  void Add(T value) {
    if (!first_.has_value()) first_ = value;
    same_ = same_ && *first_ == value;
  }
  [[nodiscard]] std::optional<T> value() const { return same_ ? first_ : std::nullopt; }

 private:
  std::optional<T> first_;
  bool same_ = true;
};

// What a user has in all of its pools together.
struct UserSums {
  Common<uint32_t> pool_size;
  Common<uint32_t> reserve_pool_size;
  Common<std::string_view> pool_mode;
  Common<uint32_t> max_servers;
  Common<uint32_t> max_clients;
  uint64_t servers = 0;
  uint64_t clients = 0;
};

std::map<std::string_view, UserSums> SumsByUser(const Snapshot& snapshot) {
  std::map<std::string_view, UserSums> users;
  for (const PoolRow& row : snapshot.pools) {
    UserSums& sums = users[row.user];
    sums.pool_size.Add(row.pool_size);
    sums.reserve_pool_size.Add(row.reserve_pool_size);
    sums.pool_mode.Add(row.pool_mode);
    sums.max_servers.Add(row.max_user_connections);
    sums.max_clients.Add(row.max_user_clients);
    sums.servers += ServersOf(row);
    sums.clients += ClientsOf(row);
  }
  return users;
}

std::string SizeOrEmpty(std::optional<uint32_t> size) {
  return size ? Int4Cell(*size) : "";
}

std::string YesNo(bool value) {
  return value ? "yes" : "no";
}

std::string FlagCell(bool value) {
  return value ? "1" : "0";
}

}  // namespace

TableNeeds NeedsOf(ShowWhat what) {
  switch (what) {
    case ShowWhat::kVersion:
    case ShowWhat::kHelp:
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
    case ShowWhat::kState:
    case ShowWhat::kBans:
    case ShowWhat::kShards:
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
      return StateTable(source.snapshot);
    case ShowWhat::kBans:
      return BansTable(source.snapshot);
    case ShowWhat::kShards:
      return ShardsTable(source.snapshot);
  }
  return {};
}

std::string VersionText(std::string_view version) {
  return fmt::format("pglynx {}", version);
}

ResultTable VersionTable(std::string_view version) {
  return {{{"version", kText}}, {{VersionText(version)}}};
}

// As in PgBouncer, a pause of single databases is told by SHOW DATABASES alone.
ResultTable StateTable(const Snapshot& snapshot) {
  return {{{"key", kText}, {"value", kText}},
          {{"active", YesNo(!snapshot.paused)},
           {"paused", YesNo(snapshot.paused)},
           {"suspended", "no"},
           {"draining", YesNo(snapshot.draining)}}};
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
                     {"load_balance_hosts", kText},
                     {"cl_pinned", kInt4},
                     {"max_pinned", kInt4},
                     {"shard", kInt4},
                     {"role", kText}}};
  for (const PoolRow& row : snapshot.pools) {
    table.rows.push_back({InstanceName(row),
                          row.user,
                          Int4Cell(row.cl_active),
                          Int4Cell(row.cl_waiting),
                          Int4Cell(row.cl_active_cancel_req),
                          Int4Cell(row.cl_waiting_cancel_req),
                          Int4Cell(row.sv_active),
                          Int4Cell(row.sv_active_cancel),
                          Int4Cell(row.sv_being_canceled),
                          Int4Cell(row.sv_idle),
                          Int4Cell(row.sv_used),
                          Int4Cell(row.sv_tested),
                          Int4Cell(row.sv_login),
                          Int4Cell(row.maxwait_us / kMicrosecondsPerSecond),
                          Int4Cell(row.maxwait_us % kMicrosecondsPerSecond),
                          TextCell(row.pool_mode),
                          std::nullopt,
                          Int4Cell(row.cl_pinned),
                          Int4Cell(row.max_pinned),
                          Int4Cell(row.shard),
                          TextCell(row.role)});
  }
  return table;
}

// One row for each server of a database: the settings are those of its first user, the
// connections those of all.
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
                     {"disabled", kInt4},
                     {"shard", kInt4},
                     {"role", kText},
                     {"weight", kInt4},
                     {"banned", kInt4}}};
  for (const Instance& instance : InstancesOf(snapshot)) {
    const PoolRow& first = *instance.front();
    uint64_t servers = 0;
    uint64_t clients = 0;
    for (const PoolRow* row : instance) {
      servers += ServersOf(*row);
      clients += ClientsOf(*row);
    }
    table.rows.push_back({InstanceName(first),
                          TextOrNull(first.host),
                          Int4Cell(first.port),
                          first.server_database,
                          TextOrNull(first.server_user),
                          Int4Cell(first.pool_size),
                          Int4Cell(first.min_pool_size),
                          Int4Cell(first.reserve_pool_size),
                          Int4Cell(first.server_lifetime_seconds),
                          TextOrNull(first.pool_mode),
                          std::nullopt,
                          Int4Cell(first.max_db_connections),
                          Int4Cell(servers),
                          Int4Cell(first.max_db_clients),
                          Int4Cell(clients),
                          FlagCell(first.paused),
                          FlagCell(first.disabled),
                          Int4Cell(first.shard),
                          TextCell(first.role),
                          Int4Cell(first.weight),
                          FlagCell(first.banned)});
  }
  return table;
}

// Settings are printed where they are the same in all pools of the user, as PgBouncer prints
// those that are set for the user itself. Where limits differ 0 stands for them: their columns
// are int4, which has nothing empty, and who reads it as a plain number fails at NULL. It means
// what it says, that there is no one limit; a sum would be one that nobody has set.
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
    table.rows.push_back({TextCell(name), SizeOrEmpty(sums.pool_size.value()),
                          SizeOrEmpty(sums.reserve_pool_size.value()),
                          TextOrNull(sums.pool_mode.value().value_or("")),
                          Int4Cell(sums.max_servers.value().value_or(0)), Int4Cell(sums.servers),
                          Int4Cell(sums.max_clients.value().value_or(0)), Int4Cell(sums.clients)});
  }
  return table;
}

// PgBouncer's "free" ones are structures that wait for reuse: we keep none. "Used" are all
// connections there are, idle ones too. Behind dns_pending the rows are ours.
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
           {"dns_pending", "0"},
           {"buffered_kb", KilobytesCell(snapshot.buffered_bytes)},
           {"max_buffered_kb", KilobytesCell(snapshot.max_buffered_bytes)},
           {"loop_lag_max_us", Int4Cell(snapshot.loop_lag_max_us)},
           {"loop_busy_permille", Int4Cell(snapshot.loop_busy_permille)},
           {"broken_pairs", Int4Cell(snapshot.broken_pairs)}}};
}

}  // namespace pglynx::admin
