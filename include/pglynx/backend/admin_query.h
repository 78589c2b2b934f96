#pragma once

// Questions of our own to a server, not those of clients: logs in, sends simple queries one after
// another ("Simple Query" in the manual), keeps their rows, closes. No pool, nothing is used again.
// Owner: whoever asks. It may be destroyed at any time but inside its callback (see DeferDelete),
// which gives it up.
//
//   AdminQuery query({loop, connector, random}, target, {{"a number", "SELECT 1"}});
//   query.Start([](Result<AdminAnswers> answers) { … answers->at(0)[0][0] == "1" … });
//
// Limits: connect and login take no longer than the target's connect_timeout, each query no longer
// than kTimeout; the rows of a query are kAnswerBytesMax at most. The first failure ends it: its
// text names what failed and holds the server's words, which may have any characters.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/backend/server_launcher.h"
#include "pglynx/core/random.h"
#include "pglynx/core/result.h"
#include "pglynx/handshake/message_collector.h"
#include "pglynx/handshake/server_handshake.h"
#include "pglynx/net/event_loop.h"

namespace pglynx::backend {

// In text form; nullopt is NULL.
using AdminRow = std::vector<std::optional<std::string>>;
using AdminRows = std::vector<AdminRow>;
struct AdminQuestion {
  std::string what;  // is asked, for error texts
  std::string sql;
};
// To each question.
using AdminAnswers = std::vector<AdminRows>;

class AdminQuery final : public net::ConnectListener, public net::StreamListener, public Deletable {
 public:
  static constexpr Duration kTimeout = std::chrono::seconds(30);
  static constexpr size_t kAnswerBytesMax = size_t{4} * 1024 * 1024;

  struct World {
    net::EventLoop& loop;
    net::Connector& connector;
    Random& random;
  };
  using Done = std::function<void(Result<AdminAnswers>)>;

  // The target's connect_query is not run. What `world` names must outlive this.
  AdminQuery(World world, ServerTarget target, std::vector<AdminQuestion> questions);

  // Calls `done` once, in a later turn. Precondition: called once.
  void Start(Done done);

  void OnConnected(std::unique_ptr<net::Stream> stream) override;
  void OnConnectFailed(const Error& error) override;
  void OnData(std::span<char> bytes) override;
  void OnDrained() override {}
  void OnClosed(const Error& cause) override;

 private:
  enum class Phase : uint8_t {
    kLogin,  // connect and handshake
    kQuery,  // its answer is awaited: of questions_[answers_.size()]
    kOver,   // `done` has been called
  };

  void Act(const handshake::ServerHandshake::Action& action);
  void OnNeedKeys(const std::string& salt, uint32_t iterations);
  void NextQuestion();
  void OnMessage(char type, std::string_view body);
  void AddRow(std::string_view body);
  void OnTimeout();
  // Of the question that is open.
  void FailQuestion(ErrorCode code, std::string_view what);
  void Fail(ErrorCode code, std::string_view what);
  void End(Result<AdminAnswers> answers);

  const World world_;
  const ServerTarget target_;
  const std::vector<AdminQuestion> questions_;
  Done done_;
  Phase phase_ = Phase::kLogin;
  handshake::ServerHandshake handshake_;
  handshake::MessageCollector collector_;
  AdminAnswers answers_;
  AdminRows rows_;
  size_t row_bytes_ = 0;
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<net::OffloadedWork> key_work_;
  Timer timer_ = MemberTimer<&AdminQuery::OnTimeout>(this);
};

}  // namespace pglynx::backend
