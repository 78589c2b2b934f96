// Goal: whatever a stranger or a broken client sends, it is told why or cut off, and nobody else
// notices: the pooler lives, others keep their transactions and new clients get in.
// Method: a client of bytes for each kind of rubbish, before, in and after a login; a bystander
// with an open transaction is looked at behind each of them.

#include <chrono>
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
using pglynx::e2e::Parse;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::ServerCount;
using pglynx::e2e::Superuser;
using pglynx::e2e::Sync;

namespace {

constexpr std::chrono::milliseconds kAtOnce{3'000};  // far below client_login_timeout
constexpr uint32_t kProtocol3 = 3U << 16;
constexpr uint32_t kCancelCode = (1234U << 16) | 5678U;
constexpr uint32_t kSslCode = (1234U << 16) | 5679U;

std::string Int32(uint32_t value) {
  return RawClient::Int32(value);
}

// A first packet of this body, with a right length.
std::string Packet(const std::string& body) {
  return Int32(static_cast<uint32_t>(body.size() + 4)) + body;
}

std::string StartupOfApp() {
  return RawClient::Startup({{"user", "app"}, {"database", "app"}});
}

// A header whose length is a lie, and a few bytes behind it.
std::string Lie(char type, uint32_t length) {
  return type + Int32(length) + "select 1";
}

struct Rubbish {
  std::string name;
  std::string bytes;
  std::string sqlstate;  // of the FATAL; "" where closing without a word is enough
};

std::vector<Rubbish> FirstPackets() {
  return {
      {"an HTTP request", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "08P01"},
      {"TLS without an SSLRequest", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9),
       "08P01"},
      {"length 0", Int32(0), "08P01"},
      {"length 3", Int32(3), "08P01"},
      {"length 4", Int32(4), "08P01"},
      {"length 7", Int32(7) + "abc", "08P01"},
      {"length 10,005", Int32(10'005), "08P01"},
      {"length 2^31-1", Int32(0x7fffffff), "08P01"},
      {"length 2^31", Int32(0x80000000), "08P01"},
      {"length 2^32-1", Int32(0xffffffff), "08P01"},
      {"no terminator", Packet(Int32(kProtocol3) + "user"), "08P01"},
      {"a name without its value", Packet(Int32(kProtocol3) + "user" + '\0' + "app"), "08P01"},
      {"bytes behind the terminator", Packet(StartupOfApp().substr(4) + "more"), "08P01"},
      {"no user", Packet(Int32(kProtocol3) + '\0'), "28000"},
      {"protocol 2.0", Packet(Int32(2U << 16) + "user" + '\0' + "app" + '\0' + '\0'), "0A000"},
      {"protocol 4.0", Packet(Int32(4U << 16) + "user" + '\0' + "app" + '\0' + '\0'), "0A000"},
      {"a cancel without a secret", Packet(Int32(kCancelCode) + Int32(1)), ""},
      {"a cancel of nobody", Packet(Int32(kCancelCode) + Int32(1) + Int32(2)), ""},
      {"an SSLRequest that is too long", Packet(Int32(kSslCode) + "more"), "08P01"},
  };
}

std::vector<Rubbish> MessagesOfASession() {
  return {
      {"an unknown type", RawClient::Frame('?', "what"), "08P01"},
      {"type 0", RawClient::Frame('\0', ""), "08P01"},
      {"type 255", RawClient::Frame('\xff', ""), "08P01"},
      {"a server's message", RawClient::Frame('Z', "I"), "08P01"},
      {"a password", RawClient::Frame('p', std::string("secret") + '\0'), "08P01"},
      {"a second startup", StartupOfApp(), "08P01"},
      {"an HTTP request", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "08P01"},
      {"length 0", Lie('Q', 0), "08P01"},
      {"length 3", Lie('Q', 3), "08P01"},
      {"length 2^31-1", Lie('Q', 0x7fffffff), "08P01"},
      {"length 2^32-1", Lie('Q', 0xffffffff), "08P01"},
      {"length 0 of a message without a body", Lie('S', 0), "08P01"},
      {"length 3 of CopyData", Lie('d', 3), "08P01"},
  };
}

// A client with an open transaction, and all that must stay true for it.
class Bystander {
 public:
  explicit Bystander(const AppPooler& pooler) : pooler_(pooler), client_(pooler.Client()) {
    REQUIRE(client_.Exec("begin").ok());
    pid_ = client_.Exec("select pg_backend_pid()").value();
    REQUIRE_FALSE(pid_.empty());
  }

  void CheckUndisturbed() {
    CHECK(client_.Exec("select pg_backend_pid()").value() == pid_);
    CHECK(client_.transaction_status() == PQTRANS_INTRANS);
    CHECK(pooler_.Client().Exec("select 1").value() == "1");
  }

 private:
  const AppPooler& pooler_;
  Connection client_;
  std::string pid_;
};

// What the client is told before it is cut off, at once.
void CheckFatal(RawClient& client, const std::string& sqlstate) {
  if (!sqlstate.empty()) {
    const RawMessage error = client.Read();
    CHECK(error.type == 'E');
    CHECK(Field(error, 'S') == "FATAL");
    CHECK(Field(error, 'C') == sqlstate);
    CHECK_FALSE(Field(error, 'M').empty());
  }
  CHECK(client.ClosedByPeer(kAtOnce));
}

AppOptions TwoServers(const std::string& general = {}) {
  return {.pool_size = 2, .general = general};
}

}  // namespace

TEST_CASE("a port scan disturbs nobody") {
  AppPooler pooler(TwoServers());
  Bystander bystander(pooler);
  for (int i = 0; i < 100; ++i) {
    RawClient scan(pooler.port());
    if (i % 2 == 0) scan.Reset();
  }
  bystander.CheckUndisturbed();
  CHECK(pooler.running());
}

TEST_CASE("first packets that make no sense are told so and cut off") {
  AppPooler pooler(TwoServers());
  Bystander bystander(pooler);
  for (const Rubbish& rubbish : FirstPackets()) {
    CAPTURE(rubbish.name);
    RawClient client(pooler.port());
    client.Send(rubbish.bytes);
    CheckFatal(client, rubbish.sqlstate);
    bystander.CheckUndisturbed();
  }
  CHECK(pooler.running());
}

TEST_CASE("a startup packet cut anywhere ends with its connection") {
  AppPooler pooler(TwoServers());
  Bystander bystander(pooler);
  const std::string whole = StartupOfApp();
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    RawClient client(pooler.port());
    client.Send(whole.substr(0, cut));
    client.FinishSending();
    CHECK(client.ClosedByPeer(kAtOnce));
  }
  bystander.CheckUndisturbed();
  CHECK(pooler.running());
}

TEST_CASE("a login in single bytes is a login") {
  const AppPooler pooler(TwoServers());
  RawClient client(pooler.port());
  for (const char byte : StartupOfApp()) client.Send(std::string(1, byte));
  CHECK(client.ReadUntil('Z').back().body == "I");
}

TEST_CASE("messages that make no sense end their session with 08P01") {
  AppPooler pooler(TwoServers());
  Bystander bystander(pooler);
  for (const Rubbish& rubbish : MessagesOfASession()) {
    CAPTURE(rubbish.name);
    RawClient client = pooler.Raw();
    client.Send(rubbish.bytes);
    CheckFatal(client, rubbish.sqlstate);
    bystander.CheckUndisturbed();
  }
  CHECK(pooler.running());
}

TEST_CASE("rubbish in a transaction rolls it back and frees its server") {
  AppPooler pooler(TwoServers());
  Bystander bystander(pooler);
  RawClient client = pooler.Raw();
  client.Send(RawClient::Query("create temp table leftover (i int)"));
  client.ReadUntil('Z');
  client.Send(RawClient::Query("begin"));
  CHECK(client.ReadUntil('Z').back().body == "T");
  client.Send(RawClient::Frame('?', ""));
  CheckFatal(client, "08P01");
  bystander.CheckUndisturbed();
  CHECK(pooler.Client().Exec("select to_regclass('leftover') is null").value() == "t");
  CHECK(ServerCount() <= 2);
}

TEST_CASE("a message in place of the password, or a password without end, is 08P01") {
  const std::string method = GENERATE(as<std::string>(), "scram-sha-256", "md5");
  CAPTURE(method);
  AppPooler pooler({.pool_size = 2, .auth = method});
  Bystander bystander(pooler);
  std::string long_password(65'537, 'x');
  long_password.back() = '\0';
  const std::vector<Rubbish> answers = {
      {"64 kB", RawClient::Frame('p', long_password), "08P01"},
      {"length 0", Lie('p', 0), "08P01"},
      {"length 3", Lie('p', 3), "08P01"},
      {"length 2^31-1", Lie('p', 0x7fffffff), "08P01"},
      {"an empty body", RawClient::Frame('p', ""), "08P01"},
      {"no terminator", RawClient::Frame('p', "secret"), "08P01"},
      {"a query", RawClient::Query("select 1"), "08P01"},
      {"a second startup", StartupOfApp(), "08P01"},
  };
  for (const Rubbish& answer : answers) {
    CAPTURE(answer.name);
    RawClient client(pooler.port());
    client.Send(StartupOfApp());
    CHECK(client.Read().type == 'R');
    client.Send(answer.bytes);
    CheckFatal(client, answer.sqlstate);
    bystander.CheckUndisturbed();
  }
  CHECK(pooler.running());
}

TEST_CASE("what is longer than max_query_bytes and has to be held is 54000") {
  AppPooler pooler(TwoServers("max_query_bytes = 4096"));
  Bystander bystander(pooler);
  const std::string sql = "select '" + std::string(5'000, 'x') + "'";
  SECTION("a Query") {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query(sql));
    CheckFatal(client, "54000");
  }
  SECTION("a Parse") {
    RawClient client = pooler.Raw();
    client.Send(Parse("", sql) + Sync());
    CheckFatal(client, "54000");
  }
  SECTION("the error names the limit, before the message is whole") {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query(sql).substr(0, 5));
    const RawMessage error = client.Read();
    CHECK(Field(error, 'M').find("max_query_bytes = 4096") != std::string::npos);
    CHECK(client.ClosedByPeer(kAtOnce));
  }
  SECTION("what fits is served") {
    RawClient client = pooler.Raw();
    client.Send(RawClient::Query("select '" + std::string(4'000, 'x') + "'"));
    CHECK(client.ReadUntil('Z').back().body == "I");
  }
  bystander.CheckUndisturbed();
}

// What it does not read waits in Postgres, not here.
TEST_CASE("a client that reads nothing of a large result costs a bounded piece of memory") {
  AppPooler pooler({.pool_size = 3});
  Bystander bystander(pooler);
  RawClient slow = pooler.Raw();
  const uint64_t before = pooler.resident_bytes().value_or(0);
  slow.Send(RawClient::Query("select repeat('x', 1000) from generate_series(1, 1000000)"));
  CHECK(slow.ReadUntil('T').back().type == 'T');
  // As far as it gets: Postgres waits for room to write.
  REQUIRE(Eventually([] {
    return Superuser()
               .Exec(
                   "select count(*) from pg_stat_activity where usename = 'app' and "
                   "wait_event = 'ClientWrite'")
               .value() == "1";
  }));
  bystander.CheckUndisturbed();
  if (before == 0) return;  // no /proc
  constexpr uint64_t kGrowthMax = uint64_t{2} << 20U;
  CHECK(pooler.resident_bytes().value() <= before + kGrowthMax);
}

TEST_CASE("half a message and then nothing takes no server from others") {
  AppPooler pooler(TwoServers());
  Bystander bystander(pooler);
  const std::string whole = RawClient::Query("select 1");
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    RawClient client = pooler.Raw();
    client.Send(whole.substr(0, cut));
    bystander.CheckUndisturbed();  // the only server left is free
    if (cut % 3 == 0) client.Reset();
    if (cut % 3 != 1) continue;
    client.Send(whole.substr(cut));
    CHECK(client.ReadUntil('Z').back().body == "I");
  }
  CHECK(pooler.running());
}

TEST_CASE("client_login_timeout ends a client that stops in its login") {
  AppPooler pooler(
      {.pool_size = 2, .auth = "scram-sha-256", .general = "client_login_timeout = \"300ms\""});
  Bystander bystander(pooler);
  const std::string ssl = Packet(Int32(kSslCode));
  const std::vector<Rubbish> stops = {
      {"before its first byte", "", ""},
      {"in its startup packet", StartupOfApp().substr(0, 9), "57P05"},
      {"behind an SSLRequest", ssl, "57P05"},
      {"where it should prove itself", StartupOfApp(), "57P05"},
      {"in its proof", StartupOfApp() + RawClient::Frame('p', "SCRAM-SHA-256").substr(0, 9),
       "57P05"},
  };
  for (const Rubbish& stop : stops) {
    CAPTURE(stop.name);
    const auto start = std::chrono::steady_clock::now();
    RawClient client(pooler.port());
    client.Send(stop.bytes);
    if (stop.bytes == ssl) CHECK(client.ReadByte() == 'N');
    if (stop.bytes.starts_with(StartupOfApp())) CHECK(client.Read().type == 'R');
    CheckFatal(client, stop.sqlstate);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(250));
  }
  bystander.CheckUndisturbed();  // older than the timeout, and logged in
}

TEST_CASE("a login that drips does not outlast client_login_timeout") {
  const AppPooler pooler(TwoServers("client_login_timeout = \"300ms\""));
  RawClient client(pooler.port());
  const std::string endless = Int32(9'000) + Int32(kProtocol3);
  size_t sent = 0;
  CHECK(Eventually(
      [&] {
        if (client.Readable(std::chrono::milliseconds(30))) return true;
        client.Send(sent < endless.size() ? endless.substr(sent, 1) : "x");
        ++sent;
        return false;
      },
      kAtOnce));
  CHECK(client.ClosedByPeer(kAtOnce));
}
