#pragma once

// One connection to Postgres.
//
//   kConnecting ─▶ kHandshake ─▶ kExchange (connect_query) ─▶ kPooled ◀─▶ kExchange (reset)
//        │               │                │                      │  └▶ kDraining ─▶┘  │
//        └───────────────┴────────────────┴──────▶ kClosed ◀─────┴────────┴───────────┘
//
// kPooled: idle, or its bytes go to the user that holds the lease. kExchange: it runs
// queries of its own, whose answers are verified. kDraining: what a client left behind is
// cancelled and its answers are thrown away. Owner: its Pool. Reports every end to
// Pool::OnServerGone, exactly once.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/backend/cancel.h"
#include "pglynx/backend/server_launcher.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/pool/pool.h"
#include "pglynx/pool/pooled_server.h"

namespace pglynx::backend {

class ServerConnection final : public pool::PooledServer,
                               public net::ConnectListener,
                               public net::StreamListener,
                               public CancelRequester {
 public:
  ServerConnection(Launcher& launcher, pool::Pool& pool, uint64_t id);
  ~ServerConnection() override;

  void Start();

  // --- PooledServer ---
  void SetUser(pool::ServerUser* user) override { user_ = user; }
  bool Send(std::span<const std::string_view> chunks) override { return stream_->Write(chunks); }
  [[nodiscard]] size_t pending_bytes() const override { return stream_->pending_bytes(); }
  void PauseReading() override { stream_->Pause(); }
  void ResumeReading() override { stream_->Resume(); }
  void Cancel(std::function<void()> done) override;
  void Recycle() override;
  void Check() override;
  void Abandon() override;
  void Close() override;
  [[nodiscard]] bool HasCancelInFlight() const override { return cancels_in_flight_ > 0; }
  [[nodiscard]] std::string Peer() const override { return address_.ToString(); }
  [[nodiscard]] std::string PeerHost() const override;
  [[nodiscard]] uint32_t pid() const override { return pid_; }
  void FillRow(pool::ConnectionRow& row) const override;

  // --- ConnectListener ---
  void OnConnected(std::unique_ptr<net::Stream> stream) override;
  void OnConnectFailed(const Error& error) override;
  // --- StreamListener ---
  void OnData(std::span<char> bytes) override;
  void OnDrained() override;
  void OnClosed(const Error& cause) override;
  // --- CancelRequester ---
  void OnCancelDone() override;

 private:
  enum class Phase : uint8_t { kConnecting, kHandshake, kExchange, kPooled, kDraining, kClosed };
  void OnHandshakeData(std::string_view input);
  void Act(handshake::ServerHandshake::Action action, std::string_view& input);
  void OnNeedKeys(const std::string& salt, uint32_t iterations);
  void OnLoggedIn(std::string_view more);
  // Sends the queries in one write; OnExchangeData verifies that each ends with its tag.
  void StartExchange(std::vector<std::pair<std::string, std::string>> queries_and_tags);
  bool OnExchangeMessage(char type, std::string_view body);
  void OnExchangeDone();
  bool CheckRun(std::string_view run);
  bool OnIdleMessage(char type, std::string_view body);
  bool LearnParameter(std::string_view body);
  // Runs `handle` for every message that the scanner shows, until it returns false.
  using Handler = bool (ServerConnection::*)(char type, std::string_view body);
  void ForEachMessage(std::string_view bytes, Handler handle);
  void OnTimeout();
  // --- server_drain.cc ---
  void FailBatch();
  void CancelAgain();
  void OnDrainTimeout();
  bool OnDrainMessage(char type, std::string_view body);
  void CheckDrained();
  // Ends the connection and tells the pool and the user why.
  void Fail(ErrorCode code, std::string_view what);
  void Gone(const Error& error);

  Launcher& launcher_;
  pool::Pool& pool_;
  pool::ServerUser* user_ = nullptr;
  net::Address address_;  // of this connection; the target may change at a reload
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<handshake::ServerHandshake> handshake_;
  std::unique_ptr<net::OffloadedWork> key_work_;
  std::vector<std::string> expected_tags_;  // of the exchange under way, in order
  size_t tags_seen_ = 0;
  bool discards_all_ = false;   // the exchange has DISCARD ALL
  bool exchange_done_ = false;  // its last reply has come
  std::string cancel_secret_;
  uint32_t pid_ = 0;
  uint32_t cancels_in_flight_ = 0;
  TimePoint abandoned_at_{};  // kDraining: since when
  Duration cancel_pause_{};   // kDraining: before the next cancel
  int64_t connected_at_us_ = 0;
  Phase phase_ = Phase::kConnecting;
  Timer timer_ = MemberTimer<&ServerConnection::OnTimeout>(this);
};

}  // namespace pglynx::backend
