// Goal: a cancel ends the query of the client whose key it carries, and never another's.
// Method: libpq's PQcancel and CancelRequests of bytes against queries that run, that wait for a
// server and that have just ended; NegotiateProtocolVersion is compared with the manual's text.

#include <chrono>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"
#include "support/e2e/wait.h"

using pglynx::e2e::AppPooler;
using pglynx::e2e::Bind;
using pglynx::e2e::BodyOf;
using pglynx::e2e::CancelRequest;
using pglynx::e2e::Connection;
using pglynx::e2e::Deadline;
using pglynx::e2e::Eventually;
using pglynx::e2e::Execute;
using pglynx::e2e::Parse;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::SqlState;
using pglynx::e2e::StartupOf;
using pglynx::e2e::Superuser;
using pglynx::e2e::Sync;
using pglynx::e2e::Types;
using pglynx::e2e::Values;
using pglynx::e2e::WaitFor;

namespace {

constexpr std::chrono::milliseconds kNotAnswered{200};
constexpr const char* kLong = "do $$ begin raise notice 'running'; perform pg_sleep(600); end $$";
constexpr const char* kShort = "do $$ begin raise notice 'running'; perform pg_sleep(0.3); end $$";

std::vector<RawMessage> LogIn(RawClient& client, uint16_t minor,
                              std::vector<std::pair<std::string, std::string>> options = {}) {
  options.insert(options.begin(), {{"user", "app"}, {"database", "app"}});
  client.Send(StartupOf(minor, options));
  return client.ReadUntil('Z');
}

bool SomethingSleeps() {
  return Superuser()
             .Exec(
                 "select count(*) from pg_stat_activity where usename = 'app' and "
                 "wait_event = 'PgSleep'")
             .value() == "1";
}

void SendCancel(const AppPooler& pooler, const std::string& key) {
  RawClient canceller(pooler.port());
  canceller.Send(CancelRequest(key));
  CHECK(canceller.ClosedByPeer());
}

size_t CountOf(const std::vector<RawMessage>& messages, char type) {
  size_t count = 0;
  for (const char seen : Types(messages)) count += seen == type ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a running query is cancelled with 57014, and the connection lives") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  for (int round = 0; round < 3; ++round) {
    client.Send(kLong);
    REQUIRE(client.WaitForNotices(static_cast<size_t>(round) + 1));
    CHECK(client.Cancel());
    CHECK(client.Receive().sqlstate == "57014");
    CHECK(client.Exec("select 1").value() == "1");
  }
}

TEST_CASE("a cancelled query fails its transaction and nothing more") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  REQUIRE(client.Exec("begin").ok());
  client.Send(kLong);
  REQUIRE(client.WaitForNotices(1));
  CHECK(client.Cancel());
  CHECK(client.Receive().sqlstate == "57014");
  CHECK(client.transaction_status() == PQTRANS_INERROR);
  CHECK(client.Exec("select 1").sqlstate == "25P02");
  CHECK(client.Exec("rollback").ok());
  CHECK(client.Exec("select 1").value() == "1");
}

TEST_CASE("a query that waits for a server is cancelled where it waits") {
  const AppPooler pooler({.pool_size = 1});
  Connection holder = pooler.Client();
  REQUIRE(holder.Exec("begin").ok());

  SECTION("the simple protocol") {
    Connection waiter = pooler.Client();
    waiter.Send("select 1");
    REQUIRE(pooler.HasWaiting(1));
    CHECK(waiter.Cancel());
    CHECK(waiter.Receive().sqlstate == "57014");
    CHECK(pooler.HasWaiting(0));
    CHECK(holder.Exec("select 1").value() == "1");
    CHECK(holder.Exec("commit").ok());
    CHECK(waiter.Exec("select 2").value() == "2");
  }
  SECTION("the extended protocol") {
    RawClient waiter(pooler.port());
    const std::string key = BodyOf(LogIn(waiter, 0), 'K');
    waiter.Send(Parse("", "select 1") + Bind("", "") + Execute("") + Sync());
    REQUIRE(pooler.HasWaiting(1));
    SendCancel(pooler, key);
    const std::vector<RawMessage> reply = waiter.ReadUntil('Z');
    CHECK(SqlState(reply) == "57014");
    CHECK(reply.back().body == "I");
    CHECK(pooler.HasWaiting(0));
    CHECK(holder.Exec("commit").ok());
    waiter.Send(RawClient::Query("select 2"));
    CHECK(Values(waiter.ReadUntil('Z')) == std::vector<std::string>{"2"});
  }
}

TEST_CASE("a wrong key cancels nothing") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client(pooler.port());
  const uint16_t minor = GENERATE(as<uint16_t>(), 0, 2);
  CAPTURE(minor);
  const std::string key = BodyOf(LogIn(client, minor), 'K');
  std::vector<std::string> wrong = {std::string(8, '\0'),
                                    std::string(8, '\xff'),
                                    key.substr(0, 4) + std::string(key.size() - 4, '\0'),
                                    key.substr(0, key.size() - 1),
                                    key + '\0',
                                    std::string(4, '\0') + key.substr(4)};
  for (size_t at = 0; at < key.size(); ++at) {
    wrong.push_back(key);
    wrong.back()[at] = static_cast<char>(wrong.back()[at] ^ 1);
  }
  client.Send(RawClient::Query(kLong));
  client.ReadUntil('N');
  for (const std::string& other : wrong) SendCancel(pooler, other);
  CHECK_FALSE(client.Readable(kNotAnswered));
  SendCancel(pooler, key);
  CHECK(SqlState(client.ReadUntil('Z')) == "57014");
}

TEST_CASE("the key of a client that left cancels nothing") {
  const AppPooler pooler({.pool_size = 1});
  std::string key;
  {
    RawClient client(pooler.port());
    key = BodyOf(LogIn(client, 0), 'K');
    client.Send(RawClient::Query("select 1"));
    client.ReadUntil('Z');
  }
  Connection next = pooler.Client();
  next.Send(kShort);
  REQUIRE(next.WaitForNotices(1));
  SendCancel(pooler, key);
  CHECK(next.Receive().ok());
}

TEST_CASE("the cancel of a client that has no server hits nobody") {
  const AppPooler pooler({.pool_size = 1});
  Connection first = pooler.Client();
  Connection second = pooler.Client();
  REQUIRE(first.Exec("select 1").ok());
  second.Send("select pg_sleep(0.3)");  // no DO: it would pin
  REQUIRE(Eventually(SomethingSleeps));
  CHECK(first.Cancel());
  CHECK(second.Receive().ok());
  CHECK(first.Exec("select 1").value() == "1");
}

TEST_CASE("a cancel that arrives as its query ends never hits the next client's") {
  const AppPooler pooler({.pool_size = 1});
  RawClient first(pooler.port());
  const std::string key = BodyOf(LogIn(first, 0), 'K');
  Connection second = pooler.Client();
  Connection third = pooler.Client();
  size_t cancelled = 0;
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    // From "ended long before the cancel" to "still runs when it arrives".
    first.Send(RawClient::Query("select pg_sleep(" + std::to_string(0.0001 * round) + ")"));
    second.Send("select pg_sleep(0.01)");
    third.Send("select pg_sleep(0.005)");
    WaitFor({}, 0, Deadline(std::chrono::milliseconds(round % 4)));
    std::vector<RawClient> cancellers;
    for (int i = 0; i < 3; ++i) {
      cancellers.emplace_back(pooler.port());
      cancellers.back().Send(CancelRequest(key));
    }
    const std::string state = SqlState(first.ReadUntil('Z'));
    CHECK((state.empty() || state == "57014"));
    if (!state.empty()) ++cancelled;
    CHECK(second.Receive().error.empty());
    CHECK(third.Receive().error.empty());
    for (RawClient& canceller : cancellers) CHECK(canceller.ClosedByPeer());
  }
  CHECK(cancelled > 0);   // else the cancels came too late to prove anything
  CHECK(cancelled < 60);  // and too early
}

TEST_CASE("keys of protocol 3.0 have four bytes, those of 3.2 are longer, and both cancel") {
  const AppPooler pooler({.pool_size = 1});
  const uint16_t minor = GENERATE(as<uint16_t>(), 0, 2);
  CAPTURE(minor);
  RawClient client(pooler.port());
  const std::vector<RawMessage> login = LogIn(client, minor);
  CHECK(CountOf(login, 'v') == 0);
  CHECK(CountOf(login, 'K') == 1);
  const std::string key = BodyOf(login, 'K');
  if (minor == 0) CHECK(key.size() == 8);
  if (minor == 2) {
    CHECK(key.size() > 8);
    CHECK(key.size() <= 4 + 256);  // "Message Formats", BackendKeyData
  }
  client.Send(RawClient::Query(kLong));
  client.ReadUntil('N');
  SendCancel(pooler, key);
  CHECK(SqlState(client.ReadUntil('Z')) == "57014");
  client.Send(RawClient::Query("select 1"));
  CHECK(Values(client.ReadUntil('Z')) == std::vector<std::string>{"1"});
}

TEST_CASE("what the pooler does not know of the protocol it negotiates away, once") {
  const AppPooler pooler({.pool_size = 1});
  const std::string version = RawClient::Int32((3U << 16) | 2U);
  RawClient client(pooler.port());

  SECTION("a newer version and an option") {
    const std::vector<RawMessage> login = LogIn(client, 9, {{"_pq_.option", "on"}});
    REQUIRE(CountOf(login, 'v') == 1);
    CHECK((login.front().type == 'v' || login[1].type == 'v'));
    CHECK((BodyOf(login, 'v') == version + RawClient::Int32(1) + "_pq_.option" + '\0'));
    CHECK(BodyOf(login, 'K').size() > 8);  // it goes on as 3.2
  }
  SECTION("a newer version") {
    const std::vector<RawMessage> login = LogIn(client, 9);
    REQUIRE(CountOf(login, 'v') == 1);
    CHECK((BodyOf(login, 'v') == version + RawClient::Int32(0)));
  }
  SECTION("an option of version 3.2") {
    const std::vector<RawMessage> login = LogIn(client, 2, {{"_pq_.one", "1"}, {"_pq_.two", "2"}});
    REQUIRE(CountOf(login, 'v') == 1);
    CHECK((BodyOf(login, 'v') ==
           version + RawClient::Int32(2) + "_pq_.one" + '\0' + "_pq_.two" + '\0'));
  }
  SECTION("an option of version 3.0") {
    const std::vector<RawMessage> login = LogIn(client, 0, {{"_pq_.option", "on"}});
    REQUIRE(CountOf(login, 'v') == 1);
    CHECK(BodyOf(login, 'K').size() == 8);
  }
  client.Send(RawClient::Query("select 1"));
  CHECK(Values(client.ReadUntil('Z')) == std::vector<std::string>{"1"});
}
