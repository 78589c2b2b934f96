#pragma once

// What sessions share: the loop and its tools, the limits in force, and the host that
// knows the pools. One per loop, owned by server::Worker; outlives every session.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/pool/pool.h"
#include "pglynx/routing/session_route.h"
#include "pglynx/session/user_directory.h"

namespace pglynx::session {

class SessionTable;

// The part of the worker that sessions call.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // The pool of this user for the database as the client named it; made if it is new.
  virtual pool::Pool& PoolFor(const UserEntry& user, std::string_view database) = 0;
  // How its clients are routed. Stays where it is for as long as the pool has clients; what it says
  // may change at a reload.
  virtual const routing::Rules& RulesFor(const pool::Pool& pool) = 0;
  // A client that asked for the console on the client port; `unread` is what it sent behind
  // its StartupMessage's login.
  virtual void OpenConsole(std::unique_ptr<net::Stream> stream, std::string unread) = 0;
};

struct SessionWorld {
  net::EventLoop& loop;
  Log& log;
  Random& random;
  SessionHost& host;
  pool::ParameterTable& parameters;
  pool::IdSource& ids;
  const config::Config* config;  // in force; replaced at a reload, never null
  UserDirectory users;
  // Clients that fit under the limit on open files, and connections that may be logging in
  // beside them.
  uint32_t clients_that_fit = UINT32_MAX;
  uint32_t logins_spare = 1000;
};

}  // namespace pglynx::session
