#pragma once

// Where to listen or connect: a host and a port, or a Unix-domain socket directory. A
// value. A host that begins with "/" is a socket directory, as in libpq.

#include <cstdint>
#include <string>

namespace pglynx::net {

struct Address {
  std::string host;  // IPv4 or IPv6 literal, name, or socket directory
  uint16_t port = 0;

  [[nodiscard]] bool is_unix() const { return !host.empty() && host.front() == '/'; }
  // "127.0.0.1:5432", "[::1]:5432", "/run/postgresql/.s.PGSQL.5432".
  [[nodiscard]] std::string ToString() const;
  // The socket file of a Unix address ("Connection Strings" in the manual).
  [[nodiscard]] std::string UnixPath() const;

  bool operator==(const Address&) const = default;
};

// An IPv4 or IPv6 literal: stands for itself and needs no lookup.
bool IsNumericHost(const std::string& host);

}  // namespace pglynx::net
