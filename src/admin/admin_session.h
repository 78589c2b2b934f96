#pragma once

// One connection to the console: login, then Console's messages, one after the other. While a
// command waits (Next::kWait), no further message is taken, but it is still read up to the
// length of one: a stream that is paused would not tell that the client has left.
// Owner: ConsoleTable.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "pglynx/admin/console_table.h"
#include "pglynx/core/time.h"
#include "pglynx/handshake/client_handshake.h"
#include "pglynx/net/stream.h"

namespace pglynx::admin {

// How often a command that waits asks whether it is done.
inline constexpr Duration kSettledCheckInterval = std::chrono::milliseconds(20);

class AdminSession final : public net::StreamListener, public Deletable {
 public:
  AdminSession(ConsoleTable& table, std::unique_ptr<net::Stream> stream);
  ~AdminSession() override;

  void Start(std::string_view first);
  void Finish();

  void OnData(std::span<char> bytes) override;
  void OnDrained() override;
  void OnClosed(const Error& cause) override;

 private:
  void Consume();
  void ConsumeLogin();
  void Act(handshake::ClientHandshake::Action action);
  void OnStartup();
  void Welcome();
  // False: the message is not complete, or the session is over.
  bool ConsumeMessage();
  // What the console said to a message. False: the session is over, or waits.
  bool Deliver(Next next, const std::string& reply);
  void OnCheckSettled();

  ConsoleTable& table_;
  std::unique_ptr<net::Stream> stream_;
  handshake::ClientHandshake handshake_;
  std::unique_ptr<Console> console_;  // from the login on
  Rights rights_ = Rights::kStats;
  std::string input_;
  bool over_ = false;
  bool paused_ = false;   // it does not read what it asked for
  bool waiting_ = false;  // the console has not finished its reply; the check timer is armed
  bool full_ = false;     // reading is paused as well: enough has come while it waits
  Timer timer_ = MemberTimer<&AdminSession::Finish>(this);
  Timer check_timer_ = MemberTimer<&AdminSession::OnCheckSettled>(this);
};

}  // namespace pglynx::admin
