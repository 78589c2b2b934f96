#pragma once

// A pool whose servers are real ServerConnections over fake streams, and what a Postgres
// would send to them. Header only, see fake_scheduler.h.

#include <string>
#include <utility>
#include <vector>

#include "pglynx/backend/cancel.h"
#include "pglynx/backend/server_launcher.h"
#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "pglynx/pool/pool.h"
#include "support/fake_event_loop.h"
#include "support/fake_stream.h"

namespace pglynx::test {

inline std::string Message(char type, std::string_view body) {
  std::string message(1, type);
  AppendU32(message, static_cast<uint32_t>(body.size() + 4));
  return message.append(body);
}

// An application's session: asks for a server and notes what it is told.
class BackendClient final : public pool::Waiter, public pool::ServerUser {
 public:
  void Ask(pool::Pool& pool) {
    pool::Pool::Outcome outcome = pool.Acquire(*this);
    if (auto* given = std::get_if<pool::Lease>(&outcome)) OnLease(std::move(*given));
    if (const auto* error = std::get_if<Error>(&outcome)) OnWaitFailed(*error);
  }
  void OnLease(pool::Lease given) override {
    lease = std::move(given);
    lease->SetUser(this);
  }
  void OnWaitFailed(const Error& error) override { failures.push_back(error); }
  void OnLongWait(std::string_view) override {}
  [[nodiscard]] uint64_t client_id() const override { return 1; }
  void OnServerData(std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void OnServerDrained() override { ++drained; }
  void OnServerClosed(const Error& cause) override {
    failures.push_back(cause);
    lease.Forget();
  }

  pool::Lease lease;
  std::vector<Error> failures;
  std::string data;
  int drained = 0;
};

class FakeBackend {
 public:
  explicit FakeBackend(backend::ServerTarget target = Target())
      : launcher(shared, std::move(target)),
        pool({loop, log, launcher, parameters, ids, budget, database}, Settings()) {}
  ~FakeBackend() { loop.turns.EndTurn(); }

  static backend::ServerTarget Target() {
    return {.address = {"10.0.0.1", 5432},
            .database = "shop",
            .user = "app",
            .credential = {},
            .connect_query = {},
            .connect_timeout = std::chrono::seconds(5)};
  }
  static pool::PoolSettings Settings() {
    pool::PoolSettings settings;
    settings.database = "shop";
    settings.user = "ann";
    settings.pool_size = 1;
    settings.server_retry_min = std::chrono::seconds(1);
    settings.server_retry_max = std::chrono::seconds(8);
    return settings;
  }
  // AuthenticationOk, parameters, cancel key, ReadyForQuery.
  static std::string LoginOk() {
    return Message('R', {"\0\0\0\0", 4}) + Message('S', {"server_version\00016.1\0", 20}) +
           Message('S', {"TimeZone\0UTC\0", 13}) + Message('K', {"\0\0\0\x2asecr", 8}) +
           Message('Z', "I");
  }
  static std::string ErrorMessage(std::string severity, std::string code, std::string text) {
    return Message('E', 'S' + severity + '\0' + 'V' + severity + '\0' + 'C' + code + '\0' + 'M' +
                            text + '\0' + '\0');
  }

  // A client asks and a connection is made: its wire, before the server has said anything.
  FakeWire& Connect(BackendClient& client) {
    client.Ask(pool);
    loop.turns.EndTurn();
    return connector.Accept(connector.attempts.size() - 1);
  }
  // The same, logged in.
  FakeWire& LogIn(BackendClient& client) {
    FakeWire& wire = Connect(client);
    wire.Receive(LoginOk());
    wire.sent.clear();
    return wire;
  }
  // The same, given back: an idle server.
  FakeWire& IdleServer() {
    BackendClient client;
    FakeWire& wire = LogIn(client);
    client.lease.Release();
    return wire;
  }

  FakeEventLoop loop;
  FakeConnector connector;
  SilentLog log;
  SeededRandom random{1};
  pool::ParameterTable parameters;
  backend::CancelSenders cancels{loop, connector};
  backend::BackendWorld shared{loop, connector, log, random, parameters, cancels};
  backend::Launcher launcher;
  pool::IdSource ids;
  pool::Budget budget{loop};
  pool::DatabaseCount database;
  pool::Pool pool;
};

}  // namespace pglynx::test
