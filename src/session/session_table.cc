#include "pglynx/session/session_table.h"

#include <algorithm>
#include <malloc.h>

#include <fmt/format.h>

#include "pglynx/core/sabotage.h"
#include "session/client_login.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

// Memory goes back to the system when this many clients have left, after a pause in which
// more may leave.
constexpr size_t kTrimAfterClients = 100;
constexpr Duration kTrimDelay = std::chrono::seconds(3);
constexpr size_t kMockSecretBytes = 32;
// How often the line for memory is looked at.
constexpr Duration kMemoryTick = std::chrono::milliseconds(10);

// Takes the same time whichever byte differs.
bool EqualInConstantTime(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    difference |=
        static_cast<unsigned>(static_cast<uint8_t>(left[i]) ^ static_cast<uint8_t>(right[i]));
  }
  return difference == 0;
}

}  // namespace

SessionTable::SessionTable(SessionWorld& world)
    : world_(world),
      scratch_(std::make_unique<RelayScratch>(world.parameters)),
      mock_secret_(world.random.Bytes(kMockSecretBytes)) {}

SessionTable::~SessionTable() = default;

void SessionTable::OnAccept(std::unique_ptr<net::Stream> stream) {
  if (logins_.size() >= size_t{ClientsMax()} + world_.logins_spare) {
    if (unstarted_.empty()) {
      stream->Close();
      return;
    }
    unstarted_.front()->Evict();
  }
  const uint64_t id = world_.ids.Take();
  auto login = std::make_unique<ClientLogin>(*this, id, std::move(stream));
  ClientLogin& started = *login;
  logins_.emplace(id, std::move(login));
  unstarted_.PushBack(started);
  started.Start();
}

std::unique_ptr<Error> SessionTable::Refusal() const {
  if (refusal_ != nullptr) return std::make_unique<Error>(*refusal_);
  if (sessions_.size() + started_logins_ < ClientsMax()) return nullptr;
  std::string detail = fmt::format("sorry, too many clients already: max_client_conn = {}",
                                   world_.config->general.max_client_conn);
  if (ClientsMax() < world_.config->general.max_client_conn) {
    detail += fmt::format(", of which {} fit under the limit on open files", ClientsMax());
  }
  return std::make_unique<Error>(Error{ErrorCode::kTooManyConnections, std::move(detail)});
}

uint32_t SessionTable::ClientsMax() const {
  return std::min(world_.config->general.max_client_conn, world_.clients_that_fit);
}

bool SessionTable::MayHold(size_t bytes) const {
  return world_.loop.blocks().taken_bytes() + bytes <= world_.config->general.max_buffered_bytes;
}

bool SessionTable::MemoryIsScarce() const {
  return world_.loop.blocks().taken_bytes() > world_.config->general.max_buffered_bytes / 2;
}

void SessionTable::WaitForMemory(MemoryWaiter& waiter) {
  waiter.waiting_for_memory_since = world_.loop.Now();
  memory_line_.PushBack(waiter);
  if (!memory_timer_.armed()) world_.loop.Arm(memory_timer_, world_.loop.Now() + kMemoryTick);
}

// One is read at a time: it may need all that is left.
void SessionTable::OnMemoryTick() {
  if (MemoryWaiter* first = memory_line_.front()) {
    if (!MemoryIsScarce()) {
      first->Unlink();
      first->OnMemory();
    } else if (first->waiting_for_memory_since + kMemoryPatience <= world_.loop.Now()) {
      first->Unlink();
      first->OnNoMemory();
    }
  }
  if (!memory_line_.empty()) world_.loop.Arm(memory_timer_, world_.loop.Now() + kMemoryTick);
}

uint32_t SessionTable::NewCancelKey(size_t secret_bytes, std::string& secret) {
  secret = world_.random.Bytes(secret_bytes);
  uint32_t pid = 0;
  do {
    // Positive as a signed number, as process ids are: some drivers print it.
    pid = static_cast<uint32_t>(world_.random.Next64()) & 0x7fffffffU;
  } while (pid == 0 || by_cancel_pid_.contains(pid));
  return pid;
}

void SessionTable::Add(std::unique_ptr<ClientSession> session) {
  by_cancel_pid_.emplace(session->cancel_pid(), session.get());
  const uint64_t id = session->id();
  sessions_.emplace(id, std::move(session));
}

void SessionTable::Remove(ClientSession& session) {
  const auto found = sessions_.find(session.id());
  by_cancel_pid_.erase(session.cancel_pid());
  world_.loop.DeferDelete(std::move(found->second));
  sessions_.erase(found);
  if (++ended_since_trim_ >= kTrimAfterClients) {
    world_.loop.Arm(trim_timer_, world_.loop.Now() + kTrimDelay);
  }
  if (sessions_.empty() && on_empty_) on_empty_();
}

ClientSession& SessionTable::OtherThan(ClientSession& session) {
  auto found = sessions_.find(session.id());
  if (found == sessions_.end()) return session;  // it is ending
  if (++found == sessions_.end()) found = sessions_.begin();
  return *found->second;
}

void SessionTable::OnTrim() {
  ended_since_trim_ = 0;
  malloc_trim(0);
}

void SessionTable::CountStarted(bool started) {
  started_logins_ += started ? 1 : -1U;
}

void SessionTable::Remove(ClientLogin& login) {
  const auto found = logins_.find(login.id());
  if (login.started()) CountStarted(false);
  world_.loop.DeferDelete(std::move(found->second));
  logins_.erase(found);
}

void SessionTable::FinishLogin(uint64_t id) {
  const auto found = logins_.find(id);
  if (found != logins_.end()) found->second->Finish();
}

void SessionTable::Cancel(uint32_t pid, std::string_view secret, std::function<void()> done) {
  auto found = by_cancel_pid_.find(pid);
  if (found == by_cancel_pid_.end() ||
      !EqualInConstantTime(found->second->cancel_secret(), secret)) {
    done();
    return;
  }
  if (Planted(Sabotage::kWrongCancel) && ++found == by_cancel_pid_.end()) {
    found = by_cancel_pid_.begin();
  }
  found->second->OnCancelRequest(std::move(done));
}

template <typename Action>
void SessionTable::ForEachSession(const Action& action) {
  std::vector<uint64_t> ids;  // an action may end sessions, its own and others
  ids.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  for (const uint64_t id : ids) {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) action(*found->second);
  }
}

void SessionTable::EndWhenIdle(const pool::Pool* pool, const Error& error) {
  ForEachSession([pool, &error](ClientSession& session) {
    if (pool == nullptr || &session.pool() == pool) session.EndWhenIdle(error);
  });
}

void SessionTable::EndNow(const pool::Pool* pool, const Error& error) {
  ForEachSession([pool, &error](ClientSession& session) {
    if (pool == nullptr || &session.pool() == pool) session.EndNow(error);
  });
}

bool SessionTable::EndClient(uint64_t id, const Error& error) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return false;
  found->second->EndNow(error);
  return true;
}

void SessionTable::OnSettings() {
  ForEachSession([](ClientSession& session) { session.OnSettings(); });
}

void SessionTable::FillSnapshot(pool::Snapshot& snapshot, bool with_clients) const {
  snapshot.login_clients = static_cast<uint32_t>(logins_.size());
  snapshot.max_client_conn = world_.config->general.max_client_conn;
  snapshot.buffered_bytes = world_.loop.blocks().taken_bytes();
  snapshot.max_buffered_bytes = world_.config->general.max_buffered_bytes;
  snapshot.broken_pairs = broken_pairs_;
  if (!with_clients) return;
  snapshot.clients.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) session->FillRow(snapshot.clients.emplace_back());
}

}  // namespace pglynx::session
