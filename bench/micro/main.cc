// pglynx_micro: the micro benchmarks, for time or for instructions.
//
//   pglynx_micro [Google Benchmark's options]     the time of each, then a table against budgets
//   valgrind --tool=callgrind … pglynx_micro --count
//                        a profile of each, one dump per case; instructions.py reads them
//
// Exits with 1 if a budget was broken, with 77 where --count cannot work.

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

#include "micro/micro_case.h"

namespace pglynx::micro {
namespace {

constexpr int kSkipped = 77;
// Enough for the call of Run and of the dump to vanish; a case of 50 us still ends soon.
constexpr uint64_t kCountedRuns = 1000;
// Between two looks at the clock's state.
constexpr uint64_t kTimedRuns = 16;

#ifdef CALLGRIND_DUMP_STATS_AT
// "g++ 12.2 x86-64"; what else decides how many instructions there are comes last, if anything.
std::string CompilerName() {
#ifdef __clang__
  std::string name =
      "clang++ " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__);
#else
  std::string name = "g++ " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__);
#endif
#ifdef __x86_64__
  name += " x86-64";
#else
  name += " another-processor";
#endif
#ifndef __OPTIMIZE__
  name += " not-optimised";
#endif
#ifdef PGLYNX_DCHECK_ON
  name += " with-checks";
#endif
  return name;
}

// Memory that is kept, caches and lazy bindings are as they will stay before it is counted.
int Count() {
  if (!RUNNING_ON_VALGRIND) {
    std::fputs("pglynx_micro --count: to be run under valgrind --tool=callgrind\n", stderr);
    return kSkipped;
  }
  std::printf("compiler %s\nruns %llu\n", CompilerName().c_str(),
              static_cast<unsigned long long>(kCountedRuns));
  for (const Row& row : AllRows()) {
    const std::unique_ptr<Case> measured = row.make();
    measured->Run(2 * kTimedRuns);
    const std::string name(row.name);
    CALLGRIND_ZERO_STATS;
    measured->Run(kCountedRuns);
    CALLGRIND_DUMP_STATS_AT(name.c_str());
  }
  return 0;
}
#else
int Count() {
  std::fputs("pglynx_micro --count: built without valgrind's headers\n", stderr);
  return kSkipped;
}
#endif

// Prints as usual and keeps the times.
class Timekeeper final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Aggregate) continue;
      times_.emplace_back(run.run_name.function_name, run.GetAdjustedCPUTime());
    }
  }
  // The least of all repetitions: what is more, others on the machine have cost. Negative: none.
  [[nodiscard]] double TimeOf(std::string_view name) const {
    double least = -1;
    for (const auto& [measured, nanoseconds] : times_) {
      if (measured == name && (least < 0 || nanoseconds < least)) least = nanoseconds;
    }
    return least;
  }

 private:
  std::vector<std::pair<std::string, double>> times_;
};

int Judge(const Timekeeper& times) {
  int broken = 0;
  std::printf("\n%-34s %10s %10s\n", "", "ns", "budget");
  for (const Row& row : AllRows()) {
    const double time = times.TimeOf(row.name) / row.items;
    if (time < 0) continue;
    const bool holds = time <= row.budget_ns;
    broken += holds ? 0 : 1;
    std::printf("%-34s %10.1f %10.0f  %-6s %s\n", row.name.data(), time, row.budget_ns,
                holds ? "holds" : "FALLS", row.why.data());
  }
  return broken == 0 ? 0 : 1;
}

int Time(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  for (const Row& row : AllRows()) {
    benchmark::RegisterBenchmark(row.name.data(), [&row](benchmark::State& state) {
      const std::unique_ptr<Case> measured = row.make();
      while (state.KeepRunningBatch(kTimedRuns)) measured->Run(kTimedRuns);
    });
  }
  Timekeeper times;
  benchmark::RunSpecifiedBenchmarks(&times);
  benchmark::Shutdown();
  return Judge(times);
}

}  // namespace
}  // namespace pglynx::micro

int main(int count, char** arguments) {
  const bool counts = count == 2 && std::strcmp(arguments[1], "--count") == 0;
  return counts ? pglynx::micro::Count() : pglynx::micro::Time(count, arguments);
}
