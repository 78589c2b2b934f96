#include "sim/fake_vs_real/reply.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "support/e2e/raw_messages.h"

namespace pglynx::sim {
namespace {

std::string ProcessName(uint32_t pid, const Processes& processes) {
  const auto found = processes.find(pid);
  return found == processes.end() ? "an unknown process" : fmt::format("c{}", found->second);
}

std::string Masked(std::string_view value, const Processes& processes) {
  for (const auto& [pid, index] : processes) {
    if (value == std::to_string(pid)) return fmt::format("<pid of c{}>", index);
  }
  return "'" + Printable(std::string(value)) + "'";
}

std::string Value(ByteReader& reader, const Processes& processes) {
  const uint32_t length = reader.U32();
  return length == ~0U ? "NULL" : Masked(reader.Bytes(length), processes);
}

// A line of COPY: columns between tabs.
std::string CopyData(std::string_view body, const Processes& processes) {
  const bool whole = body.ends_with('\n');
  if (whole) body.remove_suffix(1);
  std::string line;
  for (size_t at = 0; at <= body.size();) {
    const size_t end = std::min(body.find('\t', at), body.size());
    line += " " + Masked(body.substr(at, end - at), processes);
    at = end + 1;
  }
  return line + (whole ? "" : " (no end of line)");
}

std::string Row(const std::string& body, const Processes& processes) {
  ByteReader reader(body);
  std::string line;
  for (uint16_t left = reader.U16(); left > 0 && reader.ok(); --left) {
    line += " " + Value(reader, processes);
  }
  return line;
}

std::string RowDescription(const std::string& body) {
  ByteReader reader(body);
  std::string line;
  for (uint16_t left = reader.U16(); left > 0 && reader.ok(); --left) {
    line += fmt::format(" \"{}\"", reader.CString());
    line += reader.U32() != 0 ? " of a table" : "";
    const uint16_t column = reader.U16();
    const uint32_t type = reader.U32();
    const uint16_t length = reader.U16();
    const uint32_t modifier = reader.U32();
    line += fmt::format(" {}/{}/{}/{}/{};", column, type, static_cast<int16_t>(length),
                        static_cast<int32_t>(modifier), reader.U16());
  }
  return line;
}

std::string ParameterStatus(const std::string& body) {
  ByteReader reader(body);
  const std::string name(reader.CString());
  return fmt::format(" {} = {}", name, name == "server_version" ? "…" : reader.CString());
}

std::string Authentication(const std::string& body) {
  constexpr uint32_t kMd5 = 5;
  constexpr uint32_t kSasl = 10;
  ByteReader reader(body);
  const uint32_t code = reader.U32();
  std::string line = fmt::format(" {}", code);
  if (code == kMd5) line += fmt::format(", {} bytes", reader.rest().size());
  if (code == kSasl) line += Printable(std::string(reader.rest()));
  return line;
}

}  // namespace

std::string Printable(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text;
}

Reply Describe(const e2e::RawMessage& message, const Processes& processes) {
  Reply reply{.type = message.type, .line = std::string(1, message.type)};
  const std::string& body = message.body;
  ByteReader reader(body);
  switch (message.type) {
    case 'R':
      reply.line += Authentication(body);
      break;
    case 'S':
      reply.line += ParameterStatus(body);
      break;
    case 'K':
      reply.line += " " + ProcessName(reader.U32(), processes);
      reply.line += fmt::format(", {} bytes of secret", reader.rest().size());
      break;
    case 'A':
      reply.line += " from " + ProcessName(reader.U32(), processes);
      reply.line += fmt::format(" \"{}\"", reader.CString());
      reply.line += fmt::format(" '{}'", reader.CString());
      break;
    case 'T':
      reply.line += RowDescription(body);
      break;
    case 'D':
      reply.line += Row(body, processes);
      break;
    case 'd':
      reply.line += CopyData(body, processes);
      break;
    case 'V':
      reply.line += " " + Value(reader, processes);
      break;
    case 'E':
    case 'N':
      reply.line += fmt::format(" {}/{} {}", e2e::Field(message, 'S'), e2e::Field(message, 'V'),
                                e2e::Field(message, 'C'));
      reply.text = e2e::Field(message, 'M');
      break;
    default:
      reply.line += " " + Printable(body);
      break;
  }
  return reply;
}

bool IsSame(const Reply& fake, const Reply& real) {
  if (fake.line != real.line) return false;
  if (fake.type != 'E') return true;
  const bool begins = fake.line.ends_with("42601") || fake.line.ends_with("42883");
  return begins ? real.text.starts_with(fake.text) : real.text == fake.text;
}

}  // namespace pglynx::sim
