#include "pglynx/backend/cancel.h"

#include "pglynx/wire/startup.h"

namespace pglynx::backend {

class CancelSender final : public net::ConnectListener,
                           public net::StreamListener,
                           public Deletable {
 public:
  CancelSender(CancelSenders& owner, CancelRequester& requester, std::string message,
               std::function<void()> done)
      : owner_(owner),
        requester_(&requester),
        message_(std::move(message)),
        done_(std::move(done)) {}

  void Forget(const CancelRequester& requester) {
    if (requester_ == &requester) requester_ = nullptr;
  }

  void Start(const net::Address& address, Duration timeout) {
    owner_.loop_.Arm(timer_, DeadlineAfter(owner_.loop_.Now(), timeout));
    connect_ = owner_.connector_.Connect(address, *this);
  }

  void OnConnected(std::unique_ptr<net::Stream> stream) override {
    stream_ = std::move(stream);
    stream_->SetListener(*this);
    stream_->Write(message_);
  }
  void OnConnectFailed(const Error&) override { End(); }
  void OnData(std::span<char>) override {}  // Postgres answers nothing
  void OnDrained() override {}
  void OnClosed(const Error&) override { End(); }

 private:
  void End() {
    timer_.Disarm();
    connect_.reset();
    if (stream_ != nullptr) stream_->Close();
    const std::function<void()> done = std::move(done_);
    owner_.Remove(*this);
    if (requester_ != nullptr) requester_->OnCancelDone();
    done();
  }

  CancelSenders& owner_;
  CancelRequester* requester_;
  std::string message_;
  std::function<void()> done_;
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  Timer timer_ = MemberTimer<&CancelSender::End>(this);
};

CancelSenders::CancelSenders(net::EventLoop& loop, net::Connector& connector)
    : loop_(loop), connector_(connector) {}

CancelSenders::~CancelSenders() = default;

void CancelSenders::Start(const Request& request, CancelRequester& requester,
                          std::function<void()> done) {
  std::string message;
  wire::AppendCancelRequest(message, request.pid, request.secret);
  auto sender =
      std::make_unique<CancelSender>(*this, requester, std::move(message), std::move(done));
  CancelSender& started = *sender;
  senders_.emplace(&started, std::move(sender));
  started.Start(request.address, request.timeout);
}

void CancelSenders::Forget(const CancelRequester& requester) {
  for (const auto& [sender, owned] : senders_) sender->Forget(requester);
}

void CancelSenders::Remove(CancelSender& sender) {
  const auto found = senders_.find(&sender);
  loop_.DeferDelete(std::move(found->second));
  senders_.erase(found);
}

}  // namespace pglynx::backend
