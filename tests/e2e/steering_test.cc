// Goal: what an operator orders at the console is done to real connections, and undone; the
// service manager is told what goes on.
// Method: each command with clients that are idle, busy and waiting; a datagram socket in place
// of systemd's.

#include <chrono>
#include <csignal>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/wait.h"

using pglynx::e2e::AppConfig;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Connection;
using pglynx::e2e::Deadline;
using pglynx::e2e::Eventually;
using pglynx::e2e::Pooler;
using pglynx::e2e::QueryResult;
using pglynx::e2e::ServerCount;
using pglynx::e2e::TempDirectory;

namespace {

// Stands where systemd listens: sd_notify(3).
class NotifySocket {
 public:
  NotifySocket() : descriptor_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~NotifySocket() { close(descriptor_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  // Reads until a message with `text` has come; false if none does in time.
  bool Hears(const std::string& text) {
    const Deadline deadline(pglynx::e2e::kPatience);
    while (pglynx::e2e::WaitReadable({descriptor_}, deadline)) {
      char message[1024];
      const ssize_t got = recv(descriptor_, message, sizeof message, 0);
      if (got > 0 && std::string(message, static_cast<size_t>(got)).find(text) != std::string::npos)
        return true;
    }
    return false;
  }

 private:
  const TempDirectory directory_;
  const std::string path_ = directory_.path() + "/notify";
  int descriptor_;
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string Sqlstate(const QueryResult& result) {
  return result.sqlstate;
}

}  // namespace

TEST_CASE("PAUSE is answered when the last transaction has ended; clients wait until RESUME") {
  const AppPooler pooler({.pool_size = 2});
  Connection busy = pooler.Client();
  REQUIRE(busy.Exec("begin").ok());
  Connection waits = pooler.Client();
  Connection console = pooler.Admin();
  console.Send("pause app");
  REQUIRE(Eventually([&] { return pooler.Shown("databases", "name", "app", "paused") == "1"; }));
  waits.Send("select 'served'");
  REQUIRE(pooler.HasWaiting(1));
  CHECK(busy.Exec("select 1").value() == "1");
  CHECK(busy.Exec("commit").ok());
  CHECK(console.Receive().ok());
  CHECK(ServerCount() == 0);
  pglynx::e2e::Postgres().Restart();  // which is what PAUSE is for
  CHECK(pooler.HasWaiting(1));
  CHECK(console.Exec("resume app").ok());
  CHECK(waits.Receive().value() == "served");
  CHECK(Sqlstate(console.Exec("resume app")) == "55000");
  CHECK(Sqlstate(console.Exec("pause nowhere")) == "3D000");
}

TEST_CASE("a console that leaves while PAUSE waits leaves the pool paused") {
  const AppPooler pooler;
  Connection busy = pooler.Client();
  REQUIRE(busy.Exec("begin").ok());
  {
    Connection console = pooler.Admin();
    console.Send("pause");
    REQUIRE(Eventually([&] { return pooler.Shown("state", "key", "paused", "value") == "yes"; }));
  }
  CHECK(busy.Exec("commit").ok());
  CHECK(Eventually([] { return ServerCount() == 0; }));
  CHECK(pooler.Admin().Exec("resume").ok());
  CHECK(busy.Exec("select 1").value() == "1");
}

TEST_CASE("DISABLE refuses new clients of its database, DRAIN those of all") {
  const AppPooler pooler;
  Connection here = pooler.Client();
  Connection console = pooler.Admin();
  struct Case {
    const char* on;
    const char* off;
    const char* reason;
  };
  for (const Case& c :
       {Case{"disable app", "enable app", "DISABLE"}, Case{"drain", "undrain", "draining"}}) {
    CAPTURE(c.on);
    REQUIRE(console.Exec(c.on).ok());
    Connection refused = pooler.Client();
    CHECK_FALSE(refused.ok());
    CHECK(Has(refused.error(), c.reason));
    CHECK(here.Exec("select 1").value() == "1");
    REQUIRE(console.Exec(c.off).ok());
    CHECK(pooler.Client().Exec("select 1").value() == "1");
  }
}

TEST_CASE("KILL ends all clients and servers of a database, which then waits for RESUME") {
  const AppPooler pooler({.pool_size = 2});
  Connection idle = pooler.Client();
  REQUIRE(idle.Exec("select 1").ok());
  Connection busy = pooler.Client();
  REQUIRE(busy.Exec("begin").ok());
  Connection console = pooler.Admin();
  REQUIRE(console.Exec("kill app").ok());
  CHECK(Eventually([] { return ServerCount() == 0; }));
  const QueryResult told = busy.Exec("select 1");
  CHECK(Sqlstate(told) == "57P01");
  CHECK(Has(told.error, "KILL"));
  CHECK_FALSE(idle.Exec("select 1").ok());
  Connection next = pooler.Client();
  next.Send("select 'again'");
  REQUIRE(pooler.HasWaiting(1));
  REQUIRE(console.Exec("resume app").ok());
  CHECK(next.Receive().value() == "again");
}

TEST_CASE("KILL_CLIENT ends the one client, and needs admin rights") {
  const AppPooler pooler({.pool_size = 2, .admin = "stats_users = [\"app\"]"});
  Connection victim = pooler.Client({{"application_name", "victim"}});
  Connection other = pooler.Client();
  REQUIRE(victim.Exec("begin").ok());
  const std::string id = pooler.Shown("clients", "application_name", "victim", "id");
  CHECK(Sqlstate(pooler.Console("app", "secret").Exec("kill_client " + id)) == "42501");
  Connection console = pooler.Admin();
  REQUIRE(console.Exec("kill_client " + id).ok());
  CHECK(Sqlstate(victim.Exec("select 1")) == "57P01");
  CHECK(other.Exec("select 1").value() == "1");
  CHECK(Sqlstate(console.Exec("kill_client " + id)) == "22023");
}

TEST_CASE("RECONNECT replaces every server, WAIT_CLOSE ends when the old ones are gone") {
  const AppPooler pooler({.pool_size = 2});
  Connection busy = pooler.Client();
  REQUIRE(busy.Exec("begin").ok());
  const std::string pid = busy.Exec("select pg_backend_pid()").value();
  Connection console = pooler.Admin();
  REQUIRE(console.Exec("reconnect").ok());
  console.Send("wait_close");
  CHECK(busy.Exec("select pg_backend_pid()").value() == pid);
  CHECK(busy.Exec("commit").ok());
  CHECK(console.Receive().ok());
  CHECK(busy.Exec("select pg_backend_pid()").value() != pid);
}

TEST_CASE("the service manager hears of start, watchdog, reload and stop") {
  NotifySocket systemd;
  constexpr const char* kWatchdogMicros = "200000";
  Pooler pooler(AppConfig({}), {"NOTIFY_SOCKET=" + systemd.path(),
                                std::string("WATCHDOG_USEC=") + kWatchdogMicros});
  CHECK(systemd.Hears("READY=1"));
  for (int i = 0; i < 3; ++i) CHECK(systemd.Hears("WATCHDOG=1"));
  pooler.Signal(SIGHUP);
  CHECK(systemd.Hears("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(systemd.Hears("READY=1"));
  pooler.WriteConfig("broken = ");
  pooler.Signal(SIGHUP);
  CHECK(systemd.Hears("STATUS=reload failed"));
  pooler.Signal(SIGTERM);
  CHECK(systemd.Hears("STOPPING=1"));
  CHECK(pooler.WaitExit() == 0);
}
