#pragma once

// Hosts that get no new transactions for a while. Owner: one for a process, since a host that is
// down is down for every pool and user of it. Pure: hosts are numbers of the caller, and `now` is
// an argument that does not go back. At most one record a host.
//
//   healthy ──Ban──▶ banned ──ban_time──▶ due ──OnProbe──▶ probed ──OnSuccess──▶ healthy
//                      ▲                   ▲                 │ │
//                      │                   └───OnAbandon─────┘ │
//                      └──────────OnFailure: twice as long─────┘
//
// Rules:
// - IsBanned is true in all states but healthy. Whoever claims the probe of a due host may go
//   there, nobody else; until the prober has told how it went, no other is let through. A prober
//   that ends without an answer must say OnAbandon;
// - one outage is one ban: what else fails while it lasts changes nothing. A failed probe makes
//   the next ban twice as long, ban_time_max at most; after a successful one a ban begins at
//   ban_time again;
// - lateness may be load, and whoever is taken out leaves its load to the rest. So a late host
//   is banned only if at least half of its group (rounded up) stays;
// - Clear, for when every host is banned, makes each of them due before its time. If such a probe
//   fails before that time, the ban stays as it was: nothing was learned that was not known;
// - a ban by an operator stands beside all this: no probe, no success and no Clear ends it early,
//   and when it is over the host is healthy, unless it is banned for a failure too.
//
// For a primary the caller asks only where it picks for reads.
//
//   if (!banlist.IsBanned(host, now) || banlist.OnProbe(host, now)) Connect(host);
//   banlist.Ban(host, BanReason::kConnectRefused, now, pool.ban_times);

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pglynx/balancer/host.h"
#include "pglynx/core/time.h"

namespace pglynx::balancer {

// What says that a host, not one connection or one login, is out of order. On purpose there is
// none for a full pool, a lost connection or a slow statement.
enum class BanReason : uint8_t {
  kConnectRefused,  // or reset, or no route: an answer at once
  kConnectTimedOut,
  kTlsFailed,
  kServerNotReady,  // 57P03 that lasts
  kHealthCheckFailed,
  kHealthCheckLate,
  kAdmin,  // given by AdminBan, never to Ban
};

// As SHOW BANS prints it.
std::string_view TextOf(BanReason reason);

// The host did not say no, it said nothing in time.
constexpr bool IsLate(BanReason reason) {
  return reason == BanReason::kConnectTimedOut || reason == BanReason::kHealthCheckLate;
}

// Of the pool that reports a failure; kept for as long as the ban lasts.
struct BanTimes {
  Duration ban_time;
  Duration ban_time_max;  // less than ban_time: as if equal
};

enum class BanOutcome : uint8_t {
  kBanned,         // now, by this call
  kAlreadyBanned,  // nothing changed
  kRefused,        // stays healthy: too few would be left
};

struct BanRow {
  HostId host;
  BanReason reason;  // of the latest failure
  TimePoint begin;
  Duration duration;
  Duration remaining;  // zero: due, or being probed
};

// The hosts of one shard that are not its primary.
using HostGroup = std::vector<HostId>;

class Banlist {
 public:
  // A failure that is no probe's. `groups` matter if the reason is a late one: all groups that
  // the host serves in, of whichever pools; those without it are ignored.
  BanOutcome Ban(HostId host, BanReason reason, TimePoint now, BanTimes times,
                 std::span<const HostGroup> groups = {});

  // Claims the probe of a host: true if it is due and nobody has claimed it. The caller then
  // reports one of OnSuccess, OnFailure and OnAbandon. All three do nothing if no probe is out:
  // so late news of a probe that was overtaken by Unban do no harm.
  bool OnProbe(HostId host, TimePoint now);
  void OnSuccess(HostId host);
  void OnFailure(HostId host, BanReason reason, TimePoint now);
  // The prober learned nothing: another may claim the probe at once.
  void OnAbandon(HostId host);

  // Bans for exactly this long, also a host that is banned already; the latest call counts.
  void AdminBan(HostId host, Duration duration, TimePoint now);
  // Lifts every ban of the host and forgets it, also for when it leaves the configuration. False:
  // it was not banned.
  bool Unban(HostId host, TimePoint now);
  // Lets one probe go to each of these, whenever its ban would end. Returns how many of them may
  // be probed now; zero: all that are banned are being probed, or banned by an operator.
  size_t Clear(std::span<const HostId> hosts, TimePoint now);

  // Then nobody is banned.
  [[nodiscard]] bool empty() const { return records_.empty(); }
  [[nodiscard]] bool IsBanned(HostId host, TimePoint now) const;
  // False for no hosts.
  [[nodiscard]] bool AllBanned(std::span<const HostId> hosts, TimePoint now) const;
  // Until the host may be tried: zero if it may be now (healthy, or due). nullopt while a probe
  // is out, whose outcome decides.
  [[nodiscard]] std::optional<Duration> UntilProbe(HostId host, TimePoint now) const;
  // The first time after `now` at which a host becomes due or an operator's ban ends; kNever if
  // there is none. A due host that nobody probes is not named again. Linear in the bans.
  [[nodiscard]] TimePoint NextExpiry(TimePoint now) const;

  // Of a ban by an operator and one for a failure, what ends later is shown.
  [[nodiscard]] std::optional<BanRow> Find(HostId host, TimePoint now) const;
  // By host.
  [[nodiscard]] std::vector<BanRow> ListBans(TimePoint now) const;

 private:
  enum class State : uint8_t {
    kHealthy,  // but for a ban by an operator
    kBanned,   // due when its time has come
    kLetOut,   // due, whatever the time
    kProbed,   // one caller has claimed the probe
  };

  struct Span {
    TimePoint begin = {};
    Duration length = Duration::zero();

    // kNever at most.
    [[nodiscard]] TimePoint end() const;
  };

  struct Record {
    State state = State::kHealthy;
    BanReason reason = BanReason::kConnectRefused;
    Span span;
    Duration length_max = Duration::zero();
    Span admin;  // of an operator; over when its end has come
  };

  static bool IsBanned(const Record& record, TimePoint now);
  static bool IsAdmin(const Record& record, TimePoint now);
  static std::optional<Duration> UntilDue(const Record& record, TimePoint now);
  static BanRow RowOf(HostId host, const Record& record, TimePoint now);
  [[nodiscard]] bool MayLose(HostId host, std::span<const HostGroup> groups, TimePoint now) const;
  Record* Get(HostId host);
  [[nodiscard]] const Record* Get(HostId host) const;

  std::unordered_map<HostId, Record> records_;
};

}  // namespace pglynx::balancer
