#pragma once

// What a server connection still owes: the requests sent to it whose replies have not
// arrived, in order, and the transaction status it last reported. A value; one per server
// connection; pure. It is the proof behind the safety rule: only a connection for which
// Idle() holds may go back to a pool.
//
// Told of every message sent to the server (Sent) and every reply that comes back (Reply),
// it says what each reply answers, so that replies to messages which the pooler put in
// front of the client's own are swallowed. It follows the manual's "Message Flow":
// - after an error in the extended protocol the server skips to the next Sync, so every
//   request up to there is struck out;
// - while a COPY IN runs, the server ignores Sync and Flush (libpq sends one behind each
//   Execute before it knows that it started a COPY), and outside of one it ignores
//   CopyDone and CopyFail that come late.
// Anything that does not fit is a doubt: the connection is never idle again.
//
// Bound: kOutstandingMax requests; the relay stops reading a client before that.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pglynx/core/sabotage.h"

namespace pglynx::wire {

enum class Request : uint8_t {
  kQuery,         // Query: ends with ReadyForQuery
  kFunctionCall,  // FunctionCall: ends with ReadyForQuery
  kSync,          // Sync: ends with ReadyForQuery
  kParse,
  kNamedParse,  // like kParse; counted in Struck, so that its side effects can be undone
  kBind,
  kDescribe,
  kExecute,
  kClose,
  kNamedClose,  // a Close of a named statement; counted in Struck
  kCopyEnd,     // CopyDone or CopyFail: has no reply of its own
  kIgnored,     // the tracker's own note: a request that turned out to have no reply
  // Each of these seven is answered by its own ReadyForQuery; HeadIsHidden() knows their order.
  kHiddenFirst,         // a Query of ours with another behind it that completes it
  kHiddenQuery,         // a Query of ours: everything it answers is swallowed
  kHiddenProbe,         // the same, but its answer is read, and it may fail
  kHiddenFailure,       // a Query of ours that is to fail
  kHiddenSetup,         // a Query or batch of ours that the next request needs; see kSetupFailed
  kHiddenMarker,        // a Close and a Sync of ours; see unsure()
  kHiddenRestore,       // a batch of ours with its Sync, which may fail in a failed transaction
  kHiddenParse,         // a Parse of ours: ParseComplete is swallowed
  kHiddenUnnamedParse,  // the same for the unnamed statement
  kHiddenDescribe,      // a Describe of ours: its replies are swallowed
  kHiddenClose,         // a Close of ours: CloseComplete is swallowed
  kDeniedQuery,         // a Query of ours that must fail, in place of one that is refused here
  kDeniedParse,         // the same for an extended message
  kParseAsClose,        // a Close sent in place of a Parse: CloseComplete is shown as ParseComplete
  kParseAgain,          // a Parse of what the server holds already, for the error it may meet
};

class ReplyTracker {
 public:
  enum class Verdict : uint8_t {
    kForward,          // the client's own
    kSwallow,          // answers a request of ours
    kAsParseComplete,  // a CloseComplete that stands for a ParseComplete
    kReplaceError,     // the failure of a denied request: the pooler's own error is shown
    kSetupFailed,      // the ErrorResponse of a kHiddenSetup
    kHiddenFailed,     // an ErrorResponse to a request of ours: the connection is unusable
    kUnexpected,       // no request can have caused this reply
  };

  // Far more than can be answered inside one server output buffer of 8 kB (each answer
  // has at least 5 bytes), so a client that is made to wait here cannot be waiting for
  // replies which the server still holds back.
  static constexpr size_t kOutstandingMax = 16384;

  // What an error has struck out, the failed request included: work that the server never
  // did or undid. Counted since the last call of TakeStruck().
  struct Struck {
    uint32_t statements = 0;     // kNamedParse, kParseAsClose, kParseAgain, kNamedClose
    uint32_t server_parses = 0;  // kNamedParse, kHiddenParse
    uint32_t denied = 0;         // kDeniedQuery, kDeniedParse
    // Numbers of the requests: `first` failed, those behind it and before `end` were skipped.
    uint64_t first = 0;
    uint64_t end = 0;
  };
  Struck TakeStruck() {
    const Struck struck = struck_;
    struck_ = {};
    return struck;
  }

  // Nothing of what was sent has left: all of it is struck out. The connection is not used again.
  Struck StrikeAll();

  // A message goes to the server now. Flush and CopyData need not be told.
  void Sent(Request request);

  // A message of this type arrived. Types that never end a request (rows, notices, row
  // descriptions of a Query …) may be left out or told; they change nothing.
  // `status` is ReadyForQuery's byte and is read for type 'Z' alone.
  Verdict Reply(char type, char status = '\0');

  // Whether a reply body that passes unread belongs to a request of ours.
  [[nodiscard]] bool HeadIsHidden() const {
    return !empty() && queue_[first_] >= Request::kHiddenFirst &&
           queue_[first_] <= Request::kHiddenRestore;
  }

  // Nothing outstanding, no unfinished batch, no COPY, no doubt, and 'I'.
  [[nodiscard]] bool Idle() const {
    return empty() && !unsynced_ && !copy_in_ && !doubtful_ && !unsure_ &&
           (status_ == 'I' || Planted(Sabotage::kLeaseInTransaction));
  }
  // Nothing outstanding and no unfinished batch, in whatever transaction state.
  [[nodiscard]] bool Quiet() const {
    return empty() && !unsynced_ && !copy_in_ && !doubtful_ && !unsure_;
  }

  [[nodiscard]] bool empty() const { return first_ == queue_.size(); }
  [[nodiscard]] size_t outstanding() const { return queue_.size() - first_; }
  // Requests are numbered in the order sent. The number of the next one to be sent.
  [[nodiscard]] uint64_t next_number() const { return answered_ + outstanding(); }
  // The number of the request that the next reply answers: all before it are done.
  [[nodiscard]] uint64_t answered() const { return answered_; }
  // The request that the next reply answers. Precondition: !empty().
  [[nodiscard]] Request head() const { return queue_[first_]; }
  // ReadyForQuery's last byte: 'I', 'T' or 'E'.
  [[nodiscard]] char status() const { return status_; }
  [[nodiscard]] bool copy_in() const { return copy_in_; }
  [[nodiscard]] bool unsynced() const { return unsynced_; }
  [[nodiscard]] bool doubtful() const { return doubtful_; }
  // An error in what was sent before may make the server skip what is sent now.
  [[nodiscard]] bool skippable() const { return skippable_; }
  // The server discards what it is sent until the next Sync.
  [[nodiscard]] bool skipping() const { return skipping_; }
  // More ReadyForQuery than were counted may come, of a Sync that a failed COPY has read or
  // not. Once everything is answered a kHiddenMarker is to be sent, whose reply tells. Nothing
  // else may be sent before that.
  [[nodiscard]] bool unsure() const { return unsure_; }
  [[nodiscard]] bool WantsMarker() const { return unsure_ && empty() && !skipping_; }
  // A COPY has ended whose failure would make it unsure(): what is sent behind its Sync would be
  // answered by nobody knows what.
  [[nodiscard]] bool CopyUndecided() const {
    return syncs_ignored_ > 0 && !copy_in_ && !unsynced_ && !skipping_;
  }
  // The connection can no longer be trusted, for a reason seen elsewhere.
  void Doubt() { doubtful_ = true; }

  // The last requests and replies, oldest first, for the log of what should not have happened:
  // "Query> <T <C <Z". Types alone, no data.
  [[nodiscard]] std::string LastEvents() const;

 private:
  Verdict OnReady(char status);
  Verdict OnError();
  Verdict OnCopyIn();
  Verdict Complete(Request expected);
  Verdict CompleteClose();
  void Advance() {
    ++first_;
    ++answered_;
  }
  void Pop();
  void StrikeOutToSync();

  // A Request (kRequestEvent set) or the type of a reply.
  void Note(uint8_t event) { events_[event_count_++ % kEventsKept] = event; }
  static constexpr size_t kEventsKept = 16;
  static constexpr uint8_t kRequestEvent = 0x80;
  std::array<uint8_t, kEventsKept> events_{};
  uint32_t event_count_ = 0;

  // Requests not answered yet are queue_[first_ ..]; the vector is reset when it runs empty,
  // so that a connection between requests holds only its first small block.
  std::vector<Request> queue_;
  size_t first_ = 0;
  uint64_t answered_ = 0;  // requests that have left the queue at its front
  Struck struck_;
  char status_ = 'I';
  bool unsynced_ = false;   // extended messages were sent and no Sync behind them
  bool skippable_ = false;  // extended messages were sent and no Sync behind them, nor answered
  bool skipping_ = false;   // an error was seen and its Sync has not been sent
  bool copy_in_ = false;    // the server reads CopyData and ignores Sync
  bool doubtful_ = false;
  // Syncs that were taken for such as the running COPY swallows. If that COPY fails the server may
  // have read one as the end of its skipping, or not.
  size_t syncs_ignored_ = 0;
  bool unsure_ = false;
  size_t unsure_syncs_ = 0;   // that may have been read
  bool sent_unsure_ = false;  // messages that the server was thought to throw away
  bool marked_ = false;       // the marker's own answer has begun
};

}  // namespace pglynx::wire
