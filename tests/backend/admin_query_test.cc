// Goal: AdminQuery logs in, asks one question after another and keeps the rows, and whatever the
// server does it ends once. Method: a wire that the test speaks through; the answers are also cut
// at every byte.
#include "pglynx/backend/admin_query.h"

#include <optional>
#include <string>
#include <utility>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace pglynx::backend {
namespace {

using std::chrono::seconds;
using test::FakeBackend;
using test::FakeWire;
using test::Message;
using std::string_view_literals::operator""sv;

std::string Row(const std::vector<std::optional<std::string>>& cells) {
  std::string body;
  AppendU16(body, static_cast<uint16_t>(cells.size()));
  for (const std::optional<std::string>& cell : cells) {
    AppendU32(body, cell.has_value() ? static_cast<uint32_t>(cell->size()) : 0xFFFFFFFF);
    body += cell.value_or("");
  }
  return Message('D', body);
}

struct Fixture {
  Fixture() {
    query.Start([this](Result<AdminAnswers> given) {
      CHECK_FALSE(outcome.has_value());
      outcome = std::move(given);
    });
    loop.turns.EndTurn();
  }
  ~Fixture() { loop.turns.EndTurn(); }
  FakeWire& LogIn() {
    FakeWire& wire = connector.Accept(0);
    wire.sent.clear();
    wire.Receive(FakeBackend::LoginOk());
    return wire;
  }
  [[nodiscard]] std::string failure() const {
    return outcome.has_value() && !outcome->has_value() ? outcome->error().detail : "none";
  }

  test::FakeEventLoop loop;
  test::FakeConnector connector;
  SeededRandom random{1};
  std::optional<Result<AdminAnswers>> outcome;
  AdminQuery query{{loop, connector, random},
                   FakeBackend::Target(),
                   {{"first", "SELECT 1"}, {"second", "SELECT 2"}}};
};

TEST_CASE("AdminQuery asks one after another and tells NULL from empty") {
  Fixture world;
  FakeWire& wire = world.LogIn();
  CHECK(wire.TakeSent() == "Q\0\0\0\x0dSELECT 1\0"sv);
  wire.Receive(Message('T', "") + Row({"a", std::nullopt, ""}) + Row({}) +
               Message('C', "SELECT 2\0"sv) + Message('Z', "I"));
  CHECK(wire.TakeSent() == "Q\0\0\0\x0dSELECT 2\0"sv);
  CHECK_FALSE(world.outcome.has_value());
  wire.Receive(Message('N', "") + Message('I', "") + Message('Z', "I"));
  CHECK(wire.TakeSent() == "X\0\0\0\4"sv);
  CHECK(wire.finished);
  REQUIRE(world.outcome.has_value());
  CHECK(world.outcome->value() == AdminAnswers{{{"a", std::nullopt, ""}, {}}, {}});
  world.loop.turns.Pass(seconds(60));
}

TEST_CASE("AdminQuery takes its input byte by byte") {
  Fixture world;
  FakeWire& wire = world.connector.Accept(0);
  for (const char c : FakeBackend::LoginOk() + Row({"xyz"}) + Message('Z', "I") +
                          Message('S', "a\0b\0"sv) + Row({std::nullopt}) + Message('Z', "I")) {
    wire.Receive(std::string(1, c));
  }
  REQUIRE(world.outcome.has_value());
  CHECK(world.outcome->value() == AdminAnswers{{{"xyz"}}, {{std::nullopt}}});
}

TEST_CASE("AdminQuery names the question that the server refuses") {
  Fixture world;
  FakeWire& wire = world.LogIn();
  wire.Receive(FakeBackend::ErrorMessage("ERROR", "42P01", "no such table"));
  CHECK(world.failure() == "first: the server says ERROR: no such table (SQLSTATE 42P01)");
  CHECK(wire.closed);
}

TEST_CASE("AdminQuery ends at what the protocol forbids") {
  const std::string too_long = std::string("D\0\x40\0\1", 5);
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {Message('G', "\0\0\0"sv), "first: the server sent a message of type 71"},
           {Message('E', "broken"), "first: the server sent an invalid ErrorResponse message"},
           {Message('D', "\0\1\0\0\0\5abcd"sv),
            "first: the server sent an invalid DataRow message"},
           {Message('D', "\0\1\0\0\0\1ab"sv), "first: the server sent an invalid DataRow message"},
           {std::string("D\0\0\0\3", 5),
            "first: the server sent a message of less than 4 or more than 4194304 bytes"},
           {too_long, "first: the server sent a message of less than 4 or more than 4194304 bytes"},
       }) {
    Fixture world;
    FakeWire& wire = world.LogIn();
    wire.Receive(bytes);
    CHECK(world.failure() == text);
    CHECK(wire.closed);
  }
}

TEST_CASE("AdminQuery keeps no more rows than its limit") {
  Fixture world;
  FakeWire& wire = world.LogIn();
  const std::string row = Row({std::string(1024 * 1024 - 6, 'x')});
  for (int i = 0; i < 4; ++i) wire.Receive(row);
  CHECK_FALSE(world.outcome.has_value());
  wire.Receive(Row({}));
  CHECK(world.failure() == "first: the server sent more than 4194304 bytes of rows");
}

TEST_CASE("AdminQuery says why no login was possible") {
  {
    Fixture world;
    world.connector.Refuse(0, "cannot connect to server 10.0.0.1:5432: refused");
    CHECK(world.failure() == "cannot connect to server 10.0.0.1:5432: refused");
  }
  {
    Fixture world;
    world.connector.Accept(0).Receive(
        FakeBackend::ErrorMessage("FATAL", "28P01", "password authentication failed"));
    CHECK(world.failure() ==
          "login of user \"app\" to database \"shop\" failed: the server says FATAL: password "
          "authentication failed (SQLSTATE 28P01)");
  }
  {
    Fixture world;
    world.connector.Accept(0).Hangup();
    CHECK(world.failure() == "the server closed the connection: the peer closed the connection");
  }
}

TEST_CASE("AdminQuery ends at its timeouts") {
  for (const bool connects : {false, true}) {
    Fixture world;
    if (connects) world.connector.Accept(0);
    world.loop.turns.Pass(seconds(5));
    CHECK(world.failure() ==
          "connect and login were not complete within connect_timeout = 5000 ms");
    CHECK(world.connector.attempts[0].wire.closed == connects);
  }
  Fixture world;
  FakeWire& wire = world.LogIn();
  world.loop.turns.Pass(seconds(29));
  wire.Receive(Message('Z', "I"));
  world.loop.turns.Pass(seconds(29));
  CHECK_FALSE(world.outcome.has_value());
  world.loop.turns.Pass(seconds(1));
  CHECK(world.failure() == "second: the server did not answer within 30 s");
}

TEST_CASE("AdminQuery that is destroyed gives up") {
  test::FakeEventLoop loop;
  test::FakeConnector connector;
  SeededRandom random{1};
  for (const bool connects : {false, true}) {
    {
      AdminQuery query({loop, connector, random}, FakeBackend::Target(), {});
      query.Start([](const Result<AdminAnswers>&) { CHECK(false); });
      if (connects) connector.Accept(1);
    }
    loop.turns.Pass(seconds(60));
  }
  CHECK(connector.attempts[0].listener == nullptr);
  CHECK(connector.attempts[1].wire.closed);
}

}  // namespace
}  // namespace pglynx::backend
