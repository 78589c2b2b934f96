// Goal: the loop keeps the contracts of ARCHITECTURE.md section 6: timers in order, tasks and
// then deletions at the end of the turn, work off the loop. Method: a real loop that is run
// until a condition holds.
#include "pglynx/net/uv_event_loop.h"

#include <atomic>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "support/catch.h"
#include "support/loopback.h"

using pglynx::Deletable;
using pglynx::Duration;
using pglynx::TimePoint;
using pglynx::test::Loopback;
using std::chrono::milliseconds;

namespace {

// Appends its letter when it is called, as a timer or as a task.
struct Noter {
  Noter(Loopback& world_in, std::string& out_in, char letter_in)
      : world(world_in), out(out_in), letter(letter_in) {}
  void Note() {
    out += letter;
    called_at = world.loop.Now();
    if (also) also();
    world.loop.Stop();
  }

  Loopback& world;
  std::string& out;
  char letter;
  TimePoint called_at{};
  std::function<void()> also;
  pglynx::Timer timer = pglynx::MemberTimer<&Noter::Note>(this);
  pglynx::Task task = pglynx::MemberTask<&Noter::Note>(this);
};

struct Doomed final : Deletable {
  explicit Doomed(std::string& out_in) : out(out_in) {}
  ~Doomed() override { out += '!'; }
  std::string& out;
};

}  // namespace

TEST_CASE("UvEventLoop fires timers in order, none before its time") {
  Loopback world;
  std::string out;
  Noter c(world, out, 'c');
  Noter a(world, out, 'a');
  Noter b(world, out, 'b');
  Noter never(world, out, 'n');
  const TimePoint start = world.loop.Now();
  world.loop.Arm(never.timer, start + milliseconds(1));
  world.loop.Arm(c.timer, start + milliseconds(5));
  world.loop.Arm(a.timer, start + Duration(1500));
  world.loop.Arm(b.timer, start + Duration(1500));
  world.loop.Arm(never.timer, pglynx::kNever);
  REQUIRE(world.RunUntil([&] { return out.size() >= 3; }));
  CHECK(out == "abc");
  CHECK(a.called_at >= start + Duration(1500));
  CHECK(c.called_at >= start + milliseconds(5));
}

TEST_CASE("UvEventLoop fires a timer that is armed for the past, and one armed inside another") {
  Loopback world;
  std::string out;
  Noter first(world, out, '1');
  Noter second(world, out, '2');
  first.also = [&] { world.loop.Arm(second.timer, world.loop.Now() + milliseconds(1)); };
  world.loop.Arm(first.timer, world.loop.Now() - milliseconds(100));
  REQUIRE(world.RunUntil([&] { return out.size() >= 2; }));
  CHECK(out == "12");
}

TEST_CASE("UvEventLoop fires the rest where the timer it waits for is gone") {
  Loopback world;
  std::string out;
  std::optional<Noter> gone(std::in_place, world, out, 'g');
  Noter kept(world, out, 'k');
  world.loop.Arm(gone->timer, world.loop.Now() + milliseconds(1));
  world.loop.Arm(kept.timer, world.loop.Now() + milliseconds(3));
  gone.reset();
  REQUIRE(world.RunUntil([&] { return !out.empty(); }));
  CHECK(out == "k");
}

TEST_CASE("UvEventLoop runs tasks and then deletions at the end of the turn") {
  Loopback world;
  std::string out;
  Noter timer(world, out, 't');
  Noter task(world, out, 'p');
  Noter late(world, out, 'l');
  timer.also = [&] {
    world.loop.DeferDelete(std::make_unique<Doomed>(out));
    world.loop.Post(task.task);
    world.loop.Post(task.task);  // is posted already
    out += '.';
  };
  task.also = [&] {
    if (out.size() < 4) world.loop.Post(late.task);
  };
  world.loop.Arm(timer.timer, world.loop.Now());
  REQUIRE(world.RunUntil([&] { return out.size() >= 5; }));
  CHECK(out == "t.pl!");
}

TEST_CASE("UvEventLoop ends a turn outside of Run on demand") {
  Loopback world;
  std::string out;
  Noter task(world, out, 'p');
  Noter gone(world, out, 'g');
  world.loop.Post(gone.task);
  world.loop.Post(task.task);
  gone.task.Unlink();
  world.loop.DeferDelete(std::make_unique<Doomed>(out));
  CHECK(out.empty());
  world.loop.FinishTurn();
  CHECK(out == "p!");
}

TEST_CASE("UvEventLoop deletes what is due when it is destroyed") {
  std::string out;
  {
    Loopback world;
    world.loop.DeferDelete(std::make_unique<Doomed>(out));
  }
  CHECK(out == "!");
}

TEST_CASE("UvEventLoop's time stands still within a turn and moves on between turns") {
  Loopback world;
  std::string out;
  Noter noter(world, out, 'x');
  const TimePoint start = world.loop.Now();
  bool same = false;
  noter.also = [&] {
    const TimePoint now = world.loop.Now();
    // Until the system's clock has certainly moved.
    const int64_t wall = world.loop.WallClockMicros();
    while (world.loop.WallClockMicros() < wall + 10) {
    }
    same = world.loop.Now() == now;
  };
  world.loop.Arm(noter.timer, start + milliseconds(1));
  REQUIRE(world.RunUntil([&] { return !out.empty(); }));
  CHECK(same);
  CHECK(noter.called_at > start);
}

TEST_CASE("UvEventLoop does work on another thread and tells its end on the loop") {
  Loopback world;
  std::thread::id worker;
  std::thread::id teller;
  const auto handle = world.loop.Offload([&] { worker = std::this_thread::get_id(); },
                                         [&] {
                                           teller = std::this_thread::get_id();
                                           world.loop.Stop();
                                         });
  REQUIRE(world.RunUntil([&] { return teller != std::thread::id(); }));
  CHECK(teller == std::this_thread::get_id());
  CHECK(worker != std::thread::id());
  CHECK(worker != teller);
}

TEST_CASE("UvEventLoop lets the end of work destroy its own handle") {
  Loopback world;
  std::unique_ptr<pglynx::net::OffloadedWork> handle;
  bool done = false;
  handle = world.loop.Offload([] {},
                              [&] {
                                handle.reset();
                                done = true;
                                world.loop.Stop();
                              });
  REQUIRE(world.RunUntil([&] { return done; }));
  CHECK(handle == nullptr);
}

TEST_CASE("UvEventLoop forgets work whose handle is gone, but lets it end") {
  std::atomic<bool> worked = false;
  bool told = false;
  {
    Loopback world;
    world.loop.Offload([&] { worked = true; }, [&] { told = true; }).reset();
  }
  CHECK(worked);
  CHECK_FALSE(told);
}

TEST_CASE("UvEventLoop calls a signal's handler on the loop") {
  Loopback world;
  int signals = 0;
  world.loop.OnSignal(SIGUSR1, [&] {
    ++signals;
    world.loop.Stop();
  });
  REQUIRE(std::raise(SIGUSR1) == 0);
  REQUIRE(world.RunUntil([&] { return signals == 1; }));
  REQUIRE(std::raise(SIGUSR1) == 0);
  CHECK(world.RunUntil([&] { return signals == 2; }));
}

TEST_CASE("Listen tells which port the system chose") {
  Loopback world;
  const auto listener = world.Listen();
  CHECK(listener->address().host == "127.0.0.1");
  CHECK(listener->address().port != 0);
}

TEST_CASE("Listen says where it failed and why") {
  Loopback world;
  const auto first = world.Listen();
  const auto second = world.loop.Listen(first->address(), world);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == pglynx::ErrorCode::kIo);
  CHECK(second.error().detail ==
        "cannot listen on " + first->address().ToString() + ": Address already in use");
  const auto foreign = world.loop.Listen({"192.0.2.1", 0}, world);  // RFC 5737: nobody's
  REQUIRE_FALSE(foreign.has_value());
  CHECK(foreign.error().detail == "cannot listen on 192.0.2.1:0: Cannot assign requested address");
}

TEST_CASE("Connect says where it failed and why") {
  Loopback world;
  pglynx::net::Address nobody = world.Listen()->address();  // closed again
  const auto pending = world.loop.Connect(nobody, world);
  CHECK(world.failures.empty());  // never from inside the call
  REQUIRE(world.RunUntil([&] { return !world.failures.empty(); }));
  CHECK(world.failures[0].code == pglynx::ErrorCode::kServerUnreachable);
  CHECK(world.failures[0].detail ==
        "cannot connect to server " + nobody.ToString() + ": Connection refused");
  CHECK(world.connected.empty());
}

TEST_CASE("Connect says what is wrong with a socket's directory or a name") {
  struct Case {
    pglynx::net::Address address;
    std::string cause;
  };
  const Case cases[] = {
      {{"/no/such/directory", 5432}, "No such file or directory"},
      {{'/' + std::string(200, 'd'), 5432}, "the path of the socket is too long"},
      {{std::string(300, 'n'), 5432}, ""},  // longer than a name may be
  };
  for (const Case& c : cases) {
    Loopback world;
    const auto pending = world.loop.Connect(c.address, world);
    CHECK(world.failures.empty());
    REQUIRE(world.RunUntil([&] { return !world.failures.empty(); }));
    const std::string expected = "cannot connect to server " + c.address.ToString() + ": ";
    CHECK(world.failures[0].detail.substr(0, expected.size()) == expected);
    CHECK(world.failures[0].detail.ends_with(c.cause));
    CHECK(world.failures.size() == 1);
  }
}

TEST_CASE("Connect resolves names") {
  Loopback world;
  const auto listener = world.Listen();
  const auto pending = world.loop.Connect({"localhost", listener->address().port}, world);
  REQUIRE(world.RunUntil([&] { return !world.connected.empty() || !world.failures.empty(); }));
  REQUIRE(world.failures.empty());
  const pglynx::net::Stream& stream = *world.connected[0]->stream;
  CHECK(stream.peer().host == "localhost");
  CHECK(stream.RemoteAddress() == listener->address());
}

TEST_CASE("A connect that is given up calls nobody") {
  Loopback world;
  const auto listener = world.Listen();
  world.loop.Connect(listener->address(), world).reset();
  world.loop.Connect({"localhost", listener->address().port}, world).reset();
  world.loop.Connect({"/no/such/directory", 1}, world).reset();
  const auto kept = world.loop.Connect(listener->address(), world);
  REQUIRE(world.RunUntil([&] { return !world.connected.empty(); }));
  CHECK(world.connected.size() == 1);
  CHECK(world.failures.empty());
}
