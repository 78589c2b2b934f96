// Goal: many more clients than connections: nobody starves, each is served or told within
// query_wait_timeout, PostgreSQL never sees more connections than the budget; connections that
// never speak cost little and hold nobody up.
// Method: thousands of clients of bytes that all ask at once, over twenty pools; what PostgreSQL
// counts meanwhile.

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using pglynx::e2e::AppOptions;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Connection;
using pglynx::e2e::Eventually;
using pglynx::e2e::Field;
using pglynx::e2e::RaiseDescriptorLimit;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::ServerCount;

namespace {

constexpr size_t kPools = 20;
constexpr size_t kClients = 5'000;
constexpr size_t kBudget = 40;
constexpr int kWaitSeconds = 5;
constexpr size_t kSilent = 10'000;

std::string NameOf(size_t pool) {
  return "pool" + std::to_string(pool);
}

// Pools of the same database; the server's entry says how many connections it takes from all.
AppOptions ManyPools() {
  std::string more;
  for (size_t i = 0; i < kPools; ++i) {
    more += "[pools." + NameOf(i) +
            "]\ndatabase = \"app\"\nservers = [{ host = \"127.0.0.1\", port = @SERVER_PORT@, "
            "max_connections = " +
            std::to_string(kBudget) + " }]\n[[pools." + NameOf(i) +
            ".users]]\nusername = \"app\"\npassword = \"secret\"\npool_size = 10\n";
  }
  const std::string wait = std::to_string(kWaitSeconds);
  return {.pool_size = 1,
          .general = "max_client_conn = 6000\nquery_wait_notify = 0\nquery_wait_timeout = \"" +
                     wait + "s\"",
          .more = pglynx::e2e::Fill(
              more, {{"@SERVER_PORT@", std::to_string(pglynx::e2e::Postgres().port())}})};
}

struct Outcome {
  std::map<size_t, size_t> served;  // by pool
  size_t refused = 0;
  size_t most_servers = 0;
  std::vector<std::string> surprises;
};

// Everybody asks at once; then all answers are read, and the servers counted now and then.
Outcome AskAll(std::vector<RawClient>& clients, const std::string& sql) {
  Outcome outcome;
  const std::string query = RawClient::Query(sql);
  for (RawClient& client : clients) client.Send(query);
  for (size_t i = 0; i < clients.size(); ++i) {
    if (i % 250 == 0) outcome.most_servers = std::max(outcome.most_servers, ServerCount());
    const std::vector<RawMessage> answer = clients[i].ReadUntil('Z');
    const auto error = std::find_if(answer.begin(), answer.end(),
                                    [](const RawMessage& message) { return message.type == 'E'; });
    if (error == answer.end()) {
      ++outcome.served[i % kPools];
    } else if (Field(*error, 'C') == "53300") {
      ++outcome.refused;
    } else {
      outcome.surprises.push_back(Field(*error, 'C') + " " + Field(*error, 'M'));
    }
  }
  return outcome;
}

size_t Fewest(const Outcome& outcome) {
  size_t fewest = kClients;
  for (size_t pool = 0; pool < kPools; ++pool) {
    const auto found = outcome.served.find(pool);
    fewest = std::min(fewest, found == outcome.served.end() ? 0 : found->second);
  }
  return fewest;
}

size_t Sum(const Outcome& outcome) {
  size_t sum = 0;
  for (const auto& [pool, served] : outcome.served) sum += served;
  return sum;
}

}  // namespace

TEST_CASE("5,000 clients of 20 pools share 40 connections: no pool starves, nobody is forgotten") {
  if (!RaiseDescriptorLimit(kClients + 1'000)) {
    WARN("skipped: the limit of open files cannot be raised to " << kClients + 1'000);
    return;
  }
  const AppPooler pooler(ManyPools());
  std::vector<RawClient> clients;
  clients.reserve(kClients);
  for (size_t i = 0; i < kClients; ++i) {
    clients.emplace_back(pooler.port());
    REQUIRE(clients.back().Login("app", NameOf(i % kPools)).back().type == 'Z');
  }
  using Clock = std::chrono::steady_clock;

  // What fits into the time is served to the last client.
  const auto before_light = Clock::now();
  const Outcome light = AskAll(clients, "select 1");
  const std::chrono::duration<double> light_took = Clock::now() - before_light;
  CAPTURE(light.surprises);
  CHECK(light.surprises.empty());
  CHECK(light.refused == 0);
  CHECK(Sum(light) == kClients);
  CHECK(light.most_servers <= kBudget);

  // What does not fit is told within the time, and each pool has a share of what does:
  // 5,000 * 0.1 s / 40 = 12.5 s of work. Clients that came together are not put in an order, so
  // that shares differ; none is below a quarter of the mean.
  const auto before_heavy = Clock::now();
  const Outcome heavy = AskAll(clients, "select pg_sleep(0.1)");
  const std::chrono::duration<double> heavy_took = Clock::now() - before_heavy;
  CAPTURE(heavy.surprises, heavy_took.count());
  CHECK(heavy.surprises.empty());
  CHECK(heavy.refused > 0);
  CHECK(heavy_took.count() < 2 * kWaitSeconds);  // nobody waits longer, a busy machine aside
  CHECK(Sum(heavy) + heavy.refused == kClients);
  CHECK(heavy.most_servers <= kBudget);
  CHECK(Fewest(heavy) * kPools >= Sum(heavy) / 4);
  WARN("light: all served in " << light_took.count() << " s; heavy: " << Sum(heavy) << " served ("
                               << Fewest(heavy) << " of the pool with the fewest), "
                               << heavy.refused << " told, the last answer after "
                               << heavy_took.count() << " s; at most "
                               << std::max(light.most_servers, heavy.most_servers)
                               << " connections");

  // And all are as they were.
  const Outcome after = AskAll(clients, "select 1");
  CHECK(Sum(after) == kClients);
}

TEST_CASE("10,000 connections that never speak hold nobody up and are closed") {
  if (!RaiseDescriptorLimit(kSilent + 1'000)) {
    WARN("skipped: the limit of open files cannot be raised to " << kSilent + 1'000);
    return;
  }
  const AppPooler pooler({.pool_size = 2, .general = "client_login_timeout = \"3s\""});
  Connection bystander = pooler.Client();
  REQUIRE(bystander.Exec("begin").ok());
  const uint64_t before = pooler.resident_bytes().value_or(0);
  const size_t descriptors = pooler.descriptors().value_or(0);
  {
    std::vector<RawClient> silent;
    silent.reserve(kSilent);
    for (size_t i = 0; i < kSilent; ++i) silent.emplace_back(pooler.port());
    CHECK(bystander.Exec("select 1").value() == "1");
    CHECK(pooler.Client().Exec("select 2").value() == "2");
    // The kernel keeps silent connections for a second or more; then those beyond the limit are
    // closed at once, the others when their time is up.
    for (RawClient& client : silent) REQUIRE(client.ClosedByPeer());
    CHECK(pooler.Client().Exec("select 3").value() == "3");
  }
  CHECK(bystander.Exec("commit").ok());
  if (before == 0) return;  // no /proc
  CHECK(Eventually([&] { return pooler.descriptors().value() <= descriptors + 1; }));
  constexpr uint64_t kGrowthMax = uint64_t{4} << 20U;
  CHECK(Eventually([&] { return pooler.resident_bytes().value() <= before + kGrowthMax; }));
}
