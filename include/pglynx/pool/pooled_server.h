#pragma once

// A server connection as a session sees it: bytes in, bytes out, and the book-keeping that
// says what the connection owes and what state it carries. Implemented by
// backend::ServerConnection, and by fakes in tests.
//
// Owner: its Pool. A session reaches it through a Lease and never keeps a pointer beyond it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/buffer.h"
#include "pglynx/core/error.h"
#include "pglynx/core/intrusive_list.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/core/time.h"
#include "pglynx/pool/budget.h"
#include "pglynx/pool/parameters.h"
#include "pglynx/pool/revertible.h"
#include "pglynx/pool/snapshot.h"
#include "pglynx/pool/statements.h"
#include "pglynx/wire/frame_scanner.h"
#include "pglynx/wire/reply_tracker.h"

namespace pglynx::pool {

// Who uses a leased server. Called on the loop, never from inside a call it made.
class ServerUser {
 public:
  virtual ~ServerUser() = default;
  // Bytes from the server, in the loop's read block; may be changed in place.
  virtual void OnServerData(std::span<char> bytes) = 0;
  virtual void OnServerDrained() = 0;
  // No cancel request for this connection is on its way any more.
  virtual void OnServerCancelsDone() {}
  // The connection is gone and closed; the lease is to be destroyed.
  virtual void OnServerClosed(const Error& cause) = 0;
};

// Which prepared statement each request under way is about, for what its reply means. Keeps its
// memory; bounded by wire::ReplyTracker::kOutstandingMax.
class StatementUses {
 public:
  struct Use {
    uint64_t request = 0;
    uint64_t last_request = 0;  // these two and all between are about it
    uint64_t statement = 0;     // its id; 0: the server is to say that there is none, or too many
    bool told = false;          // some client knows its result
    uint8_t name_bytes = 0;
    char name_text[63];  // the client's name, as much of it as counts in Postgres
    [[nodiscard]] std::string_view name() const { return {name_text, name_bytes}; }
  };
  void Clear() {
    count_ = 0;
    any_untold_ = false;
  }
  void Add(uint64_t request, const Statement* statement, std::string_view name) {
    if (count_ == uses_.size()) uses_.emplace_back();
    Use& use = uses_[count_++];
    use.request = use.last_request = request;
    use.statement = statement != nullptr ? statement->id : 0;
    use.told = statement != nullptr && statement->result != 0;
    any_untold_ = any_untold_ || !use.told;
    use.name_bytes = static_cast<uint8_t>(std::min(name.size(), sizeof use.name_text));
    name.copy(use.name_text, use.name_bytes);
  }
  // This request is about what the one right before it was about, if that was about any.
  void Continue(uint64_t request) {
    if (count_ > 0 && uses_[count_ - 1].last_request + 1 == request)
      ++uses_[count_ - 1].last_request;
  }
  [[nodiscard]] bool AnyUntold() const { return any_untold_; }
  // nullptr: it is about none.
  [[nodiscard]] const Use* Find(uint64_t request) const {
    for (size_t i = count_; i > 0; --i) {
      const Use& use = uses_[i - 1];
      if (use.request <= request && request <= use.last_request) return &use;
    }
    return nullptr;
  }

 private:
  std::vector<Use> uses_;
  size_t count_ = 0;
  bool any_untold_ = false;
};

// What a server connection still carries of those who used it.
struct ServerMemory {
  ParameterRef parameters;  // settings in force; kUnknownValue where that is not known
  ParameterRef defaults;    // those it reported at its login: what RESET goes back to
  ServerStatements statements;
  // The unnamed prepared statement that it holds.
  struct Unnamed {
    uint64_t client = 0;   // whose; 0: there is none
    uint64_t version = 0;  // that client's number for it
  };
  Revertible<Unnamed> unnamed;
  // Whose sequence values currval and lastval would show: a client, nobody (0) or several.
  static constexpr uint64_t kSeveral = ~uint64_t{0};
  uint64_t sequences_of = 0;
  StatementUses uses;
  // A batch of its client, kept to be sent again; see session/client_retry.cc.
  std::string kept_batch;
  // State that only DISCARD ALL removes.
  bool needs_reset = false;
  // A function may have set what is not reported: RESET ALL before another transaction uses it.
  bool settings_unknown = false;
};

// Why a login has failed: what it says of the host, for others who want to go there.
enum class LoginFailure : uint8_t {
  kThisLogin,  // nothing: this user, database or moment (class 28, 3D000, 53300)
  kRefused,    // refused, reset, no such host
  kLate,       // no answer within connect_timeout
  kNotReady,   // it starts or shuts down: 57P03
};

enum class ServerState : uint8_t {
  kLogin,          // connecting or logging in; not on offer
  kIdle,           // on the pool's idle list
  kActive,         // leased
  kTested,         // being reset and proven before reuse
  kBeingCanceled,  // free and clean, but a cancel for it is still on its way
};

class PooledServer : public Deletable, public ListNode<PooledServer> {
 public:
  PooledServer(BlockPool& blocks, uint64_t id)
      : scanner_(wire::BackendRules(), kCollectBytesMax), held_(blocks), id_(id) {}

  // The longest server message that is read as a whole: a RowDescription of 1,664 columns (Postgres
  // allows no more) whose names have 63 bytes.
  static constexpr uint32_t kCollectBytesMax = uint32_t{160} * 1024;

  // --- for the holder of a lease ---
  virtual void SetUser(ServerUser* user) = 0;
  // False: the connection is broken, which is told later, and not a byte of this has left.
  virtual bool Send(std::span<const std::string_view> chunks) = 0;
  [[nodiscard]] virtual size_t pending_bytes() const = 0;
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
  // Asks Postgres to cancel what this connection runs now; `done` is called when Postgres
  // has taken the request or it has failed. Until then the server is not reused.
  virtual void Cancel(std::function<void()> done) = 0;

  // --- for the pool ---
  // Brings a released connection back to idle and clean, or fails: ROLLBACK where a
  // transaction is open, DISCARD ALL where it carries state; the answers are verified.
  // Reports to Pool::OnServerReady or Pool::OnServerGone.
  virtual void Recycle() = 0;
  // Asks an idle connection whether it is still there, by an empty query. Reports to
  // Pool::OnServerReady, or Pool::OnServerGone within healthcheck_timeout.
  virtual void Check() = 0;
  // Closes now (Terminate first where it is idle).
  virtual void Close() = 0;
  // The client left while requests were under way: cancels them, again and again, and reads the
  // replies; then Pool::OnServerAbandoned, or Pool::OnServerGone within kAbandonMax. Until then
  // the statement may run, so the connection counts. Precondition: each message was sent whole,
  // and no COPY FROM STDIN waits for data.
  virtual void Abandon() = 0;
  static constexpr Duration kAbandonMax = std::chrono::seconds(5);
  [[nodiscard]] virtual bool HasCancelInFlight() const = 0;
  // A server that waits in kBeingCanceled reports to Pool::OnServerReady when it is over.

  // --- for logs and SHOW ---
  // "host:port".
  [[nodiscard]] virtual std::string Peer() const = 0;
  // The address of its host, in numbers; empty: it has none yet.
  [[nodiscard]] virtual std::string PeerHost() const = 0;
  // Of the server's process, as it said at the login.
  [[nodiscard]] virtual uint32_t pid() const = 0;
  // Addresses, times and process id; the pool fills in the rest.
  virtual void FillRow(ConnectionRow& row) const = 0;

  wire::ReplyTracker& tracker() { return tracker_; }
  wire::FrameScanner& scanner() { return scanner_; }
  // The unread tail of the server's stream: an incomplete header or small message.
  Buffer& held() { return held_; }
  // Every message that has begun to arrive has ended.
  [[nodiscard]] bool AtMessageBoundary() const { return scanner_.AtBoundary() && held_.empty(); }
  ServerMemory& memory() { return memory_; }
  // The next request replaces the server's unnamed prepared statement: with that client's
  // `version`, or with none where that is 0. Every Query does the latter.
  void NoteUnnamed(uint64_t client, uint64_t version) {
    const Reach reach = tracker_.skippable() ? Reach::kMayBeSkipped : Reach::kCertain;
    memory_.unnamed.Change(tracker_.next_number(), memory_.statements.batch(), reach) = {
        .client = version == 0 ? 0 : client, .version = version};
  }
  [[nodiscard]] uint64_t id() const { return id_; }

  // The pool's own notes.
  ServerState state = ServerState::kLogin;
  bool close_needed = false;  // close at the next release
  TimePoint born{};           // when its login was done
  TimePoint idle_since{};
  TimePoint check_due = kNever;  // from then on it is asked before it is used
  bool in_check = false;         // it is being asked now
  TimePoint expires = kNever;    // end of its jittered lifetime
  uint64_t client_id = 0;        // who holds it, 0 = nobody
  uint64_t last_client_id = 0;   // who held it last, or holds it
  uint64_t replaces = 0;         // the server that is closed when this one is ready, 0 = none
  bool used = false;             // some client has had it
  LoginFailure login_failure = LoginFailure::kThisLogin;  // of a login that has failed
  bool retiring = false;       // too old; another is being made in its place
  std::unique_ptr<Slot> slot;  // its place in the budget; with the socket while that closes
  std::array<IdlePlace, kLimitKinds> idle_places;
  size_t index = 0;  // its place in the pool's table of servers

 private:
  wire::ReplyTracker tracker_;
  wire::FrameScanner scanner_;
  Buffer held_;
  ServerMemory memory_;
  uint64_t id_;
};

}  // namespace pglynx::pool
