#pragma once

// A host that writes down what the console asks of it, and settles when the test says so.
// Header only.
//
//   FakeConsoleHost host;
//   host.settled = false;
//   ...                            // PAUSE waits
//   host.settled = true;
//   CHECK(host.calls == "steer 0 app;");

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/admin/console.h"

namespace pglynx::admin {

class FakeConsoleHost final : public ConsoleHost {
 public:
  pool::Snapshot TakeSnapshot(WhatToInclude what) override {
    calls += what == WhatToInclude::kPools ? "pools;" : "connections;";
    pool::Snapshot snapshot;
    snapshot.databases = databases;
    snapshot.paused = paused;
    if (what == WhatToInclude::kPoolsAndConnections) snapshot.clients.resize(1);
    return snapshot;
  }
  std::vector<config::ConfigRow> ConfigRows() override {
    calls += "config;";
    return {{"port", "6432", "6432", false}, {"log_level", "debug", "info", true}};
  }
  Result<std::vector<std::string>> Reload() override {
    calls += "reload;";
    if (reload_error) return *reload_error;
    return changes;
  }
  void Shutdown(ShutdownMode mode) override {
    calls += "shutdown " + std::to_string(static_cast<int>(mode)) + ';';
  }
  Status Steer(SteerWhat what, std::string_view database) override {
    calls += "steer " + Steered(what, database) + ';';
    return Answer();
  }
  bool IsSettled(SteerWhat what, std::string_view database) override {
    asked = Steered(what, database);
    ++questions;
    return settled;
  }
  Status KillClient(uint64_t id) override {
    calls += "kill " + std::to_string(id) + ';';
    return Answer();
  }
  Result<std::vector<pool::BanRow>> Ban(std::string_view host, std::optional<uint16_t> port,
                                        Duration length) override {
    calls += "ban " + Server(host, port) + ' ' + std::to_string(length.count()) + "us;";
    return Bans();
  }
  Result<std::vector<pool::BanRow>> Unban(std::string_view host,
                                          std::optional<uint16_t> port) override {
    calls += "unban " + Server(host, port) + ';';
    return Bans();
  }
  void Drain(bool on) override { calls += on ? "drain;" : "undrain;"; }
  std::string_view version() override { return "0.1.0"; }

  std::string calls;  // all but IsSettled and version
  std::vector<std::string> changes;
  std::optional<Error> reload_error;
  std::vector<pool::BanRow> bans;    // what Ban and Unban have changed
  std::optional<Error> steer_error;  // of Steer, KillClient, Ban and Unban
  uint32_t databases = 0;
  bool paused = false;
  bool settled = true;
  int questions = 0;  // calls of IsSettled
  std::string asked;  // by the last of them

 private:
  static std::string Steered(SteerWhat what, std::string_view database) {
    return std::to_string(static_cast<int>(what)) + ' ' + std::string(database);
  }
  static std::string Server(std::string_view host, std::optional<uint16_t> port) {
    return std::string(host) + ' ' + (port ? std::to_string(*port) : "all");
  }
  Result<std::vector<pool::BanRow>> Bans() const {
    if (steer_error) return *steer_error;
    return bans;
  }
  Status Answer() const { return steer_error ? Status(*steer_error) : Ok(); }
};

}  // namespace pglynx::admin
