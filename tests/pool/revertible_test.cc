// Goal: a Revertible always shows what the server's value will be once everything sent has been
// answered, or says that it cannot be told. Method: every short sequence of requests, batches
// and failures is played against a server that executes one request at a time, with the
// answers arriving at every possible moment.
#include "pglynx/pool/revertible.h"

#include <cstdint>
#include <vector>

#include "support/catch.h"

using pglynx::pool::Reach;
using pglynx::pool::Revertible;

namespace {

struct Value {
  int number = 0;
};

// What a client sends: three bits each say what the request is.
enum class Kind : uint8_t { kChange, kOther, kFailingChange, kFailingOther, kSync, kCount };

// The requests of one client, what the server makes of them, and the Revertible that is told.
class Play {
 public:
  void Send(Kind kind) {
    const uint64_t number = sent_.size();
    if (kind == Kind::kChange || kind == Kind::kFailingChange) {
      const Reach reach = in_batch_ ? Reach::kMayBeSkipped : Reach::kCertain;
      value_.Change(number, batch_, reach).number = static_cast<int>(number) + 1;
    }
    sent_.push_back(kind);
    in_batch_ = kind != Kind::kSync;
    if (kind == Kind::kSync) ++batch_;
  }

  // The server answers the oldest request. An error is told together with what it skips, as far
  // as that was sent.
  bool Answer() {
    if (answered_ == sent_.size()) return false;
    const uint64_t number = answered_;
    const Kind kind = sent_[number];
    ++answered_;
    if (kind == Kind::kChange) truth_ = static_cast<int>(number) + 1;
    if (kind == Kind::kFailingChange) truth_ = 0;
    if (kind == Kind::kFailingChange || kind == Kind::kFailingOther) {
      while (answered_ < sent_.size() && sent_[answered_] != Kind::kSync) ++answered_;
      skipping_ = answered_ == sent_.size();
      value_.Strike(number, answered_);
    }
    value_.Settle(answered_);
    return true;
  }

  [[nodiscard]] bool skipping() const { return skipping_; }
  void EndSkipping() { skipping_ = false; }
  [[nodiscard]] const Revertible<Value>& value() const { return value_; }
  [[nodiscard]] int truth() const { return truth_; }
  [[nodiscard]] uint64_t batch() const { return batch_; }

 private:
  Revertible<Value> value_;
  std::vector<Kind> sent_;
  uint64_t answered_ = 0;
  uint64_t batch_ = 0;
  int truth_ = 0;
  bool in_batch_ = false;
  bool skipping_ = false;
};

constexpr int kLength = 5;

// Plays the sequence with `answers[i]` answers behind the i-th request.
void Run(const std::vector<Kind>& kinds, uint32_t answers) {
  Play play;
  for (size_t i = 0; i < kinds.size(); ++i, answers /= 3) {
    // What the server skips is not told: the relay drops it (ReplyTracker::skipping).
    if (play.skipping() && kinds[i] != Kind::kSync) continue;
    play.EndSkipping();
    play.Send(kinds[i]);
    for (uint32_t left = answers % 3; left > 0; --left) play.Answer();
  }
  const bool told = !play.value().Uncertain(play.batch());
  const int shown = play.value().now().number;
  Play rest = play;
  while (rest.Answer()) {
  }
  REQUIRE(rest.value().now().number == rest.truth());
  REQUIRE(rest.value().size() == 1);
  // Between batches: what is not uncertain is the truth, unless the change itself fails.
  if (told && !kinds.empty() && kinds.back() == Kind::kSync && rest.truth() != 0) {
    REQUIRE(shown == rest.truth());
  }
}

}  // namespace

TEST_CASE("a Revertible ends as the server does, for every short sequence") {
  constexpr auto kKinds = static_cast<uint32_t>(Kind::kCount);
  uint32_t sequences = 1;
  uint32_t schedules = 1;
  for (int i = 0; i < kLength; ++i) {
    sequences *= kKinds;
    schedules *= 3;
  }
  for (uint32_t sequence = 0; sequence < sequences; ++sequence) {
    std::vector<Kind> kinds;
    for (uint32_t rest = sequence, i = 0; i < kLength; ++i, rest /= kKinds) {
      kinds.push_back(static_cast<Kind>(rest % kKinds));
    }
    for (uint32_t answers = 0; answers < schedules; ++answers) {
      CAPTURE(sequence, answers);
      Run(kinds, answers);
    }
  }
}

TEST_CASE("a Revertible keeps one value for a client that changes it once a batch") {
  Revertible<Value> value;
  for (uint64_t request = 0; request < 100; request += 2) {
    value.Change(request, request / 2, Reach::kCertain).number = static_cast<int>(request);
    CHECK(value.size() == 1);
  }
  CHECK(value.now().number == 98);
}

TEST_CASE("a Revertible is uncertain about a change that an earlier batch may have skipped") {
  Revertible<Value> value;
  value.Change(5, 0, Reach::kMayBeSkipped).number = 7;
  CHECK_FALSE(value.Uncertain(0));  // what is sent in the same batch is skipped with it
  CHECK(value.Uncertain(1));
  value.Settle(6);
  CHECK_FALSE(value.Uncertain(1));
  CHECK(value.now().number == 7);
}

TEST_CASE("a Revertible forgets the numbers of one server before it meets another") {
  Revertible<Value> value;
  value.Change(5, 0, Reach::kCertain).number = 7;
  value.Settle(8);
  value.Strike(5, 9);  // request 5 of another server
  CHECK(value.now().number == 7);
}
