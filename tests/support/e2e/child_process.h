#pragma once

// A program under a test's control: started by fork and exec, its output in a file, killed
// when the object or the test itself dies.
//
// Owner: the test. Waiting is done on the process and on changes of its log, never by
// sleeping. What the harness cannot do (no such program, no answer in time) throws
// std::runtime_error with the log's end, and so fails the test that asked for it.
//
//   ChildProcess server({.argv = {"/usr/bin/server"}, .log_path = directory + "/log"});
//   server.WaitForLog("ready");
//   server.Signal(SIGTERM);
//   CHECK(server.WaitExit() == 0);

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace pglynx::e2e {

// How long anything may take before the harness gives up; far above what is needed.
constexpr std::chrono::milliseconds kPatience{30'000};

struct ChildOptions {
  std::vector<std::string> argv;         // argv[0] is the program's path
  std::string log_path;                  // gets stdout and stderr; created or appended to
  std::vector<std::string> environment;  // NAME=value, over the test's own
  bool as_postgres_user = false;         // give up root for the user that may run PostgreSQL
  int death_signal = SIGKILL;            // what the kernel sends it should the test die
};

// A user that a child may become.
struct UnixUser {
  uid_t uid;
  gid_t gid;
};

// The user clusters run as: `postgres` or `nobody` under root, else nullopt (ourselves).
std::optional<UnixUser> PostgresUser();

class ChildProcess {
 public:
  explicit ChildProcess(const ChildOptions& options);
  ~ChildProcess();  // SIGKILL if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Signal(int signal_number) const;

  // The exit status, or minus the signal that ended it; throws if it outlives `timeout`.
  int WaitExit(std::chrono::milliseconds timeout = kPatience);

  // Returns when the log holds `text` at or behind offset `from`; throws when the process
  // ends, or `timeout` passes, without it.
  void WaitForLog(std::string_view text, size_t from = 0,
                  std::chrono::milliseconds timeout = kPatience);

  [[nodiscard]] std::string log() const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();

 private:
  void Reap(int options);

  std::string log_path_;
  std::string name_;
  pid_t pid_ = -1;
  int pidfd_ = -1;    // readable once the process has ended
  int inotify_ = -1;  // readable once the log has changed
  std::optional<int> exit_;
};

// Runs a program to its end and throws unless it exits with 0.
void RunToEnd(const ChildOptions& options);

}  // namespace pglynx::e2e
