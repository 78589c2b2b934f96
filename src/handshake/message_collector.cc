#include "pglynx/handshake/message_collector.h"

#include <algorithm>

#include "pglynx/core/bytes.h"

namespace pglynx::handshake {
namespace {

constexpr size_t kLengthBytes = 4;

}  // namespace

MessageCollector::Outcome MessageCollector::Take(std::string_view& input, Framing framing,
                                                 size_t message_bytes_max) {
  const size_t type_bytes = framing == Framing::kTyped ? 1 : 0;
  header_bytes_ = type_bytes + kLengthBytes;
  if (!Fill(input, header_bytes_)) return Outcome::kNeedMore;
  const size_t length = LoadU32(bytes_.data() + type_bytes);
  if (length < kLengthBytes || length + type_bytes > message_bytes_max) {
    return Outcome::kBadLength;
  }
  return Fill(input, type_bytes + length) ? Outcome::kMessage : Outcome::kNeedMore;
}

void MessageCollector::Clear() {
  bytes_.clear();
}

bool MessageCollector::Fill(std::string_view& input, size_t count) {
  if (bytes_.size() < count) {
    const size_t taken = std::min(count - bytes_.size(), input.size());
    bytes_.append(input.substr(0, taken));
    input.remove_prefix(taken);
  }
  return bytes_.size() >= count;
}

}  // namespace pglynx::handshake
