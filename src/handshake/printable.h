#pragma once

// Text from a peer made fit for an error: bounded, and on one line of the log. Private to
// `handshake`. A free function; the result owns its bytes.

#include <cstddef>
#include <string>
#include <string_view>

namespace pglynx::handshake {

// A name of Postgres has at most 63 bytes; messages are longer.
inline constexpr size_t kPrintableNameBytesMax = 63;
inline constexpr size_t kPrintableMessageBytesMax = 1024;

// The first `bytes_max` bytes of `text`, not cut inside a UTF-8 character, control
// characters replaced by '?'.
std::string Printable(std::string_view text, size_t bytes_max = kPrintableNameBytesMax);

}  // namespace pglynx::handshake
