// Goal: a server that dies, restarts or speaks rubbish costs its own client at most; everybody
// else is served as soon as there is something to serve with.
// Method: pg_terminate_backend and restarts of a PostgreSQL of the test's own; a tiny server
// inside the test that answers what it is told to.

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <memory>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"
#include "support/e2e/wait.h"

using pglynx::e2e::AppOptions;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Connection;
using pglynx::e2e::Deadline;
using pglynx::e2e::Eventually;
using pglynx::e2e::Field;
using pglynx::e2e::Fill;
using pglynx::e2e::kPatience;
using pglynx::e2e::PostgresCluster;
using pglynx::e2e::QueryResult;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::ServerCount;
using pglynx::e2e::Superuser;
using pglynx::e2e::WaitReadable;

namespace {

constexpr std::chrono::milliseconds kAtOnce{3'000};  // far below connect_timeout and its like
constexpr const char* kByAdministrator =
    "terminating connection due to administrator command";  // Postgres's own words
constexpr const char* kLong = "do $$ begin raise notice 'running'; perform pg_sleep(600); end $$";

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string Pid(Connection& client) {
  return client.Exec("select pg_backend_pid()").value();
}

void Terminate(const std::string& pid) {
  REQUIRE(Superuser().Exec("select pg_terminate_backend(" + pid + ")").value() == "t");
}

std::string PidOf(RawClient& client) {
  client.Send(RawClient::Query("select pg_backend_pid()"));
  return pglynx::e2e::Values(client.ReadUntil('Z')).at(0);
}

void CheckFatal(const RawMessage& error, const std::string& sqlstate, const std::string& text) {
  CHECK(error.type == 'E');
  CHECK(Field(error, 'S') == "FATAL");
  CHECK(Field(error, 'C') == sqlstate);
  CHECK(Field(error, 'M') == text);
}

// A server of bytes, driven by the test step by step.
class FakeServer {
 public:
  FakeServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, raw, size) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, raw, &size) != 0) {
      throw std::runtime_error("no port for the fake server");
    }
    port_ = ntohs(address.sin_port);
  }
  ~FakeServer() {
    HangUp();
    close(listener_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  // Takes the next connection and its startup packet; cancels, which the pooler sends on a
  // connection of their own behind a server that it gave up, are let go.
  void Accept() {
    const std::string cancel = RawClient::Int32(16) + RawClient::Int32((1234U << 16) | 5678U);
    do {
      HangUp();
      if (!WaitReadable({listener_}, Deadline(kPatience))) {
        throw std::runtime_error("nobody connects to the fake server");
      }
      connection_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    } while (Receive().starts_with(cancel));
  }
  std::string Receive() {
    char bytes[4096];
    const bool readable = WaitReadable({connection_}, Deadline(kPatience));
    const ssize_t got = readable ? recv(connection_, bytes, sizeof bytes, 0) : 0;
    if (got <= 0) throw std::runtime_error("the fake server hears nothing");
    return {bytes, static_cast<size_t>(got)};
  }
  // A peer that has had enough may have closed: that is not the fake's concern.
  void Send(const std::string& bytes) {
    const ssize_t sent = send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    static_cast<void>(sent);
  }
  void HangUp() {
    if (connection_ >= 0) close(connection_);
    connection_ = -1;
  }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  int listener_;
  int connection_ = -1;
  uint16_t port_ = 0;
};

// The pool `fake` beside `app`.
AppOptions WithFake(const FakeServer& fake, const std::string& general = {}) {
  return {.pool_size = 1,
          .general = general,
          .more = Fill(R"([pools.fake]
database = "fake"
servers = [{ host = "127.0.0.1", port = @P@ }]
[[pools.fake.users]]
username = "app"
password = "secret"
pool_size = 1
)",
                       {{"@P@", std::to_string(fake.port())}})};
}

RawClient StartLogin(const AppPooler& pooler) {
  RawClient client(pooler.port());
  client.Send(RawClient::Startup({{"user", "app"}, {"database", "fake"}}));
  return client;
}

// What PostgreSQL sends when a login by trust went well.
std::string Welcome() {
  const std::string end(1, '\0');
  std::string bytes = RawClient::Frame('R', RawClient::Int32(0));
  const std::vector<std::pair<std::string, std::string>> parameters = {
      {"server_version", "16.0"},
      {"server_encoding", "UTF8"},
      {"client_encoding", "UTF8"},
      {"DateStyle", "ISO, MDY"},
      {"integer_datetimes", "on"},
      {"TimeZone", "UTC"},
      {"standard_conforming_strings", "on"},
      {"application_name", ""}};
  for (const auto& [name, value] : parameters) {
    bytes += RawClient::Frame('S', name + end + value + end);
  }
  return bytes + RawClient::Frame('K', RawClient::Int32(1) + RawClient::Int32(2)) +
         RawClient::Frame('Z', "I");
}

// The client's answer to a login that failed for the server's sake.
std::string LoginError(RawClient& client) {
  RawMessage last = client.Read();
  while (last.type != 'E' && last.type != 'Z') last = client.Read();
  CHECK(last.type == 'E');
  CHECK(Field(last, 'S') == "FATAL");
  CHECK(client.ClosedByPeer(kAtOnce));
  return Field(last, 'C') + " " + Field(last, 'M');
}

std::unique_ptr<PostgresCluster> OwnCluster() {
  auto cluster = std::make_unique<PostgresCluster>();
  cluster->Exec("create role app login password 'secret'");
  cluster->Exec("create database app owner app");
  return cluster;
}

}  // namespace

TEST_CASE("an idle server that is terminated is noticed before its next use") {
  const AppPooler pooler({.pool_size = 1});
  Connection client = pooler.Client();
  for (int round = 0; round < 20; ++round) {
    const std::string pid = Pid(client);
    REQUIRE_FALSE(pid.empty());
    Terminate(pid);
    REQUIRE(Eventually([] { return ServerCount() == 0; }));
    const QueryResult next = client.Exec("select pg_backend_pid()");
    CHECK(next.error.empty());
    CHECK(next.value() != pid);
  }
}

TEST_CASE("the client of a running server that is terminated sees Postgres's own words") {
  const AppPooler pooler({.pool_size = 1});
  Connection waiter = pooler.Client();
  RawClient client = pooler.Raw();
  const std::string pid = PidOf(client);
  client.Send(RawClient::Query(kLong));
  REQUIRE(client.Read().type == 'N');
  waiter.Send("select pg_backend_pid()");
  REQUIRE(pooler.HasWaiting(1));
  Terminate(pid);
  CheckFatal(client.Read(), "57P01", kByAdministrator);
  CHECK(client.ClosedByPeer(kAtOnce));
  const QueryResult next = waiter.Receive(kAtOnce);
  CHECK(next.error.empty());
  CHECK(next.value() != pid);
}

TEST_CASE("so does one in a transaction, or with its session on a server") {
  const std::string mode = GENERATE(as<std::string>(), "transaction", "session");
  CAPTURE(mode);
  const AppPooler pooler({.pool_size = 1, .pool_mode = mode});
  RawClient client = pooler.Raw();
  if (mode == "transaction") {
    client.Send(RawClient::Query("begin"));
    client.ReadUntil('Z');
  }
  Terminate(PidOf(client));
  CheckFatal(client.Read(), "57P01", kByAdministrator);
  CHECK(client.ClosedByPeer(kAtOnce));
  CHECK(pooler.Client().Exec("select 1").value() == "1");
}

TEST_CASE("a server that is killed in a query ends its client, and the service goes on") {
  const std::unique_ptr<PostgresCluster> cluster = OwnCluster();
  const AppPooler pooler({.pool_size = 2, .server_port = cluster->port()});
  Connection idle = pooler.Client();
  REQUIRE(idle.Exec("select 1").ok());
  RawClient busy = pooler.Raw();
  busy.Send(RawClient::Query(kLong));
  REQUIRE(busy.Read().type == 'N');
  cluster->Stop(SIGQUIT);
  CHECK(busy.ClosedByPeer(kAtOnce));
  cluster->Start();
  CHECK(Eventually([&] { return pooler.Client().Exec("select 1").ok(); }, kAtOnce));
  CHECK(idle.Exec("select 1").value() == "1");
}

TEST_CASE("idle clients outlive a restart of PostgreSQL") {
  const std::unique_ptr<PostgresCluster> cluster = OwnCluster();
  const AppPooler pooler({.pool_size = 2, .server_port = cluster->port()});
  std::vector<Connection> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(pooler.Client());
  for (Connection& client : clients) REQUIRE(client.Exec("select 1").ok());
  cluster->Restart();
  for (Connection& client : clients) {
    CHECK(Eventually([&] { return client.Exec("select 1").value() == "1"; }, kAtOnce));
  }
}

TEST_CASE("a server that speaks rubbish fails the login with the cause; others go on") {
  struct Case {
    std::string bytes;
    std::string cause;
  };
  const std::string end(1, '\0');
  const std::vector<Case> cases = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "message type 72"},
      {std::string(64, '\0'), "invalid length"},
      {"R" + RawClient::Int32(3), "invalid length"},
      {"R" + RawClient::Int32(0x7fffffff), "invalid length"},
      {RawClient::Frame('R', RawClient::Int32(99)), "99"},
      {RawClient::Frame('R', RawClient::Int32(11)), "SASL"},
      {RawClient::Frame('Z', "I"), "message type 90"},
      {RawClient::Frame('R', RawClient::Int32(0)) + RawClient::Frame('D', ""), "message type 68"},
      {RawClient::Frame('E', "SFATAL" + end + "C53300" + end + "Mfull up" + end + end), "full up"},
      {"", "clos"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.cause);
    FakeServer fake;  // new, for a pool that has just failed waits before it tries again
    AppPooler pooler(WithFake(fake));
    Connection other = pooler.Client();
    RawClient client = StartLogin(pooler);
    fake.Accept();
    fake.Send(wrong.bytes);
    fake.HangUp();
    const std::string error = LoginError(client);
    CAPTURE(error);
    CHECK(Has(error, "127.0.0.1"));
    CHECK(Has(error, std::to_string(fake.port())));
    CHECK(Has(error, wrong.cause));
    CHECK(other.Exec("select 1").value() == "1");
    CHECK(pooler.Client().ok());
    CHECK(pooler.running());
  }
}

TEST_CASE("a server that talks without end is cut off") {
  FakeServer fake;
  AppPooler pooler(WithFake(fake));
  RawClient client = StartLogin(pooler);
  fake.Accept();
  const std::string notice = RawClient::Frame('N', std::string(60'000, 'x'));
  CHECK(Eventually([&] {
    fake.Send(notice);
    return client.Readable(std::chrono::milliseconds(0));
  }));
  CHECK(Has(LoginError(client), "before ReadyForQuery"));
  CHECK(pooler.Client().ok());
}

TEST_CASE("a server that says nothing is given up after connect_timeout") {
  FakeServer fake;
  AppPooler pooler(WithFake(fake, "connect_timeout = \"300ms\"\nquery_wait_timeout = \"20s\""));
  RawClient client = StartLogin(pooler);
  fake.Accept();
  const std::string error = LoginError(client);
  CAPTURE(error);
  CHECK(Has(error, "127.0.0.1"));
  CHECK(Has(error, "300 ms"));
  CHECK(pooler.Client().ok());
}

TEST_CASE("rubbish in answer to a query ends its client, and the next gets a new server") {
  const std::string rubbish =
      GENERATE(as<std::string>(), "HTTP/1.1 400 Bad Request\r\n\r\n", std::string("D\0\0\0\0", 5),
               std::string("Z\0\0\0\5I", 6) + std::string("D\x7f\xff\xff\xff", 5), "");
  CAPTURE(rubbish);
  FakeServer fake;
  AppPooler pooler(WithFake(fake));
  RawClient client = StartLogin(pooler);
  fake.Accept();
  fake.Send(Welcome());
  REQUIRE(client.ReadUntil('Z').back().body == "I");
  client.Send(RawClient::Query("select 1"));
  fake.Receive();
  fake.Send(rubbish);
  if (rubbish.empty()) fake.HangUp();
  if (!rubbish.starts_with("Z")) CHECK(client.ClosedByPeer(kAtOnce));  // else answered before it

  RawClient next = StartLogin(pooler);
  REQUIRE(next.ReadUntil('Z').back().body == "I");
  next.Send(RawClient::Query("select 1"));
  fake.Accept();
  fake.Send(Welcome());
  fake.Receive();
  fake.Send(RawClient::Frame('C', std::string("SELECT 0") + '\0') + RawClient::Frame('Z', "I"));
  CHECK(next.ReadUntil('Z').back().body == "I");
  CHECK(pooler.Client().Exec("select 1").value() == "1");
  CHECK(pooler.running());
}
