// Goal: rotation and banlist together, through hours of outages of three replicas: no transaction
// goes to a banned host, one probe for each expiry, bans double and end in time, and the shares of
// those that serve are even throughout. Method: a seeded run in virtual time against a model of the
// rules that shares no code with them.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "pglynx/balancer/banlist.h"
#include "pglynx/balancer/rotation.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace pglynx::balancer;
using pglynx::Duration;
using pglynx::kNever;
using pglynx::SeededRandom;
using pglynx::TimePoint;

namespace {

constexpr size_t kHosts = 3;
constexpr Duration kStep = 25ms;  // one transaction
constexpr Duration kProbeMax = 2s;
constexpr BanTimes kTimes = {.ban_time = 5s, .ban_time_max = 45s};
const HostGroup kGroup = {HostId{0}, HostId{1}, HostId{2}};

enum class Health : uint8_t { kUp, kRefuses, kHangs };

struct Replica {
  Health health = Health::kUp;
  TimePoint changes{};
  // The model.
  bool banned = false;
  TimePoint until{};
  Duration length{};
  std::optional<TimePoint> answer;     // of the probe that is out
  std::optional<TimePoint> back_from;  // up since, and banned still
  TimePoint back_until{};              // the end of the ban in force then
};

struct Totals {
  int picks = 0;
  int bans = 0;
  int probes = 0;
  int doublings = 0;
  int at_maximum = 0;
  int returns = 0;
  int refused_for_lateness = 0;
  int all_banned = 0;
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  void Run(Duration length) {
    for (const TimePoint end = now_ + length; now_ < end; now_ += kStep) {
      for (size_t h = 0; h < kHosts; ++h) {
        Weather(replicas_[h]);
        RunProbe(h);
        Straggle(h);
      }
      CheckBanlist();
      Transact();
    }
  }

  [[nodiscard]] const Totals& totals() const { return totals_; }

  // The most that the picks of any host in any window of 300 differ from what it was owed.
  [[nodiscard]] double WorstWindow() const {
    double worst = 0;
    for (const std::vector<double>& ahead : ahead_) {
      for (size_t end = 300; end < ahead.size(); ++end) {
        worst = std::max(worst, std::abs(ahead[end] - ahead[end - 300]));
      }
    }
    return worst;
  }

 private:
  uint64_t Below(uint64_t limit) { return random_.Next64() % limit; }
  Duration Seconds(uint64_t least, uint64_t most) {
    return std::chrono::milliseconds(least * 1000 + Below((most - least) * 1000));
  }

  void Weather(Replica& replica) {
    if (now_ < replica.changes) return;
    if (replica.health == Health::kUp) {
      replica.health = Below(2) == 0 ? Health::kRefuses : Health::kHangs;
      replica.changes = now_ + (Below(3) == 0 ? Seconds(60, 300) : Seconds(1, 20));
      replica.back_from.reset();
      return;
    }
    replica.health = Health::kUp;
    replica.changes = now_ + Seconds(10, 120);
    if (replica.banned) {
      replica.back_from = now_;
      replica.back_until = std::max(replica.until, now_);
    }
  }

  // Many would like to be the prober of a host that is due; the answer comes some time later.
  void RunProbe(size_t h) {
    Replica& replica = replicas_[h];
    if (replica.answer && now_ >= *replica.answer) EndProbe(h);
    const bool is_due = replica.banned && !replica.answer && now_ >= replica.until;
    int claimed = 0;
    for (int i = 0; i < 5; ++i) claimed += banlist_.OnProbe(HostOf(h), now_) ? 1 : 0;
    REQUIRE(claimed == (is_due ? 1 : 0));
    if (!is_due) return;
    ++totals_.probes;
    replica.answer = now_ + kStep + Duration(Below(kProbeMax.count()));
  }

  void EndProbe(size_t h) {
    Replica& replica = replicas_[h];
    replica.answer.reset();
    if (replica.health == Health::kUp) {
      banlist_.OnSuccess(HostOf(h));
      Return(replica);
      return;
    }
    banlist_.OnFailure(HostOf(h), ReasonOf(replica), now_);
    const Duration doubled = std::min<Duration>(2 * replica.length, kTimes.ban_time_max);
    ++(doubled == kTimes.ban_time_max ? totals_.at_maximum : totals_.doublings);
    replica.length = doubled;
    replica.until = now_ + doubled;
  }

  void Return(Replica& replica) {
    replica.banned = false;
    if (!replica.back_from) return;
    ++totals_.returns;
    REQUIRE(now_ <= replica.back_until + kProbeMax + 3 * kStep);
    replica.back_from.reset();
  }

  // Connections that break, or work after all, long after the ban.
  void Straggle(size_t h) {
    const Replica& replica = replicas_[h];
    if (!replica.banned || Below(20) != 0) return;
    REQUIRE(Report(h, ReasonOf(replica)) == BanOutcome::kAlreadyBanned);
    if (!replica.answer) banlist_.OnSuccess(HostOf(h));
  }

  void CheckBanlist() {
    TimePoint next = kNever;
    std::vector<BanRow> rows = banlist_.ListBans(now_);
    for (size_t h = 0; h < kHosts; ++h) {
      const Replica& replica = replicas_[h];
      REQUIRE(banlist_.IsBanned(HostOf(h), now_) == replica.banned);
      if (!replica.banned) continue;
      REQUIRE_FALSE(rows.empty());
      REQUIRE(rows.front().host == HostOf(h));
      REQUIRE(rows.front().duration == replica.length);
      REQUIRE(rows.front().remaining == std::max(replica.until - now_, Duration::zero()));
      rows.erase(rows.begin());
      if (!replica.answer && replica.until > now_) next = std::min(next, replica.until);
    }
    REQUIRE(rows.empty());
    REQUIRE(banlist_.NextExpiry(now_) == next);
  }

  void Transact() {
    while (true) {
      std::vector<Candidate> candidates(kHosts, {.eligible = true, .available = true});
      for (size_t h = 0; h < kHosts; ++h) candidates[h].banned = banlist_.IsBanned(HostOf(h), now_);
      const Pick pick = rotation_.Next(WantedRole::kReplica, candidates, random_);
      if (pick.outcome != Pick::Outcome::kHost) {
        REQUIRE(pick.outcome == Pick::Outcome::kAllBanned);
        TryAll();
        return;
      }
      const Replica& replica = replicas_[pick.index];
      REQUIRE_FALSE(replica.banned);
      Count(pick.index);
      if (replica.health == Health::kUp || !BanPicked(pick.index)) return;
    }
  }

  // False: it stays, since too few would be left, and the transaction fails by its timeout.
  bool BanPicked(size_t h) {
    Replica& replica = replicas_[h];
    const BanOutcome outcome = Report(h, ReasonOf(replica));
    const auto left = std::count_if(replicas_.begin(), replicas_.end(),
                                    [](const Replica& other) { return !other.banned; }) -
                      1;
    if (replica.health == Health::kHangs && left < 2) {
      REQUIRE(outcome == BanOutcome::kRefused);
      ++totals_.refused_for_lateness;
      return false;
    }
    REQUIRE(outcome == BanOutcome::kBanned);
    ++totals_.bans;
    replica.banned = true;
    replica.length = kTimes.ban_time;
    replica.until = now_ + kTimes.ban_time;
    return true;
  }

  // The last resort: whoever is not being probed is tried once, and stays banned as it was.
  void TryAll() {
    ++totals_.all_banned;
    REQUIRE(banlist_.AllBanned(kGroup, now_));
    const auto idle = std::count_if(replicas_.begin(), replicas_.end(),
                                    [](const Replica& replica) { return !replica.answer; });
    REQUIRE(banlist_.Clear(kGroup, now_) == static_cast<size_t>(idle));
    for (size_t h = 0; h < kHosts; ++h) {
      Replica& replica = replicas_[h];
      REQUIRE(banlist_.OnProbe(HostOf(h), now_) == !replica.answer);
      if (replica.answer) continue;
      if (replica.health == Health::kUp) {
        banlist_.OnSuccess(HostOf(h));
        Return(replica);
      } else {
        banlist_.OnFailure(HostOf(h), ReasonOf(replica), now_);
      }
    }
  }

  void Count(size_t picked) {
    ++totals_.picks;
    double serving = 0;
    for (const Replica& replica : replicas_) serving += replica.banned ? 0 : 1;
    for (size_t h = 0; h < kHosts; ++h) {
      const double before = ahead_[h].empty() ? 0 : ahead_[h].back();
      const double owed = replicas_[h].banned ? 0 : 1 / serving;
      ahead_[h].push_back(before + (h == picked ? 1 : 0) - owed);
    }
  }

  BanOutcome Report(size_t h, BanReason reason) {
    return banlist_.Ban(HostOf(h), reason, now_, kTimes, {&kGroup, 1});
  }
  static BanReason ReasonOf(const Replica& replica) {
    return replica.health == Health::kHangs ? BanReason::kConnectTimedOut
                                            : BanReason::kConnectRefused;
  }
  static HostId HostOf(size_t h) { return HostId{static_cast<uint32_t>(h)}; }

  SeededRandom random_;
  TimePoint now_ = TimePoint(1h);
  Banlist banlist_;
  Rotation rotation_{BalancingMode::kRoundRobin, std::vector<HostSpec>(kHosts)};
  std::array<Replica, kHosts> replicas_;
  Totals totals_;
  // How many picks each host is ahead of what it was owed, after each pick.
  std::array<std::vector<double>, kHosts> ahead_;
};

}  // namespace

TEST_CASE("Banlist and Rotation: hours of outages of three replicas") {
  Totals sum;
  double worst = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    world.Run(20min);
    worst = std::max(worst, world.WorstWindow());
    const Totals& totals = world.totals();
    sum.picks += totals.picks;
    sum.bans += totals.bans;
    sum.probes += totals.probes;
    sum.doublings += totals.doublings;
    sum.at_maximum += totals.at_maximum;
    sum.returns += totals.returns;
    sum.refused_for_lateness += totals.refused_for_lateness;
    sum.all_banned += totals.all_banned;
  }
  UNSCOPED_INFO("picks " << sum.picks << ", bans " << sum.bans << ", probes " << sum.probes
                         << ", doubled " << sum.doublings << ", at the maximum " << sum.at_maximum
                         << ", returned " << sum.returns << ", kept though late "
                         << sum.refused_for_lateness << ", all banned " << sum.all_banned
                         << ", worst window " << worst);
  CHECK(worst <= 5);  // of a hundred, the share of one of three in 300
  // The run has been everywhere.
  CHECK(sum.bans > 200);
  CHECK(sum.returns > 200);
  CHECK(sum.doublings > 100);
  CHECK(sum.at_maximum > 50);
  CHECK(sum.refused_for_lateness > 100);
  CHECK(sum.all_banned > 100);
}
