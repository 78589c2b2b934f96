#pragma once

// The world of the relay's targets: the product's sessions, pools and server connections on a
// perfect simulated network, with one pool "app" of one server; clients that say what they are
// told to; a server that does, and one that answers as the manual says.
//
//   RelayWorld world(config::PoolMode::kTransaction);
//   HonestPostgres server(world);
//   RawClient client(world, "");       // logs in
//   client.Say(bytes);
//   world.RunFor(std::chrono::milliseconds(20));
//
// RelayWorld outlives the others; clients go before servers.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "sim/sim_pooler.h"
#include "sim/violations.h"

namespace pglynx::fuzz {

class RelayWorld {
 public:
  explicit RelayWorld(config::PoolMode mode);
  ~RelayWorld();
  RelayWorld(const RelayWorld&) = delete;
  RelayWorld& operator=(const RelayWorld&) = delete;

  // Turn by turn, with the pooler's invariants checked behind each.
  void RunFor(Duration duration);
  // Nothing is left of clients that have gone.
  void CheckDrained();
  sim::SimNetwork& network() { return network_; }

 private:
  class NoLog final : public Log {
   public:
    void Write(LogLevel, std::string_view, Fields) override {}
    [[nodiscard]] LogLevel level() const override { return LogLevel::kDebug; }
  };
  void CheckNothingBroken() const;

  SeededRandom random_{1};
  sim::Violations violations_;
  NoLog log_;
  sim::SimLoop loop_{random_};
  sim::SimNetwork network_{loop_, random_};
  std::unique_ptr<sim::SimPooler> pooler_;
};

// One end of a connection.
class RawEnd : public net::StreamListener {
 public:
  void Open(std::unique_ptr<net::Stream> stream);
  void Say(std::string_view bytes);
  void Close();
  [[nodiscard]] const std::string& heard() const { return heard_; }

  void OnData(std::span<char> bytes) override { heard_.append(bytes.data(), bytes.size()); }
  void OnDrained() override {}
  void OnClosed(const Error&) override { open_ = false; }

 private:
  std::unique_ptr<net::Stream> stream_;
  std::string heard_;
  bool open_ = true;
};

// Connects and says a StartupMessage for "app"; without a password. Its destructor closes.
class RawClient final : public RawEnd, public net::ConnectListener {
 public:
  // `date_style`: a parameter of the startup packet; empty: none.
  RawClient(RelayWorld& world, std::string_view date_style);
  ~RawClient() override { Close(); }

  void OnConnected(std::unique_ptr<net::Stream> stream) override { Open(std::move(stream)); }
  void OnConnectFailed(const Error& error) override;

 private:
  std::unique_ptr<net::PendingConnect> connect_;
};

// A server's connections, and the login of each.
class PostgresBase : public net::AcceptListener {
 public:
  explicit PostgresBase(RelayWorld& world);
  void OnAccept(std::unique_ptr<net::Stream> stream) override;

 protected:
  class Connection : public RawEnd {
   public:
    void OnData(std::span<char> bytes) final;

   private:
    // Bytes behind the login.
    virtual void OnBytes(std::string_view bytes) = 0;
    std::string startup_;
    bool logged_in_ = false;
  };
  virtual std::unique_ptr<Connection> NewConnection() = 0;

 private:
  std::vector<std::unique_ptr<Connection>> connections_;
  std::unique_ptr<net::Listener> listener_;
};

// Gives the answers that it was given, one each time that it hears something.
class RawPostgres final : public PostgresBase {
 public:
  RawPostgres(RelayWorld& world, std::vector<std::string_view> answers)
      : PostgresBase(world), answers_(std::move(answers)) {}

 private:
  class Talker;
  std::unique_ptr<Connection> NewConnection() override;

  std::vector<std::string_view> answers_;
  size_t next_ = 0;
};

// Runs no statement, but keeps to the protocol: batches that fail are skipped to their Sync,
// COPY reads its data, transactions have a status. "fail" in a text fails.
class HonestPostgres final : public PostgresBase {
 public:
  explicit HonestPostgres(RelayWorld& world) : PostgresBase(world) {}
  // What comes now is of a new client: each connection must be between transactions and
  // batches when it hears the next message.
  void ExpectClean() { expects_clean_ = true; }

 private:
  class Backend;
  std::unique_ptr<Connection> NewConnection() override;

  bool expects_clean_ = false;
};

}  // namespace pglynx::fuzz
