#include "pglynx/net/address.h"

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

}  // namespace pglynx::net
