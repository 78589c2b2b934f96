// Goal: where a database has several servers and shards each of them has rows of its own under a
// name of its own, and a database with one server looks as it always did. Method: a golden file
// of the tables of one snapshot, rewritten when the environment has PGLYNX_UPDATE_GOLDEN=1; what
// exporters rely on by assertions, for the rows of the snapshot in any order.

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "admin/table_text.h"
#include "pglynx/admin/tables.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

constexpr const char* kGoldenPath = PGLYNX_SOURCE_DIR "/tests/golden/admin_shards.txt";
constexpr int64_t kSomeTime = 1'795'368'600'123'456;  // 2026-11-22 17:30:00 UTC

struct Member {
  const char* name;
  uint32_t shard;
  std::string_view role;
  const char* host;
  uint16_t port;
  uint32_t weight = 1;
  bool banned = false;
};

// Two shards: one with roles, one of peers.
constexpr std::array kMembers = {
    Member{"big_shard_0_primary", 0, "primary", "10.0.0.1", 5432},
    Member{"big_shard_0_replica_0", 0, "replica", "10.0.0.2", 5432, 3},
    Member{"big_shard_0_replica_1", 0, "replica", "10.0.0.3", 5432, 1, true},
    Member{"big_shard_1_peer_0", 1, "peer", "10.0.1.1", 5432},
    Member{"big_shard_1_peer_1", 1, "peer", "10.0.1.1", 5433, 1, true},
};

pool::PoolRow PlainRow(std::string database, std::string user) {
  pool::PoolRow row;
  row.database = std::move(database);
  row.user = std::move(user);
  row.pool_mode = "transaction";
  row.host = "db.example";
  row.port = 5432;
  row.server_database = row.database;
  row.pool_size = 20;
  row.server_lifetime_seconds = 3600;
  row.cl_active = 4;
  row.sv_idle = 2;
  row.stats.xact_count = 50;
  return row;
}

pool::PoolRow MemberRow(const Member& member, std::string user, uint32_t number) {
  pool::PoolRow row = PlainRow("big", std::move(user));
  row.instance_name = member.name;
  row.shard = member.shard;
  row.role = member.role;
  row.weight = member.weight;
  row.banned = member.banned;
  row.host = member.host;
  row.port = member.port;
  row.server_database = "big_" + std::to_string(member.shard);
  // Clients stand with the first server alone.
  row.cl_active = number == 0 ? 30 : 0;
  row.cl_waiting = number == 0 ? 3 : 0;
  row.sv_active = number + 1;
  row.sv_idle = 1;
  row.stats.xact_count = 100 * (number + 1);
  return row;
}

void AddBans(pool::Snapshot& snapshot) {
  snapshot.bans = {
      {.host = "10.0.0.3",
       .port = 5432,
       .reason = "connect refused",
       .since_us = kSomeTime,
       .duration_seconds = 120,
       .remaining_seconds = 61,
       .used_as = {{"app_reads", 0, ""}, {"big", 0, "replica"}}},
      {.host = "10.0.1.1",
       .port = 5433,
       .reason = "admin",
       .since_us = kSomeTime + 60'000'000,
       .duration_seconds = 60,
       .remaining_seconds = 0,
       .used_as = {{"big", 1, "peer"}}},
  };
}

pool::Snapshot SampleSnapshot() {
  pool::Snapshot snapshot;
  snapshot.pools = {PlainRow("app", "alice")};
  for (const char* user : {"alice", "bob"}) {
    for (uint32_t i = 0; i < kMembers.size(); ++i) {
      snapshot.pools.push_back(MemberRow(kMembers[i], user, i));
    }
  }
  snapshot.databases = 2;
  snapshot.users = 2;
  AddBans(snapshot);
  snapshot.shards = {
      {.database = "app", .server_database = "app", .peers = 1, .sv_idle = 2},
      {.database = "big",
       .shard = 0,
       .server_database = "big_0",
       .primaries = 1,
       .replicas = 2,
       .banned = 1,
       .sv_active = 12,
       .sv_idle = 6,
       .cl_waiting = 6},
      {.database = "big",
       .shard = 1,
       .server_database = "big_1",
       .peers = 2,
       .banned = 1,
       .sv_active = 18,
       .sv_idle = 4},
  };
  pool::ConnectionRow server;
  server.id = 7;
  server.user = "alice";
  server.database = "app";
  server.state = "idle";
  server.connect_time_us = kSomeTime;
  snapshot.servers = {server};
  server.database = "big";
  for (const Member& member : kMembers) {
    ++server.id;
    server.instance_name = member.name;
    server.shard = member.shard;
    server.role = member.role;
    server.address = member.host;
    server.port = member.port;
    snapshot.servers.push_back(server);
  }
  pool::ConnectionRow client = server;
  client.is_client = true;
  client.instance_name.clear();
  snapshot.clients = {client};
  return snapshot;
}

ResultTable TableOf(ShowWhat what, const pool::Snapshot& snapshot) {
  return MakeTable(what, {.snapshot = snapshot, .config = {}, .version = {}});
}

struct Shown {
  const char* name;
  ShowWhat what;
};

constexpr std::array kShown = {
    Shown{"pools", ShowWhat::kPools},
    Shown{"clients", ShowWhat::kClients},
    Shown{"servers", ShowWhat::kServers},
    Shown{"databases", ShowWhat::kDatabases},
    Shown{"users", ShowWhat::kUsers},
    Shown{"stats", ShowWhat::kStats},
    Shown{"stats_totals", ShowWhat::kStatsTotals},
    Shown{"stats_averages", ShowWhat::kStatsAverages},
    Shown{"lists", ShowWhat::kLists},
    Shown{"bans", ShowWhat::kBans},
    Shown{"shards", ShowWhat::kShards},
};

TEST_CASE("the tables of shards and replicas are those of the golden file") {
  const pool::Snapshot snapshot = SampleSnapshot();
  std::string text;
  for (const Shown& shown : kShown) {
    text +=
        std::string("SHOW ") + shown.name + '\n' + Printed(TableOf(shown.what, snapshot)) + '\n';
  }
  text += "BAN\n" + Printed(ChangedBansTable(snapshot.bans));
  CHECK(text == Golden(kGoldenPath, text));
}

TEST_CASE("rows are as wide as the columns, and numbers are numbers") {
  const pool::Snapshot snapshot = SampleSnapshot();
  std::vector<ResultTable> tables = {ChangedBansTable(snapshot.bans)};
  for (const Shown& shown : kShown) tables.push_back(TableOf(shown.what, snapshot));
  for (const ResultTable& table : tables) {
    CHECK_FALSE(table.rows.empty());
    for (const Row& row : table.rows) {
      REQUIRE(row.size() == table.columns.size());
      for (size_t i = 0; i < row.size(); ++i) {
        if (table.columns[i].type == ColumnType::kText) continue;
        REQUIRE(row[i].has_value());
        CHECK(row[i]->find_first_not_of("0123456789") == std::string::npos);
      }
    }
  }
}

TEST_CASE("no name stands twice in what exporters read, in whatever order the rows are") {
  const std::vector<std::pair<ShowWhat, Names>> labels = {
      {ShowWhat::kPools, {"database", "user"}},   {ShowWhat::kDatabases, {"name"}},
      {ShowWhat::kStats, {"database"}},           {ShowWhat::kStatsTotals, {"database"}},
      {ShowWhat::kStatsAverages, {"database"}},   {ShowWhat::kUsers, {"name"}},
      {ShowWhat::kShards, {"database", "shard"}},
  };
  SeededRandom random(7);
  pool::Snapshot snapshot = SampleSnapshot();
  for (int run = 0; run < 50; ++run) {
    for (const auto& [what, names] : labels) {
      const ResultTable table = TableOf(what, snapshot);
      std::set<std::string> seen;
      for (size_t row = 0; row < table.rows.size(); ++row) {
        std::string key;
        for (const std::string_view name : names) key += CellOf(table, row, name) + '\n';
        CHECK(seen.insert(key).second);
      }
    }
    CHECK(DatabasesTable(snapshot).rows.size() == 1 + kMembers.size());
    CHECK(StatsTotalsTable(snapshot).rows.size() == 1 + kMembers.size());
    CHECK(PoolsTable(snapshot).rows.size() == 1 + 2 * kMembers.size());
    for (size_t i = snapshot.pools.size(); i > 1; --i) {
      std::swap(snapshot.pools[i - 1], snapshot.pools[random.Next64() % i]);
    }
  }
}

TEST_CASE("each server has its own address, settings and sums over the users") {
  const pool::Snapshot snapshot = SampleSnapshot();
  const ResultTable databases = DatabasesTable(snapshot);
  const ResultTable totals = StatsTotalsTable(snapshot);
  REQUIRE(databases.rows.size() == 1 + kMembers.size());
  for (size_t i = 0; i < kMembers.size(); ++i) {
    const Member& member = kMembers[i];
    INFO(member.name);
    CHECK(CellOf(databases, 1 + i, "name") == member.name);
    CHECK(CellOf(databases, 1 + i, "host") == member.host);
    CHECK(CellOf(databases, 1 + i, "port") == std::to_string(member.port));
    CHECK(CellOf(databases, 1 + i, "database") == "big_" + std::to_string(member.shard));
    CHECK(CellOf(databases, 1 + i, "shard") == std::to_string(member.shard));
    CHECK(CellOf(databases, 1 + i, "role") == member.role);
    CHECK(CellOf(databases, 1 + i, "weight") == std::to_string(member.weight));
    CHECK(CellOf(databases, 1 + i, "banned") == (member.banned ? "1" : "0"));
    CHECK(CellOf(databases, 1 + i, "disabled") == "0");
    CHECK(CellOf(databases, 1 + i, "current_connections") == std::to_string(2 * (i + 2)));
    CHECK(CellOf(databases, 1 + i, "current_client_connections") == (i == 0 ? "66" : "0"));
    CHECK(CellOf(totals, 1 + i, "database") == member.name);
    CHECK(CellOf(totals, 1 + i, "xact_count") == std::to_string(200 * (i + 1)));
  }
}

TEST_CASE("a client is counted once, whatever number of servers its pool has") {
  const pool::Snapshot snapshot = SampleSnapshot();
  const ResultTable users = UsersTable(snapshot);
  CHECK(CellOf(users, 0, "current_client_connections") == "37");
  CHECK(CellOf(users, 1, "current_client_connections") == "33");
  CHECK(CellOf(users, 0, "current_connections") == std::to_string(2 + 15 + 5));
  CHECK(CellOf(ListsTable(snapshot), 6, "items") == "70");
}

TEST_CASE("a database with one server has the rows that it has alone") {
  pool::Snapshot alone = SampleSnapshot();
  std::erase_if(alone.pools, [](const pool::PoolRow& row) { return row.database != "app"; });
  std::erase_if(alone.servers,
                [](const pool::ConnectionRow& row) { return row.database != "app"; });
  const pool::Snapshot both = SampleSnapshot();
  for (const ShowWhat what :
       {ShowWhat::kPools, ShowWhat::kDatabases, ShowWhat::kStats, ShowWhat::kStatsTotals,
        ShowWhat::kStatsAverages, ShowWhat::kServers}) {
    CHECK(TableOf(what, alone).rows.size() == 1);
    CHECK(TableOf(what, alone).rows.front() == TableOf(what, both).rows.front());
  }
  CHECK(CellOf(PoolsTable(alone), 0, "database") == "app");
  CHECK(CellOf(PoolsTable(alone), 0, "shard") == "0");
  CHECK(CellOf(PoolsTable(alone), 0, "role").empty());
  CHECK(CellOf(DatabasesTable(alone), 0, "weight") == "1");
}

TEST_CASE("a client has its database's name, a server that of its place") {
  const pool::Snapshot snapshot = SampleSnapshot();
  CHECK(CellOf(ClientsTable(snapshot), 0, "database") == "big");
  const ResultTable servers = ServersTable(snapshot);
  CHECK(CellOf(servers, 0, "database") == "app");
  CHECK(CellOf(servers, 5, "database") == "big_shard_1_peer_1");
  CHECK(CellOf(servers, 5, "shard") == "1");
  CHECK(CellOf(servers, 5, "role") == "peer");
  CHECK(CellOf(servers, 5, "port") == "5433");
}

TEST_CASE("a ban has a row for each shard in which its host serves") {
  const pool::Snapshot snapshot = SampleSnapshot();
  const ResultTable bans = BansTable(snapshot);
  REQUIRE(bans.rows.size() == 3);
  CHECK(CellOf(bans, 0, "database") == "app_reads");
  CHECK(CellOf(bans, 1, "database") == "big");
  for (const size_t row : {0U, 1U}) {
    CHECK(CellOf(bans, row, "host") == "10.0.0.3");
    CHECK(CellOf(bans, row, "ban_remaining_seconds") == "61");
  }
  CHECK(CellOf(bans, 2, "port") == "5433");
  CHECK(CellOf(bans, 2, "ban_time") == "2026-11-22 17:31:00 UTC");
  CHECK(CellOf(bans, 2, "ban_remaining_seconds") == "0");
  const ResultTable changed = ChangedBansTable(snapshot.bans);
  REQUIRE(changed.rows.size() == 3);
  for (size_t row = 0; row < changed.rows.size(); ++row) {
    CHECK(CellOf(changed, row, "user") == "*");
    for (const char* column : {"database", "shard", "role", "host", "port"}) {
      CHECK(CellOf(changed, row, column) == CellOf(bans, row, column));
    }
  }
}

TEST_CASE("the length of a ban stops at the greatest int4") {
  pool::Snapshot snapshot = SampleSnapshot();
  snapshot.bans[0].duration_seconds = std::numeric_limits<uint64_t>::max();
  snapshot.bans[0].remaining_seconds = uint64_t{1} << 31U;
  CHECK(CellOf(BansTable(snapshot), 0, "ban_duration_seconds") == "2147483647");
  CHECK(CellOf(BansTable(snapshot), 0, "ban_remaining_seconds") == "2147483647");
}

TEST_CASE("without bans the tables of bans have their columns and no row") {
  CHECK(BansTable({}).rows.empty());
  CHECK(ChangedBansTable({}).rows.empty());
  const pool::Snapshot snapshot = SampleSnapshot();
  CHECK(BansTable({}).columns.size() == BansTable(snapshot).columns.size());
  CHECK(ShardsTable({}).rows.empty());
}

}  // namespace
}  // namespace pglynx::admin
