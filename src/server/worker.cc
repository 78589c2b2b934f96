#include "pglynx/server/worker.h"

#include <csignal>
#include <sys/resource.h>

#include <fmt/format.h>

#include "pglynx/config/diff.h"
#include "pglynx/config/load.h"
#include "pglynx/core/check.h"
#include "pglynx/server/systemd.h"
#include "pglynx/server/version.h"
#include "server/pool_settings.h"

namespace pglynx::server {
namespace {

// Averages in SHOW STATS are over the time since the last tick.
constexpr Duration kStatsPeriod = std::chrono::seconds(60);

const Error kShutdownError = {ErrorCode::kAdminShutdown,
                              "terminating connection due to administrator command: pglynx is "
                              "shutting down"};

// Each client and each server is a descriptor; the soft limit is often 1,024.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

std::string Join(const std::vector<std::string>& lines) {
  std::string joined;
  for (const std::string& line : lines) {
    if (!joined.empty()) joined += '\n';
    joined += line;
  }
  return joined;
}

}  // namespace

Worker::Worker(StderrLog& log, std::string config_path, config::Config config)
    : log_(log),
      config_path_(std::move(config_path)),
      config_(std::make_shared<const config::Config>(std::move(config))),
      loop_(log),
      cancels_(loop_, loop_),
      backend_world_{loop_, loop_, log_, random_, parameters_, cancels_},
      session_world_{.loop = loop_,
                     .log = log_,
                     .random = random_,
                     .host = *this,
                     .parameters = parameters_,
                     .ids = ids_,
                     .config = config_.get(),
                     .users = session::UserDirectory(*config_, {})},
      sessions_(std::make_unique<session::SessionTable>(session_world_)) {
  RaiseDescriptorLimit();
  consoles_ = std::make_unique<admin::ConsoleTable>(admin::ConsoleTable::World{
      loop_, log_, random_, *this, *this, config_->general.client_login_timeout});
  ApplyGlobalSettings();
  MakeConsoleCredentials();
  ApplyToPools();
}

// Clients give their servers back, servers leave their pools, and only then may pools go.
Worker::~Worker() {
  listeners_.clear();
  console_listeners_.clear();
  consoles_->CloseAll();
  sessions_->OnEmpty({});
  sessions_->EndNow(kShutdownError);
  sessions_.reset();
  consoles_.reset();
  for (auto& [key, entry] : pools_) entry.pool->Shutdown(kShutdownError);
  for (PoolEntry& entry : removed_pools_) entry.pool->Shutdown(kShutdownError);
  loop_.FinishTurn();
  for (auto& [key, entry] : pools_) entry.pool.reset();
  for (PoolEntry& entry : removed_pools_) entry.pool.reset();
}

Status Worker::Listen() {
  const config::Config& config = *config_;
  for (const std::string& host : config.general.hosts) {
    Result<std::unique_ptr<net::Listener>> listener =
        loop_.Listen({host, config.general.port}, *sessions_);
    if (!listener) return listener.error();
    log_.Info(fmt::format("listening on {}", (*listener)->address().ToString()));
    listeners_.push_back(std::move(*listener));
  }
  if (!config.admin.enabled) {
    log_.Warn("console disabled: [admin] has no password");
  } else if (config.admin.port != 0) {
    Result<std::unique_ptr<net::Listener>> listener =
        loop_.Listen({config.admin.host, config.admin.port}, *consoles_);
    if (!listener) return listener.error();
    log_.Info(fmt::format("console on {}", (*listener)->address().ToString()));
    console_listeners_.push_back(std::move(*listener));
  }
  return Ok();
}

void Worker::Run() {
  loop_.OnSignal(SIGHUP, [this] { OnReloadSignal(); });
  loop_.OnSignal(SIGTERM, [this] { OnStopSignal(); });
  loop_.OnSignal(SIGINT, [this] { OnStopSignal(); });
  loop_.OnSignal(SIGQUIT, [this] { StopNow(); });
  stats_tick_at_ = loop_.Now();
  loop_.Arm(stats_timer_, loop_.Now() + kStatsPeriod);
  OnWatchdog();
  NotifyReady(fmt::format("serving {} pools", pools_.size()));
  log_.Info(fmt::format("pglynx {} is ready", kVersion));
  loop_.Run();
  log_.Info("stopped");
}

// ----- pools -----

pool::Pool& Worker::PoolFor(const session::UserEntry& user, std::string_view database) {
  const PoolKey key(database, user.name);
  const auto found = pools_.find(key);
  if (found != pools_.end()) return *found->second.pool;
  const config::Pool* pool_config = FindPool(*config_, user.pool);
  PGLYNX_CHECK(pool_config != nullptr);  // the directory is made from this configuration
  const config::PoolUser* user_config = FindUser(*pool_config, user.name);
  PGLYNX_CHECK(user_config != nullptr);
  PoolEntry entry;
  entry.config_pool = pool_config->name;
  entry.launcher = std::make_unique<backend::Launcher>(
      backend_world_, TargetOf(*pool_config, *user_config, database));
  entry.pool = std::make_unique<pool::Pool>(
      pool::Pool::World{loop_, log_, *entry.launcher, parameters_, ids_},
      SettingsOf(*config_, *pool_config, *user_config, database));
  return *pools_.emplace(key, std::move(entry)).first->second.pool;
}

bool Worker::ServersChanged(const PoolEntry& entry, const backend::ServerTarget& target) const {
  const backend::ServerTarget& now = entry.launcher->target();
  return now.address != target.address || now.database != target.database ||
         now.user != target.user || now.connect_query != target.connect_query ||
         now.credential.kind() != target.credential.kind() ||
         now.credential.secret().view() != target.credential.secret().view();
}

// Brings the pools to the configuration in force: those that are named exist, those that
// are not any more end.
void Worker::ApplyToPools() {
  for (auto at = pools_.begin(); at != pools_.end();) {
    const auto& [database, user_name] = at->first;
    PoolEntry& entry = at->second;
    const config::Pool* pool_config = FindPool(*config_, entry.config_pool);
    const config::PoolUser* user =
        pool_config != nullptr ? FindUser(*pool_config, user_name) : nullptr;
    const bool shadowed = entry.config_pool == "*" && FindPool(*config_, database) != nullptr;
    pool::PoolSettings settings;
    if (user != nullptr) settings = SettingsOf(*config_, *pool_config, *user, database);
    if (user == nullptr || shadowed ||
        settings.session_mode != entry.pool->settings().session_mode) {
      const Error ended = {ErrorCode::kAdminShutdown,
                           fmt::format("terminating connection: pool {} was removed or changed "
                                       "its mode at a reload",
                                       entry.pool->Name())};
      entry.pool->Shutdown(ended);
      sessions_->EndWhenIdle(entry.pool.get(), ended);
      removed_pools_.push_back(std::move(entry));
      at = pools_.erase(at);
      continue;
    }
    backend::ServerTarget target = TargetOf(*pool_config, *user, database);
    const bool replace = ServersChanged(entry, target);
    entry.launcher->SetTarget(std::move(target));
    if (replace) entry.pool->ReplaceServers();
    entry.pool->Apply(std::move(settings));
    ++at;
  }
  for (const config::Pool& pool_config : config_->pools) {
    if (pool_config.name == "*") continue;  // its pools are made when somebody asks
    for (const config::PoolUser& user : pool_config.users) {
      static_cast<void>(
          PoolFor({.pool = pool_config.name, .name = user.username, .secret = {}, .credential = {}},
                  pool_config.name));
    }
  }
}

void Worker::DropUnusedPools() {
  std::erase_if(removed_pools_, [](const PoolEntry& entry) {
    return entry.pool->clients == 0 && entry.pool->empty();
  });
  std::erase_if(pools_, [](const auto& item) {
    const PoolEntry& entry = item.second;
    return entry.config_pool == "*" && entry.pool->clients == 0 && entry.pool->empty();
  });
}

// ----- settings -----

void Worker::ApplyGlobalSettings() {
  const config::General& general = config_->general;
  loop_.SetSocketOptions({.keepalive_idle = general.tcp_keepalives_idle,
                          .keepalive_interval = general.tcp_keepalives_interval,
                          .keepalive_count = general.tcp_keepalives_count,
                          .user_timeout = general.tcp_user_timeout});
  // The two enumerations have the same order; config sees no log header.
  log_.Configure(static_cast<LogLevel>(general.log_level),
                 static_cast<LogFormat>(general.log_format));
}

namespace {

auth::Credential ConsoleCredential(const config::Secret& secret, Random& random) {
  if (secret.kind == config::Secret::Kind::kNone) return {};
  Result<auth::Credential> credential = auth::Credential::Parse(secret.text);
  PGLYNX_CHECK(credential.has_value());  // a Config that exists is valid
  if (credential->kind() == auth::Credential::Kind::kPlainPassword) {
    // At start and reload only, a millisecond each.
    credential->CacheVerifier(auth::MakeVerifier(credential->secret().view(), random));
  }
  return std::move(*credential);
}

}  // namespace

void Worker::MakeConsoleCredentials() {
  admin_credential_ = ConsoleCredential(config_->admin.password, random_);
  stats_credentials_.clear();
  for (const std::string& name : config_->admin.stats_users) {
    const session::UserEntry* user = session_world_.users.FindByName(name);
    if (user != nullptr) stats_credentials_[name] = ConsoleCredential(user->secret, random_);
  }
}

std::optional<admin::ConsoleUsers::Known> Worker::FindConsoleUser(std::string_view name) {
  if (name == config_->admin.username &&
      admin_credential_.kind() != auth::Credential::Kind::kNone) {
    return Known{&admin_credential_, admin::Rights::kAdmin};
  }
  const auto found = stats_credentials_.find(std::string(name));
  if (found == stats_credentials_.end()) return std::nullopt;
  return Known{&found->second, admin::Rights::kStats};
}

Result<std::vector<std::string>> Worker::Reload() {
  config::LoadResult loaded = config::LoadConfig(config_path_, config::ProcessEnvironment());
  if (!loaded) return Error{ErrorCode::kConfigFile, Join(loaded.errors().lines)};
  const std::shared_ptr<const config::Config> previous = config_;
  config_ = std::make_shared<const config::Config>(std::move(*loaded));
  const config::ConfigDiff diff = config::Diff(*previous, *config_);
  session_world_.config = config_.get();
  session_world_.users = session::UserDirectory(*config_, session_world_.users);
  ApplyGlobalSettings();
  MakeConsoleCredentials();
  ApplyToPools();
  for (const std::string& warning : config_->warnings) log_.Warn(warning);
  std::vector<std::string> lines = diff.Describe();
  for (const std::string& line : lines) log_.Info("reload: " + line);
  log_.Info(fmt::format("configuration reloaded: {} changes", lines.size()));
  return lines;
}

void Worker::OnReloadSignal() {
  NotifyReloading();
  const Result<std::vector<std::string>> reloaded = Reload();
  if (!reloaded) {
    log_.Error("reload failed, the old configuration stays in force");
    std::string_view rest = reloaded.error().detail;
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      log_.Error(rest.substr(0, end));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
  NotifyReady(reloaded ? fmt::format("serving {} pools", pools_.size())
                       : "reload failed, the old configuration stays in force");
}

// ----- stopping -----

void Worker::OnStopSignal() {
  if (stopping_) {
    log_.Warn("second signal to stop: closing all clients now");
    sessions_->EndNow(kShutdownError);
    StopNow();
    return;
  }
  log_.Info("stopping: clients end between transactions");
  Shutdown(admin::ShutdownMode::kWaitForServers);
}

void Worker::Shutdown(admin::ShutdownMode mode) {
  if (mode == admin::ShutdownMode::kImmediate) {
    loop_.Arm(stop_timer_, loop_.Now());
    return;
  }
  stopping_ = true;
  NotifyStopping("waiting for clients");
  listeners_.clear();
  sessions_->RefuseLogins({ErrorCode::kCannotConnectNow, "pglynx is shutting down"});
  sessions_->OnEmpty([this] { loop_.Arm(stop_timer_, loop_.Now()); });
  if (mode == admin::ShutdownMode::kWaitForServers) {
    loop_.Arm(shutdown_timer_, DeadlineAfter(loop_.Now(), config_->general.shutdown_timeout));
    sessions_->EndWhenIdle(nullptr, kShutdownError);
  }
  if (sessions_->client_count() == 0) loop_.Arm(stop_timer_, loop_.Now());
}

void Worker::OnShutdownDeadline() {
  log_.Warn(fmt::format("shutdown_timeout: closing {} clients", sessions_->client_count()));
  sessions_->EndNow(kShutdownError);
  StopNow();
}

void Worker::StopNow() {
  NotifyStopping("stopping");
  loop_.Stop();
}

// ----- console -----

void Worker::OpenConsole(std::unique_ptr<net::Stream> stream, std::string unread) {
  consoles_->Open(std::move(stream), unread);
}

pool::Snapshot Worker::TakeSnapshot(admin::WhatToInclude what) {
  const bool connections = what == admin::WhatToInclude::kPoolsAndConnections;
  pool::Snapshot snapshot;
  snapshot.stats_period_us = static_cast<uint64_t>((loop_.Now() - stats_tick_at_).count());
  snapshot.databases = static_cast<uint32_t>(config_->pools.size());
  snapshot.users = static_cast<uint32_t>(session_world_.users.size());
  sessions_->FillSnapshot(snapshot, connections);
  for (const auto& [key, entry] : pools_) {
    pool::PoolRow& row = snapshot.pools.emplace_back();
    entry.pool->FillRow(row);
    const backend::ServerTarget& target = entry.launcher->target();
    row.host = target.address.host;
    row.port = target.address.port;
    row.server_database = target.database;
    if (target.user != row.user) row.server_user = target.user;
    if (connections) entry.pool->AppendServerRows(snapshot.servers);
  }
  return snapshot;
}

std::vector<config::ConfigRow> Worker::ConfigRows() {
  return config::Describe(*config_);
}

std::string_view Worker::version() {
  return kVersion;
}

// ----- time -----

void Worker::OnStatsTick() {
  for (auto& [key, entry] : pools_) entry.pool->stats_previous = entry.pool->stats();
  DropUnusedPools();
  stats_tick_at_ = loop_.Now();
  loop_.Arm(stats_timer_, loop_.Now() + kStatsPeriod);
}

void Worker::OnWatchdog() {
  const Duration interval = WatchdogInterval();
  if (interval == Duration::zero()) return;
  NotifyWatchdog();
  loop_.Arm(watchdog_timer_, loop_.Now() + interval);
}

}  // namespace pglynx::server
