// The first packet of a connection and its parameter `options` (wire/startup.h).
//
// Properties: a packet that is understood says how long it is, is understood the same with
// anything behind it, is a prefix of itself until it is whole, and comes out again byte by
// byte when it is written; options that are understood are the same when they are written
// with every byte escaped. Errors are one line.
#include "pglynx/wire/startup.h"

#include <string>
#include <variant>

#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace pglynx::fuzz {
namespace {

struct Writer {
  void operator()(const wire::SslRequest&) const { wire::AppendSslRequest(out); }
  void operator()(const wire::GssEncRequest&) const { wire::AppendGssEncRequest(out); }
  void operator()(const wire::CancelRequest& request) const {
    wire::AppendCancelRequest(out, request.pid, request.secret);
  }
  void operator()(const wire::StartupMessage& message) const {
    wire::AppendStartupMessage(out, message.minor, message.parameters);
    for (const wire::StartupParameter& parameter : message.parameters) {
      PGLYNX_CHECK(message.Find(parameter.name).has_value());
    }
    if (!message.parameters.empty()) {
      const wire::StartupParameter& last = message.parameters.back();
      PGLYNX_CHECK(message.Find(last.name) == last.value);
    }
  }
  std::string& out;
};

}  // namespace

void FuzzStartupPacket(std::string_view input) {
  const auto parsed = wire::ParseStartup(input);
  if (!parsed) {
    PGLYNX_CHECK(IsOneLine(parsed.error().detail));
    PGLYNX_CHECK(!wire::ParseStartup(std::string(input) + "more"));
    return;
  }
  if (!*parsed) {
    PGLYNX_CHECK(input.size() < wire::kStartupBytesMax);
    return;
  }
  const size_t consumed = (*parsed)->consumed;
  PGLYNX_CHECK(consumed >= 8 && consumed <= input.size() && consumed <= wire::kStartupBytesMax);
  for (const size_t prefix : {size_t{0}, size_t{3}, size_t{4}, consumed / 2, consumed - 1}) {
    const ExactBytes cut(input.substr(0, prefix));
    const auto early = wire::ParseStartup(cut.view());
    PGLYNX_CHECK(early.has_value() && !early->has_value());
  }
  std::string written;
  std::visit(Writer{written}, (*parsed)->packet);
  PGLYNX_CHECK(written == input.substr(0, consumed));
  const auto again = wire::ParseStartup(written + "anything");
  PGLYNX_CHECK(again.has_value() && again->has_value() && (*again)->consumed == consumed);
  PGLYNX_CHECK((*again)->packet.index() == (*parsed)->packet.index());
}

void FuzzStartupOptions(std::string_view input) {
  const auto replication = wire::ParseReplication(input);
  PGLYNX_CHECK(replication.has_value() || IsOneLine(replication.error().detail));

  const auto parsed = wire::ParseOptions(input);
  if (!parsed) {
    PGLYNX_CHECK(IsOneLine(parsed.error().detail) && parsed.error().detail.size() < 300);
    return;
  }
  std::string separate;
  std::string joined;
  for (const wire::StartupParameter& parameter : *parsed) {
    PGLYNX_CHECK(!parameter.name.empty());
    PGLYNX_CHECK(parameter.name.find_first_of("-=") == std::string::npos);
    std::string escaped;
    for (const char c : parameter.name + "=" + parameter.value) (escaped += '\\') += c;
    separate += " -c " + escaped;
    joined += "\t--" + escaped + "\n";
  }
  const auto again = wire::ParseOptions(separate);
  PGLYNX_CHECK(again.has_value() && *again == *parsed);
  const auto long_form = wire::ParseOptions(joined);
  PGLYNX_CHECK(long_form.has_value() && *long_form == *parsed);
}

}  // namespace pglynx::fuzz
