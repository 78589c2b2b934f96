#include "pglynx/balancer/rotation.h"

#include <algorithm>
#include <limits>

#include "pglynx/core/check.h"

namespace pglynx::balancer {
namespace {

constexpr uint32_t kAnyBusy = std::numeric_limits<uint32_t>::max();

bool IsReady(const Candidate& candidate) {
  return candidate.eligible && !candidate.banned && candidate.available;
}

}  // namespace

Rotation::Rotation(BalancingMode mode, std::span<const HostSpec> hosts)
    : mode_(mode), turns_(hosts.size()) {
  for (size_t i = 0; i < hosts.size(); ++i) {
    turns_[i].weight = std::clamp<uint32_t>(hosts[i].weight, 1, kWeightMax);
  }
}

Pick Rotation::Next(WantedRole wanted, std::span<const Candidate> candidates, Random& random) {
  PGLYNX_CHECK(candidates.size() == turns_.size());
  Pick pick;
  bool is_ready = false;
  uint32_t least_busy = kAnyBusy;
  for (const Candidate& candidate : candidates) {
    if (!candidate.eligible) continue;
    if (pick.outcome == Pick::Outcome::kNoHost) pick.outcome = Pick::Outcome::kAllBanned;
    if (candidate.banned) continue;
    pick.outcome = Pick::Outcome::kWait;
    if (!candidate.available) continue;
    is_ready = true;
    least_busy = std::min(least_busy, candidate.busy);
  }
  if (!is_ready) return pick;

  pick.outcome = Pick::Outcome::kHost;
  switch (mode_) {
    case BalancingMode::kRoundRobin:
      pick.index = TakeTurn(wanted, candidates, kAnyBusy);
      break;
    case BalancingMode::kRandom:
      pick.index = Draw(candidates, random);
      break;
    case BalancingMode::kLeastOutstanding:
      pick.index = TakeTurn(wanted, candidates, least_busy);
      break;
  }
  return pick;
}

// At least one candidate is ready and no busier than `busy_max`.
size_t Rotation::TakeTurn(WantedRole wanted, std::span<const Candidate> candidates,
                          uint32_t busy_max) {
  const auto role = static_cast<size_t>(wanted);
  int64_t gained = 0;
  size_t richest = turns_.size();
  for (size_t i = 0; i < turns_.size(); ++i) {
    if (!IsReady(candidates[i]) || candidates[i].busy > busy_max) continue;
    turns_[i].credit[role] += turns_[i].weight;
    gained += turns_[i].weight;
    if (richest == turns_.size() || turns_[i].credit[role] > turns_[richest].credit[role]) {
      richest = i;
    }
  }
  turns_[richest].credit[role] -= gained;
  return richest;
}

// At least one candidate is ready.
size_t Rotation::Draw(std::span<const Candidate> candidates, Random& random) const {
  uint64_t total = 0;
  for (size_t i = 0; i < turns_.size(); ++i) {
    if (IsReady(candidates[i])) total += static_cast<uint64_t>(turns_[i].weight);
  }
  // The remainder favours no host by more than total / 2^64.
  uint64_t drawn = random.Next64() % total;
  size_t last_ready = 0;
  for (size_t i = 0; i < turns_.size(); ++i) {
    if (!IsReady(candidates[i])) continue;
    last_ready = i;
    const auto weight = static_cast<uint64_t>(turns_[i].weight);
    if (drawn < weight) break;
    drawn -= weight;
  }
  return last_ready;
}

}  // namespace pglynx::balancer
