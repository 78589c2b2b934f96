#include "pglynx/pool/pool.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/core/sabotage.h"

namespace pglynx::pool {
namespace {

// Up to a quarter of the time, so that pools which lost their server together do not come back
// to it together. Spread by a number that no two logins share.
Duration Jitter(Duration time, uint64_t id) {
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15U;  // its multiples are evenly spread
  constexpr int64_t kSteps = 1 << 10;
  const auto step = static_cast<int64_t>(id * kGoldenRatio >> 54U);
  return time / 4 * step / kSteps;
}

}  // namespace

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    Release();
    pool_ = other.pool_;
    server_ = std::exchange(other.server_, nullptr);
  }
  return *this;
}

void Lease::Release() {
  if (server_ == nullptr) return;
  PooledServer& server = *std::exchange(server_, nullptr);
  pool_->Release(server);
  if (Planted(Sabotage::kDoubleRelease)) pool_->Release(server);
}

Pool::Pool(World world, PoolSettings settings)
    : world_(world), settings_(std::move(settings)), share_(*this, world.budget) {
  share_.Join(settings_.limited, settings_.limits);
  if (settings_.min_pool_size > 0) world_.loop.Arm(maintenance_, world_.loop.Now());
}

Pool::~Pool() = default;

std::string Pool::Name() const {
  return fmt::format("{}/{}", settings_.database, settings_.user);
}

Pool::Outcome Pool::Acquire(Waiter& waiter) {
  if (stopping_) {
    return Error{ErrorCode::kAdminShutdown,
                 fmt::format("terminating connection: pool {} is being closed", Name())};
  }
  if (line_.empty()) {
    if (Lease lease = TakeIdle(waiter.client_id())) return lease;
  }
  if (servers_.empty() && !MayRetry() && !paused_) {
    return *last_failure_;
  }
  if (std::optional<Error> overload = line_.Overload()) return *std::move(overload);
  line_.Join(waiter);
  LaunchServers();
  return Queued{};
}

Lease Pool::TakeIdle(uint64_t client_id) {
  while (PooledServer* server = idle_.front()) {
    const bool expired = Expired(*server);
    if (!expired && !MustCheck(*server)) return Give(*server, client_id);
    if (!expired) {
      StartCheck(*server);  // whoever waits gets it when it has answered
      return {};
    }
    server->Close();  // reports OnServerGone, which takes it off the list
  }
  return {};
}

bool Pool::MustCheck(const PooledServer& server) const {
  return server.check_due <= world_.loop.Now();
}

void Pool::StartCheck(PooledServer& server) {
  server.Unlink();
  Budget::NoteUsed(server);
  server.state = ServerState::kTested;
  server.in_check = true;
  ++checks_;
  server.Check();
}

void Pool::NoteWait(const Waiter& waiter) {
  stats_.wait_time += static_cast<uint64_t>((world_.loop.Now() - waiter.waiting_since).count());
}

void Pool::GiveTo(Waiter& waiter, PooledServer& server) {
  NoteWait(waiter);
  waiter.OnLease(Give(server, waiter.client_id()));
}

Lease Pool::AcquireAgain(uint64_t server_id, uint64_t client_id) {
  for (PooledServer* server = idle_.front(); server != nullptr; server = idle_.Next(*server)) {
    if (server->id() != server_id) continue;
    if (server->last_client_id != client_id || Expired(*server)) break;
    return Give(*server, client_id);
  }
  return {};
}

std::optional<Error> Pool::ClientRefusal() const {
  if (disabled) {
    return Error{ErrorCode::kCannotConnectNow,
                 fmt::format("database \"{}\" takes no new clients: the console's DISABLE",
                             settings_.database)};
  }
  const uint32_t user_max = settings_.max_user_clients;
  if (user_max > 0 && clients >= user_max) {
    return Error{ErrorCode::kTooManyConnections,
                 fmt::format("sorry, too many clients of user \"{}\" already in pool {}: "
                             "max_client_conn = {}",
                             settings_.user, Name(), user_max)};
  }
  const uint32_t database_max = settings_.max_db_clients;
  if (database_max > 0 && world_.database.clients >= database_max) {
    return Error{ErrorCode::kTooManyConnections,
                 fmt::format("sorry, too many clients already of database \"{}\": "
                             "max_client_conn of the pool = {}",
                             settings_.database, database_max)};
  }
  return std::nullopt;
}

void Pool::CountClient(bool came) {
  clients += came ? 1 : -1U;
  world_.database.clients += came ? 1 : -1U;
  if (came) ++stats_.client_login_count;
}

bool Pool::Expired(const PooledServer& server) const {
  return server.close_needed || server.expires <= world_.loop.Now() || !server.AtMessageBoundary();
}

Lease Pool::Give(PooledServer& server, uint64_t client_id) {
  server.Unlink();
  Budget::NoteUsed(server);
  server.state = ServerState::kActive;
  server.client_id = client_id;
  server.last_client_id = client_id;
  server.used = true;
  ++stats_.server_assignment_count;
  return Lease(*this, server);
}

void Pool::Release(PooledServer& server) {
  PGLYNX_CHECK(server.state == ServerState::kActive);
  server.SetUser(nullptr);
  server.client_id = 0;
  if (server.tracker().Idle() && !server.memory().needs_reset && !Expired(server)) {
    if (server.HasCancelInFlight()) {
      server.state = ServerState::kBeingCanceled;
    } else {
      OnServerReady(server);
    }
    return;
  }
  server.state = ServerState::kTested;
  const wire::ReplyTracker& tracker = server.tracker();
  if (!tracker.Quiet() && !tracker.doubtful() && !tracker.copy_in()) {
    server.Abandon();
  } else if (tracker.Quiet() && !Expired(server) && !server.HasCancelInFlight()) {
    server.Recycle();
  } else {
    CloseFree(server);
  }
}

void Pool::OnServerAbandoned(PooledServer& server) {
  PGLYNX_CHECK(server.tracker().Quiet() && !server.HasCancelInFlight());
  // Nobody kept account of what it answered: DISCARD ALL, and nothing is believed to be there.
  server.memory().needs_reset = true;
  server.memory().statements = {};
  static_cast<void>(server.tracker().TakeStruck());
  if (stopping_ || paused_ || Expired(server)) {
    CloseFree(server);
  } else {
    server.Recycle();
  }
}

// One that only its age ends is missed: another takes its place.
void Pool::CloseFree(PooledServer& server) {
  const bool old = server.used && server.expires <= world_.loop.Now();
  server.state = ServerState::kTested;
  server.Close();
  if (old && line_.empty()) LaunchSpare();
}

void Pool::OnServerReady(PooledServer& server) {
  // The safety rule, enforced where it counts: nothing else leads to the idle list.
  PGLYNX_CHECK(server.tracker().Idle() && !server.memory().needs_reset);
  if (server.state == ServerState::kLogin) OnLoggedIn(server);
  const bool checked = std::exchange(server.in_check, false);
  if (checked) --checks_;
  const TimePoint now = world_.loop.Now();
  answered_at_ = now;
  server.check_due = DeadlineAfter(now, settings_.healthcheck_delay);
  if (!checked) server.idle_since = now;  // should nobody take it
  if (IsUnwanted(server)) {
    CloseFree(server);
    return;
  }
  if (line_.empty()) {
    if (owner_ == nullptr || !owner_->TakeFree(*this, server)) MakeIdle(server);
  } else {
    GiveToOldest(server);
  }
}

void Pool::OnLoggedIn(PooledServer& server) {
  --logins_;
  last_failure_.reset();
  lost_all_ = false;
  retry_delay_ = Duration::zero();
  server.born = world_.loop.Now();
  const Duration lifetime = settings_.server_lifetime;
  // Spread over the last tenth, so that connections made together do not end together.
  server.expires = DeadlineAfter(
      server.born, lifetime - lifetime * static_cast<int64_t>(server.id() % 10) / 100);
  // The others follow the one that probed.
  if (WantsServer()) world_.loop.Post(serve_);
  if (server.replaces != 0) FinishReplacement(server.replaces);
  if (owner_ != nullptr) owner_->OnLogin(*this);
}

bool Pool::IsUnwanted(const PooledServer& server) {
  if (stopping_ || paused_ || Expired(server)) return true;
  const TimePoint oldest = OldestWait();
  const size_t reserve = oldest != kNever ? settings_.reserve_pool_size : 0;
  if (servers_.size() > settings_.pool_size + reserve) return true;
  return world_.budget.ShouldYield(server, oldest);
}

void Pool::GiveToOldest(PooledServer& server) {
  Waiter& waiter = line_.TakeOldest();
  if (Planted(Sabotage::kLostWaiter)) return MakeIdle(server);
  GiveTo(waiter, server);
}

void Pool::MakeIdle(PooledServer& server) {
  server.state = ServerState::kIdle;
  if (settings_.server_round_robin) {
    idle_.PushBack(server);
  } else {
    idle_.PushFront(server);
  }
  world_.budget.NoteIdle(server);
  const TimePoint due = std::min(
      {server.expires, server.check_due, DeadlineAfter(server.idle_since, settings_.idle_timeout)});
  if (!maintenance_.armed() || due < maintenance_.deadline()) {
    world_.loop.Arm(maintenance_, due);
  }
}

void Pool::OnServerGone(PooledServer& server, const Error& cause) {
  const bool was_login = server.state == ServerState::kLogin;
  const bool was_check = server.in_check;
  if (was_check) --checks_;
  server.Unlink();
  Budget::NoteUsed(server);
  if (server.slot != nullptr) server.slot->MarkClosing();
  const size_t index = server.index;
  PGLYNX_CHECK(index < servers_.size() && servers_[index].get() == &server);
  std::unique_ptr<PooledServer> gone = std::move(servers_[index]);
  servers_[index] = std::move(servers_.back());
  servers_.pop_back();
  if (index < servers_.size()) servers_[index]->index = index;
  world_.loop.DeferDelete(std::move(gone));
  const TimePoint now = world_.loop.Now();
  if (servers_.empty() && cause.code != ErrorCode::kConnectionClosed) lost_all_ = true;
  if (was_login) {
    --logins_;
    last_failure_ = cause;
    if (now >= retry_at_) {  // logins that fail together count once
      retry_delay_ =
          std::clamp(retry_delay_ * 2, settings_.server_retry_min, settings_.server_retry_max);
      retry_at_ = now + retry_delay_ - Jitter(retry_delay_, server.id());
    }
  }
  if (servers_.empty() && last_failure_.has_value() && (was_login || now < retry_at_)) {
    line_.FailAll(Error(*last_failure_));
  }
  const LoginFailure kind = server.login_failure;
  if (was_login && owner_ != nullptr) owner_->OnLoginFailed(*this, kind, cause);
  if (was_check && owner_ != nullptr) owner_->OnCheckFailed(*this, kind, cause);
  LaunchServers();
}

size_t Pool::MinServers() const {
  const bool nobody = settings_.only_with_clients && clients == 0;
  return nobody ? 0 : std::min(settings_.min_pool_size, settings_.pool_size);
}

size_t Pool::ServersMax() const {
  const size_t spare = Planted(Sabotage::kLimitOffByOne) ? 1 : 0;
  const TimePoint oldest = OldestWait();
  const bool reserve = oldest != kNever && settings_.reserve_pool_size > 0 &&
                       DeadlineAfter(oldest, settings_.reserve_pool_timeout) <= world_.loop.Now();
  return settings_.pool_size + (reserve ? settings_.reserve_pool_size : 0) + spare;
}

bool Pool::WantsServer() const {
  if (stopping_ || paused_) return false;
  if (servers_.size() < MinServers()) return true;
  const bool wanted =
      logins_ + checks_ < line_.size() || (owner_ != nullptr && owner_->WantsLogin(*this));
  return wanted && servers_.size() < ServersMax();
}

TimePoint Pool::OldestWait() const {
  const Waiter* oldest = line_.oldest();
  if (oldest != nullptr) return oldest->waiting_since;
  return owner_ != nullptr ? owner_->OldestWait(*this) : kNever;
}

// After a failure: not now, or others wait for how the one that probes ends.
bool Pool::HoldsBack() const {
  return (MustProbe() && logins_ > 0) || !MayRetry();
}

bool Pool::CanConnect() {
  return !stopping_ && !paused_ && servers_.size() < ServersMax() && !HoldsBack() &&
         !share_.MustWait();
}

bool Pool::Probe() {
  if (stopping_ || paused_) return false;
  // One that waits idle says nothing of the host; a new connection does.
  if (servers_.size() >= ServersMax() && !idle_.empty()) idle_.front()->Close();
  if (servers_.size() >= ServersMax()) return false;
  LaunchOne(0);
  return true;
}

bool Pool::Ask() {
  if (stopping_ || paused_) return false;
  if (PooledServer* server = idle_.front(); server != nullptr && !Expired(*server)) {
    StartCheck(*server);
    return true;
  }
  return CanConnect() && Probe();
}

void Pool::LaunchServers() {
  while (WantsServer()) {
    if (last_failure_.has_value() && world_.loop.Now() < retry_at_) {
      world_.loop.Arm(retry_timer_, retry_at_);
      return;
    }
    if (MustProbe() && logins_ > 0) return;
    if (share_.MustWait()) {
      share_.StandInLine();
      return;
    }
    LaunchOne(0);
  }
  // A server has gone, or others are first in line now: the reserve opens at another time.
  if (settings_.reserve_pool_size > 0 && !line_.empty()) line_.ArmTimer();
}

bool Pool::MustProbe() const {
  return last_failure_.has_value() || lost_all_;
}

void Pool::LaunchOne(uint64_t replaces) {
  std::unique_ptr<Slot> slot = share_.Take();
  std::unique_ptr<PooledServer> server = world_.launcher.Launch(*this, world_.ids.Take());
  server->slot = std::move(slot);
  server->state = ServerState::kLogin;
  server->replaces = replaces;
  server->index = servers_.size();
  servers_.push_back(std::move(server));
  ++logins_;
}

void Pool::OnMayConnect() {
  if (WantsServer() && !HoldsBack()) LaunchOne(0);
  LaunchServers();
}

TimePoint Pool::UncoveredWait() const {
  Waiter* waiter = line_.oldest();
  for (uint32_t covered = 0; waiter != nullptr && covered < logins_; ++covered) {
    waiter = line_.Next(*waiter);
  }
  if (waiter != nullptr) return waiter->waiting_since;
  return owner_ != nullptr && owner_->WantsLogin(*this) ? owner_->OldestWait(*this) : kNever;
}

// Servers that became idle while clients wait: at the end of the turn.
void Pool::ServeWaiters() {
  while (!line_.empty() && !idle_.empty() && !paused_) {
    PooledServer& server = *idle_.front();
    if (Expired(server)) {
      server.Close();
    } else if (MustCheck(server)) {
      StartCheck(server);
    } else {
      GiveToOldest(server);
    }
  }
  line_.ArmTimer();
  LaunchServers();
}

}  // namespace pglynx::pool
