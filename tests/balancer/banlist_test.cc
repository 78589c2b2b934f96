// Goal: each rule of the ban's life, and each fault of PgCat's banlist (pgcat.md, section 5)
// absent. Method: cases over a virtual clock in seconds, then every group size for lateness.
#include "pglynx/balancer/banlist.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.h"

using namespace std::chrono_literals;
using pglynx::Duration;
using pglynx::kNever;
using pglynx::TimePoint;
using pglynx::balancer::Banlist;
using pglynx::balancer::BanOutcome;
using pglynx::balancer::BanReason;
using pglynx::balancer::BanRow;
using pglynx::balancer::BanTimes;
using pglynx::balancer::HostGroup;
using pglynx::balancer::HostId;
using pglynx::balancer::IsLate;
using pglynx::balancer::TextOf;

namespace {

constexpr BanTimes kTimes = {.ban_time = 60s, .ban_time_max = 600s};
constexpr HostId kA{1};
constexpr HostId kB{2};
constexpr HostId kC{3};
constexpr BanReason kRefused = BanReason::kConnectRefused;
constexpr BanReason kLate = BanReason::kHealthCheckLate;

TimePoint At(double seconds) {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

// Banned at `begin`.
Banlist With(std::initializer_list<HostId> hosts, TimePoint begin = At(0)) {
  Banlist banlist;
  for (const HostId host : hosts) {
    REQUIRE(banlist.Ban(host, kRefused, begin, kTimes) == BanOutcome::kBanned);
  }
  return banlist;
}

void Probe(Banlist& banlist, HostId host, TimePoint now, bool is_up) {
  REQUIRE(banlist.OnProbe(host, now));
  if (is_up) {
    banlist.OnSuccess(host);
  } else {
    banlist.OnFailure(host, kRefused, now);
  }
}

}  // namespace

TEST_CASE("Banlist: a host nobody banned is healthy, and there is nothing to do") {
  Banlist banlist;
  CHECK_FALSE(banlist.IsBanned(kA, At(0)));
  CHECK_FALSE(banlist.OnProbe(kA, At(0)));
  CHECK(banlist.UntilProbe(kA, At(0)) == Duration::zero());
  CHECK(banlist.NextExpiry(At(0)) == kNever);
  CHECK(banlist.ListBans(At(0)).empty());
  CHECK_FALSE(banlist.Find(kA, At(0)).has_value());
  CHECK_FALSE(banlist.Unban(kA, At(0)));
  CHECK(banlist.Clear({&kA, 1}, At(0)) == 0);
  banlist.OnSuccess(kA);
  banlist.OnFailure(kA, kRefused, At(0));
  banlist.OnAbandon(kA);
  CHECK_FALSE(banlist.IsBanned(kA, At(0)));
}

// PgCat compares whole seconds, and notices only at the next try.
TEST_CASE("Banlist: a ban runs out to the microsecond, and then one probe goes") {
  Banlist banlist = With({kA}, At(5.5));
  CHECK(banlist.NextExpiry(At(5.5)) == At(65.5));
  CHECK(banlist.UntilProbe(kA, At(10.5)) == 55s);
  CHECK_FALSE(banlist.OnProbe(kA, At(65.5) - 1us));
  CHECK(banlist.UntilProbe(kA, At(65.5)) == Duration::zero());
  CHECK(banlist.NextExpiry(At(65.5)) == kNever);
  CHECK(banlist.IsBanned(kA, At(65.5)));  // for all but the prober
  CHECK(banlist.OnProbe(kA, At(65.5)));
  for (int i = 0; i < 100; ++i) CHECK_FALSE(banlist.OnProbe(kA, At(65.5 + i)));
  CHECK(banlist.IsBanned(kA, At(100)));
  CHECK_FALSE(banlist.UntilProbe(kA, At(100)).has_value());
  CHECK(banlist.NextExpiry(At(100)) == kNever);
  banlist.OnSuccess(kA);
  CHECK_FALSE(banlist.IsBanned(kA, At(100)));
  CHECK(banlist.UntilProbe(kA, At(100)) == Duration::zero());
  CHECK(banlist.ListBans(At(100)).empty());
}

TEST_CASE("Banlist: each failed probe doubles the ban up to the maximum, a good one resets it") {
  Banlist banlist = With({kA});
  TimePoint now = At(0);
  for (const int seconds : {60, 120, 240, 480, 600, 600}) {
    const std::optional<BanRow> row = banlist.Find(kA, now);
    REQUIRE(row.has_value());
    CHECK(row->duration == std::chrono::seconds(seconds));
    CHECK(row->begin == now);
    now += std::chrono::seconds(seconds);
    CHECK_FALSE(banlist.OnProbe(kA, now - 1us));
    REQUIRE(banlist.OnProbe(kA, now));
    now += 3s;  // how long the probe took
    banlist.OnFailure(kA, BanReason::kConnectTimedOut, now);
  }
  Probe(banlist, kA, now + 600s, true);
  now += 601s;
  REQUIRE(banlist.Ban(kA, kRefused, now, kTimes) == BanOutcome::kBanned);
  CHECK(banlist.UntilProbe(kA, now) == 60s);
}

TEST_CASE("Banlist: a ban is never shortened by a maximum, and never overflows") {
  struct Case {
    BanTimes times;
    TimePoint begin, after_failure;
  };
  const Case cases[] = {
      {{60s, 1s}, At(0), At(120)},
      {{60s, 90s}, At(0), At(150)},
      {{60s, Duration::max()}, At(0), At(180)},
      {{Duration::zero(), 600s}, At(7), At(7)},
  };
  for (const Case& c : cases) {
    Banlist banlist;
    REQUIRE(banlist.Ban(kA, kRefused, c.begin, c.times) == BanOutcome::kBanned);
    const TimePoint due = c.begin + c.times.ban_time;
    Probe(banlist, kA, due, false);
    CHECK(due + banlist.UntilProbe(kA, due).value() == c.after_failure);
  }
  Banlist banlist;
  banlist.Ban(kA, kRefused, At(9), {Duration::max(), Duration::max()});
  banlist.AdminBan(kB, Duration::max(), At(9));
  CHECK(banlist.NextExpiry(At(9)) == kNever);
  CHECK(At(9) + banlist.UntilProbe(kA, At(9)).value() == kNever);
  CHECK(banlist.ListBans(At(9)).size() == 2);
}

TEST_CASE("Banlist: one outage is one ban, however many connections it breaks") {
  Banlist banlist = With({kA});
  const auto fails = [&](TimePoint now) {
    return banlist.Ban(kA, BanReason::kHealthCheckFailed, now, {1s, 2s});
  };
  for (int second = 0; second < 60; ++second) {
    CHECK(fails(At(second)) == BanOutcome::kAlreadyBanned);
    banlist.OnFailure(kA, BanReason::kHealthCheckFailed, At(second));  // no probe is out
    banlist.OnSuccess(kA);
  }
  CHECK(fails(At(70)) == BanOutcome::kAlreadyBanned);  // due, and still in force
  CHECK(banlist.Find(kA, At(59))->remaining == 1s);
  CHECK(banlist.Find(kA, At(59))->reason == kRefused);
  CHECK(banlist.Find(kA, At(70))->remaining == 0s);
  REQUIRE(banlist.OnProbe(kA, At(70)));
  CHECK(fails(At(70)) == BanOutcome::kAlreadyBanned);
  banlist.OnFailure(kA, kRefused, At(71));
  banlist.OnFailure(kA, kRefused, At(71));  // told twice
  CHECK(banlist.UntilProbe(kA, At(71)) == 120s);
}

TEST_CASE("Banlist: a prober that gives up leaves the probe to the next, at once") {
  Banlist banlist = With({kA});
  REQUIRE(banlist.OnProbe(kA, At(60)));
  banlist.OnAbandon(kA);
  CHECK(banlist.IsBanned(kA, At(60)));
  CHECK(banlist.UntilProbe(kA, At(60)) == Duration::zero());
  CHECK(banlist.OnProbe(kA, At(60)));
  CHECK_FALSE(banlist.OnProbe(kA, At(60)));
  // Also one that Clear allowed, before its time.
  banlist = With({kA});
  CHECK(banlist.Clear({&kA, 1}, At(10)) == 1);
  REQUIRE(banlist.OnProbe(kA, At(10)));
  banlist.OnAbandon(kA);
  CHECK(banlist.OnProbe(kA, At(11)));
}

TEST_CASE("Banlist: news of a probe that an operator overtook do no harm") {
  for (const bool is_up : {true, false}) {
    Banlist banlist = With({kA});
    REQUIRE(banlist.OnProbe(kA, At(60)));
    CHECK(banlist.Unban(kA, At(61)));
    CHECK_FALSE(banlist.IsBanned(kA, At(61)));
    REQUIRE(banlist.Ban(kA, kRefused, At(62), kTimes) == BanOutcome::kBanned);
    if (is_up) {
      banlist.OnSuccess(kA);
    } else {
      banlist.OnFailure(kA, kRefused, At(63));
    }
    banlist.OnAbandon(kA);
    CHECK(banlist.UntilProbe(kA, At(63)) == 59s);
  }
}

TEST_CASE("Banlist: NextExpiry is the soonest, whatever the kind of ban") {
  Banlist banlist = With({kA}, At(10));
  banlist.Ban(kB, kRefused, At(0), {20s, 20s});
  banlist.AdminBan(kC, 30s, At(0));
  CHECK(banlist.NextExpiry(At(10)) == At(20));
  CHECK(banlist.NextExpiry(At(20)) == At(30));
  CHECK(banlist.NextExpiry(At(30)) == At(70));
  banlist.AdminBan(kA, 100s, At(30));  // no probe before that is over
  CHECK(banlist.NextExpiry(At(30)) == At(130));
  REQUIRE(banlist.OnProbe(kB, At(30)));
  banlist.AdminBan(kB, 5s, At(30));
  CHECK(banlist.NextExpiry(At(30)) == At(130));  // the end of that one changes nothing
}

// PgCat clears these with all others, and holds every port of the host.
TEST_CASE("Banlist: an operator's ban lasts exactly its time, nothing but UNBAN ends it") {
  Banlist banlist;
  banlist.AdminBan(kA, 100s, At(0));
  CHECK(banlist.Ban(kA, kRefused, At(1), kTimes) == BanOutcome::kAlreadyBanned);
  banlist.OnSuccess(kA);
  CHECK(banlist.Clear({&kA, 1}, At(1)) == 0);
  CHECK_FALSE(banlist.OnProbe(kA, At(99)));
  CHECK(banlist.IsBanned(kA, At(100) - 1us));
  CHECK_FALSE(banlist.IsBanned(kB, At(1)));
  CHECK_FALSE(banlist.IsBanned(kA, At(100)));  // no probe is needed
  CHECK_FALSE(banlist.OnProbe(kA, At(100)));
  CHECK(banlist.Clear({&kA, 1}, At(100)) == 0);
  CHECK(banlist.ListBans(At(100)).empty());
  CHECK(banlist.UntilProbe(kA, At(100)) == Duration::zero());

  banlist.AdminBan(kA, 100s, At(200));
  banlist.AdminBan(kA, 10s, At(201));  // the latest counts
  CHECK(banlist.UntilProbe(kA, At(201)) == 10s);
  CHECK(banlist.Unban(kA, At(202)));
  CHECK_FALSE(banlist.IsBanned(kA, At(202)));
  banlist.AdminBan(kA, -5s, At(203));
  CHECK_FALSE(banlist.IsBanned(kA, At(203)));
  CHECK(banlist.Ban(kA, kRefused, At(203), kTimes) == BanOutcome::kBanned);
}

TEST_CASE("Banlist: an operator's ban and one for a failure stand side by side") {
  Banlist banlist = With({kA});
  REQUIRE(banlist.OnProbe(kA, At(60)));
  banlist.AdminBan(kA, 100s, At(61));
  banlist.OnSuccess(kA);  // lifts the one
  CHECK(banlist.IsBanned(kA, At(62)));
  CHECK(banlist.Find(kA, At(62))->reason == BanReason::kAdmin);
  CHECK_FALSE(banlist.IsBanned(kA, At(161)));

  banlist = With({kA});
  banlist.AdminBan(kA, 10s, At(1));
  CHECK(banlist.Find(kA, At(2))->reason == kRefused);  // ends later
  CHECK(banlist.UntilProbe(kA, At(2)) == 58s);
  CHECK(banlist.IsBanned(kA, At(11)));
  banlist.AdminBan(kA, 90s, At(20));
  CHECK(banlist.Find(kA, At(21))->reason == BanReason::kAdmin);
  CHECK(banlist.UntilProbe(kA, At(21)) == 89s);
  CHECK_FALSE(banlist.OnProbe(kA, At(60)));
  CHECK(banlist.IsBanned(kA, At(110)));  // over, but a probe has to go first
  CHECK(banlist.OnProbe(kA, At(110)));
  CHECK(banlist.Unban(kA, At(110)));  // both
  CHECK_FALSE(banlist.IsBanned(kA, At(110)));
}

TEST_CASE("Banlist: ListBans shows what is in force, by host") {
  Banlist banlist = With({kC, kA}, At(1));
  banlist.AdminBan(kB, 30s, At(2));
  banlist.AdminBan(HostId{9}, 3s, At(2));
  const std::vector<BanRow> rows = banlist.ListBans(At(11));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].host == kA);
  CHECK(rows[0].reason == kRefused);
  CHECK(rows[0].begin == At(1));
  CHECK(rows[0].duration == 60s);
  CHECK(rows[0].remaining == 50s);
  CHECK(rows[1].host == kB);
  CHECK(rows[1].reason == BanReason::kAdmin);
  CHECK(rows[1].begin == At(2));
  CHECK(rows[1].duration == 30s);
  CHECK(rows[1].remaining == 21s);
  CHECK(rows[2].host == kC);
}

// PgCat also bans for a failed checkout, a lost connection and a slow statement.
TEST_CASE("Banlist: the reasons are these and no others") {
  const std::pair<std::string, bool> expected[] = {
      {"connect refused", false},
      {"connect timed out", true},
      {"TLS failed", false},
      {"server starting up or shutting down (57P03)", false},
      {"health check failed", false},
      {"health check late", true},
      {"admin", false},
  };
  for (size_t i = 0; i < std::size(expected); ++i) {
    CHECK(TextOf(static_cast<BanReason>(i)) == expected[i].first);
    CHECK(IsLate(static_cast<BanReason>(i)) == expected[i].second);
  }
  CHECK(static_cast<size_t>(BanReason::kAdmin) + 1 == std::size(expected));
}

TEST_CASE("Banlist: lateness takes no more than half of a group of any size") {
  for (uint32_t count = 1; count <= 12; ++count) {
    HostGroup group;
    for (uint32_t id = 0; id < count; ++id) group.push_back(HostId{id});
    for (const BanReason reason : {BanReason::kConnectTimedOut, kLate}) {
      Banlist banlist;
      size_t banned = 0;
      for (const HostId host : group) {
        const BanOutcome outcome = banlist.Ban(host, reason, At(0), kTimes, {&group, 1});
        if (outcome == BanOutcome::kBanned) ++banned;
        CHECK(banlist.IsBanned(host, At(0)) == (outcome == BanOutcome::kBanned));
        CHECK(banned <= count / 2);
      }
      CHECK(banned == count / 2);
      // What says no is no matter of load.
      for (const HostId host : group) banlist.Ban(host, kRefused, At(0), kTimes, {&group, 1});
      CHECK(banlist.AllBanned(group, At(0)));
    }
  }
}

TEST_CASE("Banlist: the last of three stays however late it is, until somebody is back") {
  const HostGroup group = {kA, kB, kC};
  Banlist banlist = With({kA, kB});
  CHECK(banlist.Ban(kC, kLate, At(1), kTimes, {&group, 1}) == BanOutcome::kRefused);
  Probe(banlist, kA, At(60), true);
  CHECK(banlist.Ban(kC, kLate, At(61), kTimes, {&group, 1}) == BanOutcome::kRefused);
  Probe(banlist, kB, At(60), true);
  CHECK(banlist.Ban(kC, kLate, At(61), kTimes, {&group, 1}) == BanOutcome::kBanned);
  // A probe that is late is a probe that failed.
  REQUIRE(banlist.OnProbe(kC, At(121)));
  banlist.OnFailure(kC, kLate, At(122));
  CHECK(banlist.UntilProbe(kC, At(122)) == 120s);
}

TEST_CASE("Banlist: lateness spares every group that the host serves in") {
  const std::vector<HostGroup> groups = {{kA, kB, kC}, {kA}, {kB, kC}};
  Banlist banlist;
  // One pool has nobody but kA.
  CHECK(banlist.Ban(kA, kLate, At(0), kTimes, groups) == BanOutcome::kRefused);
  CHECK(banlist.Ban(kB, kLate, At(0), kTimes, groups) == BanOutcome::kBanned);
  CHECK(banlist.Ban(kC, kLate, At(0), kTimes, groups) == BanOutcome::kRefused);
  // A primary is in no group.
  CHECK(banlist.Ban(HostId{9}, kLate, At(0), kTimes, groups) == BanOutcome::kBanned);
  // A ban by an operator leaves fewer, too.
  banlist = Banlist();
  banlist.AdminBan(kC, 60s, At(0));
  CHECK(banlist.Ban(kB, kLate, At(0), kTimes, groups) == BanOutcome::kRefused);
  CHECK(banlist.Ban(kB, kLate, At(60), kTimes, groups) == BanOutcome::kBanned);
}

TEST_CASE("Banlist: AllBanned asks for these hosts and no others") {
  const HostGroup group = {kA, kB};
  Banlist banlist = With({kA, kC});
  CHECK_FALSE(banlist.AllBanned({}, At(0)));
  CHECK_FALSE(banlist.AllBanned(group, At(0)));  // as many bans as hosts, but others
  banlist.AdminBan(kB, 10s, At(0));
  CHECK(banlist.AllBanned(group, At(9)));
  CHECK_FALSE(banlist.AllBanned(group, At(10)));
}

TEST_CASE("Banlist: Clear lets one probe go to each, and a failed one changes nothing") {
  const HostGroup group = {kA, kB, kC};
  Banlist banlist = With({kA, kB});
  banlist.AdminBan(kC, 100s, At(0));
  CHECK(banlist.Clear(group, At(10)) == 2);
  CHECK(banlist.Clear(group, At(10)) == 2);
  CHECK(banlist.AllBanned(group, At(10)));  // for all but the probers
  CHECK(banlist.UntilProbe(kA, At(10)) == Duration::zero());
  REQUIRE(banlist.OnProbe(kA, At(10)));
  CHECK_FALSE(banlist.OnProbe(kA, At(10)));
  CHECK(banlist.Clear(group, At(10)) == 1);  // kA is being tried
  CHECK_FALSE(banlist.OnProbe(kA, At(10)));
  CHECK_FALSE(banlist.OnProbe(kC, At(10)));
  banlist.OnFailure(kA, BanReason::kTlsFailed, At(11));
  CHECK(banlist.UntilProbe(kA, At(11)) == 49s);
  CHECK(banlist.Find(kA, At(11))->duration == 60s);
  CHECK(banlist.Find(kA, At(11))->reason == BanReason::kTlsFailed);
  Probe(banlist, kB, At(11), true);
  CHECK_FALSE(banlist.IsBanned(kB, At(11)));
  // One that fails after its time counts as the probe that was due by then.
  CHECK(banlist.Clear(group, At(59)) == 1);
  REQUIRE(banlist.OnProbe(kA, At(59)));
  banlist.OnFailure(kA, kRefused, At(61));
  CHECK(banlist.UntilProbe(kA, At(61)) == 120s);
}

// In PgCat the ban of a single replica never sticks: with it down, each read that draws it waits
// for connect_timeout. Here one client at a time does, and the others know at once.
TEST_CASE("Banlist: a single replica that is down stays banned, and one client at a time tries") {
  Banlist banlist = With({kA});
  int tries = 0;
  TimePoint answer = kNever;  // of the try that is out
  for (TimePoint now = At(0); now < At(59); now += 10ms) {
    if (now >= answer) {
      banlist.OnFailure(kA, BanReason::kConnectTimedOut, now);
      answer = kNever;
    }
    REQUIRE(banlist.AllBanned({&kA, 1}, now));
    banlist.Clear({&kA, 1}, now);
    if (!banlist.OnProbe(kA, now)) continue;
    REQUIRE(answer == kNever);
    ++tries;
    answer = now + 1s;
  }
  CHECK(tries == 59);
  CHECK(banlist.Find(kA, At(59))->duration == 60s);
}
