#pragma once

// A server of a shard, as the configuration names it, and the roles it may have. Values.
//
//   if (HasRole(host.role, WantedRole::kReplica)) ...

#include <cstdint>
#include <string>

namespace pglynx::balancer {

// One host:port in this process, whichever pools and shards use it. The caller numbers them.
enum class HostId : uint32_t {};

// kPeer: no role is given; all servers of the shard are equal, and each serves reads and writes.
enum class Role : uint8_t { kPrimary, kReplica, kPeer };

enum class WantedRole : uint8_t { kAny, kPrimary, kReplica };
inline constexpr uint8_t kWantedRoles = 3;

inline constexpr uint32_t kWeightMax = 100;

struct HostSpec {
  std::string host;
  uint16_t port = 0;
  Role role = Role::kPeer;
  uint32_t weight = 1;  // 1 to kWeightMax: how often it is picked, relative to the others
};

constexpr bool HasRole(Role role, WantedRole wanted) {
  switch (wanted) {
    case WantedRole::kAny:
      return true;
    case WantedRole::kPrimary:
      return role != Role::kReplica;
    case WantedRole::kReplica:
      return role != Role::kPrimary;
  }
  return false;
}

}  // namespace pglynx::balancer
