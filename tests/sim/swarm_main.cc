// pglynx_swarm --seed S --events N [--faults PROFILE] [--sabotage NAME] [--verbose] [--keep-going]
// pglynx_swarm --list-sabotage
//
// One run of the swarm in a process of its own, so that a failed CHECK, which ends it, is
// counted too. The last line is always `seed=S events=N violations=K trace=HEX`; the exit
// status is 0 only where K is 0.

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "pglynx/core/sabotage.h"
#include "sim/swarm.h"

namespace {

using pglynx::Sabotage;
using pglynx::sim::SwarmOptions;
using pglynx::sim::SwarmResult;

constexpr int kExitUsage = 64;

struct NamedSabotage {
  const char* name;
  Sabotage fault;
};
constexpr std::array kSabotages{
    NamedSabotage{"lease-in-transaction", Sabotage::kLeaseInTransaction},
    NamedSabotage{"lost-waiter", Sabotage::kLostWaiter},
    NamedSabotage{"wrong-cancel", Sabotage::kWrongCancel},
    NamedSabotage{"state-leak", Sabotage::kStateLeak},
    NamedSabotage{"limit-off-by-one", Sabotage::kLimitOffByOne},
    NamedSabotage{"reply-swap", Sabotage::kReplySwap},
    NamedSabotage{"double-release", Sabotage::kDoubleRelease},
    NamedSabotage{"ban-ignored", Sabotage::kBanIgnored},
};

// What the command line asks for.
struct Arguments {
  SwarmOptions swarm;
  const char* sabotage = "";
};

const NamedSabotage* FindSabotage(std::string_view name) {
  for (const NamedSabotage& sabotage : kSabotages) {
    if (sabotage.name == name) return &sabotage;
  }
  return nullptr;
}

int ListSabotages() {
  for (const NamedSabotage& sabotage : kSabotages) std::printf("%s\n", sabotage.name);
  return 0;
}

int Usage(const char* name) {
  std::fprintf(stderr,
               "usage: %s --seed S --events N [--faults PROFILE] [--sabotage NAME] [--verbose] "
               "[--keep-going]\n       %s --list-sabotage\n",
               name, name);
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

void PrintCommand(const Arguments& arguments) {
  const SwarmOptions& options = arguments.swarm;
  const bool sabotaged = arguments.sabotage[0] != '\0';
  std::printf("again: pglynx_swarm --seed %" PRIu64 " --events %" PRIu64 "%s%s%s%s --verbose\n",
              options.seed, options.events, options.faults.empty() ? "" : " --faults ",
              options.faults.c_str(), sabotaged ? " --sabotage " : "", arguments.sabotage);
}

int RunHere(const Arguments& arguments) {
  const SwarmOptions& options = arguments.swarm;
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
    PrintCommand(arguments);
  }
  PrintLastLine(options, result.violations.size(), result.trace);
  return result.violations.empty() ? 0 : 1;
}

// A run that ends by a signal has violated something, and says so on stderr.
int RunInChild(const Arguments& arguments) {
  const SwarmOptions& options = arguments.swarm;
  const pid_t child = fork();
  if (child <= 0) return RunHere(arguments);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status);
  std::printf("seed %" PRIu64 " ended by a failed CHECK or a sanitizer: see stderr\n",
              options.seed);
  PrintCommand(arguments);
  PrintLastLine(options, 1, 0);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  SwarmOptions& options = arguments.swarm;
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
    } else if (argument == "--sabotage" && has_value) {
      const NamedSabotage* sabotage = FindSabotage(argv[++i]);
      if (sabotage == nullptr) return Usage(argv[0]);
      if (!pglynx::kCanPlant) {
        std::fprintf(stderr, "this build has no faults to plant: take the preset dev or asan\n");
        return kExitUsage;
      }
      arguments.sabotage = sabotage->name;
      pglynx::Plant(sabotage->fault);
    } else if (argument == "--list-sabotage") {
      return ListSabotages();
    } else {
      return Usage(argv[0]);
    }
  }
  return RunInChild(arguments);
}
