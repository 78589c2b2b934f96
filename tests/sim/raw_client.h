#pragma once

// A client that says any bytes and keeps what it hears; for what no driver would send. Owner: a
// test; the simulation outlives it.
//
//   RawClient mallory(sim);
//   mallory.LogIn();
//   mallory.Say("Q\0\0\0\5x");
//   sim.RunFor(seconds(1));
//   CHECK(mallory.last_sqlstate() == "08P01");

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pglynx/net/event_loop.h"
#include "pglynx/net/stream.h"
#include "sim/simulation.h"

namespace pglynx::sim {

class RawClient final : public net::ConnectListener, public net::StreamListener {
 public:
  explicit RawClient(Simulation& sim);
  ~RawClient() override;

  // A StartupMessage with these parameters behind user and database "app"; the pool must trust.
  void LogIn(const wire::StartupParameters& parameters = {});
  // At once, or as soon as it is connected.
  void Say(std::string_view bytes);
  void Close();
  // Forgets what it has heard.
  void Forget() { heard_.clear(); }

  // The types of the messages heard, one letter each; a byte that answers SSLRequest aside.
  [[nodiscard]] std::string types() const;
  [[nodiscard]] const std::string& heard() const { return heard_; }
  // Of the last ErrorResponse heard; empty: none.
  [[nodiscard]] std::string last_sqlstate() const;
  [[nodiscard]] std::string last_error_text() const;
  [[nodiscard]] bool ended() const { return ended_; }

  // --- ConnectListener ---
  void OnConnected(std::unique_ptr<net::Stream> stream) override;
  void OnConnectFailed(const Error& error) override;
  // --- StreamListener ---
  void OnData(std::span<char> bytes) override { heard_.append(bytes.data(), bytes.size()); }
  void OnDrained() override {}
  void OnClosed(const Error&) override { ended_ = true; }

 private:
  // Calls `handle(type, body)` for each whole message.
  template <typename Handle>
  void ForEachMessage(const Handle& handle) const;

  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  std::string unsaid_;
  std::string heard_;
  bool ended_ = false;
};

}  // namespace pglynx::sim
