#include "sim/fake_vs_real/peer.h"

#include <array>
#include <charconv>
#include <chrono>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pglynx/core/bytes.h"
#include "support/e2e/postgres_cluster.h"

namespace pglynx::sim {
namespace {

// Far above what an answer on the same machine takes.
constexpr std::chrono::milliseconds kSilence{3000};
constexpr size_t kHeaderBytes = 5;

class FakePeer final : public Peer, public net::ConnectListener, public net::StreamListener {
 public:
  FakePeer(SimLoop& loop, SimNetwork& network, const net::Address& address)
      : loop_(loop), connect_(network.Connect(address, *this)) {
    Run();
  }

  void Send(std::string_view bytes) override {
    if (stream_ != nullptr && !closed_) stream_->Write(bytes);
    Run();
  }
  std::optional<RawMessage> Next() override {
    Run();
    if (input_.size() < kHeaderBytes) return std::nullopt;
    const uint32_t length = LoadU32(input_.data() + 1);
    if (input_.size() < length + 1) return std::nullopt;
    RawMessage message{input_[0], input_.substr(kHeaderBytes, length - 4)};
    input_.erase(0, length + 1);
    return message;
  }
  [[nodiscard]] bool closed() const override { return closed_; }
  void Leave() override {
    Send(e2e::RawClient::Frame('X', ""));
    stream_.reset();
    Run();
  }

  // --- ConnectListener, StreamListener ---
  void OnConnected(std::unique_ptr<net::Stream> stream) override {
    stream_ = std::move(stream);
    stream_->SetListener(*this);
  }
  void OnConnectFailed(const Error&) override { closed_ = true; }
  void OnData(std::span<char> bytes) override { input_.append(bytes.data(), bytes.size()); }
  void OnDrained() override {}
  void OnClosed(const Error&) override { closed_ = true; }

 private:
  void Run() {
    while (loop_.RunTurn()) {
    }
  }

  SimLoop& loop_;
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  std::string input_;
  bool closed_ = false;
};

class RealPeer final : public Peer {
 public:
  explicit RealPeer(uint16_t port) : client_(port) {}

  void Send(std::string_view bytes) override {
    try {
      client_.Send(bytes);
    } catch (const std::runtime_error&) {
      closed_ = true;
    }
  }
  std::optional<RawMessage> Next() override {
    if (closed_ || !client_.Readable(kSilence)) return std::nullopt;
    try {
      return client_.Read();
    } catch (const std::runtime_error&) {
      closed_ = true;
      return std::nullopt;
    }
  }
  [[nodiscard]] bool closed() const override { return closed_; }
  // The end of the connection is the end of its process, so its locks are free.
  void Leave() override {
    Send(e2e::RawClient::Frame('X', ""));
    if (!closed_) client_.ClosedByPeer();
    closed_ = true;
  }

 private:
  e2e::RawClient client_;
  bool closed_ = false;
};

// What FakePostgres has in it. A table that was made under one role is open to the others, so that
// only who may drop it depends on the role.
constexpr auto kObjects = std::to_array<std::string_view>({
    "create role app login password 'secret'",
    "create role scrammer login password 'secret'",
    "set password_encryption = 'md5'",
    "create role md5er login password 'secret'",
    "create role app_reader",
    "create role app_writer",
    "grant app_reader, app_writer to app",
    "create table log (x text)",
    "grant insert on log to public",
    "create sequence sq0",
    "create sequence sq1",
    "grant usage on sequence sq0, sq1 to public",
    "alter default privileges for role app, app_reader, app_writer grant all on tables to public",
    "create function hidden_lock(n bigint) returns void language plpgsql as "
    "$$ begin perform pg_advisory_lock(n); end $$",
    "create function hidden_temp() returns void language plpgsql as "
    "$$ begin create temp table hidden (x text); end $$",
    "create function hidden_listen(channel text) returns void language plpgsql as "
    "$$ begin execute format('listen %I', channel); end $$",
    "create function hidden_set(name text, value text) returns void language plpgsql as "
    "$$ begin perform set_config(name, value, false); end $$",
    "create function hidden_nothing() returns void language plpgsql as $$ begin end $$",
});

const net::Address kFakeAddress{"10.0.0.1", 5432};

}  // namespace

FakeServer::FakeServer(uint64_t seed) : random_(seed), loop_(random_), network_(loop_, random_) {
  postgres_ = std::make_unique<FakePostgres>(
      FakePostgres::World{loop_, network_, random_, violations_}, kFakeAddress);
  using Method = PostgresUser::Method;
  const std::string password(kPassword);
  postgres_->AddUser(std::string(kTrusted), {Method::kTrust, password});
  postgres_->AddUser(std::string(kMd5User), {Method::kMd5, password});
  postgres_->AddUser(std::string(kScramUser), {Method::kScram, password});
}

std::unique_ptr<Peer> FakeServer::Connect() {
  return std::make_unique<FakePeer>(loop_, network_, kFakeAddress);
}

struct RealServer::State {
  e2e::PostgresCluster cluster{
      {.max_connections = 20,
       .settings = {"TimeZone=Etc/UTC", "datestyle=ISO, MDY", "max_wal_senders=0", "autovacuum=off",
                    "log_min_messages=log"},
       .hba = {"host all app,nobody_here 127.0.0.1/32 trust", "host all md5er 127.0.0.1/32 md5"}}};
  std::optional<e2e::Connection> superuser;
};

RealServer::RealServer() : state_(std::make_unique<State>()) {
  state_->cluster.Exec("create database app");
  state_->superuser.emplace(state_->cluster.Superuser("app"));
  for (const std::string_view sql : kObjects) {
    const e2e::QueryResult result = state_->superuser->Exec(std::string(sql));
    if (!result.ok()) throw std::runtime_error(std::string(sql) + ": " + result.error);
  }
  const std::string version = state_->superuser->Parameter("server_version");
  std::from_chars(version.data(), version.data() + version.size(), major_version_);
}

RealServer::~RealServer() = default;

std::unique_ptr<Peer> RealServer::Connect() {
  return std::make_unique<RealPeer>(state_->cluster.port());
}

void RealServer::StartScript() {
  state_->superuser->Exec("alter sequence sq0 restart; alter sequence sq1 restart");
}

}  // namespace pglynx::sim
