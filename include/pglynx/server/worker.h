#pragma once

// One loop and all it owns: listeners, clients, pools, console. The place where the modules
// are joined. Owner: main.
//
//   Worker worker(log, path, std::move(config));
//   if (Status started = worker.Listen(); !started) return Complain(started.error());
//   worker.Run();    // until the last client has left after a stop

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/admin/console_table.h"
#include "pglynx/backend/cancel.h"
#include "pglynx/backend/server_launcher.h"
#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/net/uv_event_loop.h"
#include "pglynx/pool/pool.h"
#include "pglynx/server/name_watch.h"
#include "pglynx/server/pools.h"
#include "pglynx/session/session_table.h"
#include "pglynx/session/session_world.h"

namespace pglynx::server {

class Worker final : public session::SessionHost,
                     public admin::ConsoleHost,
                     public admin::ConsoleUsers {
 public:
  Worker(StderrLog& log, std::string config_path, config::Config config);
  ~Worker() override;

  // Opens the listeners and the console's. Fails with the address and the cause.
  Status Listen();
  void Run();

  // SIGTERM and SIGINT: the first ends clients between transactions, the second all.
  void OnStopSignal();
  // SIGQUIT.
  void StopNow();
  // SIGHUP: reloads, and logs what changed or what is wrong.
  void OnReloadSignal();

  // --- SessionHost ---
  pool::Pool& PoolFor(const session::UserEntry& user, std::string_view database) override;
  const routing::Rules& RulesFor(const pool::Pool& pool) override { return pools_.RulesFor(pool); }
  void OpenConsole(std::unique_ptr<net::Stream> stream, std::string unread) override;
  // --- ConsoleHost ---
  pool::Snapshot TakeSnapshot(admin::WhatToInclude what) override;
  std::vector<config::ConfigRow> ConfigRows() override;
  Result<std::vector<std::string>> Reload() override;
  void Shutdown(admin::ShutdownMode mode) override;
  Status Steer(admin::SteerWhat what, std::string_view database) override;
  bool IsSettled(admin::SteerWhat what, std::string_view database) override;
  Status KillClient(uint64_t id) override;
  Result<std::vector<pool::BanRow>> Ban(std::string_view host, std::optional<uint16_t> port,
                                        Duration length) override;
  Result<std::vector<pool::BanRow>> Unban(std::string_view host,
                                          std::optional<uint16_t> port) override;
  void Drain(bool on) override;
  std::string_view version() override;
  // --- ConsoleUsers ---
  std::optional<Known> FindConsoleUser(std::string_view name) override;

 private:
  void HandleSignals();
  void ApplyGlobalSettings();
  // Whether the process may open as many files as clients and servers need.
  void CheckDescriptors();
  void MakeConsoleCredentials();
  void OnShutdownDeadline();
  void EndClientsAndStop();
  void OnCancelsTick();
  void OnStatsTick();
  void OnWatchdog();

  StderrLog& log_;
  const std::string config_path_;
  std::shared_ptr<const config::Config> config_;
  SystemRandom random_;
  net::UvEventLoop loop_;
  pool::ParameterTable parameters_;
  pool::IdSource ids_;
  backend::CancelSenders cancels_;
  backend::BackendWorld backend_world_;
  Pools pools_;
  NameWatch names_;
  session::SessionWorld session_world_;
  std::unique_ptr<session::SessionTable> sessions_;
  auth::Credential admin_credential_;
  std::map<std::string, auth::Credential> stats_credentials_;
  std::unique_ptr<admin::ConsoleTable> consoles_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<std::unique_ptr<net::Listener>> console_listeners_;
  bool stopping_ = false;
  bool draining_ = false;
  net::UvEventLoop::Load loop_load_;  // of the last stats period
  TimePoint stats_tick_at_{};
  TimePoint cancels_end_at_{};
  Timer stop_timer_ = MemberTimer<&Worker::StopNow>(this);
  Timer shutdown_timer_ = MemberTimer<&Worker::OnShutdownDeadline>(this);
  Timer cancels_timer_ = MemberTimer<&Worker::OnCancelsTick>(this);
  Timer stats_timer_ = MemberTimer<&Worker::OnStatsTick>(this);
  Timer watchdog_timer_ = MemberTimer<&Worker::OnWatchdog>(this);
};

}  // namespace pglynx::server
