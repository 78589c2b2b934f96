#pragma once

// A login over a Peer: trust, md5 or SCRAM, whatever the server asks for. A free function.

#include <string>
#include <utility>
#include <vector>

#include "sim/fake_vs_real/peer.h"

namespace pglynx::sim {

struct Login {
  std::string user;
  std::string password;
  std::vector<std::pair<std::string, std::string>> settings;
};

// What the server says, up to its first ReadyForQuery or its end.
std::vector<RawMessage> RunLogin(Peer& peer, const Login& login);

}  // namespace pglynx::sim
