#include "sim/sim_pooler.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "pglynx/server/steering.h"

namespace pglynx::sim {
namespace {

const Error kShutdownError = {ErrorCode::kAdminShutdown,
                              "terminating connection due to administrator command"};

}  // namespace

SimPooler::SimPooler(const World& world, config::Config config)
    : world_(world),
      config_(std::make_unique<config::Config>(std::move(config))),
      ban_watch_({world.loop, world.network, world.violations, pools_,
                  [this]() -> const config::Config& { return *config_; }}),
      cancels_(world.loop, world.network),
      backend_world_{world.loop, ban_watch_, world.log, world.random, parameters_, cancels_},
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
  for (const auto& [what, counted] : CountAll()) surplus_[what] = counted.now;
  reloaded_at_ = world_.loop.Now();
  const auto previous = std::exchange(config_, std::make_unique<config::Config>(std::move(config)));
  session_world_.config = config_.get();
  session_world_.users = session::UserDirectory(*config_, session_world_.users);
  ban_watch_.OnReload();
  pools_.Apply(*config_, *sessions_);
}

void SimPooler::Steer(admin::SteerWhat what, std::string_view database) {
  // RESUME of what has been resumed, or has gone, is an error that nobody here asks about.
  static_cast<void>(server::Steer({pools_, *sessions_, world_.log}, what, database));
}

void SimPooler::KillSomeClient(uint64_t choice) {
  pool::Snapshot snapshot;
  sessions_->FillSnapshot(snapshot, true);
  if (snapshot.clients.empty()) return;
  std::vector<uint64_t> ids;
  for (const pool::ConnectionRow& row : snapshot.clients) ids.push_back(row.id);
  std::sort(ids.begin(), ids.end());
  sessions_->EndClient(ids[choice % ids.size()], kShutdownError);
}

void SimPooler::Drain(bool on) {
  if (on) {
    sessions_->RefuseLogins({ErrorCode::kCannotConnectNow, "pglynx is draining"});
  } else {
    sessions_->AllowLogins();
  }
}

void SimPooler::Ban(const net::Address& server, std::optional<Duration> length) {
  if (!pools_.Ban(server.host, server.port, length)) return;  // nobody could stand in
  if (length.has_value()) {
    ban_watch_.OnAdminBan(server, *length);
  } else {
    ban_watch_.OnUnban(server);
  }
}

void SimPooler::EndNow() {
  sessions_->EndNow(nullptr, kShutdownError);
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

std::map<std::string, SimPooler::Counted> SimPooler::CountAll() {
  std::map<std::string, Counted> counted;
  counted["clients"] = {sessions_->client_count(), config_->general.max_client_conn};
  for (const config::Pool& pool_config : config_->pools) {
    Counted& clients = counted["clients of database " + pool_config.name];
    clients.most = pool_config.max_client_conn;
    for (const config::PoolUser& user : pool_config.users) {
      const std::vector<const pool::Pool*> pools = PoolsOf(pool_config.name, user);
      clients.now += pools.front()->clients;
      counted["clients of " + pools.front()->Name()] = {pools.front()->clients,
                                                        user.max_client_conn};
      Counted& of_user = counted["connections of user " + user.username];
      of_user.most = config_->general.max_user_connections;
      size_t index = 0;
      for (const config::Shard& shard : pool_config.shards) {
        for (const config::ServerTarget& server : shard.servers) {
          const pool::Pool& pool = *pools[index++];
          const std::string address = fmt::format("{}:{}", server.host, server.port);
          Counted& on_server = counted["connections to " + address];
          on_server.most = std::max<size_t>(on_server.most, server.max_connections);
          on_server.now += pool.server_count();
          Counted& of_database =
              counted[fmt::format("connections to database {} on {}", shard.database, address)];
          of_database.most = pool_config.max_db_connections;
          of_database.now += pool.server_count();
          of_user.now += pool.server_count();
          counted[fmt::format("servers of {} on {}", pool.Name(), address)] = {
              pool.server_count(), size_t{user.pool_size} + user.reserve_pool_size};
        }
      }
    }
  }
  return counted;
}

void SimPooler::CheckLimits() {
  for (const auto& [what, counted] : CountAll()) {
    size_t& surplus = surplus_[what];
    surplus = std::min(surplus, counted.now);
    if (counted.most == 0 || counted.now <= std::max(counted.most, surplus)) continue;
    world_.violations.Report(
        "I3", fmt::format("{}: {}, the limit is {}", what, counted.now, counted.most));
  }
  // One read of each stream may be more than was asked about.
  constexpr uint64_t kSlack = uint64_t{512} * 1024;
  const uint64_t held = world_.loop.blocks().taken_bytes();
  if (held > config_->general.max_buffered_bytes + kSlack) {
    world_.violations.Report("I3", fmt::format("{} bytes are held, max_buffered_bytes = {}", held,
                                               config_->general.max_buffered_bytes));
  }
}

void SimPooler::CheckWaits() {
  for (const config::Pool& pool_config : config_->pools) {
    for (const config::PoolUser& user : pool_config.users) {
      const std::vector<const pool::Pool*> pools = PoolsOf(pool_config.name, user);
      for (const pool::Pool* pool : pools) CheckPool(*pool, user);
      if (pools.front()->cluster != nullptr) CheckLines(pool_config, user, pools);
    }
  }
}

void SimPooler::CheckPool(const pool::Pool& pool, const config::PoolUser& user) {
  pool::PoolRow row;
  pool.FillRow(row);
  if (row.maxwait_us > 0) {
    CheckWait("pool " + pool.Name(), Duration(static_cast<int64_t>(row.maxwait_us)), user);
  }
  if (row.sv_idle > 0 && row.cl_waiting > 0) {
    world_.violations.Report("I4", fmt::format("pool {} has {} idle servers and {} waiting clients",
                                               pool.Name(), row.sv_idle, row.cl_waiting));
  }
  const uint64_t counted =
      uint64_t{row.sv_active} + row.sv_idle + row.sv_tested + row.sv_login + row.sv_being_canceled;
  if (counted != pool.server_count()) {
    world_.violations.Report("I7", fmt::format("pool {} counts {} servers and has {}", pool.Name(),
                                               counted, pool.server_count()));
  }
}

void SimPooler::CheckWait(const std::string& who, Duration waited, const config::PoolUser& user) {
  const Duration most = user.query_wait_timeout;
  if (waited <= most || most == Duration::zero() || reloaded_at_ == world_.loop.Now()) return;
  world_.violations.Report("I4",
                           fmt::format("a client of {} waits for {} us", who, waited.count()));
}

// Whatever role they wait for: where every server has a free connection, nobody waits.
void SimPooler::CheckLines(const config::Pool& pool_config, const config::PoolUser& user,
                           const std::vector<const pool::Pool*>& pools) {
  const pool::Cluster* cluster = pools.front()->cluster;
  size_t index = 0;
  for (uint32_t shard = 0; shard < pool_config.shards.size(); ++shard) {
    const TimePoint oldest = cluster->OldestWait(shard);
    if (oldest == kNever) {
      index += pool_config.shards[shard].servers.size();
      continue;
    }
    const std::string who = fmt::format("shard {} of {}", shard, pool_config.name);
    CheckWait(who, world_.loop.Now() - oldest, user);
    bool all_idle = true;
    for (size_t left = pool_config.shards[shard].servers.size(); left > 0; --left) {
      const pool::Pool& pool = *pools[index++];
      pool::PoolRow row;
      pool.FillRow(row);
      // One that is asked whether it is there gets nobody until it has answered.
      all_idle = all_idle && pool.HasIdle() && row.sv_tested + row.sv_login == 0;
    }
    if (!all_idle) continue;
    if (HasBans()) continue;
    world_.violations.Report(
        "I4", fmt::format("all servers of {} are idle, and {} clients wait, the oldest for {} us",
                          who, cluster->waiter_count(shard), (world_.loop.Now() - oldest).count()));
  }
}

bool SimPooler::HasBans() const {
  pool::Snapshot snapshot;
  pools_.FillSnapshot(snapshot, false);
  return !snapshot.bans.empty();
}

std::vector<const pool::Pool*> SimPooler::PoolsOf(const std::string& database,
                                                  const config::PoolUser& user) const {
  std::vector<const pool::Pool*> pools;
  for (const pool::Pool* pool : pools_.Of(database)) {
    if (pool->settings().user == user.username) pools.push_back(pool);
  }
  return pools;
}

void SimPooler::CheckInvariants() {
  pools_.CheckInvariants();
  CheckLimits();
  CheckWaits();
  ban_watch_.Check();
  if (pools_.client_count() != sessions_->client_count()) {
    world_.violations.Report("I7", fmt::format("the pools count {} clients, the table has {}",
                                               pools_.client_count(), sessions_->client_count()));
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
    const uint32_t logins = row.min_pool_size > 0 ? 0 : row.sv_login;  // that many are kept
    // Idle servers are asked whether they are there, at times of their own.
    const bool checks = std::any_of(
        config_->pools.begin(), config_->pools.end(),
        [](const config::Pool& pool) { return pool.healthcheck_delay > Duration::zero(); });
    const uint32_t tested = checks ? 0 : row.sv_tested;
    const uint32_t busy = row.cl_waiting + row.sv_active + tested + logins + row.sv_being_canceled +
                          row.sv_active_cancel;
    if (busy == 0) continue;
    violations.Report(
        "I8", fmt::format("pool {}/{} has {} waiting, {} active, {} tested, {} login, {} being "
                          "canceled, {} cancels",
                          row.database, row.user, row.cl_waiting, row.sv_active, row.sv_tested,
                          row.sv_login, row.sv_being_canceled, row.sv_active_cancel));
  }
}

}  // namespace pglynx::sim
