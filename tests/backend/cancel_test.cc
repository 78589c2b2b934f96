// Goal: a cancel request is sent once and ends once, whatever the server does. Method: one
// case for each end, over a stream that the test speaks through.
#include "pglynx/backend/cancel.h"

#include <optional>
#include <string>

#include "support/catch.h"
#include "support/fake_event_loop.h"
#include "support/fake_stream.h"

using pglynx::backend::CancelRequester;
using pglynx::backend::CancelSenders;
using pglynx::test::FakeConnector;
using pglynx::test::FakeEventLoop;
using pglynx::test::FakeWire;
using std::chrono::seconds;
using std::string_view_literals::operator""sv;

namespace {

struct Requester final : CancelRequester {
  void OnCancelDone() override { ++told; }
  int told = 0;
};

struct Fixture {
  ~Fixture() { loop.turns.EndTurn(); }
  void Start() {
    senders.Start({{"10.0.0.1", 5432}, 0x01020304U, "secr", seconds(5)}, requester,
                  [this] { ++done; });
  }

  FakeEventLoop loop;
  FakeConnector connector;
  Requester requester;
  int done = 0;
  CancelSenders senders{loop, connector};
};

}  // namespace

TEST_CASE("CancelSenders sends the sixteen bytes and ends when Postgres closes") {
  Fixture world;
  world.Start();
  CHECK(world.senders.size() == 1);
  CHECK(world.connector.attempts[0].address.ToString() == "10.0.0.1:5432");
  FakeWire& wire = world.connector.Accept(0);
  CHECK(wire.sent == "\0\0\0\x10\x04\xd2\x16\x2e\1\2\3\4secr"sv);
  wire.Receive("Postgres says nothing");
  CHECK(world.done == 0);
  wire.Hangup();
  CHECK(world.done == 1);
  CHECK(world.requester.told == 1);
  CHECK(world.senders.size() == 0);
  CHECK(wire.closed);
  world.loop.turns.Pass(seconds(60));
  CHECK(world.done == 1);
  CHECK(world.requester.told == 1);
}

TEST_CASE("CancelSenders ends where no connection can be made") {
  Fixture world;
  world.Start();
  CHECK(world.done == 0);
  world.connector.Refuse(0, "refused");
  CHECK(world.done == 1);
  CHECK(world.requester.told == 1);
  CHECK(world.senders.size() == 0);
}

TEST_CASE("CancelSenders ends at its timeout, connected or not") {
  for (const bool connects : {false, true}) {
    Fixture world;
    world.Start();
    if (connects) world.connector.Accept(0);
    world.loop.turns.Pass(seconds(5) - pglynx::Duration(1));
    CHECK(world.done == 0);
    world.loop.turns.Pass(pglynx::Duration(1));
    CHECK(world.done == 1);
    CHECK(world.requester.told == 1);
    CHECK(world.senders.size() == 0);
    CHECK(world.connector.attempts[0].listener == nullptr);
    CHECK(world.connector.attempts[0].wire.closed == connects);
  }
}

TEST_CASE("CancelSenders goes on for a requester that is gone") {
  Fixture world;
  {
    Requester gone;
    world.senders.Start({{"10.0.0.1", 5432}, 1, "secr", seconds(5)}, gone,
                        [&world] { ++world.done; });
    world.Start();
    world.senders.Forget(gone);
  }
  world.connector.Accept(0).Hangup();
  world.connector.Accept(1).Hangup();
  CHECK(world.done == 2);
  CHECK(world.requester.told == 1);
}

TEST_CASE("CancelSenders that is destroyed drops what is on its way") {
  Fixture world;
  {
    CancelSenders senders(world.loop, world.connector);
    senders.Start({{"10.0.0.1", 5432}, 1, "secr", seconds(5)}, world.requester,
                  [&world] { ++world.done; });
    world.connector.Accept(0);
  }
  CHECK(world.connector.attempts[0].wire.closed);
  world.loop.turns.Pass(seconds(60));
  CHECK(world.done == 0);
}
