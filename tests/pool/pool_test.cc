// Goal: the pool's rules hold: first in, first out; never more servers than pool_size; a
// server is handed on only if it is clean; a failed login is told at once and retried with
// patience. Method: one case per rule in virtual time, then a seeded random run of 100,000
// steps with the invariants after each.
#include "pglynx/pool/pool.h"

#include <deque>

#include "pglynx/core/random.h"
#include "support/catch.h"
#include "support/fake_pool.h"

using pglynx::Duration;
using pglynx::ErrorCode;
using pglynx::SeededRandom;
using pglynx::pool::Pool;
using pglynx::pool::PoolSettings;
using pglynx::pool::ServerState;
using pglynx::test::FakePool;
using pglynx::test::FakeServer;
using pglynx::test::FakeWaiter;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Fixture : FakePool {
  explicit Fixture(PoolSettings settings = Settings()) : pool(world(), std::move(settings)) {}
  ~Fixture() { loop.EndTurn(); }

  // A server that has logged in and is idle.
  FakeServer& IdleServer() {
    FakeWaiter client(99);
    client.Ask(pool);
    launcher.LogIn();
    FakeServer& server = client.server();
    client.Release();
    return server;
  }

  Pool pool;
};

PoolSettings SettingsOfSize(uint32_t pool_size) {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = pool_size;
  return settings;
}

}  // namespace

TEST_CASE("Pool gives a released server to the client that waits longest") {
  Fixture world(SettingsOfSize(1));
  std::vector<uint64_t> order;
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 5; ++id) {
    clients.emplace_back(id).NoteIn(order);
    clients.back().Ask(world.pool);
  }
  world.launcher.LogIn();
  for (FakeWaiter& client : clients) {
    REQUIRE(client.has_lease());
    CHECK(client.server().client_id == client.client_id());
    client.Release();
    world.pool.CheckInvariants();
  }
  CHECK(order == std::vector<uint64_t>{1, 2, 3, 4, 5});
  CHECK(world.launcher.launches == 1);
  CHECK(world.pool.stats().server_assignment_count == 5);
}

TEST_CASE("Pool lets a new client wait behind those that wait already") {
  Fixture world(SettingsOfSize(1));
  FakeWaiter first(1);
  FakeWaiter second(2);
  FakeWaiter third(3);
  first.Ask(world.pool);
  world.launcher.LogIn();
  second.Ask(world.pool);
  third.Ask(world.pool);
  first.Release();
  CHECK(second.has_lease());
  first.Ask(world.pool);
  second.Release();
  CHECK(third.has_lease());
  CHECK_FALSE(first.has_lease());
}

TEST_CASE("Pool forgets a waiter that is destroyed") {
  Fixture world(SettingsOfSize(1));
  FakeWaiter second(2);
  {
    FakeWaiter first(1);
    first.Ask(world.pool);
    second.Ask(world.pool);
  }
  CHECK(world.pool.waiter_count() == 1);
  world.launcher.LogIn();
  CHECK(second.has_lease());
}

TEST_CASE("Pool opens one connection per waiting client, pool_size at most") {
  Fixture world(SettingsOfSize(3));
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 5; ++id) {
    clients.emplace_back(id).Ask(world.pool);
    CHECK(world.launcher.launches == std::min<uint64_t>(id, 3));
  }
  for (int login = 0; login < 3; ++login) world.launcher.LogIn();
  CHECK(world.pool.waiter_count() == 2);
  CHECK(world.launcher.launches == 3);
  world.pool.CheckInvariants();
}

TEST_CASE("Pool tells every waiter of a failed login when no server is left") {
  Fixture world;
  FakeWaiter first(1);
  FakeWaiter second(2);
  FakeWaiter third(3);
  first.Ask(world.pool);
  second.Ask(world.pool);
  third.Ask(world.pool);
  world.launcher.RefuseLogin("no such role");
  CHECK(first.failures.empty());  // the second login may still succeed
  world.launcher.RefuseLogin("no such role");
  for (FakeWaiter* client : {&first, &second, &third}) {
    REQUIRE(client->failures.size() == 1);
    CHECK(client->failures[0].detail == "no such role");
  }
  CHECK(world.pool.waiter_count() == 0);
}

TEST_CASE("Pool lets its clients wait after a failed login while another server lives") {
  Fixture world;
  FakeWaiter holder(1);
  FakeWaiter client(2);
  holder.Ask(world.pool);
  world.launcher.LogIn();
  client.Ask(world.pool);
  world.launcher.RefuseLogin("too many connections");
  CHECK(client.failures.empty());
  holder.Release();
  CHECK(client.has_lease());
}

TEST_CASE("Pool answers with the cause until it tries again") {
  Fixture world;
  FakeWaiter client(1);
  client.Ask(world.pool);
  world.launcher.RefuseLogin("refused");
  client.Ask(world.pool);
  CHECK(client.failures.size() == 2);
  CHECK(client.failures[1].detail == "refused");
  CHECK(world.launcher.launches == 1);
  world.loop.Pass(seconds(1));
  client.Ask(world.pool);
  CHECK(world.launcher.launches == 2);
  world.launcher.LogIn();
  CHECK(client.has_lease());
}

TEST_CASE("Pool doubles the time between failed logins up to server_retry_max, less a jitter") {
  Fixture world;
  FakeWaiter client(1);
  for (const int wait : {1, 2, 4, 8, 8}) {
    client.Ask(world.pool);
    world.launcher.RefuseLogin("refused");
    const size_t launches = world.launcher.launches;
    world.loop.Pass(milliseconds(750) * wait - milliseconds(1));
    client.Ask(world.pool);
    CHECK(world.launcher.launches == launches);
    world.loop.Pass(milliseconds(250) * wait + milliseconds(1));
  }
}

TEST_CASE("Pools that lost their server together do not come back to it together") {
  FakePool world;
  std::deque<Pool> pools;
  std::deque<FakeWaiter> clients;
  constexpr size_t kPools = 40;
  for (size_t i = 0; i < kPools; ++i) {
    pools.emplace_back(world.world(), FakePool::Settings());
    clients.emplace_back(i + 1).Ask(pools[i]);
  }
  for (size_t i = 0; i < kPools; ++i) world.launcher.RefuseLogin("refused");
  const size_t launches = world.launcher.launches;
  size_t most_at_once = 0;
  size_t before = launches;
  for (int step = 0; step < 100; ++step) {
    world.loop.Pass(milliseconds(10));
    for (size_t i = 0; i < kPools; ++i) {
      if (!clients[i].linked() && !clients[i].has_lease()) clients[i].Ask(pools[i]);
    }
    most_at_once = std::max(most_at_once, world.launcher.launches - before);
    before = world.launcher.launches;
  }
  CHECK(before == launches + kPools);
  CHECK(most_at_once <= 5);  // of 25 steps in which they may come
  for (FakeWaiter& client : clients) client.Unlink();
}

// Logins that were started together fail for one cause: that is one failure.
TEST_CASE("Pool tries again after server_retry_min when several logins fail together") {
  Fixture world(SettingsOfSize(4));
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 4; ++id) clients.emplace_back(id).Ask(world.pool);
  for (int login = 0; login < 4; ++login) world.launcher.RefuseLogin("refused");
  world.loop.Pass(seconds(1));
  clients.front().Ask(world.pool);
  CHECK(world.launcher.Count(ServerState::kLogin) == 1);
}

// 50 pools of 20 would meet a server that restarts with 1,000 logins at once.
TEST_CASE("Pool probes with one login when it has lost its last server") {
  Fixture world(SettingsOfSize(4));
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 4; ++id) {
    clients.emplace_back(id).Ask(world.pool);
    world.launcher.LogIn();
  }
  for (FakeWaiter& client : clients) client.Lose("terminated");
  world.loop.EndTurn();
  for (FakeWaiter& client : clients) client.Ask(world.pool);
  CHECK(world.launcher.Count(ServerState::kLogin) == 1);
  SECTION("and opens the others when it succeeds") {
    world.launcher.LogIn();
    world.loop.EndTurn();
    CHECK(world.launcher.Count(ServerState::kLogin) == 3);
  }
  SECTION("and tells the cause to all when it fails") {
    world.launcher.RefuseLogin("refused");
    for (FakeWaiter& client : clients) CHECK(client.failures.size() == 1);
  }
}

TEST_CASE("Pool opens several connections at once when it closed its last server itself") {
  Fixture world(SettingsOfSize(4));
  FakeWaiter first(1);
  first.Ask(world.pool);
  world.launcher.LogIn();
  first.Release();
  world.launcher.servers.at(0)->Close();
  world.loop.EndTurn();
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 2; id <= 5; ++id) clients.emplace_back(id).Ask(world.pool);
  CHECK(world.launcher.Count(ServerState::kLogin) == 4);
}

TEST_CASE("Pool opens the other connections when the one that probed has succeeded") {
  Fixture world(SettingsOfSize(3));
  FakeWaiter early(1);
  early.Ask(world.pool);
  world.launcher.RefuseLogin("refused");
  world.loop.Pass(seconds(1));
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 2; id <= 4; ++id) clients.emplace_back(id).Ask(world.pool);
  CHECK(world.launcher.Count(ServerState::kLogin) == 1);
  world.launcher.LogIn();
  CHECK(clients.front().has_lease());
  world.loop.EndTurn();
  CHECK(world.launcher.Count(ServerState::kLogin) == 2);
}

TEST_CASE("Pool tells its waiters the cause when the last server goes while logins fail") {
  Fixture world;
  FakeWaiter holder(1);
  FakeWaiter client(2);
  holder.Ask(world.pool);
  world.launcher.LogIn();
  client.Ask(world.pool);
  world.launcher.RefuseLogin("refused");
  holder.Lose("terminated");
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].detail == "refused");
}

TEST_CASE("Pool ends a wait after query_wait_timeout, oldest first") {
  Fixture world(SettingsOfSize(1));
  std::vector<uint64_t> order;
  FakeWaiter holder(1);
  holder.Ask(world.pool);
  world.launcher.LogIn();
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 2; id <= 4; ++id) {
    clients.emplace_back(id).NoteIn(order);
    clients.back().Ask(world.pool);
    world.loop.Pass(seconds(1));
  }
  world.loop.Pass(seconds(7) - milliseconds(1));
  CHECK(order.empty());
  world.loop.Pass(milliseconds(1));
  CHECK(order == std::vector<uint64_t>{2});
  world.loop.Pass(seconds(2));
  CHECK(order == std::vector<uint64_t>{2, 3, 4});
  CHECK(clients[0].failures[0].code == ErrorCode::kQueryWaitTimeout);
  CHECK(clients[0].failures[0].detail ==
        "no server connection of pool app/ann became free within query_wait_timeout = 10000 ms "
        "(pool_size = 1)");
}

TEST_CASE("Pool closes a server that was idle for idle_timeout") {
  PoolSettings settings = FakePool::Settings();
  settings.idle_timeout = seconds(60);
  Fixture world(settings);
  world.IdleServer();
  world.loop.Pass(seconds(60) - milliseconds(1));
  CHECK(world.pool.server_count() == 1);
  world.loop.Pass(milliseconds(1));
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("Pool closes a marked server at its release") {
  Fixture world;
  FakeWaiter client(1);
  client.Ask(world.pool);
  world.launcher.LogIn();
  client.server().close_needed = true;
  client.Release();
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("Pool recycles quiet servers that are not clean") {
  Fixture world(SettingsOfSize(1));
  FakeWaiter client(1);
  FakeWaiter next(2);
  client.Ask(world.pool);
  world.launcher.LogIn();
  FakeServer& server = client.server();
  SECTION("an open transaction") {
    server.Begin();
    client.Release();
    CHECK(server.recycles == 1);
    next.Ask(world.pool);
    CHECK_FALSE(next.has_lease());
    server.RollBack();
    server.Ready();
    CHECK(next.has_lease());
  }
  SECTION("state that only DISCARD ALL removes") {
    server.memory().needs_reset = true;
    client.Release();
    CHECK(server.recycles == 1);
    CHECK(server.state == ServerState::kTested);
    server.memory().needs_reset = false;
    server.Ready();
    CHECK(server.state == ServerState::kIdle);
  }
}

TEST_CASE("Pool has servers end what a client left, and closes those that cannot") {
  Fixture world(SettingsOfSize(1));
  FakeWaiter client(1);
  client.Ask(world.pool);
  world.launcher.LogIn();
  FakeServer& server = client.server();
  SECTION("a request without its reply") {
    server.tracker().Sent(pglynx::wire::Request::kQuery);
    client.Release();
    CHECK(server.abandoned == 1);
    CHECK(server.state == ServerState::kTested);
    static_cast<void>(server.tracker().Reply('E'));
    static_cast<void>(server.tracker().Reply('Z', 'I'));
    world.pool.OnServerAbandoned(server);
    CHECK(server.recycles == 1);
    CHECK(server.memory().needs_reset);
  }
  SECTION("a request without its reply, on one that is to be closed") {
    server.tracker().Sent(pglynx::wire::Request::kQuery);
    server.close_needed = true;
    client.Release();
    CHECK(server.abandoned == 1);
    static_cast<void>(server.tracker().Reply('Z', 'I'));
    world.pool.OnServerAbandoned(server);
    CHECK(server.gone);
  }
  SECTION("a request without its reply, and doubt") {
    server.tracker().Sent(pglynx::wire::Request::kQuery);
    server.tracker().Doubt();
    client.Release();
    CHECK(server.gone);
  }
  SECTION("a batch without its Sync") {
    server.tracker().Sent(pglynx::wire::Request::kParse);
    static_cast<void>(server.tracker().Reply('1'));
    client.Release();
    CHECK(server.abandoned == 1);
  }
  SECTION("a COPY that waits for data") {
    server.tracker().Sent(pglynx::wire::Request::kQuery);
    static_cast<void>(server.tracker().Reply('G'));
    client.Release();
    CHECK(server.gone);
  }
  SECTION("a doubt") {
    server.tracker().Doubt();
    client.Release();
    CHECK(server.gone);
  }
  SECTION("not clean, with a cancel on its way") {
    server.memory().needs_reset = true;
    server.Cancel({});
    client.Release();
    CHECK(server.gone);
  }
}

TEST_CASE("Pool holds a server back while a cancel for it is on its way") {
  Fixture world(SettingsOfSize(1));
  FakeWaiter client(1);
  FakeWaiter next(2);
  client.Ask(world.pool);
  world.launcher.LogIn();
  FakeServer& server = client.server();
  server.Cancel({});
  client.Release();
  CHECK(server.state == ServerState::kBeingCanceled);
  next.Ask(world.pool);
  CHECK_FALSE(next.has_lease());
  server.CancelDone();
  CHECK(next.has_lease());
}

TEST_CASE("Pool gives the server used last, or in turn with server_round_robin") {
  PoolSettings settings = FakePool::Settings();
  settings.server_round_robin = GENERATE(false, true);
  Fixture world(settings);
  FakeWaiter first(1);
  FakeWaiter second(2);
  first.Ask(world.pool);
  second.Ask(world.pool);
  world.launcher.LogIn();
  world.launcher.LogIn();
  FakeServer& of_first = first.server();
  FakeServer& of_second = second.server();
  first.Release();
  second.Release();
  first.Ask(world.pool);
  CHECK(&first.server() == (settings.server_round_robin ? &of_first : &of_second));
}

TEST_CASE("Pool fails its waiters at Shutdown and closes what is free") {
  Fixture world;
  FakeWaiter holder(1);
  FakeWaiter client(2);
  FakeWaiter late(3);
  holder.Ask(world.pool);
  world.launcher.LogIn();
  client.Ask(world.pool);
  world.pool.Shutdown({ErrorCode::kAdminShutdown, "going"});
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].detail == "going");
  world.launcher.LogIn();  // it finds nobody
  holder.Release();
  CHECK(world.pool.empty());
  late.Ask(world.pool);
  REQUIRE(late.failures.size() == 1);
  CHECK(late.failures[0].code == ErrorCode::kAdminShutdown);
}

TEST_CASE("Pool closes every server after ReplaceServers when it is free") {
  Fixture world;
  FakeWaiter client(1);
  FakeWaiter other(2);
  client.Ask(world.pool);
  other.Ask(world.pool);
  world.launcher.LogIn();
  world.launcher.LogIn();
  other.Release();
  world.pool.ReplaceServers();
  CHECK(world.pool.server_count() == 1);
  client.Release();
  CHECK(world.pool.server_count() == 0);
  client.Ask(world.pool);
  CHECK(world.launcher.launches == 3);
}

TEST_CASE("Pool closes servers at addresses that their name lost, when they are free") {
  Fixture world(SettingsOfSize(4));
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 4; ++id) clients.emplace_back(id).Ask(world.pool);
  for (int login = 0; login < 4; ++login) world.launcher.LogIn();
  clients[0].server().host = "10.0.0.2";
  clients[1].server().host = "10.0.0.2";
  clients[2].server().host = "::1";
  clients[0].Release();
  clients[3].Release();
  const std::vector<std::string> addresses = {"::1", "10.0.0.1"};
  CHECK(world.pool.ReplaceServersNotAt(addresses) == 2);
  CHECK(world.pool.server_count() == 3);
  CHECK(world.pool.close_needed_count() == 1);
  CHECK(clients[1].has_lease());
  CHECK(world.pool.ReplaceServersNotAt(addresses) == 0);
  clients[1].Release();
  CHECK(world.pool.server_count() == 2);
  clients[2].Release();
  CHECK(world.pool.server_count() == 2);
  CHECK(world.launcher.Count(ServerState::kIdle) == 2);
}

TEST_CASE("Pool closes a server that logs in at an address that its name lost") {
  Fixture world;
  FakeWaiter client(1);
  client.Ask(world.pool);
  const std::vector<std::string> addresses = {"10.0.0.2"};
  world.launcher.In(ServerState::kLogin).at(0)->host = "";  // it is not connected yet
  CHECK(world.pool.ReplaceServersNotAt(addresses) == 0);
  world.launcher.In(ServerState::kLogin).at(0)->host = "10.0.0.1";
  CHECK(world.pool.ReplaceServersNotAt(addresses) == 1);
  world.launcher.LogIn();
  CHECK_FALSE(client.has_lease());
  world.loop.Pass(Duration(0));
  CHECK(world.launcher.launches == 2);
  world.launcher.LogIn();
  CHECK(client.has_lease());
}

TEST_CASE("Pool shrinks to a smaller pool_size and grows to a larger one") {
  Fixture world(SettingsOfSize(3));
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 3; ++id) clients.emplace_back(id).Ask(world.pool);
  for (int login = 0; login < 3; ++login) world.launcher.LogIn();
  SECTION("idle servers go at once, busy ones at their release") {
    clients[0].Release();
    world.pool.Apply(SettingsOfSize(1));
    world.loop.Pass(Duration(0));
    CHECK(world.pool.server_count() == 2);
    clients[1].Release();
    CHECK(world.pool.server_count() == 1);
    clients[2].Release();
    CHECK(world.pool.server_count() == 1);
  }
  SECTION("waiting clients get new servers") {
    clients.emplace_back(4).Ask(world.pool);
    CHECK(world.launcher.launches == 3);
    world.pool.Apply(SettingsOfSize(4));
    world.loop.EndTurn();
    CHECK(world.launcher.launches == 4);
  }
}

TEST_CASE("Pool bounds the canonical values that it learns") {
  Fixture world;
  for (size_t i = 0; i < Pool::kCanonicalValuesMax + 10; ++i) {
    world.pool.LearnCanonical("TimeZone", std::to_string(i), {"TimeZone", "x"});
  }
  world.pool.LearnCanonical("DateStyle", "iso", {"DateStyle", "ISO, MDY"});
  REQUIRE(world.pool.FindCanonical("datestyle", "iso") != nullptr);
  CHECK(world.pool.FindCanonical("DATESTYLE", "iso")->value == "ISO, MDY");
  CHECK(world.pool.FindCanonical("datestyle", "german") == nullptr);
}

namespace {

// One random step of the world; returns what it did, for the report.
void RandomStep(Fixture& world, std::deque<FakeWaiter>& clients, SeededRandom& random) {
  const auto below = [&random](size_t count) { return random.Next64() % count; };
  FakeWaiter& client = clients[below(clients.size())];
  auto& launcher = world.launcher;
  switch (below(12)) {
    case 0:
    case 1:
    case 2:
      if (!client.linked() && !client.has_lease()) client.Ask(world.pool);
      break;
    case 3:
    case 4:
      client.Release();
      break;
    case 5:
    case 6:
      if (launcher.Count(ServerState::kLogin) > 0) launcher.LogIn();
      break;
    case 7:
      if (launcher.Count(ServerState::kLogin) > 0) launcher.RefuseLogin("refused");
      break;
    case 8:
      if (!client.has_lease()) break;
      if (below(2) == 0) {
        client.Lose("lost");
      } else if (client.server().tracker().Idle()) {
        client.server().Begin();
      }
      break;
    case 9:
      for (FakeServer* server : launcher.In(ServerState::kTested)) {
        server->RollBack();
        server->Ready();
      }
      for (FakeServer* server : launcher.In(ServerState::kBeingCanceled)) server->CancelDone();
      break;
    case 10:
      if (client.has_lease() && client.server().cancels_in_flight == 0) client.server().Cancel({});
      break;
    default:
      world.loop.Pass(milliseconds(below(2000)));
      if (below(50) == 0) {
        PoolSettings settings = FakePool::Settings();
        settings.pool_size = static_cast<uint32_t>(1 + below(6));
        settings.idle_timeout = seconds(below(20));
        settings.server_lifetime = seconds(below(100));
        settings.server_round_robin = below(2) == 0;
        settings.min_pool_size = static_cast<uint32_t>(below(4));
        settings.reserve_pool_size = static_cast<uint32_t>(below(3));
        settings.reserve_pool_timeout = milliseconds(below(3000));
        settings.query_wait_notify = milliseconds(below(3000));
        world.pool.Apply(settings);
      }
      if (below(200) == 0) world.pool.ReplaceServers();
      if (below(200) == 0) world.pool.Pause();
      if (world.pool.paused() && below(5) == 0) world.pool.Resume();
      break;
  }
}

}  // namespace

TEST_CASE("Pool keeps its invariants through a random life") {
  Fixture world(SettingsOfSize(4));
  SeededRandom random(20261122);
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 10; ++id) clients.emplace_back(id);
  for (int step = 0; step < 100'000; ++step) {
    const size_t launches = world.launcher.launches;
    const PoolSettings& now = world.pool.settings();
    const size_t size_before = now.pool_size + now.reserve_pool_size;
    RandomStep(world, clients, random);
    world.pool.CheckInvariants();
    const size_t size_max = std::max<size_t>(size_before, now.pool_size + now.reserve_pool_size);
    if (world.launcher.launches > launches && world.pool.server_count() > size_max) {
      FAIL("step " << step << ": " << world.pool.server_count()
                   << " servers, pool_size = " << size_max);
    }
    const bool stranded = world.pool.waiter_count() > 0 && !world.pool.paused() &&
                          world.launcher.Count(ServerState::kIdle) > 0;
    if (stranded) FAIL("step " << step << ": a client waits beside an idle server");
    // min_pool_size, and one in place of a server that is too old, are nobody's.
    if (world.launcher.Count(ServerState::kLogin) > 15) FAIL("more logins than clients");
  }
  CHECK(world.pool.stats().server_assignment_count > 1000);
  for (FakeWaiter& client : clients) client.Release();
}
