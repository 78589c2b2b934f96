#include "pglynx/server/steering.h"

#include <string>

#include <fmt/format.h>

#include "pglynx/session/session_table.h"

namespace pglynx::server {
namespace {

using admin::SteerWhat;

std::string_view NameOf(SteerWhat what) {
  switch (what) {
    case SteerWhat::kPause:
      return "PAUSE";
    case SteerWhat::kResume:
      return "RESUME";
    case SteerWhat::kDisable:
      return "DISABLE";
    case SteerWhat::kEnable:
      return "ENABLE";
    case SteerWhat::kKill:
      return "KILL";
    case SteerWhat::kReconnect:
      return "RECONNECT";
    case SteerWhat::kWaitClose:
      return "WAIT_CLOSE";
  }
  return "";
}

void Kill(SteeredWorld world, std::string_view database, const std::string& of) {
  const Error killed = {ErrorCode::kAdminShutdown,
                        "terminating connection due to administrator command: KILL of " + of};
  for (const pool::Pool* pool : world.pools.Of(database)) world.sessions.EndNow(pool, killed);
  world.pools.Kill(database);
}

}  // namespace

Status Steer(SteeredWorld world, SteerWhat what, std::string_view database) {
  if (!world.pools.Knows(database)) {
    return Error{ErrorCode::kUnknownDatabase, fmt::format("no such database: {}", database)};
  }
  const std::string of = database.empty() ? "all databases" : fmt::format("database {}", database);
  switch (what) {
    case SteerWhat::kPause:
      world.pools.Pause(database);
      break;
    case SteerWhat::kResume:
      if (!world.pools.Resume(database)) {
        return Error{ErrorCode::kNotInPrerequisiteState, of + " is not paused"};
      }
      break;
    case SteerWhat::kDisable:
    case SteerWhat::kEnable:
      world.pools.Disable(database, what == SteerWhat::kDisable);
      break;
    case SteerWhat::kKill:
      Kill(world, database, of);
      break;
    case SteerWhat::kReconnect:
      world.pools.Reconnect(database);
      break;
    case SteerWhat::kWaitClose:
      break;  // it only waits
  }
  world.log.Info(fmt::format("{} of {}", NameOf(what), of));
  return Ok();
}

bool IsSettled(const Pools& pools, SteerWhat what, std::string_view database) {
  if (what == SteerWhat::kPause) return pools.IsPaused(database);
  return what != SteerWhat::kWaitClose || pools.AreReplaced(database);
}

}  // namespace pglynx::server
