#pragma once

// The pools of a loop, made from the configuration: one for each (database as clients ask
// for it, user), with the launcher of its servers. Owner: Worker, or a simulation. Needs no
// socket: what it runs on is in its World.
//
// Every pool that the configuration names exists; those of "*" are made when a client asks
// and dropped when they are unused. A pool that a reload removes ends its clients between
// transactions and is kept until the last has left.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/backend/server_launcher.h"
#include "pglynx/config/config.h"
#include "pglynx/pool/budget.h"
#include "pglynx/pool/pool.h"
#include "pglynx/session/user_directory.h"

namespace pglynx::session {
class SessionTable;
}  // namespace pglynx::session

namespace pglynx::server {

class Pools {
 public:
  struct World {
    backend::BackendWorld& backend;
    pool::IdSource& ids;
  };
  // `config` must live until the next Apply. No pool exists before the first one.
  Pools(World world, const config::Config& config);
  ~Pools();
  Pools(const Pools&) = delete;
  Pools& operator=(const Pools&) = delete;

  // Brings the pools to this configuration; see above for those that it does not name.
  void Apply(const config::Config& config, session::SessionTable& sessions);
  // The pool of this user of the directory; made if it is new.
  pool::Pool& For(const session::UserEntry& user, std::string_view database);
  void DropUnused();
  // Fails every waiter with `error` and closes every free server.
  void Shutdown(const Error& error);

  // --- the console; `database` as clients ask for it, empty: all ---
  [[nodiscard]] bool Knows(std::string_view database) const;
  void Pause(std::string_view database);
  // False: nothing of it was paused.
  bool Resume(std::string_view database);
  void Disable(std::string_view database, bool disabled);
  // Its clients have been ended.
  void Kill(std::string_view database);
  void Reconnect(std::string_view database);
  // No server is left, or it is paused no more.
  [[nodiscard]] bool IsPaused(std::string_view database) const;
  // Those that Reconnect or a reload left to their users are gone.
  [[nodiscard]] bool AreReplaced(std::string_view database) const;
  [[nodiscard]] bool all_paused() const { return all_paused_; }
  [[nodiscard]] std::vector<pool::Pool*> Of(std::string_view database) const;

  void FillSnapshot(pool::Snapshot& snapshot, bool with_servers) const;
  // SHOW STATS averages over the time since the last call.
  void StartStatsPeriod();
  [[nodiscard]] size_t size() const { return pools_.size(); }
  // Logged in, those of pools that a reload has removed among them.
  [[nodiscard]] uint64_t client_count() const;
  void CheckInvariants() const;

 private:
  struct Entry {
    std::string config_pool;  // its name in the file, "*" for any
    std::unique_ptr<backend::Launcher> launcher;
    std::unique_ptr<pool::Pool> pool;
  };
  struct DroppedEntry;
  using Key = std::pair<std::string, std::string>;  // database as asked for, user

  [[nodiscard]] static bool IsUnused(const Entry& entry);
  // At the end of the turn: servers that were closed in it go first.
  void Drop(Entry entry);
  [[nodiscard]] bool ServersChanged(const Entry& entry, const backend::ServerTarget& target) const;

  World world_;
  const config::Config* config_;
  pool::Budget budget_;
  std::map<std::string, pool::DatabaseCount> databases_;  // by the pool's name in the file
  std::map<Key, Entry> pools_;
  std::vector<Entry> removed_;
  // What the console has said, for pools that are made later.
  bool all_paused_ = false;
  std::set<std::string, std::less<>> paused_;
  std::set<std::string, std::less<>> disabled_;
};

}  // namespace pglynx::server
