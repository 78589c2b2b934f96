// Framing, per message and per megabyte, and the account of what a server owes.

#include <string>

#include "micro/micro_case.h"
#include "pglynx/core/bytes.h"
#include "pglynx/wire/frame_scanner.h"
#include "pglynx/wire/message_writer.h"
#include "pglynx/wire/reply_tracker.h"

namespace pglynx::micro {
namespace {

using wire::FrameScanner;
using wire::MessageScope;
using wire::ReplyTracker;
using wire::Request;

constexpr uint32_t kCollectBytesMax = uint32_t{1024} * 1024;
constexpr size_t kReadBytes = size_t{64} * 1024;  // the loop's scratch block

void AppendRow(std::string& out, size_t value_bytes) {
  const MessageScope row(out, 'D');
  AppendU16(out, 1);
  AppendU32(out, static_cast<uint32_t>(value_bytes));
  out.append(value_bytes, 'x');
}

// All of it, read by read; what the items say is looked at.
void Scan(FrameScanner& scanner, std::string_view stream) {
  while (!stream.empty()) {
    std::string_view input = stream.substr(0, kReadBytes);
    stream.remove_prefix(input.size());
    while (!input.empty()) {
      const FrameScanner::Item item = scanner.Next(input);
      Keep(item.type);
      if (item.kind == FrameScanner::Kind::kNeedMore) break;
      input.remove_prefix(item.bytes.size());
    }
    stream = {input.data(), input.size() + stream.size()};
  }
}

std::unique_ptr<Case> Scanning(const wire::FrameRules& rules, std::string stream) {
  return Repeat([scanner = FrameScanner(rules, kCollectBytesMax),
                 stream = std::move(stream)]() mutable { Scan(scanner, stream); });
}

}  // namespace

std::unique_ptr<Case> ScanPreparedBatch() {
  std::string batch;
  {
    const MessageScope bind(batch, 'B');
    wire::AppendCString(batch, "");
    wire::AppendCString(batch, "P0_1");
    AppendU16(batch, 0);
    AppendU16(batch, 1);
    AppendU32(batch, 5);
    batch += "12345";
    AppendU16(batch, 0);
  }
  wire::AppendDescribe(batch, 'P', "");
  {
    const MessageScope execute(batch, 'E');
    wire::AppendCString(batch, "");
    AppendU32(batch, 0);
  }
  wire::AppendSync(batch);
  return Scanning(wire::FrontendRules(), std::move(batch));
}

std::unique_ptr<Case> ScanQuery() {
  std::string query;
  wire::AppendQuery(query, "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;");
  return Scanning(wire::FrontendRules(), std::move(query));
}

std::unique_ptr<Case> ScanReply() {
  std::string reply;
  {
    const MessageScope description(reply, 'T');
    AppendU16(reply, 1);
    wire::AppendCString(reply, "abalance");
    reply.append(18, '\0');
  }
  AppendRow(reply, 5);
  wire::AppendCommandComplete(reply, "SELECT 1");
  wire::AppendReadyForQuery(reply, 'I');
  return Scanning(wire::BackendRules(), std::move(reply));
}

std::unique_ptr<Case> ScanTinyRows() {
  std::string rows;
  for (uint32_t i = 0; i < kTinyRows; ++i) AppendRow(rows, 7);
  return Scanning(wire::BackendRules(), std::move(rows));
}

std::unique_ptr<Case> ScanMegabyte() {
  constexpr size_t kMegabyte = size_t{1024} * 1024;
  std::string rows;
  while (rows.size() < kMegabyte) AppendRow(rows, 1024);
  return Scanning(wire::BackendRules(), std::move(rows));
}

std::unique_ptr<Case> TrackSimpleQuery() {
  return Repeat([tracker = ReplyTracker()]() mutable {
    tracker.Sent(Request::kQuery);
    Keep(tracker.Reply('T'));
    Keep(tracker.Reply('C'));
    Keep(tracker.Reply('Z', 'I'));
  });
}

std::unique_ptr<Case> TrackPreparedBatch() {
  return Repeat([tracker = ReplyTracker()]() mutable {
    tracker.Sent(Request::kBind);
    tracker.Sent(Request::kDescribe);
    tracker.Sent(Request::kExecute);
    tracker.Sent(Request::kSync);
    Keep(tracker.Reply('2'));
    Keep(tracker.Reply('T'));
    Keep(tracker.Reply('C'));
    Keep(tracker.Reply('Z', 'I'));
  });
}

}  // namespace pglynx::micro
