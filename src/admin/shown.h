#pragma once

// Text from outside as it may stand in an error or a log: bounded, printable, on one line.

#include <cstddef>
#include <string>
#include <string_view>

namespace pglynx::admin {

inline constexpr size_t kShownBytesMax = 64;

inline std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kShownBytesMax));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kShownBytesMax) shown += "...";
  return shown;
}

}  // namespace pglynx::admin
