#pragma once

// What the targets share: an input taken apart, cuts of a stream, and answers to "is this
// fit for a log line". Header only.
//
// Layouts are simple on purpose, so that mutations stay meaningful: a few bytes in front
// choose, texts end at a byte 0xFF (which is in no UTF-8 text), the rest is the stream.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/core/random.h"

namespace pglynx::fuzz {

// A copy without a byte to spare: reading behind it is an error that ASan sees.
class ExactBytes {
 public:
  explicit ExactBytes(std::string_view bytes)
      : size_(bytes.size()), bytes_(std::make_unique<char[]>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

// Takes an input apart from the front; at its end there are only zeros and empty texts.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  // Up to the next byte 0xFF, which is dropped.
  std::string_view Text() {
    const size_t end = std::min(rest_.find('\xff'), rest_.size());
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return text;
  }
  // A text for a field that ends with a NUL, and so has none.
  std::string_view CString() {
    const std::string_view text = Text();
    return text.substr(0, text.find('\0'));
  }
  std::string_view Rest() { return std::exchange(rest_, {}); }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Where to cut a stream: up to seven places, as many as the first byte says, one byte each.
// They are near the front or the end of what is left, where headers are.
class Cuts {
 public:
  explicit Cuts(Input& input) {
    const size_t count = input.Byte() & 7U;
    for (size_t i = 0; i < count; ++i) steps_.push_back(input.Byte());
  }

  [[nodiscard]] std::vector<ExactBytes> Apply(std::string_view stream) const {
    std::vector<ExactBytes> pieces;
    for (const uint8_t step : steps_) {
      const size_t bytes = std::min<size_t>(
          step < 128 ? step : stream.size() - std::min<size_t>(step - 127, stream.size()),
          stream.size());
      pieces.emplace_back(stream.substr(0, bytes));
      stream.remove_prefix(bytes);
    }
    pieces.emplace_back(stream);
    return pieces;
  }

 private:
  std::vector<uint8_t> steps_;
};

// Every byte a piece of its own; beyond a few hundred bytes the tail is one piece.
inline std::vector<ExactBytes> SingleBytes(std::string_view stream) {
  constexpr size_t kSingleMax = 700;
  std::vector<ExactBytes> pieces;
  while (!stream.empty() && pieces.size() < kSingleMax) {
    pieces.emplace_back(stream.substr(0, 1));
    stream.remove_prefix(1);
  }
  pieces.emplace_back(stream);
  return pieces;
}

// Nonces and salts that a corpus file can foresee.
class ConstantRandom final : public Random {
 public:
  void Fill(char* out, size_t count) override { std::fill_n(out, count, 'Z'); }
};

// One line without control characters, as every error text must be.
inline bool IsOneLine(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

struct Frame {
  char type;
  std::string_view body;
};

// `stream` as whole typed messages; anything else is a broken property of who wrote it.
inline std::vector<Frame> WholeFrames(std::string_view stream) {
  std::vector<Frame> frames;
  while (!stream.empty()) {
    PGLYNX_CHECK(stream.size() >= 5);
    const uint32_t length = LoadU32(stream.data() + 1);
    PGLYNX_CHECK(length >= 4 && length < stream.size());
    frames.push_back({stream[0], stream.substr(5, length - 4)});
    stream.remove_prefix(length + 1);
  }
  return frames;
}

// `text` with one byte changed, or cut, or one put in, as two bytes of the input say.
inline std::string Mutated(std::string_view text, uint8_t where, uint8_t how) {
  std::string mutated(text);
  const size_t at = mutated.empty() ? 0 : where % mutated.size();
  if (mutated.empty() || how >= 0xf0) {
    mutated.insert(at, 1, static_cast<char>(how));
  } else if (how >= 0xe0) {
    mutated.erase(at, 1 + (how & 3U));
  } else {
    mutated[at] = static_cast<char>(mutated[at] ^ static_cast<char>(how == 0 ? 1 : how));
  }
  return mutated;
}

}  // namespace pglynx::fuzz
