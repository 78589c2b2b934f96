// Goal: systemd is told what its manual asks for, and nothing is sent without it. The
// method: a datagram socket in the place of systemd's.
#include "pglynx/server/systemd.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/catch.h"

namespace {

// An abstract socket that the kernel names; $NOTIFY_SOCKET points to it.
class FakeSystemd {
 public:
  FakeSystemd() : descriptor_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0);
    socklen_t length = sizeof address;
    REQUIRE(getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    const std::string name(address.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
    setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  ~FakeSystemd() {
    unsetenv("NOTIFY_SOCKET");
    close(descriptor_);
  }
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

  std::string Receive() {
    char bytes[1024];
    const ssize_t got = recv(descriptor_, bytes, sizeof bytes, 0);
    return got < 0 ? "" : std::string(bytes, static_cast<size_t>(got));
  }

 private:
  int descriptor_;
};

}  // namespace

TEST_CASE("each state is one datagram") {
  FakeSystemd systemd;
  pglynx::server::NotifyReady("serving 2 pools");
  CHECK(systemd.Receive() == "READY=1\nSTATUS=serving 2 pools");
  pglynx::server::NotifyStopping("waiting");
  CHECK(systemd.Receive() == "STOPPING=1\nSTATUS=waiting");
  pglynx::server::NotifyWatchdog();
  CHECK(systemd.Receive() == "WATCHDOG=1");
  pglynx::server::NotifyReloading();
  CHECK(systemd.Receive().rfind("RELOADING=1\nMONOTONIC_USEC=", 0) == 0);
}

TEST_CASE("nothing is sent where systemd did not start the process") {
  unsetenv("NOTIFY_SOCKET");
  pglynx::server::NotifyReady("nobody listens");
  SUCCEED("returned");
}

TEST_CASE("the watchdog is fed twice as often as it bites") {
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
  CHECK(pglynx::server::WatchdogInterval() == pglynx::Duration::zero());
  setenv("WATCHDOG_USEC", "15000000", 1);
  CHECK(pglynx::server::WatchdogInterval() == pglynx::Duration(7'500'000));
  unsetenv("WATCHDOG_USEC");
}
