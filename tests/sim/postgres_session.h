#pragma once

// One connection to FakePostgres: login, the simple and the extended protocol, COPY, and the
// state in between ("Message Flow" in the manual). Built on the product's wire module.
// Split over postgres_session.cc (messages), postgres_login.cc, postgres_statements.cc and
// postgres_objects.cc.
//
// Owner: FakePostgres. It ends itself through FakePostgres::Remove.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/auth/scram_server.h"
#include "pglynx/core/bytes.h"
#include "pglynx/net/stream.h"
#include "pglynx/wire/message_writer.h"
#include "sim/fake_postgres.h"
#include "sim/mini_sql.h"
#include "sim/session_state.h"

namespace pglynx::sim {

class PostgresSession final : public net::StreamListener, public Deletable {
 public:
  PostgresSession(FakePostgres& server, uint64_t id, std::unique_ptr<net::Stream> stream);
  ~PostgresSession() override;
  void Start() { stream_->SetListener(*this); }

  // --- StreamListener ---
  void OnData(std::span<char> bytes) override;
  void OnDrained() override;
  void OnClosed(const Error& cause) override;

  // --- for the server ---
  void OnCancel();
  void OnLockGranted();
  void OnNotification(const std::string& channel, uint32_t sender);
  // How a session may end of itself.
  enum class Death : uint8_t { kFatal, kClose, kReset };
  void Die(Death death);
  [[nodiscard]] uint32_t pid() const { return pid_; }
  [[nodiscard]] const std::string& secret() const { return secret_; }
  // Something of a client is here: a transaction, state, or a request under way.
  [[nodiscard]] bool IsDirty() const;
  [[nodiscard]] bool hangs() const { return hangs_; }
  SessionState& state() { return state_; }

 private:
  enum class Phase : uint8_t { kStartup, kMd5, kSaslInitial, kSaslResponse, kLoginDelay, kReady };
  // A statement that runs, by a Query or by an Execute.
  struct Running {
    MiniStatement statement;
    std::vector<std::string> parameters;
    bool extended = false;
    std::string portal;
    uint32_t rows_max = 0;
  };
  struct SqlError {
    std::string_view sqlstate;
    std::string message;
  };

  // --- postgres_login.cc ---
  // False: more bytes are needed, or the session is over.
  bool OnStartupBytes();
  void OnStartup(const std::string& user);
  void OnPassword(std::string_view body);
  void OnSasl(std::string_view body);
  void LoggedIn();
  void Welcome();
  void Refuse(std::string_view sqlstate, std::string_view message);

  // --- postgres_session.cc ---
  void Process();
  bool NextMessage();
  void OnMessage(char type, std::string_view body);
  void OnExtended(char type, std::string_view body);
  void OnCopyMessage(char type, std::string_view body);
  void OnQuery(std::string_view text);
  void StepQuery();
  void OnParse(ByteReader reader);
  void OnBind(ByteReader reader);
  void OnDescribe(ByteReader reader);
  void OnExecute(ByteReader reader);
  void OnClose(ByteReader reader);
  void OnSync();
  void OnFunctionCall(std::string_view body);
  void Fail(std::string_view sqlstate, std::string_view message);
  void ReadyForQuery();
  void CommitTransaction();
  // Sends what has been gathered.
  void Flush();
  void End();

  // --- postgres_statements.cc ---
  void StartStatement(Running running);
  // True: the session is dead, hangs, or the statement has failed.
  bool MeetsFault();
  void RunStatement();
  void FinishStatement();
  std::optional<SqlError> Execute(const Running& running);
  std::optional<SqlError> ExecuteSelect(const Running& running);
  std::optional<SqlError> ExecuteSetting(const MiniStatement& statement);
  std::optional<SqlError> ExecuteTransaction(const MiniStatement& statement);
  std::optional<SqlError> ExecuteTable(const MiniStatement& statement);
  std::optional<SqlError> ExecuteSession(const MiniStatement& statement);
  std::optional<SqlError> ExecuteDiscard(const MiniStatement& statement);
  std::optional<SqlError> MakeRows(const Running& running, std::vector<std::string>& rows);
  std::optional<SqlError> Evaluate(const SelectItem& item, const Running& running,
                                   std::string& value);
  std::optional<SqlError> EvaluateCall(const SelectItem& item, std::string& value);
  std::optional<SqlError> EvaluateSequence(const SelectItem& item, std::string& value);
  void BeginCopyIn(const Running& running);
  void AppendRowDescription(const MiniStatement& statement);
  void NoteMarker(const Marker& marker);
  void ReportLeftOver(const Marker& marker);

  FakePostgres& server_;
  const uint64_t id_;
  std::unique_ptr<net::Stream> stream_;
  Phase phase_ = Phase::kStartup;
  std::string user_;
  std::string md5_salt_;
  std::optional<auth::ScramServer> scram_;
  std::string input_;
  std::string out_;
  uint32_t pid_ = 0;
  std::string secret_;

  SessionState state_;
  std::map<std::string_view, std::string> reported_;
  std::vector<std::pair<std::string, uint32_t>> arrived_notifications_;
  std::deque<MiniStatement> query_;  // statements of the Query under way that are left
  bool in_query_ = false;
  bool in_batch_ = false;      // extended messages since the last Sync
  bool is_extended_ = false;   // the message under way is of the extended protocol
  bool skip_to_sync_ = false;  // after an error in the extended protocol
  std::optional<Running> running_;
  std::optional<Running> copy_in_;
  size_t copy_lines_ = 0;
  SimLoop::Ticket wake_;
  bool waits_for_lock_ = false;
  bool lock_granted_ = false;  // and the statement goes on in the next turn
  bool cancel_in_copy_ = false;
  bool hangs_ = false;
  bool over_ = false;
  bool standby_ = false;       // the last in_hot_standby reported
  uint32_t last_client_ = 0;   // whose statement ran last
  uint64_t batch_ = 0;         // counts ReadyForQuery
  uint32_t batch_client_ = 0;  // whose statement ran since the last ReadyForQuery
};

}  // namespace pglynx::sim
