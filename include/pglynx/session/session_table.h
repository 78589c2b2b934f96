#pragma once

// All clients of one loop: those that log in, those that are logged in, and the keys by
// which a cancel request finds its client. Owner of every ClientLogin and ClientSession.
//
// Bounds: `max_client_conn` clients that are logged in, judged at the StartupMessage so that
// the client can read the error; beside them kLoginsSpare connections that have not said
// what they want (cancels and console clients among them); above that the oldest of those that
// have not said it is closed silently, so that silent ones keep nobody out. Where
// the process may not open as many files, both are less (SessionWorld). All clients together
// hold at most `max_buffered_bytes`: from half of it on, those that send more than can be
// handled are read one after the other; at the limit they are refused (53200).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "pglynx/core/intrusive_list.h"
#include "pglynx/core/time.h"
#include "pglynx/net/event_loop.h"
#include "pglynx/pool/snapshot.h"
#include "pglynx/session/session_world.h"

namespace pglynx::session {

class ClientLogin;
class ClientSession;
struct RelayScratch;
struct UnstartedLogins;  // the tag of a list

// A client that is not read because all together hold too much: its place in the table's line.
// Owner: the session; destroying it leaves the line.
class MemoryWaiter : public ListNode<MemoryWaiter> {
 public:
  virtual ~MemoryWaiter() = default;
  // It may be read again. It has left the line.
  virtual void OnMemory() = 0;
  // There has been no room for kMemoryPatience. It has left the line.
  virtual void OnNoMemory() = 0;

  TimePoint waiting_for_memory_since{};
};

// What a client's cancel request is known by. Until protocol 3.2 its secret is the word itself; a
// longer one is derived, so that no session has to keep it.
struct CancelKey {
  uint32_t pid;
  uint32_t word;
  uint8_t secret_bytes;  // 4 to 32
};

class SessionTable final : public net::AcceptListener {
 public:
  // Connections beyond max_client_conn that may be logging in at once, where files suffice.
  static constexpr size_t kLoginsSpare = 1000;
  // How long a client waits for others to leave it room in memory.
  static constexpr Duration kMemoryPatience = std::chrono::seconds(5);

  explicit SessionTable(SessionWorld& world);
  ~SessionTable() override;

  void OnAccept(std::unique_ptr<net::Stream> stream) override;

  // A reload or a shutdown: clients of `pool` (all pools if nullptr) end with this FATAL
  // when they are between transactions.
  void EndWhenIdle(const pool::Pool* pool, const Error& error);
  // Clients of `pool` (all pools if nullptr) end at once.
  void EndNow(const pool::Pool* pool, const Error& error);
  // Ends one client by its id. False: there is none.
  bool EndClient(uint64_t id, const Error& error);
  // No new logins: they are told this error.
  void RefuseLogins(Error error) { refusal_ = std::make_unique<Error>(std::move(error)); }
  void AllowLogins() { refusal_.reset(); }
  // The settings of pools have changed: timeouts hold from now on.
  void OnSettings();

  void FillSnapshot(pool::Snapshot& snapshot, bool with_clients) const;
  [[nodiscard]] size_t client_count() const { return sessions_.size(); }
  // Called whenever the last client has left.
  void OnEmpty(std::function<void()> callback) { on_empty_ = std::move(callback); }

  // --- for logins and sessions ---
  SessionWorld& world() { return world_; }
  // Whether so many bytes more may be held, and whether it is time to hold back.
  [[nodiscard]] bool MayHold(size_t bytes) const;
  [[nodiscard]] bool MemoryIsScarce() const;
  // Joins the line; called back in a later turn.
  void WaitForMemory(MemoryWaiter& waiter);
  void CountBrokenPair() { ++broken_pairs_; }
  RelayScratch& scratch() { return *scratch_; }
  // Set by RefuseLogins; nullptr before.
  [[nodiscard]] const Error* closing() const { return refusal_.get(); }
  // The error a StartupMessage meets now, or nullptr.
  std::unique_ptr<Error> Refusal() const;
  // With a process id that no other client has.
  CancelKey NewCancelKey(uint8_t secret_bytes);
  // What the client is told beside the process id.
  [[nodiscard]] std::string CancelSecret(const CancelKey& key) const;
  void Add(std::unique_ptr<ClientSession> session);
  void Remove(ClientSession& session);
  // Another client if there is one; for Sabotage::kReplySwap alone.
  ClientSession& OtherThan(ClientSession& session);
  void Remove(ClientLogin& login);
  // A login said what it wants, or has ended: it counts against max_client_conn meanwhile.
  void CountStarted(bool started);
  // Ends a login by its id, if it is still there.
  void FinishLogin(uint64_t id);
  // Salts the exchanges with users that do not exist; constant for the process's life.
  [[nodiscard]] const std::string& mock_secret() const { return mock_secret_; }
  // Finds the client by its key, compared in constant time; `done` when the cancel has been
  // dealt with, at once if nobody has that key.
  void Cancel(uint32_t pid, std::string_view secret, std::function<void()> done);

 private:
  void OnTrim();
  void OnMemoryTick();
  [[nodiscard]] uint32_t ClientsMax() const;
  template <typename Action>
  void ForEachSession(const Action& action);

  SessionWorld& world_;
  std::unique_ptr<RelayScratch> scratch_;
  // By the process id that their clients were told.
  std::unordered_map<uint32_t, std::unique_ptr<ClientSession>> sessions_;
  std::unordered_map<uint64_t, std::unique_ptr<ClientLogin>> logins_;
  // Those of logins_ that have not said what they want; front: came first.
  IntrusiveList<ClientLogin, UnstartedLogins> unstarted_;
  std::unique_ptr<Error> refusal_;
  std::string mock_secret_;
  std::string cancel_key_;
  uint32_t started_logins_ = 0;
  std::function<void()> on_empty_;
  size_t ended_since_trim_ = 0;
  IntrusiveList<MemoryWaiter> memory_line_;  // front: waits longest
  uint64_t broken_pairs_ = 0;
  Timer memory_timer_ = MemberTimer<&SessionTable::OnMemoryTick>(this);
  Timer trim_timer_ = MemberTimer<&SessionTable::OnTrim>(this);
};

}  // namespace pglynx::session
