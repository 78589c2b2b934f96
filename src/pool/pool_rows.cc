// What the console shows of a pool, and what tests check.

#include "pglynx/core/check.h"
#include "pglynx/pool/pool.h"

namespace pglynx::pool {

void Pool::FillRow(PoolRow& row) const {
  row.database = settings_.database;
  row.user = settings_.user;
  row.cl_waiting = static_cast<uint32_t>(line_.size());
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
  if (const Waiter* oldest = line_.oldest()) {
    row.maxwait_us = static_cast<uint64_t>((world_.loop.Now() - oldest->waiting_since).count());
  }
  row.pool_mode = settings_.session_mode ? "session" : "transaction";
  row.pool_size = settings_.pool_size;
  row.min_pool_size = settings_.min_pool_size;
  row.reserve_pool_size = settings_.reserve_pool_size;
  row.max_db_clients = settings_.max_db_clients;
  row.max_user_clients = settings_.max_user_clients;
  row.max_db_connections = settings_.limits[static_cast<size_t>(LimitKind::kDatabase)];
  row.max_user_connections = settings_.limits[static_cast<size_t>(LimitKind::kUser)];
  row.cl_pinned = pinned_;
  row.max_pinned = settings_.max_pinned;
  row.paused = paused_;
  row.disabled = disabled;
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
    PGLYNX_CHECK(server.index == i);
    PGLYNX_CHECK(server.slot != nullptr);
    PGLYNX_CHECK((server.state == ServerState::kIdle) == idle_.Contains(server));
    if (server.state == ServerState::kIdle) ++idle;
    if (server.state == ServerState::kLogin) ++logins;
  }
  PGLYNX_CHECK(idle == idle_.size());
  PGLYNX_CHECK(logins == logins_);
  // Nobody waits without something being under way for it: a login, a retry, a place in line.
  const bool may_grow = servers_.size() < settings_.pool_size;  // the reserve has its own time
  if (WantsServer() && may_grow && UncoveredWait() != kNever && !serve_.linked()) {
    const bool retries = last_failure_.has_value() && retry_timer_.armed();
    PGLYNX_CHECK(retries || (MustProbe() && logins_ > 0) || share_.in_line());
  }
  PGLYNX_CHECK(line_.empty() || line_.timer_armed() ||
               settings_.query_wait_timeout == Duration::zero());
}

}  // namespace pglynx::pool
