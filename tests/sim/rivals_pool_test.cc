// What other poolers get wrong around the pool: servers that are down, waiting, round trips,
// settings at the login, notifications, life-times, reload and shutdown. Each case names where
// the defect is listed (shared/reference/pgcat.md and pgbouncer.md, by section); where it is
// about time, virtual time is measured.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "sim/simulation.h"
#include "support/catch.h"

namespace pglynx::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void RequireClean(Simulation& sim) {
  sim.Drain();
  INFO(sim.violations().ToString());
  REQUIRE(sim.violations().empty());
}

// Told of a server that cannot be reached, it may lose its connection.
ClientOptions Patient() {
  ClientOptions options;
  options.tolerated = {"08001"};
  options.may_be_cut_off = true;
  return options;
}

// A pool before an address where nobody listens.
Simulation NoServer(const OnePool& pool) {
  return Simulation(1, MakeConfig(pool), 0, PostgresUser::Method::kTrust);
}

// A network where each hop takes a millisecond.
void MakeEven(Simulation& sim) {
  sim.network().faults.latency_min = milliseconds(1);
  sim.network().faults.latency_max = milliseconds(1);
}
constexpr Duration kRoundTrip = milliseconds(4);  // client, pooler, server and back

// `count` clients that are logged in.
std::vector<FakeClient*> Clients(Simulation& sim, int count) {
  std::vector<FakeClient*> clients;
  for (int i = 0; i < count; ++i) clients.push_back(&sim.NewClient());
  REQUIRE(sim.Settle());
  return clients;
}

// Opens as many servers as there are clients, and leaves them idle. (BEGIN alone takes no server:
// deferred_begin.)
void OpenServers(Simulation& sim, const std::vector<FakeClient*>& clients) {
  for (FakeClient* client : clients) client->Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  for (FakeClient* client : clients) client->Query({Commit()});
  REQUIRE(sim.Settle());
  REQUIRE(sim.server().session_count() == clients.size());
}

// ----- servers that are down -----

// pgcat.md 8.1, 5; pgbouncer.md 3, login of a cold pool.
TEST_CASE("a refused connect is told at once, with host and port, to each client") {
  Simulation sim = NoServer(OnePool{.query_wait_timeout = seconds(5)});
  for (int i = 0; i < 5; ++i) {
    const TimePoint before = sim.Now();
    FakeClient& anna = sim.NewClient(Patient());
    anna.Query({Echo()});
    REQUIRE(sim.Settle());
    CHECK(sim.Now() - before < milliseconds(50));
    CHECK(anna.last_error() == "08001");
    CHECK(anna.last_error_text().find("10.0.2.1:5432") != std::string::npos);
    CHECK(anna.last_error_text().find("refused") != std::string::npos);
    sim.RunFor(milliseconds(i * 130));
  }
  RequireClean(sim);
}

// pgcat.md 8.1, 5.
TEST_CASE("a client that is logged in already is told at once that its server is down") {
  Simulation sim(1, OnePool{});
  FakeClient& anna = sim.NewClient(Patient());
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  sim.server().refuse_with = "57P03";
  sim.server().KillSessions();
  sim.RunFor(seconds(1));
  const TimePoint before = sim.Now();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.Now() - before < milliseconds(50));
  CHECK(anna.last_error() == "08001");
  sim.server().refuse_with.clear();
  RequireClean(sim);
}

// pgcat.md 8.1, 5: connect_timeout and query_wait_timeout are two things.
TEST_CASE("a connect that nobody answers is told after connect_timeout") {
  Simulation sim(1, OnePool{.query_wait_timeout = seconds(60), .connect_timeout = seconds(2)});
  const TimePoint before = sim.Now();
  FakeClient& anna = sim.NewClient(Patient());
  sim.network().faults.black_hole = 1;
  REQUIRE(sim.Settle());
  CHECK(sim.Now() - before >= seconds(2));
  CHECK(sim.Now() - before < milliseconds(2100));
  CHECK(anna.last_error() == "08001");
  sim.network().faults.black_hole = 0;
  sim.RunFor(seconds(3));
  FakeClient& ben = sim.NewClient();
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 1);
  RequireClean(sim);
}

// Accepts and closes at once, and counts.
class SickServer final : public net::AcceptListener {
 public:
  explicit SickServer(Simulation& sim) : listener_(sim.network().Listen(ServerAddress(0), *this)) {}
  void OnAccept(std::unique_ptr<net::Stream> stream) override {
    ++attempts;
    stream->Close();
  }
  int attempts = 0;

 private:
  std::unique_ptr<net::Listener> listener_;
};

// pgcat.md 8.1, 5: back-off from server_retry_min (100 ms) to server_retry_max (2 s).
TEST_CASE("a sick server is not stormed by the clients that come again and again") {
  Simulation sim = NoServer(OnePool{.pool_size = 20});
  SickServer server(sim);
  for (int i = 0; i < 300; ++i) {
    sim.DropEnded();
    while (sim.clients().size() < 50) sim.NewClient(Patient()).Query({Echo()});
    sim.RunFor(milliseconds(100));
  }
  CHECK(server.attempts >= 10);
  CAPTURE(server.attempts);
  CHECK(server.attempts <= 20 + 20);  // the first ones are many at once
  RequireClean(sim);
}

// pgcat.md 8.1, 5.
TEST_CASE("behind an outage clients are served again within server_retry_max") {
  Simulation sim(1, OnePool{.pool_size = 5});
  sim.server().refuse_with = "57P03";
  for (int i = 0; i < 100; ++i) {
    sim.DropEnded();
    while (sim.clients().size() < 10) sim.NewClient(Patient()).Query({Echo()});
    sim.RunFor(milliseconds(100));
  }
  sim.server().refuse_with.clear();
  sim.RunFor(seconds(2));
  sim.DropEnded();
  FakeClient& anna = sim.NewClient();
  anna.Query({Echo()});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 1);
  RequireClean(sim);
}

// ----- waiting -----

// pgbouncer.md 3, pool key and size: one login in flight per pool.
TEST_CASE("the clients of a cold pool get their servers side by side") {
  Simulation sim(1, OnePool{.pool_size = 10});
  MakeEven(sim);
  sim.server().faults.late_login = 1;
  const TimePoint before = sim.Now();
  for (int i = 0; i < 10; ++i) sim.NewClient().Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  CHECK(sim.server().logins() == 10);
  // One after the other they would take five times as long, on average.
  CHECK(sim.Now() - before <= sim.server().faults.late_max + 4 * kRoundTrip);
  RequireClean(sim);
}

// pgbouncer.md 3, wait queue.
TEST_CASE("waiting clients are served in the order in which they came") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  anna.Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  const std::vector<FakeClient*> waiting = Clients(sim, 20);
  for (FakeClient* client : waiting) {
    client->Query({Sleep(milliseconds(10))});
    sim.RunFor(milliseconds(1));
  }
  waiting[5]->Vanish(FakeClient::Exit::kReset, 0);
  anna.Query({Commit()});
  sim.RunFor(milliseconds(5));
  anna.Query({Echo()});  // behind all of them
  REQUIRE(sim.Settle());
  TimePoint last{};
  for (const FakeClient* client : waiting) {
    if (client->ended()) continue;
    CHECK(client->last_progress() > last);
    last = client->last_progress();
  }
  CHECK(anna.last_progress() > last);
  RequireClean(sim);
}

// pgbouncer.md 3, server choice.
TEST_CASE("servers that are not needed become idle, unless server_round_robin is on") {
  for (const bool round_robin : {false, true}) {
    Simulation sim(
        1, OnePool{.pool_size = 3, .idle_timeout = seconds(10), .server_round_robin = round_robin});
    const std::vector<FakeClient*> clients = Clients(sim, 3);
    OpenServers(sim, clients);
    for (int i = 0; i < 15; ++i) {
      clients[0]->Query({Echo()});
      sim.RunFor(seconds(1));
    }
    CHECK(sim.server().session_count() == (round_robin ? 3 : 1));
    RequireClean(sim);
  }
}

// ----- round trips and settings -----

// pgbouncer.md 3, parameter tracking: an extra round trip.
TEST_CASE("the settings of a client go out in the same write as its statement") {
  Simulation sim(1, OnePool{.pool_size = 1});
  MakeEven(sim);
  FakeClient& anna = sim.NewClient({.settings = {{"TimeZone", "Europe/Berlin"}}});
  FakeClient& ben = sim.NewClient({.settings = {{"TimeZone", "Asia/Tokyo"}}});
  REQUIRE(sim.Settle());
  for (FakeClient* client : {&anna, &ben, &anna, &ben}) {
    const TimePoint before = sim.Now();
    client->Query({Echo(), Show("TimeZone")});  // SHOW alone takes no server
    REQUIRE(sim.Settle());
    CHECK(sim.Now() - before == kRoundTrip);
  }
  RequireClean(sim);
}

// pgbouncer.md 3, prepared statements.
TEST_CASE("a statement that the server does not know is prepared in the same write") {
  Simulation sim(1, OnePool{.pool_size = 2});
  MakeEven(sim);
  const std::vector<FakeClient*> clients = Clients(sim, 2);
  OpenServers(sim, clients);
  clients[0]->Extended({EchoParameter().As("s")});
  REQUIRE(sim.Settle());
  clients[1]->Query({Begin(), Echo()});  // takes the server that knows it
  REQUIRE(sim.Settle());
  const TimePoint before = sim.Now();
  clients[0]->Extended({EchoParameter().As("s").Again().Described()});
  REQUIRE(sim.Settle());
  CHECK(sim.Now() - before == kRoundTrip);
  RequireClean(sim);
}

// pgbouncer.md 3, parameter tracking: values beyond 127 bytes, and what no server reports, are
// accepted and not applied.
TEST_CASE("what a client asks for at its login holds on every server") {
  const wire::StartupParameters settings = {{"application_name", std::string(300, 'n')},
                                            {"statement_timeout", "5000"},
                                            {"work_mem", "8MB"},
                                            {"TimeZone", "Asia/Tokyo"},
                                            {"extra_float_digits", "2"}};
  const std::vector<Op> shows = {Show("application_name"), Show("statement_timeout"),
                                 Show("work_mem"), Show("TimeZone"), Show("extra_float_digits")};
  for (const bool by_options : {false, true}) {
    Simulation sim(1, OnePool{.pool_size = 2});
    ClientOptions options;
    (by_options ? options.option_settings : options.settings) = settings;
    FakeClient& anna = sim.NewClient(options);
    FakeClient& ben = sim.NewClient();
    anna.Query(shows);
    REQUIRE(sim.Settle());
    ben.Query({Begin(), Echo()});  // takes the server that served last
    ben.Query(shows);
    REQUIRE(sim.Settle());
    anna.Query(shows);
    REQUIRE(sim.Settle());
    CHECK(sim.server().session_count() == 2);
    CHECK(anna.statements_done() == 10);
    ben.Query({Commit()});
    RequireClean(sim);
  }
}

// pgbouncer.md 3, parameter tracking.
TEST_CASE("a search_path that a client asks for at its login holds") {
  std::string path;
  for (int i = 0; i < 40; ++i) path += "schema_" + std::to_string(i) + ", ";
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient({.settings = {{"search_path", path + "public"}}});
  FakeClient& ben = sim.NewClient();
  for (FakeClient* client : {&anna, &ben, &anna}) client->Query({Show("search_path")});
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 2);
  RequireClean(sim);
}

// pgbouncer.md 3, unknown startup parameter.
TEST_CASE("a startup parameter is refused in the words of Postgres") {
  Simulation sim(1, OnePool{});
  FakeClient& anna =
      sim.NewClient({.other_parameters = {{"nonsense", "1"}}, .tolerated = {"42704"}});
  FakeClient& ben =
      sim.NewClient({.other_parameters = {{"work_mem", "plenty"}}, .tolerated = {"22023"}});
  REQUIRE(sim.Settle());
  CHECK(anna.fatal() == "42704");
  CHECK(anna.last_error_text() == "unrecognized configuration parameter \"nonsense\"");
  CHECK(ben.fatal() == "22023");
  FakeClient& cleo = sim.NewClient();
  cleo.Query({Echo(), Show("work_mem")});
  REQUIRE(sim.Settle());
  CHECK(cleo.statements_done() == 2);
  RequireClean(sim);
}

// pgbouncer.md 3, client auth.
TEST_CASE("who guesses cannot tell an unknown user or database from a wrong password") {
  for (const auto method : {config::AuthMethod::kScramSha256, config::AuthMethod::kMd5}) {
    Simulation sim(1, OnePool{.method = method});
    const auto guess = [&sim](const std::string& user, const std::string& database) {
      ClientOptions options;
      options.user = user;
      options.database = database;
      options.password = "guess";
      options.tolerated = {"28P01"};
      FakeClient& client = sim.NewClient(options);
      REQUIRE(sim.Settle());
      const std::string text = client.last_error_text();
      const size_t at = text.find(user);
      return client.login_replies() + client.fatal() +
             (at == std::string::npos ? text : text.substr(0, at) + text.substr(at + user.size()));
    };
    const std::string wrong_password = guess("app", "app");
    CHECK(wrong_password.find("28P01") != std::string::npos);
    CHECK(guess("nobody", "app") == wrong_password);
    CHECK(guess("app", "nowhere") == wrong_password);
    RequireClean(sim);
  }
}

// ----- notifications -----

// pgbouncer.md 3, LISTEN/NOTIFY; pgcat.md 8.2.
TEST_CASE("a notification reaches a listener at once, between its own statements") {
  for (const config::PoolMode mode : {config::PoolMode::kTransaction, config::PoolMode::kSession}) {
    Simulation sim(1, OnePool{.mode = mode, .pool_size = 2});
    FakeClient& anna = sim.NewClient();
    FakeClient& ben = sim.NewClient();
    anna.Query({Listen("c")});
    REQUIRE(sim.Settle());
    for (size_t i = 1; i <= 3; ++i) {
      ben.Query({Notify("c")});
      REQUIRE(sim.Settle());
      sim.RunFor(milliseconds(5));
      CHECK(anna.notifications() == i);
    }
    anna.Query({Echo(), UnlistenAll()});
    REQUIRE(sim.Settle());
    ben.Query({Notify("c")});
    REQUIRE(sim.Settle());
    CHECK(anna.notifications() == 3);
    CHECK(ben.notifications() == 0);
    RequireClean(sim);
  }
}

// ----- life-times, reload, shutdown -----

// pgbouncer.md 1.3: what its janitor does.
TEST_CASE("idle_timeout closes idle servers") {
  Simulation sim(1, OnePool{.pool_size = 3, .idle_timeout = seconds(10)});
  const std::vector<FakeClient*> clients = Clients(sim, 3);
  OpenServers(sim, clients);
  clients[0]->Query({Begin(), Echo()});
  sim.RunFor(seconds(11));
  CHECK(sim.server().session_count() == 1);
  clients[0]->Query({Commit()});
  clients[1]->Query({Echo()});
  REQUIRE(sim.Settle());
  sim.RunFor(seconds(11));
  CHECK(sim.server().session_count() == 0);
  RequireClean(sim);
}

// pgbouncer.md 3, pool key and size.
TEST_CASE("server_lifetime replaces servers under a client that never pauses") {
  Simulation sim(1, OnePool{.pool_size = 1, .server_lifetime = seconds(5)});
  FakeClient& anna = sim.NewClient();
  for (int i = 0; i < 200; ++i) {
    anna.Query({Begin(), Echo()});
    anna.Query({Commit()});
    sim.RunFor(milliseconds(100));
  }
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 600);
  CHECK(sim.server().logins() >= 4);
  CHECK(sim.server().logins() <= 6);
  RequireClean(sim);
}

// pgbouncer.md 3, pool key and size ("too many servers in the pool"), and RELOAD.
TEST_CASE("a reload with a smaller pool_size closes what is too many") {
  Simulation sim(1, OnePool{.pool_size = 5});
  const std::vector<FakeClient*> clients = Clients(sim, 5);
  OpenServers(sim, clients);
  clients[0]->Query({Begin(), Echo()});
  clients[1]->Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  sim.pooler().Reload(MakeConfig(OnePool{.pool_size = 1}));
  sim.RunFor(seconds(1));
  CHECK(sim.server().session_count() == 2);
  clients[2]->Query({Echo()});
  sim.RunFor(seconds(1));
  clients[0]->Query({Echo(), Commit()});
  clients[1]->Query({Echo(), Commit()});
  REQUIRE(sim.Settle());
  CHECK(clients[2]->statements_done() == 4);
  CHECK(sim.server().session_count() == 1);
  RequireClean(sim);
}

// pgbouncer.md 3, RELOAD.
TEST_CASE("a reload with a larger pool_size serves those who wait") {
  Simulation sim(1, OnePool{.pool_size = 1});
  const std::vector<FakeClient*> clients = Clients(sim, 2);
  clients[0]->Query({Begin(), Echo()});
  REQUIRE(sim.Settle());
  clients[1]->Query({Echo()});
  sim.RunFor(seconds(1));
  CHECK(clients[1]->statements_done() == 0);
  sim.pooler().Reload(MakeConfig(OnePool{.pool_size = 2}));
  REQUIRE(sim.Settle());
  CHECK(clients[1]->statements_done() == 1);
  RequireClean(sim);
}

// pgbouncer.md 1.3, SHUTDOWN; pgcat.md 8.3.
TEST_CASE("a shutdown lets the open transaction end and then says so") {
  Simulation sim(1, OnePool{});
  ClientOptions options;
  options.tolerated = {"57P01"};
  FakeClient& anna = sim.NewClient(options);
  FakeClient& ben = sim.NewClient(options);
  anna.Query({Begin(), Echo()});
  ben.Query({Echo()});
  REQUIRE(sim.Settle());
  sim.pooler().Stop();
  sim.RunFor(seconds(1));
  CHECK(ben.fatal() == "57P01");
  anna.Query({Echo()});
  sim.RunFor(seconds(1));
  CHECK_FALSE(anna.ended());
  anna.Query({Echo(), Commit()});
  REQUIRE(sim.Settle());
  sim.RunFor(seconds(1));
  CHECK(anna.fatal() == "57P01");
  CHECK(anna.statements_done() == 5);
  RequireClean(sim);
}

// ----- streams -----

// pgbouncer.md 3, pipelining; pgcat.md 8.2.
TEST_CASE("a pipeline of thousands of statements is answered in order") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  for (int i = 0; i < 2000; ++i) {
    anna.Query({Echo()});
    anna.Extended({EchoParameter().Described(), Echo()});
    if (i % 100 == 0) ben.Query({Echo()});
  }
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 6000);
  CHECK(ben.statements_done() == 20);
  RequireClean(sim);
}

// pgbouncer.md 6: what the pooler holds for a client that does not read.
TEST_CASE("a client that reads slowly does not fill the pooler") {
  Simulation sim(1, OnePool{.pool_size = 2});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  REQUIRE(sim.Settle());
  anna.Query({Rows(10'000, 50)});
  anna.StopReading();
  size_t held_max = 0;
  for (int i = 0; i < 100; ++i) {
    ben.Query({Echo()});
    sim.RunFor(milliseconds(20));
    held_max = std::max(held_max, sim.network().UnsentBytes({"10.0.1.1", 6432}));
  }
  CHECK(ben.statements_done() == 100);
  CHECK(held_max > 0);
  CHECK(held_max <= net::Stream::kHighWatermark + size_t{64} * 1024);
  anna.ResumeReading();
  REQUIRE(sim.Settle());
  CHECK(anna.statements_done() == 1);
  RequireClean(sim);
}

// pgcat.md 8.1, 1: what is on its way to the server when the client's half is closed.
TEST_CASE("a client that closes its half behind a transaction leaves no lock and no server") {
  Simulation sim(1, OnePool{.pool_size = 1});
  FakeClient& anna = sim.NewClient();
  FakeClient& ben = sim.NewClient();
  REQUIRE(sim.Settle());
  anna.Query({Begin(), Lock(7), Sleep(seconds(1))});
  sim.RunFor(milliseconds(100));
  anna.Vanish(FakeClient::Exit::kHalfClose, 0);
  ben.Query({TryLock(7), UnlockAll()});
  REQUIRE(sim.Settle());
  CHECK(ben.statements_done() == 2);
  RequireClean(sim);
}

}  // namespace
}  // namespace pglynx::sim
