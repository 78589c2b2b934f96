#include "pool/cluster_shard.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/check.h"

namespace pglynx::pool {
namespace {

using balancer::BanReason;
using balancer::Role;
using balancer::WantedRole;

// A server that says 57P03 is about to be ready or gone: so many logins in a row must say it.
constexpr uint32_t kNotReadyMin = 2;

std::vector<balancer::HostSpec> SpecsOf(const std::vector<Cluster::Host>& hosts) {
  std::vector<balancer::HostSpec> specs;
  for (const Cluster::Host& host : hosts) specs.push_back(host.spec);
  return specs;
}

}  // namespace

Cluster::Shard::Shard(Cluster& cluster, uint32_t number, std::vector<Host> hosts, Pool* home)
    : cluster_(cluster),
      number_(number),
      rotation_(cluster.settings_.mode, SpecsOf(hosts)),
      candidates_(hosts.size()),
      lines_{RoleLine(*this, WantedRole::kAny), RoleLine(*this, WantedRole::kPrimary),
             RoleLine(*this, WantedRole::kReplica)} {
  for (Host& host : hosts) {
    if (host.spec.role != Role::kPrimary) group_.push_back(host.id);
    host.pool->SetOwner(this, host.pool == home ? nullptr : home);
    members_.push_back({.host = std::move(host), .failure = {}});
  }
  cluster_.world_.groups.push_back(group_);
}

Cluster::Shard::~Shard() {
  std::vector<balancer::HostGroup>& groups = cluster_.world_.groups;
  groups.erase(std::find(groups.begin(), groups.end(), group_));
  for (const Member& member : members_) member.host.pool->SetOwner(nullptr, nullptr);
}

Cluster::Shard::Member& Cluster::Shard::MemberOf(const Pool& pool) {
  const auto found = std::find_if(members_.begin(), members_.end(), [&pool](const Member& member) {
    return member.host.pool == &pool;
  });
  PGLYNX_CHECK(found != members_.end());
  return *found;
}

const Cluster::Shard::Member& Cluster::Shard::MemberOf(const Pool& pool) const {
  return const_cast<Shard&>(*this).MemberOf(pool);
}

bool Cluster::Shard::IsBanned(const Member& member, WantedRole wanted) const {
  if (cluster_.world_.bans.empty()) return false;
  if (member.host.spec.role == Role::kPrimary && wanted == WantedRole::kPrimary) return false;
  return cluster_.world_.bans.IsBanned(member.host.id, cluster_.world_.loop.Now());
}

// Reads go to the primary when every replica is banned.
bool Cluster::Shard::PrimaryStandsIn(WantedRole wanted) const {
  return wanted == WantedRole::kReplica && cluster_.settings_.primary_reads_enabled &&
         AllReplicasBanned();
}

bool Cluster::Shard::AllReplicasBanned() const {
  if (cluster_.world_.bans.empty() && !group_.empty()) return false;
  return std::all_of(members_.begin(), members_.end(), [this](const Member& member) {
    return member.host.spec.role == Role::kPrimary || IsBanned(member, WantedRole::kReplica);
  });
}

bool Cluster::Shard::Serves(const Member& member, WantedRole wanted) const {
  if (balancer::HasRole(member.host.spec.role, wanted)) return !IsBanned(member, wanted);
  return PrimaryStandsIn(wanted) && !IsBanned(member, WantedRole::kAny);
}

bool Cluster::Shard::IsSilent(Member& member, uint32_t busy) {
  Pool& pool = *member.host.pool;
  const Duration most = cluster_.settings_.silence_max;
  if (most == Duration::zero()) return false;
  const TimePoint heard = std::max(member.owes_since, pool.answered_at());
  if (busy == 0 || cluster_.world_.loop.Now() - heard < most) {
    SetAsked(member, false);
    return false;
  }
  if (!member.asked) SetAsked(member, pool.Ask());
  return member.asked;
}

void Cluster::Shard::SetAsked(Member& member, bool asked) {
  if (member.asked == asked) return;
  member.asked = asked;
  asked_ += asked ? 1 : -1U;
}

Lease Cluster::Shard::AcquireAgain(uint64_t server_id, uint64_t client_id) {
  for (const Member& member : members_) {
    if (Lease lease = member.host.pool->AcquireAgain(server_id, client_id)) return lease;
  }
  return {};
}

void Cluster::Shard::FailAll(const Error& error) {
  for (RoleLine& line : lines_) line.line.FailAll(error);
}

void Cluster::Shard::TakeWaiters(uint32_t number, std::vector<Waiting>& waiting) {
  for (const WantedRole wanted : kWanted) {
    Line& line = LineOf(wanted);
    while (!line.empty()) {
      waiting.push_back({&line.TakeOldest(), {.shard = number, .role = wanted}});
    }
  }
}

size_t Cluster::Shard::waiter_count() const {
  size_t count = 0;
  for (const RoleLine& line : lines_) count += line.line.size();
  return count;
}

TimePoint Cluster::Shard::OldestWait() const {
  TimePoint oldest = kNever;
  for (const RoleLine& line : lines_) {
    if (!line.line.empty()) oldest = std::min(oldest, line.line.oldest()->waiting_since);
  }
  return oldest;
}

bool Cluster::Shard::IsHealthy() const {
  return std::any_of(members_.begin(), members_.end(),
                     [this](const Member& member) { return !IsBanned(member, WantedRole::kAny); });
}

// ----- what the pools say -----

bool Cluster::Shard::NobodyWaits() const {
  return std::all_of(lines_.begin(), lines_.end(),
                     [](const RoleLine& line) { return line.line.empty(); });
}

bool Cluster::Shard::TakeFree(Pool& pool, PooledServer& server) {
  if (asked_ == 0 && NobodyWaits()) return false;
  Member& member = MemberOf(pool);
  SetAsked(member, false);
  Line* oldest = nullptr;
  for (const WantedRole wanted : kWanted) {
    Line& line = LineOf(wanted);
    if (line.empty() || !Serves(member, wanted)) continue;
    const bool older =
        oldest == nullptr || line.oldest()->waiting_since < oldest->oldest()->waiting_since;
    if (older) oldest = &line;
  }
  if (oldest == nullptr) return false;
  pool.GiveTo(oldest->TakeOldest(), server);
  return true;
}

uint32_t Cluster::Shard::LoginCount() const {
  uint32_t count = 0;
  for (const Member& member : members_) {
    const uint32_t unawaited = (member.probing ? 1U : 0U) + (member.warming ? 1U : 0U);
    const uint32_t logins = member.host.pool->login_count();
    count += logins - std::min(logins, unawaited);
  }
  return count;
}

bool Cluster::Shard::WantsLogin(const Pool& pool) const {
  if (NobodyWaits()) return false;
  const Member& member = MemberOf(pool);
  size_t waiting = 0;
  for (const WantedRole wanted : kWanted) {
    if (!LineOf(wanted).empty() && Serves(member, wanted)) waiting += LineOf(wanted).size();
  }
  return waiting > LoginCount();
}

TimePoint Cluster::Shard::OldestWait(const Pool& pool) const {
  if (NobodyWaits()) return kNever;
  const Member& member = MemberOf(pool);
  TimePoint oldest = kNever;
  for (const WantedRole wanted : kWanted) {
    const Line& line = LineOf(wanted);
    if (line.empty() || !Serves(member, wanted)) continue;
    oldest = std::min(oldest, line.oldest()->waiting_since);
  }
  return oldest;
}

void Cluster::Shard::OnLogin(Pool& pool) {
  Member& member = MemberOf(pool);
  member.failure.reset();
  member.warming = false;
  member.not_ready = 0;
  if (!std::exchange(member.probing, false)) return;
  cluster_.world_.bans.OnSuccess(member.host.id);
  cluster_.world_.log.Write(
      LogLevel::kInfo, "server answers again, its ban is over",
      {{"server", fmt::format("{}:{}", member.host.spec.host, member.host.spec.port)}});
}

void Cluster::Shard::OnLoginFailed(Pool& pool, LoginFailure kind, const Error& cause) {
  Member& member = MemberOf(pool);
  member.failure = cause;
  SetAsked(member, false);
  NoteFailure(member, kind);
  Advance();
}

void Cluster::Shard::OnCheckFailed(Pool& pool, LoginFailure kind, const Error& cause) {
  Member& member = MemberOf(pool);
  SetAsked(member, false);
  if (kind != LoginFailure::kLate) return;  // one connection was closed
  member.failure = cause;
  Ban(member, BanReason::kHealthCheckLate);
  Advance();
}

void Cluster::Shard::NoteFailure(Member& member, LoginFailure kind) {
  balancer::Banlist& bans = cluster_.world_.bans;
  const TimePoint now = cluster_.world_.loop.Now();
  const bool probed = std::exchange(member.probing, false);
  member.warming = false;
  member.not_ready = kind == LoginFailure::kNotReady ? member.not_ready + 1 : 0;
  std::optional<BanReason> reason;
  if (kind == LoginFailure::kRefused) reason = BanReason::kConnectRefused;
  if (kind == LoginFailure::kLate) reason = BanReason::kConnectTimedOut;
  if (member.not_ready >= kNotReadyMin || (probed && member.not_ready > 0)) {
    reason = BanReason::kServerNotReady;
  }
  if (!reason.has_value()) {
    if (probed) bans.OnAbandon(member.host.id);
    return;
  }
  if (probed) {
    bans.OnFailure(member.host.id, *reason, now);
    return;
  }
  Ban(member, *reason);
}

void Cluster::Shard::Ban(Member& member, BanReason reason) {
  const balancer::BanTimes times = cluster_.settings_.ban_times;
  const TimePoint now = cluster_.world_.loop.Now();
  if (cluster_.world_.bans.Ban(member.host.id, reason, now, times, cluster_.world_.groups) !=
      balancer::BanOutcome::kBanned) {
    return;
  }
  cluster_.world_.log.Write(
      LogLevel::kWarn, "server banned",
      {{"server", fmt::format("{}:{}", member.host.spec.host, member.host.spec.port)},
       {"reason", std::string(TextOf(reason))},
       {"cause", member.failure.has_value() ? member.failure->detail : std::string()}});
}

// ----- bans -----

// Whoever may be tried again is, by a login that nobody waits for.
void Cluster::Shard::StartProbes() {
  if (cluster_.world_.bans.empty()) return;
  const TimePoint now = cluster_.world_.loop.Now();
  for (Member& member : members_) {
    if (member.probing || !cluster_.world_.bans.IsBanned(member.host.id, now)) continue;
    if (!cluster_.world_.bans.OnProbe(member.host.id, now)) continue;
    member.probing = member.host.pool->Probe();
    // All its connections are in use: clients that have them will hear how it is.
    if (!member.probing) cluster_.world_.bans.OnAbandon(member.host.id);
  }
}

bool Cluster::Shard::MayServe(WantedRole wanted) const {
  return std::any_of(members_.begin(), members_.end(), [this, wanted](const Member& member) {
    if (!Serves(member, wanted)) return false;
    Pool& pool = *member.host.pool;
    // One that has failed last is worth waiting for while it has others, or may try again.
    return pool.server_count() > 0 || pool.paused() || !pool.last_failure().has_value() ||
           pool.CanConnect();
  });
}

bool Cluster::Shard::TryAll(WantedRole wanted) {
  std::vector<balancer::HostId> hosts;
  const TimePoint now = cluster_.world_.loop.Now();
  for (const Member& member : members_) {
    const bool serves = balancer::HasRole(member.host.spec.role, wanted);
    // Not before its own pool would ask again: an outage is not to become a storm of logins.
    if (serves && !member.probing && member.host.pool->MayRetry()) hosts.push_back(member.host.id);
  }
  if (!hosts.empty() && cluster_.world_.bans.Clear(hosts, now) > 0) StartProbes();
  return std::any_of(members_.begin(), members_.end(), [wanted](const Member& member) {
    return member.probing && balancer::HasRole(member.host.spec.role, wanted);
  });
}

}  // namespace pglynx::pool
