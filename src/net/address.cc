#include "pglynx/net/address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace pglynx::net {

std::string Address::ToString() const {
  if (is_unix()) return UnixPath();
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

std::string Address::UnixPath() const {
  return fmt::format("{}/.s.PGSQL.{}", host, port);
}

bool IsNumericHost(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  freeaddrinfo(found);
  return true;
}

}  // namespace pglynx::net
