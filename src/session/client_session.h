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
// server), server_relay.cc (server to client), client_state.cc (what statements leave behind)
// and others named by what they are about.
//
// Memory: an idle session owns no buffer; `statements_` is made on first use.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/buffer.h"
#include "pglynx/net/stream.h"
#include "pglynx/routing/session_route.h"
#include "pglynx/session/session_table.h"
#include "pglynx/sql/directive.h"
#include "pglynx/sql/judge.h"
#include "pglynx/sql/simple_forms.h"
#include "pglynx/wire/frame_scanner.h"
#include "session/directive_replies.h"
#include "session/local_statements.h"
#include "session/pending_reset.h"
#include "session/prepared_statements.h"
#include "session/rare_state.h"
#include "session/sql_names.h"
#include "session/state_watch.h"
#include "session/unnamed_statement.h"
#include "session/write_batch.h"

namespace pglynx::session {

class ClientSession final : public net::StreamListener,
                            public pool::ServerUser,
                            public pool::Waiter,
                            public pool::PinWaiter,
                            public MemoryWaiter,
                            public Deletable {
 public:
  struct Birth {
    uint64_t id;
    CancelKey cancel_key;
    std::unique_ptr<net::Stream> stream;
    pool::Pool& pool;
    const routing::Rules& rules;
    pool::ParameterRef parameters;  // what this client asked for, canonical
    int64_t connected_at_us;
  };
  ClientSession(SessionTable& table, Birth birth);
  ~ClientSession() override;

  // Takes over the stream; `unread` is what the client sent behind its login.
  void Start(std::string_view unread);
  // A cancel request for this client arrived; `done` when it has been dealt with.
  void OnCancelRequest(std::function<void()> done);
  // Ends the session with this FATAL as soon as it is between transactions.
  void EndWhenIdle(const Error& error);
  // Ends it now.
  void EndNow(const Error& error);
  void OnSettings() { ArmDueTimer(); }  // the pool's have changed

  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const CancelKey& cancel_key() const { return cancel_key_; }
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
  [[nodiscard]] uint64_t client_id() const override { return id_; }
  // --- PinWaiter ---
  void OnPinFree() override;
  void OnPinRefused(const Error& error) override;
  // --- MemoryWaiter ---
  void OnMemory() override { ResumeClient(kPausedMemory); }
  void OnNoMemory() override { RefuseMemory(); }

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
    kPausedPin = 16,        // as many clients keep a server as may
  };

  // What becomes of a server's message.
  enum class Fate : uint8_t { kForward, kSwallow, kStop };

  // --- client_session.cc ---
  RareState& MakeRare();
  void SetState(State state);
  bool SessionMode() const { return pool_.settings().session_mode; }
  // It keeps its server between transactions.
  [[nodiscard]] bool IsPinned() const {
    return held_ != 0 || (rare_ != nullptr && !rare_->kept_for.empty());
  }
  bool SharesStatements() const { return shares_statements_; }
  // Why it keeps its server between transactions; empty: it does not.
  [[nodiscard]] std::string_view PinReason() const;
  [[nodiscard]] bool IsPinRefused() const {
    return rare_ != nullptr && rare_->pin_refusal != nullptr;
  }
  [[nodiscard]] TimePoint pinned_since() const {
    return rare_ != nullptr ? rare_->pinned_since : TimePoint();
  }
  [[nodiscard]] TimePoint timed_out_at() const {
    return rare_ != nullptr ? rare_->timed_out_at : TimePoint();
  }
  // Whose sequence values a server has: this client's since its last DISCARD ALL.
  [[nodiscard]] uint64_t SequenceOwner() const { return id_ + (uint64_t{discards_} << 40U); }
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
  [[nodiscard]] Due NextDueInTransaction() const;
  void ArmDueTimer();
  void OnDueTimer();
  bool ReplaceCancelError();
  bool Hold(std::string_view bytes);
  void EndMemoryWait();
  void RefuseMemory();
  bool CutOffSlowReader();
  void Inconsistent(std::string_view what);  // this client and its server end, nobody else

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
  // Whether the server's default is only shown until the client's own start value is set again,
  // and the client should see that instead.
  [[nodiscard]] bool IsMadeGood(std::string_view name, std::string_view value) const;
  Fate TellMadeGood(std::string_view name, std::string_view value);
  // What was made good inside a transaction may be rolled back without its RESET.
  void RestoreAfterRollback();
  sql::StateEffects JudgeText(std::string_view text) const;
  void SendHiddenQuery(std::string_view sql);

  // --- client_unsent.cc ---
  // Nothing of this transaction has left, and its server is broken.
  [[nodiscard]] bool MayTakeBack() const;
  void TakeBack();

  // --- client_state.cc ---
  // Whether a statement runs now, or is only prepared.
  enum class Moment : uint8_t { kPrepared, kRuns };
  // Notes what the statement may leave behind. False: it is refused (and denied on the
  // server by `denial`).
  bool Admit(sql::StateEffects effects, std::string_view text, Moment moment, wire::Request denial);
  bool AdmitSequences(sql::StateEffects effects, wire::Request denial);
  void TouchSequences();
  [[nodiscard]] std::optional<Error> StateRefusal(sql::StateEffects effects);
  void NoteState(sql::StateEffects effects, std::string_view text);
  void NoteSettings(sql::StateEffects effects, std::string_view text);
  // The same for set_config($1, …), whose name is in the Bind.
  void NoteBoundSettings(const wire::FrameScanner::Item& bind, std::string_view text,
                         sql::StateEffects effects);
  // The client keeps its server until it leaves.
  void KeepForGood(std::string_view reason);
  // Sends the question what was left behind, if there is one and the transaction will be over.
  void AskBehindBatch() {
    if (watch_ != nullptr) AskBehindEnd();
    batch_effects_ = {};
    batch_status_ = 0;
  }
  void AskBehindEnd();
  bool AskNow();
  void OnAnswer(char status);
  void LearnSettings(const std::vector<StateWatch::Setting>& settings);
  void SetHeld(uint8_t held);
  // It does, or the answer is on its way.
  [[nodiscard]] bool MayHoldState() const {
    return IsPinned() || (watch_ != nullptr && (watch_->owes() || watch_->asking()));
  }
  void TakePin();
  void ReturnPin();
  void NoteSearchPath();
  // Statements that are known to leave state, of a client that has no pin: whether it must wait.
  bool MustWaitForPin(const wire::FrameScanner::Item& item);
  void ReservePin(const wire::FrameScanner::Item& item);
  [[nodiscard]] sql::StateEffects EffectsOf(const wire::FrameScanner::Item& item) const;
  // currval and lastval: at the server that has this client's values, or nowhere.
  bool TakeSequenceServer(const wire::FrameScanner::Item& item, bool* denied);
  // Defaults of the servers have changed since this client was told.
  void FollowDefaults();
  // A statement of this transaction may have set parameters.
  [[nodiscard]] bool MayHaveChangedSettings() const;
  // Makes the server fail in place of a message that is refused, so that both sides agree on
  // the transaction; its error is replaced by `error`.
  void DenyOnServer(wire::Request denial, Error error);
  void Deny(wire::Request denial, const std::string& message, Error error);
  void FlushToServer();
  // Answers a message that has no server: the error, and ReadyForQuery or skipping to Sync.
  void DenyWithoutServer(const wire::FrameScanner::Item& item, const Error& error);

  // --- client_route.cc ---
  // A server for the transaction that this message begins, of the shard and role that are wanted.
  pool::Pool::Outcome AcquireRouted(const wire::FrameScanner::Item& item);
  [[nodiscard]] std::string_view StatementOf(const wire::FrameScanner::Item& item) const;
  // A command that chooses a shard or a role, or asks for it: it needs no server. True: answered.
  bool AnsweredDirective(const wire::FrameScanner::Item& item);
  void RefuseLocally(const Error& error);
  bool ExecuteDirective(const sql::Directive& directive,
                        const std::optional<routing::BoundValue>& bound, bool described);
  // Of a transaction that has a server: a statement that needs a shard where none is chosen.
  [[nodiscard]] std::optional<Error> ShardRefusal(std::string_view text);
  // False: the statement that is bound needs a shard, and none is chosen: it is refused.
  bool ChecksShardOfBind(const wire::FrameScanner::Item& item) {
    if (pool_.cluster == nullptr || shard_bound_) return true;
    return !RefusesShardOfBind(item);
  }
  bool RefusesShardOfBind(const wire::FrameScanner::Item& item);
  // A command where a server is held: true if it has to wait until that has been given back.
  bool WaitsToChoose(const wire::FrameScanner::Item& item);
  // A command inside of a transaction, or a Query that needs a shard where none is chosen.
  std::optional<Error> RouteRefusal(const wire::FrameScanner::Item& item, std::string_view text);
  bool RefusesRoute(const wire::FrameScanner::Item& item, std::string_view text,
                    wire::Request denial);
  [[nodiscard]] bool MayRefuseRoute(std::string_view text) const {
    return MayBeDirective(text) || (pool_.cluster != nullptr && !shard_bound_);
  }
  // False: an error was told.
  bool HintsAt(std::string_view text);
  // Gives the server back for a command that waits, which is looked at again.
  void GiveBackToChoose();
  void EndRoute();
  // --- client_directives.cc ---
  bool AnsweredLocalStatement(const wire::FrameScanner::Item& item);
  [[nodiscard]] bool UsesLocalStatement(const wire::FrameScanner::Item& item) const;
  std::optional<Error> ParseLocally(const wire::FrameScanner::Item& item);
  std::optional<Error> BindLocally(const wire::FrameScanner::Item& item);
  [[nodiscard]] std::optional<sql::Directive> LocalDirective(std::string_view statement) const;
  void DescribeLocally(const wire::FrameScanner::Item& item);
  bool ExecuteLocally(const wire::FrameScanner::Item& item);
  void CloseLocally(const wire::FrameScanner::Item& item);

  // --- client_statements.cc ---
  void NoteResetsIn(std::string_view contents, sql::StateEffects effects);
  bool ParsedWithoutServer(const wire::FrameScanner::Item& item);
  [[nodiscard]] bool MustWaitForAnswers(const wire::FrameScanner::Item& item) const;
  [[nodiscard]] bool UsesName(const wire::FrameScanner::Item& item) const;
  void OnParse(const wire::FrameScanner::Item& item);
  // `contents`: the body behind the name, as the server is to get it.
  void OnNamedParse(const wire::FrameScanner::Item& item, std::string_view name,
                    std::string_view contents, sql::StateEffects effects);
  void OnBind(const wire::FrameScanner::Item& item);
  bool BindNamed(const wire::FrameScanner::Item& item, std::string_view name, size_t name_at);
  void OnDescribe(const wire::FrameScanner::Item& item);
  void OnCloseStatement(const wire::FrameScanner::Item& item);
  // The statement's name on this server, prepared there if it was not. Empty: unknown to
  // the client.
  std::string_view NameOnServer(std::string_view name);
  void EnsureOnServer(const pool::Statement& statement);
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
  // --- client_local.cc ---
  [[nodiscard]] char LocalStatus() const;
  void AnswerLocally(std::string_view tag);
  bool AnsweredWithoutServer(const wire::FrameScanner::Item& item);
  bool Deferred(std::string_view text, const sql::SimpleForm& form);
  bool EndedDeferred(const sql::SimpleForm& form);
  void EndDeferred();
  void SendDeferred();
  bool AnsweredAborted(const wire::FrameScanner::Item& item);
  [[nodiscard]] bool EndsTransaction(std::string_view text) const;
  [[nodiscard]] bool MayLeaveAborted(std::string_view text) const;
  void RefuseAborted();
  bool SetLocally(const sql::SimpleForm& form);
  bool ShownLocally(const sql::SimpleForm& form);
  void NoteSet(std::string_view text);
  void LearnSet();
  bool DiscardedLocally();
  static constexpr size_t kLearnedBytesMax = 256;
  // A statement that fails on every server, in place of one that is refused here. Postgres
  // understands its grammar, so that in a failed transaction it says 25P02, as it would have.
  static constexpr std::string_view kFailingSql = "SELECT pglynx_refused_this_statement";
  // The same in place of a text that would have left a failed transaction.
  static constexpr std::string_view kFailingEnd = "ROLLBACK TO pglynx_refused_this_statement";
  // --- client_sql_names.cc ---
  class NameRewriter;
  bool SentRenamed(std::string_view text, sql::StateEffects effects);
  [[nodiscard]] bool LacksAny(const std::vector<pool::StatementRef>& needed);
  void NoteUnrenamed(sql::StateEffects effects);
  void SetUpOnServer(const pool::Statement& statement);
  static Error TooManyStatements(uint32_t most);
  std::string_view OnRenamedTag(std::string_view tag);
  // The same for Parse, Bind and Execute.
  void RenameParse(std::string& contents, sql::StateEffects effects);
  void NoteShift(std::string_view text, sql::StateEffects effects);
  [[nodiscard]] bool HasShifts() const { return notes_ != nullptr && !notes_->shifts.empty(); }
  bool PrepareRenamed(std::string_view text, sql::StateEffects effects, Moment moment);
  bool MakePrepared(std::string_view text, NameChange& change);
  void MakeStatementFor(std::string_view name, bool exists);
  void EnsureExecuted(std::string_view text, sql::StateEffects effects);
  std::string_view Carry(NameChange& change);
  // --- client_retry.cc ---
  // A batch outside of a transaction, kept until it is answered.
  void KeepBatch(const wire::FrameScanner::Item& sync);
  [[nodiscard]] bool MayRetry() const;
  // True: the batch will be sent again and nobody is told.
  bool OnStalePlan(wire::Request head, uint64_t number);
  void Retry();
  // The client knows an earlier result of it: whether it is told the new one.
  void NoteUse(const pool::Statement* statement, std::string_view name);
  RequestNotes& Notes();
  void SettleNotes(char status);
  void NoteResult(uint64_t number, std::string_view body);
  void CompareResult(std::string_view body);
  bool MustCompareResult(const wire::FrameScanner::Item& item);
  bool RenewStale(const wire::FrameScanner::Item& item, std::string_view name);
  // --- server_relay.cc ---
  Fate OnServerMessage(char* bytes, const wire::FrameScanner::Item& item);
  void OnHiddenReply(wire::Request head, char type, std::string_view body, char status);
  [[nodiscard]] bool IsDoneWithServer() const;
  Fate OnServerError(const wire::FrameScanner::Item& item);
  Fate OnDeniedError(const wire::FrameScanner::Item& item);
  // A Parse that was not sent is answered by the reply behind it: an error that it would have met
  // is told in its place.
  void TellHeldParse();
  void KeepSetupError(const wire::FrameScanner::Item& item);
  bool FailsHeldParse(wire::Request head, uint64_t number, std::string_view error);
  Fate OnParameterStatus(std::string_view body, bool hidden);
  void LearnDefault(std::string_view name, std::string_view value, bool hidden);
  std::string_view OnCommandTag(std::string_view tag);
  Fate ShowError(const wire::FrameScanner::Item& item);
  void GatherError(std::string_view bytes);
  void AppendError(std::string_view whole);
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
  void SendMarker();
  void DrainFurther();
  void ServerBroken(const Error& error);

  SessionTable& table_;
  pool::Pool& pool_;
  const routing::Rules& rules_;
  routing::SessionRoute route_;
  std::unique_ptr<LocalStatements> local_statements_;  // nullptr: none
  std::unique_ptr<net::Stream> stream_;
  Buffer input_;                // what could not be handled yet
  wire::FrameScanner scanner_;  // of the client's stream
  pool::Lease lease_;
  pool::ParameterRef wanted_;   // this client's settings now
  pool::ParameterRef initial_;  // those it logged in with; what RESET goes back to
  std::unique_ptr<PreparedStatements> statements_;
  std::unique_ptr<UnnamedStatement> unnamed_;  // nullptr: it never had one
  pool::ParameterRef defaults_;                // the servers' defaults as this client was told
  std::unique_ptr<DeferredBegin> deferred_;
  std::unique_ptr<RequestNotes> notes_;                // nullptr: none
  std::unique_ptr<StateWatch> watch_;                  // nullptr: nothing was ever left behind
  std::unique_ptr<PendingReset> restored_;             // all that was made good in this transaction
  std::unique_ptr<std::vector<PendingReset>> resets_;  // to be made good, in the order sent
  std::unique_ptr<RareState> rare_;                    // nullptr: it never had any of it
  uint64_t id_;
  int64_t connected_at_us_;
  TimePoint request_at_{};  // first message of the request under way
  TimePoint transaction_at_{};
  TimePoint query_at_{};              // the server was last asked for something, owing nothing
  TimePoint quiet_since_{};           // the client's last message, or the end of its last reply
  const char* kept_begin_ = nullptr;  // of the batch that may be kept, in the bytes being handled
  uint64_t comparing_ = 0;            // the statement whose result is being compared
  uint64_t error_request_ = 0;        // whose error is being told
  uint64_t behind_parse_ = 0;         // the request behind a Parse whose answer is held; 0: none
  uint64_t sequence_server_ = 0;      // where it last changed a sequence; 0: nowhere
  Timer due_timer_ = MemberTimer<&ClientSession::OnDueTimer>(this);
  const CancelKey cancel_key_;
  // As the pool was at the login: names that exist already do not change sides at a reload.
  const bool shares_statements_;
  uint32_t ready_owed_ = 0;                // ReadyForQuery that the client still awaits
  uint32_t swallow_bytes_ = 0;             // rest of a server message that is not passed on
  uint32_t drop_bytes_ = 0;                // rest of a client message that is not passed on
  uint32_t discards_ = 0;                  // DISCARD ALL so far; see SequenceOwner
  sql::StateEffects transaction_effects_;  // of the statements of this transaction
  sql::StateEffects batch_effects_;        // of those since the last Query or Sync
  uint8_t held_ = 0;                       // HeldState bits, as last answered; kHoldsUnknown
  char batch_status_ = 0;                  // the transaction's when the batch began; 0: not known
  State state_ = State::kIdle;
  uint8_t pauses_ = 0;          // PauseCause bits
  uint8_t unsent_tries_ = 0;    // servers that broke before they were sent anything
  bool nothing_sent_ = false;   // its server has been sent nothing since it was given
  bool unsent_due_ = false;     // what was handled last is to be handled again
  bool server_paused_ = false;  // the client does not take more
  bool skip_to_sync_ = false;   // an extended message was denied without a server
  bool request_open_ = false;
  bool transaction_open_ = false;
  bool server_fatal_seen_ = false;  // the client has been told FATAL by the server
  bool terminate_seen_ = false;
  bool told_standby_;               // the last in_hot_standby that the client was told
  bool rolled_back_ = false;        // ROLLBACK was answered since the last ReadyForQuery
  bool keeps_batch_ = false;        // the server's kept_batch is the one under way
  bool retry_due_ = false;          // the batch under way has failed and is to be sent again
  bool retrying_ = false;           // it is being sent again
  bool failed_before_end_ = false;  // the last deferred transaction had
  bool temporary_path_ = false;     // its search_path names the schema of temporary objects
  bool has_pin_ = false;            // one of the pool's max_pinned is its own
  bool scrub_ = false;              // the server is to be reset when this client gives it back
  bool choice_due_ = false;         // a command waits until the server has been given back
  bool shard_bound_ = false;        // some statement of this transaction needs its shard
  bool names_dropped_ = false;      // DEALLOCATE ALL or DISCARD ALL was sent and not answered
};

}  // namespace pglynx::session
