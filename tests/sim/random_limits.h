#pragma once

// Limits and timeouts for a random configuration: each is set now and then, low enough to be
// reached, so that they meet each other and every fault.

#include <set>
#include <string>

#include "pglynx/config/config.h"
#include "sim/dice.h"

namespace pglynx::sim {

// Precondition: the pools are as MakePool makes them, one user each.
void AddRandomLimits(Dice& dice, config::Config& config);

// The SQLSTATEs that clients of this pool may be told because of limits and timeouts.
std::set<std::string, std::less<>> ErrorsOfLimits(const config::Config& config,
                                                  const config::Pool& pool);

}  // namespace pglynx::sim
