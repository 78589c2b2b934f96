// pglynx_swarm --seed S --events N [--faults PROFILE] [--verbose] [--keep-going]
//
// One run of the swarm in a process of its own, so that a failed CHECK, which ends it, is
// counted too. The last line is always `seed=S events=N violations=K trace=HEX`; the exit
// status is 0 only where K is 0.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/swarm.h"

namespace {

using pglynx::sim::SwarmOptions;
using pglynx::sim::SwarmResult;

constexpr int kExitUsage = 64;

int Usage(const char* name) {
  std::fprintf(stderr,
               "usage: %s --seed S --events N [--faults PROFILE] [--verbose] [--keep-going]\n",
               name);
  for (const std::string& profile : pglynx::sim::FaultProfiles()) {
    std::fprintf(stderr, "  profile %s\n", profile.c_str());
  }
  return kExitUsage;
}

void PrintLastLine(const SwarmOptions& options, size_t violations, uint64_t trace) {
  std::printf("seed=%" PRIu64 " events=%" PRIu64 " violations=%zu trace=%016" PRIx64 "\n",
              options.seed, options.events, violations, trace);
  std::fflush(stdout);
}

void PrintCommand(const SwarmOptions& options) {
  std::printf("again: pglynx_swarm --seed %" PRIu64 " --events %" PRIu64 "%s%s --verbose\n",
              options.seed, options.events, options.faults.empty() ? "" : " --faults ",
              options.faults.c_str());
}

int RunHere(const SwarmOptions& options) {
  const SwarmResult result = pglynx::sim::RunSwarm(options);
  if (options.describe || !result.violations.empty()) {
    std::printf("%s\n", result.topology.c_str());
    std::printf("%" PRIu64 " clients, %" PRIu64 " statements, %" PRIu64 " errors\n", result.clients,
                result.statements, result.errors);
    for (const std::string& line : result.last_lines) std::printf("  %s\n", line.c_str());
  }
  if (!result.violations.empty()) {
    std::printf("seed %" PRIu64 " broke:\n", options.seed);
    for (const std::string& line : result.violations) std::printf("  %s\n", line.c_str());
    for (const std::string& line : result.notes) std::printf("    %s\n", line.c_str());
    PrintCommand(options);
  }
  PrintLastLine(options, result.violations.size(), result.trace);
  return result.violations.empty() ? 0 : 1;
}

// A run that ends by a signal has violated something, and says so on stderr.
int RunInChild(const SwarmOptions& options) {
  const pid_t child = fork();
  if (child < 0) return RunHere(options);
  if (child == 0) return RunHere(options);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status);
  std::printf("seed %" PRIu64 " ended by a failed CHECK or a sanitizer: see stderr\n",
              options.seed);
  PrintCommand(options);
  PrintLastLine(options, 1, 0);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  SwarmOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--verbose") {
      options.describe = true;
    } else if (argument == "--keep-going") {
      options.violations_max = 20;
    } else if (argument == "--seed" && has_value) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--events" && has_value) {
      options.events = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--faults" && has_value) {
      options.faults = argv[++i];
      if (!pglynx::sim::IsFaultProfile(options.faults)) return Usage(argv[0]);
    } else {
      return Usage(argv[0]);
    }
  }
  return RunInChild(options);
}
