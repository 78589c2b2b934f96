// Goal: what the scanner passes on and shows is the same however the stream is cut, and no
// header can make it read on in a broken stream. Method: streams of every kind of message,
// cut at each position, at each pair of positions and at random ones, against the stream in
// one piece; tables for lengths, types and limits.
#include "pglynx/wire/frame_scanner.h"

#include <string>
#include <utility>
#include <vector>

#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::wire::BackendRules;
using pglynx::wire::FrameAction;
using pglynx::wire::FrameRules;
using pglynx::wire::FrameScanner;
using pglynx::wire::FrontendRules;
using std::string_view_literals::operator""sv;
using Kind = FrameScanner::Kind;

namespace {

constexpr uint32_t kCollectBytesMax = 4096;

std::string Header(char type, uint32_t length) {
  std::string header(1, type);
  pglynx::AppendU32(header, length);
  return header;
}

std::string Message(char type, std::string_view body) {
  return Header(type, static_cast<uint32_t>(body.size() + 4)).append(body);
}

// What a scanner made of a stream.
struct Seen {
  std::string bytes;               // all that was handed over, in order
  std::vector<std::string> shown;  // messages, and as much of heads as is always shown
  std::vector<size_t> shown_at;    // where in the stream
  Kind end = Kind::kNeedMore;      // kNeedMore, or what stopped it
  char end_type = '\0';
  std::string kept;  // the tail that waits for more
  size_t items = 0;

  bool operator==(const Seen&) const = default;
};

// Items depend on the cuts; nothing else may.
Seen WithoutItems(Seen seen) {
  seen.items = 0;
  return seen;
}

// Feeds a stream piece by piece, as the relay does.
class Feeder {
 public:
  explicit Feeder(const FrameRules& rules) : rules_(rules), scanner_(rules, kCollectBytesMax) {}

  void Feed(std::string_view piece) {
    if (seen_.end != Kind::kNeedMore) return;
    seen_.kept += piece;
    std::string_view input = seen_.kept;
    while (!input.empty()) {
      const FrameScanner::Item item = scanner_.Next(input);
      if (item.kind == Kind::kNeedMore) {
        CHECK(item.bytes.empty());
        CHECK(item.needed > input.size());
        break;
      }
      if (item.kind == Kind::kTooLong || item.kind == Kind::kInvalid) {
        CHECK(item.bytes.empty());
        seen_.end = item.kind;
        seen_.end_type = item.type;
        break;
      }
      Take(item, input);
      input.remove_prefix(item.bytes.size());
    }
    seen_.kept = std::string(input);
  }

  [[nodiscard]] const Seen& seen() const { return seen_; }
  [[nodiscard]] const FrameScanner& scanner() const { return scanner_; }

 private:
  void Take(const FrameScanner::Item& item, std::string_view input) {
    REQUIRE_FALSE(item.bytes.empty());
    REQUIRE(item.bytes.data() == input.data());
    REQUIRE(item.bytes.size() <= input.size());
    ++seen_.items;
    if (item.kind != Kind::kRun) {
      CHECK(item.type == item.bytes.front());
      CHECK((item.kind == Kind::kMessage) == scanner_.AtBoundary());
      const bool head = rules_.actions[static_cast<uint8_t>(item.type)] == FrameAction::kHead;
      seen_.shown.emplace_back(head ? item.bytes.substr(0, 5 + rules_.head_bytes_max) : item.bytes);
      seen_.shown_at.push_back(seen_.bytes.size());
    }
    seen_.bytes += item.bytes;
  }

  const FrameRules& rules_;
  FrameScanner scanner_;
  Seen seen_;
};

Seen Whole(const FrameRules& rules, std::string_view stream) {
  Feeder feeder(rules);
  feeder.Feed(stream);
  return feeder.seen();
}

// Ends must lie in order.
Seen Cut(const FrameRules& rules, std::string_view stream, const std::vector<size_t>& ends) {
  Feeder feeder(rules);
  size_t from = 0;
  for (const size_t end : ends) {
    feeder.Feed(stream.substr(from, end - from));
    from = end;
  }
  feeder.Feed(stream.substr(from));
  return feeder.seen();
}

// Rules with a small head, so that heads shorter and longer than it are cut everywhere too.
constexpr FrameRules SmallHeads() {
  FrameRules rules{};
  rules.actions['p'] = FrameAction::kPass;
  rules.actions['h'] = FrameAction::kHead;
  rules.actions['c'] = FrameAction::kCollect;
  rules.head_bytes_max = 4;
  rules.message_bytes_max = 1000;
  return rules;
}
constexpr FrameRules kSmallHeads = SmallHeads();

struct Stream {
  const char* name;
  const FrameRules* rules;
  std::string bytes;
};

std::vector<Stream> Streams() {
  const std::string row = Message('D', "\0\1\0\0\0\3abc"sv);
  const std::string ready = Message('Z', "I");
  const std::string broken = Header('D', 3);
  return {
      {"empty", &BackendRules(), ""},
      {"one empty body", &BackendRules(), Message('1', "")},
      {"simple query", &BackendRules(),
       Message('T', "\0\1a\0......................"sv) + row + row + row +
           Message('C', "SELECT 3\0"sv) + ready},
      {"extended", &BackendRules(),
       Message('1', "") + Message('2', "") + Message('n', "") + row + Message('s', "") +
           Message('3', "") + ready},
      {"error", &BackendRules(), Message('E', "SERROR\0C42601\0Mno\0\0"sv) + ready},
      {"copy out", &BackendRules(),
       Message('H', "\0\0\0"sv) + Message('d', "1\t2\n") + Message('d', "") + Message('c', "") +
           Message('C', "COPY 1\0"sv) + ready},
      {"asynchronous", &BackendRules(),
       Message('N', "SNOTICE\0\0"sv) + Message('A', "\0\0\0\1a\0b\0"sv) +
           Message('S', "TimeZone\0UTC\0"sv) + Message('K', "\0\0\0\1secr"sv)},
      {"invalid behind rows", &BackendRules(), row + row + broken + row},
      {"unknown type", &BackendRules(), row + Message('?', "abc") + row},
      {"cut at the end", &BackendRules(), row + ready + row.substr(0, 7)},
      {"frontend", &FrontendRules(),
       Message('P', "s\0SELECT 1\0\0\0"sv) + Message('B', "\0s\0\0\0\0\0\0\0"sv) +
           Message('D', "P\0"sv) + Message('E', "\0\0\0\0\0"sv) + Message('S', "") +
           Message('Q', "BEGIN\0"sv) + Message('d', "data") + Message('d', "more") +
           Message('c', "") + Message('X', "")},
      {"heads", &kSmallHeads,
       Message('h', "") + Message('h', "abc") + Message('h', "abcd") + Message('h', "abcde") +
           Message('h', "abcdefghijkl") + Message('p', "pass") + Message('c', "collect") +
           Message('h', "abcdefgh") + Message('p', "") + Message('c', "")},
  };
}

}  // namespace

TEST_CASE("FrameScanner shows the same messages wherever the stream is cut once or twice") {
  for (const Stream& stream : Streams()) {
    CAPTURE(stream.name);
    const Seen whole = WithoutItems(Whole(*stream.rules, stream.bytes));
    CHECK(whole.bytes + whole.kept == stream.bytes);
    for (size_t first = 0; first <= stream.bytes.size(); ++first) {
      for (size_t second = first; second <= stream.bytes.size(); ++second) {
        const Seen cut = WithoutItems(Cut(*stream.rules, stream.bytes, {first, second}));
        if (stream.bytes.size() > 0 && whole.end != Kind::kNeedMore) {
          // What follows the break is not kept in pieces that were never fed.
          REQUIRE(cut.bytes == whole.bytes);
          REQUIRE(cut.shown == whole.shown);
          REQUIRE(cut.end == whole.end);
          REQUIRE(cut.end_type == whole.end_type);
        } else {
          REQUIRE(cut == whole);
        }
      }
    }
  }
}

TEST_CASE("FrameScanner shows the same messages where every byte comes alone") {
  for (const Stream& stream : Streams()) {
    CAPTURE(stream.name);
    const Seen whole = Whole(*stream.rules, stream.bytes);
    Feeder feeder(*stream.rules);
    for (const char byte : stream.bytes) feeder.Feed({&byte, 1});
    CHECK(feeder.seen().bytes == whole.bytes);
    CHECK(feeder.seen().shown == whole.shown);
    CHECK(feeder.seen().shown_at == whole.shown_at);
    CHECK(feeder.seen().end == whole.end);
  }
}

TEST_CASE("FrameScanner shows the same messages of random streams with random cuts") {
  constexpr std::string_view kTypes = "pppphc";
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    std::string stream;
    std::vector<std::string> shown;
    for (int i = 0; i < 40; ++i) {
      const char type = kTypes[random.Next64() % kTypes.size()];
      const std::string message = Message(type, random.Bytes(random.Next64() % 24));
      stream += message;
      if (type == 'c') shown.push_back(message);
      if (type == 'h') shown.push_back(message.substr(0, 9));
    }
    std::vector<size_t> ends;
    for (size_t end = 0; end < stream.size(); end += random.Next64() % 30) ends.push_back(end);
    const Seen cut = Cut(kSmallHeads, stream, ends);
    REQUIRE(cut.bytes == stream);
    REQUIRE(cut.shown == shown);
    REQUIRE(WithoutItems(cut) == WithoutItems(Whole(kSmallHeads, stream)));
  }
}

TEST_CASE("FrameScanner survives any bytes and ends alike however they are cut") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    std::string noise = random.Bytes(random.Next64() % 200);
    if (!noise.empty()) noise[0] = "DdZQPB"[random.Next64() % 6];
    for (size_t i = 1; i < 4 && i < noise.size(); ++i) noise[i] = '\0';
    for (const FrameRules* rules : {&FrontendRules(), &BackendRules(), &kSmallHeads}) {
      const Seen whole = Whole(*rules, noise);
      std::vector<size_t> ends;
      for (size_t end = 0; end < noise.size(); end += random.Next64() % 9) ends.push_back(end);
      const Seen cut = Cut(*rules, noise, ends);
      REQUIRE(cut.bytes == whole.bytes);
      REQUIRE(cut.shown == whole.shown);
      REQUIRE(cut.end == whole.end);
    }
  }
}

TEST_CASE("FrameScanner merges a run of messages that nobody looks at") {
  std::string stream;
  for (int i = 0; i < 1000; ++i) stream += Message('D', "row");
  CHECK(Whole(BackendRules(), stream).items == 1);
  // Up to the message that is shown, and on behind it.
  const std::string ready = Message('Z', "I");
  FrameScanner scanner(BackendRules(), kCollectBytesMax);
  const std::string both = stream + ready + stream;
  FrameScanner::Item item = scanner.Next(both);
  CHECK(item.kind == Kind::kRun);
  CHECK(item.bytes == stream);
  item = scanner.Next(std::string_view(both).substr(stream.size()));
  CHECK(item.kind == Kind::kMessage);
  CHECK(item.bytes == ready);
}

TEST_CASE("FrameScanner merges the rest of a head with the run behind it") {
  FrameScanner scanner(kSmallHeads, kCollectBytesMax);
  const std::string head = Message('h', "abcdefgh");
  const std::string run = Message('p', "x") + Message('p', "y");
  const std::string stream = head + run + Message('c', "");
  const FrameScanner::Item shown = scanner.Next(std::string_view(stream).substr(0, 9));
  CHECK(shown.kind == Kind::kHead);
  CHECK(shown.bytes == head.substr(0, 9));
  CHECK(scanner.body_remaining() == 4);
  CHECK_FALSE(scanner.AtBoundary());
  const FrameScanner::Item rest = scanner.Next(std::string_view(stream).substr(9));
  CHECK(rest.kind == Kind::kRun);
  CHECK(rest.bytes == "efgh" + run);
  CHECK(scanner.AtBoundary());
}

TEST_CASE("FrameScanner says how much it needs") {
  FrameScanner scanner(kSmallHeads, kCollectBytesMax);
  for (size_t length = 0; length < 5; ++length) {
    CHECK(scanner.Next(Message('c', "collect").substr(0, length)).needed == 5);
  }
  CHECK(scanner.Next(Message('c', "collect").substr(0, 5)).needed == 12);
  CHECK(scanner.Next(Message('h', "abcdefgh").substr(0, 6)).needed == 9);
  CHECK(scanner.Next(Message('h', "ab").substr(0, 6)).needed == 7);
  CHECK(scanner.AtBoundary());
}

TEST_CASE("FrameScanner refuses lengths that cannot be") {
  struct Case {
    uint32_t length;
    Kind kind;  // of what the header of a passed message leads to
  };
  const Case cases[] = {{0, Kind::kInvalid},
                        {1, Kind::kInvalid},
                        {3, Kind::kInvalid},
                        {4, Kind::kRun},
                        {5, Kind::kRun},
                        {0x3fffffffU, Kind::kRun},
                        {0x40000000U, Kind::kInvalid},
                        {0x7fffffffU, Kind::kInvalid},
                        {0x80000000U, Kind::kInvalid},
                        {0xfffffffbU, Kind::kInvalid},
                        {0xffffffffU, Kind::kInvalid}};
  for (const Case& c : cases) {
    CAPTURE(c.length);
    FrameScanner scanner(BackendRules(), kCollectBytesMax);
    const std::string header = Header('D', c.length);
    const FrameScanner::Item item = scanner.Next(header);
    CHECK(item.kind == c.kind);
    if (c.kind == Kind::kInvalid) {
      CHECK(item.type == 'D');
      CHECK(item.bytes.empty());
      CHECK(scanner.Next(header).kind == Kind::kInvalid);  // and stays so
    } else {
      CHECK(scanner.body_remaining() == c.length - 4);
    }
  }
}

TEST_CASE("FrameScanner passes the longest message piece by piece") {
  FrameScanner scanner(BackendRules(), kCollectBytesMax);
  CHECK(scanner.Next(Header('D', 0x3fffffffU)).kind == Kind::kRun);
  const std::string piece(size_t{1} << 20U, 'Z');  // looks like messages, is not read
  uint32_t left = 0x3fffffffU - 4;
  while (left > piece.size()) {
    const FrameScanner::Item item = scanner.Next(piece);
    REQUIRE(item.kind == Kind::kRun);
    REQUIRE(item.bytes.size() == piece.size());
    left -= static_cast<uint32_t>(piece.size());
    REQUIRE(scanner.body_remaining() == left);
  }
  const std::string last = std::string(left, 'x') + Message('Z', "I");
  CHECK(scanner.Next(last).bytes.size() == left);
  CHECK(scanner.AtBoundary());
}

TEST_CASE("FrameScanner refuses a collected message above the limit, at its header") {
  const std::string fits = Message('Q', std::string(kCollectBytesMax - 5, 'x'));
  FrameScanner scanner(FrontendRules(), kCollectBytesMax);
  const FrameScanner::Item whole = scanner.Next(fits);
  CHECK(whole.kind == Kind::kMessage);
  CHECK(whole.bytes.size() == kCollectBytesMax);
  const FrameScanner::Item long_one = scanner.Next(Header('Q', kCollectBytesMax));
  CHECK(long_one.kind == Kind::kTooLong);
  CHECK(long_one.type == 'Q');
  CHECK(long_one.bytes.empty());
  // The limit is not one of passed messages and heads.
  CHECK(scanner.Next(Header('d', kCollectBytesMax)).kind == Kind::kRun);
}

TEST_CASE("FrameScanner knows the types of each direction and no others") {
  // "Message Formats" in the manual, without those that belong to the login.
  constexpr std::string_view kFrontend = "BCcdDEfFHPQSX";
  constexpr std::string_view kBackend = "123ACcDdEGHIKNnSsTtVWZ";
  for (int byte = 0; byte < 256; ++byte) {
    const auto type = static_cast<char>(byte);
    CAPTURE(byte);
    const std::string message = Message(type, "");
    FrameScanner frontend(FrontendRules(), kCollectBytesMax);
    CHECK((frontend.Next(message).kind != Kind::kInvalid) ==
          (kFrontend.find(type) != std::string_view::npos));
    FrameScanner backend(BackendRules(), kCollectBytesMax);
    CHECK((backend.Next(message).kind != Kind::kInvalid) ==
          (kBackend.find(type) != std::string_view::npos));
  }
}

TEST_CASE("FrameScanner hands over what came before a broken header first") {
  FrameScanner scanner(BackendRules(), kCollectBytesMax);
  const std::string row = Message('D', "row");
  const std::string stream = row + Header('D', 0) + row;
  const FrameScanner::Item run = scanner.Next(stream);
  CHECK(run.kind == Kind::kRun);
  CHECK(run.bytes == row);
  CHECK(scanner.Next(std::string_view(stream).substr(row.size())).kind == Kind::kInvalid);
}
