#pragma once

// Big-endian integers in byte strings, as the v3 protocol writes them ("Message Data
// Types" in the PostgreSQL manual), and a bounds-checked cursor over a message body.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pglynx {

// Precondition of the Load functions: that many bytes are readable at `at`.
inline uint32_t LoadU32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

inline uint16_t LoadU16(const char* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}

inline void StoreU32(char* at, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
}

inline void AppendU16(std::string& out, uint16_t value) {
  const uint16_t swapped = __builtin_bswap16(value);
  char bytes[sizeof swapped];
  std::memcpy(bytes, &swapped, sizeof swapped);
  out.append(bytes, sizeof bytes);
}

inline void AppendU32(std::string& out, uint32_t value) {
  char bytes[sizeof value];
  StoreU32(bytes, value);
  out.append(bytes, sizeof bytes);
}

// Reads a message body front to back. After the first failure every further read
// fails too, so a caller checks ok() once at the end. The views it returns point into
// the body and live as long as it does.
class ByteReader {
 public:
  explicit ByteReader(std::string_view body) : rest_(body) {}

  uint8_t U8() {
    if (!Need(1)) return 0;
    const auto value = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return value;
  }
  uint16_t U16() {
    if (!Need(2)) return 0;
    const uint16_t value = LoadU16(rest_.data());
    rest_.remove_prefix(2);
    return value;
  }
  uint32_t U32() {
    if (!Need(4)) return 0;
    const uint32_t value = LoadU32(rest_.data());
    rest_.remove_prefix(4);
    return value;
  }
  // Bytes up to the next NUL, which is consumed and not returned.
  std::string_view CString() {
    const size_t end = ok_ ? rest_.find('\0') : std::string_view::npos;
    if (end == std::string_view::npos) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string_view Bytes(size_t count) {
    if (!Need(count)) return {};
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  // What has not been read.
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }
  // Everything was read, nothing failed.
  [[nodiscard]] bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  bool Need(size_t count) {
    if (ok_ && rest_.size() >= count) return true;
    ok_ = false;
    rest_ = {};
    return false;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace pglynx
