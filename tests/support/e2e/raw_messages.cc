#include "support/e2e/raw_messages.h"

#include <string_view>

namespace pglynx::e2e {

namespace {

std::string CString(const std::string& text) {
  return text + '\0';
}

std::string Int16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

}  // namespace

std::string Parse(const std::string& statement, const std::string& sql) {
  return RawClient::Frame('P', CString(statement) + CString(sql) + Int16(0));
}

std::string Bind(const std::string& portal, const std::string& statement,
                 const std::vector<std::string>& values) {
  std::string body = CString(portal) + CString(statement) + Int16(0) + Int16(values.size());
  for (const std::string& value : values) {
    body += RawClient::Int32(static_cast<uint32_t>(value.size())) + value;
  }
  return RawClient::Frame('B', body + Int16(0));
}

std::string DescribeStatement(const std::string& statement) {
  return RawClient::Frame('D', CString("S" + statement));
}

std::string DescribePortal(const std::string& portal) {
  return RawClient::Frame('D', CString("P" + portal));
}

std::string Execute(const std::string& portal, uint32_t rows_max) {
  return RawClient::Frame('E', CString(portal) + RawClient::Int32(rows_max));
}

std::string CloseStatement(const std::string& statement) {
  return RawClient::Frame('C', CString("S" + statement));
}

std::string ClosePortal(const std::string& portal) {
  return RawClient::Frame('C', CString("P" + portal));
}

std::string Sync() {
  return RawClient::Frame('S', "");
}

std::string Flush() {
  return RawClient::Frame('H', "");
}

std::string Terminate() {
  return RawClient::Frame('X', "");
}

std::string StartupOf(uint16_t minor,
                      const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string message = RawClient::Startup(parameters);
  message.replace(4, 4, RawClient::Int32((3U << 16) | minor));
  return message;
}

std::string CancelRequest(const std::string& key) {
  constexpr uint32_t kCancelCode = (1234U << 16) | 5678U;
  return RawClient::Int32(static_cast<uint32_t>(8 + key.size())) + RawClient::Int32(kCancelCode) +
         key;
}

std::string Types(const std::vector<RawMessage>& messages) {
  std::string types;
  for (const RawMessage& message : messages) types += message.type;
  return types;
}

std::string BodyOf(const std::vector<RawMessage>& messages, char type) {
  for (const RawMessage& message : messages) {
    if (message.type == type) return message.body;
  }
  return "";
}

std::string Field(const RawMessage& message, char field) {
  std::string_view rest = message.body;
  while (!rest.empty() && rest.front() != '\0') {
    const char name = rest.front();
    const std::string_view value = rest.substr(1, rest.find('\0') - 1);
    if (name == field) return std::string(value);
    rest.remove_prefix(value.size() + 2);
  }
  return "";
}

std::string SqlState(const std::vector<RawMessage>& messages) {
  for (const RawMessage& message : messages) {
    if (message.type == 'E') return Field(message, 'C');
  }
  return "";
}

std::vector<std::string> Values(const std::vector<RawMessage>& messages) {
  constexpr size_t kBeforeValue = 6;  // the count of columns and the value's length
  std::vector<std::string> values;
  for (const RawMessage& message : messages) {
    if (message.type == 'D') values.push_back(message.body.substr(kBeforeValue));
  }
  return values;
}

}  // namespace pglynx::e2e
