#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "net/uv_stream.h"
#include "pglynx/core/check.h"

namespace pglynx::net {
namespace {

constexpr int kBacklog = 4096;
// Connections accepted in one event before others get their turn.
constexpr int kAcceptsPerEventMax = 64;
// Out of descriptors: the queue waits in the kernel this long before the next try.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
// How long the kernel keeps a silent connection to itself; its login deadline begins then.
constexpr int kDeferAcceptSeconds = 1;

class UvListener final : public Listener {
 public:
  UvListener(UvEventLoop::Impl& loop, int descriptor, Address address, AcceptListener& listener)
      : loop_(loop),
        poll_(std::make_unique<uv_poll_t>()),
        listener_(listener),
        address_(std::move(address)),
        descriptor_(descriptor) {
    PGLYNX_CHECK(uv_poll_init(&loop_.loop, poll_.get(), descriptor_) == 0);
    poll_->data = this;
    ApplyOptions();
    StartPolling();
  }
  ~UvListener() override {
    CloseAndFree(std::move(poll_));
    close(descriptor_);
  }

  [[nodiscard]] const Address& address() const override { return address_; }

 private:
  void StartPolling() {
    uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<UvListener*>(handle->data)->Accept();
    });
  }

  // Asks once more than there are connections only when there were several: alone, a login is
  // spared a call that fails, and a crowd of them is let in by ever more in a turn.
  void Accept() {
    ApplyOptions();
    for (int accepts = 0; accepts < accepts_max_; ++accepts) {
      sockaddr_storage peer{};
      socklen_t length = sizeof peer;
      const int accepted = accept4(descriptor_, reinterpret_cast<sockaddr*>(&peer), &length,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0) {
        listener_.OnAccept(UvStream::Adopt(loop_, accepted, FromSockaddr(peer)));
        continue;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_.log.Error("cannot accept a connection",
                        {{"listener", address_.ToString()}, {"cause", std::strerror(errno)}});
        uv_poll_stop(poll_.get());
        loop_.Arm(resume_, loop_.Now() + kAcceptPause);
      }
      accepts_max_ = 1;
      return;  // EAGAIN, or a connection that died in the queue: the next event goes on
    }
    accepts_max_ = std::min(accepts_max_ * 2, kAcceptsPerEventMax);
  }

  // Accepted sockets have those of their listener: five calls less for each login. After a reload
  // the ones that wait in the queue still have the old ones.
  void ApplyOptions() {
    if (options_ == loop_.socket_options) return;
    options_ = loop_.socket_options;
    ApplySocketOptions(descriptor_, *options_);
  }

  UvEventLoop::Impl& loop_;
  std::unique_ptr<uv_poll_t> poll_;
  Timer resume_ = MemberTimer<&UvListener::StartPolling>(this);
  AcceptListener& listener_;
  Address address_;
  std::optional<SocketOptions> options_;
  int descriptor_;
  int accepts_max_ = 1;
};

Error ListenError(const Address& address, std::string_view cause) {
  return {ErrorCode::kIo, fmt::format("cannot listen on {}: {}", address.ToString(), cause)};
}

}  // namespace

Result<std::unique_ptr<Listener>> UvEventLoop::Listen(const Address& address,
                                                      AcceptListener& listener) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int failure = getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
  if (failure != 0) return ListenError(address, gai_strerror(failure));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(found, freeaddrinfo);

  const int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return ListenError(address, std::strerror(errno));
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, &kDeferAcceptSeconds,
             sizeof kDeferAcceptSeconds);
  if (found->ai_family == AF_INET6) {
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (bind(descriptor, found->ai_addr, found->ai_addrlen) != 0 ||
      listen(descriptor, kBacklog) != 0) {
    const int cause = errno;
    close(descriptor);
    return ListenError(address, std::strerror(cause));
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &length);
  return std::unique_ptr<Listener>(
      std::make_unique<UvListener>(*impl_, descriptor, FromSockaddr(bound), listener));
}

}  // namespace pglynx::net
