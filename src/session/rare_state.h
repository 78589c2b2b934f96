#pragma once

// What most clients never have, out of the way: an idle client is to cost little memory. Owner:
// ClientSession, which makes it on first use and keeps it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/result.h"
#include "pglynx/core/time.h"
#include "session/state_watch.h"

namespace pglynx::session {

// A BEGIN that no server has been told yet.
struct DeferredBegin {
  std::string text;
  bool failed = false;  // its first statement found no server
  bool ends = false;    // then: the statement that was parsed last ends the transaction
};

struct RareState {
  std::unique_ptr<DeferredBegin> sent_begin;    // it was, in what may not have left yet
  std::unique_ptr<std::string> error;           // of the server, as far as it has come
  std::unique_ptr<StateWatch::Answer> unknown;  // what could not be had, to be asked again
  std::unique_ptr<Error> pin_refusal;           // of the statement that comes next
  std::unique_ptr<Error> end_with;              // FATAL to be told when it is idle
  std::vector<Error> denied;                    // errors that replace the server's, in order
  std::vector<std::function<void()>> cancels;   // that wait for our own settings to be made
  std::string_view kept_for;  // why it keeps its server for good; static text; empty: it does not
  std::string_view held_reason;  // where it is not known what is held; static text
  TimePoint timed_out_at{};      // query_timeout has cancelled what runs now
  TimePoint pinned_since{};
};

}  // namespace pglynx::session
