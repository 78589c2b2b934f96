// Goal: the console lets in whom it knows, with their rights, and nobody else; and is bounded.
// Method: whole connections over streams that the test speaks through.
#include "pglynx/admin/console_table.h"

#include <deque>
#include <string>

#include "admin/admin_session.h"
#include "admin/backend_transcript.h"
#include "admin/fake_console_host.h"
#include "pglynx/auth/scram_client.h"
#include "pglynx/core/bytes.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/message_writer.h"
#include "pglynx/wire/startup.h"
#include "support/catch.h"
#include "support/fake_event_loop.h"
#include "support/fake_stream.h"

namespace pglynx::admin {
namespace {

using test::FakeStream;
using test::FakeWire;

class FakeUsers final : public ConsoleUsers {
 public:
  explicit FakeUsers(Random& random) {
    admin_ = *auth::Credential::Parse("pencil");
    admin_.CacheVerifier(auth::MakeVerifier("pencil", random));
  }
  std::optional<Known> FindConsoleUser(std::string_view name) override {
    if (name == "admin") return Known{&admin_, Rights::kAdmin};
    if (name == "stats") return Known{&admin_, Rights::kStats};
    return std::nullopt;
  }

 private:
  auth::Credential admin_;
};

struct Fixture {
  ~Fixture() {
    table.CloseAll();
    loop.turns.EndTurn();
  }

  FakeWire& Open(std::string_view first = {}) {
    FakeWire& wire = wires.emplace_back();
    table.Open(std::make_unique<FakeStream>(wire, net::Address{"10.0.0.9", 5000}), first);
    return wire;
  }
  // The messages of a whole login; what came last, as a transcript, stays to be read.
  FakeWire& LogIn(const std::string& user, std::string_view password) {
    std::string startup;
    const wire::StartupParameter parameters[] = {{"user", user}, {"database", "pglynx"}};
    wire::AppendStartupMessage(startup, 0, parameters);
    FakeWire& wire = Open(startup);
    CHECK(wire.TakeSent().starts_with('R'));
    auth::ScramClient scram(random);
    std::string message;
    wire::AppendSaslInitialResponse(message, auth::kScramMechanism, scram.Start());
    wire.Receive(message);
    const std::string server_first = wire.TakeSent();
    const auto keys = scram.ReceiveServerFirst(std::string_view(server_first).substr(9));
    REQUIRE(keys.has_value());
    message.clear();
    wire::AppendSaslResponse(
        message, scram.Continue(auth::DeriveScramKeys(password, keys->salt, keys->iterations)));
    wire.Receive(message);
    return wire;
  }
  std::string Ask(FakeWire& wire, std::string_view sql) {
    wire.sent.clear();
    std::string query;
    wire::AppendQuery(query, sql);
    wire.Receive(query);
    return Transcript(wire.TakeSent());
  }

  std::deque<FakeWire> wires;
  test::FakeEventLoop loop;
  test::SilentLog log;
  SeededRandom random{1};
  FakeConsoleHost host;
  FakeUsers users{random};
  ConsoleTable table{{loop, log, random, host, users, std::chrono::seconds(5)}};
};

}  // namespace

TEST_CASE("ConsoleTable logs its user in and answers") {
  Fixture world;
  FakeWire& wire = world.LogIn("admin", "pencil");
  CHECK(wire.sent.ends_with(std::string_view("Z\0\0\0\5I", 6)));
  CHECK(wire.sent.find(std::string_view("server_version\0000.1.0/pglynx", 28)) !=
        std::string::npos);
  CHECK(world.Ask(wire, "SHOW VERSION") == "T version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n");
  CHECK(world.table.size() == 1);
  world.loop.turns.Pass(std::chrono::minutes(10));  // its login timeout is over
  CHECK_FALSE(wire.over());
}

TEST_CASE("ConsoleTable refuses a wrong password and an unknown user alike") {
  std::string told[2];
  for (const bool known : {false, true}) {
    Fixture world;
    FakeWire& wire = world.LogIn(known ? "admin" : "nobody", known ? "brush" : "pencil");
    CHECK(wire.sent.starts_with('E'));
    CHECK(wire.sent.find("C28P01") != std::string::npos);
    CHECK(wire.finished);
    CHECK(world.table.size() == 0);
    told[known ? 1 : 0] = Transcript(wire.sent);
  }
  const size_t name = told[0].find("nobody");
  if (name != std::string::npos) told[0].replace(name, 6, "admin");
  CHECK(told[0] == told[1]);
}

TEST_CASE("ConsoleTable lets a stats user look and nothing else") {
  Fixture world;
  FakeWire& wire = world.LogIn("stats", "pencil");
  CHECK(world.Ask(wire, "SHOW VERSION").find("D pglynx 0.1.0") != std::string::npos);
  const std::string refused = world.Ask(wire, "SHUTDOWN");
  CHECK(refused.find("42501") != std::string::npos);
  CHECK(world.host.calls.empty());
  CHECK_FALSE(wire.over());
}

TEST_CASE("ConsoleTable answers messages however they are cut, and several at once") {
  std::string query;
  wire::AppendQuery(query, "SHOW VERSION");
  query += query;
  for (size_t cut = 0; cut <= query.size(); ++cut) {
    Fixture world;
    FakeWire& wire = world.LogIn("admin", "pencil");
    wire.sent.clear();
    wire.Receive(query.substr(0, cut));
    wire.Receive(query.substr(cut));
    const std::string one = "T version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n";
    CHECK(Transcript(wire.sent) == one + one);
  }
}

TEST_CASE("ConsoleTable ends a client that breaks the protocol") {
  for (const uint32_t length : {0U, 3U, kConsoleMessageBytesMax + 1, 0xffffffffU}) {
    Fixture world;
    FakeWire& wire = world.LogIn("admin", "pencil");
    wire.sent.clear();
    std::string header = "Q";
    AppendU32(header, length);
    wire.Receive(header);
    CHECK(wire.sent.find("C08P01") != std::string::npos);
    CHECK(wire.finished);
    CHECK(world.table.size() == 0);
  }
}

TEST_CASE("ConsoleTable ends clients that leave, are too slow to log in, or say goodbye") {
  Fixture world;
  FakeWire& left = world.LogIn("admin", "pencil");
  left.Hangup();
  CHECK(world.table.size() == 0);
  FakeWire& slow = world.Open();
  world.loop.turns.Pass(std::chrono::seconds(5));
  CHECK(slow.finished);
  FakeWire& polite = world.LogIn("admin", "pencil");
  polite.Receive(std::string("X\0\0\0\4", 5));
  CHECK(polite.finished);
  CHECK(world.table.size() == 0);
}

TEST_CASE("ConsoleTable waits with answers while the client does not read") {
  Fixture world;
  FakeWire& wire = world.LogIn("admin", "pencil");
  wire.pending_bytes = net::Stream::kHighWatermark + 1;
  CHECK_FALSE(world.Ask(wire, "SHOW VERSION").empty());
  CHECK(wire.pauses == 1);
  CHECK(world.Ask(wire, "SHOW VERSION").empty());  // had arrived before the pause
  wire.pending_bytes = 0;
  wire.listener->OnDrained();
  CHECK(wire.pauses == 0);
  CHECK(Transcript(wire.sent).find("D pglynx 0.1.0") != std::string::npos);
}

TEST_CASE("ConsoleTable answers PAUSE when it is done, and what came meanwhile after it") {
  Fixture world;
  FakeWire& wire = world.LogIn("admin", "pencil");
  world.host.settled = false;
  CHECK(world.Ask(wire, "PAUSE app").empty());
  CHECK(world.Ask(wire, "SHOW VERSION").empty());
  CHECK(world.host.calls == "steer 0 app;");
  CHECK(world.host.questions == 1);
  world.loop.turns.Pass(kSettledCheckInterval * 3);
  CHECK(world.host.questions == 4);
  CHECK(wire.sent.empty());
  world.host.settled = true;
  world.loop.turns.Pass(kSettledCheckInterval - Duration(1));
  CHECK(wire.sent.empty());
  world.loop.turns.Pass(Duration(1));
  CHECK(Transcript(wire.TakeSent()) == "C PAUSE\nZ I\nT version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n");
  world.loop.turns.Pass(std::chrono::minutes(1));
  CHECK(world.host.questions == 5);
  CHECK(wire.pauses == 0);
}

TEST_CASE("ConsoleTable waits once for each command that waits") {
  Fixture world;
  FakeWire& wire = world.LogIn("admin", "pencil");
  world.host.settled = false;
  std::string queries;
  wire::AppendQuery(queries, "WAIT_CLOSE");
  wire::AppendQuery(queries, "PAUSE app");
  wire.sent.clear();
  wire.Receive(queries);
  CHECK(world.host.calls == "steer 6 ;");
  world.host.settled = true;
  world.loop.turns.Pass(kSettledCheckInterval);
  CHECK(world.host.calls == "steer 6 ;steer 0 app;");
  CHECK(Transcript(wire.TakeSent()) == "C WAIT_CLOSE\nZ I\nC PAUSE\nZ I\n");
}

TEST_CASE("ConsoleTable ends the wait of a client that leaves, or that is closed") {
  for (const bool leaves : {true, false}) {
    Fixture world;
    FakeWire& wire = world.LogIn("admin", "pencil");
    world.host.settled = false;
    CHECK(world.Ask(wire, "WAIT_CLOSE").empty());
    CHECK(wire.pauses == 0);  // a paused stream would not tell that it left
    if (leaves) {
      wire.Hangup();
    } else {
      world.table.CloseAll();
    }
    CHECK(world.table.size() == 0);
    world.host.settled = true;
    world.loop.turns.Pass(std::chrono::minutes(1));
    CHECK(world.host.questions == 1);
    CHECK(wire.sent.empty());
    CHECK(world.host.calls == "steer 6 ;");
  }
}

TEST_CASE("ConsoleTable asks no more for a client that was closed in the same turn") {
  Fixture world;
  Timer closes(&world.table, [](void* table) { static_cast<ConsoleTable*>(table)->CloseAll(); });
  FakeWire& wire = world.LogIn("admin", "pencil");
  world.host.settled = false;
  world.loop.Arm(closes, world.loop.Now() + kSettledCheckInterval);
  CHECK(world.Ask(wire, "PAUSE").empty());
  world.loop.turns.Pass(kSettledCheckInterval);
  CHECK(wire.finished);
  CHECK(world.host.questions == 1);
}

TEST_CASE("ConsoleTable holds a bounded number of bytes while a command waits") {
  Fixture world;
  FakeWire& wire = world.LogIn("admin", "pencil");
  const std::string one = "T ?column?:23\nD 1\nC SELECT 1\nZ I\n";
  std::string query;
  wire::AppendQuery(query, "SELECT 1");
  std::string queries;
  std::string answers;
  for (; queries.size() <= kConsoleMessageBytesMax; answers += one) queries += query;
  for (int round = 0; round < 2; ++round) {
    world.host.settled = false;
    CHECK(world.Ask(wire, "PAUSE").empty());
    wire.Receive(queries.substr(0, kConsoleMessageBytesMax));
    CHECK(wire.pauses == 0);
    wire.Receive(queries.substr(kConsoleMessageBytesMax));
    CHECK(wire.pauses == 1);
    wire.Receive(query);  // was on its way
    CHECK(wire.pauses == 1);
    world.loop.turns.Pass(kSettledCheckInterval * 2);
    CHECK(wire.pauses == 1);
    world.host.settled = true;
    world.loop.turns.Pass(kSettledCheckInterval);
    CHECK(wire.pauses == 0);
    std::string expected = "C PAUSE\nZ I\n" + answers;
    expected += one;
    CHECK(Transcript(wire.TakeSent()) == expected);
  }
  wire.Receive(queries);  // nothing waits: as much as comes is taken
  CHECK(wire.pauses == 0);
  CHECK(Transcript(wire.TakeSent()) == answers);
}

TEST_CASE("ConsoleTable holds back further answers after a wait if the client does not read") {
  Fixture world;
  FakeWire& wire = world.LogIn("admin", "pencil");
  world.host.settled = false;
  CHECK(world.Ask(wire, "PAUSE").empty());
  CHECK(world.Ask(wire, "SELECT 1").empty());
  wire.pending_bytes = net::Stream::kHighWatermark + 1;
  world.host.settled = true;
  world.loop.turns.Pass(kSettledCheckInterval);
  CHECK(Transcript(wire.TakeSent()) == "C PAUSE\nZ I\n");
  CHECK(wire.pauses == 1);
  wire.pending_bytes = 0;
  wire.listener->OnDrained();
  CHECK(wire.pauses == 0);
  CHECK(Transcript(wire.TakeSent()) == "T ?column?:23\nD 1\nC SELECT 1\nZ I\n");
}

TEST_CASE("ConsoleTable takes a bounded number of clients") {
  Fixture world;
  for (size_t i = 0; i < ConsoleTable::kConsoleClientsMax; ++i) {
    CHECK_FALSE(world.Open().over());
  }
  FakeWire& one_too_many = world.Open();
  CHECK(one_too_many.closed);
  CHECK(one_too_many.sent.empty());
  CHECK(world.table.size() == ConsoleTable::kConsoleClientsMax);
  world.wires.front().Hangup();
  CHECK_FALSE(world.Open().over());
  world.table.CloseAll();
  CHECK(world.table.size() == 0);
  for (const FakeWire& wire : world.wires) CHECK((wire.over() || wire.listener == nullptr));
}

}  // namespace pglynx::admin
