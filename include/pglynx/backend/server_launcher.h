#pragma once

// Makes the server connections of one pool: knows where the server is and how to log in.
// Owner: server::Worker, beside the pool; outlives the pool's servers.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "pglynx/auth/credentials.h"
#include "pglynx/auth/scram.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/handshake/server_handshake.h"
#include "pglynx/net/address.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/pool/pool.h"

namespace pglynx::backend {

class CancelSenders;

// What all server connections of a loop share.
struct BackendWorld {
  net::EventLoop& loop;
  net::Connector& connector;
  Log& log;
  Random& random;
  pool::ParameterTable& parameters;
  CancelSenders& cancels;
};

struct ServerTarget {
  net::Address address;
  std::string database;
  std::string user;
  auth::Credential credential;
  std::string connect_query;       // run once on each new connection; empty: none
  Duration connect_timeout{};      // of connect and login together, and of a reset
  Duration healthcheck_timeout{};  // of the answer to a health check
};

// What a secret of the file proves to a server: a SCRAM verifier proves nothing.
handshake::ServerCredential OwnCredential(const auth::Credential& credential);

class Launcher final : public pool::ServerLauncher {
 public:
  Launcher(BackendWorld& world, ServerTarget target) : world_(world), target_(std::move(target)) {}

  std::unique_ptr<pool::PooledServer> Launch(pool::Pool& pool, uint64_t id) override;

  // For connections made from now on.
  void SetTarget(ServerTarget target);
  [[nodiscard]] const ServerTarget& target() const { return target_; }
  BackendWorld& world() { return world_; }

  // What to prove ourselves with: the target's secret, or the SCRAM keys that the login of
  // a client revealed to the pool.
  [[nodiscard]] handshake::ServerCredential CredentialFor(const pool::Pool& pool) const;

  // PBKDF2 is paid once for a server's salt: all logins of a pool use the same.
  [[nodiscard]] const auth::ScramKeys* FindKeys(std::string_view salt, uint32_t iterations) const;
  void KeepKeys(std::string_view salt, uint32_t iterations, const auth::ScramKeys& keys);

 private:
  struct KnownKeys {
    std::string salt;
    uint32_t iterations;
    auth::ScramKeys keys;
  };
  BackendWorld& world_;
  ServerTarget target_;
  std::optional<KnownKeys> keys_;
};

}  // namespace pglynx::backend
