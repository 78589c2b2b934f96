#pragma once

// Faults that tests plant in the product, to prove that the simulator would find them
// (pglynx_swarm --sabotage). They exist in builds with PGLYNX_DCHECK alone, the presets dev and
// asan; elsewhere Planted() is false at compile time, and nothing is left of them.

#include <cstdint>

namespace pglynx {

enum class Sabotage : uint8_t {
  kNone,
  kLeaseInTransaction,  // a server inside a transaction counts as idle
  kLostWaiter,          // a client that waits is taken off the line and not told
  kWrongCancel,         // a cancel ends what another client runs
  kStateLeak,           // a server keeps the last client's settings
  kLimitOffByOne,       // a pool has one server more than pool_size
  kReplySwap,           // a reply goes to another client
  kDoubleRelease,       // a server goes back to its pool twice
  kForgottenDenial,     // why a statement was refused is not kept: a broken pair
  kBanIgnored,          // a banned server counts as healthy
};

#ifdef PGLYNX_DCHECK_ON
constexpr bool kCanPlant = true;
namespace internal {
// The one fault of this process; set before anything runs.
inline Sabotage planted = Sabotage::kNone;
}  // namespace internal
inline void Plant(Sabotage fault) {
  internal::planted = fault;
}
inline bool Planted(Sabotage fault) {
  return internal::planted == fault;
}
#else
constexpr bool kCanPlant = false;
inline void Plant(Sabotage) {}
constexpr bool Planted(Sabotage) {
  return false;
}
#endif

}  // namespace pglynx
