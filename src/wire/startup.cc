#include "pglynx/wire/startup.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"

namespace pglynx::wire {
namespace {

// "Message Formats": pseudo versions whose major part, 1234, no real version has.
constexpr uint32_t kCancelRequestCode = 80877102;
constexpr uint32_t kSslRequestCode = 80877103;
constexpr uint32_t kGssEncRequestCode = 80877104;
constexpr uint32_t kProtocolMajor = 3;

constexpr size_t kLengthBytes = 4;
constexpr size_t kCodeBytes = 4;
constexpr std::string_view kSpaces = " \t\n\v\f\r";  // isspace() of the C locale
constexpr size_t kShownBytesMax = 64;

Error Violation(std::string_view what) {
  return Error{ErrorCode::kProtocolViolation, std::string(what)};
}

// Text from outside in an error: bounded and on one line.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kShownBytesMax));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return shown;
}

Result<StartupPacket> ParseCancelRequest(ByteReader& reader) {
  CancelRequest request;
  request.pid = reader.U32();
  request.secret = std::string(reader.rest());
  if (!reader.ok() || request.secret.size() < kCancelSecretBytesMin ||
      request.secret.size() > kCancelSecretBytesMax) {
    return Violation("invalid length of cancel request: the secret has 4 to 256 bytes");
  }
  return StartupPacket(std::move(request));
}

// What drivers send: user, database, application_name, client_encoding and a few more.
constexpr size_t kParametersUsual = 8;

Result<StartupPacket> ParseStartupMessage(ByteReader& reader, uint16_t minor) {
  StartupMessage message;
  message.minor = minor;
  message.parameters.reserve(kParametersUsual);
  while (true) {
    const std::string_view name = reader.CString();
    if (!reader.ok() || name.empty()) break;
    const std::string_view value = reader.CString();
    if (!reader.ok()) break;
    message.parameters.push_back({std::string(name), std::string(value)});
  }
  if (!reader.AtEnd()) {
    return Violation("invalid startup packet layout: expected terminator as last byte");
  }
  return StartupPacket(std::move(message));
}

Result<StartupPacket> ParseBody(std::string_view body) {
  ByteReader reader(body);
  const uint32_t code = reader.U32();
  switch (code) {
    case kSslRequestCode:
      if (!reader.AtEnd()) return Violation("invalid length of SSLRequest: it has 8 bytes");
      return StartupPacket(SslRequest{});
    case kGssEncRequestCode:
      if (!reader.AtEnd()) return Violation("invalid length of GSSENCRequest: it has 8 bytes");
      return StartupPacket(GssEncRequest{});
    case kCancelRequestCode:
      return ParseCancelRequest(reader);
    default:
      break;
  }
  if (code >> 16U != kProtocolMajor) {
    return Error{ErrorCode::kFeatureNotSupported,
                 fmt::format("unsupported frontend protocol {}.{}: server supports 3.0 to 3.{}",
                             code >> 16U, code & 0xffffU, kProtocolMinorMax)};
  }
  return ParseStartupMessage(reader, static_cast<uint16_t>(code & 0xffffU));
}

// A packet without a type byte whose length is filled in at the end.
class PacketScope {
 public:
  PacketScope(std::string& out, uint32_t code) : out_(out), start_(out.size()) {
    out_.append(kLengthBytes, '\0');
    AppendU32(out_, code);
  }
  ~PacketScope() { StoreU32(out_.data() + start_, static_cast<uint32_t>(out_.size() - start_)); }
  PacketScope(const PacketScope&) = delete;
  PacketScope& operator=(const PacketScope&) = delete;

 private:
  std::string& out_;
  size_t start_;
};

// The words of `options` as pg_split_opts of Postgres divides them.
std::vector<std::string> SplitWords(std::string_view options) {
  std::vector<std::string> words;
  size_t at = options.find_first_not_of(kSpaces);
  while (at < options.size()) {
    std::string word;
    for (; at < options.size() && kSpaces.find(options[at]) == std::string_view::npos; ++at) {
      if (options[at] == '\\' && ++at == options.size()) break;
      word += options[at];
    }
    words.push_back(std::move(word));
    at = options.find_first_not_of(kSpaces, at);
  }
  return words;
}

// "name=value"; `word` is the switch it came from, for the error.
// `flag`: "-c " or "--", as Postgres names it (process_postgres_switches).
Result<StartupParameter> ParseSetting(std::string_view setting, std::string_view flag) {
  const size_t equals = setting.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Error{ErrorCode::kSyntaxError,
                 fmt::format("{}{} requires a value", flag, Shown(setting))};
  }
  StartupParameter parameter{std::string(setting.substr(0, equals)),
                             std::string(setting.substr(equals + 1))};
  std::replace(parameter.name.begin(), parameter.name.end(), '-', '_');
  return parameter;
}

// Whether `value`, in lower case, is `word` or one of its beginnings of at least
// `letters_min` letters: how Postgres reads booleans (parse_bool).
bool IsBeginningOf(std::string_view word, std::string_view value, size_t letters_min) {
  return value.size() >= letters_min && word.starts_with(value);
}

}  // namespace

std::optional<std::string_view> StartupMessage::Find(std::string_view name) const {
  const auto found = std::find_if(parameters.rbegin(), parameters.rend(),
                                  [&name](const auto& one) { return one.name == name; });
  if (found == parameters.rend()) return std::nullopt;
  return found->value;
}

Result<std::optional<ParsedStartup>> ParseStartup(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return std::optional<ParsedStartup>();
  const uint32_t length = LoadU32(bytes.data());
  if (length < kLengthBytes + kCodeBytes || length > kStartupBytesMax) {
    return Violation("invalid length of startup packet");
  }
  if (bytes.size() < length) return std::optional<ParsedStartup>();
  Result<StartupPacket> packet = ParseBody(bytes.substr(kLengthBytes, length - kLengthBytes));
  if (!packet) return packet.error();
  return std::optional(ParsedStartup{.packet = std::move(*packet), .consumed = length});
}

void AppendStartupMessage(std::string& out, uint16_t minor,
                          std::span<const StartupParameter> parameters) {
  const PacketScope packet(out, (kProtocolMajor << 16U) | minor);
  for (const StartupParameter& parameter : parameters) {
    out.append(parameter.name).append(1, '\0');
    out.append(parameter.value).append(1, '\0');
  }
  out += '\0';
}

void AppendCancelRequest(std::string& out, uint32_t pid, std::string_view secret) {
  const PacketScope packet(out, kCancelRequestCode);
  AppendU32(out, pid);
  out += secret;
}

void AppendSslRequest(std::string& out) {
  const PacketScope packet(out, kSslRequestCode);
}

void AppendGssEncRequest(std::string& out) {
  const PacketScope packet(out, kGssEncRequestCode);
}

Result<StartupParameters> ParseOptions(std::string_view options) {
  StartupParameters parameters;
  const std::vector<std::string> words = SplitWords(options);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    std::string_view setting;
    std::string_view flag = "-c ";
    if (word.starts_with("--")) {
      flag = "--";
      setting = std::string_view(word).substr(2);
    } else if (word == "-c" && i + 1 < words.size()) {
      setting = words[++i];
    } else if (word.starts_with("-c")) {
      setting = std::string_view(word).substr(2);
    } else if (!word.starts_with('-')) {
      return Error{ErrorCode::kSyntaxError,
                   fmt::format("invalid command-line argument for server process: {}", Shown(word)),
                   "Try \"postgres --help\" for more information."};
    } else {
      return Error{ErrorCode::kSyntaxError,
                   fmt::format("unsupported startup option \"{}\": allowed are -c name=value and "
                               "--name=value",
                               Shown(word))};
    }
    Result<StartupParameter> parameter = ParseSetting(setting, flag);
    if (!parameter) return parameter.error();
    parameters.push_back(std::move(*parameter));
  }
  return parameters;
}

Result<ReplicationMode> ParseReplication(std::string_view value) {
  if (value == "database") return ReplicationMode::kLogical;
  std::string lower(value);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (IsBeginningOf("true", lower, 1) || IsBeginningOf("yes", lower, 1) || lower == "on" ||
      lower == "1") {
    return ReplicationMode::kPhysical;
  }
  if (IsBeginningOf("false", lower, 1) || IsBeginningOf("no", lower, 1) ||
      IsBeginningOf("off", lower, 2) || lower == "0") {
    return ReplicationMode::kNone;
  }
  return Error{ErrorCode::kInvalidParameterValue,
               fmt::format("invalid value for parameter \"replication\": \"{}\"; valid values are "
                           "false, 0, true, 1, database",
                           Shown(value))};
}

}  // namespace pglynx::wire
