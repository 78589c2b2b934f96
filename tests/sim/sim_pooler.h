#pragma once

// The pooler in the simulation: the product's sessions, pools and server connections, joined
// as server::Worker joins them, on SimLoop and SimNetwork. The console is left out.
//
// Owner: the simulation. Destroyed before loop and network.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/admin/command.h"
#include "pglynx/backend/cancel.h"
#include "pglynx/backend/server_launcher.h"
#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/pool/parameters.h"
#include "pglynx/server/pools.h"
#include "pglynx/session/session_table.h"
#include "pglynx/session/session_world.h"
#include "sim/ban_watch.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "sim/violations.h"

namespace pglynx::sim {

class SimPooler final : public session::SessionHost {
 public:
  struct World {
    SimLoop& loop;
    SimNetwork& network;
    Random& random;
    Log& log;
    Violations& violations;
  };
  // Listens on the configuration's first host and port.
  SimPooler(const World& world, config::Config config);
  ~SimPooler() override;

  // As a reload does.
  void Reload(config::Config config);
  // As SIGTERM does: no new clients, those that are here end between transactions.
  void Stop();
  // As a command of the console does.
  void Steer(admin::SteerWhat what, std::string_view database);
  // As KILL_CLIENT does to one of the clients, whichever `choice` picks.
  void KillSomeClient(uint64_t choice);
  // DRAIN and UNDRAIN.
  void Drain(bool on);
  // BAN and, without a length, UNBAN.
  void Ban(const net::Address& server, std::optional<Duration> length);
  // The end of shutdown_timeout.
  void EndNow();
  // What Worker does at its statistics tick.
  void Tick();

  // Reports what is broken of I3, I4 and I7; ends the process where the pool itself finds a
  // contradiction.
  void CheckInvariants();
  // Reports what is left of clients that have all gone: I8.
  void CheckDrained();

  // The pool of a configured database and user.
  pool::Pool& pool(std::string_view database, std::string_view user);
  session::SessionTable& sessions() { return *sessions_; }
  server::Pools& pools() { return pools_; }
  [[nodiscard]] const config::Config& config() const { return *config_; }
  [[nodiscard]] const BanWatch& ban_watch() const { return ban_watch_; }
  // Some server is banned, as SHOW BANS has it.
  [[nodiscard]] bool HasBans() const;

  // --- SessionHost ---
  pool::Pool& PoolFor(const session::UserEntry& user, std::string_view database) override;
  const routing::Rules& RulesFor(const pool::Pool& pool) override { return pools_.RulesFor(pool); }
  void OpenConsole(std::unique_ptr<net::Stream> stream, std::string unread) override;

 private:
  World world_;
  std::unique_ptr<config::Config> config_;
  pool::ParameterTable parameters_;
  pool::IdSource ids_;
  BanWatch ban_watch_;
  backend::CancelSenders cancels_;
  backend::BackendWorld backend_world_;
  server::Pools pools_;
  session::SessionWorld session_world_;
  std::unique_ptr<session::SessionTable> sessions_;
  std::unique_ptr<net::Listener> listener_;
  // What is limited and how many there are now, by what a person is told.
  struct Counted {
    size_t now = 0;
    size_t most = 0;  // 0: no limit
  };
  [[nodiscard]] std::map<std::string, Counted> CountAll();
  void CheckLimits();
  void CheckWaits();
  // Of one server, and of the lines in front of several.
  void CheckPool(const pool::Pool& pool, const config::PoolUser& user);
  void CheckWait(const std::string& who, Duration waited, const config::PoolUser& user);
  void CheckLines(const config::Pool& pool_config, const config::PoolUser& user,
                  const std::vector<const pool::Pool*>& pools);
  // In the order of the configuration.
  [[nodiscard]] std::vector<const pool::Pool*> PoolsOf(const std::string& database,
                                                       const config::PoolUser& user) const;

  // What there may be although a reload lowered the limit: what there was.
  std::map<std::string, size_t> surplus_;
  TimePoint reloaded_at_ = TimePoint::min();
};

}  // namespace pglynx::sim
