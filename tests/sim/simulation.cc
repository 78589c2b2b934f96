#include "sim/simulation.h"

#include <algorithm>

#include <fmt/format.h>

namespace pglynx::sim {
namespace {

constexpr size_t kLinesKept = 60;
constexpr Duration kSettleMax = std::chrono::minutes(1);
// Longer than connect_timeout and any statement, so that nothing is under way any more.
constexpr Duration kDrainTime = std::chrono::seconds(30);
const net::Address kPooler = {"10.0.1.1", 6432};

}  // namespace

net::Address ServerAddress(size_t index) {
  // Every second one is known by a name, which has to be resolved.
  if (index % 2 == 1) return {fmt::format("db{}.example", index + 1), 5432};
  return {fmt::format("10.0.2.{}", index + 1), 5432};
}

config::Pool MakePool(const std::string& name, const OnePool& pool, size_t server) {
  config::PoolUser user;
  user.username = name;
  user.password = {config::Secret::Kind::kPlain, "secret"};
  user.pool_size = pool.pool_size;
  user.pool_mode = pool.mode;
  user.connect_timeout = pool.connect_timeout;
  user.query_wait_timeout = pool.query_wait_timeout;
  user.idle_timeout = pool.idle_timeout;
  user.server_lifetime = pool.server_lifetime;
  config::Pool made;
  made.name = name;
  made.mode = pool.mode;
  made.healthcheck_delay = {};  // a check may be under way whenever one looks
  const net::Address address = ServerAddress(server);
  made.shards = {{.database = name, .servers = {{.host = address.host, .port = address.port}}}};
  made.users.push_back(std::move(user));
  return made;
}

config::Config MakeConfig(const OnePool& pool) {
  config::Config config;
  config.general.hosts = {kPooler.host};
  config.general.port = kPooler.port;
  config.general.server_round_robin = pool.server_round_robin;
  config.general.max_client_statements = pool.max_client_statements;
  config.auth.method = pool.method;
  config.pools.push_back(MakePool("app", pool, 0));
  return config;
}

void SimLog::Write(LogLevel level, std::string_view message, Fields fields) {
  const int64_t now = loop == nullptr ? 0 : loop->Now().time_since_epoch().count();
  lines_.push_back(
      fmt::format("{} {}", now, FormatLogLine(LogFormat::kText, level, message, fields)));
  if (lines_.size() > kLinesKept) lines_.pop_front();
}

Simulation::Simulation(uint64_t seed, const OnePool& pool)
    : Simulation(seed, MakeConfig(pool), 1, pool.server_method) {}

Simulation::Simulation(uint64_t seed, config::Config config, size_t server_count,
                       PostgresUser::Method server_method)
    : random_(seed),
      dice_(random_),
      loop_(std::make_unique<SimLoop>(random_)),
      network_(std::make_unique<SimNetwork>(*loop_, random_)) {
  log_.loop = loop_.get();
  network_->pooler = kPooler;
  for (size_t i = 0; i < server_count; ++i) {
    servers_.push_back(std::make_unique<FakePostgres>(
        FakePostgres::World{*loop_, *network_, random_, violations_,
                            [this](const Marker& marker, std::string_view parameter) {
                              return Expected(marker, parameter);
                            },
                            [this](const Marker& marker) {
                              const FakeClient* client = Find(marker.client);
                              if (client != nullptr) client->Explain();
                            },
                            [this, i](const Marker& marker, uint64_t session, bool new_hands) {
                              Placed(marker, {i, session}, new_hands);
                            }},
        ServerAddress(i)));
    for (const config::Pool& pool : config.pools) {
      for (const config::PoolUser& user : pool.users) {
        servers_.back()->AddUser(user.username, {server_method, "secret"});
      }
    }
  }
  pooler_ = std::make_unique<SimPooler>(
      SimPooler::World{*loop_, *network_, random_, log_, violations_}, std::move(config));
  client_world_ =
      std::make_unique<ClientWorld>(ClientWorld{*loop_, *network_, random_, violations_, kPooler});
}

std::optional<std::string> Simulation::Expected(const Marker& marker,
                                                std::string_view parameter) const {
  const FakeClient* client = Find(marker.client);
  return client != nullptr ? client->Expected(marker.number, parameter) : std::nullopt;
}

void Simulation::Placed(const Marker& marker, Place place, bool new_hands) {
  FakeClient* client = Find(marker.client);
  for (size_t i = 0; i < servers_.size(); ++i) {
    const uint64_t but = i == place.server ? place.session : 0;
    if (!servers_[i]->HasTransactionOf(marker.client, but)) continue;
    violations_.Report("I2", fmt::format("statement {} of client {} runs on server {}, its "
                                         "transaction is open on server {}",
                                         marker.number, marker.client, place.server, i));
    if (client != nullptr) client->Explain();
  }
  if (client == nullptr || client->ended()) return;
  const net::Address& address = servers_[place.server]->address();
  client->OnPlaced(marker.number, place, new_hands, pooler_->ban_watch().BannedSince(address));
}

FakeClient* Simulation::Find(uint32_t number) const {
  const auto found = std::find_if(clients_.begin(), clients_.end(), [number](const auto& client) {
    return client->number() == number;
  });
  return found != clients_.end() ? found->get() : nullptr;
}

Simulation::~Simulation() {
  clients_.clear();
  pooler_.reset();
  servers_.clear();
  loop_->FinishTurn();
}

FakeClient& Simulation::NewClient(ClientOptions options) {
  clients_.push_back(std::make_unique<FakeClient>(*client_world_, std::move(options)));
  clients_.back()->Connect();
  return *clients_.back();
}

void Simulation::DropEnded() {
  std::erase_if(clients_, [](const auto& client) { return client->ended(); });
}

bool Simulation::Turn() {
  if (!loop_->RunTurn()) return false;
  pooler_->CheckInvariants();
  return true;
}

void Simulation::RunFor(Duration duration) {
  const TimePoint end = loop_->Now() + duration;
  while (loop_->NextMoment() <= end) Turn();
  loop_->RunUntil(end);
}

bool Simulation::Settle() {
  const TimePoint end = loop_->Now() + kSettleMax;
  const auto settled = [this] {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->idle() || client->ended(); });
  };
  while (!settled()) {
    if (loop_->NextMoment() > end) return false;
    Turn();
  }
  return true;
}

void Simulation::Drain() {
  network_->faults = {};
  for (const auto& server : servers_) server->faults = {};
  for (const auto& client : clients_) client->Leave();
  RunFor(kDrainTime);
  // Who said Terminate behind a request waits for its end, and a server that hangs has none.
  for (const auto& server : servers_) server->KillHungSessions();
  RunFor(kDrainTime);
  pooler_->CheckDrained();
  for (const auto& server : servers_) {
    if (server->dirty_session_count() == 0) continue;
    violations_.Report("I8",
                       fmt::format("{} sessions of server {} still hold something",
                                   server->dirty_session_count(), server->address().ToString()));
  }
}

}  // namespace pglynx::sim
