#pragma once

// Whether the peer of a socket has gone without a word: data is unacknowledged for
// `user_timeout`. The kernel's own TCP_USER_TIMEOUT says so too of a peer that is alive and
// merely does not read: its window is zero, its acknowledgements come (net/ipv4/tcp_timer.c,
// tcp_probe_timer). A client that takes its time with a large result must not be cut off.
//
// Pure; the stream looks every `user_timeout` while data may be under way, or waits for the window
// to open.

#include "pglynx/core/time.h"

namespace pglynx::net {

class AckWatch {
 public:
  enum class Verdict : uint8_t {
    kQuiet,  // everything has been acknowledged: look again after the next write
    kWait,   // look again after user_timeout
    kGone,
  };
  // `unacknowledged`: some sent data is. `since_ack`: the age of the last acknowledgement.
  // Gone needs two looks: at the first, the oldest data may just have been sent; if none has
  // been acknowledged until the second, it has been out for all the time between them.
  Verdict Look(bool unacknowledged, Duration since_ack, Duration user_timeout) {
    if (!unacknowledged) {
      suspected_ = false;
      return Verdict::kQuiet;
    }
    if (suspected_ && since_ack >= user_timeout) return Verdict::kGone;
    suspected_ = true;
    return Verdict::kWait;
  }

 private:
  bool suspected_ = false;
};

}  // namespace pglynx::net
