// Who gets a server of a shard at once, who waits, and what becomes of those who wait.

#include <algorithm>

#include <fmt/format.h>

#include "pool/cluster_shard.h"

namespace pglynx::pool {
namespace {

using balancer::Candidate;
using balancer::Pick;
using balancer::Role;
using balancer::WantedRole;

// A login that has not been answered for this part of connect_timeout is no longer counted on:
// whoever waits for it has the other hosts tried too.
constexpr int kPatienceParts = 10;

std::string_view NameOf(WantedRole wanted) {
  switch (wanted) {
    case WantedRole::kAny:
      return "any";
    case WantedRole::kPrimary:
      return "primary";
    case WantedRole::kReplica:
      return "replica";
  }
  return {};
}

}  // namespace

Pick Cluster::Shard::Choose(WantedRole wanted, Among among) {
  const bool stands_in = PrimaryStandsIn(wanted);
  for (size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    Candidate& candidate = candidates_[i];
    candidate.eligible = balancer::HasRole(member.host.spec.role, wanted) || stands_in;
    if (!candidate.eligible) continue;
    const bool is_primary = member.host.spec.role == Role::kPrimary;
    Pool& pool = *member.host.pool;
    candidate.banned = IsBanned(member, stands_in && is_primary ? WantedRole::kAny : wanted);
    candidate.busy = pool.busy_count();
    candidate.available =
        (pool.HasIdle() || (among == Among::kFreeOrOpenable && pool.CanConnect())) &&
        !IsSilent(member, candidate.busy);
  }
  return rotation_.Next(wanted, candidates_, cluster_.world_.random);
}

Lease Cluster::Shard::TakeIdleOf(Member& member, uint64_t client_id) {
  Lease lease = member.host.pool->TakeIdle(client_id);
  if (lease && member.host.pool->busy_count() == 1) {
    member.owes_since = cluster_.world_.loop.Now();
  }
  return lease;
}

Lease Cluster::Shard::TakeIdle(WantedRole wanted, uint64_t client_id) {
  for (;;) {
    const Pick pick = Choose(wanted, Among::kFree);
    if (pick.outcome != Pick::Outcome::kHost) return {};
    if (Lease lease = TakeIdleOf(members_[pick.index], client_id)) return lease;
    // What it had was too old, or is being checked: it has fewer now.
  }
}

void Cluster::Shard::Warm(Member& member) {
  Pool& pool = *member.host.pool;
  if (pool.login_count() == 0 && pool.CanConnect()) member.warming = pool.Probe();
}

Pool::Outcome Cluster::Shard::Acquire(Waiter& waiter, WantedRole wanted,
                                      std::optional<bool> primary_reads) {
  StartProbes();
  const bool allowed = cluster_.settings_.primary_reads_enabled;
  if (wanted == WantedRole::kReplica && primary_reads.value_or(allowed) != allowed &&
      AllReplicasBanned()) {
    if (!*primary_reads) return AllFailed(wanted);
    wanted = WantedRole::kPrimary;
  }
  Line& line = LineOf(wanted);
  if (!line.empty()) ServeLine(wanted);
  const Pick pick = Choose(wanted, Among::kFreeOrOpenable);
  if (pick.outcome == Pick::Outcome::kNoHost) {
    return Error{ErrorCode::kServerUnreachable,
                 fmt::format("shard {} of pool {} has no server with the role {}", number_,
                             members_.front().host.pool->Name(), NameOf(wanted))};
  }
  if (pick.outcome == Pick::Outcome::kHost && line.empty()) {
    Member& member = members_[pick.index];
    if (Lease lease = TakeIdleOf(member, waiter.client_id())) return lease;
    // It opens one for the next turn: nobody waits for a login while another host is free.
    if (Lease lease = TakeIdle(wanted, waiter.client_id())) {
      if (!member.host.pool->HasIdle()) Warm(member);
      return lease;
    }
  }
  if (!MayServe(wanted) && !TryAll(wanted)) return AllFailed(wanted);
  if (std::optional<Error> overload = line.Overload()) return *std::move(overload);
  line.Join(waiter);
  if (pick.outcome == Pick::Outcome::kHost) members_[pick.index].host.pool->Prompt();
  // Where a shared limit is reached, a pool asks for its turn.
  for (const Member& member : members_) {
    if (Serves(member, wanted)) member.host.pool->Prompt();
  }
  if (!watch_.armed()) ArmWatch();
  return Pool::Queued{};
}

// ----- those who wait -----

void Cluster::Shard::ServeLine(WantedRole wanted) {
  Line& line = LineOf(wanted);
  while (!line.empty()) {
    Lease lease = TakeIdle(wanted, line.oldest()->client_id());
    if (!lease) return;
    Waiter& waiter = line.TakeOldest();
    lease.pool().NoteWait(waiter);
    waiter.OnLease(std::move(lease));
  }
}

void Cluster::Shard::Advance() {
  for (const WantedRole wanted : kWanted) Advance(wanted);
}

void Cluster::Shard::Advance(WantedRole wanted) {
  ServeLine(wanted);
  if (LineOf(wanted).empty()) return;
  const bool probed = std::any_of(members_.begin(), members_.end(), [wanted](const Member& member) {
    return member.probing && balancer::HasRole(member.host.spec.role, wanted);
  });
  if (!MayServe(wanted) && !probed) {
    LineOf(wanted).FailAll(AllFailed(wanted));
    return;
  }
  const Pick pick = Choose(wanted, Among::kFreeOrOpenable);
  if (pick.outcome == Pick::Outcome::kHost) members_[pick.index].host.pool->Prompt();
}

// Armed while somebody waits: for a ban that ends, and for hosts that do not answer.
void Cluster::Shard::ArmWatch() {
  if (NobodyWaits()) return;
  const TimePoint now = cluster_.world_.loop.Now();
  TimePoint due = cluster_.world_.bans.NextExpiry(now);
  const Duration patience = cluster_.settings_.connect_timeout;
  if (patience > Duration::zero()) due = std::min(due, now + patience / kPatienceParts);
  if (due != kNever) cluster_.world_.loop.Arm(watch_, due);
}

void Cluster::Shard::OnWatch() {
  if (NobodyWaits()) return;
  StartProbes();
  Advance();
  for (const WantedRole wanted : kWanted) HastenLine(wanted);
  ArmWatch();
}

void Cluster::Shard::HastenLine(WantedRole wanted) {
  const Duration patience = cluster_.settings_.connect_timeout;
  Line& line = LineOf(wanted);
  if (line.empty() || patience == Duration::zero()) return;
  const TimePoint now = cluster_.world_.loop.Now();
  if (now - line.oldest()->waiting_since < patience / kPatienceParts) return;
  bool hopeless = true;
  for (Member& member : members_) {
    if (!Serves(member, wanted)) continue;
    const Pool& pool = *member.host.pool;
    hopeless = hopeless && !pool.paused() && pool.server_count() == pool.login_count();
    Warm(member);
  }
  if (hopeless) line.FailSince(now - patience, AllFailed(wanted));
}

Error Cluster::Shard::AllFailed(WantedRole wanted) const {
  std::string causes;
  ErrorCode code = ErrorCode::kServerUnreachable;
  for (const Member& member : members_) {
    const bool eligible = balancer::HasRole(member.host.spec.role, wanted);
    if (!eligible && !cluster_.settings_.primary_reads_enabled) continue;
    if (!causes.empty()) causes += "; ";
    const balancer::HostSpec& spec = member.host.spec;
    if (member.failure.has_value()) {
      causes += member.failure->detail;
      code = member.failure->code;
    } else if (IsBanned(member, WantedRole::kAny)) {
      causes += fmt::format("server {}:{} is banned", spec.host, spec.port);
    } else {
      causes += fmt::format("server {}:{} does not answer", spec.host, spec.port);
    }
  }
  return {code, fmt::format("no server of shard {} can be had (role {}): {}", number_,
                            NameOf(wanted), causes)};
}

// ----- lines -----

LineLimits Cluster::Shard::RoleLine::Limits() const {
  const PoolSettings& settings = shard_.members_.front().host.pool->settings();
  const bool reserve = settings.reserve_pool_size > 0;
  return {.query_wait_timeout = settings.query_wait_timeout,
          .query_wait_notify = settings.query_wait_notify,
          .look_again = reserve ? settings.reserve_pool_timeout : Duration::zero(),
          .pool_size = settings.pool_size};
}

std::string Cluster::Shard::RoleLine::LineName() const {
  return fmt::format("pool {} (shard {}, role {})", shard_.members_.front().host.pool->Name(),
                     shard_.number_, NameOf(wanted_));
}

std::string Cluster::Shard::RoleLine::WhyNoServer() const {
  std::string why;
  for (const Member& member : shard_.members_) {
    if (!balancer::HasRole(member.host.spec.role, wanted_)) continue;
    const std::string own = member.host.pool->WhyNot();
    if (own.empty()) continue;
    why += why.empty() ? ": " : "; ";
    why += own;
  }
  return why;
}

void Cluster::Shard::RoleLine::OnGaveUp(Duration waited) {
  shard_.members_.front().host.pool->stats().wait_time += static_cast<uint64_t>(waited.count());
}

void Cluster::Shard::RoleLine::OnLineTimer() {
  for (const Member& member : shard_.members_) member.host.pool->Prompt();
}

}  // namespace pglynx::pool
