#pragma once

// The console's connections: accepts them, logs them in, owns them. Its login always asks
// for a password, whatever [auth] says: the console's own user by [admin], and the pools'
// users that stats_users names, who may only look.
//
// Owner: server::Worker. Bound: kConsoleClientsMax connections; more are closed silently.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "pglynx/admin/console.h"
#include "pglynx/auth/credentials.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/net/event_loop.h"

namespace pglynx::admin {

class AdminSession;

// Who may use the console. Implemented by the server.
class ConsoleUsers {
 public:
  virtual ~ConsoleUsers() = default;
  struct Known {
    const auth::Credential* credential;  // with its verifier, if it is a plain password
    Rights rights;
  };
  // nullopt: nobody of that name. The credential lives until the call returns.
  virtual std::optional<Known> FindConsoleUser(std::string_view name) = 0;
};

class ConsoleTable final : public net::AcceptListener {
 public:
  static constexpr size_t kConsoleClientsMax = 100;

  struct World {
    net::EventLoop& loop;
    Log& log;
    Random& random;
    ConsoleHost& host;
    ConsoleUsers& users;
    Duration login_timeout;
  };
  explicit ConsoleTable(World world);
  ~ConsoleTable() override;

  void OnAccept(std::unique_ptr<net::Stream> stream) override { Open(std::move(stream), {}); }
  // A client that asked for the console elsewhere; `first` is what it has sent.
  void Open(std::unique_ptr<net::Stream> stream, std::string_view first);
  // Ends all of them.
  void CloseAll();

  [[nodiscard]] size_t size() const { return sessions_.size(); }

 private:
  friend class AdminSession;
  void Remove(AdminSession& session);

  World world_;
  std::string mock_secret_;
  std::unordered_map<AdminSession*, std::unique_ptr<AdminSession>> sessions_;
};

}  // namespace pglynx::admin
