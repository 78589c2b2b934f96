#pragma once

// A whole world from one seed: network, servers, pooler and clients, in virtual time.
//
//   Simulation sim(1, OnePool({.pool_size = 1}));
//   FakeClient& anna = sim.NewClient();
//   anna.Query({Begin(), Echo()});
//   sim.Settle();
//
// Owner: a test. The pooler's address is kPooler, server n listens on ServerAddress(n).

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "sim/fake_client.h"
#include "sim/fake_postgres.h"
#include "sim/ops.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "sim/sim_pooler.h"
#include "sim/violations.h"

namespace pglynx::sim {

net::Address ServerAddress(size_t index);

// One pool "app" with the user "app", before server 0; the rest is the product's default.
struct OnePool {
  config::PoolMode mode = config::PoolMode::kTransaction;
  uint32_t pool_size = 2;
  Duration query_wait_timeout = std::chrono::seconds(5);
  Duration connect_timeout = std::chrono::seconds(2);
  Duration idle_timeout = std::chrono::minutes(10);
  Duration server_lifetime = std::chrono::hours(1);
  bool server_round_robin = false;
  uint32_t max_client_statements = 10000;
  config::AuthMethod method = config::AuthMethod::kTrust;
  PostgresUser::Method server_method = PostgresUser::Method::kTrust;
};
config::Config MakeConfig(const OnePool& pool);
// A pool of `name` with a user of that name, whose password is "secret".
config::Pool MakePool(const std::string& name, const OnePool& pool, size_t server);

// Keeps the last lines for a person who looks at a violation.
class SimLog final : public Log {
 public:
  void Write(LogLevel level, std::string_view message, Fields fields) override;
  [[nodiscard]] LogLevel level() const override { return LogLevel::kDebug; }
  // Oldest first, with the virtual time.
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }
  SimLoop* loop = nullptr;

 private:
  std::deque<std::string> lines_;
};

class Simulation {
 public:
  Simulation(uint64_t seed, const OnePool& pool);
  // `server_count` servers that know the users of the configuration.
  Simulation(uint64_t seed, config::Config config, size_t server_count,
             PostgresUser::Method server_method);
  ~Simulation();

  // Connects at once.
  FakeClient& NewClient(ClientOptions options = {});
  // Forgets clients that have ended.
  void DropEnded();

  void RunFor(Duration duration);
  // Runs until every client is idle or has ended, for at most a minute. Returns whether they
  // are.
  bool Settle();
  // One turn, with the invariants checked behind it. False: nothing will happen any more.
  bool Turn();
  // Everybody leaves; then nothing of them may be left (I8).
  void Drain();

  SimLoop& loop() { return *loop_; }
  [[nodiscard]] TimePoint Now() { return loop_->Now(); }
  SimNetwork& network() { return *network_; }
  SimPooler& pooler() { return *pooler_; }
  FakePostgres& server(size_t index = 0) { return *servers_[index]; }
  [[nodiscard]] size_t server_count() const { return servers_.size(); }
  Violations& violations() { return violations_; }
  SimLog& log() { return log_; }
  std::vector<std::unique_ptr<FakeClient>>& clients() { return clients_; }
  ClientWorld& client_world() { return *client_world_; }
  Dice& dice() { return dice_; }

 private:
  [[nodiscard]] std::optional<std::string> Expected(const Marker& marker,
                                                    std::string_view parameter) const;
  // No transaction spans two servers (I2), none begins on one that is banned (I6).
  void Placed(const Marker& marker, Place place, bool new_hands);

  // nullptr: it is forgotten already.
  [[nodiscard]] FakeClient* Find(uint32_t number) const;

  SeededRandom random_;
  Dice dice_;
  Violations violations_;
  SimLog log_;
  std::unique_ptr<SimLoop> loop_;
  std::unique_ptr<SimNetwork> network_;
  std::vector<std::unique_ptr<FakePostgres>> servers_;
  std::unique_ptr<SimPooler> pooler_;
  std::unique_ptr<ClientWorld> client_world_;
  std::vector<std::unique_ptr<FakeClient>> clients_;
};

}  // namespace pglynx::sim
