// Taking a server and giving it back, alone and in line, of one pool and of a cluster; and what it
// takes to bring a server to the settings of the next client.

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "micro/micro_case.h"
#include "pglynx/balancer/banlist.h"
#include "pglynx/core/check.h"
#include "pglynx/core/random.h"
#include "pglynx/pool/cluster.h"
#include "pglynx/pool/parameters.h"
#include "pglynx/pool/pool.h"
#include "support/fake_pool.h"

namespace pglynx::micro {
namespace {

using balancer::HostId;
using pool::Cluster;
using pool::Pool;
using pool::ServerState;
using test::FakeLauncher;
using test::FakePool;
using test::FakeWaiter;

// So many wait behind those who have a server.
constexpr size_t kInLine = 20;

pool::PoolSettings OneServer() {
  pool::PoolSettings settings = FakePool::Settings();
  settings.pool_size = 1;
  return settings;
}

// Pools of one server each, with the cluster over them where `is_cluster`, and clients.
class World : FakePool {
 public:
  World(size_t hosts, bool is_cluster) {
    std::vector<Cluster::Host> shard;
    for (uint32_t number = 0; number < hosts; ++number) {
      launchers_.emplace_back();
      pools_.push_back(std::make_unique<Pool>(
          Pool::World{loop, log, launchers_.back(), parameters, ids, budget, database},
          OneServer()));
      shard.push_back({.pool = pools_.back().get(),
                       .spec = {.host = "h" + std::to_string(number), .port = 5432},
                       .id = HostId{number}});
    }
    if (!is_cluster) return;
    cluster_ = std::make_unique<Cluster>(
        Cluster::World{loop, log, bans_, bans_changed_, groups_, random_},
        pool::ClusterSettings{.ban_times = {.ban_time = std::chrono::seconds(60),
                                            .ban_time_max = std::chrono::seconds(600)}},
        std::vector<std::vector<Cluster::Host>>{shard});
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    for (FakeWaiter& client : clients_) client.Release();
    loop.EndTurn();
    cluster_.reset();
  }

  // A client more; all logins that this begins succeed.
  FakeWaiter& Add() {
    clients_.emplace_back(clients_.size() + 1);
    Ask(clients_.back());
    for (FakeLauncher& host : launchers_) {
      while (host.Count(ServerState::kLogin) > 0) host.LogIn();
    }
    loop.EndTurn();
    return clients_.back();
  }
  void Ask(FakeWaiter& client) {
    Pool::Outcome outcome =
        cluster_ != nullptr ? cluster_->Acquire(client, {}) : pools_.front()->Acquire(client);
    if (auto* lease = std::get_if<pool::Lease>(&outcome)) client.OnLease(std::move(*lease));
    PGLYNX_CHECK(!std::holds_alternative<Error>(outcome));
  }
  std::deque<FakeWaiter>& clients() { return clients_; }

 private:
  void OnBansChanged() {}

  balancer::Banlist bans_;
  std::vector<balancer::HostGroup> groups_;
  Task bans_changed_ = MemberTask<&World::OnBansChanged>(this);
  SeededRandom random_{1};
  std::deque<FakeLauncher> launchers_;
  std::vector<std::unique_ptr<Pool>> pools_;
  std::unique_ptr<Cluster> cluster_;
  std::deque<FakeWaiter> clients_;
};

// A server is free.
std::unique_ptr<Case> Acquiring(size_t hosts, bool is_cluster) {
  auto world = std::make_unique<World>(hosts, is_cluster);
  for (size_t i = 0; i < hosts; ++i) world->Add();
  for (FakeWaiter& client : world->clients()) {
    PGLYNX_CHECK(client.has_lease());
    client.Release();
  }
  return Repeat([world = std::move(world)] {
    FakeWaiter& client = world->clients().front();
    world->Ask(client);
    PGLYNX_CHECK(client.has_lease());
    client.Release();
  });
}

// None is: who gives a server back stands in line again.
std::unique_ptr<Case> HandingOver(size_t hosts, bool is_cluster) {
  auto world = std::make_unique<World>(hosts, is_cluster);
  for (size_t i = 0; i < hosts + kInLine; ++i) world->Add();
  return Repeat([world = std::move(world), at = size_t{0}]() mutable {
    FakeWaiter& client = world->clients()[at];
    PGLYNX_CHECK(client.has_lease());
    client.Release();
    world->Ask(client);
    at = at + 1 == world->clients().size() ? 0 : at + 1;
  });
}

// What PostgreSQL 15 reports and a client can set.
pool::ParameterRef Reported(pool::ParameterTable& table) {
  pool::ParameterRef set = table.Empty();
  for (const auto& [name, value] :
       {std::pair{"application_name", "orders"}, std::pair{"client_encoding", "UTF8"},
        std::pair{"DateStyle", "ISO, MDY"}, std::pair{"default_transaction_read_only", "off"},
        std::pair{"IntervalStyle", "postgres"}, std::pair{"is_superuser", "off"},
        std::pair{"session_authorization", "app"}, std::pair{"standard_conforming_strings", "on"},
        std::pair{"TimeZone", "Europe/Berlin"}}) {
    set = table.With(set, name, value);
  }
  return set;
}

struct Settled {
  pool::ParameterTable table;
  pool::ParameterRef defaults = Reported(table);
  pool::ParameterRef other = table.With(defaults, "application_name", "reports");
  std::string out;
};

}  // namespace

std::unique_ptr<Case> AcquireOfPool() {
  return Acquiring(1, false);
}
std::unique_ptr<Case> HandOverInPool() {
  return HandingOver(1, false);
}
std::unique_ptr<Case> AcquireOfOneHost() {
  return Acquiring(1, true);
}
std::unique_ptr<Case> AcquireOfThreeHosts() {
  return Acquiring(3, true);
}
std::unique_ptr<Case> HandOverInThreeHosts() {
  return HandingOver(3, true);
}

std::unique_ptr<Case> EqualParameters() {
  return Repeat([sets = std::make_unique<Settled>()] {
    sets->out.clear();
    Keep(pool::AppendParameterChanges(sets->out, {*sets->defaults, *sets->defaults},
                                      *sets->defaults));
  });
}

std::unique_ptr<Case> OneDifferentParameter() {
  return Repeat([sets = std::make_unique<Settled>()] {
    sets->out.clear();
    Keep(pool::AppendParameterChanges(sets->out, {*sets->defaults, *sets->defaults}, *sets->other));
  });
}

std::unique_ptr<Case> SetParameter() {
  return Repeat([sets = std::make_unique<Settled>()] {
    const pool::ParameterRef set = sets->table.With(sets->defaults, "application_name", "reports");
    PGLYNX_CHECK(set == sets->other);
  });
}

}  // namespace pglynx::micro
