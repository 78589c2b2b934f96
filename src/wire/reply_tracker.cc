#include "pglynx/wire/reply_tracker.h"

#include <algorithm>
#include <string_view>

#include "pglynx/core/check.h"

namespace pglynx::wire {
namespace {

// In the order of Request.
constexpr std::array<std::string_view, 27> kRequestNames = {
    "Query",           "FunctionCall",    "Sync",
    "Parse",           "NamedParse",      "Bind",
    "Describe",        "Execute",         "Close",
    "NamedClose",      "CopyEnd",         "(ignored)",
    "our first Query", "our Query",       "our probe",
    "our failure",     "our setup",       "our marker",
    "our settings",    "our Parse",       "our unnamed Parse",
    "our Describe",    "our Close",       "refused Query",
    "refused Parse",   "Close for Parse", "Parse again"};

bool EndsWithReady(Request request) {
  return request == Request::kQuery || request == Request::kFunctionCall ||
         request == Request::kSync || request == Request::kHiddenFirst ||
         request == Request::kHiddenQuery || request == Request::kHiddenProbe ||
         request == Request::kHiddenFailure || request == Request::kHiddenSetup ||
         request == Request::kHiddenMarker || request == Request::kHiddenRestore ||
         request == Request::kDeniedQuery;
}

bool IsHidden(Request request) {
  return request == Request::kHiddenFirst || request == Request::kHiddenQuery ||
         request == Request::kHiddenProbe || request == Request::kHiddenSetup ||
         request == Request::kHiddenMarker || request == Request::kHiddenRestore ||
         request == Request::kHiddenParse || request == Request::kHiddenUnnamedParse ||
         request == Request::kHiddenDescribe || request == Request::kHiddenClose;
}

}  // namespace

std::string ReplyTracker::LastEvents() const {
  std::string text;
  const uint32_t kept = std::min<uint32_t>(event_count_, kEventsKept);
  for (uint32_t i = event_count_ - kept; i != event_count_; ++i) {
    const uint8_t event = events_[i % kEventsKept];
    if (!text.empty()) text += ' ';
    if ((event & kRequestEvent) != 0) {
      text += kRequestNames[event % kRequestEvent];
      text += '>';
    } else {
      text += '<';
      text += event > ' ' ? static_cast<char>(event) : '?';
    }
  }
  return text;
}

void ReplyTracker::Sent(Request request) {
  Note(kRequestEvent | static_cast<uint8_t>(request));
  if (request == Request::kSync) {
    if (copy_in_) {  // ignored by the server while it reads CopyData
      ++syncs_ignored_;
      return;
    }
    unsynced_ = false;
    skippable_ = false;
    skipping_ = false;
    queue_.push_back(request);
    return;
  }
  if (skipping_) {  // the server throws it away
    sent_unsure_ = sent_unsure_ || unsure_;
    return;
  }
  if (request == Request::kCopyEnd) {
    if (copy_in_) {
      copy_in_ = false;
    } else if (!empty()) {
      queue_.push_back(request);  // its COPY may not have been announced yet
    }
    return;
  }
  if (copy_in_) doubtful_ = true;
  unsynced_ = !EndsWithReady(request);
  skippable_ = skippable_ || unsynced_;
  queue_.push_back(request);
}

ReplyTracker::Verdict ReplyTracker::Reply(char type, char status) {
  Note(static_cast<uint8_t>(type) % kRequestEvent);
  if (type != 'Z' && type != 'E' && !empty() &&
      (queue_[first_] == Request::kHiddenRestore || queue_[first_] == Request::kHiddenSetup)) {
    return Verdict::kSwallow;
  }
  switch (type) {
    case 'Z':
      return OnReady(status);
    case 'E':
      return OnError();
    case 'G':
      return OnCopyIn();
    case '1':
      if (!empty() && (queue_[first_] == Request::kHiddenParse ||
                       queue_[first_] == Request::kHiddenUnnamedParse)) {
        Pop();
        return Verdict::kSwallow;
      }
      if (!empty() &&
          (queue_[first_] == Request::kNamedParse || queue_[first_] == Request::kParseAgain)) {
        return Complete(queue_[first_]);
      }
      return Complete(Request::kParse);
    case '2':
      return Complete(Request::kBind);
    case '3':
      return CompleteClose();
    case 't':
      if (!empty() && queue_[first_] == Request::kHiddenDescribe) return Verdict::kSwallow;
      break;
    case 'T':
    case 'n':
      if (!empty() && queue_[first_] == Request::kHiddenDescribe) {
        Pop();
        return Verdict::kSwallow;
      }
      if (!empty() && queue_[first_] == Request::kDescribe) return Complete(Request::kDescribe);
      break;
    case 'C':
    case 'I':
    case 's':
      if (!empty() && queue_[first_] == Request::kExecute) return Complete(Request::kExecute);
      if (empty() || (queue_[first_] != Request::kQuery && !HeadIsHidden())) doubtful_ = true;
      break;
    default:
      break;
  }
  return HeadIsHidden() ? Verdict::kSwallow : Verdict::kForward;
}

ReplyTracker::Verdict ReplyTracker::OnReady(char status) {
  status_ = status;
  if (unsure_ && empty()) {
    // It answers a Sync that was taken for swallowed.
    if (skipping_) {
      doubtful_ = doubtful_ || sent_unsure_;  // that was not thrown away
      unsure_ = unsure_syncs_ > 1;
      skipping_ = unsynced_ = skippable_ = false;
    }
    return Verdict::kForward;
  }
  if (!empty() && queue_[first_] == Request::kHiddenMarker && !marked_) return Verdict::kForward;
  if (empty() || !EndsWithReady(queue_[first_])) {
    // Possible for an honest server in one corner: a COPY IN that fails before its first
    // read treats as a Sync what was struck out here. The client gets the message; the
    // connection is not used again.
    doubtful_ = true;
    return Verdict::kForward;
  }
  const bool hidden = HeadIsHidden();
  copy_in_ = false;
  if (queue_[first_] == Request::kHiddenMarker) unsure_ = marked_ = false;
  Pop();
  if (empty()) skippable_ = false;
  return hidden ? Verdict::kSwallow : Verdict::kForward;
}

ReplyTracker::Verdict ReplyTracker::OnError() {
  copy_in_ = false;
  if (syncs_ignored_ > 0) {
    // What was sent behind its next Sync would be answered by the wrong ReadyForQuery.
    size_t syncs = 0;
    bool alone = !empty() && queue_[first_] == Request::kExecute;
    for (size_t at = first_ + 1; at < queue_.size(); ++at) {
      const Request request = queue_[at];
      syncs += request == Request::kSync ? 1U : 0U;
      alone = alone && syncs < 2 &&
              (request == Request::kSync || request == Request::kCopyEnd ||
               request == Request::kIgnored);
    }
    if (alone) unsure_ = true;
    sent_unsure_ = false;
    unsure_syncs_ = syncs_ignored_;
    if (!alone) doubtful_ = true;
  }
  if (empty()) {  // unasked: the server ends the connection
    doubtful_ = true;
    return Verdict::kForward;
  }
  const Request head = queue_[first_];
  if (head == Request::kHiddenProbe || head == Request::kHiddenFailure) return Verdict::kSwallow;
  if (head == Request::kHiddenSetup) return Verdict::kSetupFailed;
  if (head == Request::kHiddenRestore && status_ == 'E') return Verdict::kSwallow;
  if (IsHidden(head)) {
    if (head != Request::kHiddenParse && head != Request::kHiddenUnnamedParse &&
        head != Request::kHiddenDescribe) {
      doubtful_ = true;
      return Verdict::kHiddenFailed;
    }
    StrikeOutToSync();  // the client's own Bind would have met the same error
    return Verdict::kForward;
  }
  if (!EndsWithReady(head)) StrikeOutToSync();
  const bool denied = head == Request::kDeniedQuery || head == Request::kDeniedParse;
  return denied ? Verdict::kReplaceError : Verdict::kForward;
}

ReplyTracker::Verdict ReplyTracker::OnCopyIn() {
  if (empty() || (queue_[first_] != Request::kQuery && queue_[first_] != Request::kExecute)) {
    doubtful_ = true;
    return Verdict::kUnexpected;
  }
  // Strike out every Sync up to this COPY's end, if that was sent already.
  copy_in_ = true;
  for (size_t at = first_ + 1; at < queue_.size() && copy_in_; ++at) {
    Request& request = queue_[at];
    if (request == Request::kSync) {
      ++syncs_ignored_;
      request = Request::kIgnored;
    } else if (request == Request::kCopyEnd) {
      copy_in_ = false;
      request = Request::kIgnored;
    } else if (request != Request::kIgnored) {
      doubtful_ = true;
    }
  }
  if (queue_[first_] == Request::kExecute) {
    bool ended = false;
    for (size_t at = first_ + 1; at < queue_.size(); ++at) ended |= EndsWithReady(queue_[at]);
    if (!ended) unsynced_ = true;
  }
  return Verdict::kForward;
}

ReplyTracker::Verdict ReplyTracker::Complete(Request expected) {
  if (empty() || queue_[first_] != expected) {
    doubtful_ = true;
    return Verdict::kUnexpected;
  }
  Pop();
  return Verdict::kForward;
}

ReplyTracker::Verdict ReplyTracker::CompleteClose() {
  if (!empty() && queue_[first_] == Request::kHiddenMarker) {
    marked_ = true;
    return Verdict::kSwallow;
  }
  if (!empty() && queue_[first_] == Request::kHiddenClose) {
    Pop();
    return Verdict::kSwallow;
  }
  if (!empty() && queue_[first_] == Request::kParseAsClose) {
    Pop();
    return Verdict::kAsParseComplete;
  }
  if (!empty() && queue_[first_] == Request::kNamedClose) return Complete(Request::kNamedClose);
  return Complete(Request::kClose);
}

void ReplyTracker::Pop() {
  syncs_ignored_ = 0;
  Advance();
  while (first_ < queue_.size() &&
         (queue_[first_] == Request::kCopyEnd || queue_[first_] == Request::kIgnored)) {
    Advance();
  }
  if (first_ == queue_.size()) {
    queue_.clear();
    first_ = 0;
  } else if (first_ >= kOutstandingMax) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void ReplyTracker::StrikeOutToSync() {
  struck_.first = answered_;
  for (; !empty() && queue_[first_] != Request::kSync; Advance()) {
    const Request request = queue_[first_];
    struck_.statements += request == Request::kNamedParse || request == Request::kParseAsClose ||
                                  request == Request::kParseAgain || request == Request::kNamedClose
                              ? 1
                              : 0;
    struck_.server_parses +=
        request == Request::kNamedParse || request == Request::kHiddenParse ? 1 : 0;
    struck_.denied += request == Request::kDeniedQuery || request == Request::kDeniedParse ? 1 : 0;
  }
  struck_.end = answered_;
  if (!empty()) return;
  queue_.clear();
  first_ = 0;
  skipping_ = true;
  unsynced_ = true;  // the Sync that ends this batch is still owed by the client
}

ReplyTracker::Struck ReplyTracker::StrikeAll() {
  struck_ = {};
  const uint64_t first = answered_;
  doubtful_ = true;
  while (!empty()) {
    if (queue_[first_] == Request::kSync) Advance();
    StrikeOutToSync();
  }
  struck_.first = first;
  return TakeStruck();
}

}  // namespace pglynx::wire
