#pragma once

// Which server of a pool is meant, by its places in the configuration.

#include <cstddef>

namespace pglynx::server {

struct ServerPlace {
  size_t shard = 0;
  size_t server = 0;
};

}  // namespace pglynx::server
