#pragma once

// The advisory locks of a server, of sessions and of transactions ("Advisory Locks" in the
// manual). All are exclusive. Who waits stands in line and is told by
// PostgresSession::OnLockGranted.
//
// Owner: FakePostgres. Sessions leave it before they are destroyed.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace pglynx::sim {

class PostgresSession;

enum class LockScope : uint8_t { kSession, kTransaction };

class AdvisoryLocks {
 public:
  // `level`: the savepoints that are open, for a lock of a transaction.
  struct Request {
    int64_t key = 0;
    LockScope scope = LockScope::kSession;
    size_t level = 0;
  };

  // False: it waits in line.
  bool Lock(const Request& request, PostgresSession& session);
  bool TryLock(const Request& request, PostgresSession& session);
  // A session's; false: it holds none.
  bool Unlock(int64_t key, PostgresSession& session);
  // Gives back what was granted to a statement that has been canceled since.
  void TakeBack(const Request& request, PostgresSession& session);
  void UnlockSession(PostgresSession& session);
  // A transaction's locks taken at this level or deeper: at its end, or at an error.
  void UnlockTransaction(PostgresSession& session, size_t level);
  // RELEASE: they belong to the level that is left.
  void LowerLevels(PostgresSession& session, size_t level);
  void LeaveLine(PostgresSession& session);
  [[nodiscard]] bool Holds(const PostgresSession& session) const;

 private:
  struct Waiter {
    Request request;
    PostgresSession* session;
  };
  struct Entry {
    PostgresSession* holder = nullptr;
    uint32_t session_count = 0;
    std::vector<size_t> levels;  // one for each lock of its transaction
    std::deque<Waiter> line;
  };
  void Grant(Entry& entry, const Request& request, PostgresSession& session);
  // Gives it to the next in line if nothing holds it any more.
  void HandOn(Entry& entry);

  std::map<int64_t, Entry> entries_;
};

}  // namespace pglynx::sim
