#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "net/uv_stream.h"
#include "pglynx/core/check.h"

namespace pglynx::net {
namespace {

struct Target {
  sockaddr_storage address{};
  socklen_t length = 0;
};

// An address that says nothing for so long is not waited for alone: the next one is tried beside
// it.
constexpr Duration kNextAddressDelay = std::chrono::milliseconds(250);

class UvPendingConnect;

// Lives until libuv has called back, however long the connect lives.
struct ResolveRequest {
  uv_getaddrinfo_t request{};
  UvPendingConnect* connect = nullptr;  // nullptr: given up
};

// A socket that connects to one of the addresses.
struct ConnectAttempt {
  explicit ConnectAttempt(UvPendingConnect& connect_in, int descriptor_in)
      : connect(connect_in), descriptor(descriptor_in) {}
  ConnectAttempt(const ConnectAttempt&) = delete;
  ConnectAttempt& operator=(const ConnectAttempt&) = delete;
  ~ConnectAttempt() {
    if (poll != nullptr) CloseAndFree(std::move(poll));
    if (descriptor >= 0) close(descriptor);
  }

  UvPendingConnect& connect;
  int descriptor;
  std::unique_ptr<uv_poll_t> poll;
};

// Resolve, then try each address in turn; the first that accepts wins.
class UvPendingConnect final : public PendingConnect {
 public:
  UvPendingConnect(UvEventLoop::Impl& loop, Address address, ConnectListener& listener)
      : loop_(loop), listener_(listener), address_(std::move(address)) {}
  ~UvPendingConnect() override {
    if (resolving_ != nullptr) {
      resolving_->connect = nullptr;
      uv_cancel(reinterpret_cast<uv_req_t*>(&resolving_->request));
    }
  }

  void Start() {
    if (address_.is_unix()) {
      StartUnix();
      return;
    }
    auto request = std::make_unique<ResolveRequest>();
    request->connect = this;
    request->request.data = request.get();
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const std::string port = std::to_string(address_.port);
    if (StartNumeric(port, hints)) return;
    const int failure = uv_getaddrinfo(&loop_.loop, &request->request, OnResolved,
                                       address_.host.c_str(), port.c_str(), &hints);
    if (failure != 0) {
      Fail(uv_strerror(failure));
      return;
    }
    resolving_ = request.release();  // OnResolved frees it
  }

 private:
  // A literal address needs no thread. Returns false for names.
  bool StartNumeric(const std::string& port, addrinfo hints) {
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (getaddrinfo(address_.host.c_str(), port.c_str(), &hints, &found) != 0) return false;
    TakeTargets(found);
    freeaddrinfo(found);
    TryNext();
    return true;
  }

  void StartUnix() {
    Target target;
    auto& unix_address = reinterpret_cast<sockaddr_un&>(target.address);
    const std::string path = address_.UnixPath();
    if (path.size() >= sizeof unix_address.sun_path) {
      Fail("the path of the socket is too long");
      return;
    }
    unix_address.sun_family = AF_UNIX;
    std::memcpy(unix_address.sun_path, path.c_str(), path.size() + 1);
    target.length = sizeof unix_address;
    targets_.push_back(target);
    TryNext();
  }

  static void OnResolved(uv_getaddrinfo_t* uv_request, int status, addrinfo* found) {
    const std::unique_ptr<ResolveRequest> request(static_cast<ResolveRequest*>(uv_request->data));
    if (request->connect != nullptr) {
      UvPendingConnect& connect = *request->connect;
      connect.resolving_ = nullptr;
      if (status != 0) {
        connect.Fail(fmt::format("cannot resolve the name: {}", uv_strerror(status)));
      } else {
        connect.TakeTargets(found);
        connect.TryNext();
      }
    }
    if (found != nullptr) uv_freeaddrinfo(found);
  }

  void TakeTargets(const addrinfo* found) {
    for (; found != nullptr; found = found->ai_next) {
      Target target;
      std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
      target.length = found->ai_addrlen;
      targets_.push_back(target);
    }
  }

  // Starts the next attempt. Fails when nothing is left to be tried or waited for.
  void TryNext() {
    while (next_target_ < targets_.size()) {
      const Target& target = targets_[next_target_++];
      const int descriptor =
          socket(target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (descriptor < 0) {
        cause_ = std::strerror(errno);
        continue;
      }
      auto attempt = std::make_unique<ConnectAttempt>(*this, descriptor);
      if (connect(descriptor, reinterpret_cast<const sockaddr*>(&target.address), target.length) !=
              0 &&
          errno != EINPROGRESS) {
        cause_ = std::strerror(errno);
        continue;
      }
      StartPolling(*attempts_.emplace_back(std::move(attempt)));
      if (next_target_ < targets_.size()) {
        loop_.Arm(next_address_, loop_.Now() + kNextAddressDelay);
      }
      return;
    }
    if (attempts_.empty()) Fail(cause_);
  }

  void StartPolling(ConnectAttempt& attempt) {
    attempt.poll = std::make_unique<uv_poll_t>();
    PGLYNX_CHECK(uv_poll_init(&loop_.loop, attempt.poll.get(), attempt.descriptor) == 0);
    attempt.poll->data = &attempt;
    uv_poll_start(attempt.poll.get(), UV_WRITABLE, [](uv_poll_t* handle, int, int) {
      auto& writable = *static_cast<ConnectAttempt*>(handle->data);
      writable.connect.OnWritable(writable);
    });
  }

  void OnWritable(ConnectAttempt& attempt) {
    int error_number = 0;
    socklen_t length = sizeof error_number;
    getsockopt(attempt.descriptor, SOL_SOCKET, SO_ERROR, &error_number, &length);
    if (error_number != 0) {
      cause_ = std::strerror(error_number);
      std::erase_if(attempts_, [&attempt](const auto& other) { return other.get() == &attempt; });
      next_address_.Disarm();
      TryNext();
      return;
    }
    CloseAndFree(std::move(attempt.poll));
    const int descriptor = std::exchange(attempt.descriptor, -1);
    attempts_.clear();
    next_address_.Disarm();
    // The listener may destroy this object: nothing is touched afterwards.
    ApplySocketOptions(descriptor, loop_.socket_options);
    listener_.OnConnected(UvStream::Adopt(loop_, descriptor, address_));
  }

  // Told at the end of the turn: the call that made this object may still be running.
  void Fail(std::string_view cause) {
    cause_ = cause;
    loop_.Post(failed_);
  }
  void OnFailed() {
    listener_.OnConnectFailed(
        {ErrorCode::kServerUnreachable,
         fmt::format("cannot connect to server {}: {}", address_.ToString(), cause_)});
  }

  UvEventLoop::Impl& loop_;
  ConnectListener& listener_;
  Address address_;
  ResolveRequest* resolving_ = nullptr;
  std::vector<Target> targets_;
  size_t next_target_ = 0;
  std::vector<std::unique_ptr<ConnectAttempt>> attempts_;  // oldest first
  Timer next_address_ = MemberTimer<&UvPendingConnect::TryNext>(this);
  Task failed_ = MemberTask<&UvPendingConnect::OnFailed>(this);
  std::string cause_ = "no address";
};

}  // namespace

std::unique_ptr<PendingConnect> UvEventLoop::Connect(const Address& address,
                                                     ConnectListener& listener) {
  auto connect = std::make_unique<UvPendingConnect>(*impl_, address, listener);
  connect->Start();
  return connect;
}

}  // namespace pglynx::net
