// pglynx_fake_vs_real [--seed S] [--scripts N] [--messages M] [--keep-going] [--any-version]
//                     [--verbose]
//
// Goal: FakePostgres, on which the simulator's findings stand, replies as PostgreSQL does.
// Method: logins, then N random scripts from the seeds S, S + 1, …, sent to both, each reply
// compared. A difference is printed with the script up to it; the exit status is then 1.
// 77, which ctest takes as skipped: there is no PostgreSQL, or not the version it imitates.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <string_view>

#include "sim/fake_vs_real/comparison.h"
#include "support/e2e/postgres_cluster.h"

namespace {

using pglynx::sim::Comparison;
using pglynx::sim::RealServer;

constexpr int kExitUsage = 64;
constexpr int kExitSkipped = 77;
// What FakePostgres imitates; others differ in details, such as the parameters they report.
constexpr int kMajorVersion = 15;

struct Options {
  uint64_t seed = 1;
  uint64_t scripts = 300;
  uint64_t messages = 60;
  bool keep_going = false;
  bool any_version = false;
  bool verbose = false;  // tells how often each reply came
};

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--keep-going") {
      options.keep_going = true;
    } else if (argument == "--any-version") {
      options.any_version = true;
    } else if (argument == "--verbose") {
      options.verbose = true;
    } else if (i + 1 == argc) {
      return false;
    } else if (argument == "--seed") {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--scripts") {
      options.scripts = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--messages") {
      options.messages = std::strtoull(argv[++i], nullptr, 10);
    } else {
      return false;
    }
  }
  return true;
}

int Run(const Options& options) {
  RealServer real;
  if (real.major_version() != kMajorVersion && !options.any_version) {
    std::printf("skipped: the server is PostgreSQL %d, the fake imitates %d (--any-version)\n",
                real.major_version(), kMajorVersion);
    return kExitSkipped;
  }
  size_t sent = 0;
  size_t compared = 0;
  std::map<std::string, size_t> kinds;
  size_t differences = 0;
  const auto note = [&](const Comparison& comparison) {
    sent += comparison.sent;
    for (const auto& [kind, count] : comparison.compared) {
      kinds[kind] += count;
      compared += count;
    }
    if (comparison.difference.empty()) return;
    ++differences;
    std::printf("%s\n", comparison.difference.c_str());
  };
  note(pglynx::sim::CompareLogins(real));
  for (uint64_t i = 0; i < options.scripts && (differences == 0 || options.keep_going); ++i) {
    const Comparison script = pglynx::sim::CompareScript(real, options.seed + i, options.messages);
    note(script);
    if (script.difference.empty()) continue;
    std::printf("again: pglynx_fake_vs_real --seed %llu --scripts 1 --messages %llu\n",
                static_cast<unsigned long long>(options.seed + i),
                static_cast<unsigned long long>(options.messages));
  }
  for (const auto& [kind, count] : kinds) {
    if (options.verbose) std::printf("%8zu %s\n", count, kind.c_str());
  }
  std::printf("seed=%llu scripts=%llu sent=%zu compared=%zu differences=%zu\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(options.scripts), sent, compared, differences);
  return differences == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: %s [--seed S] [--scripts N] [--messages M] [--keep-going] "
                 "[--any-version] [--verbose]\n",
                 argv[0]);
    return kExitUsage;
  }
  try {
    pglynx::e2e::PostgresCluster::BinDirectory();
  } catch (const std::exception& missing) {
    std::printf("skipped: %s\n", missing.what());
    return kExitSkipped;
  }
  try {
    return Run(options);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
  }
}
