// Goal: the rules of reply_tracker.h, one readable case each. The proof over all short
// sequences is in reply_tracker_model_test.cc.
#include "pglynx/wire/reply_tracker.h"

#include <vector>

#include "support/catch.h"

using pglynx::wire::ReplyTracker;
using pglynx::wire::Request;
using Verdict = ReplyTracker::Verdict;

namespace {

// Sends a request, or receives a reply of which this is to be said.
struct Step {
  bool sends;
  Request request = Request::kQuery;
  char type = '\0';
  char status = '\0';
  Verdict verdict = Verdict::kForward;
};
Step To(Request request) {
  return {.sends = true, .request = request};
}
Step From(char type, Verdict verdict = Verdict::kForward) {
  return {.sends = false, .type = type, .verdict = verdict};
}
Step Ready(char status = 'I', Verdict verdict = Verdict::kForward) {
  return {.sends = false, .type = 'Z', .status = status, .verdict = verdict};
}

enum class End : uint8_t {
  kIdle,      // may go back to the pool
  kQuiet,     // in a transaction, nothing owed
  kOwes,      // replies or a Sync are still to come
  kDoubtful,  // never to be trusted again
};

struct Case {
  const char* rule;
  std::vector<Step> steps;
  End end;
};

End EndOf(const ReplyTracker& tracker) {
  if (tracker.doubtful()) return End::kDoubtful;
  if (tracker.Idle()) return End::kIdle;
  return tracker.Quiet() ? End::kQuiet : End::kOwes;
}

void Play(ReplyTracker& tracker, const std::vector<Step>& steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(i);
    const Step& step = steps[i];
    if (step.sends) {
      tracker.Sent(step.request);
    } else {
      CHECK(tracker.Reply(step.type, step.status) == step.verdict);
    }
    CHECK_FALSE((tracker.Idle() && !tracker.Quiet()));
  }
}

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.rule);
    ReplyTracker tracker;
    CHECK(tracker.Idle());
    Play(tracker, c.steps);
    CHECK(static_cast<int>(EndOf(tracker)) == static_cast<int>(c.end));
  }
}

constexpr auto kSwallow = Verdict::kSwallow;

}  // namespace

TEST_CASE("ReplyTracker takes a simple query to be over at ReadyForQuery") {
  Check({
      {"sent", {To(Request::kQuery)}, End::kOwes},
      {"rows", {To(Request::kQuery), From('T'), From('D'), From('C')}, End::kOwes},
      {"done", {To(Request::kQuery), From('T'), From('D'), From('C'), Ready()}, End::kIdle},
      {"several", {To(Request::kQuery), From('C'), From('I'), From('C'), Ready()}, End::kIdle},
      {"failed", {To(Request::kQuery), From('E'), Ready()}, End::kIdle},
      {"transaction", {To(Request::kQuery), From('C'), Ready('T')}, End::kQuiet},
      {"failed in it", {To(Request::kQuery), From('E'), Ready('E')}, End::kQuiet},
      {"pipelined", {To(Request::kQuery), To(Request::kQuery), From('C'), Ready()}, End::kOwes},
      {"function", {To(Request::kFunctionCall), From('V'), Ready()}, End::kIdle},
      {"notice", {From('N'), From('S'), From('A')}, End::kIdle},
  });
}

TEST_CASE("ReplyTracker takes a batch to be over at the answer to its Sync") {
  const std::vector<Step> batch = {To(Request::kParse), To(Request::kBind), To(Request::kDescribe),
                                   To(Request::kExecute), To(Request::kClose)};
  std::vector<Step> answered = batch;
  for (const char type : {'1', '2', 'T', 'C', '3'}) answered.push_back(From(type));
  std::vector<Step> synced = answered;
  synced.push_back(To(Request::kSync));
  std::vector<Step> ready = synced;
  ready.push_back(Ready());
  Check({
      {"sent", batch, End::kOwes},
      {"answered, no Sync", answered, End::kOwes},
      {"Sync sent", synced, End::kOwes},
      {"Sync answered", ready, End::kIdle},
      {"Sync alone", {To(Request::kSync), Ready()}, End::kIdle},
      {"no data", {To(Request::kDescribe), To(Request::kSync), From('n'), Ready()}, End::kIdle},
      {"suspended", {To(Request::kExecute), To(Request::kSync), From('s'), Ready()}, End::kIdle},
      {"empty query", {To(Request::kExecute), To(Request::kSync), From('I'), Ready()}, End::kIdle},
      {"named",
       {To(Request::kNamedParse), To(Request::kNamedClose), To(Request::kSync), From('1'),
        From('3'), Ready()},
       End::kIdle},
  });
}

TEST_CASE("ReplyTracker skips to the Sync behind an error") {
  Check({
      {"Sync sent before",
       {To(Request::kParse), To(Request::kBind), To(Request::kExecute), To(Request::kSync),
        From('E'), Ready()},
       End::kIdle},
      {"Sync sent later",
       {To(Request::kParse), To(Request::kBind), From('E'), To(Request::kExecute),
        To(Request::kSync), Ready()},
       End::kIdle},
      {"no Sync yet", {To(Request::kParse), From('E')}, End::kOwes},
      {"a Query is skipped", {To(Request::kParse), From('E'), To(Request::kQuery)}, End::kOwes},
      {"the next batch is not struck",
       {To(Request::kParse), To(Request::kSync), To(Request::kParse), To(Request::kSync), From('E'),
        Ready(), From('1'), Ready()},
       End::kIdle},
      {"Sync itself fails", {To(Request::kSync), From('E'), Ready()}, End::kIdle},
  });
  ReplyTracker tracker;
  Play(tracker, {To(Request::kParse), From('E')});
  CHECK(tracker.skipping());
  CHECK(tracker.unsynced());
  Play(tracker, {To(Request::kSync)});
  CHECK_FALSE(tracker.skipping());
}

TEST_CASE("ReplyTracker lets the server ignore Sync while it reads a COPY") {
  Check({
      {"COPY begun", {To(Request::kQuery), From('G')}, End::kOwes},
      {"COPY done",
       {To(Request::kQuery), From('G'), To(Request::kCopyEnd), From('C'), Ready()},
       End::kIdle},
      {"COPY failed",
       {To(Request::kQuery), From('G'), To(Request::kCopyEnd), From('E'), Ready()},
       End::kIdle},
      {"libpq's Sync behind Execute",
       {To(Request::kBind), To(Request::kExecute), To(Request::kSync), From('2'), From('G'),
        To(Request::kCopyEnd), To(Request::kSync), From('C'), Ready()},
       End::kIdle},
      {"Sync in the COPY",
       {To(Request::kExecute), From('G'), To(Request::kSync), To(Request::kCopyEnd),
        To(Request::kSync), From('C'), Ready()},
       End::kIdle},
      {"end sent in advance",
       {To(Request::kQuery), To(Request::kCopyEnd), From('G'), From('C'), Ready()},
       End::kIdle},
      {"late end, no COPY", {To(Request::kCopyEnd)}, End::kIdle},
      {"late end behind a query",
       {To(Request::kQuery), To(Request::kCopyEnd), From('E'), Ready()},
       End::kIdle},
      {"COPY OUT",
       {To(Request::kQuery), From('H'), From('d'), From('c'), From('C'), Ready()},
       End::kIdle},
  });
}

TEST_CASE("ReplyTracker swallows the answers to requests of the pooler") {
  Check({
      {"query",
       {To(Request::kHiddenQuery), From('T', kSwallow), From('D', kSwallow), From('C', kSwallow),
        Ready('I', kSwallow)},
       End::kIdle},
      {"query before a client's",
       {To(Request::kHiddenQuery), To(Request::kQuery), From('C', kSwallow), Ready('I', kSwallow),
        From('C'), Ready()},
       End::kIdle},
      {"parse",
       {To(Request::kHiddenParse), To(Request::kBind), To(Request::kExecute), To(Request::kSync),
        From('1', kSwallow), From('2'), From('C'), Ready()},
       End::kIdle},
      {"unnamed parse",
       {To(Request::kHiddenUnnamedParse), To(Request::kSync), From('1', kSwallow), Ready()},
       End::kIdle},
      {"close",
       {To(Request::kHiddenClose), To(Request::kParse), To(Request::kSync), From('3', kSwallow),
        From('1'), Ready()},
       End::kIdle},
      {"a parse for its error alone",
       {To(Request::kParseAgain), To(Request::kHiddenClose), To(Request::kSync), From('1'),
        From('3', kSwallow), Ready()},
       End::kIdle},
      {"close in place of a parse",
       {To(Request::kParseAsClose), To(Request::kSync), From('3', Verdict::kAsParseComplete),
        Ready()},
       End::kIdle},
  });
}

TEST_CASE("ReplyTracker tells the failure of a request of the pooler") {
  Check({
      {"query", {To(Request::kHiddenQuery), From('E', Verdict::kHiddenFailed)}, End::kDoubtful},
      {"close",
       {To(Request::kHiddenClose), To(Request::kSync), From('E', Verdict::kHiddenFailed)},
       End::kDoubtful},
      {"a parse fails for the client",
       {To(Request::kHiddenParse), To(Request::kBind), To(Request::kSync), From('E'), Ready()},
       End::kIdle},
      {"restore, idle",
       {To(Request::kHiddenRestore), From('E', Verdict::kHiddenFailed)},
       End::kDoubtful},
      {"restore in a failed transaction",
       {To(Request::kQuery), From('E'), Ready('E'), To(Request::kHiddenRestore),
        From('E', kSwallow), Ready('E', kSwallow)},
       End::kQuiet},
      {"restore succeeds",
       {To(Request::kHiddenRestore), From('1', kSwallow), From('2', kSwallow), From('C', kSwallow),
        From('3', kSwallow), From('3', kSwallow), Ready('I', kSwallow)},
       End::kIdle},
  });
}

TEST_CASE("ReplyTracker has the error of a denied request replaced") {
  constexpr auto kReplace = Verdict::kReplaceError;
  Check({
      {"query", {To(Request::kDeniedQuery), From('E', kReplace), Ready('I')}, End::kIdle},
      {"query in a transaction",
       {To(Request::kQuery), From('C'), Ready('T'), To(Request::kDeniedQuery), From('E', kReplace),
        Ready('E')},
       End::kQuiet},
      {"parse",
       {To(Request::kDeniedParse), To(Request::kBind), To(Request::kSync), From('E', kReplace),
        Ready()},
       End::kIdle},
      {"behind a failure",
       {To(Request::kParse), To(Request::kDeniedParse), To(Request::kSync), From('E'), Ready()},
       End::kIdle},
  });
}

TEST_CASE("ReplyTracker doubts a server that answers what nobody asked") {
  constexpr auto kUnexpected = Verdict::kUnexpected;
  Check({
      {"ParseComplete", {From('1', kUnexpected)}, End::kDoubtful},
      {"BindComplete", {From('2', kUnexpected)}, End::kDoubtful},
      {"CloseComplete", {From('3', kUnexpected)}, End::kDoubtful},
      {"CopyInResponse", {From('G', kUnexpected)}, End::kDoubtful},
      {"ReadyForQuery", {Ready()}, End::kDoubtful},
      {"CommandComplete", {From('C')}, End::kDoubtful},
      {"EmptyQueryResponse", {From('I')}, End::kDoubtful},
      {"PortalSuspended", {From('s')}, End::kDoubtful},
      {"ErrorResponse", {From('E')}, End::kDoubtful},
      {"the wrong one", {To(Request::kBind), From('1', kUnexpected)}, End::kDoubtful},
      {"ReadyForQuery before its Sync", {To(Request::kParse), Ready()}, End::kDoubtful},
      {"COPY of a Bind", {To(Request::kBind), From('G', kUnexpected)}, End::kDoubtful},
      {"for ever",
       {From('1', kUnexpected), To(Request::kQuery), From('C'), Ready()},
       End::kDoubtful},
  });
}

TEST_CASE("ReplyTracker doubts what it cannot know of a COPY") {
  Check({
      {"a query inside", {To(Request::kQuery), From('G'), To(Request::kQuery)}, End::kDoubtful},
      {"a query sent ahead of it",
       {To(Request::kQuery), To(Request::kQuery), From('G')},
       End::kDoubtful},
      {"Sync ignored, then an error, with more sent behind",
       {To(Request::kExecute), To(Request::kSync), From('G'), To(Request::kCopyEnd),
        To(Request::kSync), To(Request::kQuery), From('E')},
       End::kDoubtful},
      {"messages behind the error, and the Sync was read",
       {To(Request::kExecute), To(Request::kSync), From('G'), From('E'), To(Request::kBind),
        Ready()},
       End::kDoubtful},
  });
}

// A COPY that fails may have swallowed the Sync that was sent ahead of its data, or not.
TEST_CASE("ReplyTracker finds out whether a failed COPY has swallowed a Sync") {
  const std::vector<Step> failed = {To(Request::kExecute), To(Request::kSync), From('G'),
                                    From('E')};
  const auto then = [&failed](const std::vector<Step>& more) {
    std::vector<Step> steps = failed;
    steps.insert(steps.end(), more.begin(), more.end());
    return steps;
  };
  const Step marker = To(Request::kHiddenMarker);
  const std::vector<Step> marked = {From('3', kSwallow), Ready('I', kSwallow)};
  Check({
      {"nothing more", failed, End::kOwes},
      {"it was read", then({Ready()}), End::kIdle},
      {"swallowed", then({To(Request::kSync), Ready(), marker, marked[0], marked[1]}), End::kIdle},
      {"read, and answered behind the second",
       then({To(Request::kSync), Ready(), Ready(), marker, marked[0], marked[1]}), End::kIdle},
      {"read, and answered behind the marker",
       then({To(Request::kSync), Ready(), marker, Ready(), marked[0], marked[1]}), End::kIdle},
      {"not known before the marker", then({To(Request::kSync), Ready()}), End::kOwes},
  });
}

TEST_CASE("ReplyTracker strikes out all that was sent, over several batches") {
  ReplyTracker tracker;
  Play(tracker, {To(Request::kQuery), Ready('T')});
  Play(tracker,
       {To(Request::kHiddenQuery), To(Request::kNamedParse), To(Request::kBind), To(Request::kSync),
        To(Request::kNamedParse), To(Request::kSync), To(Request::kQuery), To(Request::kParse)});
  const ReplyTracker::Struck struck = tracker.StrikeAll();
  CHECK(struck.statements == 2);
  CHECK(struck.first == 1);
  CHECK(struck.end == 9);
  CHECK(tracker.empty());
  CHECK_FALSE(tracker.Idle());  // that connection is not used again
}

TEST_CASE("ReplyTracker counts what an error has struck out, once") {
  ReplyTracker tracker;
  Play(tracker, {To(Request::kBind), To(Request::kNamedParse), To(Request::kHiddenParse),
                 To(Request::kHiddenUnnamedParse), To(Request::kParse), To(Request::kParseAsClose),
                 To(Request::kNamedClose), To(Request::kHiddenClose), To(Request::kClose),
                 To(Request::kParseAgain), To(Request::kSync), To(Request::kNamedParse),
                 To(Request::kSync), From('E')});
  const ReplyTracker::Struck struck = tracker.TakeStruck();
  CHECK(struck.statements == 4);
  CHECK(struck.server_parses == 2);
  CHECK(struck.first == 0);
  CHECK(struck.end == 10);
  CHECK(tracker.TakeStruck().statements == 0);
  CHECK(tracker.TakeStruck().server_parses == 0);
  Play(tracker, {Ready(), From('1'), Ready()});
  CHECK(tracker.Idle());
}

TEST_CASE("ReplyTracker counts the failed request itself, and not what was done before it") {
  struct Counted {
    Request request;
    uint32_t statements;
    uint32_t server_parses;
    Verdict verdict = Verdict::kForward;
  };
  const Counted cases[] = {
      {Request::kNamedParse, 1, 1},  {Request::kParse, 0, 0},
      {Request::kHiddenParse, 0, 1}, {Request::kHiddenUnnamedParse, 0, 0},
      {Request::kNamedClose, 1, 0},  {Request::kParseAsClose, 1, 0},
      {Request::kParseAgain, 1, 0},  {Request::kBind, 0, 0},
      {Request::kExecute, 0, 0},     {Request::kDeniedParse, 0, 0, Verdict::kReplaceError},
  };
  for (const Counted& c : cases) {
    CAPTURE(static_cast<int>(c.request));
    ReplyTracker tracker;
    Play(tracker, {To(Request::kNamedParse), To(c.request), To(Request::kSync), From('1')});
    CHECK(tracker.Reply('E') == c.verdict);
    const ReplyTracker::Struck struck = tracker.TakeStruck();
    CHECK(struck.statements == c.statements);
    CHECK(struck.server_parses == c.server_parses);
    CHECK(struck.first == 1);
    CHECK(struck.end == 2);
  }
}

TEST_CASE("ReplyTracker numbers requests in the order sent, whatever becomes of them") {
  ReplyTracker tracker;
  CHECK(tracker.next_number() == 0);
  Play(tracker,
       {To(Request::kBind), To(Request::kExecute), To(Request::kSync), To(Request::kQuery)});
  CHECK(tracker.answered() == 0);
  CHECK(tracker.next_number() == 4);
  Play(tracker, {From('2'), From('G')});  // the Sync is in the COPY now
  CHECK(tracker.answered() == 1);
  CHECK(tracker.next_number() == 4);

  ReplyTracker copy;
  Play(copy, {To(Request::kExecute), To(Request::kSync), From('G'), To(Request::kCopyEnd),
              To(Request::kSync), To(Request::kQuery)});
  const uint64_t next = copy.next_number();
  Play(copy, {From('C'), Ready(), From('C'), Ready()});
  CHECK(copy.answered() == next);
  CHECK(copy.Idle());
}

TEST_CASE("ReplyTracker knows what an error before it would make the server skip") {
  ReplyTracker tracker;
  CHECK_FALSE(tracker.skippable());
  Play(tracker, {To(Request::kQuery)});
  CHECK_FALSE(tracker.skippable());
  Play(tracker, {To(Request::kParse)});
  CHECK(tracker.skippable());
  Play(tracker, {To(Request::kQuery)});  // skipped too, and does not end the skipping
  CHECK(tracker.skippable());
  Play(tracker, {To(Request::kSync)});
  CHECK_FALSE(tracker.skippable());

  ReplyTracker answered;
  Play(answered, {To(Request::kParse), To(Request::kQuery), From('1'), From('C'), Ready()});
  CHECK_FALSE(answered.skippable());
}

TEST_CASE("ReplyTracker strikes nothing out for the error of a simple query") {
  ReplyTracker tracker;
  Play(tracker, {To(Request::kQuery), To(Request::kNamedParse), To(Request::kSync), From('E'),
                 Ready(), From('1'), Ready()});
  CHECK(tracker.TakeStruck().statements == 0);
  CHECK(tracker.Idle());
}

TEST_CASE("ReplyTracker knows whose rows pass") {
  ReplyTracker tracker;
  CHECK_FALSE(tracker.HeadIsHidden());
  Play(tracker, {To(Request::kQuery), To(Request::kHiddenQuery), To(Request::kHiddenRestore)});
  CHECK_FALSE(tracker.HeadIsHidden());
  Play(tracker, {From('C'), Ready()});
  CHECK(tracker.HeadIsHidden());
  Play(tracker, {Ready('I', kSwallow)});
  CHECK(tracker.HeadIsHidden());
  CHECK(tracker.head() == Request::kHiddenRestore);
}

TEST_CASE("ReplyTracker is not idle any more once it is told to doubt") {
  ReplyTracker tracker;
  tracker.Doubt();
  CHECK_FALSE(tracker.Idle());
  CHECK_FALSE(tracker.Quiet());
  Play(tracker, {To(Request::kQuery), From('C'), Ready()});
  CHECK_FALSE(tracker.Idle());
}

TEST_CASE("ReplyTracker follows a pipeline that never runs empty") {
  ReplyTracker tracker;
  tracker.Sent(Request::kSync);
  for (size_t i = 0; i < 3 * ReplyTracker::kOutstandingMax; ++i) {
    tracker.Sent(i % 2 == 0 ? Request::kQuery : Request::kSync);
    REQUIRE(tracker.outstanding() == 2);
    REQUIRE(tracker.head() == (i % 2 == 0 ? Request::kSync : Request::kQuery));
    REQUIRE(tracker.Reply('Z', 'I') == Verdict::kForward);
  }
  CHECK(tracker.Reply('Z', 'I') == Verdict::kForward);
  CHECK(tracker.Idle());
}
