#include "auth/scram_text.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "pglynx/auth/scram.h"
#include "pglynx/core/check.h"

namespace pglynx::auth {

std::optional<std::string_view> TakeAttribute(std::string_view& message, char name) {
  if (message.size() < 2 || message[0] != name || message[1] != '=') return std::nullopt;
  const size_t comma = message.find(',');
  const std::string_view value = message.substr(0, comma).substr(2);
  message.remove_prefix(comma == std::string_view::npos ? message.size() : comma + 1);
  return value;
}

bool IsNonce(std::string_view text) {
  return !text.empty() && text.size() <= kNonceBytesMax &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < '\x7f' && c != ','; });
}

std::string MakeNonce(Random& random) {
  return Base64Encode(random.Bytes(kNonceRawBytes));
}

std::optional<uint32_t> ParseIterations(std::string_view text) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || rest != end) return std::nullopt;
  if (value < 1 || value > kScramIterationsMax) return std::nullopt;
  return value;
}

Digest Xor(std::string_view left, std::string_view right) {
  Digest result{};
  PGLYNX_CHECK(left.size() == result.size() && right.size() == result.size());
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<char>(static_cast<unsigned char>(left[i]) ^
                                  static_cast<unsigned char>(right[i]));
  }
  return result;
}

}  // namespace pglynx::auth
