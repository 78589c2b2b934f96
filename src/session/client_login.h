#pragma once

// A connection from its first byte to its first ReadyForQuery, or to the end of its cancel.
//
//   kHandshake ─▶ kProof ─▶ kSettings ─▶ becomes a ClientSession
//        │           │          │  a server is needed only if the pool's welcome is unknown
//        ▼           ▼          ▼  or a startup parameter's value has not been seen before
//     kCancel ────▶ over ◀──────┘
//
// Owner: SessionTable; it lives only this long, so that an idle client pays nothing for it.
// Bounds: client_login_timeout over all of it; kUnreadBytesMax of what the client sends ahead.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/handshake/client_handshake.h"
#include "pglynx/handshake/server_error.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/pool/pool.h"
#include "pglynx/session/session_table.h"

namespace pglynx::session {

class ClientLogin final : public net::StreamListener,
                          public pool::Waiter,
                          public pool::ServerUser,
                          public ListNode<ClientLogin, UnstartedLogins>,
                          public Deletable {
 public:
  static constexpr size_t kUnreadBytesMax = size_t{16} * 1024;
  static constexpr size_t kSettingsReplyBytesMax = size_t{1} << 20U;

  ClientLogin(SessionTable& table, uint64_t id, std::unique_ptr<net::Stream> stream);
  ~ClientLogin() override;

  void Start();
  // Closes it without a word, for others that may have something to say.
  void Evict();
  // Ends it; the cancel it carried has been dealt with, or the pooler stops.
  void Finish();

  [[nodiscard]] uint64_t id() const { return id_; }
  // Counts against max_client_conn: it said that it wants a session.
  [[nodiscard]] bool started() const { return started_; }

  // --- StreamListener ---
  void OnData(std::span<char> bytes) override;
  void OnDrained() override {}
  void OnClosed(const Error& cause) override;
  // --- Waiter ---
  void OnLease(pool::Lease lease) override;
  void OnWaitFailed(const Error& error) override { Fatal(error); }
  void OnLongWait(std::string_view reason) override;
  [[nodiscard]] uint64_t client_id() const override { return id_; }
  // --- ServerUser ---
  void OnServerData(std::span<char> bytes) override;
  void OnServerDrained() override {}
  void OnServerClosed(const Error& cause) override;

 private:
  enum class Phase : uint8_t { kHandshake, kProof, kSettings, kCancel, kOver };

  void ConsumeUnread();
  void Act(handshake::ClientHandshake::Action action);
  void OnStartup();
  bool HandOverToConsole();
  // The plan for this user, or nullopt while its verifier is being made.
  std::optional<handshake::AuthPlan> Plan();
  void MakeVerifierOffLoop();
  void OnAuthenticated(const std::optional<auth::ScramKeys>& keys);
  Status CollectSettings();
  void ContinueWithSettings();
  [[nodiscard]] bool AllSettingsKnown() const;
  void AskServer();
  bool OnSettingsReply(char type, std::string_view body);
  void OnSettingsDone();
  const pool::Pool::Greeting* Greet();
  void Complete();
  void OnTimeout();
  void Fatal(const Error& error);
  void Write(std::string_view bytes) {
    if (!bytes.empty()) stream_->Write(bytes);
  }

  SessionTable& table_;
  uint64_t id_;
  std::unique_ptr<net::Stream> stream_;
  handshake::ClientHandshake handshake_;
  std::string unread_;    // what the client sent and nobody has read yet
  std::string greeting_;  // what the client is sent in one write when the login is done
  std::unique_ptr<net::OffloadedWork> verifier_work_;
  pool::Pool* pool_ = nullptr;
  pool::Lease lease_;
  wire::StartupParameters settings_;  // what the client asked for, the last value of each
  std::vector<size_t> asked_;         // indices into settings_, in the order asked
  size_t answered_ = 0;
  std::string reply_;          // of the server, so far
  pool::Parameter canonical_;  // of the setting being answered
  std::optional<handshake::ServerError> refused_;
  Phase phase_ = Phase::kHandshake;
  bool started_ = false;
  bool heard_ = false;  // the client has sent something
  bool paused_ = false;
  Timer timer_ = MemberTimer<&ClientLogin::OnTimeout>(this);
};

}  // namespace pglynx::session
