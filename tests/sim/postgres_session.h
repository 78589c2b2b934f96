#pragma once

// One connection to FakePostgres: login, the simple and the extended protocol, COPY, and the
// state in between ("Message Flow" in the manual), as PostgreSQL 15 does it; the test in
// fake_vs_real/ compares both. Built on the product's wire module.
// Split over postgres_session.cc (messages, output), postgres_login.cc, postgres_extended.cc
// (the extended protocol), postgres_statements.cc (how a statement runs), postgres_rows.cc
// (SELECT and what returns rows), postgres_hidden.cc (the probe and what it looks for),
// postgres_settings.cc (parameters and transactions),
// postgres_objects.cc (tables, channels, prepared statements), postgres_copy.cc and
// postgres_watch.cc (what is watched when it changes hands).
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
#include "sim/statement_analysis.h"

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
  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] bool IsInTransactionOf(uint32_t client) const;
  SessionState& state() { return state_; }

 private:
  enum class Phase : uint8_t { kStartup, kMd5, kSaslInitial, kSaslResponse, kLoginDelay, kReady };
  // A statement that runs, by a Query or by an Execute; its portal has the rest.
  struct Running {
    MiniStatement statement;
    bool extended = false;
    std::string portal;
    uint32_t rows_max = 0;
  };
  // COPY … FROM STDIN under way.
  struct CopyIn {
    std::string table;
    std::string unfinished;  // the last line, up to now
    std::vector<std::string> lines;
    bool canceled = false;
  };

  // --- postgres_login.cc ---
  // False: more bytes are needed, or the session is over.
  bool OnStartupBytes();
  void OnStartup(const std::string& user);
  void OnPassword(std::string_view body);
  void OnSasl(std::string_view body);
  void LoggedIn();
  void Welcome();
  // What the startup message sets, which is looked at behind the authentication.
  std::optional<SqlError> ApplyStartupParameters();
  void Refuse(std::string_view sqlstate, std::string_view message);

  // --- postgres_session.cc ---
  void Process();
  bool NextMessage();
  void OnMessage(char type, std::string_view body);
  void OnQuery(std::string_view text);
  void StepQuery();
  void OnFunctionCall(std::string_view body);
  std::optional<SqlError> CallFunction(ByteReader reader, SqlValue& result);
  void Fail(std::string_view sqlstate, std::string_view message);
  void Warn(std::string_view sqlstate, std::string_view message);
  void ReadyForQuery();
  void AppendNotifications();
  // Sends what has been gathered.
  void Flush();
  void End();

  // --- postgres_extended.cc ---
  void OnExtended(char type, std::string_view body);
  void OnParse(ByteReader reader);
  void OnBind(ByteReader reader);
  void OpenPortal(const std::string& portal_name, Portal portal);
  void OnDescribe(ByteReader reader);
  void DescribeStatement(const std::string& name);
  void DescribePortal(const std::string& name);
  void OnExecute(ByteReader reader);
  void OnClose(ByteReader reader);
  void OnSync();
  // nullptr: there is none.
  const PreparedStatement* FindPrepared(const std::string& name) const;
  // Fails as the server does in a failed transaction; true if it did.
  bool IsRefusedByFailure(const MiniStatement& statement);

  // --- postgres_statements.cc ---
  // Analysis and plan of a statement of a Query, then as below.
  void StartSimple(MiniStatement statement);
  void StartStatement(Running running);
  // True: the session is dead, hangs, or the statement has failed.
  bool MeetsFault();
  void RunStatement();
  void FinishStatement();
  std::optional<SqlError> Execute(const Running& running);
  // The statement behind EXECUTE, else itself.
  const MiniStatement& Inner(const MiniStatement& statement) const;
  [[nodiscard]] AdvisoryLocks::Request LockRequest(const SelectItem& item) const;

  // --- postgres_rows.cc ---
  [[nodiscard]] Portal MakePortal(MiniStatement statement, std::vector<uint32_t> types,
                                  std::vector<SqlValue> parameters) const;
  std::optional<SqlError> ExecuteSelect(const Running& running);
  std::optional<SqlError> ExecuteStored(const Running& running);
  std::optional<SqlError> ExecutePrepared(const MiniStatement& statement,
                                          std::vector<std::string>& rows);
  // The next row of a SELECT; nothing comes behind the last.
  std::optional<SqlError> NextRow(Portal& portal, std::vector<SqlValue>& values);
  std::optional<SqlError> Evaluate(const SelectItem& item, const Portal& portal, SqlValue& value);
  std::optional<SqlError> EvaluateCall(const SelectItem& item, SqlValue& value);
  void EvaluateLockCall(const SelectItem& item, std::string& value);
  std::optional<SqlError> EvaluateSetting(const SelectItem& item, SqlValue& value);
  std::optional<SqlError> EvaluateSequence(const SelectItem& item, std::string& value);
  void AppendRowDescription(const std::vector<Column>& columns);

  // --- postgres_hidden.cc ---
  // A column of the probe.
  [[nodiscard]] bool Holds(std::string_view column) const;
  // The value of a parameter that was set in this session; NULL: it was not.
  [[nodiscard]] SqlValue OwnSetting(const std::string& name) const;
  // Functions whose names do not say what they leave behind.
  std::optional<SqlError> EvaluateHidden(const SelectItem& item);

  // --- postgres_settings.cc ---
  std::optional<SqlError> ExecuteSetting(const MiniStatement& statement);
  std::optional<SqlError> ExecuteCharacteristics(const MiniStatement& statement);
  // SET and set_config().
  std::optional<SqlError> Assign(const std::string& name, const std::string& text, bool local);
  void Give(const KnownParameter& parameter, std::string value, bool local);
  // TO DEFAULT.
  void Restore(const KnownParameter& parameter, bool local);
  std::optional<SqlError> AssignRole(const KnownParameter& parameter, const std::string& name,
                                     bool local);
  std::optional<SqlError> ExecuteTransaction(const Running& running);
  std::optional<SqlError> ExecuteSavepoint(const Running& running);
  // Of portals that a failed transaction made and never ran, when it is left.
  void WarnOfPortals(const std::string& running);
  void CommitTransaction();
  void RollbackTransaction();
  // BEGIN was said, or statements of one Query are in one transaction.
  [[nodiscard]] bool IsInBlock() const;

  // --- postgres_objects.cc ---
  std::optional<SqlError> ExecuteTable(const Running& running);
  std::optional<SqlError> CreateTemp(const std::string& name);
  std::optional<SqlError> Insert(const MiniStatement& statement, const Portal& portal);
  std::optional<SqlError> DropTable(const std::string& name);
  std::optional<SqlError> ExecuteSession(const MiniStatement& statement);
  std::optional<SqlError> Prepare(const MiniStatement& statement);
  std::optional<SqlError> ExecuteDiscard(const MiniStatement& statement);
  [[nodiscard]] bool OwnsTable(const std::string& name) const;
  // A portal that is open reads this table.
  [[nodiscard]] bool IsInUse(const std::string& table) const;

  // --- postgres_copy.cc ---
  std::optional<SqlError> BeginCopyIn(const MiniStatement& statement);
  void OnCopyMessage(char type, std::string_view body);
  std::optional<SqlError> ExecuteCopyOut(const Running& running);

  // --- postgres_watch.cc ---
  void NoteMarker(const Marker& marker);
  void ReportSettings(const Marker& marker);
  void ReportLeftOver(const Marker& marker);

  FakePostgres& server_;
  const uint64_t id_;
  std::unique_ptr<net::Stream> stream_;
  Phase phase_ = Phase::kStartup;
  std::string user_;
  std::vector<std::pair<std::string, std::string>> startup_parameters_;
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
  bool many_in_query_ = false;  // it has more than one statement: one implicit transaction
  bool in_batch_ = false;       // extended messages since the last Sync
  bool pipelining_ = false;     // an Execute has succeeded in this implicit transaction
  bool is_extended_ = false;    // the message under way is of the extended protocol
  bool skip_to_sync_ = false;   // after an error in the extended protocol
  std::optional<Running> running_;
  std::optional<CopyIn> copy_in_;
  SimLoop::Ticket wake_;
  bool waits_for_lock_ = false;
  bool lock_granted_ = false;  // and the statement goes on in the next turn
  bool hangs_ = false;
  bool over_ = false;
  bool standby_ = false;          // the last in_hot_standby reported
  bool is_poolers_ = false;       // the statement under way is no client's
  bool unmarked_ = false;         // nor is the transaction that it may have opened
  bool settings_failed_ = false;  // and one of those met a fault
  uint32_t last_client_ = 0;      // whose statement ran last
  uint64_t batch_ = 0;            // counts ReadyForQuery
  uint32_t batch_client_ = 0;     // whose statement ran since the last ReadyForQuery
};

}  // namespace pglynx::sim
