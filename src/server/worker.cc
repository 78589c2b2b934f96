#include "pglynx/server/worker.h"

#include <csignal>

#include <fmt/format.h>

#include "pglynx/config/diff.h"
#include "pglynx/config/load.h"
#include "pglynx/core/check.h"
#include "pglynx/server/environment.h"
#include "pglynx/server/steering.h"
#include "pglynx/server/systemd.h"
#include "pglynx/server/version.h"
#include "server/descriptors.h"

namespace pglynx::server {
namespace {

// Averages in SHOW STATS are over the time since the last tick.
constexpr Duration kStatsPeriod = std::chrono::seconds(60);

// How long the cancels of what runs at the end may take, and how often they are counted.
constexpr Duration kCancelsMax = std::chrono::seconds(1);
constexpr Duration kCancelsTick = std::chrono::milliseconds(5);

const Error kShutdownError = {ErrorCode::kAdminShutdown,
                              "terminating connection due to administrator command: pglynx is "
                              "shutting down"};

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
      pools_({backend_world_, ids_}, *config_),
      names_({loop_, loop_, log_},
             [this](const std::string& name, std::span<const std::string> addresses) {
               pools_.OnAddresses(name, addresses);
             }),
      session_world_{.loop = loop_,
                     .log = log_,
                     .random = random_,
                     .host = *this,
                     .parameters = parameters_,
                     .ids = ids_,
                     .config = config_.get(),
                     .users = session::UserDirectory(*config_, {})},
      sessions_(std::make_unique<session::SessionTable>(session_world_)) {
  CheckDescriptors();
  consoles_ = std::make_unique<admin::ConsoleTable>(admin::ConsoleTable::World{
      loop_, log_, random_, *this, *this, config_->general.client_login_timeout});
  ApplyGlobalSettings();
  MakeConsoleCredentials();
  pools_.Apply(*config_, *sessions_);
  names_.Apply(*config_);
}

// Clients give their servers back, servers leave their pools, and only then may pools go.
Worker::~Worker() {
  listeners_.clear();
  console_listeners_.clear();
  consoles_->CloseAll();
  sessions_->OnEmpty({});
  sessions_->EndNow(nullptr, kShutdownError);
  sessions_.reset();
  consoles_.reset();
  pools_.Shutdown(kShutdownError);
  loop_.FinishTurn();
}

void Worker::HandleSignals() {
  // A log whose reader has gone must not end the service; sockets never raise it.
  std::signal(SIGPIPE, SIG_IGN);
  loop_.OnSignal(SIGHUP, [this] { OnReloadSignal(); });
  loop_.OnSignal(SIGTERM, [this] { OnStopSignal(); });
  loop_.OnSignal(SIGINT, [this] { OnStopSignal(); });
  loop_.OnSignal(SIGQUIT, [this] { StopNow(); });
}

Status Worker::Listen() {
  HandleSignals();  // before anybody can see that we are up
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
  stats_tick_at_ = loop_.Now();
  loop_.Arm(stats_timer_, loop_.Now() + kStatsPeriod);
  OnWatchdog();
  NotifyReady(fmt::format("serving {} pools", pools_.size()));
  log_.Info(fmt::format("pglynx {} is ready", kVersion));
  loop_.Run();
  log_.Info("stopped");
}

pool::Pool& Worker::PoolFor(const session::UserEntry& user, std::string_view database) {
  return pools_.For(user, database);
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

void Worker::CheckDescriptors() {
  const DescriptorPlan plan = PlanDescriptors(*config_, RaiseDescriptorLimit());
  session_world_.clients_that_fit = plan.clients;
  session_world_.logins_spare = plan.logins_spare;
  if (plan.clients >= config_->general.max_client_conn) return;
  log_.Warn(fmt::format(
      "the limit on open files is {} and {} are needed (max_client_conn = {}, servers, console): "
      "at most {} clients are taken; raise it (LimitNOFILE= in the unit, or ulimit -n)",
      plan.limit, plan.needed, config_->general.max_client_conn, plan.clients));
}

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
  config::LoadResult loaded = config::LoadConfig(config_path_, ServerEnvironment());
  if (!loaded) return Error{ErrorCode::kConfigFile, Join(loaded.errors().lines)};
  const std::shared_ptr<const config::Config> previous = config_;
  config_ = std::make_shared<const config::Config>(std::move(*loaded));
  const config::ConfigDiff diff = config::Diff(*previous, *config_);
  session_world_.config = config_.get();
  session_world_.users = session::UserDirectory(*config_, session_world_.users);
  CheckDescriptors();
  ApplyGlobalSettings();
  MakeConsoleCredentials();
  pools_.Apply(*config_, *sessions_);
  names_.Apply(*config_);
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
    EndClientsAndStop();
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
  EndClientsAndStop();
}

// What they run is cancelled: Postgres would go on with it, whoever has gone. The requests get a
// moment to arrive.
void Worker::EndClientsAndStop() {
  shutdown_timer_.Disarm();
  sessions_->OnEmpty({});
  sessions_->EndNow(nullptr, kShutdownError);
  cancels_end_at_ = loop_.Now() + kCancelsMax;
  OnCancelsTick();
}

void Worker::OnCancelsTick() {
  if (cancels_.size() == 0 || loop_.Now() >= cancels_end_at_) {
    StopNow();
  } else {
    loop_.Arm(cancels_timer_, loop_.Now() + kCancelsTick);
  }
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
  snapshot.users = static_cast<uint32_t>(session_world_.users.user_count());
  const net::UvEventLoop::Load load = loop_load_;
  snapshot.loop_lag_max_us = static_cast<uint64_t>(load.longest.count());
  const Duration period = kStatsPeriod;
  snapshot.loop_busy_permille = static_cast<uint32_t>(load.busy * 1000 / period);
  snapshot.draining = draining_ || stopping_;
  snapshot.paused = pools_.all_paused();
  sessions_->FillSnapshot(snapshot, connections);
  pools_.FillSnapshot(snapshot, connections);
  return snapshot;
}

std::vector<config::ConfigRow> Worker::ConfigRows() {
  return config::Describe(*config_);
}

Status Worker::Steer(admin::SteerWhat what, std::string_view database) {
  return server::Steer({pools_, *sessions_, log_}, what, database);
}

bool Worker::IsSettled(admin::SteerWhat what, std::string_view database) {
  return server::IsSettled(pools_, what, database);
}

Status Worker::KillClient(uint64_t id) {
  const Error killed = {ErrorCode::kAdminShutdown,
                        "terminating connection due to administrator command: KILL_CLIENT"};
  if (sessions_->EndClient(id, killed)) return Ok();
  return Error{ErrorCode::kInvalidParameterValue,
               fmt::format("no client has the id {}: see SHOW CLIENTS", id)};
}

Result<std::vector<pool::BanRow>> Worker::Ban(std::string_view host, std::optional<uint16_t> port,
                                              Duration length) {
  log_.Write(LogLevel::kInfo, "BAN",
             {{"host", std::string(host)},
              {"port", port.has_value() ? std::to_string(*port) : "any"},
              {"seconds", std::to_string(length.count() / 1'000'000)}});
  return pools_.Ban(host, port, length);
}

Result<std::vector<pool::BanRow>> Worker::Unban(std::string_view host,
                                                std::optional<uint16_t> port) {
  log_.Write(
      LogLevel::kInfo, "UNBAN",
      {{"host", std::string(host)}, {"port", port.has_value() ? std::to_string(*port) : "any"}});
  return pools_.Ban(host, port, std::nullopt);
}

void Worker::Drain(bool on) {
  if (stopping_) return;  // new clients are refused for good
  draining_ = on;
  log_.Info(on ? "DRAIN: new clients are refused" : "UNDRAIN: new clients are taken again");
  if (on) {
    sessions_->RefuseLogins({ErrorCode::kCannotConnectNow,
                             "pglynx is draining: it takes no new clients until UNDRAIN"});
  } else {
    sessions_->AllowLogins();
  }
}

std::string_view Worker::version() {
  return kVersion;
}

// ----- time -----

void Worker::OnStatsTick() {
  loop_load_ = loop_.TakeLoad();
  pools_.StartStatsPeriod();
  pools_.DropUnused();
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
