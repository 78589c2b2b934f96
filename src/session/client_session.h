#pragma once

// One logged-in client: what it sends, which server it holds, what comes back.
//
//            ┌──────────────── server released ────────────────┐
//            ▼                                                  │
//   kIdle ── message that needs a server ──▶ kWaiting ──lease──▶ kActive
//     │              └── a server is free ─────────────────────▶ │
//     │                                                          │ Terminate while replies
//     └──────────▶ kClosed ◀──────────────────────────────────── │ are owed
//                     ▲                                          ▼
//                     └───────────── all replies came ──────── kDraining
//
// Owner: SessionTable. It ends itself through SessionTable::Remove, which defers deletion
// to the end of the turn. Split over client_session.cc (states), client_relay.cc (client to
// server) and server_relay.cc (server to client).
//
// Memory: an idle session owns no buffer; `statements_` is made on first use.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/buffer.h"
#include "pglynx/net/stream.h"
#include "pglynx/pool/pool.h"
#include "pglynx/session/session_table.h"
#include "pglynx/sql/judge.h"
#include "pglynx/sql/resets.h"
#include "pglynx/wire/frame_scanner.h"
#include "session/prepared_statements.h"
#include "session/unnamed_statement.h"
#include "session/write_batch.h"

namespace pglynx::session {

class ClientSession final : public net::StreamListener,
                            public pool::ServerUser,
                            public pool::Waiter,
                            public MemoryWaiter,
                            public Deletable {
 public:
  struct Birth {
    uint64_t id;
    uint32_t cancel_pid;
    std::string cancel_secret;
    std::unique_ptr<net::Stream> stream;
    pool::Pool& pool;
    pool::ParameterRef parameters;  // what this client asked for, canonical
    int64_t connected_at_us;
  };
  ClientSession(SessionTable& table, Birth birth);
  ~ClientSession() override;

  // Takes over the stream; `unread` is what the client sent behind its login.
  void Start(std::string_view unread);

  // A cancel request for this client arrived; `done` when it has been dealt with.
  void OnCancelRequest(std::function<void()> done);
  // Ends the session with this FATAL: at once if it is between transactions, else when it
  // is.
  void EndWhenIdle(const Error& error);
  // Ends it now.
  void EndNow(const Error& error);
  // The pool's settings have changed.
  void OnSettings() { ArmDueTimer(); }

  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] uint32_t cancel_pid() const { return cancel_pid_; }
  [[nodiscard]] const std::string& cancel_secret() const { return cancel_secret_; }
  pool::Pool& pool() { return pool_; }
  void FillRow(pool::ConnectionRow& row) const;

  // --- StreamListener: the client ---
  void OnData(std::span<char> bytes) override;
  void OnDrained() override;
  void OnClosed(const Error& cause) override;
  // --- ServerUser ---
  void OnServerData(std::span<char> bytes) override;
  void OnServerDrained() override;
  void OnServerCancelsDone() override;
  void OnServerClosed(const Error& cause) override;
  // --- Waiter ---
  void OnLease(pool::Lease lease) override;
  void OnWaitFailed(const Error& error) override;
  void OnLongWait(std::string_view reason) override;
  // --- MemoryWaiter ---
  void OnMemory() override { ResumeClient(kPausedMemory); }
  void OnNoMemory() override { RefuseMemory(); }
  // --- Waiter ---
  [[nodiscard]] uint64_t client_id() const override { return id_; }

 private:
  enum class State : uint8_t {
    kIdle,      // holds no server; the stream is read
    kWaiting,   // in the pool's line; the stream is read into input_, up to a bound
    kActive,    // holds a server
    kDraining,  // said Terminate; its server finishes what was sent
    kClosed,    // over; deleted at the end of the turn
  };
  // Why reading the client is paused; each at most once.
  enum PauseCause : uint8_t {
    kPausedWaiting = 1,     // input_ is full while it waits
    kPausedServerFull = 2,  // the server does not take more
    kPausedPipeline = 4,    // too many requests without a reply, or it depends on one
    kPausedMemory = 8,      // all clients together hold too much
  };

  // What RESET took back to the server's default, and is to be made good.
  struct PendingReset {
    uint32_t replies_left;  // ReadyForQuery up to and including its own
    bool committed;         // a COMMIT was answered behind a part of it
    bool failed;            // then an error took back what came after that
    bool rolled_back;       // a ROLLBACK was answered behind it
    sql::Resets resets;
  };

  // --- client_session.cc ---
  void SetState(State state);
  bool SessionMode() const { return pool_.settings().session_mode; }
  // Whether statements of this client are renamed and shared.
  bool SharesStatements() const { return shares_statements_; }
  // Why it keeps its server between transactions; empty: it does not.
  [[nodiscard]] std::string_view PinReason() const;
  void Attach(pool::Lease lease);
  void PauseClient(PauseCause cause);
  void ResumeClient(PauseCause cause);
  // Tells the client FATAL and ends.
  void Fatal(const Error& error);
  // Gives everything back; the client has been told or is gone.
  void Finish();
  void GiveServerBack();
  [[nodiscard]] bool InsideServerMessage() const;
  void ForwardCancels();
  void Log(LogLevel level, std::string_view message, std::string_view cause) const;

  // --- client_timeouts.cc ---
  enum class Reason : uint8_t {
    kClientIdle,
    kIdleInTransaction,
    kTransaction,
    kQuery,
    kCancelIgnored,
  };
  struct Due {
    TimePoint at;
    Reason reason;
  };
  [[nodiscard]] Due NextDue() const;
  void ArmDueTimer();
  void OnDueTimer();
  bool ReplaceCancelError();
  bool Hold(std::string_view bytes);
  void EndMemoryWait();
  void RefuseMemory();
  bool CutOffSlowReader();
  // A state that should not exist: this client and its server end, everybody else goes on.
  void Inconsistent(std::string_view what);

  // --- client_relay.cc ---
  // Handles whole messages of `bytes`; returns how many bytes it is done with.
  size_t ConsumeInput(std::string_view bytes);
  void ConsumeHeldInput();
  // False: the message must wait for a server and stays in the input.
  bool OnClientMessage(const wire::FrameScanner::Item& item);
  // Messages that need no server when none is held. True: dealt with.
  bool HandledWithoutServer(const wire::FrameScanner::Item& item);
  // True: a server is held now. False: waiting, or the message was denied (then *denied).
  bool AcquireServer(const wire::FrameScanner::Item& item, bool* denied);
  void PrepareServer();
  void ForwardClientMessage(const wire::FrameScanner::Item& item);
  void OnQuery(const wire::FrameScanner::Item& item);

  // RESET in Postgres goes back to the values of the startup packet, which our server never
  // saw: they are set again when it has succeeded, before anything else, in its transaction.
  void NoteResets(std::string_view text, sql::StateEffects effects);
  void CountReadyForResets();
  void RestoreAfterReset();
  void Restore(const PendingReset& pending);
  // What was made good inside a transaction may be rolled back without its RESET.
  void RestoreAfterRollback();
  sql::StateEffects JudgeText(std::string_view text) const;
  // Notes what the statement may leave behind. False: it is refused (and denied on the
  // server by `denial`).
  bool Admit(sql::StateEffects effects, wire::Request denial);
  void Pin(std::string_view reason);
  void SendHiddenQuery(std::string_view sql);
  // Makes the server fail in place of a message that is refused, so that both sides agree on
  // the transaction; its error is replaced by `error`.
  void DenyOnServer(wire::Request denial, Error error);
  void DenyUnknownStatement(std::string_view name);
  void Deny(wire::Request denial, const std::string& message, Error error);
  void FlushToServer();
  // Answers a message that has no server: the error, and ReadyForQuery or skipping to Sync.
  void DenyWithoutServer(const wire::FrameScanner::Item& item, const Error& error);

  // --- client_statements.cc ---
  void NoteResetsIn(std::string_view contents, sql::StateEffects effects);
  bool ParsedWithoutServer(const wire::FrameScanner::Item& item);
  [[nodiscard]] bool MustWaitForAnswers(const wire::FrameScanner::Item& item) const;
  void OnParse(const wire::FrameScanner::Item& item);
  void OnNamedParse(std::string_view name, std::string_view contents, sql::StateEffects effects);
  void OnBind(const wire::FrameScanner::Item& item);
  void OnDescribe(const wire::FrameScanner::Item& item);
  void OnCloseStatement(const wire::FrameScanner::Item& item);
  // The statement's name on this server, prepared there if it was not. Empty: unknown to
  // the client.
  std::string_view NameOnServer(std::string_view name);
  void EnsureUnnamedStatement();
  [[nodiscard]] UnnamedStatement::Place NextRequest() const;
  // A Close or a Query drops it.
  void DropUnnamedStatement();
  // DEALLOCATE ALL and DISCARD ALL: which names exist is known when they have been answered.
  void NoteDroppedNames(sql::StateEffects effects) {
    names_dropped_ = names_dropped_ || effects.Has(sql::StateEffect::kDeallocateAll) ||
                     effects.Has(sql::StateEffect::kDiscard);
  }
  void OnUnnamedParse(std::string_view contents, sql::StateEffects effects);
  void SendHiddenClose(std::string_view name);
  // Adds the message with its statement name replaced.
  void AddRenamed(const wire::FrameScanner::Item& item, size_t name_at, size_t name_bytes,
                  std::string_view new_name);
  // --- server_relay.cc ---
  enum class Fate : uint8_t { kForward, kSwallow, kStop };
  Fate OnServerMessage(char* bytes, const wire::FrameScanner::Item& item);
  Fate OnServerError(const wire::FrameScanner::Item& item);
  Fate OnParameterStatus(std::string_view body, bool hidden);
  void OnCommandTag(std::string_view tag);
  // A ROLLBACK, or a RESET, was answered in the batch whose ReadyForQuery comes next.
  void NoteForResets(bool rolled_back);
  void OnReadyForQuery(char status);
  // `denials_shown`: how many of the denied requests struck out get their error shown.
  void TakeBackStruck(uint32_t denials_shown);
  // Sends what has been gathered for the client.
  void ForwardToClient();
  // A message of our own, to be filled in now and sent with the next ForwardToClient.
  std::string& NewLocalReply();
  void AfterReplies();
  void DrainFurther();
  void ServerBroken(const Error& error);

  SessionTable& table_;
  pool::Pool& pool_;
  std::unique_ptr<net::Stream> stream_;
  Buffer input_;                // what could not be handled yet
  wire::FrameScanner scanner_;  // of the client's stream
  pool::Lease lease_;
  pool::ParameterRef wanted_;   // this client's settings now
  pool::ParameterRef initial_;  // those it logged in with; what RESET goes back to
  std::unique_ptr<PreparedStatements> statements_;
  std::unique_ptr<UnnamedStatement> unnamed_;          // nullptr: it never had one
  std::unique_ptr<PendingReset> restored_;             // all that was made good in this transaction
  std::unique_ptr<std::vector<PendingReset>> resets_;  // to be made good, in the order sent
  std::unique_ptr<std::vector<Error>> denied_;         // errors that replace the server's, in order
  std::vector<std::function<void()>> cancels_;         // that wait for our own settings to be made
  std::unique_ptr<Error> end_with_;                    // FATAL to be told when it is idle
  std::string cancel_secret_;
  uint64_t id_;
  int64_t connected_at_us_;
  TimePoint request_at_{};  // first message of the request under way
  TimePoint transaction_at_{};
  TimePoint query_at_{};      // the server was last asked for something, owing nothing
  TimePoint quiet_since_{};   // the client's last message, or the end of its last reply
  TimePoint timed_out_at_{};  // query_timeout has cancelled what runs now
  Timer due_timer_ = MemberTimer<&ClientSession::OnDueTimer>(this);
  uint32_t cancel_pid_;
  // As the pool was at the login: names that exist already do not change sides at a reload.
  const bool shares_statements_;
  uint32_t ready_owed_ = 0;      // ReadyForQuery that the client still awaits
  uint32_t swallow_bytes_ = 0;   // rest of a server message that is not passed on
  uint32_t drop_bytes_ = 0;      // rest of a client message that is not passed on
  std::string_view pin_reason_;  // static text; empty: not pinned
  State state_ = State::kIdle;
  uint8_t pauses_ = 0;          // PauseCause bits
  bool server_paused_ = false;  // the client does not take more
  bool skip_to_sync_ = false;   // an extended message was denied without a server
  bool request_open_ = false;
  bool transaction_open_ = false;
  bool server_fatal_seen_ = false;  // the client has been told FATAL by the server
  bool terminate_seen_ = false;
  bool told_standby_;           // the last in_hot_standby that the client was told
  bool rolled_back_ = false;    // ROLLBACK was answered since the last ReadyForQuery
  bool names_dropped_ = false;  // DEALLOCATE ALL or DISCARD ALL was sent and not answered
};

}  // namespace pglynx::session
