#include "sim/fake_postgres.h"

#include <algorithm>

#include "pglynx/core/check.h"
#include "sim/postgres_session.h"

namespace pglynx::sim {
namespace {

// Far fewer than Postgres's 4,096: the derivation is not what is tested.
constexpr uint32_t kScramIterations = 8;
constexpr uint32_t kPidsPerLife = 100'000;

}  // namespace

FakePostgres::FakePostgres(const World& world, net::Address address)
    : world_(world),
      dice_(world.random),
      address_(std::move(address)),
      listener_(world.network.Listen(address_, *this)) {}

FakePostgres::~FakePostgres() = default;

void FakePostgres::AddUser(const std::string& name, const PostgresUser& user) {
  users_[name] = user;
  if (user.method != PostgresUser::Method::kScram) return;
  verifiers_[name] = auth::MakeVerifier(user.password, world_.random.Bytes(auth::kScramSaltBytes),
                                        kScramIterations);
}

void FakePostgres::OnAccept(std::unique_ptr<net::Stream> stream) {
  auto session = std::make_unique<PostgresSession>(*this, ++logins_, std::move(stream));
  PostgresSession& started = *session;
  sessions_.emplace(&started, std::move(session));
  sessions_peak_ = std::max(sessions_peak_, sessions_.size());
  started.Start();
}

void FakePostgres::Remove(PostgresSession& session) {
  locks_.LeaveLine(session);
  locks_.UnlockTransaction(session, 0);
  locks_.UnlockSession(session);
  by_pid_.erase(session.pid());
  const auto found = sessions_.find(&session);
  PGLYNX_CHECK(found != sessions_.end());
  world_.loop.DeferDelete(std::move(found->second));
  sessions_.erase(found);
}

void FakePostgres::KillSessions() {
  // In the order of their process ids: addresses differ from run to run.
  std::vector<PostgresSession*> dying;
  for (const auto& [pid, session] : by_pid_) dying.push_back(session);
  for (PostgresSession* session : dying) {
    session->Die(static_cast<PostgresSession::Death>(dice_.Below(3)));
  }
}

void FakePostgres::KillHungSessions() {
  std::vector<PostgresSession*> dying;
  for (const auto& [pid, session] : by_pid_) {
    if (session->hangs()) dying.push_back(session);
  }
  for (PostgresSession* session : dying) session->Die(PostgresSession::Death::kClose);
}

void FakePostgres::Restart(Duration down) {
  KillSessions();
  down_until_ = world_.loop.Now() + down;
  next_pid_ += kPidsPerLife;
  version_ = version_ == "16.4" ? "16.5" : "16.4";
  sequences_.clear();
}

bool FakePostgres::IsDown() const {
  return world_.loop.Now() < down_until_;
}

size_t FakePostgres::dirty_session_count() const {
  return static_cast<size_t>(std::count_if(
      by_pid_.begin(), by_pid_.end(), [](const auto& entry) { return entry.second->IsDirty(); }));
}

bool FakePostgres::HasTransactionOf(uint32_t client, uint64_t but_session) const {
  return std::any_of(by_pid_.begin(), by_pid_.end(), [client, but_session](const auto& entry) {
    const PostgresSession& session = *entry.second;
    return session.id() != but_session && session.IsInTransactionOf(client);
  });
}

const PostgresUser* FakePostgres::FindUser(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : &found->second;
}

const auth::ScramVerifier& FakePostgres::VerifierOf(std::string_view user) const {
  return verifiers_.find(user)->second;
}

uint32_t FakePostgres::NewPid(PostgresSession& session) {
  const uint32_t pid = ++next_pid_;
  by_pid_.emplace(pid, &session);
  return pid;
}

void FakePostgres::Cancel(uint32_t pid, std::string_view secret) {
  ++cancels_received_;
  const auto found = by_pid_.find(pid);
  if (found != by_pid_.end() && found->second->secret() == secret) found->second->OnCancel();
}

void FakePostgres::Notify(const std::string& channel, uint32_t pid) {
  // Who listens to anything hears of it, and looks for itself whether it is meant. Telling one
  // may end its session.
  std::vector<uint32_t> listeners;
  for (const auto& [listener_pid, session] : by_pid_) {
    if (!session->state().heard_channels.empty()) listeners.push_back(listener_pid);
  }
  for (const uint32_t listener_pid : listeners) {
    const auto found = by_pid_.find(listener_pid);
    if (found != by_pid_.end()) found->second->OnNotification(channel, pid);
  }
}

}  // namespace pglynx::sim
