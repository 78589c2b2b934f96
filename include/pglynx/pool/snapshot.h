#pragma once

// What the console shows, copied out of the loop at one moment: plain values, no pointers
// into living objects. Field names are PgBouncer's column names where it has them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/metrics/stats.h"

namespace pglynx::pool {

// One server of one (database, user). A client, and whatever else belongs to no one server,
// stands in one row alone, so that the numbers of several rows may be added up.
struct PoolRow {
  std::string database;
  std::string user;
  // Where a database has several servers or shards: which of them this row is, by a name that no
  // other server and no database has, the same for every user, as PgCat names them:
  // "<database>_shard_<n>_primary", "…_replica_<k>", "…_peer_<k>" (k from 0 in its shard).
  // Empty: there is one server, named like the database.
  std::string instance_name;
  uint32_t shard = 0;
  std::string_view role;  // "primary" | "replica" | "peer"; empty: it is alone and has none
  uint32_t weight = 1;    // how often it is picked, relative to the others of its shard
  bool banned = false;
  uint32_t cl_active = 0;             // logged in, not waiting
  uint32_t cl_waiting = 0;            // waiting for a server
  uint32_t cl_active_cancel_req = 0;  // cancels on their way to a server
  uint32_t cl_waiting_cancel_req = 0;
  uint32_t sv_active = 0;          // given to a client
  uint32_t sv_active_cancel = 0;   // connections that carry a cancel
  uint32_t sv_being_canceled = 0;  // free, but a cancel for it is still on its way
  uint32_t sv_idle = 0;
  uint32_t sv_used = 0;
  uint32_t sv_tested = 0;      // being reset before reuse
  uint32_t sv_login = 0;       // connecting or logging in
  uint64_t maxwait_us = 0;     // age of the oldest waiting client, microseconds
  std::string_view pool_mode;  // "session" | "transaction"
  uint32_t cl_pinned = 0;      // clients that keep their server between transactions
  uint32_t max_pinned = 0;     // how many may
  // Settings of this pool, for SHOW DATABASES and SHOW USERS.
  std::string host;
  uint16_t port = 0;
  std::string server_database;
  std::string server_user;  // empty where it is the client's own name
  uint32_t pool_size = 0;
  uint32_t min_pool_size = 0;
  uint32_t reserve_pool_size = 0;
  // Limits; 0 = none. Clients: of the pool's database, of this user in it. Servers: to the
  // database on its server, of the server's user.
  uint32_t max_db_clients = 0;
  uint32_t max_user_clients = 0;
  uint32_t max_db_connections = 0;
  uint32_t max_user_connections = 0;
  bool paused = false;    // PAUSE or KILL: no client gets a server
  bool disabled = false;  // DISABLE: no new clients
  uint32_t server_lifetime_seconds = 0;
  metrics::PoolStats stats;
  metrics::PoolStats stats_previous;  // one stats period ago
};

struct ConnectionRow {
  bool is_client = false;
  uint64_t id = 0;
  std::string user;
  std::string database;
  // Of a server, as in PoolRow.
  std::string instance_name;
  uint32_t shard = 0;
  std::string_view role;
  std::string_view state;  // as PgBouncer prints it: active, idle, waiting, login …
  std::string address;
  uint16_t port = 0;
  std::string local_address;
  uint16_t local_port = 0;
  int64_t connect_time_us = 0;  // wall clock, microseconds since 1970
  int64_t request_time_us = 0;  // wall clock of the last request
  uint64_t wait_us = 0;         // a waiting client's wait so far
  bool close_needed = false;
  uint64_t link = 0;        // id of the connection on the other side, 0 = none
  uint32_t remote_pid = 0;  // of a server: its process id
  std::string application_name;
  uint32_t prepared_statements = 0;
  std::string_view pin_reason;  // why a client keeps its server; empty: it does not
  uint64_t pin_age_us = 0;      // for how long it has
};

// A server of a shard, for all users.
struct ShardMember {
  std::string database;
  uint32_t shard = 0;
  std::string_view role;  // as in PoolRow
};

// A ban that is in force: of a host and port, for all pools that use it.
struct BanRow {
  std::string host;
  uint16_t port = 0;
  std::string_view reason;
  int64_t since_us = 0;  // wall clock, microseconds since 1970
  uint64_t duration_seconds = 0;
  uint64_t remaining_seconds = 0;    // rounded up; 0: over when a probe succeeds
  std::vector<ShardMember> used_as;  // all that it is, sorted; never empty
};

// A shard of a database, all users together.
struct ShardRow {
  std::string database;
  uint32_t shard = 0;
  std::string server_database;
  uint32_t primaries = 0;
  uint32_t replicas = 0;
  uint32_t peers = 0;   // servers without a role
  uint32_t banned = 0;  // of all these
  uint32_t sv_active = 0;
  uint32_t sv_idle = 0;
  uint32_t cl_waiting = 0;
};

struct Snapshot {
  std::vector<PoolRow> pools;  // sorted by database, then user, then shard and server
  std::vector<ConnectionRow> clients;
  std::vector<ConnectionRow> servers;
  std::vector<BanRow> bans;      // sorted by host, then port
  std::vector<ShardRow> shards;  // every database has at least one; sorted as pools are
  uint32_t databases = 0;
  uint32_t users = 0;
  uint32_t login_clients = 0;  // connections that have not logged in
  uint32_t max_client_conn = 0;
  // Bytes held for clients and servers now, and the most that may be; 0 = not known.
  uint64_t buffered_bytes = 0;
  uint64_t max_buffered_bytes = 0;
  // How long the loop's turns took in the last stats period: the longest, and the share of the
  // time that it was busy, in thousandths.
  uint64_t loop_lag_max_us = 0;
  uint32_t loop_busy_permille = 0;
  // Client and server pairs that were closed because their state made no sense; never expected.
  uint64_t broken_pairs = 0;
  bool paused = false;           // PAUSE of all databases
  bool draining = false;         // DRAIN: no new clients
  uint64_t stats_period_us = 0;  // length of the period behind stats_previous, 0 = none yet
};

}  // namespace pglynx::pool
