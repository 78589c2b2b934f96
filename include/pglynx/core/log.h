#pragma once

// Log lines. One line per event, to stderr; passwords, SCRAM material and parameter values
// are never logged. The logger is an argument like any other: no global.
//
//   log.Info("server login failed", {{"pool", "app"}, {"server", "127.0.0.1:5432"}});
//
// Formats: text (`2026-11-22T17:30:00.123Z INFO message key=value`), json, logfmt.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace pglynx {

enum class LogLevel : uint8_t { kError, kWarn, kInfo, kDebug };
enum class LogFormat : uint8_t { kText, kJson, kLogfmt };

struct LogField {
  std::string_view key;
  std::string_view value;
};

class Log {
 public:
  virtual ~Log() = default;

  using Fields = std::initializer_list<LogField>;
  void Error(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kError, message, fields);
  }
  void Warn(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kWarn, message, fields);
  }
  void Info(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Debug(std::string_view message, Fields fields = {}) {
    if (level() == LogLevel::kDebug) Write(LogLevel::kDebug, message, fields);
  }

  virtual void Write(LogLevel level, std::string_view message, Fields fields) = 0;
  [[nodiscard]] virtual LogLevel level() const = 0;
};

// Writes to stderr through spdlog; the level and the format may change at a reload.
class StderrLog final : public Log {
 public:
  StderrLog(LogLevel level, LogFormat format);
  ~StderrLog() override;

  void Configure(LogLevel level, LogFormat format);
  void Write(LogLevel level, std::string_view message, Fields fields) override;
  [[nodiscard]] LogLevel level() const override { return level_; }

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
  LogLevel level_;
  LogFormat format_;
};

// The fields of one line without time and level, as `StderrLog` prints them. Control
// characters and quotes are escaped, so that no input can forge a line.
std::string FormatLogLine(LogFormat format, LogLevel level, std::string_view message,
                          Log::Fields fields);

}  // namespace pglynx
