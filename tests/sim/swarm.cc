#include "sim/swarm.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "sim/bot.h"
#include "sim/operator.h"
#include "sim/random_limits.h"
#include "sim/simulation.h"
#include "sim/strangers.h"

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<std::string_view, 6> kProfiles = {"none", "network", "servers",
                                                       "all",  "limits",  "hard"};
// Nobody may be left without an answer for longer, where servers neither hang nor vanish: the
// wait for a server and the longest statement fit in it many times.
constexpr Duration kAnswerMax = seconds(90);
constexpr std::array<uint32_t, 4> kCacheSizes = {0, 1, 3, 200};
constexpr Duration kWorldTick = milliseconds(200);
// How long clients may take to end by themselves when the pooler stops.
constexpr Duration kShutdownTimeout = seconds(5);

class Swarm {
 public:
  explicit Swarm(const SwarmOptions& options)
      : options_(options),
        setup_random_(options.seed * 0x9e3779b97f4a7c15ULL + 1),
        setup_(setup_random_) {
    ChooseProfile();
    MakeWorld();
    ChooseFaults();
    ChooseHabits();
  }

  SwarmResult Run() {
    WorldTick();
    while (sim_->loop().events() < options_.events &&
           sim_->violations().size() < options_.violations_max) {
      if (!sim_->Turn()) break;
      CheckAnswers();
    }
    result_.trace = sim_->loop().trace();
    const bool broken = !sim_->violations().empty();
    if (broken || options_.describe) Describe();
    sim_->loop().Unschedule(tick_);
    if (operator_ != nullptr) operator_->UndoAll();
    if (strangers_ != nullptr) strangers_->LeaveAll();
    if (stops_ && !broken) StopPooler();
    for (const auto& bot : bots_) Count(bot->client());
    bots_.clear();
    if (!broken) sim_->Drain();
    result_.violations = sim_->violations().lines();
    result_.notes = sim_->violations().notes();
    return std::move(result_);
  }

 private:
  void ChooseProfile() {
    profile_ = options_.faults;
    if (profile_.empty()) profile_ = kProfiles[setup_.Below(kProfiles.size())];
    limits_ = profile_ == "limits" || profile_ == "hard";
    network_faults_ = profile_ == "network" || profile_ == "all" || profile_ == "hard";
    server_faults_ = profile_ == "servers" || profile_ == "all" || profile_ == "hard";
    stops_ = limits_ && setup_.Chance(0.3);
  }

  // As SIGTERM and shutdown_timeout do, while the bots go on.
  void StopPooler() {
    sim_->pooler().Stop();
    const TimePoint end = sim_->Now() + kShutdownTimeout;
    while (sim_->loop().NextMoment() <= end) sim_->Turn();
    sim_->pooler().EndNow();
    if (sim_->pooler().sessions().client_count() == 0) return;
    sim_->violations().Report("I8", "clients are left behind the end of shutdown_timeout");
  }

  void MakeWorld() {
    config::Config config;
    config.general.hosts = {"10.0.1.1"};
    config.general.port = 6432;
    config.general.max_client_conn =
        setup_.Chance(0.2) ? static_cast<uint32_t>(setup_.Between(3, 15)) : 1000;
    config.general.server_round_robin = setup_.Chance(0.5);
    config.general.max_client_statements = setup_.Chance(0.1) ? 3 : 10000;
    config.auth.method =
        setup_.Chance(0.5) ? config::AuthMethod::kTrust : config::AuthMethod::kScramSha256;
    const uint64_t pools = setup_.Between(1, 3);
    const uint64_t servers = setup_.Between(1, pools);
    for (uint64_t i = 0; i < pools; ++i) config.pools.push_back(RandomPool(i, i % servers));
    if (limits_) AddRandomLimits(setup_, config);
    result_.topology = fmt::format("profile {}, {} pools, {} servers", profile_, pools, servers);
    for (const config::Pool& pool : config.pools) {
      result_.topology += fmt::format(
          ", {}: {} servers, {} mode, {} statements, {} pins, policies {} and {}, BEGIN {}",
          pool.name, pool.users[0].pool_size,
          pool.mode == config::PoolMode::kSession ? "session" : "transaction",
          pool.prepared_statements_cache_size, pool.max_pinned,
          static_cast<int>(pool.on_session_state), static_cast<int>(pool.on_hidden_state),
          pool.deferred_begin ? "deferred" : "at once");
      databases_.push_back(pool.name);
    }
    clients_max_ = static_cast<size_t>(setup_.Between(5, 40));
    result_.topology += fmt::format(", {} clients, max_client_conn {}", clients_max_,
                                    config.general.max_client_conn);
    const auto method = static_cast<PostgresUser::Method>(setup_.Below(3));
    config_ = config;
    sim_ = std::make_unique<Simulation>(options_.seed, std::move(config), servers, method);
    if (!limits_) return;
    const bool trusts = config_.auth.method == config::AuthMethod::kTrust;
    operator_ = std::make_unique<Operator>(*sim_, Some(0.3));
    strangers_ = std::make_unique<Strangers>(*sim_, databases_, trusts);
  }

  config::Pool RandomPool(uint64_t index, uint64_t server) {
    OnePool pool;
    pool.mode = setup_.Chance(0.75) ? config::PoolMode::kTransaction : config::PoolMode::kSession;
    pool.pool_size = static_cast<uint32_t>(setup_.Between(1, 5));
    pool.query_wait_timeout = milliseconds(setup_.Between(200, 10'000));
    pool.connect_timeout = milliseconds(setup_.Between(500, 5000));
    config::Pool made = MakePool(fmt::format("db{}", index), pool, server);
    made.prepared_statements_cache_size = kCacheSizes[setup_.Below(kCacheSizes.size())];
    made.deferred_begin = setup_.Chance(0.8);
    made.max_pinned =
        setup_.Chance(0.5) ? 0 : static_cast<uint32_t>(setup_.Between(1, pool.pool_size));
    made.on_session_state = SomePolicy<config::SessionStatePolicy>();
    made.on_hidden_state = SomePolicy<config::HiddenStatePolicy>();
    if (setup_.Chance(0.3)) made.healthcheck_delay = milliseconds(setup_.Between(100, 5000));
    if (setup_.Chance(0.2)) made.connect_query = "SELECT 'connect_query'";
    if (setup_.Chance(0.3)) made.users[0].server_lifetime = seconds(setup_.Between(1, 20));
    if (setup_.Chance(0.3)) made.users[0].idle_timeout = seconds(setup_.Between(1, 5));
    return made;
  }

  // Most often the first one, which is the default.
  template <typename Policy>
  Policy SomePolicy() {
    return static_cast<Policy>(setup_.Chance(0.8) ? 0 : setup_.Between(1, 2));
  }

  // What functions do unseen is as Postgres does it: no policy loses it.
  [[nodiscard]] bool KeepsHiddenState(const std::string& database) const {
    const auto pool =
        std::find_if(config_.pools.begin(), config_.pools.end(),
                     [&database](const config::Pool& each) { return each.name == database; });
    return pool->mode == config::PoolMode::kSession ||
           (pool->on_session_state != config::SessionStatePolicy::kError &&
            pool->on_hidden_state == config::HiddenStatePolicy::kProbe);
  }

  // A probability that is often none, else spread over the magnitudes up to `most`.
  double Some(double most) {
    if (setup_.Chance(0.3)) return 0;
    return most / static_cast<double>(setup_.Between(1, 20));
  }

  void ChooseFaults() {
    NetworkFaults& network = sim_->network().faults;
    network.split = Some(0.8);
    network.single_byte = Some(0.1);
    network.latency_max = std::chrono::microseconds(setup_.Between(60, 5000));
    network.stall = Some(0.05);
    if (network_faults_) {
      network.unresolvable = Some(0.1);
      network.refuse = Some(0.1);
      network.black_hole = Some(0.02);
      network.reset = Some(0.005);
      network.freeze = Some(0.001);
    }
    for (size_t i = 0; i < sim_->server_count(); ++i) {
      PostgresFaults& faults = sim_->server(i).faults;
      faults.late = Some(0.2);
      faults.late_login = Some(0.5);
      faults.notice = Some(0.1);
      faults.parameter_status = Some(0.05);
      if (!server_faults_) continue;
      faults.fail_statement = Some(0.1);
      faults.refuse_login = Some(0.3);
      faults.die = Some(0.02);
      faults.die_midway = Some(0.02);
      faults.die_behind = Some(0.02);
      faults.hang = Some(0.002);
      restart_ = Some(0.01);
    }
  }

  void ChooseHabits() {
    habits_.vanish = Some(0.1);
    habits_.cancel = Some(0.1);
    habits_.extended = setup_.Chance(0.2) ? 0 : 0.5;
    habits_.pipeline = Some(0.5);
    habits_.transaction = 0.1 + Some(0.4);
    habits_.settings = Some(0.5);
    habits_.session_state = Some(0.1);
    habits_.hidden = Some(0.1);
    habits_.sql_names = Some(0.3);
    habits_.copy = Some(0.3);
    habits_.error = Some(0.2);
    habits_.discard = Some(0.05);
    habits_.slow = Some(0.1);
    reload_ = Some(0.05);
    habits_.think_max = milliseconds(setup_.Between(1, 50));
    habits_.sleep_max = milliseconds(setup_.Between(1, 200));
  }

  // What happens to the world from time to time: clients come, servers restart.
  void WorldTick() {
    for (const auto& bot : bots_) {
      if (bot->client().ended()) Count(bot->client());
    }
    std::erase_if(bots_, [](const auto& bot) { return bot->client().ended(); });
    sim_->DropEnded();
    while (bots_.size() < clients_max_ && sim_->dice().Chance(0.7)) AddClient();
    if (sim_->dice().Chance(restart_)) {
      sim_->server(sim_->dice().Below(sim_->server_count()))
          .Restart(sim_->dice().Between(Duration::zero(), Duration(seconds(3))));
    }
    if (sim_->dice().Chance(0.02)) sim_->pooler().Tick();
    if (sim_->dice().Chance(reload_)) Reload();
    if (operator_ != nullptr) operator_->Tick();
    if (strangers_ != nullptr) strangers_->Tick();
    tick_ = sim_->loop().Schedule(sim_->loop().Now() + kWorldTick, [this] { WorldTick(); });
  }

  // With other limits, most of which hold at once.
  void Reload() {
    config::Config config = sim_->pooler().config();
    Dice& dice = sim_->dice();
    for (config::Pool& pool : config.pools) {
      config::PoolUser& user = pool.users[0];
      user.pool_size = static_cast<uint32_t>(dice.Between(1, 5));
      user.query_wait_timeout = milliseconds(dice.Between(200, 10'000));
      user.connect_timeout = milliseconds(dice.Between(500, 5000));
      user.idle_timeout = seconds(dice.Between(1, 60));
      user.server_lifetime = seconds(dice.Between(1, 60));
      pool.max_pinned =
          dice.Chance(0.5) ? 0 : static_cast<uint32_t>(dice.Between(1, user.pool_size));
      pool.deferred_begin = dice.Chance(0.8);
      pool.prepared_statements_cache_size = kCacheSizes[dice.Below(kCacheSizes.size())];
      // Replaces the servers.
      if (dice.Chance(0.2)) pool.connect_query = dice.Chance(0.5) ? "SELECT 'reloaded'" : "";
    }
    config.general.server_round_robin = dice.Chance(0.5);
    sim_->pooler().Reload(std::move(config));
  }

  void AddClient() {
    ClientOptions options;
    options.database = databases_[sim_->dice().Below(databases_.size())];
    options.user = options.database;
    options.tolerated = {"53300"};  // query_wait_timeout and max_client_conn
    if (network_faults_ || server_faults_) {
      options.may_be_cut_off = true;
      // Unreachable, lost, refused, shut down; and the simulated failure of a statement.
      options.tolerated.insert({"08001", "08006", "57P01", "57P03"});
      options.tolerated.emplace(kSimulatedFailure);
    }
    if (limits_) TolerateLimits(options);
    if (sim_->pooler().config().general.max_client_statements < 10) {
      options.tolerated.insert("53400");  // max_client_statements
    }
    for (const config::Pool& pool : config_.pools) {
      const bool refuses = pool.on_session_state == config::SessionStatePolicy::kError;
      if (pool.name == options.database && refuses) options.tolerated.insert("0A000");
    }
    const bool hides = KeepsHiddenState(options.database);
    if (sim_->dice().Chance(0.3)) {
      options.settings.push_back({"application_name", fmt::format("bot{}", result_.clients % 5)});
    }
    if (sim_->dice().Chance(0.2)) options.settings.push_back({"TimeZone", "Europe/Paris"});
    if (sim_->dice().Chance(0.1)) options.settings.push_back({"statement_timeout", "60000"});
    if (sim_->dice().Chance(0.1)) {
      options.option_settings.push_back({"application_name", R"(a \b)"});
      options.option_settings.push_back({"work_mem", "8MB"});
    }
    ++result_.clients;
    FakeClient& client = sim_->NewClient(std::move(options));
    bots_.push_back(std::make_unique<Bot>(sim_->loop(), sim_->dice(), habits_, client, hides));
  }

  void TolerateLimits(ClientOptions& options) {
    options.may_be_cut_off = true;
    // What the operator does: KILL, DRAIN and DISABLE, a database that is gone.
    options.tolerated.insert({"57P01", "57P03", "3D000", "28P01", "28000"});
    for (const config::Pool& pool : config_.pools) {
      if (pool.name == options.database) options.tolerated.merge(ErrorsOfLimits(config_, pool));
    }
  }

  void Count(const FakeClient& client) {
    result_.statements += client.statements_done();
    result_.errors += client.errors_seen();
  }

  // I4 from the client's side: nobody is forgotten.
  void CheckAnswers() {
    if (network_faults_ || server_faults_) return;
    for (const auto& bot : bots_) {
      const FakeClient& client = bot->client();
      if (client.ended() || client.idle()) continue;
      if (sim_->loop().Now() - client.last_progress() <= kAnswerMax) continue;
      sim_->violations().Report("I4", fmt::format("client {} has been forgotten", client.number()));
    }
  }

  void Describe() {
    for (const ReadEvent& event : sim_->network().last_reads()) {
      result_.last_lines.push_back(event.ToString());
    }
    for (const std::string& line : sim_->log().lines()) result_.last_lines.push_back(line);
  }

  SwarmOptions options_;
  SeededRandom setup_random_;
  Dice setup_;  // what the world is; what happens in it has the simulation's own
  std::string profile_;
  bool network_faults_ = false;
  bool server_faults_ = false;
  bool limits_ = false;
  bool stops_ = false;
  double restart_ = 0;
  double reload_ = 0;
  size_t clients_max_ = 0;
  std::vector<std::string> databases_;
  config::Config config_;  // as it was at the beginning
  BotHabits habits_;
  SwarmResult result_;
  std::unique_ptr<Simulation> sim_;
  std::unique_ptr<Operator> operator_;
  std::unique_ptr<Strangers> strangers_;
  std::vector<std::unique_ptr<Bot>> bots_;
  SimLoop::Ticket tick_;
};

}  // namespace

std::vector<std::string> FaultProfiles() {
  return {kProfiles.begin(), kProfiles.end()};
}

bool IsFaultProfile(const std::string& name) {
  return std::find(kProfiles.begin(), kProfiles.end(), name) != kProfiles.end();
}

SwarmResult RunSwarm(const SwarmOptions& options) {
  return Swarm(options).Run();
}

}  // namespace pglynx::sim
