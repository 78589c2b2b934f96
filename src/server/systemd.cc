#include "pglynx/server/systemd.h"

#include <ctime>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace pglynx::server {
namespace {

void Notify(const std::string& text) {
  sd_notify(0, text.c_str());
}

}  // namespace

void NotifyReady(std::string_view status) {
  Notify(fmt::format("READY=1\nSTATUS={}", status));
}

void NotifyReloading() {
  // Type=notify-reload (systemd 253) compares this with its own clock.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  Notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                     int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

void NotifyStopping(std::string_view status) {
  Notify(fmt::format("STOPPING=1\nSTATUS={}", status));
}

void NotifyWatchdog() {
  Notify("WATCHDOG=1");
}

Duration WatchdogInterval() {
  uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) return Duration::zero();
  return Duration(static_cast<int64_t>(micros / 2));
}

}  // namespace pglynx::server
