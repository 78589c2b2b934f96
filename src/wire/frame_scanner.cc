#include "pglynx/wire/frame_scanner.h"

#include <algorithm>

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::wire {
namespace {

// Names of statements and portals stand in the head of Bind; 63 bytes are significant
// to Postgres (NAMEDATALEN), and clients send little more.
constexpr uint32_t kFrontendHeadBytesMax = 2048;
// Of an ErrorResponse this much is read: severity and code come first.
constexpr uint32_t kBackendHeadBytesMax = 256;
// Postgres limits a message to MaxAllocSize, 1 GiB - 1 (src/include/utils/memutils.h).
constexpr uint32_t kMessageBytesMax = 0x3fffffffU;

constexpr FrameRules MakeRules(std::string_view pass, std::string_view head,
                               std::string_view collect, uint32_t head_bytes_max) {
  FrameRules rules{};
  rules.head_bytes_max = head_bytes_max;
  rules.message_bytes_max = kMessageBytesMax;
  for (const char type : pass) {
    rules.actions[static_cast<uint8_t>(type)] = FrameAction::kPass;
  }
  for (const char type : head) {
    rules.actions[static_cast<uint8_t>(type)] = FrameAction::kHead;
  }
  for (const char type : collect) {
    rules.actions[static_cast<uint8_t>(type)] = FrameAction::kCollect;
  }
  return rules;
}

// CopyData passes; Bind may carry megabytes of parameters behind its names.
constexpr FrameRules kFrontendRules = MakeRules("d", "BF", "QPDECSHcfX", kFrontendHeadBytesMax);
// DataRow, CopyData, NoticeResponse and function results pass; bodies of errors are hardly read,
// their arrival counts. A RowDescription is whole: prepared statements are known by it. A
// NotificationResponse (its payload has less than
// 8,000 bytes) may stand among replies to requests of the pooler's own.
constexpr FrameRules kBackendRules =
    MakeRules("DdNV", "tnEGHW123sIc", "ZCSKAT", kBackendHeadBytesMax);

}  // namespace

const FrameRules& FrontendRules() {
  return kFrontendRules;
}
const FrameRules& BackendRules() {
  return kBackendRules;
}

// Inline, since g++ guards the stack of each function that calls one which returns a struct.
inline FrameScanner::Item FrameScanner::Shown(std::string_view input, FrameAction action,
                                              uint32_t frame_bytes) {
  const char type = input[0];
  if (action == FrameAction::kCollect) {
    if (frame_bytes > collect_bytes_max_) return {Kind::kTooLong, type, {}, 0};
    if (input.size() < frame_bytes) return {Kind::kNeedMore, type, {}, frame_bytes};
    return {Kind::kMessage, type, input.substr(0, frame_bytes), 0};
  }
  const auto head_bytes =
      static_cast<uint32_t>(std::min<size_t>(frame_bytes, kHeaderBytes + rules_->head_bytes_max));
  if (input.size() < head_bytes) return {Kind::kNeedMore, type, {}, head_bytes};
  const auto here = static_cast<uint32_t>(std::min<size_t>(frame_bytes, input.size()));
  body_remaining_ = frame_bytes - here;
  return {body_remaining_ == 0 ? Kind::kMessage : Kind::kHead, type, input.substr(0, here), 0};
}

FrameScanner::Item FrameScanner::Next(std::string_view input) {
  size_t at = std::min<size_t>(body_remaining_, input.size());
  body_remaining_ -= static_cast<uint32_t>(at);
  while (body_remaining_ == 0 && input.size() - at >= kHeaderBytes) {
    const char* header = input.data() + at;
    const auto action = rules_->actions[static_cast<uint8_t>(*header)];
    const uint32_t length = LoadU32(header + 1);
    if (length < 4 || length > rules_->message_bytes_max || action == FrameAction::kInvalid) {
      if (at > 0) break;  // first hand over what came before
      return {Kind::kInvalid, *header, {}, 0};
    }
    const uint32_t frame_bytes = length + 1;
    if (action != FrameAction::kPass) {
      if (at > 0) break;
      return Shown(input, action, frame_bytes);
    }
    at += frame_bytes;
    if (at > input.size()) {
      body_remaining_ = static_cast<uint32_t>(at - input.size());
      at = input.size();
      break;
    }
  }
  if (at == 0) return {Kind::kNeedMore, '\0', {}, kHeaderBytes};
  return {Kind::kRun, '\0', input.substr(0, at), 0};
}

}  // namespace pglynx::wire
