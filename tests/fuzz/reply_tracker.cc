// What a server still owes (wire/reply_tracker.h).
//
// Properties: against an honest server, which reads and answers late and fails where it
// likes, the tracker never doubts, gives each reply the verdict that its request deserves,
// and at the end of all replies knows whether the server is free; against anything else it
// may doubt, but doubt is for ever, and what it calls idle owes nothing.
//
// Input: one byte, whose lowest bit says which of the two, then one or two bytes for each
// event. COPY is left to the tracker's own tests, which have a model of it.
#include "pglynx/wire/reply_tracker.h"

#include <array>
#include <deque>

#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace pglynx::fuzz {
namespace {

using wire::ReplyTracker;
using wire::Request;
using Verdict = ReplyTracker::Verdict;

constexpr std::array kRequests = {
    Request::kQuery,
    Request::kFunctionCall,
    Request::kSync,
    Request::kParse,
    Request::kNamedParse,
    Request::kBind,
    Request::kDescribe,
    Request::kExecute,
    Request::kClose,
    Request::kNamedClose,
    Request::kHiddenQuery,
    Request::kHiddenParse,
    Request::kHiddenClose,
    Request::kDeniedQuery,
    Request::kDeniedParse,
    Request::kParseAsClose,
    Request::kHiddenUnnamedParse,
    Request::kCopyEnd,
    Request::kHiddenRestore,
};
constexpr size_t kHonestRequests = kRequests.size() - 2;

bool IsSimple(Request request) {
  return request == Request::kQuery || request == Request::kFunctionCall ||
         request == Request::kHiddenQuery || request == Request::kDeniedQuery;
}

// A server that answers as the manual says. Replies wait here until they are delivered.
class HonestServer {
 public:
  struct Reply {
    char type;
    char status;
    Verdict verdict;  // that it deserves
  };

  void Receive(Request request) { unread_.push_back(request); }

  // Reads one message. `how` says what comes of it.
  void Work(uint8_t how) {
    if (unread_.empty()) return;
    const Request request = unread_.front();
    unread_.pop_front();
    if (request == Request::kSync) {
      skipping_ = false;
      return Ready(how, Verdict::kForward);
    }
    if (skipping_) return;
    if (IsSimple(request)) return Simple(request, how);
    Extended(request, how);
  }

  [[nodiscard]] bool idle() const { return unread_.empty(); }
  [[nodiscard]] bool skipping() const { return skipping_; }
  [[nodiscard]] char status() const { return status_; }
  std::deque<Reply>& replies() { return replies_; }

 private:
  void Say(char type, Verdict verdict) { replies_.push_back({type, '\0', verdict}); }
  void Ready(uint8_t how, Verdict verdict) {
    status_ = "ITEI"[(how >> 4U) & 3U];
    replies_.push_back({'Z', status_, verdict});
  }

  void Simple(Request request, uint8_t how) {
    const bool hidden = request == Request::kHiddenQuery;
    const Verdict verdict = hidden ? Verdict::kSwallow : Verdict::kForward;
    if (request == Request::kDeniedQuery) {
      Say('E', Verdict::kReplaceError);
    } else if (request == Request::kFunctionCall) {
      Say((how & 1U) != 0 ? 'E' : 'V', verdict);
    } else {
      for (uint8_t i = 0; i < (how & 3U); ++i) {
        Say('T', verdict);
        Say('D', verdict);
        Say('C', verdict);
      }
      if ((how & 4U) != 0) Say('N', verdict);
      if ((how & 8U) != 0 && !hidden) Say('E', verdict);
      if ((how & 15U) == 0) Say('I', verdict);
    }
    Ready(how, verdict);
  }

  void Extended(Request request, uint8_t how) {
    const bool must_succeed = request == Request::kHiddenClose;
    if (request == Request::kDeniedParse) {
      skipping_ = true;
      return Say('E', Verdict::kReplaceError);
    }
    if ((how & 7U) == 7 && !must_succeed) {
      skipping_ = true;
      return Say('E', Verdict::kForward);
    }
    switch (request) {
      case Request::kParse:
      case Request::kNamedParse:
        return Say('1', Verdict::kForward);
      case Request::kHiddenParse:
      case Request::kHiddenUnnamedParse:
        return Say('1', Verdict::kSwallow);
      case Request::kBind:
        return Say('2', Verdict::kForward);
      case Request::kDescribe:
        if ((how & 2U) != 0) Say('t', Verdict::kForward);
        return Say((how & 1U) != 0 ? 'T' : 'n', Verdict::kForward);
      case Request::kExecute:
        for (uint8_t i = 0; i < (how & 3U); ++i) Say('D', Verdict::kForward);
        return Say("CIs"[(how >> 4U) % 3], Verdict::kForward);
      case Request::kHiddenClose:
        return Say('3', Verdict::kSwallow);
      case Request::kParseAsClose:
        return Say('3', Verdict::kAsParseComplete);
      default:
        return Say('3', Verdict::kForward);
    }
  }

  std::deque<Request> unread_;
  std::deque<Reply> replies_;
  bool skipping_ = false;
  char status_ = 'I';
};

void Deliver(HonestServer& server, ReplyTracker& tracker) {
  if (server.replies().empty()) return;
  const HonestServer::Reply reply = server.replies().front();
  server.replies().pop_front();
  PGLYNX_CHECK(tracker.Reply(reply.type, reply.status) == reply.verdict);
}

void RunHonest(Input& input) {
  HonestServer server;
  ReplyTracker tracker;
  bool batch_open = false;
  while (!input.empty()) {
    const uint8_t event = input.Byte();
    if (event < 0x80) {
      const Request request = kRequests[event % kHonestRequests];
      tracker.Sent(request);
      server.Receive(request);
      batch_open = request != Request::kSync && !IsSimple(request);
    } else if (event < 0xc0) {
      server.Work(input.Byte());
    } else {
      Deliver(server, tracker);
    }
    PGLYNX_CHECK(!tracker.doubtful());
    // What was not read or not answered cannot be forgotten.
    PGLYNX_CHECK(!tracker.Idle() || (server.idle() && server.replies().empty()));
  }
  while (!server.idle()) server.Work(0);
  while (!server.replies().empty()) Deliver(server, tracker);
  PGLYNX_CHECK(!tracker.doubtful() && tracker.empty() && !tracker.copy_in());
  PGLYNX_CHECK(tracker.status() == server.status());
  PGLYNX_CHECK(tracker.skipping() == server.skipping());
  PGLYNX_CHECK(tracker.unsynced() == (batch_open || server.skipping()));
  PGLYNX_CHECK(tracker.Idle() == (!tracker.unsynced() && server.status() == 'I'));
}

void RunAnything(Input& input) {
  constexpr std::string_view kTypes = "ZE123TnCIsGtDNASKVdcHW";
  ReplyTracker tracker;
  size_t sent = 0;
  bool doubted = false;
  while (!input.empty()) {
    const uint8_t event = input.Byte();
    const size_t before = tracker.outstanding();
    if (event < 0x80) {
      tracker.Sent(kRequests[event % kRequests.size()]);
      ++sent;
      PGLYNX_CHECK(tracker.outstanding() >= before && tracker.outstanding() <= before + 1);
    } else {
      const bool denied = !tracker.empty() && (tracker.head() == Request::kDeniedQuery ||
                                               tracker.head() == Request::kDeniedParse);
      const bool hidden = !tracker.empty() && tracker.HeadIsHidden();
      const char type = kTypes[event % kTypes.size()];
      const Verdict verdict = tracker.Reply(type, "ITE?"[input.Byte() & 3U]);
      PGLYNX_CHECK(tracker.outstanding() <= before);
      PGLYNX_CHECK(verdict != Verdict::kReplaceError || denied);
      PGLYNX_CHECK(verdict != Verdict::kUnexpected || tracker.doubtful());
      PGLYNX_CHECK(verdict != Verdict::kHiddenFailed || tracker.doubtful());
      PGLYNX_CHECK(verdict != Verdict::kForward || !hidden || tracker.doubtful());
    }
    doubted = doubted || tracker.doubtful();
    PGLYNX_CHECK(tracker.outstanding() <= sent && tracker.empty() == (tracker.outstanding() == 0));
    PGLYNX_CHECK(tracker.doubtful() == doubted);
    PGLYNX_CHECK(!tracker.Idle() || (tracker.Quiet() && tracker.status() == 'I'));
    PGLYNX_CHECK(!tracker.Quiet() || (tracker.empty() && !tracker.unsynced() && !doubted));
  }
  const ReplyTracker::Struck struck = tracker.TakeStruck();
  PGLYNX_CHECK(struck.statements + struck.denied <= sent);
  PGLYNX_CHECK(tracker.TakeStruck().statements == 0);
}

}  // namespace

void FuzzReplyTracker(std::string_view bytes) {
  Input input(bytes);
  if ((input.Byte() & 1U) == 0) {
    RunHonest(input);
  } else {
    RunAnything(input);
  }
}

}  // namespace pglynx::fuzz
