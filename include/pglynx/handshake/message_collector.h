#pragma once

// Collects one message of a login from a stream that may be cut anywhere, and takes not a
// byte more: what follows the message stays in the caller's input, so nothing has to be
// given back when the login is over. A value; it holds at most one message, its memory is
// bounded by `message_bytes_max` and is kept from message to message.
//
//   switch (collector.Take(input, MessageCollector::Framing::kTyped, 4096)) {
//     case MessageCollector::Outcome::kNeedMore: return;
//     case MessageCollector::Outcome::kBadLength: Fail(collector.type()); return;
//     case MessageCollector::Outcome::kMessage: Use(collector.type(), collector.body());
//   }
//   collector.Clear();

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pglynx::handshake {

class MessageCollector {
 public:
  enum class Framing : uint8_t {
    kUntyped,  // a length that counts itself: the first packet of a connection
    kTyped,    // a type byte, then such a length
  };
  enum class Outcome : uint8_t {
    kNeedMore,   // the input is used up
    kMessage,    // whole() is one message
    kBadLength,  // the length is below four, or the message above `message_bytes_max`
  };

  // Takes what it needs off the front of `input`. Precondition: after kMessage or
  // kBadLength, Clear() comes first.
  Outcome Take(std::string_view& input, Framing framing, size_t message_bytes_max);
  void Clear();

  // Of kTyped, once Take said kMessage or kBadLength.
  [[nodiscard]] char type() const { return bytes_.empty() ? '\0' : bytes_[0]; }
  // The message so far, header included. Views live until Clear().
  [[nodiscard]] std::string_view whole() const { return bytes_; }
  [[nodiscard]] std::string_view body() const {
    return std::string_view(bytes_).substr(header_bytes_);
  }

 private:
  // Moves bytes until `count` are here; false if the input ends before.
  bool Fill(std::string_view& input, size_t count);

  std::string bytes_;
  size_t header_bytes_ = 0;
};

}  // namespace pglynx::handshake
