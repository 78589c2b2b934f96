#include "support/e2e/postgres_cluster.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace pglynx::e2e {

namespace {

namespace fs = std::filesystem;

constexpr int kMajorMin = 13;

// Debian names a version's directory by its major number.
int MajorOf(const fs::path& directory) {
  const std::string name = directory.filename().string();
  int major = 0;
  std::from_chars(name.data(), name.data() + name.size(), major);
  return major;
}

bool HasServer(const fs::path& bin) {
  return access((bin / "postgres").c_str(), X_OK) == 0 &&
         access((bin / "initdb").c_str(), X_OK) == 0;
}

std::string NewestOfDebian() {
  std::string best;
  int best_major = kMajorMin - 1;
  std::error_code ignored;  // no such directory: no candidates
  for (const fs::directory_entry& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int major = MajorOf(entry.path());
    if (major > best_major && HasServer(entry.path() / "bin")) {
      best = entry.path() / "bin";
      best_major = major;
    }
  }
  return best;
}

std::string FirstInPath() {
  const char* path = std::getenv("PATH");
  std::istringstream places(path != nullptr ? path : "");
  for (std::string place; std::getline(places, place, ':');) {
    if (HasServer(place)) return place;
  }
  return "";
}

// The server's own user must own what it writes to.
void GiveToPostgres(const std::string& path) {
  const std::optional<UnixUser> user = PostgresUser();
  if (user && chown(path.c_str(), user->uid, user->gid) != 0) {
    throw std::runtime_error("cannot give " + path + " to PostgreSQL's user");
  }
}

}  // namespace

std::string PostgresCluster::BinDirectory() {
  if (const char* chosen = std::getenv("PGLYNX_POSTGRES_BINDIR")) return chosen;
  for (const std::string& found : {NewestOfDebian(), FirstInPath()}) {
    if (!found.empty()) return found;
  }
  throw std::runtime_error("no PostgreSQL server of version 13 or later on this machine");
}

PostgresCluster::PostgresCluster(ClusterOptions options)
    : options_(std::move(options)), bin_(BinDirectory()), port_(FreePort()) {
  Initialise();
  Start();
}

PostgresCluster::~PostgresCluster() {
  // A failure to stop must not hide the test's own: ~ChildProcess kills what is left.
  try {
    Stop();
  } catch (const std::exception&) {
  }
}

void PostgresCluster::Initialise() {
  const std::string& base = directory_.path();
  GiveToPostgres(base);
  WriteFile(base + "/password", password_ + "\n");
  GiveToPostgres(base + "/password");
  RunToEnd({.argv = {bin_ + "/initdb", "--no-sync", "--username=postgres", "--encoding=UTF8",
                     "--locale=C", "--auth=scram-sha-256", "--pwfile=" + base + "/password",
                     "--pgdata=" + base + "/data"},
            .log_path = base + "/initdb.log",
            .environment = {},
            .as_postgres_user = true,
            .death_signal = SIGKILL});
  std::string hba;
  for (const std::string& line : options_.hba) hba += line + "\n";
  hba += "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
  WriteFile(base + "/data/pg_hba.conf", hba);
  GiveToPostgres(base + "/data/pg_hba.conf");
}

void PostgresCluster::Start() {
  const std::string& base = directory_.path();
  std::vector<std::string> argv = {bin_ + "/postgres", "-D", base + "/data"};
  std::vector<std::string> settings = {
      "listen_addresses=127.0.0.1",
      "port=" + std::to_string(port_),
      "unix_socket_directories=" + base,
      "fsync=off",
      "synchronous_commit=off",
      "shared_buffers=32MB",
      "max_connections=" + std::to_string(options_.max_connections)};
  settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
  for (std::string& setting : settings) {
    argv.emplace_back("-c");
    argv.push_back(std::move(setting));
  }
  const size_t logged = server_ ? server_->log().size() : 0;
  // SIGQUIT from the kernel, should the test die: an immediate stop of all its processes.
  server_ = std::make_unique<ChildProcess>(ChildOptions{.argv = std::move(argv),
                                                        .log_path = base + "/postgres.log",
                                                        .environment = {},
                                                        .as_postgres_user = true,
                                                        .death_signal = SIGQUIT});
  server_->WaitForLog("database system is ready to accept connections", logged);
}

void PostgresCluster::Stop(int how) {
  if (!server_ || !server_->running()) return;
  server_->Signal(how);
  server_->WaitExit();
}

Connection PostgresCluster::Connect(const std::string& database, const std::string& user,
                                    const std::string& password) const {
  return Connection::Open({.host = "127.0.0.1",
                           .port = port_,
                           .database = database,
                           .user = user,
                           .password = password,
                           .extra = {}});
}

Connection PostgresCluster::Superuser(const std::string& database) const {
  return Connect(database, "postgres", password_);
}

QueryResult PostgresCluster::Exec(const std::string& sql, const std::string& database) const {
  Connection superuser = Superuser(database);
  QueryResult result = superuser.Exec(sql);
  if (!result.ok()) throw std::runtime_error(sql + ": " + result.error);
  return result;
}

}  // namespace pglynx::e2e
