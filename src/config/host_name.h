#pragma once

// Addresses and names of hosts, by their form alone: nothing is resolved here.

#include <optional>
#include <string>
#include <string_view>

namespace pglynx::config {

// An IPv4 or IPv6 address (also in brackets, as PgCat wants it; they are taken off) or a
// name of letters, digits, '.', '-' and '_'. Nothing if it is neither.
std::optional<std::string> ParseHost(std::string_view text);

// A directory that can hold a Unix socket .s.PGSQL.<port>: absolute and short enough.
bool IsSocketDirectory(std::string_view text);

// Listeners on both at one port would collide: the same host, or one of them is a wildcard
// that covers the other. "localhost" is taken for 127.0.0.1 and ::1.
bool HostsOverlap(std::string_view a, std::string_view b);

}  // namespace pglynx::config
