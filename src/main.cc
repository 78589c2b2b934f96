#include <cstdio>

#include "pglynx/config/load.h"
#include "pglynx/core/log.h"
#include "pglynx/server/connect_check.h"
#include "pglynx/server/environment.h"
#include "pglynx/server/options.h"
#include "pglynx/server/worker.h"

namespace {

int Connect(const pglynx::config::Config& config) {
  const pglynx::server::ConnectReport report = pglynx::server::CheckByConnecting(config);
  for (const std::string& line : report.lines) std::printf("%s\n", line.c_str());
  if (report.findings == 0) return 0;
  std::printf("findings: %zu\n", report.findings);
  return pglynx::server::kExitFound;
}

}  // namespace

int main(int argc, char** argv) {
  using pglynx::server::kExitConfig;
  using pglynx::server::kExitStart;
  using pglynx::server::ParsedOptions;
  const ParsedOptions parsed = pglynx::server::ParseOptions(argc, argv);
  if (!parsed.run) {
    std::fputs(parsed.output.c_str(), parsed.exit_status == 0 ? stdout : stderr);
    return parsed.exit_status;
  }
  const std::string& path = parsed.options.config_path;
  pglynx::config::LoadResult config =
      pglynx::config::LoadConfig(path, pglynx::server::ServerEnvironment());
  if (!config) {
    for (const std::string& line : config.errors().lines) {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    return kExitConfig;
  }
  if (parsed.options.check) {
    for (const std::string& warning : config->warnings) {
      std::fprintf(stderr, "warning: %s\n", warning.c_str());
    }
    std::printf("%s is valid\n", path.c_str());
    return parsed.options.connect ? Connect(*config) : 0;
  }
  const auto level = static_cast<pglynx::LogLevel>(config->general.log_level);
  const auto format = static_cast<pglynx::LogFormat>(config->general.log_format);
  pglynx::StderrLog log(level, format);
  for (const std::string& warning : config->warnings) log.Warn(warning);
  pglynx::server::Worker worker(log, path, std::move(*config));
  if (const pglynx::Status listening = worker.Listen(); !listening) {
    log.Error(listening.error().detail);
    return kExitStart;
  }
  worker.Run();
  return 0;
}
