#include "pglynx/pool/pool.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/core/sabotage.h"

namespace pglynx::pool {

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

Pool::Pool(World world, PoolSettings settings) : world_(world), settings_(std::move(settings)) {}

Pool::~Pool() = default;

std::string Pool::Name() const {
  return fmt::format("{}/{}", settings_.database, settings_.user);
}

Pool::Outcome Pool::Acquire(Waiter& waiter) {
  if (stopping_) {
    return Error{ErrorCode::kAdminShutdown,
                 fmt::format("terminating connection: pool {} is being closed", Name())};
  }
  if (waiters_.empty()) {
    while (PooledServer* server = idle_.front()) {
      if (!Expired(*server)) return Give(*server, waiter.client_id());
      server->Close();  // reports OnServerGone, which takes it off the list
    }
  }
  if (servers_.empty() && last_failure_.has_value() && world_.loop.Now() < retry_at_) {
    return *last_failure_;
  }
  waiter.waiting_since = world_.loop.Now();
  waiters_.PushBack(waiter);
  if (waiters_.size() == 1) ArmWaitTimer();
  LaunchForWaiters();
  return Queued{};
}

bool Pool::Expired(const PooledServer& server) const {
  return server.close_needed || server.expires <= world_.loop.Now() || !server.AtMessageBoundary();
}

Lease Pool::Give(PooledServer& server, uint64_t client_id) {
  server.Unlink();
  server.state = ServerState::kActive;
  server.client_id = client_id;
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
  if (server.tracker().Quiet() && !Expired(server) && !server.HasCancelInFlight()) {
    server.Recycle();
  } else {
    server.Close();
  }
}

void Pool::OnServerReady(PooledServer& server) {
  // The safety rule, enforced where it counts: nothing else leads to the idle list.
  PGLYNX_CHECK(server.tracker().Idle() && !server.memory().needs_reset);
  if (server.state == ServerState::kLogin) {
    --logins_;
    last_failure_.reset();
    retry_delay_ = Duration::zero();
    server.born = world_.loop.Now();
    const Duration lifetime = settings_.server_lifetime;
    // Spread over the last tenth, so that connections made together do not end together.
    if (!waiters_.empty()) world_.loop.Post(serve_);  // the others follow the one that probed
    server.expires = DeadlineAfter(
        server.born, lifetime - lifetime * static_cast<int64_t>(server.id() % 10) / 100);
  }
  if (stopping_ || Expired(server) || servers_.size() > settings_.pool_size) {
    server.state = ServerState::kTested;
    server.Close();
    return;
  }
  if (Waiter* waiter = waiters_.front()) {
    waiter->Unlink();
    ArmWaitTimer();
    if (Planted(Sabotage::kLostWaiter)) return MakeIdle(server);
    stats_.wait_time += static_cast<uint64_t>((world_.loop.Now() - waiter->waiting_since).count());
    waiter->OnLease(Give(server, waiter->client_id()));
    return;
  }
  MakeIdle(server);
}

void Pool::MakeIdle(PooledServer& server) {
  server.state = ServerState::kIdle;
  server.idle_since = world_.loop.Now();
  if (settings_.server_round_robin) {
    idle_.PushBack(server);
  } else {
    idle_.PushFront(server);
  }
  const TimePoint due =
      std::min(server.expires, DeadlineAfter(server.idle_since, settings_.idle_timeout));
  if (!maintenance_.armed() || due < maintenance_.deadline()) {
    world_.loop.Arm(maintenance_, due);
  }
}

void Pool::OnServerGone(PooledServer& server, const Error& cause) {
  const bool was_login = server.state == ServerState::kLogin;
  server.Unlink();
  const size_t slot = server.slot;
  PGLYNX_CHECK(slot < servers_.size() && servers_[slot].get() == &server);
  std::unique_ptr<PooledServer> gone = std::move(servers_[slot]);
  servers_[slot] = std::move(servers_.back());
  servers_.pop_back();
  if (slot < servers_.size()) servers_[slot]->slot = slot;
  world_.loop.DeferDelete(std::move(gone));
  const TimePoint now = world_.loop.Now();
  if (was_login) {
    --logins_;
    last_failure_ = cause;
    if (now >= retry_at_) {  // logins that fail together count once
      retry_delay_ =
          std::clamp(retry_delay_ * 2, settings_.server_retry_min, settings_.server_retry_max);
      retry_at_ = now + retry_delay_;
    }
  }
  if (servers_.empty() && last_failure_.has_value() && (was_login || now < retry_at_)) {
    FailWaiters(Error(*last_failure_));
  }
  if (!waiters_.empty()) LaunchForWaiters();
}

void Pool::LaunchForWaiters() {
  if (stopping_) return;
  if (last_failure_.has_value() && world_.loop.Now() < retry_at_) {
    if (!waiters_.empty()) world_.loop.Arm(retry_timer_, retry_at_);
    return;
  }
  const size_t servers_max = settings_.pool_size + (Planted(Sabotage::kLimitOffByOne) ? 1 : 0);
  while (logins_ < waiters_.size() && servers_.size() < servers_max) {
    // After a failure one login probes; the others follow when it succeeds.
    if (last_failure_.has_value() && logins_ > 0) return;
    std::unique_ptr<PooledServer> server = world_.launcher.Launch(*this, world_.ids.Take());
    server->state = ServerState::kLogin;
    server->slot = servers_.size();
    servers_.push_back(std::move(server));
    ++logins_;
  }
}

// Servers that became idle while clients wait: at the end of the turn.
void Pool::ServeWaiters() {
  while (!waiters_.empty() && !idle_.empty()) {
    PooledServer& server = *idle_.front();
    if (Expired(server)) {
      server.Close();
      continue;
    }
    Waiter& waiter = *waiters_.front();
    waiter.Unlink();
    stats_.wait_time += static_cast<uint64_t>((world_.loop.Now() - waiter.waiting_since).count());
    waiter.OnLease(Give(server, waiter.client_id()));
  }
  ArmWaitTimer();
  LaunchForWaiters();
}

void Pool::FailWaiters(const Error& error) {
  // Only those who wait now: a client that is told may ask again at once.
  for (size_t left = waiters_.size(); left > 0 && !waiters_.empty(); --left) {
    Waiter* waiter = waiters_.front();
    waiter->Unlink();
    waiter->OnWaitFailed(error);
  }
  ArmWaitTimer();
}

void Pool::ArmWaitTimer() {
  const Waiter* oldest = waiters_.front();
  world_.loop.Arm(wait_timer_, oldest == nullptr ? kNever
                                                 : DeadlineAfter(oldest->waiting_since,
                                                                 settings_.query_wait_timeout));
}

void Pool::OnWaitDeadline() {
  const TimePoint now = world_.loop.Now();
  while (Waiter* waiter = waiters_.front()) {
    if (DeadlineAfter(waiter->waiting_since, settings_.query_wait_timeout) > now) break;
    waiter->Unlink();
    stats_.wait_time += static_cast<uint64_t>((now - waiter->waiting_since).count());
    std::string detail = fmt::format(
        "no server connection of pool {} became free within query_wait_timeout = {} ms "
        "(pool_size = {})",
        Name(), settings_.query_wait_timeout.count() / 1000, settings_.pool_size);
    if (last_failure_.has_value()) detail += ": " + last_failure_->detail;
    waiter->OnWaitFailed({ErrorCode::kQueryWaitTimeout, std::move(detail)});
  }
  ArmWaitTimer();
}

void Pool::Apply(PoolSettings settings) {
  settings_ = std::move(settings);
  ArmWaitTimer();
  world_.loop.Arm(maintenance_, world_.loop.Now());
  if (!waiters_.empty()) world_.loop.Post(serve_);
}

void Pool::ReplaceServers() {
  canonical_.clear();
  welcome_.reset();
  last_failure_.reset();
  retry_delay_ = Duration::zero();
  for (const std::unique_ptr<PooledServer>& server : servers_) server->close_needed = true;
  while (PooledServer* server = idle_.front()) server->Close();
  if (!waiters_.empty()) world_.loop.Post(serve_);
}

void Pool::Shutdown(const Error& error) {
  stopping_ = true;
  FailWaiters(error);
  for (const std::unique_ptr<PooledServer>& server : servers_) server->close_needed = true;
  while (PooledServer* server = idle_.front()) server->Close();
}

// Closes what has been idle or alive for too long, and what is too many since a reload.
void Pool::OnMaintenance() {
  const TimePoint now = world_.loop.Now();
  PooledServer* next = nullptr;
  for (PooledServer* server = idle_.front(); server != nullptr; server = next) {
    next = idle_.Next(*server);
    if (Expired(*server) || servers_.size() > settings_.pool_size ||
        DeadlineAfter(server->idle_since, settings_.idle_timeout) <= now) {
      server->Close();
    }
  }
  ArmMaintenance();
}

void Pool::ArmMaintenance() {
  TimePoint next = kNever;
  for (const PooledServer* server = idle_.front(); server != nullptr;
       server = idle_.Next(*server)) {
    next = std::min(
        {next, server->expires, DeadlineAfter(server->idle_since, settings_.idle_timeout)});
  }
  world_.loop.Arm(maintenance_, next);
}

const Parameter* Pool::FindCanonical(std::string_view name, std::string_view value) const {
  const std::string key = LowerCase(name) + '\0' + std::string(value);
  const auto found = canonical_.find(key);
  return found == canonical_.end() ? nullptr : &found->second;
}

void Pool::LearnCanonical(std::string_view name, std::string_view value, Parameter canonical) {
  if (canonical_.size() >= kCanonicalValuesMax) canonical_.erase(canonical_.begin());
  canonical_[LowerCase(name) + '\0' + std::string(value)] = std::move(canonical);
}

void Pool::FillRow(PoolRow& row) const {
  row.database = settings_.database;
  row.user = settings_.user;
  row.cl_waiting = static_cast<uint32_t>(waiters_.size());
  row.cl_active = clients > row.cl_waiting ? clients - row.cl_waiting : 0;
  row.sv_active_cancel = cancels_in_flight;
  for (const std::unique_ptr<PooledServer>& server : servers_) {
    switch (server->state) {
      case ServerState::kLogin:
        ++row.sv_login;
        break;
      case ServerState::kIdle:
        ++row.sv_idle;
        break;
      case ServerState::kActive:
        ++row.sv_active;
        break;
      case ServerState::kTested:
        ++row.sv_tested;
        break;
      case ServerState::kBeingCanceled:
        ++row.sv_being_canceled;
        break;
    }
  }
  if (const Waiter* oldest = waiters_.front()) {
    row.maxwait_us = static_cast<uint64_t>((world_.loop.Now() - oldest->waiting_since).count());
  }
  row.pool_mode = settings_.session_mode ? "session" : "transaction";
  row.pool_size = settings_.pool_size;
  row.server_lifetime_seconds =
      static_cast<uint32_t>(settings_.server_lifetime.count() / 1'000'000);
  row.stats = stats_;
  row.stats_previous = stats_previous;
}

void Pool::AppendServerRows(std::vector<ConnectionRow>& rows) const {
  for (const std::unique_ptr<PooledServer>& server : servers_) {
    ConnectionRow& row = rows.emplace_back();
    server->FillRow(row);
    row.id = server->id();
    row.user = settings_.user;
    row.database = settings_.database;
    row.close_needed = server->close_needed;
    row.link = server->client_id;
    row.prepared_statements = static_cast<uint32_t>(server->memory().statements.size());
    if (const ParameterRef& parameters = server->memory().parameters) {
      const std::string* name = parameters->Find("application_name");
      if (name != nullptr) row.application_name = *name;
    }
    switch (server->state) {
      case ServerState::kLogin:
        row.state = "new";
        break;
      case ServerState::kIdle:
        row.state = "idle";
        break;
      case ServerState::kActive:
        row.state = "active";
        break;
      case ServerState::kTested:
        row.state = "tested";
        break;
      case ServerState::kBeingCanceled:
        row.state = "being_canceled";
        break;
    }
  }
}

void Pool::CheckInvariants() const {
  size_t idle = 0;
  uint32_t logins = 0;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const PooledServer& server = *servers_[i];
    PGLYNX_CHECK(server.slot == i);
    PGLYNX_CHECK((server.state == ServerState::kIdle) == idle_.Contains(server));
    if (server.state == ServerState::kIdle) ++idle;
    if (server.state == ServerState::kLogin) ++logins;
  }
  PGLYNX_CHECK(idle == idle_.size());
  PGLYNX_CHECK(logins == logins_);
}

}  // namespace pglynx::pool
