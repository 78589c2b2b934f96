#pragma once

// A client of the pooler in the simulation. It speaks the protocol over SimNetwork and checks
// every message that comes back against its own model (client_model.h): its own marker, in
// the right order, with the true transaction status and its own settings. What does not fit
// is reported as I1.
//
// Requests are sent at once, or as soon as it is logged in, so calling twice is pipelining.
// Owner: the simulation. Split over fake_client.cc (requests), fake_client_login.cc,
// fake_client_replies.cc and fake_client_place.cc (where it runs).

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/auth/scram_client.h"
#include "pglynx/handshake/server_error.h"
#include "pglynx/wire/startup.h"
#include "sim/client_model.h"
#include "sim/route_model.h"
#include "sim/sim_network.h"
#include "sim/sim_stream.h"
#include "sim/violations.h"

namespace pglynx::sim {

// What all clients of a simulation share.
struct ClientWorld {
  SimLoop& loop;
  SimNetwork& network;
  Random& random;
  Violations& violations;
  net::Address pooler;
  std::map<std::string, auth::ScramKeys> keys = {};  // PBKDF2 is slow: once for each salt
  uint32_t next_client = 1;
};

struct ClientOptions {
  std::string user = "app";
  std::string database = "app";
  std::string password = "secret";
  wire::StartupParameters settings = {};
  // The same, but said in the parameter `options` as "-c name=value".
  wire::StartupParameters option_settings = {};
  // Sent as they are, and not in its model.
  wire::StartupParameters other_parameters = {};
  // SQLSTATEs that may come at any time.
  std::set<std::string, std::less<>> tolerated = {};
  // The connection may end at any time, with or without a FATAL.
  bool may_be_cut_off = false;
  // The servers of its pool; nullptr: nothing is asked about them.
  const PoolMap* map = nullptr;
};

class FakeClient final : public net::ConnectListener, public net::StreamListener {
 public:
  FakeClient(ClientWorld& world, ClientOptions options);
  ~FakeClient() override;

  void Connect();

  // --- requests ---
  // One Query message with these statements.
  void Query(std::vector<Op> ops);
  enum class BatchEnd : uint8_t { kSync, kFlush, kNothing };
  // One batch of the extended protocol. One that does not end with Sync is not answered to its
  // end until SendSync, and nothing else may be asked for before.
  void Extended(std::vector<Op> ops, BatchEnd end = BatchEnd::kSync);
  void SendSync();
  void FunctionCall();
  // The second half of the oldest COPY IN, which was held (CopyEnd::kHold).
  void FinishCopy();
  // Asks, over a connection of its own, that what it runs now is canceled.
  void CancelMine();
  // A CancelRequest of a stranger.
  void SendCancel(uint32_t pid, std::string_view secret);
  // Terminate.
  void Leave();
  // Reads nothing more of what comes, until ResumeReading.
  void StopReading();
  void ResumeReading();
  // How a client may go without a word.
  enum class Exit : uint8_t { kClose, kReset, kHalfClose };
  // Goes when this many more bytes have been sent; 0: now.
  void Vanish(Exit exit, size_t after_bytes);

  // A server of its pool fails: it may be cut off or told so, if it has it or sends anything
  // before this time.
  void ExcuseUntil(TimePoint end);
  // Its statement begins to run there. `banned_since`: that server's ban; nullopt: it has none.
  // `new_hands`: the session had another client before.
  void OnPlaced(uint32_t statement, Place place, bool new_hands,
                std::optional<TimePoint> banned_since);

  // --- observers ---
  enum class State : uint8_t { kNew, kConnecting, kLogin, kReady, kEnded };
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool ended() const { return state_ == State::kEnded; }
  // Logged in, and everything has been answered.
  [[nodiscard]] bool idle() const { return state_ == State::kReady && batches_.empty(); }
  // It has said goodbye or vanished.
  [[nodiscard]] bool leaving() const { return leaving_; }
  [[nodiscard]] size_t outstanding() const { return batches_.size(); }
  [[nodiscard]] uint32_t number() const { return number_; }
  [[nodiscard]] const ClientModel& model() const { return model_; }
  [[nodiscard]] const PoolMap* map() const { return options_.map; }
  // It may keep its server between transactions.
  [[nodiscard]] bool kept() const { return route_.kept(); }
  // SQLSTATE and text of the last error; empty: none yet.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }
  [[nodiscard]] const std::string& last_error_text() const { return last_error_text_; }
  // SQLSTATE of the FATAL that ended it; empty: none.
  [[nodiscard]] const std::string& fatal() const { return fatal_; }
  [[nodiscard]] uint64_t statements_done() const { return statements_done_; }
  [[nodiscard]] uint64_t errors_seen() const { return errors_seen_; }
  [[nodiscard]] size_t notifications() const { return notifications_; }
  // What a parameter is where this statement runs; nothing, if that is not sure: it is not the
  // first one of a batch, or not all before it has been answered.
  [[nodiscard]] std::optional<std::string> Expected(uint32_t statement,
                                                    std::string_view parameter) const;
  // Adds its last lines to the violations.
  void Explain() const;
  // What the server last reported; empty: nothing.
  [[nodiscard]] std::string Reported(std::string_view name) const;
  // What the server sent before it was logged in: the messages' types.
  [[nodiscard]] const std::string& login_replies() const { return login_replies_; }
  [[nodiscard]] uint32_t cancel_pid() const { return cancel_pid_; }
  [[nodiscard]] const std::string& cancel_secret() const { return cancel_secret_; }
  // When it last sent a request or got a message.
  [[nodiscard]] TimePoint last_progress() const { return last_progress_; }

  // --- ConnectListener ---
  void OnConnected(std::unique_ptr<net::Stream> stream) override;
  void OnConnectFailed(const Error& error) override;
  // --- StreamListener ---
  void OnData(std::span<char> bytes) override;
  void OnDrained() override {}
  void OnClosed(const Error& cause) override;

 private:
  // One reply, or a run of them, that is awaited.
  enum class Part : uint8_t { kParse, kBind, kDescribe, kExecute, kClose, kStatement, kFunction };
  struct Step {
    Part part;
    Op op;
  };
  // What one ReadyForQuery ends.
  struct Batch {
    std::deque<Step> steps;
    bool extended = false;
    bool begun = false;
    bool alone = false;  // nothing else was under way when it was sent
    TimePoint sent_at{};
    bool needs_shard = false;            // one of its statements
    bool is_empty = false;               // a Query without a statement
    bool is_many = false;                // a Query with several
    std::vector<std::string> rows = {};  // of the step under way
    bool described = false;              // its RowDescription or CopyResponse has come
    bool copy_done = false;
    std::string warning = {};  // its SQLSTATE
  };
  class Canceler;

  // --- fake_client.cc ---
  std::string NewMarker();
  void SendBatch(Batch batch, std::string_view bytes);
  void Send(std::string_view bytes);
  void Go();
  // Rows `begin` to `end` of a COPY IN.
  void SendCopyRows(const Op& op, uint32_t begin, uint32_t end);
  void SendCopyEnd(bool extended);
  void SendCopyData(const Batch& batch);

  // --- fake_client_login.cc ---
  void OnLoginMessage(char type, std::string_view body);
  void OnAuthentication(std::string_view body);
  void OnFatal(const handshake::ServerError& error);

  // --- fake_client_replies.cc ---
  void OnMessage(char type, std::string_view body);
  void OnReply(char type, std::string_view body);
  void OnStatementReply(Batch& batch, char type, std::string_view body);
  void OnComplete(Batch& batch, std::string_view tag);
  bool IsAwaited(const Batch& batch, std::string_view sqlstate);
  // --- fake_client_place.cc ---
  void OnCommand(Batch& batch, std::string_view tag);
  // The SQLSTATE that the oldest statement must fail with.
  [[nodiscard]] std::string_view AwaitedError(const Batch& batch) const;
  void Excuse();
  // Where the statement that has just succeeded ran.
  void CheckPlace(const Batch& batch, const Op& op);
  void OnSimpleReply(Batch& batch, char type);
  void OnError(std::string_view body);
  bool IsTolerated(std::string_view sqlstate);
  void OnReady(std::string_view body);
  void OnNotice(std::string_view body);
  void OnNotification(std::string_view body);
  void CheckReported();
  void PopStep(Batch& batch);
  void Complain(std::string_view what);
  // What was sent and heard, for the first violation.
  void Remember(char direction, std::string_view what);
  void End();

  ClientWorld& world_;
  ClientOptions options_;
  const uint32_t number_;
  State state_ = State::kNew;
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<Canceler> canceler_;
  std::optional<auth::ScramClient> scram_;
  std::string input_;
  std::string unsent_;  // until the login is done
  std::deque<Batch> batches_;
  ClientModel model_;
  RouteModel route_;
  std::map<uint32_t, Place> places_;  // by statement, of those that have no answer yet
  std::map<std::string, std::string, std::less<>> reported_;
  uint32_t cancel_pid_ = 0;
  std::string cancel_secret_;
  uint32_t next_statement_ = 1;
  uint32_t cancels_asked_ = 0;
  uint32_t cancels_hit_ = 0;
  std::optional<size_t> vanish_after_;
  Exit exit_ = Exit::kClose;
  bool leaving_ = false;
  TimePoint excused_until_{};
  bool reads_ = true;
  CopyEnd copy_end_ = CopyEnd::kDone;  // of the COPY IN under way
  std::optional<Op> held_copy_;
  std::string login_replies_;
  TimePoint last_progress_{};
  std::deque<std::string> transcript_;  // the last lines
  std::string last_error_;
  std::string last_error_text_;
  std::string fatal_;
  uint64_t statements_done_ = 0;
  uint64_t errors_seen_ = 0;
  size_t notifications_ = 0;
};

}  // namespace pglynx::sim
