#pragma once

// The same script against FakePostgres and against a real server, reply by reply. Free
// functions; the servers are borrowed.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "sim/fake_vs_real/peer.h"

namespace pglynx::sim {

struct Comparison {
  std::string difference;  // empty: none; else the script and both replies, for a person
  size_t sent = 0;         // messages
  std::map<std::string, size_t> compared = {};  // replies, by what they say in short
};

// One random script of about `messages_max` messages.
Comparison CompareScript(RealServer& real, uint64_t seed, size_t messages_max);
// Logins by each method, right and wrong, with good and bad settings.
Comparison CompareLogins(RealServer& real);

}  // namespace pglynx::sim
