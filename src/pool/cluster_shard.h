#pragma once

// One shard of a cluster: its hosts, whose turn it is, and three lines of clients, one for each
// role that may be wanted. See cluster.h for the rules.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "pglynx/pool/cluster.h"

namespace pglynx::pool {

class Cluster::Shard final : public PoolOwner {
 public:
  Shard(Cluster& cluster, uint32_t number, std::vector<Host> hosts, Pool* home);
  ~Shard() override;

  [[nodiscard]] Pool::Outcome Acquire(Waiter& waiter, balancer::WantedRole wanted,
                                      std::optional<bool> primary_reads);
  [[nodiscard]] Lease AcquireAgain(uint64_t server_id, uint64_t client_id);
  void FailAll(const Error& error);
  void TakeWaiters(uint32_t number, std::vector<Waiting>& waiting);
  // Who waits may be served by others now, or by nobody.
  void Advance();
  [[nodiscard]] size_t waiter_count() const;
  [[nodiscard]] bool IsHealthy() const;
  [[nodiscard]] TimePoint OldestWait() const;

  // --- PoolOwner ---
  bool TakeFree(Pool& pool, PooledServer& server) override;
  [[nodiscard]] bool WantsLogin(const Pool& pool) const override;
  [[nodiscard]] TimePoint OldestWait(const Pool& pool) const override;
  void OnLogin(Pool& pool) override;
  void OnLoginFailed(Pool& pool, LoginFailure kind, const Error& cause) override;
  void OnCheckFailed(Pool& pool, LoginFailure kind, const Error& cause) override;

 private:
  static constexpr std::array<balancer::WantedRole, balancer::kWantedRoles> kWanted = {
      balancer::WantedRole::kAny, balancer::WantedRole::kPrimary, balancer::WantedRole::kReplica};

  struct Member {
    Host host;
    bool probing = false;          // a login under way decides whether its ban is over
    bool warming = false;          // a login under way is for a later client
    bool asked = false;            // it was silent, and has not answered a health check yet
    TimePoint owes_since{};        // when it was given the only statement under way
    uint32_t not_ready = 0;        // logins in a row that said so
    std::optional<Error> failure;  // of the last login, until one succeeds
  };
  // The clients that want one role.
  class RoleLine final : public LineOwner {
   public:
    RoleLine(Shard& shard, balancer::WantedRole wanted)
        : shard_(shard), wanted_(wanted), line(shard.cluster_.world_.loop, *this) {}
    [[nodiscard]] LineLimits Limits() const override;
    [[nodiscard]] std::string LineName() const override;
    [[nodiscard]] std::string WhyNoServer() const override;
    void OnGaveUp(Duration waited) override;
    void OnLineTimer() override;

   private:
    Shard& shard_;
    balancer::WantedRole wanted_;

   public:
    Line line;
  };

  [[nodiscard]] Line& LineOf(balancer::WantedRole wanted) {
    return lines_[static_cast<size_t>(wanted)].line;
  }
  [[nodiscard]] const Line& LineOf(balancer::WantedRole wanted) const {
    return lines_[static_cast<size_t>(wanted)].line;
  }
  Member& MemberOf(const Pool& pool);
  [[nodiscard]] const Member& MemberOf(const Pool& pool) const;
  [[nodiscard]] bool IsBanned(const Member& member, balancer::WantedRole wanted) const;
  // Whether this member serves clients that want the role: has it, or stands in for all others.
  [[nodiscard]] bool Serves(const Member& member, balancer::WantedRole wanted) const;
  enum class Among : uint8_t { kFree, kFreeOrOpenable };
  balancer::Pick Choose(balancer::WantedRole wanted, Among among);
  Lease TakeIdleOf(Member& member, uint64_t client_id);
  // Of any host that serves the role; none: nobody has one that can be used at once.
  Lease TakeIdle(balancer::WantedRole wanted, uint64_t client_id);
  // One login for who comes later, unless one is under way.
  static void Warm(Member& member);
  // Gives those who wait what is free.
  void ServeLine(balancer::WantedRole wanted);
  void ArmWatch();
  void OnWatch();
  // Has every host tried for who waits too long, and fails who has waited for connect_timeout in
  // vain: no host has a connection.
  void HastenLine(balancer::WantedRole wanted);
  // It owes answers and has not given any for silence_max; it is asked whether it is there.
  [[nodiscard]] bool IsSilent(Member& member, uint32_t busy);
  void SetAsked(Member& member, bool asked);
  [[nodiscard]] bool NobodyWaits() const;
  // Some member has a connection for the role, or will have.
  [[nodiscard]] bool MayServe(balancer::WantedRole wanted) const;
  // Lifts what bans there are. True: somebody is being tried.
  bool TryAll(balancer::WantedRole wanted);
  void StartProbes();
  void Advance(balancer::WantedRole wanted);
  [[nodiscard]] bool PrimaryStandsIn(balancer::WantedRole wanted) const;
  [[nodiscard]] bool AllReplicasBanned() const;
  [[nodiscard]] uint32_t LoginCount() const;
  [[nodiscard]] Error AllFailed(balancer::WantedRole wanted) const;
  void NoteFailure(Member& member, LoginFailure kind);
  void Ban(Member& member, balancer::BanReason reason);

  Cluster& cluster_;
  uint32_t number_;
  std::vector<Member> members_;
  uint32_t asked_ = 0;  // members that are
  balancer::Rotation rotation_;
  balancer::HostGroup group_;  // the hosts that are not its primary
  std::vector<balancer::Candidate> candidates_;
  std::array<RoleLine, balancer::kWantedRoles> lines_;
  Timer watch_ = MemberTimer<&Shard::OnWatch>(this);
};

}  // namespace pglynx::pool
