#pragma once

// A PostgreSQL server in the simulation: accepts connections, logs them in, and keeps what its
// sessions share: advisory locks, channels, sequences and cancel keys. Each connection is a
// PostgresSession. It watches two invariants from the server's side, by the markers in the
// statements ("client-<client>/<number>", mini_sql.h): no two clients inside one transaction
// (I2), and no state of one client left for the next, its settings included (I5).
//
// Owner: the simulation. Destroyed before the network.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/auth/scram.h"
#include "sim/advisory_locks.h"
#include "sim/dice.h"
#include "sim/mini_sql.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "sim/violations.h"

namespace pglynx::sim {

class PostgresSession;

// Probabilities, of each login or statement; all zero is a healthy server.
struct PostgresFaults {
  double refuse_login = 0;      // 57P03 or 53300
  double late_login = 0;        // takes up to `late_max`
  double late = 0;              // a statement takes up to `late_max` longer
  double fail_statement = 0;    // a statement fails with kSimulatedFailure
  double notice = 0;            // a NoticeResponse before a reply
  double parameter_status = 0;  // a ParameterStatus nobody asked for, before a reply
  double die = 0;               // the session ends instead of running a statement
  double die_midway = 0;        // the session ends inside a reply
  double die_behind = 0;        // it ends right behind its last reply, with FATAL, in one segment
  double hang = 0;              // the session never answers again
  Duration late_max = std::chrono::milliseconds(300);
};

// The SQLSTATE of a statement that fails for no reason (system_error).
inline constexpr std::string_view kSimulatedFailure = "58000";

struct PostgresUser {
  enum class Method : uint8_t { kTrust, kMd5, kScram };
  Method method = Method::kTrust;
  std::string password;
};

class FakePostgres final : public net::AcceptListener {
 public:
  struct World {
    SimLoop& loop;
    SimNetwork& network;
    Random& random;
    Violations& violations;
    // What the client of this statement expects a parameter to be when it runs; nothing where it
    // cannot say that.
    std::function<std::optional<std::string>(const Marker&, std::string_view)> expected = {};
    // Adds what that client has said and heard to the violations.
    std::function<void(const Marker&)> explain = {};
  };
  FakePostgres(const World& world, net::Address address);
  ~FakePostgres() override;

  void AddUser(const std::string& name, const PostgresUser& user);
  PostgresFaults faults;

  // Ends every session and refuses logins for this long; then it is another server: process
  // ids, keys and server_version have changed.
  void Restart(Duration down);
  // Ends every session, each in its own way.
  void KillSessions();
  // Those that the fault `hang` has met.
  void KillHungSessions();
  // Refuses every login with this SQLSTATE until it is empty.
  std::string refuse_with;

  [[nodiscard]] size_t session_count() const { return sessions_.size(); }
  // The most there ever were at once; cancel requests count while they last.
  [[nodiscard]] size_t sessions_peak() const { return sessions_peak_; }
  [[nodiscard]] uint64_t logins() const { return logins_; }
  [[nodiscard]] uint64_t cancels_received() const { return cancels_received_; }
  // Sessions that hold anything of a client at this moment, for I8.
  [[nodiscard]] size_t dirty_session_count() const;
  [[nodiscard]] const net::Address& address() const { return address_; }

  void OnAccept(std::unique_ptr<net::Stream> stream) override;

  // --- for sessions ---
  const World& world() const { return world_; }
  Dice& dice() { return dice_; }
  void Remove(PostgresSession& session);
  // nullptr: no such role.
  const PostgresUser* FindUser(std::string_view name) const;
  const auth::ScramVerifier& VerifierOf(std::string_view user) const;
  uint32_t NewPid(PostgresSession& session);
  void Cancel(uint32_t pid, std::string_view secret);
  void Notify(const std::string& channel, uint32_t pid);
  [[nodiscard]] bool IsDown() const;
  [[nodiscard]] const std::string& version() const { return version_; }
  int64_t NextValue(const std::string& sequence) { return ++sequences_[sequence]; }
  void CountLogin() { ++logins_; }

  AdvisoryLocks& locks() { return locks_; }
  [[nodiscard]] const AdvisoryLocks& locks() const { return locks_; }

 private:
  World world_;
  Dice dice_;
  net::Address address_;
  std::unique_ptr<net::Listener> listener_;
  std::map<std::string, PostgresUser, std::less<>> users_;
  std::map<std::string, auth::ScramVerifier, std::less<>> verifiers_;
  std::map<PostgresSession*, std::unique_ptr<PostgresSession>> sessions_;
  std::map<uint32_t, PostgresSession*> by_pid_;
  AdvisoryLocks locks_;
  std::map<std::string, int64_t> sequences_;
  std::string version_ = "16.4";
  uint32_t next_pid_ = 100;
  TimePoint down_until_{};
  uint64_t logins_ = 0;
  size_t sessions_peak_ = 0;
  uint64_t cancels_received_ = 0;
};

}  // namespace pglynx::sim
