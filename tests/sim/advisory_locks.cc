#include "sim/advisory_locks.h"

#include <algorithm>

#include "sim/postgres_session.h"

namespace pglynx::sim {

void AdvisoryLocks::Grant(Entry& entry, const Request& request, PostgresSession& session) {
  entry.holder = &session;
  if (request.scope == LockScope::kSession) {
    ++entry.session_count;
  } else {
    entry.levels.push_back(request.level);
  }
}

bool AdvisoryLocks::TryLock(const Request& request, PostgresSession& session) {
  Entry& entry = entries_[request.key];
  if (entry.holder != nullptr && entry.holder != &session) return false;
  Grant(entry, request, session);
  return true;
}

bool AdvisoryLocks::Lock(const Request& request, PostgresSession& session) {
  if (TryLock(request, session)) return true;
  entries_[request.key].line.push_back({request, &session});
  return false;
}

bool AdvisoryLocks::Unlock(int64_t key, PostgresSession& session) {
  Entry& entry = entries_[key];
  if (entry.holder != &session || entry.session_count == 0) return false;
  --entry.session_count;
  HandOn(entry);
  return true;
}

void AdvisoryLocks::TakeBack(const Request& request, PostgresSession& session) {
  if (request.scope == LockScope::kSession) {
    Unlock(request.key, session);
    return;
  }
  Entry& entry = entries_[request.key];
  if (entry.holder != &session || entry.levels.empty()) return;
  entry.levels.pop_back();
  HandOn(entry);
}

void AdvisoryLocks::UnlockSession(PostgresSession& session) {
  for (auto& [key, entry] : entries_) {
    if (entry.holder != &session) continue;
    entry.session_count = 0;
    HandOn(entry);
  }
}

void AdvisoryLocks::UnlockTransaction(PostgresSession& session, size_t level) {
  for (auto& [key, entry] : entries_) {
    if (entry.holder != &session) continue;
    std::erase_if(entry.levels, [level](size_t taken) { return taken >= level; });
    HandOn(entry);
  }
}

void AdvisoryLocks::LowerLevels(PostgresSession& session, size_t level) {
  for (auto& [key, entry] : entries_) {
    if (entry.holder != &session) continue;
    for (size_t& taken : entry.levels) taken = std::min(taken, level);
  }
}

void AdvisoryLocks::HandOn(Entry& entry) {
  if (entry.session_count != 0 || !entry.levels.empty()) return;
  entry.holder = nullptr;
  if (entry.line.empty()) return;
  const Waiter next = entry.line.front();
  entry.line.pop_front();
  Grant(entry, next.request, *next.session);
  next.session->OnLockGranted();
}

void AdvisoryLocks::LeaveLine(PostgresSession& session) {
  for (auto& [key, entry] : entries_) {
    std::erase_if(entry.line,
                  [&session](const Waiter& waiter) { return waiter.session == &session; });
  }
}

bool AdvisoryLocks::Holds(const PostgresSession& session) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&session](const auto& entry) { return entry.second.holder == &session; });
}

}  // namespace pglynx::sim
