// Goal: transactions are spread over the hosts of a shard, a host that fails is left alone and
// nobody notices as long as another can serve.
// Method: pools whose servers do nothing by themselves, in virtual time.

#include "pglynx/pool/cluster.h"

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/fake_pool.h"

using pglynx::ErrorCode;
using pglynx::SeededRandom;
using pglynx::balancer::Banlist;
using pglynx::balancer::HostId;
using pglynx::balancer::Role;
using pglynx::balancer::WantedRole;
using pglynx::pool::Cluster;
using pglynx::pool::ClusterSettings;
using pglynx::pool::LoginFailure;
using pglynx::pool::Pool;
using pglynx::pool::PoolSettings;
using pglynx::pool::ServerState;
using pglynx::test::FakeLauncher;
using pglynx::test::FakePool;
using pglynx::test::FakeServer;
using pglynx::test::FakeWaiter;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::array<Role, 4> kPrimaryAndThree = {Role::kPrimary, Role::kReplica, Role::kReplica,
                                                  Role::kReplica};

struct Fixture : FakePool {
  explicit Fixture(const std::vector<Role>& roles, ClusterSettings settings = Settings(),
                   const PoolSettings& pool_settings = FakePool::Settings()) {
    std::vector<Cluster::Host> hosts;
    for (const Role role : roles) {
      launchers.emplace_back();
      pools.push_back(std::make_unique<Pool>(
          Pool::World{loop, log, launchers.back(), parameters, ids, budget, database},
          pool_settings));
      const auto number = static_cast<uint32_t>(hosts.size());
      hosts.push_back({.pool = pools.back().get(),
                       .spec = {.host = "h" + std::to_string(number), .port = 5432, .role = role},
                       .id = HostId{number}});
    }
    cluster = std::make_unique<Cluster>(Cluster::World{loop, log, bans, groups, random}, settings,
                                        std::vector<std::vector<Cluster::Host>>{hosts});
  }
  ~Fixture() {
    for (FakeWaiter& client : clients) client.Release();
    loop.EndTurn();
    cluster.reset();
  }

  static ClusterSettings Settings() {
    return {.ban_times = {.ban_time = seconds(60), .ban_time_max = seconds(600)}};
  }

  FakeWaiter& Ask(WantedRole role = WantedRole::kReplica) {
    clients.emplace_back(clients.size() + 1);
    FakeWaiter& client = clients.back();
    Pool::Outcome outcome = cluster->Acquire(client, {.shard = 0, .role = role});
    if (auto* lease = std::get_if<pglynx::pool::Lease>(&outcome)) client.OnLease(std::move(*lease));
    if (const auto* error = std::get_if<pglynx::Error>(&outcome)) client.OnWaitFailed(*error);
    return client;
  }
  // Every login under way, of this host alone where it is named.
  void LogInAll() {
    for (size_t host = 0; host < launchers.size(); ++host) LogIn(host);
  }
  void LogIn(size_t host) {
    while (launchers[host].Count(ServerState::kLogin) > 0) launchers[host].LogIn();
  }
  void Fail(size_t host, LoginFailure kind) {
    while (launchers[host].Count(ServerState::kLogin) > 0) {
      FakeServer* server = launchers[host].In(ServerState::kLogin).at(0);
      server->login_failure = kind;
      server->Break("h" + std::to_string(host) + " failed");
    }
  }
  // Which host served it.
  size_t HostOf(FakeWaiter& client) {
    for (size_t host = 0; host < launchers.size(); ++host) {
      for (const FakeServer* server : launchers[host].servers) {
        if (server == &client.server()) return host;
      }
    }
    return launchers.size();
  }
  std::vector<size_t> Serve(size_t transactions, WantedRole role = WantedRole::kReplica) {
    std::vector<size_t> served(launchers.size());
    for (size_t i = 0; i < transactions; ++i) {
      FakeWaiter& client = Ask(role);
      LogInAll();
      REQUIRE(client.has_lease());
      ++served[HostOf(client)];
      client.Release();
      clients.pop_back();
      loop.EndTurn();
    }
    return served;
  }

  Banlist bans;
  std::vector<pglynx::balancer::HostGroup> groups;
  SeededRandom random{1};
  std::deque<FakeLauncher> launchers;
  std::vector<std::unique_ptr<Pool>> pools;
  std::unique_ptr<Cluster> cluster;
  std::deque<FakeWaiter> clients;
};

std::vector<Role> PrimaryAndThree() {
  return {kPrimaryAndThree.begin(), kPrimaryAndThree.end()};
}

}  // namespace

TEST_CASE("reads are spread evenly over the replicas, writes go to the primary") {
  Fixture world(PrimaryAndThree());
  world.Serve(9);  // a host that opens its first connection gives its turn to one that is free
  CHECK(world.Serve(3000) == std::vector<size_t>{0, 1000, 1000, 1000});
  CHECK(world.Serve(100, WantedRole::kPrimary) == std::vector<size_t>{100, 0, 0, 0});
  CHECK(world.Serve(400, WantedRole::kAny) == std::vector<size_t>{100, 100, 100, 100});
}

TEST_CASE("a host that refuses is banned, and its client gets another server") {
  Fixture world(PrimaryAndThree());
  FakeWaiter& client = world.Ask();
  world.Fail(1, LoginFailure::kRefused);
  CHECK(client.failures.empty());
  world.LogInAll();
  REQUIRE(client.has_lease());
  CHECK(world.HostOf(client) != 1);
  CHECK(world.bans.IsBanned(HostId{1}, world.loop.Now()));
  world.Serve(4);
  const std::vector<size_t> served = world.Serve(1000);
  CHECK(served[1] == 0);
  CHECK(served[2] == 500);
}

TEST_CASE("what concerns one login bans nobody") {
  Fixture world(PrimaryAndThree());
  FakeWaiter& client = world.Ask();
  world.Fail(1, LoginFailure::kThisLogin);
  CHECK(client.failures.empty());
  world.LogInAll();
  CHECK(client.has_lease());
  CHECK(world.bans.ListBans(world.loop.Now()).empty());
}

TEST_CASE("lateness takes one of three replicas, not two") {
  Fixture world(PrimaryAndThree());
  for (const size_t host : {size_t{1}, size_t{2}, size_t{3}}) {
    world.Ask();
    world.Fail(host, LoginFailure::kLate);
  }
  CHECK(world.bans.ListBans(world.loop.Now()).size() == 1);
}

TEST_CASE("after ban_time one login probes, and the host has its share again") {
  Fixture world(PrimaryAndThree());
  world.Ask();
  world.Fail(1, LoginFailure::kRefused);
  world.LogInAll();
  world.Serve(10);
  world.loop.Pass(seconds(61));
  const size_t before = world.launchers[1].launches;
  FakeWaiter& one = world.Ask();
  FakeWaiter& two = world.Ask();
  CHECK(world.launchers[1].launches == before + 1);
  SECTION("it succeeds") {
    world.LogIn(1);
    one.Release();
    two.Release();
    world.loop.EndTurn();
    CHECK_FALSE(world.bans.IsBanned(HostId{1}, world.loop.Now()));
    const std::vector<size_t> served = world.Serve(3000);
    CHECK(served[1] >= 950);
    CHECK(served[1] <= 1050);
  }
  SECTION("it fails: twice as long") {
    world.Fail(1, LoginFailure::kRefused);
    world.loop.Pass(seconds(100));
    CHECK(world.bans.UntilProbe(HostId{1}, world.loop.Now()) == seconds(20));
    world.Serve(10);
    CHECK(world.launchers[1].launches == before + 1);
  }
}

TEST_CASE("when every replica is banned, reads go to the primary where that is allowed") {
  ClusterSettings settings = Fixture::Settings();
  settings.primary_reads_enabled = GENERATE(true, false);
  Fixture world({Role::kPrimary, Role::kReplica, Role::kReplica}, settings);
  FakeWaiter& client = world.Ask();
  world.Fail(1, LoginFailure::kRefused);
  world.Fail(2, LoginFailure::kRefused);
  if (settings.primary_reads_enabled) {
    world.LogInAll();
    REQUIRE(client.has_lease());
    CHECK(world.HostOf(client) == 0);
    CHECK(world.Serve(100)[0] == 100);
  } else {
    REQUIRE(client.failures.size() == 1);
    CHECK(client.failures[0].detail.find("h1 failed; h2 failed") != std::string::npos);
    // The bans are lifted once the pools would ask again, and both are tried.
    FakeWaiter& early = world.Ask();
    CHECK(early.failures.size() == 1);
    world.loop.Pass(seconds(2));
    FakeWaiter& next = world.Ask();
    CHECK(next.failures.empty());
    world.LogIn(2);
    CHECK(next.has_lease());
  }
}

TEST_CASE("a primary is never banned for writes") {
  Fixture world(PrimaryAndThree());
  FakeWaiter& client = world.Ask(WantedRole::kPrimary);
  world.Fail(0, LoginFailure::kRefused);
  CHECK(client.failures.size() == 1);
  world.loop.Pass(seconds(2));
  FakeWaiter& next = world.Ask(WantedRole::kPrimary);
  world.LogInAll();
  CHECK(next.has_lease());
}

TEST_CASE("clients that find nothing free are served by whichever host frees first") {
  PoolSettings one = FakePool::Settings();
  one.pool_size = 1;
  Fixture world({Role::kPeer, Role::kPeer}, Fixture::Settings(), one);
  FakeWaiter& a = world.Ask(WantedRole::kAny);
  FakeWaiter& b = world.Ask(WantedRole::kAny);
  world.LogInAll();
  REQUIRE(a.has_lease());
  REQUIRE(b.has_lease());
  FakeWaiter& third = world.Ask(WantedRole::kAny);
  FakeWaiter& fourth = world.Ask(WantedRole::kAny);
  CHECK(world.cluster->waiter_count() == 2);
  b.Release();
  CHECK(third.has_lease());
  CHECK_FALSE(fourth.has_lease());
  third.Release();
  CHECK(fourth.has_lease());
  world.loop.Pass(seconds(1));
  FakeWaiter& late = world.Ask(WantedRole::kAny);
  world.loop.Pass(seconds(10));
  REQUIRE(late.failures.size() == 1);
  CHECK(late.failures[0].code == ErrorCode::kQueryWaitTimeout);
}

TEST_CASE("no more logins are under way than clients wait") {
  Fixture world(PrimaryAndThree());
  world.Ask();
  size_t logins = 0;
  for (const FakeLauncher& launcher : world.launchers)
    logins += launcher.Count(ServerState::kLogin);
  CHECK(logins == 1);
}

TEST_CASE("an idle connection is asked before its next use, and one that is late bans its host") {
  PoolSettings settings = FakePool::Settings();
  settings.healthcheck_delay = seconds(30);
  Fixture world(PrimaryAndThree(), Fixture::Settings(), settings);
  world.Serve(3);
  world.loop.Pass(seconds(29));
  CHECK(world.launchers[1].Count(ServerState::kTested) == 0);
  world.loop.Pass(seconds(1));
  CHECK(world.launchers[1].Count(ServerState::kTested) == 1);
  FakeServer* late = world.launchers[1].In(ServerState::kTested).at(0);
  late->login_failure = LoginFailure::kLate;
  late->Break("h1 is late");
  CHECK(world.bans.IsBanned(HostId{1}, world.loop.Now()));
  FakeServer* alive = world.launchers[2].In(ServerState::kTested).at(0);
  FakeWaiter& client = world.Ask();
  if (!client.has_lease()) alive->Ready();
  world.LogInAll();
  CHECK(client.has_lease());
  CHECK(world.HostOf(client) != 1);
}

namespace {

// Three replicas, each with one statement under way and one idle connection; the time is then when
// each has been silent for too long.
struct SilentHosts : Fixture {
  SilentHosts() : Fixture(PrimaryAndThree(), Patient()) {
    for (int i = 0; i < 6; ++i) {
      Ask();
      LogInAll();
    }
    for (FakeWaiter& client : clients) client.Release();
    clients.clear();
    loop.EndTurn();
    while (clients.size() < 3) {
      if (FakeWaiter& client = Ask(); launchers[HostOf(client)].Count(ServerState::kActive) > 1) {
        client.Release();
        clients.pop_back();
        loop.EndTurn();
      }
    }
    loop.Pass(milliseconds(600));
  }
  static ClusterSettings Patient() {
    ClusterSettings settings = Settings();
    settings.silence_max = milliseconds(500);
    return settings;
  }
  // How many connections are being asked, of each host.
  std::vector<size_t> Asked() {
    std::vector<size_t> asked;
    for (const FakeLauncher& each : launchers) {
      asked.push_back(each.Count(ServerState::kTested));
    }
    return asked;
  }
};

}  // namespace

TEST_CASE("a host that owes answers and is silent is asked, and serves nobody new until then") {
  SilentHosts world;
  CHECK(world.Asked() == std::vector<size_t>{0, 0, 0, 0});
  FakeWaiter& one = world.Ask();
  FakeWaiter& two = world.Ask();
  CHECK(world.Asked() == std::vector<size_t>{0, 1, 1, 1});
  CHECK_FALSE(one.has_lease());
  world.launchers[2].In(ServerState::kTested).at(0)->Ready();
  REQUIRE(one.has_lease());
  CHECK(world.HostOf(one) == 2);
  CHECK_FALSE(two.has_lease());
  SECTION("one that answers serves again") {
    world.launchers[1].In(ServerState::kTested).at(0)->Ready();
    CHECK(two.has_lease());
    CHECK(world.bans.ListBans(world.loop.Now()).empty());
  }
  SECTION("one that is late is banned") {
    FakeServer* late = world.launchers[1].In(ServerState::kTested).at(0);
    late->login_failure = LoginFailure::kLate;
    late->Break("h1 is late");
    CHECK(world.bans.IsBanned(HostId{1}, world.loop.Now()));
  }
  SECTION("one that loses the connection is neither banned nor silent for ever") {
    world.launchers[1].In(ServerState::kTested).at(0)->Break("closed");
    world.LogInAll();
    CHECK(two.has_lease());
    CHECK(world.bans.ListBans(world.loop.Now()).empty());
  }
}

TEST_CASE("a host whose slow statement is all that it does is asked and used") {
  SilentHosts world;
  for (int i = 0; i < 20; ++i) {
    FakeWaiter& client = world.Ask();
    for (size_t host = 1; host <= 3; ++host) {
      while (world.launchers[host].Count(ServerState::kTested) > 0) {
        world.launchers[host].In(ServerState::kTested).at(0)->Ready();
      }
    }
    REQUIRE(client.has_lease());
    client.Release();
    world.clients.pop_back();
    world.loop.EndTurn();
    world.loop.Pass(milliseconds(400));
  }
  CHECK(world.bans.ListBans(world.loop.Now()).empty());
}

TEST_CASE("a host that owes nothing is not silent, and no host is where nobody asks") {
  SECTION("idle") {
    SilentHosts world;
    for (FakeWaiter& client : world.clients) client.Release();
    world.loop.EndTurn();
    world.loop.Pass(seconds(5));
    CHECK(world.Ask().has_lease());
  }
  SECTION("silence_max 0") {
    Fixture world(PrimaryAndThree());
    for (int i = 0; i < 6; ++i) world.Ask();
    world.LogInAll();
    world.clients.back().Release();
    world.clients.pop_back();
    world.loop.Pass(seconds(60));
    CHECK(world.Ask().has_lease());
  }
}

namespace {

// Two peers, the first with an idle connection; connect_timeout is 1 s.
struct OneIdle : Fixture {
  OneIdle() : Fixture({Role::kPeer, Role::kPeer}, Hasty()) {
    FakeWaiter& first = Ask(WantedRole::kAny);
    LogInAll();
    first.Release();
    loop.EndTurn();
    idle = HasIdle(0) ? 0 : 1;
  }
  static ClusterSettings Hasty() {
    ClusterSettings settings = Settings();
    settings.connect_timeout = seconds(1);
    return settings;
  }
  bool HasIdle(size_t host) { return pools[host]->HasIdle(); }
  size_t idle;
};

}  // namespace

TEST_CASE("nobody waits for a login while another host has a free connection") {
  OneIdle world;
  for (int i = 0; i < 10; ++i) {
    FakeWaiter& client = world.Ask(WantedRole::kAny);
    REQUIRE(client.has_lease());
    CHECK(world.HostOf(client) == world.idle);
    client.Release();
    world.loop.EndTurn();
  }
  CHECK(world.launchers[1 - world.idle].launches == 1);  // for later
  CHECK(world.launchers[world.idle].launches == 1);
  world.LogInAll();
  std::vector<size_t> served(2);
  for (int i = 0; i < 10; ++i) {
    FakeWaiter& client = world.Ask(WantedRole::kAny);
    ++served[world.HostOf(client)];
    client.Release();
    world.loop.EndTurn();
  }
  CHECK(served == std::vector<size_t>{5, 5});
}

TEST_CASE("who waits behind a silent login gets what becomes free, and other hosts are tried") {
  Fixture world({Role::kPeer, Role::kPeer, Role::kPeer}, OneIdle::Hasty());
  FakeWaiter& one = world.Ask(WantedRole::kAny);
  const auto logins = [&] {
    size_t count = 0;
    for (const FakeLauncher& each : world.launchers) count += each.Count(ServerState::kLogin);
    return count;
  };
  CHECK(logins() == 1);
  world.loop.Pass(milliseconds(100));
  CHECK(logins() == 3);
  world.LogIn(2);
  CHECK(one.has_lease());
  CHECK(one.failures.empty());
}

TEST_CASE("who has waited for connect_timeout while no host answers is told so, once") {
  Fixture world({Role::kPeer, Role::kPeer, Role::kPeer}, OneIdle::Hasty());
  FakeWaiter& one = world.Ask(WantedRole::kAny);
  world.loop.Pass(milliseconds(500));
  FakeWaiter& two = world.Ask(WantedRole::kAny);
  world.loop.Pass(milliseconds(499));
  CHECK(one.failures.empty());
  world.loop.Pass(milliseconds(101));
  REQUIRE(one.failures.size() == 1);
  CHECK(one.failures[0].code == ErrorCode::kServerUnreachable);
  for (const char* host : {"h0:5432", "h1:5432", "h2:5432"}) {
    CHECK(one.failures[0].detail.find(host) != std::string::npos);
  }
  CHECK(two.failures.empty());
  world.LogIn(1);
  CHECK(two.has_lease());
}

TEST_CASE("a ban that is lifted, or ends, serves those who wait") {
  OneIdle world;
  FakeWaiter& holder = world.Ask(WantedRole::kAny);  // and no more may be opened there
  REQUIRE(holder.has_lease());
  const size_t host = world.HostOf(holder);
  const HostId other{static_cast<uint32_t>(1 - host)};
  world.LogInAll();
  REQUIRE(world.HasIdle(1 - host));
  world.bans.AdminBan(other, seconds(5), world.loop.Now());
  FakeWaiter& second = world.Ask(WantedRole::kAny);
  world.LogInAll();
  REQUIRE(second.has_lease());
  REQUIRE(world.HostOf(second) == host);
  FakeWaiter& waits = world.Ask(WantedRole::kAny);
  CHECK_FALSE(waits.has_lease());
  SECTION("lifted") {
    world.bans.Unban(other, world.loop.Now());
    world.cluster->OnBansChanged();
  }
  SECTION("its time is over") {
    world.loop.Pass(seconds(31));
  }
  REQUIRE(waits.has_lease());
  CHECK(world.HostOf(waits) == 1 - host);
}
