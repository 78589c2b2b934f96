// Goal: a server connection logs in or says why not, is proven before it is used again, and is
// closed at the first byte that nobody asked for. Method: one case for each turn of its life,
// over a stream that the test speaks through.
#include "backend/server_connection.h"

#include <string>

#include "pglynx/auth/scram_server.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/message_writer.h"
#include "support/catch.h"
#include "support/fake_backend.h"

using pglynx::ErrorCode;
using pglynx::auth::Credential;
using pglynx::backend::ServerTarget;
using pglynx::test::BackendClient;
using pglynx::test::FakeBackend;
using pglynx::test::FakeWire;
using pglynx::test::Message;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

namespace {

const std::string kTerminate = Message('X', "");

std::string Query(std::string_view sql) {
  std::string out;
  pglynx::wire::AppendQuery(out, sql);
  return out;
}

std::string Complete(std::string_view tag) {
  std::string out;
  pglynx::wire::AppendCommandComplete(out, tag);
  return out;
}

// The one failure that the client was told.
void CheckFailure(const BackendClient& client, ErrorCode code, std::string_view detail) {
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].code == code);
  CHECK(client.failures[0].detail == detail);
}

// A server that is given back with a transaction open: it runs ROLLBACK now.
FakeWire& RollingBack(FakeBackend& world) {
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  client.lease->tracker().Sent(pglynx::wire::Request::kQuery);
  static_cast<void>(client.lease->tracker().Reply('C'));
  static_cast<void>(client.lease->tracker().Reply('Z', 'T'));
  client.lease.Release();
  CHECK(wire.TakeSent() == Query("ROLLBACK"));
  return wire;
}

// The same with state that only DISCARD ALL removes.
FakeWire& Discarding(FakeBackend& world) {
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  pglynx::pool::ServerMemory& memory = client.lease->memory();
  memory.needs_reset = true;
  memory.sequences_of = 1;
  memory.statements.Sent(7);
  CHECK(memory.statements.Confirm() == 7);
  memory.parameters = world.parameters.With(memory.parameters, "x.y", "1");
  client.lease.Release();
  CHECK(wire.TakeSent() == Query("DISCARD ALL"));
  return wire;
}

}  // namespace

TEST_CASE("ServerConnection logs in, however the server's words are cut") {
  const std::string login = FakeBackend::LoginOk();
  for (size_t cut = 0; cut <= login.size(); ++cut) {
    FakeBackend world;
    BackendClient client;
    FakeWire& wire = world.Connect(client);
    CHECK(world.connector.attempts[0].address.ToString() == "10.0.0.1:5432");
    CHECK(wire.TakeSent() == "\0\0\0\x20\0\3\0\0user\0app\0database\0shop\0\0"sv);
    wire.Receive(login.substr(0, cut));
    CHECK(static_cast<bool>(client.lease) == (cut == login.size()));
    wire.Receive(login.substr(cut));
    REQUIRE(client.lease);
    CHECK(wire.sent.empty());
    REQUIRE(world.pool.welcome().has_value());
    CHECK(world.pool.welcome()->fixed ==
          std::vector<pglynx::pool::Parameter>{{"server_version", "16.1"}});
    CHECK(*client.lease->memory().parameters->Find("TimeZone") == "UTC");
    pglynx::pool::ConnectionRow row;
    client.lease->FillRow(row);
    CHECK(row.address == "10.0.0.1");
    CHECK(row.remote_pid == 42);
    CHECK(client.lease->Peer() == "10.0.0.1:5432");
  }
}

TEST_CASE("ServerConnection tells why it could not connect") {
  FakeBackend world;
  BackendClient client;
  client.Ask(world.pool);
  world.loop.turns.EndTurn();
  world.connector.Refuse(0, "cannot connect to server 10.0.0.1:5432: Connection refused");
  CheckFailure(client, ErrorCode::kServerUnreachable,
               "cannot connect to server 10.0.0.1:5432: Connection refused (pool shop/ann)");
}

TEST_CASE("ServerConnection tells whose password is wrong, where and for which pool") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.Connect(client);
  wire.Receive(FakeBackend::ErrorMessage("FATAL", "28P01", "password authentication failed"));
  CheckFailure(client, ErrorCode::kServerUnreachable,
               "server 10.0.0.1:5432 login of user \"app\" to database \"shop\" failed: the server "
               "says FATAL: password authentication failed (SQLSTATE 28P01) (pool shop/ann)");
  CHECK(wire.closed);
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("ServerConnection gives up on a server that talks rubbish") {
  const std::string streams[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                 Message('?', "abc"),
                                 std::string(5, '\0'),
                                 Message('Z', "I"),
                                 Message('D', "row"),
                                 FakeBackend::LoginOk() + Message('D', "row")};
  for (const std::string& stream : streams) {
    FakeBackend world;
    BackendClient client;
    FakeWire& wire = world.Connect(client);
    wire.Receive(stream);
    REQUIRE(client.failures.size() == 1);
    CHECK(client.failures[0].code == ErrorCode::kServerProtocolViolation);
    CHECK(client.failures[0].detail.starts_with("server 10.0.0.1:5432 "));
    CHECK(client.failures[0].detail.ends_with(" (pool shop/ann)"));
    CHECK(wire.closed);
  }
}

// Found by the soak test: a server that restarts says so right behind the end of the login.
TEST_CASE("ServerConnection hears what a server says right behind the login") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.Connect(client);
  SECTION("its last word") {
    wire.Receive(FakeBackend::LoginOk() +
                 FakeBackend::ErrorMessage("FATAL", "57P01", "terminating connection"));
    CheckFailure(client, ErrorCode::kServerLost,
                 "server 10.0.0.1:5432 ended the connection: terminating connection "
                 "(pool shop/ann)");
  }
  SECTION("a notice and another default") {
    wire.Receive(FakeBackend::LoginOk() + Message('N', "S\0"sv) +
                 Message('S', "TimeZone\0CET\0"sv));
    REQUIRE(client.lease);
    CHECK(*client.lease->memory().parameters->Find("TimeZone") == "CET");
  }
}

TEST_CASE("ServerConnection survives a server that closes at any point of the login") {
  const std::string login = FakeBackend::LoginOk();
  for (size_t cut = 0; cut < login.size(); ++cut) {
    FakeBackend world;
    BackendClient client;
    FakeWire& wire = world.Connect(client);
    wire.Receive(login.substr(0, cut));
    wire.Hangup();
    CheckFailure(client, ErrorCode::kServerUnreachable,
                 "server 10.0.0.1:5432 closed the connection: the peer closed the connection "
                 "(pool shop/ann)");
    CHECK(world.pool.server_count() == 0);
  }
}

TEST_CASE("ServerConnection gives connect and login one timeout together") {
  for (const bool connects : {false, true}) {
    FakeBackend world;
    BackendClient client;
    client.Ask(world.pool);
    world.loop.turns.Pass(seconds(4));
    if (connects) world.connector.Accept(0);
    world.loop.turns.Pass(seconds(1));
    CheckFailure(client, ErrorCode::kServerUnreachable,
                 "server 10.0.0.1:5432 did not complete connect and login within connect_timeout = "
                 "5000 ms (pool shop/ann)");
  }
  FakeBackend world;
  BackendClient client;
  world.LogIn(client);
  world.loop.turns.Pass(seconds(60));  // over with the login
  CHECK(client.failures.empty());
}

TEST_CASE("ServerConnection derives SCRAM keys off the loop, once for a salt") {
  ServerTarget target = FakeBackend::Target();
  target.credential = *Credential::Parse("secret");
  FakeBackend world(std::move(target));
  const auto verifier = pglynx::auth::MakeVerifier("secret", "salt", 10);
  for (int login = 0; login < 2; ++login) {
    BackendClient client;
    FakeWire& wire = world.Connect(client);
    wire.sent.clear();
    pglynx::auth::ScramServer scram(verifier, world.random);
    wire.Receive(Message('R', "\0\0\0\x0aSCRAM-SHA-256\0\0"sv));
    const std::string initial = wire.TakeSent();
    const auto first = pglynx::wire::ParseSaslInitialResponse(std::string_view(initial).substr(5));
    const auto challenge = scram.ReceiveClientFirst(*first->response);
    wire.Receive(Message('R', "\0\0\0\x0b"s + *challenge));
    CHECK(world.loop.jobs.size() == (login == 0 ? 1 : 0));
    if (login == 0) world.loop.FinishWork();
    const auto success = scram.ReceiveClientFinal(std::string_view(wire.sent).substr(5));
    REQUIRE(success.has_value());
    wire.Receive(Message('R', "\0\0\0\x0c"s + success->server_final) + FakeBackend::LoginOk());
    REQUIRE(client.lease);
    client.lease.Release();
    world.pool.ReplaceServers();
  }
}

TEST_CASE("ServerConnection that is gone does not hear of its keys") {
  ServerTarget target = FakeBackend::Target();
  target.credential = *Credential::Parse("secret");
  FakeBackend world(std::move(target));
  BackendClient client;
  FakeWire& wire = world.Connect(client);
  const auto verifier = pglynx::auth::MakeVerifier("secret", "salt", 10);
  pglynx::auth::ScramServer scram(verifier, world.random);
  wire.sent.clear();
  wire.Receive(Message('R', "\0\0\0\x0aSCRAM-SHA-256\0\0"sv));
  const std::string initial = wire.TakeSent();
  const auto first = pglynx::wire::ParseSaslInitialResponse(std::string_view(initial).substr(5));
  wire.Receive(Message('R', "\0\0\0\x0b"s + *scram.ReceiveClientFirst(*first->response)));
  wire.Receive(Message('N', "\0"sv));
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].detail.find("spoke out of turn") != std::string::npos);
  world.loop.turns.EndTurn();
  world.loop.FinishWork();
}

TEST_CASE("ServerConnection runs connect_query before it is on offer") {
  ServerTarget target = FakeBackend::Target();
  target.connect_query = "SET a TO b";
  FakeBackend world(target);
  BackendClient client;
  FakeWire& wire = world.Connect(client);
  wire.sent.clear();
  wire.Receive(FakeBackend::LoginOk());
  CHECK(wire.sent == Query("SET a TO b"));
  CHECK_FALSE(client.lease);
  wire.Receive(Complete("SET") + Message('Z', "I"));
  CHECK(client.lease);

  FakeBackend other(target);
  BackendClient unlucky;
  FakeWire& refusing = other.LogIn(unlucky);
  refusing.Receive(FakeBackend::ErrorMessage("ERROR", "42704", "no such parameter"));
  CheckFailure(unlucky, ErrorCode::kServerUnreachable,
               "server 10.0.0.1:5432 refused a query of the pooler: no such parameter (pool "
               "shop/ann)");
}

TEST_CASE("ServerConnection hands bytes and ends to the holder of its lease") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  const std::string_view sent[] = {"ab", "c"};
  client.lease->Send(sent);
  CHECK(wire.sent == "abc");
  wire.Receive("anything");
  CHECK(client.data == "anything");
  wire.listener->OnDrained();
  CHECK(client.drained == 1);
  wire.pending_bytes = 17;
  CHECK(client.lease->pending_bytes() == 17);
  client.lease->PauseReading();
  CHECK(wire.pauses == 1);
  client.lease->ResumeReading();
  CHECK(wire.pauses == 0);
  wire.Hangup();
  CheckFailure(client, ErrorCode::kServerLost,
               "server 10.0.0.1:5432 closed the connection: the peer closed the connection (pool "
               "shop/ann)");
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("ServerConnection is idle again when its rollback is confirmed, however it is cut") {
  const std::string reply = Complete("ROLLBACK") + Message('Z', "I");
  for (size_t cut = 0; cut <= reply.size(); ++cut) {
    FakeBackend world;
    FakeWire& wire = RollingBack(world);
    wire.Receive(reply.substr(0, cut));
    if (cut < reply.size()) wire.Receive(reply.substr(cut));
    CHECK_FALSE(wire.over());
    world.pool.CheckInvariants();
    BackendClient next;
    next.Ask(world.pool);
    CHECK(next.lease);
  }
}

TEST_CASE("ServerConnection is closed where its rollback is not confirmed") {
  const std::string replies[] = {
      Complete("COMMIT") + Message('Z', "I"),
      Complete("ROLLBACK ") + Message('Z', "I"),
      Complete("ROLLBACK") + Message('Z', "T"),
      Complete("ROLLBACK") + Message('Z', "E"),
      Message('Z', "I"),
      Message('I', "") + Message('Z', "I"),
      Message('1', ""),
      Message('?', ""),
      FakeBackend::ErrorMessage("ERROR", "XX000", "no"),
  };
  for (const std::string& reply : replies) {
    FakeBackend world;
    FakeWire& wire = RollingBack(world);
    wire.Receive(reply);
    CHECK(wire.over());
    CHECK(world.pool.server_count() == 0);
  }
}

TEST_CASE("ServerConnection is closed where its reset takes too long or the server leaves") {
  for (const bool hangs_up : {false, true}) {
    FakeBackend world;
    FakeWire& wire = RollingBack(world);
    wire.Receive(Complete("ROLLBACK"));
    hangs_up ? wire.Hangup() : world.loop.turns.Pass(seconds(5));
    CHECK(wire.over());
    CHECK(world.pool.server_count() == 0);
  }
}

TEST_CASE("ServerConnection forgets its memory when DISCARD ALL is confirmed") {
  FakeBackend world;
  FakeWire& wire = Discarding(world);
  wire.Receive(Complete("DISCARD ALL") + Message('Z', "I"));
  BackendClient next;
  next.Ask(world.pool);
  REQUIRE(next.lease);
  const pglynx::pool::ServerMemory& memory = next.lease->memory();
  CHECK_FALSE(memory.needs_reset);
  CHECK(memory.statements.size() == 0);
  CHECK(memory.sequences_of == 0);
  CHECK(memory.parameters == world.pool.welcome()->defaults);
}

TEST_CASE("ServerConnection is closed where DISCARD ALL is not confirmed") {
  FakeBackend world;
  FakeWire& wire = Discarding(world);
  wire.Receive(Complete("DISCARD") + Message('Z', "I"));
  CHECK(wire.over());
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("ServerConnection notices that an idle server has ended the connection") {
  FakeBackend world;
  FakeWire& wire = world.IdleServer();
  wire.Receive(FakeBackend::ErrorMessage("FATAL", "57P01", "terminating connection"));
  CHECK(wire.over());
  CHECK(world.pool.server_count() == 0);

  FakeBackend other;
  other.IdleServer().Hangup();
  CHECK(other.pool.server_count() == 0);
}

TEST_CASE("ServerConnection is closed where an idle server says what nobody asked for") {
  const std::string streams[] = {
      Message('T', "\0\0"sv) + Message('D', "\0\0"sv) + Complete("SELECT 1") + Message('Z', "I"),
      Complete("SELECT 1"),
      Message('Z', "I"),
      Message('1', ""),
      Message('G', "\0\0\0"sv),
      Message('S', "no value"),
      "\xff\xff\xff\xff\xff"};
  for (const std::string& stream : streams) {
    FakeBackend world;
    FakeWire& wire = world.IdleServer();
    wire.Receive(stream);
    CHECK(wire.over());
    CHECK(world.pool.server_count() == 0);
  }
}

TEST_CASE("ServerConnection is closed where an idle server sends rows alone") {
  // Defect: types that pass unread come back as kRun, which OnIdleMessage never sees. Half a
  // row would reach the next client: the rest of it is a run too.
  FakeBackend world;
  FakeWire& wire = world.IdleServer();
  wire.Receive(Message('D', "\0\0"sv));
  CHECK(wire.over());
}

TEST_CASE("ServerConnection does not give an idle server away inside a message") {
  // Defect: the same with a notice that arrives in two pieces: nobody asks the scanner's
  // AtBoundary when the server is given away, and its second half goes to the next client.
  FakeBackend world;
  FakeWire& wire = world.IdleServer();
  const std::string notice = Message('N', "SNOTICE\0Mhello\0\0"sv);
  wire.Receive(notice.substr(0, 9));
  BackendClient next;
  next.Ask(world.pool);
  wire.Receive(notice.substr(9));
  CHECK(next.data.empty());
}

TEST_CASE("ServerConnection reads what comes behind the end of its reset") {
  // Defect: ForEachMessage returns at the exchange's ReadyForQuery and drops the rest of the
  // read; half a message there would leave the stream out of step.
  FakeBackend world;
  FakeWire& wire = RollingBack(world);
  wire.Receive(Complete("ROLLBACK") + Message('Z', "I") + Message('S', "TimeZone\0CET\0"sv));
  BackendClient next;
  next.Ask(world.pool);
  const bool learned = next.lease && *next.lease->memory().parameters->Find("TimeZone") == "CET";
  CHECK((wire.over() || learned));
}

TEST_CASE("ServerConnection learns what an idle server reports, however it is cut") {
  const std::string report = Message('N', "SNOTICE\0\0"sv) + Message('S', "TimeZone\0CET\0"sv) +
                             Message('S', "in_hot_standby\0on\0"sv);
  for (size_t cut = 0; cut <= report.size(); ++cut) {
    FakeBackend world;
    FakeWire& wire = world.IdleServer();
    wire.Receive(report.substr(0, cut));
    wire.Receive(report.substr(cut));
    CHECK_FALSE(wire.over());
    BackendClient next;
    next.Ask(world.pool);
    REQUIRE(next.lease);
    CHECK(*next.lease->memory().parameters->Find("TimeZone") == "CET");
    CHECK(next.lease->memory().parameters->Find("in_hot_standby") == nullptr);
  }
}

TEST_CASE("ServerConnection says goodbye to Postgres where it is idle, and only there") {
  FakeBackend world;
  FakeWire& wire = world.IdleServer();
  world.pool.ReplaceServers();
  CHECK(wire.sent == kTerminate);
  CHECK(wire.finished);

  FakeBackend busy;
  BackendClient client;
  FakeWire& used = busy.LogIn(client);
  client.lease->tracker().Sent(pglynx::wire::Request::kQuery);
  client.lease->tracker().Doubt();
  client.lease.Release();
  CHECK(used.sent.empty());
  CHECK(used.closed);
}

// A client leaves behind a query: cancel, the answer is thrown away, then a clean session.
TEST_CASE("ServerConnection ends what a client left behind before it is used again") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  client.lease->tracker().Sent(pglynx::wire::Request::kQuery);
  client.lease.Release();
  BackendClient next;
  next.Ask(world.pool);
  FakeWire& cancel = world.connector.Accept(1);
  CHECK(cancel.sent == "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x2asecr"sv);
  cancel.Hangup();
  SECTION("the first cancel hits") {
    wire.Receive(Message('D', "\0\0"sv) + Message('S', "TimeZone\0CET\0"sv) +
                 FakeBackend::ErrorMessage("ERROR", "57014", "canceled") + Message('Z', "I"));
  }
  SECTION("the first one came before the query was read") {
    world.loop.turns.Pass(milliseconds(100));
    world.connector.Accept(2).Hangup();
    world.loop.turns.Pass(milliseconds(200));
    FakeWire& third = world.connector.Accept(3);
    wire.Receive(FakeBackend::ErrorMessage("ERROR", "57014", "canceled") + Message('Z', "E"));
    CHECK(wire.sent.empty());  // the third may still come late
    third.Hangup();
  }
  CHECK_FALSE(next.lease);
  CHECK(wire.sent.find("DISCARD ALL") != std::string::npos);
  const bool rolls_back = wire.sent.find("ROLLBACK") != std::string::npos;
  if (rolls_back) wire.Receive(Message('C', "ROLLBACK\0"sv) + Message('Z', "I"));
  wire.Receive(Message('C', "DISCARD ALL\0"sv) + Message('Z', "I"));
  CHECK(next.lease);
  CHECK(next.data.empty());
  CHECK(world.pool.server_count() == 1);
}

// Swarm seed 600: RESET was cancelled, and the statement behind it ran under another client's
// value.
TEST_CASE("ServerConnection does not cancel the settings in front of what a client left behind") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  client.lease->tracker().Sent(pglynx::wire::Request::kHiddenQuery);
  client.lease->tracker().Sent(pglynx::wire::Request::kQuery);
  client.lease.Release();
  CHECK(world.connector.attempts.size() == 1);
  wire.Receive(Message('C', "RESET\0"sv) + Message('Z', "I"));
  world.loop.turns.Pass(milliseconds(100));
  world.connector.Accept(1).Hangup();
  wire.Receive(FakeBackend::ErrorMessage("ERROR", "57014", "canceled") + Message('Z', "I"));
  CHECK(wire.sent.find("DISCARD ALL") != std::string::npos);
}

TEST_CASE("ServerConnection has a batch fail that was left without its Sync") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  client.lease->tracker().Sent(pglynx::wire::Request::kParse);
  client.lease.Release();
  CHECK(wire.sent ==
        Message('P', "\0!pglynx: the client left before its Sync\0\0\0"sv) + Message('S', ""));
  world.connector.Accept(1).Hangup();
  wire.Receive(Message('1', "") + FakeBackend::ErrorMessage("ERROR", "42601", "syntax error") +
               Message('Z', "I"));
  CHECK(wire.sent.find("DISCARD ALL") != std::string::npos);
}

TEST_CASE("ServerConnection gives up what does not end in kAbandonMax, and what makes no sense") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  client.lease->tracker().Sent(pglynx::wire::Request::kQuery);
  client.lease.Release();
  SECTION("time") {
    world.connector.Accept(1);  // nobody answers
    world.loop.turns.Pass(pglynx::pool::PooledServer::kAbandonMax);
  }
  SECTION("a COPY that asks for data") {
    wire.Receive(Message('G', "\0\0\0"sv));
  }
  SECTION("the server's last word") {
    wire.Receive(FakeBackend::ErrorMessage("FATAL", "57P01", "terminated"));
    wire.Hangup();
  }
  SECTION("rubbish") {
    wire.Receive(Message('1', ""));
  }
  CHECK(wire.over());
  CHECK(world.pool.server_count() == 0);
}

TEST_CASE("ServerConnection waits for its cancel before it is used again") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  bool done = false;
  client.lease->Cancel([&] { done = true; });
  CHECK(client.lease->HasCancelInFlight());
  CHECK(world.pool.cancels_in_flight == 1);
  client.lease.Release();
  BackendClient next;
  next.Ask(world.pool);
  CHECK_FALSE(next.lease);
  FakeWire& cancel = world.connector.Accept(1);
  CHECK(cancel.sent == "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x2asecr"sv);
  cancel.Hangup();
  CHECK(done);
  CHECK(next.lease);
  CHECK(world.pool.cancels_in_flight == 0);
  CHECK_FALSE(wire.over());
}

TEST_CASE("ServerConnection sends its cancel to the address that it is connected to") {
  FakeBackend world({.address = {"db", 5432},
                     .database = "shop",
                     .user = "app",
                     .credential = {},
                     .connect_query = {},
                     .connect_timeout = seconds(5)});
  BackendClient client;
  client.Ask(world.pool);
  world.loop.turns.EndTurn();
  world.connector.attempts[0].wire.remote_host = "10.0.0.7";
  world.connector.Accept(0).Receive(FakeBackend::LoginOk());
  CHECK(client.lease->PeerHost() == "10.0.0.7");
  CHECK(client.lease->Peer() == "db:5432");
  client.lease->Cancel([] {});
  CHECK(world.connector.attempts[1].address == pglynx::net::Address{"10.0.0.7", 5432});
  world.connector.Accept(1).Hangup();
}

TEST_CASE("ServerConnection has no address before it is connected") {
  FakeBackend world;
  pglynx::pool::Pool& pool = world.pool;
  BackendClient client;
  client.Ask(pool);
  world.loop.turns.EndTurn();
  CHECK(pool.ReplaceServersNotAt(std::vector<std::string>{"10.0.0.9"}) == 0);
  FakeWire& wire = world.connector.Accept(0);
  CHECK(pool.ReplaceServersNotAt(std::vector<std::string>{"10.0.0.1"}) == 0);
  CHECK(pool.ReplaceServersNotAt(std::vector<std::string>{"10.0.0.9"}) == 1);
  wire.Receive(FakeBackend::LoginOk());
  CHECK(wire.over());
}

TEST_CASE("ServerConnection may be gone before its cancel is over") {
  FakeBackend world;
  BackendClient client;
  FakeWire& wire = world.LogIn(client);
  bool done = false;
  client.lease->Cancel([&] { done = true; });
  wire.Hangup();
  CHECK(world.pool.cancels_in_flight == 0);
  world.loop.turns.EndTurn();
  world.connector.Accept(1).Hangup();
  CHECK(done);
}
