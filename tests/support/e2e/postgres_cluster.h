#pragma once

// A PostgreSQL server of the test's own: a new cluster in a temporary directory, on a free
// loopback port, without durability. The superuser is `postgres`.
//
// Owner: the test (one per program is usual: making one takes about a second). Under root
// the server runs as another user, for it refuses root. Nothing is left behind when the
// test crashes, a temporary directory aside. Failures throw std::runtime_error.
//
// Roles log in over TCP with SCRAM, unless `hba` says otherwise.
//
//   PostgresCluster postgres;
//   postgres.Exec("create role app login password 'secret'");
//   Connection direct = postgres.Connect("postgres", "app", "secret");

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/e2e/child_process.h"
#include "support/e2e/connection.h"
#include "support/e2e/temp_directory.h"

namespace pglynx::e2e {

struct ClusterOptions {
  int max_connections = 100;
  std::vector<std::string> settings;  // name=value, as for postgres -c
  std::vector<std::string> hba;       // lines of pg_hba.conf before ours, e.g. for md5 or trust
};

class PostgresCluster {
 public:
  // Where the newest PostgreSQL's programs are: $PGLYNX_POSTGRES_BINDIR, Debian's places,
  // PATH. Throws if there is none.
  static std::string BinDirectory();

  explicit PostgresCluster(ClusterOptions options = {});
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  void Start();                  // on the same port as before; returns when it answers
  void Stop(int how = SIGQUIT);  // SIGQUIT immediate, SIGINT fast, SIGTERM smart
  void Restart() { Stop(SIGINT), Start(); }
  void Signal(int signal_number) { server_->Signal(signal_number); }  // to the postmaster

  [[nodiscard]] Connection Connect(const std::string& database, const std::string& user,
                                   const std::string& password) const;
  [[nodiscard]] Connection Superuser(const std::string& database = "postgres") const;
  // Runs SQL as superuser and throws unless it succeeds.
  QueryResult Exec(const std::string& sql, const std::string& database = "postgres") const;

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& superuser_password() const { return password_; }
  // What the server logged since the cluster was made.
  [[nodiscard]] std::string log() const { return server_->log(); }
  [[nodiscard]] pid_t pid() const { return server_->pid(); }

 private:
  void Initialise();

  const ClusterOptions options_;
  const std::string bin_;
  const std::string password_ = "superuser-of-a-test";
  const TempDirectory directory_;
  const uint16_t port_;
  std::unique_ptr<ChildProcess> server_;
};

}  // namespace pglynx::e2e
