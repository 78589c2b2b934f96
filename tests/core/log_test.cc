// Goal: one event is one line in each format, and no input can forge another line or field.
// Method: a table for each format; every byte in every place.
#include "pglynx/core/log.h"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.h"

using pglynx::FormatLogLine;
using pglynx::Log;
using pglynx::LogField;
using pglynx::LogFormat;
using pglynx::LogLevel;

namespace {

constexpr LogFormat kFormats[] = {LogFormat::kText, LogFormat::kJson, LogFormat::kLogfmt};

// Keeps what it is told.
class RecordingLog final : public Log {
 public:
  explicit RecordingLog(LogLevel level) : level_(level) {}
  void Write(LogLevel level, std::string_view message, Fields fields) override {
    lines.push_back(FormatLogLine(LogFormat::kText, level, message, fields));
  }
  [[nodiscard]] LogLevel level() const override { return level_; }

  std::vector<std::string> lines;

 private:
  LogLevel level_;
};

size_t CountQuotes(std::string_view line) {
  size_t quotes = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      ++quotes;
    }
  }
  return quotes;
}

bool HasControls(std::string_view line) {
  return std::any_of(line.begin(), line.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

TEST_CASE("FormatLogLine writes text") {
  CHECK(FormatLogLine(LogFormat::kText, LogLevel::kInfo, "ready", {}) == "info  ready");
  CHECK(FormatLogLine(LogFormat::kText, LogLevel::kWarn, "login failed",
                      {{"pool", "app/ann"}, {"server", "127.0.0.1:5432"}}) ==
        "warn  login failed pool=app/ann server=127.0.0.1:5432");
  CHECK(FormatLogLine(LogFormat::kText, LogLevel::kError, "x",
                      {{"cause", "not \"now\""}, {"empty", ""}, {"sum", "1=1"}}) ==
        R"(error x cause="not \"now\"" empty="" sum="1=1")");
}

TEST_CASE("FormatLogLine writes JSON") {
  CHECK(FormatLogLine(LogFormat::kJson, LogLevel::kDebug, "ready", {}) ==
        R"("level":"debug","msg":"ready")");
  CHECK(FormatLogLine(LogFormat::kJson, LogLevel::kInfo, "a \"b\" \\ c",
                      {{"pool", "app"}, {"n", "1"}, {"path", "C:\\x"}}) ==
        R"("level":"info","msg":"a \"b\" \\ c","pool":"app","n":"1","path":"C:\\x")");
  CHECK(FormatLogLine(LogFormat::kJson, LogLevel::kInfo, "a\nb\tc", {}) ==
        R"("level":"info","msg":"a\u000ab\u0009c")");
}

TEST_CASE("FormatLogLine writes logfmt") {
  CHECK(FormatLogLine(LogFormat::kLogfmt, LogLevel::kInfo, "ready", {{"pool", "app"}}) ==
        "level=info msg=ready pool=app");
  CHECK(FormatLogLine(LogFormat::kLogfmt, LogLevel::kWarn, "login failed",
                      {{"cause", "a=b"}, {"user", ""}}) ==
        R"(level=warn msg="login failed" cause="a=b" user="")");
}

TEST_CASE("FormatLogLine names every level in every format") {
  const std::pair<LogLevel, std::string> levels[] = {{LogLevel::kError, "error"},
                                                     {LogLevel::kWarn, "warn"},
                                                     {LogLevel::kInfo, "info"},
                                                     {LogLevel::kDebug, "debug"}};
  for (const LogFormat format : kFormats) {
    for (const auto& [level, name] : levels) {
      CHECK(FormatLogLine(format, level, "m", {}).find(name) != std::string::npos);
    }
  }
}

TEST_CASE("FormatLogLine does not let a value forge a line, a field or an end of quotes") {
  const std::string_view attempts[] = {
      "x\n2026-11-22T17:30:00.123Z info  all is well",
      "x\r\nlevel=info msg=forged",
      "\" user=\"admin",
      "\\\" user=admin",
      "x user=admin",
      "x\",\"user\":\"admin",
      "x\\",
      "\x1b[31mred",
      std::string_view("a\0b", 3),
      "\t",
  };
  for (const LogFormat format : kFormats) {
    for (const std::string_view attempt : attempts) {
      CAPTURE(attempt);
      const std::string line =
          FormatLogLine(format, LogLevel::kInfo, "m", {{"k", attempt}, {"last", "z"}});
      CAPTURE(line);
      CHECK_FALSE(HasControls(line));
      CHECK(CountQuotes(line) == (format == LogFormat::kJson ? 16 : 2));
      CHECK(line.ends_with(format == LogFormat::kJson ? R"(","last":"z")" : R"(" last=z)"));
    }
  }
}

TEST_CASE("FormatLogLine keeps any byte in any place inside one line") {
  for (const LogFormat format : kFormats) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::string text = {'a', static_cast<char>(byte), 'b'};
      const std::string line = FormatLogLine(format, LogLevel::kInfo, text, {{"k", text}});
      CAPTURE(byte, line);
      CHECK_FALSE(HasControls(line));
      // The text format does not quote its message: its quotes may be odd.
      if (format != LogFormat::kText) CHECK(CountQuotes(line) % 2 == 0);
    }
  }
}

TEST_CASE("Log tells the level of each call and leaves out debug lines where they are off") {
  RecordingLog quiet(LogLevel::kInfo);
  quiet.Error("e");
  quiet.Warn("w", {{"k", "v"}});
  quiet.Info("i");
  quiet.Debug("d");
  CHECK(quiet.lines == std::vector<std::string>{"error e", "warn  w k=v", "info  i"});
  RecordingLog loud(LogLevel::kDebug);
  loud.Debug("d");
  CHECK(loud.lines == std::vector<std::string>{"debug d"});
}

TEST_CASE("StderrLog takes a new level at a reload and writes nothing above it") {
  pglynx::StderrLog log(LogLevel::kError, LogFormat::kText);
  CHECK(log.level() == LogLevel::kError);
  log.Info("must not be seen");
  log.Configure(LogLevel::kWarn, LogFormat::kJson);
  CHECK(log.level() == LogLevel::kWarn);
  log.Info("must not be seen");
}
