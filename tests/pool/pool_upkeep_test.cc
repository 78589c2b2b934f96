// Goal: servers end when they are too old or too many, are there before they are missed, and
// the console's orders hold.
// Method: a pool whose servers do nothing by themselves, in virtual time.

#include <deque>
#include <string>

#include "pglynx/pool/pool.h"
#include "support/catch.h"
#include "support/fake_pool.h"

using pglynx::ErrorCode;
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
  explicit Fixture(const PoolSettings& settings) : pool(world(), settings) {}
  ~Fixture() { loop.EndTurn(); }

  // A server that some client has used, and is idle.
  void UseServer() {
    FakeWaiter client(99);
    client.Ask(pool);
    if (launcher.Count(ServerState::kLogin) > 0) launcher.LogIn();
    client.Release();
  }

  Pool pool;
};

PoolSettings WithLifetime(uint32_t pool_size) {
  PoolSettings settings = FakePool::Settings();
  settings.server_lifetime = seconds(100);
  settings.pool_size = pool_size;
  return settings;
}

PoolSettings WithMinimum(uint32_t min_pool_size) {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 4;
  settings.min_pool_size = min_pool_size;
  return settings;
}

}  // namespace

TEST_CASE("Pool replaces an idle server at the end of its lifetime before it is missed") {
  Fixture world(WithLifetime(2));
  world.UseServer();
  world.loop.Pass(seconds(90));
  CHECK(world.launcher.launches == 1);  // not before nine tenths of it
  world.loop.Pass(seconds(10));
  CHECK(world.launcher.launches == 2);
  SECTION("the old one serves until the new one has logged in") {
    CHECK(world.launcher.Count(ServerState::kIdle) == 1);
    FakeWaiter client(1);
    client.Ask(world.pool);
    CHECK(client.has_lease());
    client.Release();
    world.launcher.LogIn();
    CHECK(world.pool.server_count() == 1);
    CHECK(world.launcher.closes == 1);
  }
  SECTION("the new one has nobody's memory and is not replaced if nobody uses it") {
    world.launcher.LogIn();
    world.loop.Pass(seconds(100));
    CHECK(world.pool.server_count() == 0);
    CHECK(world.launcher.launches == 2);
  }
  SECTION("if it cannot log in, the old one ends all the same, some seconds later") {
    world.launcher.RefuseLogin("refused");
    CHECK(world.pool.server_count() == 1);
    world.loop.Pass(seconds(10));
    CHECK(world.pool.server_count() == 0);
  }
}

TEST_CASE("Pool replaces an old server within pool_size") {
  Fixture world(WithLifetime(1));
  SECTION("an idle one closes first") {
    world.UseServer();
    world.loop.Pass(seconds(100));
    CHECK(world.launcher.closes == 1);
    CHECK(world.pool.server_count() == 1);
    CHECK(world.launcher.Count(ServerState::kLogin) == 1);
  }
  SECTION("one in use closes when it is released") {
    FakeWaiter client(1);
    client.Ask(world.pool);
    world.launcher.LogIn();
    world.loop.Pass(seconds(100));
    CHECK(world.launcher.closes == 0);
    client.Release();
    CHECK(world.launcher.closes == 1);
    CHECK(world.launcher.Count(ServerState::kLogin) == 1);
  }
}

TEST_CASE("Pool closes each idle server in time although a later end was known first") {
  Fixture world(WithLifetime(2));
  FakeWaiter first(1);
  FakeWaiter second(2);
  first.Ask(world.pool);
  world.launcher.LogIn();
  world.loop.Pass(seconds(50));
  second.Ask(world.pool);
  world.launcher.LogIn();
  second.Release();  // its end is at 150 s
  first.Release();   // and of this one at 100 s
  world.loop.Pass(seconds(50));
  CHECK(world.launcher.closes == 1);
}

TEST_CASE("Pool keeps min_pool_size servers") {
  Fixture world(WithMinimum(3));
  world.pool.Apply(world.pool.settings());
  world.loop.Pass(milliseconds(0));
  REQUIRE(world.launcher.Count(ServerState::kLogin) == 3);
  for (int i = 0; i < 3; ++i) world.launcher.LogIn();
  SECTION("through idle_timeout") {
    PoolSettings settings = WithMinimum(3);
    settings.idle_timeout = seconds(10);
    world.pool.Apply(settings);
    world.loop.Pass(seconds(100));
    CHECK(world.pool.server_count() == 3);
    CHECK(world.launcher.closes == 0);
    settings.min_pool_size = 1;
    world.pool.Apply(settings);
    world.loop.Pass(seconds(10));
    CHECK(world.pool.server_count() == 1);
  }
  SECTION("one that is lost is made again") {
    world.launcher.In(ServerState::kIdle)[0]->Break("killed");
    world.loop.EndTurn();
    CHECK(world.launcher.Count(ServerState::kLogin) == 1);
  }
  SECTION("with back-off while the server is away, and without clients") {
    for (FakeServer* server : world.launcher.In(ServerState::kIdle)) server->Break("killed");
    world.launcher.RefuseLogin("refused");
    const size_t before = world.launcher.launches;
    for (int i = 0; i < 60; ++i) {
      world.loop.Pass(seconds(1));
      while (world.launcher.Count(ServerState::kLogin) > 0) world.launcher.RefuseLogin("refused");
    }
    CHECK(world.launcher.launches - before <= 12);  // 1 s, 2 s, 4 s, then every 8 s
    CHECK(world.launcher.launches - before >= 6);
  }
  SECTION("but not while it is paused") {
    world.pool.Pause();
    world.loop.Pass(seconds(30));
    CHECK(world.pool.server_count() == 0);
    world.pool.Resume();
    world.loop.EndTurn();
    CHECK(world.pool.server_count() == 3);
  }
}

TEST_CASE("Pool keeps min_pool_size of a pool of * only while it has clients") {
  PoolSettings settings = WithMinimum(2);
  settings.only_with_clients = true;
  settings.idle_timeout = seconds(10);
  Fixture world(settings);
  world.pool.Apply(settings);
  world.loop.Pass(seconds(1));
  CHECK(world.pool.server_count() == 0);
  world.pool.CountClient(true);
  world.pool.Apply(settings);
  world.loop.Pass(seconds(1));
  CHECK(world.pool.server_count() == 2);
  while (world.launcher.Count(ServerState::kLogin) > 0) world.launcher.LogIn();
  world.pool.CountClient(false);
  world.loop.Pass(seconds(60));
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("Pool opens its reserve for a client that has waited for reserve_pool_timeout") {
  PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  settings.reserve_pool_size = 1;
  settings.reserve_pool_timeout = seconds(3);
  Fixture world(settings);
  std::deque<FakeWaiter> clients;
  for (uint64_t id = 1; id <= 4; ++id) {
    clients.emplace_back(id);
    clients.back().Ask(world.pool);
  }
  world.launcher.LogIn();
  CHECK(clients[0].has_lease());
  world.loop.Pass(seconds(3) - milliseconds(1));
  CHECK(world.pool.server_count() == 1);
  world.loop.Pass(milliseconds(1));
  CHECK(world.pool.server_count() == 2);
  world.launcher.LogIn();
  CHECK(clients[1].has_lease());
  world.loop.Pass(seconds(5));
  CHECK(world.pool.server_count() == 2);  // no more than that
  // It serves as long as somebody waits, and is the one too many when nobody does.
  clients[1].Release();
  CHECK(clients[2].has_lease());
  clients[2].Release();
  CHECK(clients[3].has_lease());
  CHECK(world.pool.server_count() == 2);
  clients[3].Release();
  CHECK(world.pool.server_count() == 1);
  clients[0].Release();
}

TEST_CASE("a paused pool closes what is free and lets clients wait") {
  Fixture world(FakePool::Settings());
  FakeWaiter active(1);
  active.Ask(world.pool);
  world.launcher.LogIn();
  world.pool.Pause();
  CHECK(world.pool.server_count() == 1);  // its transaction goes on
  FakeWaiter waiting(2);
  waiting.Ask(world.pool);
  CHECK(!waiting.has_lease());
  active.Release();
  CHECK(world.pool.server_count() == 0);
  world.loop.Pass(seconds(5));
  CHECK(world.launcher.launches == 1);
  SECTION("until RESUME") {
    world.pool.Resume();
    world.loop.EndTurn();
    world.launcher.LogIn();
    CHECK(waiting.has_lease());
  }
  SECTION("or query_wait_timeout, which names the pause") {
    world.loop.Pass(seconds(5));
    REQUIRE(waiting.failures.size() == 1);
    CHECK(waiting.failures[0].code == ErrorCode::kQueryWaitTimeout);
    CHECK(waiting.failures[0].detail.find("paused by the console's PAUSE") != std::string::npos);
  }
}

TEST_CASE("KILL closes servers whoever has them") {
  Fixture world(FakePool::Settings());
  FakeWaiter active(1);
  active.Ask(world.pool);
  world.launcher.LogIn();
  world.UseServer();
  FakeWaiter logging_in(2);
  logging_in.Ask(world.pool);
  logging_in.Release();
  active.Release();
  world.pool.Kill();
  CHECK(world.pool.server_count() == 0);
  CHECK(world.pool.paused());
}

TEST_CASE("servers that RECONNECT replaces are counted until they are gone") {
  Fixture world(FakePool::Settings());
  FakeWaiter active(1);
  active.Ask(world.pool);
  world.launcher.LogIn();
  world.UseServer();
  CHECK(world.pool.server_count() == 2);
  world.pool.ReplaceServers();
  CHECK(world.pool.server_count() == 1);
  CHECK(world.pool.close_needed_count() == 1);
  active.Release();
  CHECK(world.pool.close_needed_count() == 0);
}

TEST_CASE("A greeting holds until servers say something else") {
  using Settings = pglynx::wire::StartupParameters;
  Fixture world(FakePool::Settings());
  Pool& pool = world.pool;
  const pglynx::pool::ParameterRef defaults =
      world.parameters.With(world.parameters.Empty(), "TimeZone", "UTC");
  const auto welcome = [&] {
    pool.SetWelcome(
        {.fixed = {{"server_version", "15"}, {"in_hot_standby", "off"}}, .defaults = defaults});
  };
  const Settings settings = {{"timezone", "europe/berlin"}};
  const pglynx::pool::ParameterRef wanted =
      world.parameters.With(defaults, "TimeZone", "Europe/Berlin");
  welcome();
  CHECK(pool.FindGreeting(settings) == nullptr);
  const Pool::Greeting& made = pool.MakeGreeting(settings, wanted);
  CHECK(made.messages == std::string("S\0\0\0\x16server_version\0"
                                     "15\0"
                                     "S\0\0\0\x17in_hot_standby\0off\0"
                                     "S\0\0\0\x1bTimeZone\0Europe/Berlin\0",
                                     75));
  REQUIRE(pool.FindGreeting(settings) != nullptr);
  CHECK(pool.FindGreeting(settings)->parameters == wanted);
  CHECK(pool.FindGreeting({}) == nullptr);
  CHECK(pool.FindGreeting(Settings{{"timezone", "UTC"}}) == nullptr);
  SECTION("a server that was promoted") {
    pool.LearnStandby("on");
  }
  SECTION("another default") {
    pool.LearnDefault("TimeZone", "Asia/Tokyo");
  }
  SECTION("RECONNECT") {
    pool.ReplaceServers();
  }
  SECTION("another server") {
    welcome();
  }
  CHECK(pool.FindGreeting(settings) == nullptr);
}
