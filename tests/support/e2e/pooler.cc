#include "support/e2e/pooler.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace pglynx::e2e {

std::string PoolerBinary() {
  const char* chosen = std::getenv("PGLYNX_BINARY");
  return chosen != nullptr ? chosen : PGLYNX_DEFAULT_BINARY;
}

PoolerRun RunPooler(const std::vector<std::string>& arguments) {
  const TempDirectory directory;
  std::vector<std::string> argv = {PoolerBinary()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  ChildProcess process({.argv = std::move(argv),
                        .log_path = directory.path() + "/output",
                        .environment = {},
                        .as_postgres_user = false,
                        .death_signal = SIGKILL});
  const int status = process.WaitExit();
  return {status, process.log()};
}

Pooler::Pooler(const std::string& config, std::vector<std::string> environment)
    : port_(FreePort()), admin_port_(FreePort()), config_path_(directory_.path() + "/pglynx.toml") {
  WriteConfig(config);
  process_ = std::make_unique<ChildProcess>(
      ChildOptions{.argv = {PoolerBinary(), "--config", config_path_},
                   .log_path = directory_.path() + "/pglynx.log",
                   .environment = std::move(environment),
                   .as_postgres_user = false,
                   .death_signal = SIGKILL});
  const bool has_console = config.find("@ADMIN_PORT@") != std::string::npos;
  process_->WaitForLog("listening on 127.0.0.1:" + std::to_string(port_));
  if (has_console) process_->WaitForLog("console on 127.0.0.1:" + std::to_string(admin_port_));
}

void Pooler::WriteConfig(const std::string& config) const {
  WriteFile(config_path_, Fill(config, {{"@PORT@", std::to_string(port_)},
                                        {"@ADMIN_PORT@", std::to_string(admin_port_)}}));
}

Connection Pooler::Connect(const std::string& database, const std::string& user,
                           const std::string& password) const {
  return Connection::Open({.host = "127.0.0.1",
                           .port = port_,
                           .database = database,
                           .user = user,
                           .password = password,
                           .extra = {}});
}

Connection Pooler::Console(const std::string& user, const std::string& password) const {
  return Connection::Open({.host = "127.0.0.1",
                           .port = admin_port_,
                           .database = "pglynx",
                           .user = user,
                           .password = password,
                           .extra = {}});
}

std::optional<uint64_t> Pooler::resident_bytes() const {
  std::ifstream file("/proc/" + std::to_string(pid()) + "/smaps_rollup");
  for (std::string word; file >> word;) {
    uint64_t kibibytes = 0;
    if (word == "Rss:" && file >> kibibytes) return kibibytes * 1024;
  }
  return std::nullopt;
}

std::optional<size_t> Pooler::descriptors() const {
  std::error_code problem;
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid()) + "/fd",
                                                    problem);
  if (problem) return std::nullopt;
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace pglynx::e2e
