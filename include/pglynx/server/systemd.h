#pragma once

// What systemd is told ("sd_notify" in its manual). Each call does nothing where the process
// was not started by systemd.

#include <string_view>

#include "pglynx/core/time.h"

namespace pglynx::server {

void NotifyReady(std::string_view status);
void NotifyReloading();
void NotifyStopping(std::string_view status);
// The loop is alive.
void NotifyWatchdog();
// How often NotifyWatchdog must be called; zero: not at all.
Duration WatchdogInterval();

}  // namespace pglynx::server
