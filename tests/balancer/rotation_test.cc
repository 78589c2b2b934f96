// Goal: even shares, and exact ones where all hosts serve; a host that was away comes back to its
// share and not to a burst. Method: tables, every sequence of absences of three hosts, then seeded
// chaos over many hosts and weights.
#include "pglynx/balancer/rotation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

using pglynx::Random;
using pglynx::SeededRandom;
using pglynx::balancer::BalancingMode;
using pglynx::balancer::Candidate;
using pglynx::balancer::HasRole;
using pglynx::balancer::HostSpec;
using pglynx::balancer::kWeightMax;
using pglynx::balancer::Pick;
using pglynx::balancer::Role;
using pglynx::balancer::Rotation;
using pglynx::balancer::WantedRole;
using Outcome = pglynx::balancer::Pick::Outcome;

namespace {

std::vector<HostSpec> Hosts(const std::vector<uint32_t>& weights) {
  std::vector<HostSpec> hosts;
  for (const uint32_t weight : weights) {
    hosts.push_back({.host = "h", .port = 5432, .role = Role::kReplica, .weight = weight});
  }
  return hosts;
}

std::vector<Candidate> Ready(size_t count) {
  return std::vector<Candidate>(count, {.eligible = true, .available = true});
}

size_t PickOne(Rotation& rotation, const std::vector<Candidate>& candidates, Random& random,
               WantedRole wanted = WantedRole::kReplica) {
  const Pick pick = rotation.Next(wanted, candidates, random);
  REQUIRE(pick.outcome == Outcome::kHost);
  REQUIRE(pick.index < candidates.size());
  REQUIRE(candidates[pick.index].eligible);
  REQUIRE_FALSE(candidates[pick.index].banned);
  REQUIRE(candidates[pick.index].available);
  return pick.index;
}

// The hosts picked, as letters.
std::string Letters(Rotation& rotation, const std::vector<Candidate>& candidates, int count) {
  SeededRandom random(1);
  std::string letters;
  while (count-- > 0) {
    letters += static_cast<char>('a' + static_cast<char>(PickOne(rotation, candidates, random)));
  }
  return letters;
}

std::vector<int> Shares(Rotation& rotation, const std::vector<Candidate>& candidates, int count) {
  SeededRandom random(1);
  std::vector<int> shares(candidates.size());
  while (count-- > 0) ++shares[PickOne(rotation, candidates, random)];
  return shares;
}

}  // namespace

TEST_CASE("Rotation: three hosts share 3,000 picks to the pick, one after the other") {
  Rotation rotation(BalancingMode::kRoundRobin, Hosts({1, 1, 1}));
  CHECK(Shares(rotation, Ready(3), 3000) == std::vector<int>{1000, 1000, 1000});
  CHECK(Letters(rotation, Ready(3), 6) == "abcabc");
}

TEST_CASE("Rotation: weights are interleaved") {
  const std::pair<std::vector<uint32_t>, std::string> cases[] = {
      {{3, 1}, "aabaaaba"}, {{1, 3}, "babbbabb"},           {{5, 1, 1}, "aabacaaaabacaa"},
      {{2, 2}, "abababab"}, {{100, 100, 100}, "abcabcabc"}, {{7}, "aaaa"},
  };
  for (const auto& [weights, letters] : cases) {
    Rotation rotation(BalancingMode::kRoundRobin, Hosts(weights));
    CHECK(Letters(rotation, Ready(weights.size()), static_cast<int>(letters.size())) == letters);
  }
}

TEST_CASE("Rotation: a round gives each host its weight, also 1 beside 100") {
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{100, 1}, {1, 2, 3, 4}, {99, 100, 1, 50}}) {
    Rotation rotation(BalancingMode::kRoundRobin, Hosts(weights));
    const int round = static_cast<int>(std::accumulate(weights.begin(), weights.end(), 0U));
    const std::vector<int> expected(weights.begin(), weights.end());
    CHECK(Shares(rotation, Ready(weights.size()), round) == expected);
    CHECK(Shares(rotation, Ready(weights.size()), round) == expected);
  }
}

TEST_CASE("Rotation: weights outside 1 to 100 count as the nearest") {
  Rotation rotation(BalancingMode::kRoundRobin, Hosts({0, 4'000'000'000}));
  CHECK(Shares(rotation, Ready(2), 101) == std::vector<int>{1, static_cast<int>(kWeightMax)});
}

// PgCat waits for, and then bans, a server whose pool is merely full; here that is kWait.
TEST_CASE("Rotation: says why no host serves") {
  constexpr Candidate kFree = {.eligible = true, .available = true};
  constexpr Candidate kFull = {.eligible = true, .banned = false, .available = false};
  constexpr Candidate kBanned = {.eligible = true, .banned = true, .available = true};
  constexpr Candidate kBannedFull = {.eligible = true, .banned = true, .available = false};
  constexpr Candidate kOther = {.eligible = false, .available = true};
  struct Case {
    std::vector<Candidate> candidates;
    Outcome outcome;
    size_t index = 0;
  };
  const Case cases[] = {
      {{kBanned, kFree, kFull}, Outcome::kHost, 1},
      {{kOther, kBanned, kFree}, Outcome::kHost, 2},
      {{kFull, kFull, kFull}, Outcome::kWait},
      {{kBanned, kFull, kOther}, Outcome::kWait},
      {{kBanned, kBannedFull, kBanned}, Outcome::kAllBanned},
      {{kOther, kBanned, kOther}, Outcome::kAllBanned},
      {{kOther, kOther, kOther}, Outcome::kNoHost},
  };
  for (const BalancingMode mode :
       {BalancingMode::kRoundRobin, BalancingMode::kRandom, BalancingMode::kLeastOutstanding}) {
    Rotation rotation(mode, Hosts({1, 1, 1}));
    SeededRandom random(2);
    for (const Case& c : cases) {
      const Pick pick = rotation.Next(WantedRole::kAny, c.candidates, random);
      CHECK(pick.outcome == c.outcome);
      if (c.outcome == Outcome::kHost) CHECK(pick.index == c.index);
    }
  }
  Rotation none(BalancingMode::kRoundRobin, {});
  SeededRandom random(3);
  CHECK(none.Next(WantedRole::kAny, {}, random).outcome == Outcome::kNoHost);
}

// PgCat's default_role = "replica" never fails over to the primary.
TEST_CASE("Rotation: with all replicas banned the primary is one question away") {
  std::vector<HostSpec> hosts = Hosts({1, 1, 1});
  hosts[0].role = Role::kPrimary;
  Rotation rotation(BalancingMode::kRoundRobin, hosts);
  SeededRandom random(4);
  const auto ask = [&](WantedRole wanted) {
    std::vector<Candidate> candidates;
    for (const HostSpec& host : hosts) {
      candidates.push_back({.eligible = HasRole(host.role, wanted),
                            .banned = host.role == Role::kReplica,
                            .available = true});
    }
    return rotation.Next(wanted, candidates, random);
  };
  CHECK(ask(WantedRole::kReplica).outcome == Outcome::kAllBanned);
  CHECK(ask(WantedRole::kPrimary).outcome == Outcome::kHost);
  CHECK(ask(WantedRole::kAny).outcome == Outcome::kHost);
  CHECK(ask(WantedRole::kAny).index == 0);
}

TEST_CASE("Rotation: each wanted role has its own place in the round") {
  Rotation rotation(BalancingMode::kRoundRobin, Hosts({1, 1}));
  SeededRandom random(5);
  for (int i = 0; i < 10; ++i) {
    // Were the place shared, reads would always meet the same host.
    CHECK(PickOne(rotation, Ready(2), random, WantedRole::kAny) == static_cast<size_t>(i % 2));
    CHECK(PickOne(rotation, Ready(2), random, WantedRole::kReplica) == static_cast<size_t>(i % 2));
    CHECK(PickOne(rotation, Ready(2), random, WantedRole::kPrimary) == static_cast<size_t>(i % 2));
  }
}

TEST_CASE("Rotation: what does not pick does not move it") {
  Rotation rotation(BalancingMode::kRoundRobin, Hosts({1, 1}));
  SeededRandom random(6);
  std::vector<Candidate> full = Ready(2);
  for (Candidate& candidate : full) candidate.available = false;
  CHECK(PickOne(rotation, Ready(2), random) == 0);
  for (int i = 0; i < 5; ++i) {
    CHECK(rotation.Next(WantedRole::kReplica, full, random).outcome == Outcome::kWait);
  }
  CHECK(PickOne(rotation, Ready(2), random) == 1);
}

TEST_CASE("Rotation: loc takes the least busy, equals by turns") {
  Rotation rotation(BalancingMode::kLeastOutstanding, Hosts({1, 1, 1}));
  std::vector<Candidate> candidates = Ready(3);
  CHECK(Letters(rotation, candidates, 6) == "abcabc");
  candidates[0].busy = 5;
  CHECK(Letters(rotation, candidates, 4) == "bcbc");
  candidates[1].busy = 4;
  CHECK(Letters(rotation, candidates, 3) == "ccc");
  candidates[2].available = false;
  CHECK(Letters(rotation, candidates, 3) == "bbb");
  candidates[1].banned = true;
  CHECK(Letters(rotation, candidates, 3) == "aaa");
  // The longest absence does not make c the only one afterwards.
  CHECK(Shares(rotation, Ready(3), 300) == std::vector<int>{100, 100, 100});
}

TEST_CASE("Rotation: random picks by weight") {
  Rotation rotation(BalancingMode::kRandom, Hosts({1, 2, 7, 5}));
  std::vector<Candidate> candidates = Ready(4);
  candidates[3].banned = true;
  SeededRandom random(7);
  std::vector<int> shares(4);
  for (int i = 0; i < 100'000; ++i) ++shares[PickOne(rotation, candidates, random)];
  CHECK(std::abs(shares[0] - 10'000) < 500);
  CHECK(std::abs(shares[1] - 20'000) < 1'000);
  CHECK(std::abs(shares[2] - 70'000) < 3'500);
  CHECK(shares[3] == 0);
}

// Not its share of the time that it was away, which would be a burst of 3,000 picks.
TEST_CASE("Rotation: every window of 300 picks is shared evenly around an outage") {
  struct Case {
    std::vector<uint32_t> weights;
    size_t away;
  };
  const Case cases[] = {{{1, 1, 1}, 2}, {{1, 1, 1}, 0}, {{3, 1, 2}, 0}, {{5, 5, 20}, 2}};
  for (const Case& c : cases) {
    Rotation rotation(BalancingMode::kRoundRobin, Hosts(c.weights));
    SeededRandom random(8);
    std::vector<Candidate> candidates = Ready(3);
    std::vector<size_t> picked;
    // What each pick owes to each host, added up; and what it got.
    std::vector<std::vector<double>> owed = {{0, 0, 0}};
    std::vector<std::vector<double>> got = {{0, 0, 0}};
    for (int i = 0; i < 15'000; ++i) {
      candidates[c.away].banned = i >= 3'001 && i < 12'002;
      double total = 0;
      for (size_t h = 0; h < 3; ++h) {
        if (!candidates[h].banned) total += c.weights[h];
      }
      owed.push_back(owed.back());
      got.push_back(got.back());
      for (size_t h = 0; h < 3; ++h) {
        if (!candidates[h].banned) owed.back()[h] += c.weights[h] / total;
      }
      got.back()[PickOne(rotation, candidates, random)] += 1;
    }
    double worst = 0;  // of shares of which a pick is less than the 5 %
    for (size_t end = 300; end < got.size(); ++end) {
      for (size_t h = 0; h < 3; ++h) {
        const double share = owed[end][h] - owed[end - 300][h];
        const double had = got[end][h] - got[end - 300][h];
        if (share >= 50) worst = std::max(worst, std::abs(had - share) / share);
        CHECK(std::abs(had - share) <= 2);
      }
    }
    CHECK(worst <= 0.05);
  }
}

// Every way in which three hosts can be absent at six picks, exhaustively.
TEST_CASE("Rotation: after any absences the next rounds are even") {
  SeededRandom random(9);
  constexpr int kSteps = 6;
  int sequences = 1;
  for (int i = 0; i < kSteps; ++i) sequences *= 7;
  int most = 0;
  int fewest = 9;
  for (int sequence = 0; sequence < sequences; ++sequence) {
    Rotation rotation(BalancingMode::kRoundRobin, Hosts({1, 1, 1}));
    for (int rest = sequence, step = 0; step < kSteps; ++step, rest /= 7) {
      const int present = rest % 7 + 1;
      std::vector<Candidate> candidates = Ready(3);
      for (size_t h = 0; h < 3; ++h) candidates[h].available = ((present >> h) & 1) != 0;
      rotation.Next(WantedRole::kReplica, candidates, random);
    }
    int shares[3] = {};
    for (int i = 0; i < 9; ++i) {
      ++shares[rotation.Next(WantedRole::kReplica, Ready(3), random).index];
    }
    most = std::max(most, *std::max_element(shares, shares + 3));
    fewest = std::min(fewest, *std::min_element(shares, shares + 3));
  }
  CHECK(most <= 4);
  CHECK(fewest >= 2);
}

TEST_CASE("Rotation: after long chaos no host is more than a few turns ahead or behind") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    SeededRandom random(seed);
    const size_t count = 2 + random.Next64() % (seed % 4 == 0 ? 63 : 6);
    std::vector<uint32_t> weights(count);
    for (uint32_t& weight : weights) {
      weight = seed % 2 == 0 ? 1 : static_cast<uint32_t>(1 + random.Next64() % kWeightMax);
    }
    const BalancingMode mode =
        seed % 3 == 0 ? BalancingMode::kLeastOutstanding : BalancingMode::kRoundRobin;
    Rotation rotation(mode, Hosts(weights));
    std::vector<Candidate> candidates = Ready(count);
    for (int i = 0; i < 3'000; ++i) {
      for (Candidate& candidate : candidates) {
        candidate.banned = random.Next64() % 4 == 0;
        candidate.available = random.Next64() % 3 != 0;
        candidate.busy = static_cast<uint32_t>(random.Next64() % 3);
      }
      const Pick pick = rotation.Next(WantedRole::kAny, candidates, random);
      if (pick.outcome != Outcome::kHost) continue;
      REQUIRE_FALSE(candidates[pick.index].banned);
      REQUIRE(candidates[pick.index].available);
    }
    const uint32_t round = std::accumulate(weights.begin(), weights.end(), 0U);
    std::vector<uint32_t> shares(count);
    for (uint32_t i = 0; i < round; ++i) {
      ++shares[rotation.Next(WantedRole::kAny, Ready(count), random).index];
    }
    for (size_t h = 0; h < count; ++h) {
      CHECK(std::abs(static_cast<int>(shares[h]) - static_cast<int>(weights[h])) <= 4);
    }
  }
}
