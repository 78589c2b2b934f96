#pragma once

// The server connections of one (database, user), and the clients that wait for one.
//
// Book-keeping only: it opens no socket (ServerLauncher does) and reads no clock (the loop
// is its only world). Owner: server::Worker. It owns its servers.
//
// Rules:
// - a server is idle only if it is proven idle and clean; Release() sends it through
//   Recycle() or closes it otherwise;
// - clients wait first in, first out; a released server goes directly to the oldest one;
// - at most `pool_size` servers exist, those that are connecting included, and
//   `reserve_pool_size` more once a client has waited for reserve_pool_timeout;
// - limits that it shares with other pools are kept by Budget;
// - clients that cannot be served in time are refused: see Line::Overload();
// - several logins run at once, never more than clients wait;
// - after a failed login nobody is made to wait for the next one: while no server is left,
//   waiting and new clients get the cause at once, and logins are retried after
//   server_retry_min, doubling to server_retry_max. After a failure, or the loss of the last
//   server, one login probes; the others follow when it has succeeded.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "pglynx/core/log.h"
#include "pglynx/core/result.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/metrics/stats.h"
#include "pglynx/pool/budget.h"
#include "pglynx/pool/line.h"
#include "pglynx/pool/pooled_server.h"
#include "pglynx/pool/snapshot.h"
#include "pglynx/wire/startup.h"

namespace pglynx::pool {

class Cluster;
class Pool;

// A borrowed server. Move-only; destroying it gives the server back.
class Lease {
 public:
  Lease() = default;
  Lease(Pool& pool, PooledServer& server) : pool_(&pool), server_(&server) {}
  Lease(Lease&& other) noexcept
      : pool_(other.pool_), server_(std::exchange(other.server_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { Release(); }

  // Gives the server back. The last thing its holder does in an event: the server may be
  // in another client's hands when this returns.
  void Release();
  explicit operator bool() const { return server_ != nullptr; }
  PooledServer* operator->() const { return server_; }
  PooledServer& operator*() const { return *server_; }
  // Precondition: it has had a server.
  [[nodiscard]] Pool& pool() const { return *pool_; }
  // The connection broke: there is nothing to give back.
  void Forget() { server_ = nullptr; }

 private:
  Pool* pool_ = nullptr;
  PooledServer* server_ = nullptr;
};

// A client whose statement would pin it to its server, while as many as may be are pinned.
// Destroying it leaves the line.
class PinWaiter : public ListNode<PinWaiter> {
 public:
  virtual ~PinWaiter() = default;
  // It is in line no more and has a pin, as from TakePin(). Called at the end of a turn.
  virtual void OnPinFree() = 0;
  virtual void OnPinRefused(const Error& error) = 0;

  TimePoint waits_for_pin_since{};
};

// What a pool is a part of, where it is one of several for the same clients: those wait there, and
// the pool's own line stays empty. See cluster.h.
class PoolOwner {
 public:
  virtual ~PoolOwner() = default;
  // A server is free: true if somebody has been given it, by Pool::GiveTo.
  virtual bool TakeFree(Pool& pool, PooledServer& server) = 0;
  // A client waits for this pool for which no login is under way anywhere.
  [[nodiscard]] virtual bool WantsLogin(const Pool& pool) const = 0;
  // Since when the oldest waits that this pool may serve; kNever: nobody does.
  [[nodiscard]] virtual TimePoint OldestWait(const Pool& pool) const = 0;
  virtual void OnLogin(Pool& pool) = 0;
  virtual void OnLoginFailed(Pool& pool, LoginFailure kind, const Error& cause) = 0;
  // It did not answer a health check in time, or has closed the connection meanwhile.
  virtual void OnCheckFailed(Pool& pool, LoginFailure kind, const Error& cause) = 0;
};

// Makes server connections for a pool; implemented by backend.
class ServerLauncher {
 public:
  virtual ~ServerLauncher() = default;
  // The connection reports to Pool::OnServerReady or Pool::OnServerGone, in a later turn.
  virtual std::unique_ptr<PooledServer> Launch(Pool& pool, uint64_t id) = 0;
};

// What a server tells every client at its login.
struct Welcome {
  std::vector<Parameter> fixed;  // server_version and others that nobody can set
  ParameterRef defaults;         // the reported parameters that can be set
};

// In transaction mode, of a statement whose effect stays in the session of its server.
enum class SessionStatePolicy : uint8_t {
  kPin,    // the client keeps its server
  kError,  // statements that would leave such state are refused: 0A000
  kWarn,   // as kPin, and a line in the log
};

// In transaction mode, of what a statement may have left in its server unseen.
enum class HiddenStatePolicy : uint8_t {
  kProbe,  // a probe behind the statement says what it left
  kReset,  // DISCARD ALL before another client gets the server: what was left is lost
  kTrust,  // nothing is asked
};

// The pool's name and its limits; see config::PoolUser for the meaning of each. Where its
// servers are is the launcher's business.
struct PoolSettings {
  std::string database;  // as clients ask for it
  std::string user;
  bool session_mode = false;  // else transaction mode
  bool server_round_robin = false;
  uint32_t pool_size = 20;
  uint32_t min_pool_size = 0;
  bool only_with_clients = false;  // min_pool_size holds while some client is logged in
  uint32_t reserve_pool_size = 0;
  Duration reserve_pool_timeout{};
  // Shared with other pools, and by which names.
  BudgetLimits limits{};
  BudgetNames limited{};
  // Clients: of this pool, of all pools of its database; 0 = no limit.
  uint32_t max_user_clients = 0;
  uint32_t max_db_clients = 0;
  uint32_t prepared_statements_cache_size = 200;
  bool deferred_begin = true;
  SessionStatePolicy on_session_state = SessionStatePolicy::kPin;
  HiddenStatePolicy on_hidden_state = HiddenStatePolicy::kProbe;
  uint32_t max_pinned = 1;  // never 0
  Duration query_wait_timeout{};
  Duration query_wait_notify{};
  // Of its clients; see config::General.
  Duration client_idle_timeout{};
  Duration idle_client_in_transaction_timeout{};
  Duration transaction_timeout{};
  Duration query_timeout{};
  std::string_view query_timeout_key;  // which key that is: query_timeout or statement_timeout
  bool has_client_timeouts = false;    // any of these four is set
  Duration idle_timeout{};
  Duration server_lifetime{};
  // A server that has not been used for so long is asked whether it is there, before its next use
  // and in the background; 0 = never.
  Duration healthcheck_delay{};
  Duration server_retry_min{};
  Duration server_retry_max{};
};

// What all pools of a database share.
struct DatabaseCount {
  uint32_t clients = 0;    // logged in
  uint64_t ddl_count = 0;  // definitions changed by their clients
};

// Counts kept by the loop for all pools together.
struct IdSource {
  uint64_t next = 1;
  uint64_t Take() { return next++; }
};

class Pool final : private LineOwner {
 public:
  struct World {
    Scheduler& loop;
    Log& log;
    ServerLauncher& launcher;
    ParameterTable& parameters;
    IdSource& ids;
    Budget& budget;
    DatabaseCount& database;
  };
  Pool(World world, PoolSettings settings);
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  struct Queued {};
  using Outcome = std::variant<Lease, Queued, Error>;
  // A server now, a place in line (the waiter is told later), or the reason why none can
  // be had.
  [[nodiscard]] Outcome Acquire(Waiter& waiter);

  // The server of this number, if it is free and nobody has had it since it was given to this
  // client; else no lease.
  [[nodiscard]] Lease AcquireAgain(uint64_t server_id, uint64_t client_id);

  // Called by Lease.
  void Release(PooledServer& server);

  // --- called by its owner, if it has one ---
  // `home`: the pool whose clients it serves, which has their settings; nullptr: itself.
  void SetOwner(PoolOwner* owner, Pool* home) {
    owner_ = owner;
    home_ = home;
  }
  // A free server, if there is one; else no lease.
  [[nodiscard]] Lease TakeIdle(uint64_t client_id);
  // The same in answer to TakeFree.
  void GiveTo(Waiter& waiter, PooledServer& server);
  // It gets a server of this pool now: its wait is counted here.
  void NoteWait(const Waiter& waiter);
  [[nodiscard]] bool HasIdle() const { return !idle_.empty() && !paused_; }
  // A login would begin now if somebody asked for one.
  [[nodiscard]] bool CanConnect();
  // Begins what logins are wanted, or stands in line for them.
  void Prompt() { LaunchServers(); }
  // One login, whoever waits, and whenever the last one failed. False: there is no place for it.
  [[nodiscard]] bool Probe();
  // A health check of an idle connection, or a login. False: there is no place for it.
  [[nodiscard]] bool Ask();
  // When a server last became free: it answers, then.
  [[nodiscard]] TimePoint answered_at() const { return answered_at_; }
  // Connections that are neither free nor logging in.
  [[nodiscard]] uint32_t busy_count() const {
    return static_cast<uint32_t>(servers_.size() - idle_.size()) - logins_ - checks_;
  }
  [[nodiscard]] const std::optional<Error>& last_failure() const { return last_failure_; }
  // No login has failed just now.
  [[nodiscard]] bool MayRetry() const {
    return !last_failure_.has_value() || world_.loop.Now() >= retry_at_;
  }
  // Why it has no server for who waits, for texts; empty: all are in use.
  [[nodiscard]] std::string WhyNot() const;

  // --- called by servers ---
  // Logged in, recycled, or its last cancel is over.
  void OnServerReady(PooledServer& server);
  // What a client left behind has ended, and no cancel is on its way.
  void OnServerAbandoned(PooledServer& server);
  // The connection is closed; `cause` has the reason, kConnectionClosed where Close() was called.
  // Destroys `server` at the end of the turn.
  void OnServerGone(PooledServer& server, const Error& cause);

  // --- settings ---
  // Applies changed settings to the next decisions.
  void Apply(PoolSettings settings);
  // The launcher's target has changed: every server is closed when it is free.
  void ReplaceServers();
  // The name of its server stands for these addresses now: those that are at another one are closed
  // when they are free. How many more that are.
  size_t ReplaceServersNotAt(std::span<const std::string> addresses);
  // Fails every waiter with `error` and closes every free server; the rest closes at its
  // release.
  void Shutdown(const Error& error);

  // --- pins: clients that keep their server between transactions, and those that may be about to
  // False: max_pinned of them have one. Whoever has one returns it.
  [[nodiscard]] bool TakePin();
  void ReturnPin();
  [[nodiscard]] bool PinsTaken() const { return pinned_ >= settings_.max_pinned; }
  // OnPinFree, or OnPinRefused after query_wait_timeout. First come, first served.
  void WaitForPin(PinWaiter& waiter);
  [[nodiscard]] Error PinRefusal() const;

  // --- the console ---
  // Gives no server to anybody; each is closed when it is free. Clients wait meanwhile.
  void Pause();
  void Resume();
  // Closes every server now, whoever has it, and pauses. Its clients have been told.
  void Kill();
  [[nodiscard]] bool paused() const { return paused_; }
  // Servers that these left to those who have them.
  [[nodiscard]] size_t close_needed_count() const;

  // --- called by Budget ---
  // It is this pool's turn: one connection may be made.
  void OnMayConnect();
  // Since when the oldest client waits for which no login is under way; kNever: there is none.
  [[nodiscard]] TimePoint UncoveredWait() const;
  [[nodiscard]] uint32_t login_count() const { return logins_; }

  // --- observers ---
  [[nodiscard]] const PoolSettings& settings() const { return settings_; }
  [[nodiscard]] const std::optional<Welcome>& welcome() const { return welcome_; }
  // What the last client's login came to; most clients of a pool ask for the same.
  struct Greeting {
    std::vector<wire::StartupParameter> settings;  // as it sent them
    ParameterRef parameters;                       // what they mean here
    std::string messages;                          // ParameterStatus of all that is reported
  };
  // nullptr if the last one's settings were others, or what servers say has changed since.
  [[nodiscard]] const Greeting* FindGreeting(
      std::span<const wire::StartupParameter> settings) const;
  // Precondition: welcome().has_value(). Valid until the next non-const call.
  const Greeting& MakeGreeting(std::vector<wire::StartupParameter> settings,
                               ParameterRef parameters);
  void SetWelcome(Welcome welcome);
  // A server has reported in_hot_standby anew: it was promoted. Clients that log in from now on
  // are told so; the others by their sessions, which compare.
  void LearnStandby(std::string_view value);
  // A server has reported another default of a parameter (a reload of its configuration).
  void LearnDefault(std::string_view name, std::string_view value);
  // What the servers last reported; false where they do not (before PostgreSQL 14).
  [[nodiscard]] bool in_hot_standby() const { return in_hot_standby_; }
  metrics::PoolStats& stats() { return stats_; }
  StatementCache& statements() { return statements_; }
  World& world() { return world_; }
  [[nodiscard]] size_t server_count() const { return servers_.size(); }
  [[nodiscard]] size_t waiter_count() const { return line_.size(); }
  [[nodiscard]] bool empty() const { return servers_.empty() && line_.empty(); }
  // "database/user", for logs.
  [[nodiscard]] std::string Name() const;
  void FillRow(PoolRow& row) const;
  void AppendServerRows(std::vector<ConnectionRow>& rows) const;

  // Canonical forms of startup parameters, as a server of this pool printed them. Bounded.
  static constexpr size_t kCanonicalValuesMax = 1000;
  [[nodiscard]] const Parameter* FindCanonical(std::string_view name, std::string_view value) const;
  void LearnCanonical(std::string_view name, std::string_view value, Parameter canonical);

  // SCRAM keys toward the server that a client's login revealed (its secret is a verifier).
  std::string scram_client_key;
  std::string scram_server_key;
  // Servers change hands without sequence values. That costs a query of its own for each client
  // that changes a sequence, so a pool whose clients have done without currval and lastval for
  // kSequencePatience such hand-overs believes that nobody will ask; until somebody does.
  static constexpr uint32_t kSequencePatience = 100'000;
  bool reads_sequences = true;
  void NoteSequencesRead() {
    reads_sequences = true;
    sequence_patience_ = 0;
  }
  void NoteSequencesDiscarded() {
    if (sequence_patience_ > 0 && --sequence_patience_ == 0) reads_sequences = false;
  }
  // Where its clients get their servers, if there are several hosts: it is then their home.
  Cluster* cluster = nullptr;
  uint32_t clients = 0;   // logged in
  bool disabled = false;  // DISABLE: no new clients
  // A client more would be too many: the error that says so, else nullopt.
  [[nodiscard]] std::optional<Error> ClientRefusal() const;
  void CountClient(bool came);
  uint32_t cancels_in_flight = 0;
  metrics::PoolStats stats_previous;

  // Every server is on exactly one list, counters equal lengths. For tests.
  void CheckInvariants() const;

 private:
  // Too old, replaced by a reload, or in the middle of a message that nobody asked for.
  [[nodiscard]] static bool Expired(const PooledServer& server, TimePoint now);
  [[nodiscard]] bool Expired(const PooledServer& server) const;
  // What OnServerReady closes instead of using it.
  [[nodiscard]] bool IsUnwanted(const PooledServer& server, TimePoint now);
  void MakeIdle(PooledServer& server);
  void StartCheck(PooledServer& server);
  Lease Give(PooledServer& server, uint64_t client_id);
  [[nodiscard]] bool HoldsBack() const;
  // Since when the oldest client waits; kNever: nobody does.
  [[nodiscard]] TimePoint OldestWait() const;
  void GiveToOldest(PooledServer& server);
  void OnLoggedIn(PooledServer& server);
  void ServeWaiters();
  // Connects for clients that wait, and up to min_pool_size.
  void LaunchServers();
  void LaunchOne(uint64_t replaces);
  [[nodiscard]] bool WantsServer() const;
  [[nodiscard]] bool MustProbe() const;
  [[nodiscard]] size_t ServersMax() const;
  // --- LineOwner ---
  [[nodiscard]] LineLimits Limits() const override;
  [[nodiscard]] std::string LineName() const override;
  [[nodiscard]] std::string WhyNoServer() const override;
  void OnGaveUp(Duration waited) override;
  void OnLineTimer() override { LaunchServers(); }  // the reserve may be open now

  void ServePinWaiters();
  void OnPinDeadline();
  [[nodiscard]] size_t MinServers() const;
  // Closes an old server, but not before there is another where there is room for both.
  void Retire(PooledServer& server);
  void LaunchSpare();
  void CloseFree(PooledServer& server);
  void FinishReplacement(uint64_t old_id);
  void OnMaintenance();
  void ArmMaintenance();

  World world_;
  PoolSettings settings_;
  // Invariants: servers_[i]->index == i; a server is on idle_ iff its state is kIdle;
  // logins_ counts those in kLogin.
  std::vector<std::unique_ptr<PooledServer>> servers_;
  IntrusiveList<PooledServer> idle_;  // front: used last
  uint32_t logins_ = 0;
  uint32_t checks_ = 0;  // health checks under way
  std::optional<Welcome> welcome_;
  std::optional<Greeting> greeting_;
  StatementCache statements_{world_.database.ddl_count};
  metrics::PoolStats stats_;
  std::unordered_map<std::string, Parameter> canonical_;
  std::optional<Error> last_failure_;  // of the last login, until one succeeds
  bool lost_all_ = false;              // the last server was lost; until a login succeeds
  TimePoint retry_at_{};
  TimePoint answered_at_{};
  Duration retry_delay_{};
  bool in_hot_standby_ = false;
  bool stopping_ = false;
  bool paused_ = false;
  uint32_t pinned_ = 0;                             // pins taken
  uint32_t sequence_patience_ = kSequencePatience;  // 0: it is decided
  IntrusiveList<PinWaiter> pin_waiters_;
  Share share_;
  PoolOwner* owner_ = nullptr;
  Pool* home_ = nullptr;
  Line line_{world_.loop, *this};
  Task serve_ = MemberTask<&Pool::ServeWaiters>(this);
  Task serve_pins_ = MemberTask<&Pool::ServePinWaiters>(this);
  Timer pin_timer_ = MemberTimer<&Pool::OnPinDeadline>(this);
  Timer retry_timer_ = MemberTimer<&Pool::LaunchServers>(this);
  Timer maintenance_ = MemberTimer<&Pool::OnMaintenance>(this);
};

}  // namespace pglynx::pool
