// Goal: a peer that is gone is told from one that does not read.
// Method: a table of looks, ten seconds apart.

#include "net/ack_watch.h"

#include <vector>

#include "support/catch.h"

using pglynx::Duration;
using pglynx::net::AckWatch;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = AckWatch::Verdict;

namespace {

constexpr Duration kTimeout = seconds(10);

struct LookAt {
  bool unacknowledged;
  Duration since_ack;
  Verdict verdict;
};

void Check(const std::vector<LookAt>& looks) {
  AckWatch watch;
  for (size_t i = 0; i < looks.size(); ++i) {
    INFO("look " << i);
    CHECK(watch.Look(looks[i].unacknowledged, looks[i].since_ack, kTimeout) == looks[i].verdict);
  }
}

}  // namespace

TEST_CASE("a peer that acknowledges nothing between two looks is gone") {
  Check({{true, seconds(1), Verdict::kWait}, {true, seconds(11), Verdict::kGone}});
  // Quiet for an hour, then a write that nobody answers.
  Check({{true, seconds(3600), Verdict::kWait}, {true, seconds(3610), Verdict::kGone}});
  Check({{true, seconds(0), Verdict::kWait}, {true, seconds(10), Verdict::kGone}});
}

TEST_CASE("a peer that acknowledges is there, though it takes nothing") {
  Check({{true, milliseconds(1), Verdict::kWait},
         {true, milliseconds(400), Verdict::kWait},
         {true, milliseconds(9999), Verdict::kWait},
         {true, milliseconds(1), Verdict::kWait}});
}

TEST_CASE("what is acknowledged ends the suspicion") {
  Check({{true, seconds(1), Verdict::kWait},
         {false, seconds(60), Verdict::kQuiet},
         {true, seconds(60), Verdict::kWait},
         {true, seconds(70), Verdict::kGone}});
  Check({{false, seconds(60), Verdict::kQuiet}});
}
