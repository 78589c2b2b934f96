#include "pglynx/core/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace pglynx {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "error";
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kDebug:
      return spdlog::level::debug;
  }
  return spdlog::level::err;
}

// The bytes of the UTF-8 character at the front of `text`; 0 if there is none.
size_t Utf8Bytes(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t count = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (count == 0 || lead > 0xf4 || text.size() < count) return 0;
  for (size_t i = 1; i < count; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0U) != 0x80U) return 0;
  }
  return count;
}

// Between double quotes, valid in JSON and unambiguous in logfmt. Bytes that are no UTF-8
// become the replacement character.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text[0];
    const size_t count = Utf8Bytes(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
    } else if (count == 0) {
      out += "\\ufffd";
    } else {
      out += text.substr(0, count);
    }
    text.remove_prefix(count == 0 ? 1 : count);
  }
  out += '"';
}

bool IsPlain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (static_cast<uint8_t>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      return false;
    }
  }
  return true;
}

void AppendValue(std::string& out, std::string_view text) {
  if (IsPlain(text)) {
    out += text;
  } else {
    AppendQuoted(out, text);
  }
}

std::string_view PatternOf(LogFormat format) {
  switch (format) {
    case LogFormat::kText:
      return "%Y-%m-%dT%H:%M:%S.%eZ %v";
    case LogFormat::kJson:
      return R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
    case LogFormat::kLogfmt:
      return "ts=%Y-%m-%dT%H:%M:%S.%eZ %v";
  }
  return "%v";
}

}  // namespace

std::string FormatLogLine(LogFormat format, LogLevel level, std::string_view message,
                          Log::Fields fields) {
  std::string line;
  switch (format) {
    case LogFormat::kText: {
      line = fmt::format("{:<5} ", LevelName(level));
      for (const char c : message) line += static_cast<uint8_t>(c) < 0x20 ? ' ' : c;
      break;
    }
    case LogFormat::kJson:
      line = fmt::format(R"("level":"{}","msg":)", LevelName(level));
      AppendQuoted(line, message);
      break;
    case LogFormat::kLogfmt:
      line = fmt::format("level={} msg=", LevelName(level));
      AppendValue(line, message);
      break;
  }
  for (const LogField& field : fields) {
    if (format == LogFormat::kJson) {
      line += ',';
      AppendQuoted(line, field.key);
      line += ':';
      AppendQuoted(line, field.value);
    } else {
      line += ' ';
      line += field.key;
      line += '=';
      AppendValue(line, field.value);
    }
  }
  return line;
}

struct StderrLog::Sink {
  spdlog::logger logger{"pglynx", std::make_shared<spdlog::sinks::stderr_sink_st>()};
};

StderrLog::StderrLog(LogLevel level, LogFormat format)
    : sink_(std::make_unique<Sink>()), level_(level), format_(format) {
  sink_->logger.set_level(spdlog::level::trace);
  sink_->logger.flush_on(spdlog::level::trace);
  Configure(level, format);
}

StderrLog::~StderrLog() = default;

void StderrLog::Configure(LogLevel level, LogFormat format) {
  level_ = level;
  format_ = format;
  sink_->logger.set_pattern(std::string(PatternOf(format)), spdlog::pattern_time_type::utc);
}

void StderrLog::Write(LogLevel level, std::string_view message, Fields fields) {
  if (level > level_) return;
  const std::string line = FormatLogLine(format_, level, message, fields);
  sink_->logger.log(SpdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace pglynx
