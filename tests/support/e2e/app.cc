#include "support/e2e/app.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <sys/resource.h>

#include "support/e2e/wait.h"

namespace pglynx::e2e {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{5};

constexpr const char* kConfig = R"([general]
host = "127.0.0.1"
port = @PORT@
@GENERAL@
[admin]
port = @ADMIN_PORT@
username = "admin"
password = "admin-secret"
@ADMIN@
[auth]
method = "@AUTH@"
[pools.app]
pool_mode = "@POOL_MODE@"
database = "app"
servers = [{ host = "127.0.0.1", port = @SERVER_PORT@ }]
@POOL@
[[pools.app.users]]
username = "app"
password = "secret"
pool_size = @POOL_SIZE@
@USER@
@MORE@
)";

// So that counts and locks are those of the new pooler alone.
void EndServersOfEarlierPoolers() {
  Superuser().Exec("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
  if (!Eventually([] { return ServerCount() == 0; })) {
    throw std::runtime_error("servers of an earlier pooler do not end");
  }
}

}  // namespace

PostgresCluster& Postgres() {
  static PostgresCluster cluster;
  static const bool prepared = [] {
    cluster.Exec("create role app login password 'secret'");
    cluster.Exec("create database app owner app");
    return true;
  }();
  static_cast<void>(prepared);
  return cluster;
}

Connection& Superuser() {
  static std::unique_ptr<Connection> connection;
  Postgres();
  if (!connection || !connection->Exec("select 1").ok()) {
    connection = std::make_unique<Connection>(Postgres().Superuser("app"));
  }
  return *connection;
}

size_t ServerCount() {
  return std::stoul(
      Superuser().Exec("select count(*) from pg_stat_activity where usename = 'app'").value());
}

bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!condition()) {
    if (deadline.milliseconds_left() == 0) return false;
    WaitFor({}, 0, Deadline(kBetweenLooks));
  }
  return true;
}

bool RaiseDescriptorLimit(size_t needed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= needed) return true;
  limit.rlim_cur = needed;
  limit.rlim_max = std::max<rlim_t>(limit.rlim_max, needed);  // root may
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::string AppConfig(const AppOptions& options) {
  const uint16_t port = options.server_port != 0 ? options.server_port : Postgres().port();
  return Fill(
      kConfig,
      {{"@GENERAL@", options.general},
       {"@ADMIN@", options.admin},
       {"@AUTH@", options.auth},
       {"@POOL_MODE@", options.pool_mode},
       {"@SERVER_PORT@", std::to_string(port)},
       {"@POOL_SIZE@", std::to_string(options.pool_size)},
       // In these tests a client takes a server by BEGIN; tests/differential runs with both.
       {"@POOL@", options.pool.empty() ? "deferred_begin = false"
                                       : "deferred_begin = false\n" + options.pool},
       {"@USER@", options.user},
       {"@MORE@", options.more}});
}

AppPooler::AppPooler(const AppOptions& options)
    : Pooler((EndServersOfEarlierPoolers(), AppConfig(options))) {}

Connection AppPooler::Client(const Keywords& extra) const {
  return Connection::Open({.host = "127.0.0.1",
                           .port = port(),
                           .database = "app",
                           .user = "app",
                           .password = "secret",
                           .extra = extra});
}

RawClient AppPooler::Raw() const {
  RawClient client(port());
  if (client.Login("app", "app").back().type != 'Z') {
    throw std::runtime_error("RawClient was not let in; the pooler's log:\n" + log());
  }
  return client;
}

std::string Cell(const QueryResult& result, const std::string& key_column, const std::string& key,
                 const std::string& column) {
  const auto find = [&](const std::string& name) {
    const auto found = std::find(result.columns.begin(), result.columns.end(), name);
    if (found == result.columns.end()) throw std::runtime_error("no column " + name);
    return static_cast<size_t>(found - result.columns.begin());
  };
  const size_t key_at = find(key_column);
  const size_t at = find(column);
  for (const std::vector<std::string>& row : result.rows) {
    if (row[key_at] == key) return row[at];
  }
  return "(none)";
}

std::string AppPooler::Shown(const std::string& table, const std::string& key_column,
                             const std::string& key, const std::string& column) const {
  return Cell(Admin().Exec("show " + table), key_column, key, column);
}

bool AppPooler::HasWaiting(size_t count) const {
  return Shows("cl_waiting", count);
}

bool AppPooler::HasActive(size_t count) const {
  return Shows("sv_active", count);
}

bool AppPooler::Shows(const std::string& column, size_t count) const {
  Connection console = Admin();
  return Eventually([&] {
    return Cell(console.Exec("show pools"), "database", "app", column) == std::to_string(count);
  });
}

}  // namespace pglynx::e2e
