// Goal: MessageCollector takes one message and not a byte more, wherever the stream is cut.
#include "pglynx/handshake/message_collector.h"

#include "pglynx/core/bytes.h"
#include "support/catch.h"

using pglynx::handshake::MessageCollector;
using Framing = MessageCollector::Framing;
using Outcome = MessageCollector::Outcome;

TEST_CASE("MessageCollector takes exactly one message at every cut") {
  for (const Framing framing : {Framing::kTyped, Framing::kUntyped}) {
    std::string message = framing == Framing::kTyped ? "p" : "";
    pglynx::AppendU32(message, 9);
    message += "body!";
    const std::string stream = message + "behind";
    for (size_t cut = 0; cut <= stream.size(); ++cut) {
      MessageCollector collector;
      std::string_view input = std::string_view(stream).substr(0, cut);
      Outcome outcome = collector.Take(input, framing, 64);
      if (cut < message.size()) {
        CHECK(outcome == Outcome::kNeedMore);
        CHECK(input.empty());
        input = std::string_view(stream).substr(cut);
        outcome = collector.Take(input, framing, 64);
        CHECK(input == "behind");
      }
      REQUIRE(outcome == Outcome::kMessage);
      CHECK(collector.whole() == message);
      CHECK(collector.body() == "body!");
      collector.Clear();
      CHECK(collector.whole().empty());
    }
  }
}

TEST_CASE("MessageCollector refuses a length before it takes a body") {
  for (const uint32_t length : {0U, 3U, 64U, 0xffffffffU}) {
    std::string message = "Q";
    pglynx::AppendU32(message, length);
    message += "body";
    MessageCollector collector;
    std::string_view input = message;
    CHECK(collector.Take(input, Framing::kTyped, 64) == Outcome::kBadLength);
    CHECK(collector.type() == 'Q');
    CHECK(input == "body");
  }
  std::string longest = "Q";
  pglynx::AppendU32(longest, 63);
  longest.append(59, 'x');
  MessageCollector collector;
  std::string_view input = longest;
  CHECK(collector.Take(input, Framing::kTyped, 64) == Outcome::kMessage);
}
