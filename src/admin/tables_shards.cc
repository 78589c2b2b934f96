// SHOW BANS, SHOW SHARDS, and what BAN and UNBAN print.

#include "admin/cells.h"
#include "pglynx/admin/tables.h"

namespace pglynx::admin {
namespace {

using enum ColumnType;
using pool::BanRow;
using pool::ShardMember;
using pool::ShardRow;

}  // namespace

ResultTable BansTable(const pool::Snapshot& snapshot) {
  ResultTable table{{{"database", kText},
                     {"shard", kInt4},
                     {"role", kText},
                     {"host", kText},
                     {"port", kInt4},
                     {"reason", kText},
                     {"ban_time", kText},
                     {"ban_duration_seconds", kInt4},
                     {"ban_remaining_seconds", kInt4}}};
  for (const BanRow& ban : snapshot.bans) {
    for (const ShardMember& member : ban.used_as) {
      table.rows.push_back({member.database, Int4Cell(member.shard), TextCell(member.role),
                            ban.host, Int4Cell(ban.port), TextCell(ban.reason),
                            TimestampText(ban.since_us), Int4Cell(ban.duration_seconds),
                            Int4Cell(ban.remaining_seconds)});
    }
  }
  return table;
}

ResultTable ShardsTable(const pool::Snapshot& snapshot) {
  ResultTable table{{{"database", kText},
                     {"shard", kInt4},
                     {"server_database", kText},
                     {"primaries", kInt4},
                     {"replicas", kInt4},
                     {"peers", kInt4},
                     {"banned", kInt4},
                     {"sv_active", kInt4},
                     {"sv_idle", kInt4},
                     {"cl_waiting", kInt4}}};
  for (const ShardRow& row : snapshot.shards) {
    table.rows.push_back({row.database, Int4Cell(row.shard), row.server_database,
                          Int4Cell(row.primaries), Int4Cell(row.replicas), Int4Cell(row.peers),
                          Int4Cell(row.banned), Int4Cell(row.sv_active), Int4Cell(row.sv_idle),
                          Int4Cell(row.cl_waiting)});
  }
  return table;
}

// PgCat's columns, then what it has none for.
ResultTable ChangedBansTable(std::span<const BanRow> bans) {
  ResultTable table{{{"database", kText},
                     {"user", kText},
                     {"role", kText},
                     {"host", kText},
                     {"port", kInt4},
                     {"shard", kInt4}}};
  for (const BanRow& ban : bans) {
    for (const ShardMember& member : ban.used_as) {
      table.rows.push_back({member.database, "*", TextCell(member.role), ban.host,
                            Int4Cell(ban.port), Int4Cell(member.shard)});
    }
  }
  return table;
}

}  // namespace pglynx::admin
