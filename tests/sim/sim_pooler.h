#pragma once

// The pooler in the simulation: the product's sessions, pools and server connections, joined
// as server::Worker joins them, on SimLoop and SimNetwork. The console is left out.
//
// Owner: the simulation. Destroyed before loop and network.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pglynx/backend/cancel.h"
#include "pglynx/backend/server_launcher.h"
#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/pool/parameters.h"
#include "pglynx/server/pools.h"
#include "pglynx/session/session_table.h"
#include "pglynx/session/session_world.h"
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

  // --- SessionHost ---
  pool::Pool& PoolFor(const session::UserEntry& user, std::string_view database) override;
  void OpenConsole(std::unique_ptr<net::Stream> stream, std::string unread) override;

 private:
  World world_;
  std::unique_ptr<config::Config> config_;
  pool::ParameterTable parameters_;
  pool::IdSource ids_;
  backend::CancelSenders cancels_;
  backend::BackendWorld backend_world_;
  server::Pools pools_;
  session::SessionWorld session_world_;
  std::unique_ptr<session::SessionTable> sessions_;
  std::unique_ptr<net::Listener> listener_;
  // Servers that a pool may have although a reload made it smaller: those that it had.
  std::map<const pool::Pool*, size_t> surplus_;
  TimePoint reloaded_at_ = TimePoint::min();
};

}  // namespace pglynx::sim
