#include "net/uv_stream.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "net/ack_watch.h"
#include "pglynx/core/check.h"

namespace pglynx::net {
namespace {

// A stream may read this many full blocks in one event before others get their turn.
constexpr int kReadsPerEventMax = 4;
constexpr size_t kVectorMax = 64;
// Probes of a closed window without an answer; an answer sets the count back to 0.
constexpr int kProbesUnansweredMax = 3;
// How long FinishAndClose waits for the peer to read what it was sent.
constexpr Duration kLingerMax = std::chrono::seconds(2);

// Who sends this much while we say nothing (a large result, a COPY) is read in larger pieces:
// PostgreSQL sends 8 kB at a time, and to wake up, read and pass on for each of them costs several
// times what the bytes do. From then on the kernel wakes us for kGatherBytes (SO_RCVLOWAT in
// socket(7)), less than half of what a socket holds by default, so that the peer need not stop
// meanwhile; or kGatherMax after the last piece, with what there is. That ends it: the next
// kBulkBytes come as they come.
constexpr uint32_t kBulkBytes = uint32_t{1} << 20U;
constexpr int kGatherBytes = 56 * 1024;
constexpr Duration kGatherMax = std::chrono::milliseconds(2);

}  // namespace

class UvStream::Handle final : public LingeringStream {
 public:
  Handle(UvEventLoop::Impl& loop, int descriptor, Handle** owner)
      : loop_(loop), out_(loop.blocks), owner_(owner), descriptor_(descriptor) {
    PGLYNX_CHECK(uv_poll_init(&loop_.loop, &poll_, descriptor_) == 0);
    poll_.data = this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  void SetListener(StreamListener* listener) {
    listener_ = listener;
    UpdatePoll();
  }

  bool Write(std::span<const Chunk> chunks) {
    if (descriptor_ < 0 || broken_) return false;
    received_ = 0;
    if (gathering_) StopGathering();
    const size_t now = out_.empty() ? std::min(chunks.size(), kVectorMax) : 0;
    if (now > 0) SendNow(chunks.first(now));
    if (broken_) return false;
    if (now < chunks.size()) WriteRest(chunks.subspan(now));
    if (!out_.empty()) {
      if (out_.size() > Stream::kHighWatermark) tell_drained_ = true;
      UpdatePoll();
    }
    if (!ack_timer_.armed()) WatchAcks();
    return true;
  }

  void Pause() {
    ++pauses_;
    UpdatePoll();
  }
  void Resume() {
    PGLYNX_CHECK(pauses_ > 0);
    --pauses_;
    if (broken_) {
      loop_.Post(broken_task_);  // the rest of what came before
    } else {
      UpdatePoll();
    }
  }

  // Closes the descriptor now; libuv frees the handle a turn later.
  void Close() {
    if (descriptor_ < 0) return;
    Disown();
    Unlink();
    broken_task_.Unlink();
    timer_.Disarm();
    ack_timer_.Disarm();
    out_.Clear();
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* closed) {
      const std::unique_ptr<Handle> freed(static_cast<Handle*>(closed->data));
    });
    close(descriptor_);
    descriptor_ = -1;
    kept_.reset();
  }

  void CloseNow() override { Close(); }

  void Finish(std::unique_ptr<Deletable> kept) {
    if (descriptor_ < 0) return;
    kept_ = std::move(kept);
    if (broken_) {
      Close();
      return;
    }
    Disown();
    if (gathering_) StopGathering();
    loop_.lingering.PushBack(*this);
    finishing_ = true;
    pauses_ = 0;
    if (out_.empty()) shutdown(descriptor_, SHUT_WR);
    loop_.Arm(timer_, loop_.Now() + kLingerMax);
    UpdatePoll();
  }

  [[nodiscard]] size_t pending_bytes() const { return out_.size(); }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  void Disown() {
    listener_ = nullptr;
    if (owner_ != nullptr) *owner_ = nullptr;
    owner_ = nullptr;
  }

  // Nothing is told of a connection that breaks here: some of it has left.
  void WriteRest(std::span<const Chunk> chunks) {
    while (!chunks.empty() && !broken_) {
      const auto part = chunks.first(std::min(chunks.size(), kVectorMax));
      chunks = chunks.subspan(part.size());
      if (out_.empty()) {
        SendNow(part);
      } else {
        for (const Chunk& chunk : part) out_.Append(chunk);
      }
    }
  }

  void SendNow(std::span<const Chunk> chunks) {
    // One piece is the rule: the kernel takes it without a vector, for a tenth of a microsecond
    // less.
    ssize_t sent = 0;
    do {
      sent = chunks.size() == 1
                 ? send(descriptor_, chunks[0].data(), chunks[0].size(), MSG_NOSIGNAL)
                 : SendVector(chunks);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        Break(errno);
        return;
      }
      sent = 0;
    }
    auto skip = static_cast<size_t>(sent);
    for (const Chunk& chunk : chunks) {
      const size_t here = std::min(skip, chunk.size());
      skip -= here;
      if (here < chunk.size()) out_.Append(chunk.substr(here));
    }
  }

  [[nodiscard]] ssize_t SendVector(std::span<const Chunk> chunks) const {
    std::array<iovec, kVectorMax> vectors;
    for (size_t i = 0; i < chunks.size(); ++i) {
      vectors[i] = {const_cast<char*>(chunks[i].data()), chunks[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = chunks.size();
    return sendmsg(descriptor_, &message, MSG_NOSIGNAL);
  }

  // No re-entry: the listener hears of it at the end of the turn.
  void Break(int error_number) {
    broken_ = true;
    error_number_ = error_number;
    out_.Clear();
    StopPolling();
    loop_.Post(broken_task_);
  }

  void StopPolling() {
    if (polled_ != 0) uv_poll_stop(&poll_);
    polled_ = 0;
  }

  // What came before the end is still there to be read: an ErrorResponse that says why, for one.
  // Whoever pauses on the way gets the rest at Resume; one that is paused already gets no more, so
  // that it is not kept waiting for a peer that has gone.
  void OnBroken() {
    if (listener_ != nullptr && std::exchange(tell_drained_, false)) listener_->OnDrained();
    if (pauses_ > 0 && reading_rest_) return;
    ssize_t got = 1;
    while (descriptor_ >= 0 && listener_ != nullptr && pauses_ == 0 && got > 0) {
      reading_rest_ = true;
      got = recv(descriptor_, loop_.read_block.data(), loop_.read_block.size(), MSG_DONTWAIT);
      if (got > 0) listener_->OnData({loop_.read_block.data(), static_cast<size_t>(got)});
    }
    if (descriptor_ >= 0 && (pauses_ == 0 || !reading_rest_)) Die();
  }

  // Tells the listener the end and closes.
  void Die() {
    StreamListener* listener = listener_;
    const Error cause = error_number_ == 0
                            ? Error{ErrorCode::kConnectionClosed, "the peer closed the connection"}
                            : Error{ErrorCode::kIo, std::strerror(error_number_)};
    Close();
    if (listener != nullptr) listener->OnClosed(cause);
  }

  void WatchAcks() {
    const Duration timeout = loop_.socket_options.user_timeout;
    if (timeout != Duration::zero()) loop_.Arm(ack_timer_, loop_.Now() + timeout);
  }

  void OnAckTimer() {
    tcp_info info{};
    socklen_t length = sizeof info;
    if (getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return;  // not TCP
    // Segments in flight, or probes of a closed window that nobody answers. What the kernel holds
    // back from a peer that does not read is no sign of anything: its probes, which are answered,
    // come minutes apart in the end.
    const bool unanswered = info.tcpi_unacked > 0 || info.tcpi_probes >= kProbesUnansweredMax;
    switch (acks_.Look(unanswered, std::chrono::milliseconds(info.tcpi_last_ack_recv),
                       loop_.socket_options.user_timeout)) {
      case AckWatch::Verdict::kQuiet:
        if (HasUnsent()) WatchAcks();
        return;
      case AckWatch::Verdict::kWait:
        WatchAcks();
        return;
      case AckWatch::Verdict::kGone:
        error_number_ = ETIMEDOUT;
        Die();
        return;
    }
  }

  // The kernel or this stream holds something back.
  [[nodiscard]] bool HasUnsent() const {
    int unsent = 0;
    return !out_.empty() || (ioctl(descriptor_, SIOCOUTQ, &unsent) == 0 && unsent > 0);
  }

  // libuv (uv__poll_io in src/unix/poll.c) says UV_EBADF and stops polling where the kernel says
  // POLLERR, though there may be something to read; the socket knows the cause.
  void OnPollError() {
    polled_ = 0;
    socklen_t length = sizeof error_number_;
    if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error_number_, &length) != 0) {
      error_number_ = errno;
    }
    broken_ = true;
    out_.Clear();
    OnBroken();
  }

  void OnEvents(int status, int events) {
    if (status < 0) {
      OnPollError();
      return;
    }
    if ((events & UV_WRITABLE) != 0 && !out_.empty()) Flush();
    if ((events & UV_READABLE) != 0 && descriptor_ >= 0 && pauses_ == 0) Read();
  }

  void Flush() {
    while (!out_.empty()) {
      const ssize_t sent = send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        Break(errno);
        return;
      }
      out_.Consume(static_cast<size_t>(sent));
    }
    UpdatePoll();
    if (broken_) return;
    if (finishing_ && out_.empty()) shutdown(descriptor_, SHUT_WR);
    if (tell_drained_ && out_.size() <= Stream::kLowWatermark) {
      tell_drained_ = false;
      if (listener_ != nullptr) listener_->OnDrained();
    }
  }

  void Read() {
    for (int reads = 0; reads < kReadsPerEventMax; ++reads) {
      const ssize_t got = recv(descriptor_, loop_.read_block.data(), loop_.read_block.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got <= 0) {
        error_number_ = got == 0 ? 0 : errno;
        Die();
        return;
      }
      const auto count = static_cast<size_t>(got);
      NoteReceived(count);
      if (listener_ != nullptr) listener_->OnData({loop_.read_block.data(), count});
      // Short: the socket is empty, asking again would only cost a call.
      if (descriptor_ < 0 || broken_ || pauses_ > 0 || count < loop_.read_block.size()) return;
    }
  }

  void NoteReceived(size_t count) {
    received_ += static_cast<uint32_t>(count);
    if (received_ < kBulkBytes) return;
    received_ = kBulkBytes;
    if (!gathering_) SetGathering(true);
    loop_.Arm(timer_, loop_.Now() + kGatherMax);
  }

  void SetGathering(bool gathering) {
    gathering_ = gathering;
    const int least = gathering ? kGatherBytes : 1;
    static_cast<void>(setsockopt(descriptor_, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least));
  }

  void StopGathering() {
    SetGathering(false);
    received_ = 0;
    timer_.Disarm();
  }

  void OnTimer() {
    if (finishing_) {
      Close();
    } else {
      StopGathering();  // the poll tells if there is something
    }
  }

  void UpdatePoll() {
    if (descriptor_ < 0 || broken_) return;
    int wanted = 0;
    if (pauses_ == 0 && (listener_ != nullptr || finishing_)) wanted |= UV_READABLE;
    if (!out_.empty()) wanted |= UV_WRITABLE;
    if (wanted == polled_) return;
    polled_ = static_cast<uint8_t>(wanted);
    if (wanted == 0) {
      uv_poll_stop(&poll_);
    } else {
      uv_poll_start(&poll_, wanted, [](uv_poll_t* handle, int status, int events) {
        static_cast<Handle*>(handle->data)->OnEvents(status, events);
      });
    }
  }

  uv_poll_t poll_{};
  UvEventLoop::Impl& loop_;
  StreamListener* listener_ = nullptr;
  Buffer out_;
  Task broken_task_ = MemberTask<&Handle::OnBroken>(this);
  Timer timer_ = MemberTimer<&Handle::OnTimer>(this);  // of a goodbye, or of gathering
  Timer ack_timer_ = MemberTimer<&Handle::OnAckTimer>(this);
  AckWatch acks_;
  std::unique_ptr<Deletable> kept_;  // by whoever said goodbye, until the end
  Handle** owner_;
  int descriptor_;
  int error_number_ = 0;
  uint32_t received_ = 0;  // since the last Write, up to kBulkBytes
  uint16_t pauses_ = 0;
  uint8_t polled_ = 0;
  bool gathering_ = false;
  bool broken_ = false;
  bool reading_rest_ = false;  // broken, and what came before is being delivered
  bool finishing_ = false;
  bool tell_drained_ = false;
};

std::unique_ptr<Stream> UvStream::Adopt(UvEventLoop::Impl& loop, int descriptor, Address peer) {
  std::unique_ptr<UvStream> stream(std::make_unique<UvStream>(Private{}, std::move(peer)));
  auto handle = std::make_unique<Handle>(loop, descriptor, &stream->handle_);
  stream->handle_ = handle.release();  // frees itself when libuv has closed it
  return stream;
}

UvStream::~UvStream() {
  Close();
}

void UvStream::SetListener(StreamListener& listener) {
  if (handle_ != nullptr) handle_->SetListener(&listener);
}

bool UvStream::Write(std::span<const Chunk> chunks) {
  return handle_ != nullptr && handle_->Write(chunks);
}

size_t UvStream::pending_bytes() const {
  return handle_ != nullptr ? handle_->pending_bytes() : 0;
}

void UvStream::Pause() {
  if (handle_ != nullptr) handle_->Pause();
}

void UvStream::Resume() {
  if (handle_ != nullptr) handle_->Resume();
}

void UvStream::Close() {
  if (handle_ != nullptr) handle_->Close();
}

void UvStream::FinishAndClose(std::unique_ptr<Deletable> kept) {
  if (handle_ != nullptr) handle_->Finish(std::move(kept));
}

Address UvStream::RemoteAddress() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (handle_ == nullptr || peer_.is_unix()) return peer_;
  if (getpeername(handle_->descriptor(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return peer_;
  }
  return FromSockaddr(storage);
}

Address UvStream::LocalAddress() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (handle_ == nullptr) return {};
  if (getsockname(handle_->descriptor(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return {};
  }
  return FromSockaddr(storage);
}

void ApplySocketOptions(int descriptor, const SocketOptions& options) {
  const auto set = [descriptor](int level, int name, int64_t value) {
    const int number = static_cast<int>(value);
    static_cast<void>(setsockopt(descriptor, level, name, &number, sizeof number));
  };
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, duration_cast<seconds>(options.keepalive_idle).count());
  set(IPPROTO_TCP, TCP_KEEPINTVL, duration_cast<seconds>(options.keepalive_interval).count());
  set(IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count);
}

Address FromSockaddr(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    // Not by inet_ntop: it prints by sprintf, and each login needs this.
    const uint32_t host = ntohl(v4.sin_addr.s_addr);
    char* at = text.data();
    for (const uint32_t shift : {24U, 16U, 8U, 0U}) {
      if (shift < 24) *at++ = '.';
      at = std::to_chars(at, text.data() + text.size(), host >> shift & 0xffU).ptr;
    }
    return {std::string(text.data(), at), ntohs(v4.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    std::array<char, IF_NAMESIZE> zone{};
    if (v6.sin6_scope_id != 0 && if_indextoname(v6.sin6_scope_id, zone.data()) != nullptr) {
      return {fmt::format("{}%{}", text.data(), zone.data()), ntohs(v6.sin6_port)};
    }
    return {text.data(), ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace pglynx::net
