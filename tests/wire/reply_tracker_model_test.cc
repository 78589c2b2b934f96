// Goal: what ReplyTracker believes about a server is what a server does. Method: a small
// model of a Postgres session, written from "Message Flow" in the manual without a look at
// the tracker, executes every short sequence of requests with every outcome, and its replies
// arrive at every possible moment between the later requests. The tracker must give each
// reply to the right one, and be Idle exactly when the model is.
#include <array>
#include <vector>

#include "pglynx/wire/reply_tracker.h"
#include "support/catch.h"

using pglynx::wire::ReplyTracker;
using pglynx::wire::Request;
using Verdict = ReplyTracker::Verdict;

namespace {

enum class Outcome : uint8_t {
  kOk,
  kFail,
  kBegin,          // opens a transaction block
  kCommit,         // ends it
  kCopyIn,         // one COPY FROM STDIN
  kCopyInTwice,    // two of them in one Query
  kCopyInRefused,  // a COPY that fails between its CopyInResponse and its first read
};

enum class Told : uint8_t { kYes, kNo };

struct Letter {
  const char* name;
  Request request;
  Outcome outcome = Outcome::kOk;
  Told told = Told::kYes;  // CopyData and Flush are not told to the tracker
};

constexpr Letter kQueryOk{"Query", Request::kQuery};
constexpr Letter kQueryFails{"Query!", Request::kQuery, Outcome::kFail};
constexpr Letter kBegin{"BEGIN", Request::kQuery, Outcome::kBegin};
constexpr Letter kCommit{"COMMIT", Request::kQuery, Outcome::kCommit};
constexpr Letter kQueryCopy{"COPY", Request::kQuery, Outcome::kCopyIn};
constexpr Letter kQueryCopyTwice{"COPY;COPY", Request::kQuery, Outcome::kCopyInTwice};
constexpr Letter kQueryCopyRefused{"COPY-refused", Request::kQuery, Outcome::kCopyInRefused};
constexpr Letter kCall{"FunctionCall", Request::kFunctionCall};
constexpr Letter kCallFails{"FunctionCall!", Request::kFunctionCall, Outcome::kFail};
constexpr Letter kSync{"Sync", Request::kSync};
constexpr Letter kSyncFails{"Sync!", Request::kSync, Outcome::kFail};
constexpr Letter kParse{"Parse", Request::kParse};
constexpr Letter kParseFails{"Parse!", Request::kParse, Outcome::kFail};
constexpr Letter kNamedParse{"NamedParse", Request::kNamedParse};
constexpr Letter kNamedParseFails{"NamedParse!", Request::kNamedParse, Outcome::kFail};
constexpr Letter kBind{"Bind", Request::kBind};
constexpr Letter kBindFails{"Bind!", Request::kBind, Outcome::kFail};
constexpr Letter kDescribe{"Describe", Request::kDescribe};
constexpr Letter kExecute{"Execute", Request::kExecute};
constexpr Letter kExecuteFails{"Execute!", Request::kExecute, Outcome::kFail};
constexpr Letter kExecuteCopy{"ExecuteCOPY", Request::kExecute, Outcome::kCopyIn};
constexpr Letter kExecuteCopyRefused{"ExecuteCOPY-refused", Request::kExecute,
                                     Outcome::kCopyInRefused};
constexpr Letter kClose{"Close", Request::kClose};
constexpr Letter kNamedClose{"NamedClose", Request::kNamedClose};
constexpr Letter kCopyDone{"CopyDone", Request::kCopyEnd};
constexpr Letter kCopyFail{"CopyFail", Request::kCopyEnd, Outcome::kFail};
constexpr Letter kHiddenQuery{"HiddenQuery", Request::kHiddenQuery};
constexpr Letter kHiddenQueryFails{"HiddenQuery!", Request::kHiddenQuery, Outcome::kFail};
constexpr Letter kHiddenParse{"HiddenParse", Request::kHiddenParse};
constexpr Letter kHiddenParseFails{"HiddenParse!", Request::kHiddenParse, Outcome::kFail};
constexpr Letter kHiddenUnnamed{"HiddenUnnamedParse", Request::kHiddenUnnamedParse};
constexpr Letter kHiddenUnnamedFails{"HiddenUnnamedParse!", Request::kHiddenUnnamedParse,
                                     Outcome::kFail};
constexpr Letter kHiddenClose{"HiddenClose", Request::kHiddenClose};
constexpr Letter kDeniedQuery{"DeniedQuery", Request::kDeniedQuery, Outcome::kFail};
constexpr Letter kDeniedParse{"DeniedParse", Request::kDeniedParse, Outcome::kFail};
constexpr Letter kParseAsClose{"ParseAsClose", Request::kParseAsClose};
// The request of these two is not read.
constexpr Letter kData{"CopyData", Request::kCopyEnd, Outcome::kOk, Told::kNo};
constexpr Letter kBadData{"CopyData!", Request::kCopyEnd, Outcome::kFail, Told::kNo};

struct Answer {
  char type = '\0';
  char status = '\0';
  Verdict verdict = Verdict::kForward;
  bool ends_copy = false;  // the error of a COPY that had begun
};

// One backend, as PostgresMain and CopyGetData behave. Executes at once; the answers wait in
// a pipe.
class ModelServer {
 public:
  void Execute(const Letter& letter) {
    NoteCopy(letter);
    if (dead_) return;
    if (copies_left_ > 0) {
      ExecuteInCopy(letter);
    } else if (letter.told == Told::kNo || letter.request == Request::kCopyEnd) {
      return;  // late ends of a COPY are accepted and ignored
    } else if (letter.request == Request::kSync) {
      skipping_ = unsynced_ = false;
      if (letter.outcome == Outcome::kFail) Fail(Verdict::kForward, false);
      Ready(Verdict::kForward);
    } else if (!skipping_) {
      IsSimple(letter.request) ? ExecuteSimple(letter) : ExecuteExtended(letter);
    }
  }

  [[nodiscard]] bool HasAnswer() const { return next_ < pipe_.size(); }
  Answer TakeAnswer() {
    const Answer answer = pipe_[next_++];
    if (answer.ends_copy && sync_in_copy_) ambiguous_ = true;
    if (answer.ends_copy && copies_sent_ == 1) open_copies_ = 0;  // the client knows now
    return answer;
  }

  [[nodiscard]] bool Idle() const {
    return !HasAnswer() && !dead_ && copies_left_ == 0 && !skipping_ && !unsynced_ &&
           status_ == 'I';
  }
  // A Sync was sent into a COPY that failed: whether the server read it inside of the COPY
  // cannot be told from outside. Or another request was: a breach of the protocol. To be
  // safe is enough here.
  [[nodiscard]] bool ambiguous() const { return ambiguous_; }
  // The server has ended the connection.
  [[nodiscard]] bool dead() const { return dead_; }

 private:
  static bool IsSimple(Request request) {
    return request == Request::kQuery || request == Request::kFunctionCall ||
           request == Request::kHiddenQuery || request == Request::kDeniedQuery;
  }

  void Send(char type, Verdict verdict) { pipe_.push_back({type, status_, verdict, false}); }
  void Ready(Verdict verdict) { Send('Z', verdict); }
  void Fail(Verdict verdict, bool ends_copy) {
    pipe_.push_back({'E', status_, verdict, ends_copy});
    if (status_ == 'T') status_ = 'E';
  }

  // What goes into a COPY before its end, CopyData aside.
  void NoteCopy(const Letter& letter) {
    if (letter.told == Told::kNo) return;
    if (letter.request == Request::kCopyEnd) {
      if (open_copies_ > 0) --open_copies_;
      return;
    }
    if (open_copies_ > 0 && letter.request == Request::kSync) sync_in_copy_ = true;
    if (open_copies_ > 0 && letter.request != Request::kSync) ambiguous_ = true;
    if (letter.outcome < Outcome::kCopyIn) return;
    open_copies_ += letter.outcome == Outcome::kCopyInTwice ? 2 : 1;
    ++copies_sent_;
  }

  void ExecuteSimple(const Letter& letter) {
    const bool hidden = letter.request == Request::kHiddenQuery;
    const Verdict mine = hidden ? Verdict::kSwallow : Verdict::kForward;
    unsynced_ = false;
    if (letter.outcome == Outcome::kFail ||
        (status_ == 'E' && letter.outcome != Outcome::kCommit)) {
      const bool denied = letter.request == Request::kDeniedQuery;
      Fail(hidden ? Verdict::kHiddenFailed : denied ? Verdict::kReplaceError : mine, false);
      Ready(mine);
      return;
    }
    if (letter.outcome >= Outcome::kCopyIn) {
      BeginCopy(letter, false);
      return;
    }
    if (letter.outcome == Outcome::kBegin) status_ = 'T';
    if (letter.outcome == Outcome::kCommit) status_ = 'I';
    Send(letter.request == Request::kFunctionCall ? 'V' : 'C', mine);
    Ready(mine);
  }

  void ExecuteExtended(const Letter& letter) {
    unsynced_ = true;
    if (letter.outcome == Outcome::kFail) {
      skipping_ = true;
      Fail(letter.request == Request::kDeniedParse ? Verdict::kReplaceError : Verdict::kForward,
           false);
      return;
    }
    switch (letter.request) {
      case Request::kParse:
      case Request::kNamedParse:
        return Send('1', Verdict::kForward);
      case Request::kHiddenParse:
      case Request::kHiddenUnnamedParse:
        return Send('1', Verdict::kSwallow);
      case Request::kBind:
        return Send('2', Verdict::kForward);
      case Request::kDescribe:
        return Send('n', Verdict::kForward);
      case Request::kClose:
      case Request::kNamedClose:
        return Send('3', Verdict::kForward);
      case Request::kHiddenClose:
        return Send('3', Verdict::kSwallow);
      case Request::kParseAsClose:
        return Send('3', Verdict::kAsParseComplete);
      default:
        break;
    }
    if (letter.outcome == Outcome::kOk) return Send('C', Verdict::kForward);
    BeginCopy(letter, true);
  }

  void BeginCopy(const Letter& letter, bool extended) {
    copies_left_ = letter.outcome == Outcome::kCopyInTwice ? 2 : 1;
    copy_is_extended_ = extended;
    Send('G', Verdict::kForward);
    if (letter.outcome == Outcome::kCopyInRefused) FailCopy();
  }

  void FailCopy() {
    copies_left_ = 0;
    Fail(Verdict::kForward, true);
    skipping_ = copy_is_extended_;
    if (!copy_is_extended_) Ready(Verdict::kForward);
  }

  // "COPY Operations": Sync and Flush are ignored, anything but data and an end is an error.
  void ExecuteInCopy(const Letter& letter) {
    if (letter.request == Request::kSync) return;
    if (letter.request != Request::kCopyEnd) {
      // The message's body was not read: Postgres gives the connection up.
      dead_ = true;
      Fail(Verdict::kForward, true);
      return;
    }
    if (letter.outcome == Outcome::kFail) {
      FailCopy();
    } else if (letter.told == Told::kYes) {
      Send('C', Verdict::kForward);
      if (--copies_left_ > 0) {
        Send('G', Verdict::kForward);
      } else if (!copy_is_extended_) {
        Ready(Verdict::kForward);
      }
    }
  }

  std::vector<Answer> pipe_;
  size_t next_ = 0;
  int copies_left_ = 0;
  char status_ = 'I';
  bool copy_is_extended_ = false;
  bool skipping_ = false;
  bool unsynced_ = false;
  bool dead_ = false;
  int open_copies_ = 0;  // sent, and their ends not
  int copies_sent_ = 0;
  bool sync_in_copy_ = false;
  bool ambiguous_ = false;
};

enum class Demand : uint8_t {
  kExact,  // outside of ambiguous COPYs, which are left alone
  kSafe,   // everywhere: what the tracker calls idle is idle
};

// Walks the tree of everything that can happen: one more request, or one more answer.
class Explorer {
 public:
  Explorer(std::vector<Letter> alphabet, Demand demand)
      : alphabet_(std::move(alphabet)), demand_(demand) {}

  // Returns the history of the first mistake, empty where there is none.
  std::string Run(size_t requests) {
    Walk(ModelServer(), ReplyTracker(), requests);
    return mistake_;
  }
  [[nodiscard]] uint64_t states() const { return states_; }

 private:
  void Walk(const ModelServer& server, const ReplyTracker& tracker, size_t requests_left) {
    ++states_;
    if (server.HasAnswer()) Deliver(server, tracker, requests_left);
    if (requests_left == 0) return;
    for (const Letter& letter : alphabet_) {
      if (!mistake_.empty()) return;
      ModelServer next_server = server;
      ReplyTracker next_tracker = tracker;
      next_server.Execute(letter);
      if (letter.told == Told::kYes) next_tracker.Sent(letter.request);
      Step(letter.name, next_server, next_tracker, requests_left - 1);
    }
  }

  void Deliver(ModelServer server, ReplyTracker tracker, size_t requests_left) {
    const Answer answer = server.TakeAnswer();
    const Verdict verdict = tracker.Reply(answer.type, answer.status);
    history_.push_back(std::string("<") + answer.type);
    if (!tracker.doubtful() && !server.ambiguous() && verdict != answer.verdict) {
      Report("a verdict of " + std::to_string(static_cast<int>(verdict)));
    }
    // The relay closes this connection.
    const bool closed = verdict == Verdict::kHiddenFailed || verdict == Verdict::kUnexpected;
    history_.pop_back();
    if (closed) return;
    Step(std::string("<") + answer.type, server, tracker, requests_left);
  }

  void Step(std::string what, const ModelServer& server, const ReplyTracker& tracker,
            size_t requests_left) {
    if (!mistake_.empty()) return;
    history_.push_back(std::move(what));
    const bool idle = server.Idle();
    if (tracker.Idle() && !idle && (demand_ == Demand::kSafe || !server.ambiguous())) {
      Report("Idle, and the server is not");
    }
    if (demand_ == Demand::kExact && !server.ambiguous() && idle && !tracker.Idle()) {
      Report("not Idle, and the server is");
    }
    // An ambiguous COPY spoils what follows; a dead server has said its last word.
    const bool skip = server.ambiguous() && demand_ == Demand::kExact;
    if (!skip && !(server.dead() && !server.HasAnswer())) Walk(server, tracker, requests_left);
    history_.pop_back();
  }

  void Report(const std::string& what) {
    if (!mistake_.empty()) return;
    for (const std::string& step : history_) mistake_ += step + ' ';
    mistake_ += ": " + what;
  }

  std::vector<Letter> alphabet_;
  Demand demand_;
  std::vector<std::string> history_;
  std::string mistake_;
  uint64_t states_ = 0;
};

std::vector<Letter> AllLetters() {
  return {kQueryOk,       kQueryFails,
          kBegin,         kCommit,
          kQueryCopy,     kQueryCopyTwice,
          kCall,          kCallFails,
          kSync,          kSyncFails,
          kParse,         kParseFails,
          kNamedParse,    kNamedParseFails,
          kBind,          kBindFails,
          kDescribe,      kExecute,
          kExecuteFails,  kExecuteCopy,
          kClose,         kNamedClose,
          kCopyDone,      kCopyFail,
          kHiddenQuery,   kHiddenQueryFails,
          kHiddenParse,   kHiddenParseFails,
          kHiddenUnnamed, kHiddenUnnamedFails,
          kHiddenClose,   kDeniedQuery,
          kDeniedParse,   kParseAsClose,
          kData,          kBadData};
}

void Explore(std::vector<Letter> alphabet, size_t requests, Demand demand) {
  Explorer explorer(std::move(alphabet), demand);
  CHECK(explorer.Run(requests) == "");
  INFO("states: " << explorer.states());
  CHECK(explorer.states() > 1000);
}

}  // namespace

TEST_CASE("ReplyTracker is right about every pair of requests") {
  Explore(AllLetters(), 2, Demand::kExact);
}

TEST_CASE("ReplyTracker is right about pipelines with errors and several Syncs") {
  Explore({kParse, kExecute, kExecuteFails, kSync, kSyncFails, kQueryOk, kQueryFails}, 5,
          Demand::kExact);
}

TEST_CASE("ReplyTracker is right about transactions") {
  Explore({kBegin, kCommit, kQueryOk, kQueryFails, kExecute, kExecuteFails, kSync}, 5,
          Demand::kExact);
}

TEST_CASE("ReplyTracker is right about COPY in the simple protocol") {
  Explore({kQueryCopy, kQueryCopyTwice, kData, kBadData, kCopyDone, kCopyFail, kQueryOk}, 5,
          Demand::kExact);
}

TEST_CASE("ReplyTracker is right about COPY in the extended protocol") {
  Explore({kExecute, kExecuteCopy, kData, kBadData, kCopyDone, kCopyFail, kSync}, 5,
          Demand::kExact);
}

TEST_CASE("ReplyTracker is right about hidden and denied requests") {
  Explore({kHiddenQuery, kHiddenQueryFails, kHiddenParse, kHiddenParseFails, kHiddenUnnamedFails,
           kHiddenClose, kDeniedQuery, kDeniedParse, kParseAsClose, kSync, kExecute},
          4, Demand::kExact);
}

TEST_CASE("ReplyTracker never calls a server idle that owes a reply after any three requests") {
  Explore(AllLetters(), 3, Demand::kSafe);
}

TEST_CASE("ReplyTracker never calls a server idle after a simple COPY that swallowed a Sync") {
  Explore({kQueryCopy, kQueryCopyRefused, kBadData, kCopyDone, kCopyFail, kSync, kQueryOk}, 4,
          Demand::kSafe);
}

TEST_CASE("ReplyTracker never calls a server idle after an extended COPY that swallowed a Sync") {
  Explore({kExecuteCopy, kExecuteCopyRefused, kBadData, kCopyDone, kCopyFail, kSync}, 5,
          Demand::kSafe);
}
