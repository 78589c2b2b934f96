#pragma once

// What PAUSE, RESUME, DISABLE, ENABLE, KILL, RECONNECT and WAIT_CLOSE do to the pools of one
// database, as clients ask for it, or of all (""). See admin::SteerWhat for each. Each is logged.
//
//   const Status started = Steer({pools, sessions, log}, SteerWhat::kPause, "app");
//   … until IsSettled(pools, SteerWhat::kPause, "app")

#include <string_view>

#include "pglynx/admin/command.h"
#include "pglynx/core/log.h"
#include "pglynx/core/result.h"
#include "pglynx/server/pools.h"

namespace pglynx::server {

struct SteeredWorld {
  Pools& pools;
  session::SessionTable& sessions;
  Log& log;
};

// Starts it. kUnknownDatabase: no pool has that name; kNotInPrerequisiteState: RESUME of what is
// not paused. Nothing is changed then.
Status Steer(SteeredWorld world, admin::SteerWhat what, std::string_view database);

// Whether what PAUSE or WAIT_CLOSE waits for has come, or cannot come any more.
bool IsSettled(const Pools& pools, admin::SteerWhat what, std::string_view database);

}  // namespace pglynx::server
