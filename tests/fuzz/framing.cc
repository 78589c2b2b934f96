// Framing after the login, both directions (wire/frame_scanner.h).
//
// Properties: whatever a stream is and however it is cut, the scanner hands over the same
// bytes, shows the same messages at the same places and stops for the same reason as a plain
// reading of the whole stream by the words of the manual; it takes nothing that it does not
// return, and asks for more only where more can help.
//
// Input: one byte for the limit of collected messages, the cuts, then the stream.
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/wire/frame_scanner.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::fuzz {
namespace {

using wire::FrameAction;
using wire::FrameRules;
using wire::FrameScanner;
using Kind = FrameScanner::Kind;

// What is seen of a stream, whoever reads it.
struct Seen {
  struct Shown {
    size_t at;
    std::string bytes;  // of a head no more than is promised
    bool operator==(const Shown&) const = default;
  };
  std::vector<Shown> shown;
  size_t bytes = 0;            // that were handed over
  Kind end = Kind::kNeedMore;  // or what stopped it
  char end_type = '\0';

  bool operator==(const Seen&) const = default;
};

// The stream in one piece, message by message.
Seen ReadPlainly(const FrameRules& rules, uint32_t collect_bytes_max, std::string_view stream) {
  Seen seen;
  while (stream.size() - seen.bytes >= wire::kHeaderBytes) {
    const std::string_view rest = stream.substr(seen.bytes);
    const FrameAction action = rules.actions[static_cast<uint8_t>(rest[0])];
    const uint64_t length = LoadU32(rest.data() + 1);
    const uint64_t whole = length + 1;
    const uint64_t head = std::min<uint64_t>(whole, wire::kHeaderBytes + rules.head_bytes_max);
    seen.end_type = rest[0];
    if (action == FrameAction::kInvalid || length < 4 || length > rules.message_bytes_max) {
      seen.end = Kind::kInvalid;
      return seen;
    }
    if (action == FrameAction::kCollect) {
      if (whole > collect_bytes_max) {
        seen.end = Kind::kTooLong;
        return seen;
      }
      if (rest.size() < whole) break;
      seen.shown.push_back({seen.bytes, std::string(rest.substr(0, whole))});
    } else if (action == FrameAction::kHead) {
      if (rest.size() < head) break;
      seen.shown.push_back({seen.bytes, std::string(rest.substr(0, head))});
    }
    seen.bytes += std::min<size_t>(whole, rest.size());
  }
  seen.end_type = '\0';
  return seen;
}

// Feeds the scanner as the relay does: what it does not take is presented again.
class Feeder {
 public:
  Feeder(const FrameRules& rules, uint32_t collect_bytes_max)
      : rules_(rules), scanner_(rules, collect_bytes_max) {}

  void Feed(std::string_view piece) {
    kept_ += piece;
    while (!kept_.empty() && seen_.end == Kind::kNeedMore) {
      const ExactBytes input(kept_);
      const FrameScanner::Item item = scanner_.Next(input.view());
      if (item.kind == Kind::kNeedMore) {
        PGLYNX_CHECK(item.bytes.empty() && item.needed > kept_.size() && scanner_.AtBoundary());
        return;
      }
      Take(item, input.view());
    }
  }

  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  void Take(const FrameScanner::Item& item, std::string_view input) {
    if (item.kind == Kind::kInvalid || item.kind == Kind::kTooLong) {
      PGLYNX_CHECK(item.bytes.empty());
      seen_.end = item.kind;
      seen_.end_type = item.type;
      return;
    }
    PGLYNX_CHECK(!item.bytes.empty() && item.bytes.data() == input.data() &&
                 item.bytes.size() <= input.size());
    if (item.kind != Kind::kRun) {
      PGLYNX_CHECK(item.type == item.bytes[0]);
      PGLYNX_CHECK((item.kind == Kind::kMessage) == scanner_.AtBoundary());
      const bool is_head = rules_.actions[static_cast<uint8_t>(item.type)] == FrameAction::kHead;
      const size_t promised = wire::kHeaderBytes + rules_.head_bytes_max;
      seen_.shown.push_back(
          {seen_.bytes, std::string(is_head ? item.bytes.substr(0, promised) : item.bytes)});
    }
    seen_.bytes += item.bytes.size();
    kept_.erase(0, item.bytes.size());
  }

  const FrameRules& rules_;
  FrameScanner scanner_;
  std::string kept_;
  Seen seen_;
};

Seen ReadCut(const FrameRules& rules, uint32_t collect_bytes_max,
             const std::vector<ExactBytes>& pieces) {
  Feeder feeder(rules, collect_bytes_max);
  for (const ExactBytes& piece : pieces) feeder.Feed(piece.view());
  return feeder.seen();
}

void CheckFraming(const FrameRules& rules, std::string_view bytes) {
  Input input(bytes);
  const uint8_t limit = input.Byte();
  const uint32_t collect_bytes_max = limit < 64 ? 5U + limit : 64U * limit;
  const Cuts cuts(input);
  const std::string_view stream = input.Rest();

  const Seen plain = ReadPlainly(rules, collect_bytes_max, stream);
  PGLYNX_CHECK(ReadCut(rules, collect_bytes_max, cuts.Apply({})) == Seen{});
  std::vector<ExactBytes> whole;
  whole.emplace_back(stream);
  PGLYNX_CHECK(ReadCut(rules, collect_bytes_max, whole) == plain);
  PGLYNX_CHECK(ReadCut(rules, collect_bytes_max, cuts.Apply(stream)) == plain);
  PGLYNX_CHECK(ReadCut(rules, collect_bytes_max, SingleBytes(stream)) == plain);
}

}  // namespace

void FuzzFrontendFraming(std::string_view input) {
  CheckFraming(wire::FrontendRules(), input);
}

void FuzzBackendFraming(std::string_view input) {
  CheckFraming(wire::BackendRules(), input);
}

}  // namespace pglynx::fuzz
