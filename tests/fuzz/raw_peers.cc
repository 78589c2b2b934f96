// See raw_peers.h.
#include "fuzz/raw_peers.h"

#include <cstdio>
#include <utility>
#include <variant>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/message_writer.h"
#include "pglynx/wire/startup.h"

namespace pglynx::fuzz {
namespace {

const net::Address kPooler{"10.0.1.1", 6432};
const net::Address kServer{"10.0.2.1", 5432};

config::Config MakeConfig(config::PoolMode mode) {
  config::PoolUser user;
  user.username = "app";
  user.server_username = "app";
  user.password = {config::Secret::Kind::kPlain, "secret"};
  user.pool_size = 1;
  user.pool_mode = mode;
  user.connect_timeout = std::chrono::seconds(2);
  user.query_wait_timeout = std::chrono::seconds(5);
  user.idle_timeout = std::chrono::minutes(10);
  user.server_lifetime = std::chrono::hours(1);
  config::Pool pool;
  pool.name = "app";
  pool.mode = mode;
  pool.shards = {{.database = "app", .servers = {{.host = kServer.host, .port = kServer.port}}}};
  pool.users.push_back(std::move(user));
  config::Config config;
  config.general.hosts = {kPooler.host};
  config.general.port = kPooler.port;
  config.auth.method = config::AuthMethod::kTrust;
  config.pools.push_back(std::move(pool));
  return config;
}

// The pooler's own refusals fail on every real server too.
bool Fails(std::string_view body) {
  return body.find("fail") != std::string_view::npos ||
         body.find("pglynx_denied") != std::string_view::npos ||
         body.find("pglynx_refused_this_statement") != std::string_view::npos;
}

}  // namespace

RelayWorld::RelayWorld(config::PoolMode mode)
    : pooler_(std::make_unique<sim::SimPooler>(
          sim::SimPooler::World{loop_, network_, random_, log_, violations_}, MakeConfig(mode))) {}

RelayWorld::~RelayWorld() {
  pooler_.reset();
  loop_.FinishTurn();
}

void RelayWorld::RunFor(Duration duration) {
  const TimePoint end = loop_.Now() + duration;
  while (loop_.NextMoment() <= end) {
    loop_.RunTurn();
    pooler_->CheckInvariants();
  }
  loop_.RunUntil(end);
  CheckNothingBroken();
}

void RelayWorld::CheckDrained() {
  pooler_->CheckDrained();
  CheckNothingBroken();
}

void RelayWorld::CheckNothingBroken() const {
  if (violations_.empty()) return;
  std::fputs(violations_.ToString().c_str(), stderr);
  PGLYNX_CHECK(violations_.empty());
}

void RawEnd::Open(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetListener(*this);
}

void RawEnd::Say(std::string_view bytes) {
  if (stream_ != nullptr && open_) stream_->Write(bytes);
}

void RawEnd::Close() {
  if (stream_ != nullptr && open_) stream_->Close();
  open_ = false;
}

RawClient::RawClient(RelayWorld& world, std::string_view date_style)
    : connect_(world.network().Connect(kPooler, *this)) {
  world.RunFor(std::chrono::milliseconds(10));
  wire::StartupParameters parameters = {{"user", "app"}, {"database", "app"}};
  if (!date_style.empty()) parameters.push_back({"DateStyle", std::string(date_style)});
  std::string startup;
  wire::AppendStartupMessage(startup, 0, parameters);
  Say(startup);
  world.RunFor(std::chrono::milliseconds(200));
}

void RawClient::OnConnectFailed(const Error&) {
  PGLYNX_CHECK(false);  // the network is perfect
}

PostgresBase::PostgresBase(RelayWorld& world) : listener_(world.network().Listen(kServer, *this)) {}

void PostgresBase::OnAccept(std::unique_ptr<net::Stream> stream) {
  connections_.push_back(NewConnection());
  connections_.back()->Open(std::move(stream));
}

void PostgresBase::Connection::OnData(std::span<char> bytes) {
  if (logged_in_) return OnBytes({bytes.data(), bytes.size()});
  startup_.append(bytes.data(), bytes.size());
  const auto startup = wire::ParseStartup(startup_);
  PGLYNX_CHECK(startup.has_value());
  if (!*startup) return;
  if (!std::holds_alternative<wire::StartupMessage>((*startup)->packet)) return Close();
  std::string welcome;
  wire::AppendAuthenticationOk(welcome);
  wire::AppendParameterStatus(welcome, "server_version", "16.4");
  wire::AppendParameterStatus(welcome, "standard_conforming_strings", "on");
  wire::AppendParameterStatus(welcome, "DateStyle", "ISO, MDY");
  wire::AppendBackendKeyData(welcome, 7, "key!");
  wire::AppendReadyForQuery(welcome, 'I');
  logged_in_ = true;
  Say(welcome);
}

class RawPostgres::Talker final : public PostgresBase::Connection {
 public:
  explicit Talker(RawPostgres& server) : server_(server) {}

 private:
  void OnBytes(std::string_view) override {
    if (server_.next_ < server_.answers_.size()) Say(server_.answers_[server_.next_++]);
  }

  RawPostgres& server_;
};

std::unique_ptr<PostgresBase::Connection> RawPostgres::NewConnection() {
  return std::make_unique<Talker>(*this);
}

class HonestPostgres::Backend final : public PostgresBase::Connection {
 public:
  explicit Backend(const HonestPostgres& server) : server_(server) {}

 private:
  void OnBytes(std::string_view bytes) override {
    unread_ += bytes;
    std::string_view rest = unread_;
    std::string out;
    while (rest.size() >= wire::kHeaderBytes) {
      const uint32_t length = LoadU32(rest.data() + 1);
      PGLYNX_CHECK(length >= 4);  // the pooler passes on no broken framing
      if (rest.size() < size_t{length} + 1) break;
      OnMessage(rest[0], rest.substr(wire::kHeaderBytes, length - 4), out);
      rest.remove_prefix(size_t{length} + 1);
    }
    unread_.erase(0, unread_.size() - rest.size());
    Say(out);
  }

  void OnMessage(char type, std::string_view body, std::string& out) {
    if (server_.expects_clean_) {
      const bool clean = status_ == 'I' && !skipping_ && !in_batch_ && !copy_;
      PGLYNX_CHECK(clean || checked_);
      checked_ = true;
    }
    if (copy_) return OnCopyMessage(type, out);
    if (type == 'X') return Close();
    if (type == 'S') {
      skipping_ = in_batch_ = false;
      return wire::AppendReadyForQuery(out, status_);
    }
    if (skipping_ || type == 'd' || type == 'c' || type == 'f' || type == 'H') return;
    if (type == 'Q' || type == 'F') {
      in_batch_ = false;
      return OnSimple(type, body, out);
    }
    in_batch_ = true;
    OnExtended(type, body, out);
  }

  void OnCopyMessage(char type, std::string& out) {
    if (type != 'c' && type != 'f') return;  // data, and a Sync that libpq sends too early
    copy_ = false;
    if (type == 'f') {
      Fail(out);
    } else {
      wire::AppendCommandComplete(out, "COPY 1");
    }
    wire::AppendReadyForQuery(out, status_);
  }

  void OnSimple(char type, std::string_view body, std::string& out) {
    if (type == 'F' || Fails(body)) {
      Fail(out);
    } else if (body.starts_with("copy")) {
      copy_ = true;
      const wire::MessageScope message(out, 'G');
      out.append(3, '\0');
      return;
    } else {
      if (body.starts_with("begin") && status_ == 'I') status_ = 'T';
      if (body.starts_with("commit") || body.starts_with("rollback")) status_ = 'I';
      wire::AppendCommandComplete(out, "SELECT 1");
    }
    wire::AppendReadyForQuery(out, status_);
  }

  void OnExtended(char type, std::string_view body, std::string& out) {
    if (Fails(body)) {
      skipping_ = true;
      return Fail(out);
    }
    switch (type) {
      case 'E':
        return wire::AppendCommandComplete(out, "SELECT 1");
      case 'P':
      case 'B':
      case 'C':
      case 'D': {
        const wire::MessageScope message(out, type == 'P'   ? '1'
                                              : type == 'B' ? '2'
                                              : type == 'C' ? '3'
                                                            : 'n');
        return;
      }
      default:
        wire::AppendErrorResponse(out, wire::Severity::kFatal,
                                  {ErrorCode::kProtocolViolation, "invalid message type"});
        Say(std::exchange(out, {}));
        return Close();
    }
  }

  void Fail(std::string& out) {
    wire::AppendErrorResponse(out, wire::Severity::kError, {ErrorCode::kSyntaxError, "failed"});
    if (status_ == 'T') status_ = 'E';
  }

  const HonestPostgres& server_;
  std::string unread_;
  char status_ = 'I';
  bool skipping_ = false;
  bool in_batch_ = false;  // extended messages and no Sync behind them
  bool copy_ = false;
  bool checked_ = false;
};

std::unique_ptr<PostgresBase::Connection> HonestPostgres::NewConnection() {
  return std::make_unique<Backend>(*this);
}

}  // namespace pglynx::fuzz
