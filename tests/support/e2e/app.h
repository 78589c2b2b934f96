#pragma once

// The usual set-up of an end-to-end test: one PostgreSQL for the whole program, with a role and
// a database `app`, and a pooler in front of it with one pool.
//
// Owner: the cluster is made on first use and lives until the program ends; a pooler is the
// test's. A new pooler starts without servers that an earlier one has left behind. Waits are
// bounded; what cannot be set up throws std::runtime_error.
//
//   AppPooler pooler({.pool_size = 2});
//   Connection client = pooler.Client();
//   CHECK(client.Exec("select 1").value() == "1");

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/e2e/connection.h"
#include "support/e2e/pooler.h"
#include "support/e2e/postgres_cluster.h"
#include "support/e2e/raw_client.h"

namespace pglynx::e2e {

// The program's cluster: role `app`, password `secret`, owner of the database `app`.
PostgresCluster& Postgres();

// One connection to it as superuser, around the pooler; made anew when it broke.
Connection& Superuser();

// Server connections of the role `app`, as PostgreSQL counts them.
size_t ServerCount();

// True once `condition` holds: asked again and again, a few milliseconds apart.
bool Eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds timeout = kPatience);

// Lets this program, and by inheritance the pooler, open so many files; false if it may not.
bool RaiseDescriptorLimit(size_t needed);

// Text as it stands in the configuration; each may hold several lines.
struct AppOptions {
  int pool_size = 1;
  std::string pool_mode = "transaction";
  std::string auth = "trust";  // so that RawClient can log in
  std::string general = {};    // further lines of [general]
  std::string admin = {};      // of [admin]
  std::string pool = {};       // of [pools.app]
  std::string user = {};       // of its user
  std::string more = {};       // further tables
  uint16_t server_port = 0;    // 0: that of Postgres()
};
std::string AppConfig(const AppOptions& options);

using Keywords = std::vector<std::pair<std::string, std::string>>;

class AppPooler : public Pooler {
 public:
  explicit AppPooler(const AppOptions& options = {});

  // Logged in as `app`; REQUIREs nothing: see Connection::ok().
  [[nodiscard]] Connection Client(const Keywords& extra = {}) const;
  [[nodiscard]] RawClient Raw() const;
  [[nodiscard]] Connection Admin() const { return Console("admin", "admin-secret"); }

  // A value of a SHOW table: of the first row whose `key_column` reads `key`.
  [[nodiscard]] std::string Shown(const std::string& table, const std::string& key_column,
                                  const std::string& key, const std::string& column) const;
  // True once SHOW POOLS has `count` waiting clients for the pool `app`.
  [[nodiscard]] bool HasWaiting(size_t count) const;
  // True once `count` of its servers are in clients' hands.
  [[nodiscard]] bool HasActive(size_t count) const;

 private:
  [[nodiscard]] bool Shows(const std::string& column, size_t count) const;
};

// The column's value in the first row whose `key_column` reads `key`; "(none)" without one.
std::string Cell(const QueryResult& result, const std::string& key_column, const std::string& key,
                 const std::string& column);

}  // namespace pglynx::e2e
