// Goal: a client that vanishes harms nobody: its server is idle and clean for the next client in
// time, nothing that it did not commit stays, and what it ran does not run on.
// Method: scenes of the protocol, each broken off by an end of the stream and by a reset; the
// pool has one server, so that the next client waits for the very one that the scene used.

#include <chrono>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using pglynx::e2e::AppPooler;
using pglynx::e2e::Bind;
using pglynx::e2e::Connection;
using pglynx::e2e::Eventually;
using pglynx::e2e::Execute;
using pglynx::e2e::Flush;
using pglynx::e2e::Parse;
using pglynx::e2e::RawClient;
using pglynx::e2e::ServerCount;
using pglynx::e2e::Superuser;
using pglynx::e2e::Sync;
using pglynx::e2e::Terminate;

namespace {

// For the next client's first answer: a cancel, a rollback and a reset lie before it.
constexpr std::chrono::milliseconds kInTime{5'000};

struct Step {
  std::string bytes;
  char until;  // the message that shows how far the server is; '\0': waits for nothing
};

struct Scene {
  std::string name;
  std::vector<Step> steps;
};

Step Do(const std::string& sql) {
  return {RawClient::Query(sql), 'Z'};
}

// The notice shows that the query is running.
std::string Long() {
  return RawClient::Query("do $$ begin raise notice 'running'; perform pg_sleep(600); end $$");
}

std::string Run(const std::string& sql) {
  return Parse("", sql) + Bind("", "") + Execute("");
}

std::vector<Scene> Scenes() {
  const Step insert = Do("insert into vanished values (1)");
  const std::string rows = RawClient::Frame('d', "1\n2\n3\n");
  const std::string endless = "select repeat('x', 1000), generate_series(1, 100000000)";
  return {
      {"idle", {Do("select 1")}},
      {"in a transaction", {Do("begin"), insert}},
      {"in a transaction that failed", {Do("begin"), insert, Do("select nothing")}},
      {"in a transaction with half a message",
       {Do("begin"), insert, {RawClient::Query("commit").substr(0, 9), '\0'}}},
      {"with locks", {Do("begin"), Do("select pg_advisory_lock(1)"), Do("lock table vanished")}},
      {"in COPY IN", {{RawClient::Query("copy vanished from stdin"), 'G'}, {rows, '\0'}}},
      {"in COPY IN of the extended protocol",
       {{Run("copy vanished from stdin") + Flush(), 'G'}, {rows, '\0'}}},
      {"in COPY IN with half a message",
       {{RawClient::Query("copy vanished from stdin"), 'G'}, {rows + rows.substr(0, 7), '\0'}}},
      {"in COPY IN of a transaction",
       {Do("begin"), insert, {RawClient::Query("copy vanished from stdin"), 'G'}, {rows, '\0'}}},
      {"in COPY OUT", {{RawClient::Query("copy (" + endless + ") to stdout"), 'd'}}},
      {"in a result that is not read", {{RawClient::Query(endless), 'D'}}},
      {"in a pipeline, before Sync",
       {{Run("insert into vanished values (1)") + Run("select 1") + Flush(), 'D'}}},
      {"in a pipeline that failed", {{Run("select nothing") + Flush(), 'E'}}},
      {"in a pipeline of a transaction",
       {Do("begin"), {Run("insert into vanished values (1)") + Sync() + Run("select 1"), 'Z'}}},
      {"with an open portal",
       {Do("begin"),
        insert,
        {Parse("", "select generate_series(1, 9)") + Bind("p", "") + Execute("p", 1) + Sync(),
         'Z'}}},
      {"with an open portal, before Sync",
       {{Parse("", "select generate_series(1, 9)") + Bind("", "") + Execute("", 1) + Flush(),
         's'}}},
      {"in a long query", {{Long(), 'N'}}},
      {"in a long query of a transaction", {Do("begin"), insert, {Long(), 'N'}}},
      {"in a long query behind an insert",
       {{RawClient::Query("insert into vanished values (1); do $$ begin raise notice 'running'; "
                          "perform pg_sleep(600); end $$"),
         'N'}}},
      {"in a long query of the extended protocol",
       {{Run("insert into vanished values (1)") +
             Run("do $$ begin raise notice 'running'; perform pg_sleep(600); end $$") + Sync(),
         'N'}}},
  };
}

void Prepare() {
  static const bool done = [] {
    return Superuser()
        .Exec("create table vanished (i int); alter table vanished owner to app")
        .ok();
  }();
  REQUIRE(done);
  REQUIRE(Superuser().Exec("truncate vanished").ok());
}

void Play(const AppPooler& pooler, const Scene& scene, bool reset) {
  RawClient client = pooler.Raw();
  for (const Step& step : scene.steps) {
    client.Send(step.bytes);
    if (step.until != '\0') client.ReadUntil(step.until);
  }
  if (reset) client.Reset();
}

bool NothingRuns() {
  return Superuser()
             .Exec(
                 "select count(*) from pg_stat_activity where usename = 'app' and "
                 "(state <> 'idle' or backend_xid is not null)")
             .value() == "0";
}

void CheckCleanServer(const AppPooler& pooler) {
  Connection next = pooler.Client();
  next.Send("select count(*) from vanished");
  CHECK(next.Receive(kInTime).value() == "0");
  CHECK(next.transaction_status() == PQTRANS_IDLE);
  CHECK(next.Exec("begin").command_tag == "BEGIN");
  CHECK(next.notices().empty());
  CHECK(next.Exec("rollback").command_tag == "ROLLBACK");
  CHECK(next.Exec("select count(*) from pg_cursors").value() == "0");
  CHECK(Eventually(NothingRuns, kInTime));
  CHECK(Superuser().Exec("select count(*) from pg_locks where locktype = 'advisory'").value() ==
        "0");
  CHECK(Superuser()
            .Exec("begin; lock table vanished in access exclusive mode nowait; rollback")
            .ok());
  CHECK(Eventually([] { return ServerCount() == 1; }));
}

void PlayAll(const std::string& pool_mode) {
  Prepare();
  for (const Scene& scene : Scenes()) {
    for (const bool reset : {false, true}) {
      CAPTURE(pool_mode, scene.name, reset);
      const AppPooler pooler({.pool_size = 1, .pool_mode = pool_mode});
      Play(pooler, scene, reset);
      CheckCleanServer(pooler);
    }
  }
}

}  // namespace

TEST_CASE("whatever a client was doing when it vanished, the next one has a clean server") {
  PlayAll("transaction");
}

TEST_CASE("the same holds in session mode") {
  PlayAll("session");
}

TEST_CASE("a hundred clients that vanish leave one working server") {
  Prepare();
  const AppPooler pooler({.pool_size = 1});
  const std::vector<Scene> scenes = Scenes();
  for (size_t i = 0; i < 100; ++i) {
    const Scene& scene = scenes[(i * 7) % scenes.size()];
    CAPTURE(scene.name);
    Play(pooler, scene, i % 2 == 0);
  }
  CheckCleanServer(pooler);
}

TEST_CASE("a query that waits for a lock ends with its client") {
  Prepare();
  const AppPooler pooler({.pool_size = 1});
  REQUIRE(Superuser().Exec("begin; lock table vanished").ok());
  {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query("insert into vanished values (1)"));
    CHECK(Eventually([] {
      return Superuser().Exec("select count(*) from pg_locks where not granted").value() == "1";
    }));
  }
  CHECK(Eventually(
      [] {
        return Superuser().Exec("select count(*) from pg_locks where not granted").value() == "0";
      },
      kInTime));
  REQUIRE(Superuser().Exec("rollback").ok());
  CheckCleanServer(pooler);
}

TEST_CASE("a client that vanishes while it waits is not served any more") {
  Prepare();
  const AppPooler pooler({.pool_size = 1});
  const bool reset = GENERATE(false, true);
  CAPTURE(reset);
  Connection holder = pooler.Client();
  Connection second = pooler.Client();
  REQUIRE(holder.Exec("begin").ok());
  {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query("insert into vanished values (1)"));
    CHECK(pooler.HasWaiting(1));
    if (reset) client.Reset();
  }
  CHECK(pooler.HasWaiting(0));
  second.Send("select count(*) from vanished");
  CHECK(pooler.HasWaiting(1));
  CHECK(holder.Exec("commit").ok());
  CHECK(second.Receive(kInTime).value() == "0");
  holder.Close();
  second.Close();
  CheckCleanServer(pooler);
}

TEST_CASE("a statement whose client vanished right behind it does not outlive it") {
  const AppPooler pooler({.pool_size = 1});
  const auto running = [] {
    return Superuser()
        .Exec(
            "select count(*) from pg_stat_activity where usename = 'app' and state "
            "= 'active' and query like '%sleep(20)%'")
        .value();
  };
  for (int round = 0; round < 100; ++round) {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query("select pg_sleep(20)"));
    client.Reset();
    CHECK(ServerCount() <= 1);
  }
  CHECK(pooler.Client().Exec("select 1").value() == "1");
  CHECK(running() == "0");
  CHECK(ServerCount() == 1);
}

TEST_CASE("a waiting client gets the server of one that vanished") {
  Prepare();
  const AppPooler pooler({.pool_size = 1});
  RawClient holder = pooler.Raw();
  holder.Send(Long());
  holder.ReadUntil('N');
  Connection waiter = pooler.Client();
  waiter.Send("select count(*) from vanished");
  REQUIRE(pooler.HasWaiting(1));
  holder.Reset();
  CHECK(waiter.Receive(kInTime).value() == "0");
}

TEST_CASE("a query with Terminate right behind it is carried out, though its client is gone") {
  Prepare();
  const AppPooler pooler({.pool_size = 1});
  const std::string insert = "insert into vanished select 1 from pg_sleep(0.2)";
  const std::string messages =
      GENERATE_COPY(as<std::string>(), RawClient::Query(insert), Run(insert) + Sync());
  {
    RawClient client = pooler.Raw();
    client.Send(messages + Terminate());
  }
  Connection next = pooler.Client();
  CHECK(next.Exec("select count(*) from vanished").value() == "1");
}
