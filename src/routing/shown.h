#pragma once

// A value from outside as an error shows it.

#include <cstddef>
#include <string>
#include <string_view>

namespace pglynx::routing {

// At most 64 bytes of it, on one line, printable.
inline std::string Shown(std::string_view text) {
  constexpr size_t kShownBytesMax = 64;
  std::string shown(text.substr(0, kShownBytesMax));
  for (char& byte : shown) {
    if (byte < ' ' || byte > '~') byte = '?';
  }
  if (text.size() > kShownBytesMax) shown += "...";
  return shown;
}

}  // namespace pglynx::routing
