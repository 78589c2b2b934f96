// Goal: a MemberTask calls its owner's member, once for each time it is posted, and not at
// all when its owner is gone. Method: the tests' own scheduler, whose turns it proves too.
#include "pglynx/core/scheduler.h"

#include <optional>
#include <string>

#include "support/catch.h"
#include "support/fake_scheduler.h"

using pglynx::Deletable;
using pglynx::Task;
using pglynx::test::FakeScheduler;

namespace {

struct Speaker {
  Speaker(std::string& out_in, char letter_in) : out(out_in), letter(letter_in) {}
  void Speak() { out += letter; }

  std::string& out;
  char letter;
  Task task = pglynx::MemberTask<&Speaker::Speak>(this);
};

// Posts itself until it has run `times`.
struct Repeater {
  explicit Repeater(FakeScheduler& loop_in) : loop(loop_in) {}
  void Run() {
    if (++runs < 3) loop.Post(task);
  }

  FakeScheduler& loop;
  int runs = 0;
  Task task = pglynx::MemberTask<&Repeater::Run>(this);
};

struct Doomed final : Deletable {
  explicit Doomed(std::string& out_in) : out(out_in) {}
  ~Doomed() override { out += '!'; }

  std::string& out;
};

}  // namespace

TEST_CASE("MemberTask calls the member function of its owner") {
  std::string out;
  Speaker speaker(out, 'a');
  speaker.task.Run();
  speaker.task.Run();
  CHECK(out == "aa");
}

TEST_CASE("Tasks run at the end of the turn, in the order in which they were posted") {
  FakeScheduler loop;
  std::string out;
  Speaker a(out, 'a');
  Speaker b(out, 'b');
  loop.Post(b.task);
  loop.Post(a.task);
  loop.Post(b.task);  // is posted already
  CHECK(out.empty());
  loop.EndTurn();
  CHECK(out == "ba");
  loop.EndTurn();
  CHECK(out == "ba");
}

TEST_CASE("A task may post itself again") {
  FakeScheduler loop;
  Repeater repeater(loop);
  loop.Post(repeater.task);
  loop.EndTurn();
  CHECK(repeater.runs == 3);
}

TEST_CASE("A task whose owner is gone does not run") {
  FakeScheduler loop;
  std::string out;
  std::optional<Speaker> speaker(std::in_place, out, 'a');
  loop.Post(speaker->task);
  speaker.reset();
  loop.EndTurn();
  CHECK(out.empty());
}

TEST_CASE("Deletions come behind the tasks of their turn") {
  FakeScheduler loop;
  std::string out;
  Speaker speaker(out, 'a');
  loop.DeferDelete(std::make_unique<Doomed>(out));
  loop.Post(speaker.task);
  CHECK(out.empty());
  loop.EndTurn();
  CHECK(out == "a!");
}
