// Goal: who waits is told, and who cannot be served in time is told at once.
// Method: a pool whose servers do nothing by themselves, in virtual time.

#include "pglynx/pool/line.h"

#include <deque>
#include <string>
#include <vector>

#include "pglynx/pool/pool.h"
#include "support/catch.h"
#include "support/fake_pool.h"

using pglynx::ErrorCode;
using pglynx::pool::Pool;
using pglynx::pool::PoolSettings;
using pglynx::test::FakePool;
using pglynx::test::FakeWaiter;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Fixture : FakePool {
  explicit Fixture(const PoolSettings& settings) : pool(world(), settings) {}
  ~Fixture() {
    for (FakeWaiter& client : clients) client.Release();
    loop.EndTurn();
  }

  FakeWaiter& Ask() {
    clients.emplace_back(clients.size() + 1);
    clients.back().Ask(pool);
    return clients.back();
  }

  Pool pool;
  std::deque<FakeWaiter> clients;
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a client that waits for query_wait_notify is told once") {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  settings.query_wait_notify = seconds(5);
  Fixture world(settings);
  world.Ask();
  world.launcher.LogIn();
  FakeWaiter& second = world.Ask();
  world.loop.Pass(seconds(2));
  FakeWaiter& third = world.Ask();
  world.loop.Pass(seconds(3) - milliseconds(1));
  CHECK(second.notices.empty());
  world.loop.Pass(milliseconds(1));
  REQUIRE(second.notices.size() == 1);
  CHECK(second.notices[0] ==
        "this client waits for a server connection of pool app/ann since 5000 ms (pool_size = 1)");
  CHECK(third.notices.empty());
  world.loop.Pass(seconds(2));
  CHECK(second.notices.size() == 1);
  CHECK(third.notices.size() == 1);
}

TEST_CASE("one that left the line is not told, and counts anew when it is back") {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  settings.query_wait_notify = seconds(5);
  Fixture world(settings);
  world.Ask();
  world.launcher.LogIn();
  FakeWaiter& leaves = world.Ask();
  world.loop.Pass(seconds(3));
  leaves.Unlink();
  world.loop.Pass(seconds(1));
  leaves.Ask(world.pool);
  world.loop.Pass(seconds(4));
  CHECK(leaves.notices.empty());
  world.loop.Pass(seconds(1));
  CHECK(leaves.notices.size() == 1);
}

TEST_CASE("a connect that hangs is named to those who waited for it in vain") {
  Fixture world(FakePool::Settings());
  FakeWaiter& client = world.Ask();
  world.loop.Pass(seconds(10));
  REQUIRE(client.failures.size() == 1);
  CHECK(Has(client.failures[0].detail, ": the login at fake:1 is not done yet"));
}

TEST_CASE("clients that cannot be served within query_wait_timeout are refused at once") {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  settings.query_wait_timeout = seconds(10);
  Fixture world(settings);
  world.Ask();
  world.launcher.LogIn();
  size_t served = 0;
  const auto serve_one = [&] { world.clients[served++].Release(); };
  // Each client holds the server for 100 ms, and every 50 ms one more comes.
  size_t refused = 0;
  size_t timed_out = 0;
  for (int turn = 0; turn < 2000; ++turn) {
    world.Ask();
    world.loop.Pass(milliseconds(50));
    if (turn % 2 == 0) continue;
    while (!world.clients[served].has_lease()) ++served;  // those that were refused
    serve_one();
  }
  for (const FakeWaiter& client : world.clients) {
    if (client.failures.empty()) continue;
    if (Has(client.failures[0].detail, "is overloaded")) {
      ++refused;
      CHECK(client.failures[0].code == ErrorCode::kQueryWaitTimeout);
    } else {
      ++timed_out;
    }
  }
  INFO(refused << " refused, " << timed_out << " waited in vain");
  CHECK(refused > 800);  // half of those that came, but for the line that it took to see it
  CHECK(timed_out * 20 < refused);
}

TEST_CASE("the reserve opens in time for whoever is first in line by then") {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  settings.query_wait_timeout = seconds(60);
  settings.reserve_pool_size = 1;
  settings.reserve_pool_timeout = seconds(2);
  Fixture world(settings);
  world.Ask();
  world.launcher.LogIn();
  FakeWaiter& first = world.Ask();
  world.loop.Pass(seconds(1));
  world.Ask();
  world.loop.Pass(seconds(1));
  REQUIRE(world.pool.server_count() == 2);
  world.launcher.LogIn();
  REQUIRE(first.has_lease());
  first.Lose("gone");
  world.loop.EndTurn();
  CHECK(world.pool.server_count() == 1);  // the second has waited for a second only
  world.loop.Pass(seconds(1));
  CHECK(world.pool.server_count() == 2);
}

TEST_CASE("a long line that moves fast enough refuses nobody") {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  settings.query_wait_timeout = seconds(10);
  Fixture world(settings);
  for (int i = 0; i < 900; ++i) world.Ask();
  world.launcher.LogIn();
  for (size_t i = 0; i < 900; ++i) {
    world.loop.Pass(milliseconds(10));
    world.clients[i].Release();
    REQUIRE(world.clients[i].failures.empty());
  }
}

TEST_CASE("client limits name the key and the value") {
  PoolSettings settings = FakePool::Settings();
  settings.max_user_clients = 2;
  settings.max_db_clients = 3;
  Fixture world(settings);
  CHECK(!world.pool.ClientRefusal().has_value());
  world.pool.CountClient(true);
  CHECK(!world.pool.ClientRefusal().has_value());
  SECTION("of the user") {
    world.pool.CountClient(true);
    REQUIRE(world.pool.ClientRefusal().has_value());
    CHECK(world.pool.ClientRefusal()->code == ErrorCode::kTooManyConnections);
    CHECK(Has(world.pool.ClientRefusal()->detail, "max_client_conn = 2"));
    world.pool.CountClient(false);
    CHECK(!world.pool.ClientRefusal().has_value());
  }
  SECTION("of the database, whichever pool they are in") {
    world.database.clients = 3;
    REQUIRE(world.pool.ClientRefusal().has_value());
    CHECK(Has(world.pool.ClientRefusal()->detail, "max_client_conn of the pool = 3"));
  }
  SECTION("and DISABLE refuses all") {
    world.pool.disabled = true;
    REQUIRE(world.pool.ClientRefusal().has_value());
    CHECK(world.pool.ClientRefusal()->code == ErrorCode::kCannotConnectNow);
  }
}
