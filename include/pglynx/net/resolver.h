#pragma once

// Looks up names of hosts, off the loop. Implemented by UvEventLoop, and by fakes in tests.
//
//   lookup_ = resolver.Resolve("db", [this](Result<std::vector<std::string>> addresses) { … });

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pglynx/core/result.h"

namespace pglynx::net {

// A lookup under way. Destroying it drops the result.
class PendingLookup {
 public:
  virtual ~PendingLookup() = default;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  // In numbers as Stream::RemoteAddress has them, sorted, each once, at least one; or kIo with the
  // cause. Called once, in a later turn.
  using Done = std::function<void(Result<std::vector<std::string>> addresses)>;
  virtual std::unique_ptr<PendingLookup> Resolve(const std::string& name, Done done) = 0;
};

}  // namespace pglynx::net
