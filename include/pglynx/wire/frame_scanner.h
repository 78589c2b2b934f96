#pragma once

// Cuts one direction of a v3 byte stream into what the relay must look at and what it
// may pass on unread. A value; one per direction of a connection; holds no bytes.
//
// It is fed the unread part of the stream, from wherever the last item ended, and
// returns one item: its `bytes` are a prefix of the input. Runs of messages that nobody
// needs to see come back as one kRun, however many there are, cut anywhere; this loop
// is the cost of bulk data and touches five bytes per message. Message types that must
// be seen come back alone, as their table row says. Nothing is ever buffered here: on
// kNeedMore the caller keeps the unconsumed tail and presents it again with more behind.
//
//   while (!input.empty()) {
//     const FrameScanner::Item item = scanner.Next(input);
//     if (item.kind == FrameScanner::Kind::kNeedMore) break;  // keep `input`
//     ...
//     input.remove_prefix(item.bytes.size());
//   }
//
// "Message Flow" and "Message Formats" in the PostgreSQL manual: one type byte, then a
// length that counts itself.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pglynx::wire {

enum class FrameAction : uint8_t {
  kInvalid,  // this type may not occur in this direction
  kPass,     // pass on unread, merged with its neighbours
  kHead,     // show the type and the first bytes; the rest of the body follows as kRun
  kCollect,  // show the whole message
};

// The rules of one direction. Constant tables; see FrontendRules() and BackendRules().
struct FrameRules {
  std::array<FrameAction, 256> actions;
  uint32_t head_bytes_max;     // how much of a kHead body is shown, if it is that long
  uint32_t message_bytes_max;  // a longer length in any header is invalid
};

// Client to server, after login. Query and Parse are collected (their text is judged),
// Bind, Describe, Close, Execute and FunctionCall show their heads.
const FrameRules& FrontendRules();
// Server to client, after login. What changes the state of the connection is shown;
// rows, copy data and notices pass.
const FrameRules& BackendRules();

class FrameScanner {
 public:
  enum class Kind : uint8_t {
    kNeedMore,  // the input ends inside a header or inside what must be shown at once
    kRun,       // `bytes` are whole or partial messages that are passed on unread
    kMessage,   // `bytes` is one whole message, header included
    kHead,      // `bytes` is a header and a part of its body; more of the body follows as kRun
    kTooLong,   // a collected message of `length` bytes is longer than `collect_bytes_max`
    kInvalid,   // a length or type that cannot be: the stream is beyond repair
  };
  struct Item {
    Kind kind;
    char type;               // of kMessage, kHead, kTooLong and kInvalid
    std::string_view bytes;  // prefix of the input; empty for kNeedMore, kTooLong, kInvalid
    size_t needed;           // kNeedMore: the input length at which asking again makes sense
  };

  // `collect_bytes_max`: the longest message that is collected. `rules` is constant.
  FrameScanner(const FrameRules& rules, uint32_t collect_bytes_max)
      : rules_(&rules), collect_bytes_max_(collect_bytes_max) {}

  // Precondition: `input` continues where the last item's bytes ended.
  Item Next(std::string_view input);

  // True between messages: everything shown so far was whole.
  [[nodiscard]] bool AtBoundary() const { return body_remaining_ == 0; }
  // The bytes of the current message's body that are still to come.
  [[nodiscard]] uint32_t body_remaining() const { return body_remaining_; }

 private:
  Item Shown(std::string_view input, FrameAction action, uint32_t frame_bytes);

  const FrameRules* rules_;
  uint32_t collect_bytes_max_;
  uint32_t body_remaining_ = 0;
};

}  // namespace pglynx::wire
