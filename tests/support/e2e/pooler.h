#pragma once

// The pooler under test: the real program with a configuration file and ports of its own.
//
// The binary is $PGLYNX_BINARY, else the release build's. Owner: the test; the process is
// killed with the object, and with the test. A start that fails throws std::runtime_error
// with the program's log; to test failing starts, run the binary through RunPooler.
//
// In the configuration's text @PORT@ and @ADMIN_PORT@ stand for free ports.
//
//   Pooler pooler(Fill(kConfig, {{"@SERVER_PORT@", std::to_string(postgres.port())}}));
//   Connection client = pooler.Connect("app", "app", "secret");
//   Connection console = pooler.Console("admin", "secret");

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/e2e/child_process.h"
#include "support/e2e/connection.h"
#include "support/e2e/temp_directory.h"

namespace pglynx::e2e {

// The program's path.
std::string PoolerBinary();

// A run of the program to its end, for wrong configurations and command lines.
struct PoolerRun {
  int exit_status;
  std::string output;  // stdout and stderr
};
PoolerRun RunPooler(const std::vector<std::string>& arguments);

class Pooler {
 public:
  // Returns once it listens; waits for the console too where the text names @ADMIN_PORT@.
  explicit Pooler(const std::string& config, std::vector<std::string> environment = {});
  Pooler(const Pooler&) = delete;
  Pooler& operator=(const Pooler&) = delete;

  [[nodiscard]] Connection Connect(const std::string& database, const std::string& user,
                                   const std::string& password) const;
  // The admin database on the console's port.
  [[nodiscard]] Connection Console(const std::string& user, const std::string& password) const;

  // Replaces the file, placeholders filled as before; a reload is the caller's to ask for.
  void WriteConfig(const std::string& config) const;
  void Signal(int signal_number) const { process_->Signal(signal_number); }
  int WaitExit(std::chrono::milliseconds timeout = kPatience) {
    return process_->WaitExit(timeout);
  }
  // Returns when a line with `text` was logged at or behind offset `from` of log().
  void WaitForLog(std::string_view text, size_t from = 0) { process_->WaitForLog(text, from); }

  [[nodiscard]] std::string log() const { return process_->log(); }
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] uint16_t admin_port() const { return admin_port_; }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] const std::string& config_path() const { return config_path_; }
  [[nodiscard]] bool running() { return process_->running(); }

  // Resident memory by smaps_rollup; nullopt where /proc is not mounted.
  [[nodiscard]] std::optional<uint64_t> resident_bytes() const;
  // Open descriptors; nullopt where /proc is not mounted.
  [[nodiscard]] std::optional<size_t> descriptors() const;

 private:
  const TempDirectory directory_;
  const uint16_t port_;
  const uint16_t admin_port_;
  const std::string config_path_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace pglynx::e2e
