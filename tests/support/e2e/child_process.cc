#include "support/e2e/child_process.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <poll.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/e2e/wait.h"

namespace pglynx::e2e {

namespace {

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The test's environment without PG… (it would change what libpq and PostgreSQL do), with
// messages in English, plus `extra`.
std::vector<std::string> Environment(const std::vector<std::string>& extra) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("PG") && !text.starts_with("PGLYNX_")) continue;
    if (text.starts_with("LC_") || text.starts_with("LANG")) continue;
    result.emplace_back(text);
  }
  result.emplace_back("LC_ALL=C");
  result.insert(result.end(), extra.begin(), extra.end());
  return result;
}

// Runs in the child between fork and exec: system calls alone, no allocation.
[[noreturn]] void Become(char* const* argv, char* const* environment, int log,
                         const std::optional<UnixUser>& user, int death_signal, pid_t parent) {
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  if (user && (setgroups(0, nullptr) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0)) {
    _exit(126);
  }
  // After setuid, which clears it. The parent may be gone before it takes effect.
  prctl(PR_SET_PDEATHSIG, death_signal);
  if (getppid() != parent) _exit(126);
  // A child of the user `postgres` cannot stay in a directory of root's.
  if (user && chdir("/") != 0) _exit(126);
  execve(argv[0], argv, environment);
  _exit(127);
}

}  // namespace

std::optional<UnixUser> PostgresUser() {
  if (geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = getpwnam(name)) return UnixUser{entry->pw_uid, entry->pw_gid};
  }
  throw std::runtime_error("no user to run PostgreSQL as: neither postgres nor nobody exists");
}

ChildProcess::ChildProcess(const ChildOptions& options)
    : log_path_(options.log_path), name_(options.argv.front()) {
  if (access(name_.c_str(), X_OK) != 0) Fail("cannot run " + name_);
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> environment = Environment(options.environment);
  const std::vector<char*> argv_pointers = Pointers(argv);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const std::optional<UnixUser> user =
      options.as_postgres_user ? PostgresUser() : std::optional<UnixUser>();
  const int log = open(log_path_.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
  if (log < 0) Fail("cannot write " + log_path_);
  inotify_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_ < 0 || inotify_add_watch(inotify_, log_path_.c_str(), IN_MODIFY) < 0) {
    Fail("inotify");
  }
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    Become(argv_pointers.data(), environment_pointers.data(), log, user, options.death_signal,
           parent);
  }
  close(log);
  if (pid_ < 0) Fail("fork");
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) Fail("pidfd_open");
}

ChildProcess::~ChildProcess() {
  if (!exit_ && pid_ > 0) {
    kill(pid_, SIGKILL);
    Reap(0);
  }
  close(pidfd_);
  close(inotify_);
}

void ChildProcess::Signal(int signal_number) const {
  if (!exit_) kill(pid_, signal_number);
}

void ChildProcess::Reap(int options) {
  int status = 0;
  if (exit_ || waitpid(pid_, &status, options) != pid_) return;
  exit_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool ChildProcess::running() {
  Reap(WNOHANG);
  return !exit_;
}

int ChildProcess::WaitExit(std::chrono::milliseconds timeout) {
  if (!exit_ && !WaitReadable({pidfd_}, Deadline(timeout))) {
    throw std::runtime_error(name_ + " did not end in time; its log:\n" + log());
  }
  Reap(0);
  return *exit_;
}

void ChildProcess::WaitForLog(std::string_view text, size_t from,
                              std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    const bool was_running = running();  // before the look: its last words count
    const std::string so_far = log();
    if (so_far.find(text, from) != std::string::npos) return;
    if (!was_running || !WaitReadable({inotify_, pidfd_}, deadline)) {
      throw std::runtime_error(name_ + (was_running ? " did not log \"" : " ended before \"") +
                               std::string(text) + "\"; its log:\n" + so_far);
    }
    char events[4096];
    while (read(inotify_, events, sizeof events) > 0) {
    }
  }
}

std::string ChildProcess::log() const {
  std::ifstream file(log_path_, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void RunToEnd(const ChildOptions& options) {
  ChildProcess child(options);
  const int status = child.WaitExit();
  if (status != 0) {
    throw std::runtime_error(options.argv.front() + " ended with " + std::to_string(status) +
                             "; its output:\n" + child.log());
  }
}

}  // namespace pglynx::e2e
