#include "pglynx/session/session_table.h"

#include <algorithm>
#include <malloc.h>

#include <fmt/format.h>

#include "pglynx/auth/derived_secret.h"
#include "pglynx/core/bytes.h"
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
constexpr size_t kCancelKeyBytes = 32;
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
      mock_secret_(world.random.Bytes(kMockSecretBytes)),
      cancel_key_(world.random.Bytes(kCancelKeyBytes)) {}

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

CancelKey SessionTable::NewCancelKey(uint8_t secret_bytes) {
  CancelKey key{0, 0, secret_bytes};
  do {
    const uint64_t random = world_.random.Next64();
    // Positive as a signed number, as process ids are: some drivers print it.
    key.pid = static_cast<uint32_t>(random) & 0x7fffffffU;
    key.word = static_cast<uint32_t>(random >> 32U);
  } while (key.pid == 0 || sessions_.contains(key.pid));
  return key;
}

std::string SessionTable::CancelSecret(const CancelKey& key) const {
  std::string word;
  AppendU32(word, key.word);
  if (key.secret_bytes == word.size()) return word;
  AppendU32(word, key.pid);
  return auth::DeriveSecret(cancel_key_, word, key.secret_bytes);
}

void SessionTable::Add(std::unique_ptr<ClientSession> session) {
  const uint32_t pid = session->cancel_key().pid;
  sessions_.emplace(pid, std::move(session));
}

void SessionTable::Remove(ClientSession& session) {
  const auto found = sessions_.find(session.cancel_key().pid);
  world_.loop.DeferDelete(std::move(found->second));
  sessions_.erase(found);
  if (++ended_since_trim_ >= kTrimAfterClients) {
    world_.loop.Arm(trim_timer_, world_.loop.Now() + kTrimDelay);
  }
  if (sessions_.empty() && on_empty_) on_empty_();
}

ClientSession& SessionTable::OtherThan(ClientSession& session) {
  auto found = sessions_.find(session.cancel_key().pid);
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
  auto found = sessions_.find(pid);
  if (found == sessions_.end() ||
      !EqualInConstantTime(CancelSecret(found->second->cancel_key()), secret)) {
    done();
    return;
  }
  if (Planted(Sabotage::kWrongCancel) && ++found == sessions_.end()) {
    found = sessions_.begin();
  }
  found->second->OnCancelRequest(std::move(done));
}

template <typename Action>
void SessionTable::ForEachSession(const Action& action) {
  std::vector<uint32_t> pids;  // an action may end sessions, its own and others
  pids.reserve(sessions_.size());
  for (const auto& [pid, session] : sessions_) pids.push_back(pid);
  for (const uint32_t pid : pids) {
    const auto found = sessions_.find(pid);
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
  // Somebody's command: it may look at all of them.
  for (const auto& [pid, session] : sessions_) {
    if (session->id() != id) continue;
    session->EndNow(error);
    return true;
  }
  return false;
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
  for (const auto& [pid, session] : sessions_) session->FillRow(snapshot.clients.emplace_back());
}

}  // namespace pglynx::session
