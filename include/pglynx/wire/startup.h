#pragma once

// The first packet of a connection, which has a length but no type byte ("Message
// Formats" in the PostgreSQL manual: StartupMessage, SSLRequest, GSSENCRequest,
// CancelRequest), and what its parameters mean. Free functions over bytes; the parsed
// packet is a value that owns its text.
//
//   Result<std::optional<ParsedStartup>> parsed = ParseStartup(input);
//   if (!parsed) return parsed.error();   // told to the client, FATAL
//   if (!*parsed) return;                 // more bytes are needed
//   input.remove_prefix((*parsed)->consumed);
//
// Limits: 10,000 bytes behind the length word, as in Postgres (MAX_STARTUP_PACKET_LENGTH).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pglynx/core/result.h"

namespace pglynx::wire {

// The longest first packet, its length word included.
inline constexpr size_t kStartupBytesMax = 10'004;
// The newest minor version of protocol 3 that is spoken here.
inline constexpr uint16_t kProtocolMinorMax = 2;
// Bytes of a cancel key's secret: 4 before protocol 3.2, up to 256 since.
inline constexpr size_t kCancelSecretBytesMin = 4;
inline constexpr size_t kCancelSecretBytesMax = 256;

struct StartupParameter {
  std::string name;
  std::string value;

  bool operator==(const StartupParameter&) const = default;
};
using StartupParameters = std::vector<StartupParameter>;

struct SslRequest {};
struct GssEncRequest {};
struct CancelRequest {
  uint32_t pid = 0;
  std::string secret;
};
struct StartupMessage {
  // The last value of that name, which is the one that counts; nullopt if there is none.
  // Lives as long as this object.
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;

  uint16_t minor = 0;            // of protocol 3, as requested
  StartupParameters parameters;  // in order, duplicates and `_pq_.` options included
};
using StartupPacket = std::variant<SslRequest, GssEncRequest, CancelRequest, StartupMessage>;

struct ParsedStartup {
  StartupPacket packet;
  size_t consumed;  // bytes of the input that the packet took
};

// nullopt: a prefix of a packet. Errors: kProtocolViolation for a bad length or layout,
// kFeatureNotSupported for a protocol version other than 3.
Result<std::optional<ParsedStartup>> ParseStartup(std::string_view bytes);

// Precondition of the Append functions: no NUL in names and values, no empty name.
void AppendStartupMessage(std::string& out, uint16_t minor,
                          std::span<const StartupParameter> parameters);
void AppendCancelRequest(std::string& out, uint32_t pid, std::string_view secret);
void AppendSslRequest(std::string& out);
void AppendGssEncRequest(std::string& out);

// The startup parameter `options`: server command-line switches that set parameters, as
// `-c name=value`, `-cname=value` or `--name=value`; a backslash takes the next character
// as it is, so that a value may hold spaces. Dashes in names become underscores.
// kInvalidParameterValue for anything else.
Result<StartupParameters> ParseOptions(std::string_view options);

enum class ReplicationMode : uint8_t {
  kNone,      // an ordinary session
  kPhysical,  // a walsender without a database
  kLogical,   // a walsender in a database
};

// The startup parameter `replication`: "database" or a boolean in any of Postgres's
// spellings. kInvalidParameterValue for anything else.
Result<ReplicationMode> ParseReplication(std::string_view value);

}  // namespace pglynx::wire
