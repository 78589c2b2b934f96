#pragma once

// One connection to the console: login, then Console's messages. Owner: ConsoleTable.

#include <memory>
#include <string>
#include <string_view>

#include "pglynx/admin/console_table.h"
#include "pglynx/handshake/client_handshake.h"
#include "pglynx/net/stream.h"

namespace pglynx::admin {

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

  ConsoleTable& table_;
  std::unique_ptr<net::Stream> stream_;
  handshake::ClientHandshake handshake_;
  std::unique_ptr<Console> console_;  // from the login on
  Rights rights_ = Rights::kStats;
  std::string input_;
  bool over_ = false;
  bool paused_ = false;  // it does not read what it asked for
  Timer timer_ = MemberTimer<&AdminSession::Finish>(this);
};

}  // namespace pglynx::admin
