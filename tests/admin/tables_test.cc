// Goal: the tables have PgBouncer's columns in order and type, and what exporters rely on.
// Method: a golden file of all tables from one snapshot, rewritten when the environment has
// PGLYNX_UPDATE_GOLDEN=1; rules and borders by assertions.

#include "pglynx/admin/tables.h"

#include <set>
#include <string>
#include <vector>

#include "admin/table_text.h"
#include "support/catch.h"

namespace pglynx::admin {
namespace {

constexpr const char* kGoldenPath = PGLYNX_SOURCE_DIR "/tests/golden/admin_tables.txt";
constexpr int64_t kSomeTime = 1'795'368'600'123'456;  // 2026-11-22 17:30:00 UTC

pool::PoolRow MakePool(std::string database, std::string user) {
  pool::PoolRow row;
  row.database = std::move(database);
  row.user = std::move(user);
  row.pool_mode = "transaction";
  row.host = "db.example";
  row.port = 5432;
  row.server_database = row.database;
  row.pool_size = 20;
  row.server_lifetime_seconds = 3600;
  return row;
}

metrics::PoolStats MakeStats(uint64_t unit) {
  return {.server_assignment_count = 60 * unit,
          .xact_count = 120 * unit,
          .query_count = 600 * unit,
          .bytes_received = 60000 * unit,
          .bytes_sent = 6000000 * unit,
          .xact_time = 240000 * unit,
          .query_time = 180000 * unit,
          .wait_time = 30000 * unit,
          .client_parse_count = 180 * unit,
          .server_parse_count = 6 * unit,
          .bind_count = 300 * unit,
          .client_login_count = 60 * unit,
          .pin_count = 240 * unit,
          .probe_count = 420 * unit};
}

// Limits and states of the four pools of SampleSnapshot, and of the whole.
void SetLimits(pool::Snapshot& snapshot) {
  snapshot.pools[0].min_pool_size = 2;
  snapshot.pools[0].cl_pinned = 12;
  snapshot.pools[0].max_pinned = 19;
  snapshot.pools[2].pool_size = 5;
  for (const size_t i : {0U, 1U}) {
    snapshot.pools[i].reserve_pool_size = 4;
    snapshot.pools[i].max_db_clients = 500;
    snapshot.pools[i].max_db_connections = 60;
    snapshot.pools[i].disabled = true;
  }
  for (const size_t i : {2U, 3U}) snapshot.pools[i].paused = true;
  snapshot.pools[0].max_user_clients = 11;
  snapshot.pools[1].max_user_clients = 12;
  snapshot.pools[1].max_user_connections = 30;
  snapshot.pools[2].max_user_clients = 13;
  snapshot.buffered_bytes = 1'000'000;
  snapshot.max_buffered_bytes = uint64_t{256} << 20U;
  snapshot.loop_lag_max_us = 1234;
  snapshot.loop_busy_permille = 56;
  snapshot.broken_pairs = 7;
  snapshot.draining = true;
}

pool::Snapshot SampleSnapshot() {
  pool::Snapshot snapshot;
  snapshot.pools = {MakePool("app", "alice"), MakePool("app", "bob"), MakePool("shop", "alice"),
                    MakePool("shop", "eve")};
  pool::PoolRow& alice = snapshot.pools[0];
  alice.cl_active = 3;
  alice.cl_waiting = 2;
  alice.cl_active_cancel_req = 1;
  alice.cl_waiting_cancel_req = 4;
  alice.sv_active = 5;
  alice.sv_active_cancel = 6;
  alice.sv_being_canceled = 7;
  alice.sv_idle = 8;
  alice.sv_used = 9;
  alice.sv_tested = 10;
  alice.sv_login = 11;
  alice.maxwait_us = 12'345'678;
  alice.stats = MakeStats(3);
  alice.stats_previous = MakeStats(2);
  snapshot.pools[1].stats = MakeStats(5);
  snapshot.pools[1].stats_previous = MakeStats(4);
  snapshot.pools[1].cl_active = 1;
  snapshot.pools[1].sv_idle = 1;
  snapshot.pools[2].pool_mode = "session";
  snapshot.pools[2].host = "/run/postgresql";
  snapshot.pools[2].server_database = "shop_v2";
  snapshot.pools[2].server_user = "shop_owner";
  SetLimits(snapshot);
  snapshot.databases = 2;
  snapshot.users = 3;
  snapshot.login_clients = 2;
  snapshot.max_client_conn = 1000;
  snapshot.stats_period_us = 60'000'000;

  pool::ConnectionRow client;
  client.is_client = true;
  client.id = 17;
  client.user = "alice";
  client.database = "app";
  client.state = "active";
  client.address = "192.0.2.7";
  client.port = 50123;
  client.local_address = "192.0.2.1";
  client.local_port = 6432;
  client.connect_time_us = kSomeTime;
  client.request_time_us = kSomeTime + 61'000'000;
  client.link = 0x1a2b;
  client.application_name = "psql";
  client.prepared_statements = 4;
  client.pin_reason = "temporary table";
  client.pin_age_us = 61'999'999;
  pool::ConnectionRow waiting = client;
  waiting.id = 0x1'8000'0011;
  waiting.state = "waiting";
  waiting.link = 0;
  waiting.request_time_us = 0;
  waiting.wait_us = 2'000'003;
  waiting.pin_reason = {};
  snapshot.clients = {client, waiting};
  pool::ConnectionRow server = client;
  server.is_client = false;
  server.id = 0x1a2b;
  server.link = 17;
  server.port = 5432;
  server.close_needed = true;
  server.remote_pid = 4242;
  server.pin_reason = {};
  snapshot.servers = {server};
  return snapshot;
}

std::vector<config::ConfigRow> SampleConfig() {
  return {{"max_client_conn", "1000", "1000", true}, {"port", "6432", "6432", false}};
}

std::vector<ShowWhat> AllTables() {
  std::vector<ShowWhat> all;
  for (size_t i = 0; !ShowName(i).empty(); ++i) {
    all.push_back(ParseCommand("SHOW " + std::string(ShowName(i)))->show);
  }
  return all;
}

ResultTable SampleTable(ShowWhat what) {
  const pool::Snapshot snapshot = SampleSnapshot();
  const std::vector<config::ConfigRow> config = SampleConfig();
  return MakeTable(what, {.snapshot = snapshot, .config = config, .version = "0.1.0"});
}

TEST_CASE("the tables of a sample snapshot are those of the golden file") {
  std::string text;
  const std::vector<ShowWhat> all = AllTables();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] == ShowWhat::kHelp) continue;
    text += "SHOW " + std::string(ShowName(i)) + '\n' + Printed(SampleTable(all[i])) + '\n';
  }
  CHECK(text == Golden(kGoldenPath, text));
}

TEST_CASE("columns are the same without any data, and rows are as wide as they") {
  const pool::Snapshot nothing;
  for (const ShowWhat what : AllTables()) {
    const ResultTable full = SampleTable(what);
    const ResultTable empty = MakeTable(what, {.snapshot = nothing, .config = {}, .version = {}});
    REQUIRE(full.columns.size() == empty.columns.size());
    for (size_t i = 0; i < full.columns.size(); ++i) {
      CHECK(full.columns[i].name == empty.columns[i].name);
      CHECK(full.columns[i].type == empty.columns[i].type);
    }
    for (const Row& row : full.rows) CHECK(row.size() == full.columns.size());
  }
}

TEST_CASE("every cell of a number column is a number that its type holds") {
  for (const ShowWhat what : AllTables()) {
    const ResultTable table = SampleTable(what);
    for (const Row& row : table.rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        if (table.columns[i].type == ColumnType::kText) continue;
        REQUIRE(row[i].has_value());
        INFO(table.columns[i].name << '=' << *row[i]);
        CHECK(row[i]->find_first_not_of("-0123456789") == std::string::npos);
        if (table.columns[i].type == ColumnType::kInt4) CHECK(std::stoll(*row[i]) <= 2147483647);
      }
    }
  }
}

TEST_CASE("exporters find their labels as text or int4 and no label set twice") {
  const std::vector<std::pair<ShowWhat, std::vector<std::string_view>>> labels = {
      {ShowWhat::kPools, {"database", "user"}},
      {ShowWhat::kDatabases, {"name", "host", "port", "database", "force_user", "pool_mode"}},
      {ShowWhat::kStats, {"database"}},
      {ShowWhat::kStatsTotals, {"database"}},
      {ShowWhat::kStatsAverages, {"database"}},
      {ShowWhat::kUsers, {"name"}},
      {ShowWhat::kLists, {"list"}},
  };
  for (const auto& [what, names] : labels) {
    const ResultTable table = SampleTable(what);
    std::set<std::string> seen;
    for (size_t row = 0; row < table.rows.size(); ++row) {
      std::string key;
      for (const std::string_view name : names) {
        const ColumnType type = table.columns[IndexOf(table, name)].type;
        CHECK((type == ColumnType::kText || type == ColumnType::kInt4));
        key += CellOf(table, row, name) + '\n';
      }
      CHECK(seen.insert(key).second);
    }
  }
}

TEST_CASE("exporters find counts of columns and flags as they read them") {
  CHECK(SampleTable(ShowWhat::kVersion).columns.size() == 1);
  CHECK(SampleTable(ShowWhat::kLists).columns.size() == 2);
  CHECK(SampleTable(ShowWhat::kLists).rows.size() == 14 + 5);
  CHECK(SampleTable(ShowWhat::kConfig).columns.size() == 4);
  CHECK(SampleTable(ShowWhat::kTotals).rows.size() == 24 + 4);
  const ResultTable databases = SampleTable(ShowWhat::kDatabases);
  CHECK(CellOf(databases, 0, "paused") == "0");
  CHECK(CellOf(databases, 0, "disabled") == "1");
  CHECK(CellOf(databases, 1, "paused") == "1");
  CHECK(CellOf(databases, 1, "disabled") == "0");
  // Two names of one metric: an exporter fails if it gets both.
  for (const Column& column : databases.columns) CHECK(column.name != "reserve_pool");
  // These are read into plain strings, where NULL fails.
  for (const ShowWhat what : {ShowWhat::kClients, ShowWhat::kServers, ShowWhat::kConfig}) {
    for (const Row& row : SampleTable(what).rows) {
      for (const auto& cell : row) CHECK(cell.has_value());
    }
  }
}

TEST_CASE("own columns and rows stand behind PgBouncer's last") {
  const ResultTable lists = SampleTable(ShowWhat::kLists);
  CHECK(lists.rows.at(13).front() == "dns_pending");
  CHECK(lists.rows.at(14).front() == "buffered_kb");
  const ResultTable state = SampleTable(ShowWhat::kState);
  CHECK(state.rows.at(2).front() == "suspended");
  CHECK(state.rows.at(3).front() == "draining");
  CHECK(LastColumns(SampleTable(ShowWhat::kServers), 3) == Names{"id", "shard", "role"});
  CHECK(LastColumns(SampleTable(ShowWhat::kDatabases), 5) ==
        Names{"disabled", "shard", "role", "weight", "banned"});
  const ResultTable clients = SampleTable(ShowWhat::kClients);
  CHECK(LastColumns(clients, 3) == Names{"id", "pin_reason", "pin_seconds"});
  CHECK(LastColumns(SampleTable(ShowWhat::kPools), 5) ==
        Names{"load_balance_hosts", "cl_pinned", "max_pinned", "shard", "role"});
  CHECK(LastColumns(SampleTable(ShowWhat::kStats), 7) ==
        Names{"avg_client_login_count", "total_pin_count", "total_probe_count", "avg_pin_count",
              "avg_probe_count", "shard", "role"});
  CHECK(LastColumns(SampleTable(ShowWhat::kStatsTotals), 5) ==
        Names{"client_login_count", "pin_count", "probe_count", "shard", "role"});
  CHECK(LastColumns(SampleTable(ShowWhat::kStatsAverages), 5) ==
        Names{"avg_client_login_count", "avg_pin_count", "avg_probe_count", "shard", "role"});
  const ResultTable totals = SampleTable(ShowWhat::kTotals);
  CHECK(totals.rows.at(23).front() == "avg_client_login_count");
  CHECK(totals.rows.at(24).front() == "total_pin_count");
}

TEST_CASE("a pin has its age in whole seconds, and no pin has none") {
  const std::vector<std::pair<uint64_t, std::string>> cases = {
      {0, "0"},
      {999'999, "0"},
      {1'000'000, "1"},
      {uint64_t{2147483647} * 1'000'000, "2147483647"},
      {~uint64_t{0}, "2147483647"}};
  for (const auto& [age, shown] : cases) {
    pool::Snapshot snapshot = SampleSnapshot();
    for (pool::ConnectionRow& row : snapshot.clients) row.pin_age_us = age;
    CHECK(CellOf(ClientsTable(snapshot), 0, "pin_seconds") == shown);
    CHECK(CellOf(ClientsTable(snapshot), 1, "pin_reason").empty());
    CHECK(CellOf(ClientsTable(snapshot), 1, "pin_seconds").empty());
  }
}

TEST_CASE("a database sums its users and takes the first one's settings") {
  const ResultTable databases = SampleTable(ShowWhat::kDatabases);
  REQUIRE(databases.rows.size() == 2);
  CHECK(CellOf(databases, 0, "force_user") == "NULL");
  CHECK(CellOf(databases, 0, "current_connections") == "57");
  CHECK(CellOf(databases, 0, "current_client_connections") == "6");
  CHECK(CellOf(databases, 1, "force_user") == "shop_owner");
  CHECK(CellOf(databases, 1, "pool_size") == "5");
}

TEST_CASE("a user's size and mode are printed only where its pools agree") {
  const ResultTable users = SampleTable(ShowWhat::kUsers);
  REQUIRE(users.rows.size() == 3);
  CHECK(CellOf(users, 0, "pool_size").empty());
  CHECK(CellOf(users, 0, "pool_mode") == "NULL");
  CHECK(CellOf(users, 1, "pool_size") == "20");
  CHECK(CellOf(users, 1, "pool_mode") == "transaction");
}

TEST_CASE("a user's limits are printed only where its pools agree") {
  const ResultTable users = SampleTable(ShowWhat::kUsers);
  CHECK(CellOf(users, 0, "reserve_pool_size").empty());
  CHECK(CellOf(users, 0, "max_user_client_connections") == "0");
  CHECK(CellOf(users, 0, "max_user_connections") == "0");
  CHECK(CellOf(users, 1, "reserve_pool_size") == "4");
  CHECK(CellOf(users, 1, "max_user_client_connections") == "12");
  CHECK(CellOf(users, 1, "max_user_connections") == "30");
  CHECK(CellOf(users, 2, "reserve_pool_size") == "0");
  pool::Snapshot three;
  three.pools = {MakePool("a", "eve"), MakePool("b", "eve"), MakePool("c", "eve")};
  for (size_t differs = 0; differs <= three.pools.size(); ++differs) {
    for (size_t i = 0; i < three.pools.size(); ++i) {
      three.pools[i].max_user_clients = i == differs ? 1 : 5;
      three.pools[i].reserve_pool_size = i == differs ? 0 : 5;
    }
    const bool same = differs == three.pools.size();
    CHECK(CellOf(UsersTable(three), 0, "max_user_client_connections") == (same ? "5" : "0"));
    CHECK(CellOf(UsersTable(three), 0, "reserve_pool_size") == (same ? "5" : ""));
  }
}

TEST_CASE("a database has the limits of its pools") {
  const ResultTable databases = SampleTable(ShowWhat::kDatabases);
  CHECK(CellOf(databases, 0, "min_pool_size") == "2");
  CHECK(CellOf(databases, 0, "reserve_pool_size") == "4");
  CHECK(CellOf(databases, 0, "max_connections") == "60");
  CHECK(CellOf(databases, 0, "max_client_connections") == "500");
  CHECK(CellOf(databases, 1, "max_connections") == "0");
}

TEST_CASE("the state is active or paused, and draining besides") {
  for (const bool paused : {false, true}) {
    for (const bool draining : {false, true}) {
      pool::Snapshot snapshot;
      snapshot.paused = paused;
      snapshot.draining = draining;
      const ResultTable state = StateTable(snapshot);
      CHECK(CellOf(state, 0, "value") == (paused ? "no" : "yes"));
      CHECK(CellOf(state, 1, "value") == (paused ? "yes" : "no"));
      CHECK(CellOf(state, 2, "value") == "no");
      CHECK(CellOf(state, 3, "value") == (draining ? "yes" : "no"));
    }
  }
}

TEST_CASE("bytes are listed in kilobytes, rounded up, as far as an int4 goes") {
  const std::vector<std::pair<uint64_t, std::string>> cases = {
      {0, "0"},
      {1, "1"},
      {1023, "1"},
      {1024, "1"},
      {1025, "2"},
      {uint64_t{2147483647} * 1024, "2147483647"},
      {uint64_t{2147483648} * 1024, "2147483647"},
      {~uint64_t{0}, "2147483647"}};
  for (const auto& [bytes, shown] : cases) {
    pool::Snapshot snapshot;
    snapshot.buffered_bytes = bytes;
    snapshot.max_buffered_bytes = bytes;
    CHECK(CellOf(ListsTable(snapshot), 14, "items") == shown);
    CHECK(CellOf(ListsTable(snapshot), 15, "items") == shown);
  }
}

TEST_CASE("averages are per second or per item of the last period") {
  const ResultTable stats = SampleTable(ShowWhat::kStats);
  REQUIRE(stats.rows.size() == 2);
  CHECK(CellOf(stats, 0, "total_xact_count") == "960");
  CHECK(CellOf(stats, 0, "avg_xact_count") == "4");
  CHECK(CellOf(stats, 0, "avg_recv") == "2000");
  CHECK(CellOf(stats, 0, "avg_xact_time") == "2000");
  CHECK(CellOf(stats, 0, "avg_query_time") == "300");
  CHECK(CellOf(stats, 0, "avg_wait_time") == "500");
  CHECK(CellOf(stats, 0, "total_pin_count") == "1920");
  CHECK(CellOf(stats, 0, "avg_pin_count") == "8");
  CHECK(CellOf(stats, 0, "total_probe_count") == "3360");
  CHECK(CellOf(stats, 0, "avg_probe_count") == "14");
}

TEST_CASE("averages are zero without a period, without items and after a restart of a pool") {
  pool::Snapshot snapshot;
  snapshot.pools = {MakePool("app", "alice")};
  snapshot.pools[0].stats = MakeStats(2);
  const auto averages = [&] {
    std::set<std::string> values;
    const ResultTable table = StatsAveragesTable(snapshot);
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].type == ColumnType::kNumeric) values.insert(*table.rows[0][i]);
    }
    return values;
  };
  CHECK(averages() == std::set<std::string>{"0"});
  snapshot.stats_period_us = 1;
  snapshot.pools[0].stats_previous = MakeStats(2);
  CHECK(averages() == std::set<std::string>{"0"});
  snapshot.pools[0].stats_previous = MakeStats(3);
  CHECK(averages() == std::set<std::string>{"0"});
}

TEST_CASE("an average of very many bytes does not overflow") {
  pool::Snapshot snapshot;
  snapshot.pools = {MakePool("app", "alice")};
  snapshot.stats_period_us = 60'000'000;
  snapshot.pools[0].stats.bytes_sent = 18'000'000'000'000'000'000U;
  CHECK(CellOf(StatsTable(snapshot), 0, "avg_sent") == "300000000000000000");
  CHECK(CellOf(StatsTable(snapshot), 0, "total_sent") == "18000000000000000000");
}

TEST_CASE("numbers stop at the greatest int4, and an id keeps its low bits") {
  pool::Snapshot snapshot = SampleSnapshot();
  snapshot.pools[0].cl_active = 4'000'000'000U;
  snapshot.pools[0].maxwait_us = ~uint64_t{0};
  CHECK(CellOf(PoolsTable(snapshot), 0, "cl_active") == "2147483647");
  CHECK(CellOf(PoolsTable(snapshot), 0, "maxwait") == "2147483647");
  CHECK(CellOf(ClientsTable(snapshot), 1, "id") == "17");
  CHECK(CellOf(ClientsTable(snapshot), 1, "ptr") == "0x180000011");
  CHECK(CellOf(ClientsTable(snapshot), 1, "link").empty());
}

TEST_CASE("timestamps are UTC and stay within four-digit years") {
  CHECK(TimestampText(0) == "1970-01-01 00:00:00 UTC");
  CHECK(TimestampText(-1) == "1970-01-01 00:00:00 UTC");
  CHECK(TimestampText(951'827'696'999'999) == "2000-02-29 12:34:56 UTC");
  CHECK(TimestampText(kSomeTime) == "2026-11-22 17:30:00 UTC");
  CHECK(TimestampText(INT64_MAX) == "9999-12-31 23:59:59 UTC");
  CHECK(TimestampText(INT64_MIN) == "1970-01-01 00:00:00 UTC");
}

TEST_CASE("a table says what it needs") {
  for (const ShowWhat what : AllTables()) {
    const bool own =
        what == ShowWhat::kVersion || what == ShowWhat::kHelp || what == ShowWhat::kConfig;
    CHECK(NeedsOf(what).pools == !own);
    CHECK(NeedsOf(what).config == (what == ShowWhat::kConfig));
    CHECK(NeedsOf(what).connections == (what == ShowWhat::kClients || what == ShowWhat::kServers));
  }
}

}  // namespace
}  // namespace pglynx::admin
