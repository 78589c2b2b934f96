// Runs the fuzz targets over their corpus, without libFuzzer, so that every preset has them:
// each file of corpus/<target>/ as it is, then seeded mutations of it.
//
//   pglynx_fuzz_replay --corpus DIR [--target NAME] [--mutations N]
//   pglynx_fuzz_replay --target NAME --file PATH [--mutation N] [--keep PATH]
//
// The first form exits with 1 if a target broke, and says at which file or mutation and how
// to run that again; each target runs in a child process, so one that breaks does not hide the
// next. The second form runs one input in this process; --keep only writes it to a file.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "fuzz/mutator.h"
#include "fuzz/targets.h"

namespace pglynx::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kMutationsDefault = 100;
// One file with all its mutations takes milliseconds.
constexpr unsigned kHangSeconds = 60;
constexpr int kExitBroken = 1;
constexpr int kExitUsage = 2;

struct Options {
  std::string program;
  std::string corpus;
  std::string target;
  std::string file;
  std::string keep;
  uint32_t mutations = kMutationsDefault;
  std::optional<uint32_t> mutation;
};

struct SeedFile {
  fs::path path;
  std::string bytes;
};

// Where a child is; it lives in memory that the parent shares.
struct Progress {
  char file[1024];
  uint32_t mutation;
  bool mutated;
  uint64_t runs;
};

std::string ReadAll(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Sorted by name, so that every run is the same.
std::vector<SeedFile> Load(const fs::path& directory) {
  std::vector<SeedFile> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.is_regular_file()) files.push_back({entry.path(), ReadAll(entry.path())});
  }
  std::sort(files.begin(), files.end(),
            [](const SeedFile& left, const SeedFile& right) { return left.path < right.path; });
  return files;
}

std::vector<std::string> BytesOf(const std::vector<SeedFile>& files) {
  std::vector<std::string> bytes;
  for (const SeedFile& file : files) bytes.push_back(file.bytes);
  return bytes;
}

// A target gets memory of the exact size, so that the sanitizers see a read behind it.
void RunOnce(const Target& target, std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  target.run({exact.data(), exact.size()});
}

void RunAll(const Target& target, const std::vector<SeedFile>& files, uint32_t mutations,
            Progress& progress) {
  const std::vector<std::string> others = BytesOf(files);
  for (const SeedFile& file : files) {
    alarm(kHangSeconds);
    std::strncpy(progress.file, file.path.c_str(), sizeof progress.file - 1);
    progress.mutated = false;
    RunOnce(target, file.bytes);
    ++progress.runs;
    progress.mutated = true;
    const std::string name = file.path.filename().string();
    for (uint32_t i = 0; i < mutations; ++i) {
      progress.mutation = i;
      RunOnce(target, Mutate(file.bytes, others, name, i));
      ++progress.runs;
    }
  }
  alarm(0);
}

std::string EndOf(int status) {
  if (!WIFSIGNALED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  if (WTERMSIG(status) == SIGALRM) {
    return "no end within " + std::to_string(kHangSeconds) + " seconds";
  }
  return std::string("signal ") + strsignal(WTERMSIG(status));
}

// False if the target broke, or has no corpus.
bool Replay(const Options& options, const Target& target) {
  const fs::path directory = fs::path(options.corpus) / target.name;
  const std::vector<SeedFile> files = Load(directory);
  const std::string name(target.name);
  if (files.empty()) {
    std::fprintf(stderr, "%s: no files in %s\n", name.c_str(), directory.c_str());
    return false;
  }
  void* memory =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  auto& progress = *static_cast<Progress*>(memory);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    RunAll(target, files, options.mutations, progress);
    std::_Exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  const bool good = status == 0;
  if (good) {
    std::printf("%s: %zu files, %llu runs\n", name.c_str(), files.size(),
                static_cast<unsigned long long>(progress.runs));
  } else {
    const std::string mutation =
        progress.mutated ? " --mutation " + std::to_string(progress.mutation) : "";
    std::printf("%s: BROKEN at %s%s (%s)\n", name.c_str(), progress.file, mutation.c_str(),
                EndOf(status).c_str());
    std::printf("  run it again:   %s --target %s --file %s%s\n", options.program.c_str(),
                name.c_str(), progress.file, mutation.c_str());
    std::printf("  keep the input: the same with --keep PATH\n");
  }
  munmap(memory, sizeof(Progress));
  return good;
}

int RunOneInput(const Options& options, const Target& target) {
  if (!fs::is_regular_file(options.file)) {
    std::fprintf(stderr, "%s: no such file\n", options.file.c_str());
    return kExitUsage;
  }
  std::string bytes = ReadAll(options.file);
  if (options.mutation) {
    const fs::path path(options.file);
    const auto others = BytesOf(Load(path.parent_path().empty() ? "." : path.parent_path()));
    bytes = Mutate(bytes, others, path.filename().string(), *options.mutation);
  }
  if (!options.keep.empty()) {
    std::ofstream(options.keep, std::ios::binary) << bytes;
    return 0;
  }
  RunOnce(target, bytes);
  std::printf("%s: no property broken by %zu bytes\n", options.target.c_str(), bytes.size());
  return 0;
}

bool Parse(const std::vector<std::string>& arguments, Options& options) {
  for (size_t i = 0; i < arguments.size(); i += 2) {
    if (i + 1 == arguments.size()) return false;
    const std::string& name = arguments[i];
    const std::string& value = arguments[i + 1];
    const auto number = static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    if (name == "--corpus") {
      options.corpus = value;
    } else if (name == "--target") {
      options.target = value;
    } else if (name == "--file") {
      options.file = value;
    } else if (name == "--keep") {
      options.keep = value;
    } else if (name == "--mutations") {
      options.mutations = number;
    } else if (name == "--mutation") {
      options.mutation = number;
    } else {
      return false;
    }
  }
  return options.file.empty() ? !options.corpus.empty() : !options.target.empty();
}

int Main(std::vector<std::string> arguments) {
  Options options;
  options.program = arguments.front();
  arguments.erase(arguments.begin());
  if (!Parse(arguments, options)) {
    std::fprintf(stderr,
                 "usage: %s --corpus DIR [--target NAME] [--mutations N]\n"
                 "       %s --target NAME --file PATH [--mutation N] [--keep PATH]\n",
                 options.program.c_str(), options.program.c_str());
    return kExitUsage;
  }
  const Target* only = FindTarget(options.target);
  if (only == nullptr && !options.target.empty()) {
    std::fprintf(stderr, "no target '%s'; there are:\n", options.target.c_str());
    for (const Target& target : Targets()) {
      std::fprintf(stderr, "  %s\n", std::string(target.name).c_str());
    }
    return kExitUsage;
  }
  if (!options.file.empty()) return RunOneInput(options, *only);
  bool good = true;
  for (const Target& target : only != nullptr ? std::span(only, 1) : Targets()) {
    good = Replay(options, target) && good;
  }
  return good ? 0 : kExitBroken;
}

}  // namespace
}  // namespace pglynx::fuzz

int main(int argc, char** argv) {
  return pglynx::fuzz::Main({argv, argv + argc});
}
