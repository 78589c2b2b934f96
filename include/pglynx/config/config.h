#pragma once

// The configuration as plain values. A `Config` that `LoadConfig` returned is valid: every
// number is within its bounds, names are set and unique, listeners do not collide, secrets
// have a form that the login method can use, shards are complete and have the servers that
// their pool asks for. Values: they copy, and are compared with ==.
// Each field's comment gives its meaning, its default and when a reload applies a change:
// "live" = at its next use, "new clients" / "new servers" = for connections made later,
// "restart" = not by a reload.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pglynx/balancer/host.h"
#include "pglynx/balancer/rotation.h"
#include "pglynx/core/time.h"
#include "pglynx/sharding/hash.h"
#include "pglynx/sharding/key.h"

namespace pglynx::config {

// What proves a user. Never printed: see `Masked` in describe.h.
struct Secret {
  enum class Kind : uint8_t {
    kNone,   // nothing is set
    kPlain,  // the password itself
    kMd5,    // "md5" and 32 hex digits, as in pg_authid.rolpassword
    kScram,  // "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>"
  };
  Kind kind = Kind::kNone;
  std::string text;

  bool operator==(const Secret&) const = default;
};

enum class PoolMode : uint8_t { kSession, kTransaction };
enum class SessionStatePolicy : uint8_t { kPin, kError, kWarn };
enum class HiddenStatePolicy : uint8_t { kProbe, kReset, kTrust };
enum class ShardScope : uint8_t { kTransaction, kSession };
enum class AuthMethod : uint8_t { kScramSha256, kMd5, kTrust };
enum class LogLevel : uint8_t { kError, kWarn, kInfo, kDebug };
enum class LogFormat : uint8_t { kText, kJson, kLogfmt };

struct General {
  // Addresses or names to listen on for clients, IPv6 without brackets. "0.0.0.0"; restart.
  std::vector<std::string> hosts = {"0.0.0.0"};
  uint16_t port = 6432;             // Client port. 6432; restart.
  uint32_t workers = 1;             // Event loops; only 1 for now. 1; restart.
  uint32_t max_client_conn = 1000;  // Clients at once. 1000; live.
  // Server connections to one (host, port, database) and of one server user, over all pools;
  // 0 = no limit. Pools may set the first for themselves. 0; live.
  uint32_t max_db_connections = 0;
  uint32_t max_user_connections = 0;
  uint64_t max_query_bytes = 64U << 20U;  // Longest message that is held. 64MiB; new clients.
  // Bytes held for all clients together; above it reading pauses, then 53200. 256MiB; live.
  uint64_t max_buffered_bytes = 256U << 20U;
  uint32_t max_client_statements = 10000;  // Prepared statements a client may hold. 10000; live.
  Duration client_login_timeout = std::chrono::seconds(60);  // 0 = off. 60s; new clients.
  // Server connect and login; inherited by pools and users, as are all timeouts from here to
  // server_lifetime. 5s; live.
  Duration connect_timeout = std::chrono::seconds(5);
  // Longest wait of a client for a server; 0 = off. 60s, or connect_timeout where only that
  // is set; live.
  Duration query_wait_timeout = std::chrono::seconds(60);
  // A NOTICE for a client that waits this long for a server; 0 = off. 5s; live.
  Duration query_wait_notify = std::chrono::seconds(5);
  // A client that sends nothing: between transactions (57P05), within one (25P03). 0 = off; live.
  Duration client_idle_timeout{};
  Duration idle_client_in_transaction_timeout{};
  Duration transaction_timeout{};  // Longest transaction (25P04). 0 = off; live.
  Duration query_timeout{};        // Longest query: it is cancelled (57014). 0 = off; live.
  Duration idle_timeout = std::chrono::minutes(10);  // Idle servers close; 0 = off. 10m; live.
  Duration server_lifetime = std::chrono::hours(1);  // Older servers close; 0 = off. 1h; live.
  bool server_round_robin = false;  // Reuse idle servers oldest first. false = LIFO; live.
  // Health of servers; these four are inherited by pools. A server that is silent for
  // healthcheck_timeout when it is probed is out of order; a connection that was used within
  // healthcheck_delay is not probed. 1s and 30s; live.
  Duration healthcheck_timeout = std::chrono::seconds(1);
  Duration healthcheck_delay = std::chrono::seconds(30);
  // How long a server that is out of order gets no transactions, and the longest such time when
  // it goes on failing; ban_time <= ban_time_max. 60s and 10m; live.
  Duration ban_time = std::chrono::seconds(60);
  Duration ban_time_max = std::chrono::minutes(10);
  // How often the names of servers are looked up for the connections that are there; those to
  // addresses that a name no longer has are closed when they are free. 0 = off. 30s; live.
  Duration dns_max_ttl = std::chrono::seconds(30);
  // Back-off between connects to a failing server: first and longest. 100ms and 2s; live.
  Duration server_retry_min = std::chrono::milliseconds(100);
  Duration server_retry_max = std::chrono::seconds(2);
  Duration shutdown_timeout = std::chrono::seconds(60);  // Grace for clients. 60s; live.
  // Keepalives of client and server sockets; idle 0 = off. 5s, 5, 5s; new connections.
  std::chrono::seconds tcp_keepalives_idle = std::chrono::seconds(5);
  uint32_t tcp_keepalives_count = 5;
  std::chrono::seconds tcp_keepalives_interval = std::chrono::seconds(5);
  Duration tcp_user_timeout = std::chrono::seconds(10);  // 0 = off. 10s; new connections.
  LogLevel log_level = LogLevel::kInfo;                  // "info"; live.
  LogFormat log_format = LogFormat::kText;               // "text"; live.
  bool log_client_connections = false;                   // A line for each login. false; live.
  bool log_client_disconnections = false;                // A line for each end. false; live.

  bool operator==(const General&) const = default;
};

// The console. It always asks for its password, whatever `Auth::method` says.
struct Admin {
  bool enabled = false;            // A password is set. Not a key; live.
  std::string host = "127.0.0.1";  // Address or name to listen on. "127.0.0.1"; restart.
  // The console's own port; 0 = none, only in PgCat's form where the client port is 6433.
  // 6433; restart.
  uint16_t port = 6433;
  std::string username = "admin";        // The user that may do everything. "admin"; live.
  Secret password;                       // None = console disabled. None; live.
  std::vector<std::string> stats_users;  // Pool users that may SHOW. None; live.
  // Databases pglynx, pgbouncer and pgcat answer on the client port too. false; live.
  bool on_client_port = false;

  bool operator==(const Admin&) const = default;
};

struct Auth {
  // How clients log in. A SCRAM verifier means SCRAM under kMd5 too. SCRAM; new clients.
  AuthMethod method = AuthMethod::kScramSha256;

  bool operator==(const Auth&) const = default;
};

// A user of a pool: all settings resolved, user over pool over general.
struct PoolUser {
  std::string username;         // What the client says. Required; names the user.
  Secret password;              // What proves the client. None only with trust; new clients.
  std::string server_username;  // Login at the server. `username`; replaces the servers.
  // For the server's login. The client's `password` if unset: kMd5 answers only an md5
  // request, kScram means the keys of the client's own login. Replaces the servers.
  Secret server_password;
  uint32_t pool_size = 20;  // Servers at most. 20; live.
  // Servers that are kept open, idle or not; at most pool_size. 0; live.
  uint32_t min_pool_size = 0;
  // Servers beyond pool_size, for when a client has waited for reserve_pool_timeout; the timeout
  // at 0 = no reserve. 0 and 5s; live.
  uint32_t reserve_pool_size = 0;
  Duration reserve_pool_timeout = std::chrono::seconds(5);
  uint32_t max_client_conn = 0;                   // Clients of this user; 0 = no limit. 0; live.
  PoolMode pool_mode = PoolMode::kTransaction;    // "transaction"; replaces the servers.
  Duration connect_timeout{};                     // As in General; live.
  Duration query_wait_notify{};                   // As in General; live.
  Duration client_idle_timeout{};                 // As in General; live.
  Duration idle_client_in_transaction_timeout{};  // As in General; live.
  Duration transaction_timeout{};                 // As in General; live.
  Duration query_timeout{};                       // As in General; live.
  // PgCat's name for query_timeout; the shorter of the two holds. 0 = off; live.
  Duration statement_timeout{};
  Duration query_wait_timeout{};  // As in General; live.
  Duration idle_timeout{};        // As in General; live.
  Duration server_lifetime{};     // As in General; live.

  bool operator==(const PoolUser&) const = default;
};

// A server of a shard. One with another host or port is another server.
struct ServerTarget {
  std::string host;      // Address, name, or a directory of Unix sockets ("/…"). Required.
  uint16_t port = 5432;  // Also names the socket file .s.PGSQL.<port>. 5432.
  // All servers of a shard are peers, or none is; at most one is the primary. kPeer; live.
  balancer::Role role = balancer::Role::kPeer;
  uint32_t weight = 1;  // How often it is picked, relative to the others: 1 to 100. 1; live.
  // Connections to this server (host, port) over all pools, shards and databases; 0 = no limit for
  // this pool. Entries of the same server have the same value or 0. 0; live.
  uint32_t max_connections = 0;

  bool operator==(const ServerTarget&) const = default;
};

struct Shard {
  // At the servers. Empty = the one the client asked for; only in the pool "*". A change replaces
  // the servers.
  std::string database;
  std::vector<ServerTarget> servers;  // 1 to kServersMax; (host, port) differ.

  bool operator==(const Shard&) const = default;
};

inline constexpr size_t kServersMax = 64;  // of a shard

// What is done with a statement that needs a shard when none was chosen.
struct DefaultShard {
  enum class Kind : uint8_t {
    kNone,  // it is refused (22023)
    kFixed,
    kRandom,
    kRandomHealthy,  // one of those that have a server to go to
  };
  Kind kind = Kind::kNone;
  uint32_t shard = 0;  // kFixed: below the number of shards

  bool operator==(const DefaultShard&) const = default;
};

struct Pool {
  std::string name;                        // The database that clients ask for; "*" = any other.
  PoolMode mode = PoolMode::kTransaction;  // Default of its users. "transaction".
  // Statements remembered per server connection; 0 = off. 200; live.
  uint32_t prepared_statements_cache_size = 200;
  // These four are of transaction mode; users in session mode are not concerned.
  // A bare BEGIN is answered here and goes to a server with what follows it. true; live.
  bool deferred_begin = true;
  // What is done about state that stays in a server's session: the client keeps its server, is
  // refused (0A000), or keeps it and is named in the log. "pin"; live.
  SessionStatePolicy on_session_state = SessionStatePolicy::kPin;
  // What is done about what a statement may have left unseen: a probe asks for it, the server is
  // reset, nothing. "probe"; live.
  HiddenStatePolicy on_hidden_state = HiddenStatePolicy::kProbe;
  // Clients of one user that may keep a server at once; at most its pool_size, 0 = pool_size - 1,
  // at least 1. 0; live.
  uint32_t max_pinned = 0;
  uint32_t max_client_conn = 0;     // Clients of all its users together; 0 = no limit. 0; live.
  uint32_t max_db_connections = 0;  // As in General; live.
  std::string connect_query;        // Run once on each new server. None; replaces the servers.
  // Which server of a shard is next: "round_robin", or "random" in PgCat's form; live.
  balancer::BalancingMode load_balancing_mode = balancer::BalancingMode::kRoundRobin;
  // The role that a client gets that has not asked for one; every shard has a server of it.
  // "any"; live.
  balancer::WantedRole default_role = balancer::WantedRole::kAny;
  // Reads go to the primary when every replica is banned. true, or false in PgCat's form; live.
  bool primary_reads_enabled = true;
  Duration healthcheck_timeout = General{}.healthcheck_timeout;  // As in General; live.
  Duration healthcheck_delay = General{}.healthcheck_delay;      // As in General; live.
  Duration ban_time = General{}.ban_time;                        // As in General; live.
  Duration ban_time_max = General{}.ban_time_max;                // As in General; live.
  // From a sharding key to its shard; the type fits the function. "pg_bigint_hash" of "bigint";
  // live.
  sharding::ShardingFunction sharding_function = sharding::ShardingFunction::kPgBigintHash;
  sharding::KeyType sharding_key_type = sharding::KeyType::kBigint;
  // How long the shard that a client chose holds: for the next transaction that needs one, or
  // until another is chosen. "transaction", or "session" in PgCat's form; live.
  ShardScope shard_scope = ShardScope::kTransaction;
  DefaultShard default_shard;  // "none", or "shard_0" in PgCat's form; live.
  // RE2 patterns for comments, of which the first group is the key or the number of the shard;
  // not compiled yet. Empty = none. None; live.
  std::string sharding_key_regex;
  std::string shard_id_regex;
  uint64_t regex_search_limit = 1000;  // Bytes of a text that are searched. 1000; live.
  std::vector<Shard> shards;           // 1 to sharding::kShardsMax; shard n is the nth.
  std::vector<PoolUser> users;         // At least one, names differ; in the order of the file.

  bool operator==(const Pool&) const = default;
};

struct Config {
  General general;
  Admin admin;
  Auth auth;
  std::vector<Pool> pools;            // At least one, names differ; in the order of the file.
  bool pgcat_form = false;            // The file is a pgcat.toml: PgCat's defaults hold.
  std::vector<std::string> warnings;  // One line each, for the log; no secrets.
};

}  // namespace pglynx::config
