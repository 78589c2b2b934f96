#pragma once

// Cancel requests on their way to servers ("Canceling Requests in Progress" in the manual):
// each is a connection of its own that sends 16 bytes and ends when Postgres closes it,
// which it does after it has signalled the backend.
//
// `CancelSenders` owns those of a loop; each ends by itself, at the latest after its timeout.
// A server connection that is reused while a cancel for it is in flight would let the next
// client's query be hit, so it counts them and waits.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "pglynx/net/event_loop.h"

namespace pglynx::backend {

class CancelSender;

// Told when a cancel that it asked for is over.
class CancelRequester {
 public:
  virtual ~CancelRequester() = default;
  virtual void OnCancelDone() = 0;
};

class CancelSenders {
 public:
  CancelSenders(net::EventLoop& loop, net::Connector& connector);
  ~CancelSenders();
  CancelSenders(const CancelSenders&) = delete;
  CancelSenders& operator=(const CancelSenders&) = delete;

  struct Request {
    net::Address address;
    uint32_t pid;
    std::string_view secret;
    Duration timeout;
  };
  // `requester` and then `done` are called once, in a later turn, whatever happened.
  void Start(const Request& request, CancelRequester& requester, std::function<void()> done);
  // The requester is going; what it asked for goes on.
  void Forget(const CancelRequester& requester);

  [[nodiscard]] size_t size() const { return senders_.size(); }

 private:
  friend class CancelSender;
  void Remove(CancelSender& sender);

  net::EventLoop& loop_;
  net::Connector& connector_;
  std::unordered_map<CancelSender*, std::unique_ptr<CancelSender>> senders_;
};

}  // namespace pglynx::backend
