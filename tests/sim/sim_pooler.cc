#include "sim/sim_pooler.h"

#include <algorithm>

#include <fmt/format.h>

namespace pglynx::sim {
namespace {

const Error kShutdownError = {ErrorCode::kAdminShutdown,
                              "terminating connection due to administrator command"};

}  // namespace

SimPooler::SimPooler(const World& world, config::Config config)
    : world_(world),
      config_(std::make_unique<config::Config>(std::move(config))),
      cancels_(world.loop, world.network),
      backend_world_{world.loop, world.network, world.log, world.random, parameters_, cancels_},
      pools_({backend_world_, ids_}, *config_),
      session_world_{.loop = world.loop,
                     .log = world.log,
                     .random = world.random,
                     .host = *this,
                     .parameters = parameters_,
                     .ids = ids_,
                     .config = config_.get(),
                     .users = session::UserDirectory(*config_, {})},
      sessions_(std::make_unique<session::SessionTable>(session_world_)) {
  pools_.Apply(*config_, *sessions_);
  listener_ =
      world_.network.Listen({config_->general.hosts.front(), config_->general.port}, *sessions_);
}

// In the order of Worker's destructor.
SimPooler::~SimPooler() {
  listener_.reset();
  sessions_->OnEmpty({});
  sessions_->EndNow(nullptr, kShutdownError);
  sessions_.reset();
  pools_.Shutdown(kShutdownError);
  world_.loop.FinishTurn();
}

void SimPooler::Reload(config::Config config) {
  for (const config::Pool& pool_config : config_->pools) {
    for (const config::PoolUser& user : pool_config.users) {
      pool::Pool& pool = this->pool(pool_config.name, user.username);
      surplus_[&pool] = pool.server_count();
    }
  }
  reloaded_at_ = world_.loop.Now();
  const auto previous = std::exchange(config_, std::make_unique<config::Config>(std::move(config)));
  session_world_.config = config_.get();
  session_world_.users = session::UserDirectory(*config_, session_world_.users);
  pools_.Apply(*config_, *sessions_);
}

void SimPooler::Stop() {
  listener_.reset();
  sessions_->RefuseLogins({ErrorCode::kCannotConnectNow, "pglynx is shutting down"});
  sessions_->EndWhenIdle(nullptr, kShutdownError);
}

void SimPooler::Tick() {
  pools_.StartStatsPeriod();
  pools_.DropUnused();
}

pool::Pool& SimPooler::PoolFor(const session::UserEntry& user, std::string_view database) {
  return pools_.For(user, database);
}

pool::Pool& SimPooler::pool(std::string_view database, std::string_view user) {
  return pools_.For(
      {.pool = std::string(database), .name = std::string(user), .secret = {}, .credential = {}},
      database);
}

void SimPooler::OpenConsole(std::unique_ptr<net::Stream> stream, std::string) {
  stream->Close();
}

void SimPooler::CheckInvariants() {
  pools_.CheckInvariants();
  Violations& violations = world_.violations;
  const uint32_t clients_max = config_->general.max_client_conn;
  if (sessions_->client_count() > clients_max) {
    violations.Report("I3", fmt::format("{} clients are logged in, max_client_conn = {}",
                                        sessions_->client_count(), clients_max));
  }
  uint64_t clients = 0;
  for (const config::Pool& pool_config : config_->pools) {
    for (const config::PoolUser& user : pool_config.users) {
      pool::Pool& pool = this->pool(pool_config.name, user.username);
      clients += pool.clients;
      const size_t servers_max = std::max(size_t{user.pool_size}, surplus_[&pool]);
      surplus_[&pool] = std::min(surplus_[&pool], pool.server_count());
      if (pool.server_count() > servers_max) {
        violations.Report("I3", fmt::format("pool {} has {} servers, pool_size = {}", pool.Name(),
                                            pool.server_count(), user.pool_size));
      }
      pool::PoolRow row;
      pool.FillRow(row);
      if (row.maxwait_us > static_cast<uint64_t>(user.query_wait_timeout.count()) &&
          user.query_wait_timeout != Duration::zero() && reloaded_at_ != world_.loop.Now()) {
        violations.Report(
            "I4", fmt::format("a client of pool {} waits for {} us", pool.Name(), row.maxwait_us));
      }
      if (row.sv_idle > 0 && row.cl_waiting > 0) {
        violations.Report("I4", fmt::format("pool {} has {} idle servers and {} waiting clients",
                                            pool.Name(), row.sv_idle, row.cl_waiting));
      }
      const uint64_t counted = uint64_t{row.sv_active} + row.sv_idle + row.sv_tested +
                               row.sv_login + row.sv_being_canceled;
      if (counted != pool.server_count()) {
        violations.Report("I7", fmt::format("pool {} counts {} servers and has {}", pool.Name(),
                                            counted, pool.server_count()));
      }
    }
  }
  if (clients != sessions_->client_count()) {
    violations.Report("I7", fmt::format("the pools count {} clients, the table has {}", clients,
                                        sessions_->client_count()));
  }
}

void SimPooler::CheckDrained() {
  pool::Snapshot snapshot;
  sessions_->FillSnapshot(snapshot, true);
  pools_.FillSnapshot(snapshot, true);
  Violations& violations = world_.violations;
  if (sessions_->client_count() != 0 || snapshot.login_clients != 0) {
    violations.Report("I8", fmt::format("{} clients and {} logins are left",
                                        sessions_->client_count(), snapshot.login_clients));
  }
  for (const pool::ConnectionRow& row : snapshot.clients) {
    violations.Explain(fmt::format("client session {} of {}:{} is {}, linked to {}, pinned by {}",
                                   row.id, row.address, row.port, row.state, row.link,
                                   row.pin_reason));
  }
  for (const pool::ConnectionRow& row : snapshot.servers) {
    violations.Explain(fmt::format("server connection {} of {}:{} is {}, linked to {}", row.id,
                                   row.local_address, row.local_port, row.state, row.link));
  }
  if (cancels_.size() != 0) {
    violations.Report("I8", fmt::format("{} cancels are left", cancels_.size()));
  }
  for (const pool::PoolRow& row : snapshot.pools) {
    const uint32_t busy = row.cl_waiting + row.sv_active + row.sv_tested + row.sv_login +
                          row.sv_being_canceled + row.sv_active_cancel;
    if (busy == 0) continue;
    violations.Report(
        "I8", fmt::format("pool {}/{} has {} waiting, {} active, {} tested, {} login, {} being "
                          "canceled, {} cancels",
                          row.database, row.user, row.cl_waiting, row.sv_active, row.sv_tested,
                          row.sv_login, row.sv_being_canceled, row.sv_active_cancel));
  }
}

}  // namespace pglynx::sim
