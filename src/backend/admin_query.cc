#include "pglynx/backend/admin_query.h"

#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/handshake/server_error.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::backend {
namespace {

constexpr std::string_view kTerminate("X\0\0\0\4", 5);
constexpr uint32_t kNullLength = 0xFFFFFFFF;

}  // namespace

AdminQuery::AdminQuery(World world, ServerTarget target, std::vector<AdminQuestion> questions)
    : world_(world),
      target_(std::move(target)),
      questions_(std::move(questions)),
      handshake_({.user = target_.user,
                  .database = target_.database,
                  .parameters = {},
                  .credential = OwnCredential(target_.credential)},
                 world_.random) {}

void AdminQuery::Start(Done done) {
  done_ = std::move(done);
  world_.loop.Arm(timer_, DeadlineAfter(world_.loop.Now(), target_.connect_timeout));
  connect_ = world_.connector.Connect(target_.address, *this);
}

void AdminQuery::OnConnected(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetListener(*this);
  connect_.reset();
  Act(handshake_.Start());
}

void AdminQuery::OnConnectFailed(const Error& error) {
  Fail(error.code, error.detail);
}

void AdminQuery::OnData(std::span<char> bytes) {
  std::string_view input(bytes.data(), bytes.size());
  while (phase_ == Phase::kLogin && !input.empty()) {
    if (key_work_ != nullptr) {
      Fail(ErrorCode::kServerProtocolViolation, "the server spoke out of turn during the login");
      return;
    }
    Act(handshake_.Step(input));
  }
  using Outcome = handshake::MessageCollector::Outcome;
  while (phase_ == Phase::kQuery && !input.empty()) {
    const Outcome outcome =
        collector_.Take(input, handshake::MessageCollector::Framing::kTyped, kAnswerBytesMax);
    if (outcome == Outcome::kNeedMore) return;
    if (outcome == Outcome::kBadLength) {
      FailQuestion(ErrorCode::kServerProtocolViolation,
                   fmt::format("the server sent a message of less than 4 or more than {} bytes",
                               kAnswerBytesMax));
      return;
    }
    OnMessage(collector_.type(), collector_.body());
    collector_.Clear();
  }
}

// ----- the login -----

void AdminQuery::Act(const handshake::ServerHandshake::Action& action) {
  using Kind = handshake::ServerHandshake::ActionKind;
  if (!action.send.empty()) stream_->Write(action.send);
  switch (action.kind) {
    case Kind::kNone:
    case Kind::kSend:
      return;
    case Kind::kNeedScramKeys:
      OnNeedKeys(action.salt, action.iterations);
      return;
    case Kind::kFailed:
      Fail(action.error->code, action.error->detail);
      return;
    case Kind::kDone:
      phase_ = Phase::kQuery;
      NextQuestion();
      return;
  }
}

// As in ServerConnection: the work owns copies, its result is handed over.
void AdminQuery::OnNeedKeys(const std::string& salt, uint32_t iterations) {
  struct Derivation {
    auth::SecretString password;
    std::string salt;
    uint32_t iterations;
    auth::ScramKeys keys;
  };
  auto derivation =
      std::make_shared<Derivation>(Derivation{target_.credential.secret(), salt, iterations, {}});
  key_work_ = world_.loop.Offload(
      [derivation] {
        derivation->keys = auth::DeriveScramKeys(derivation->password.view(), derivation->salt,
                                                 derivation->iterations);
      },
      [this, derivation] {
        key_work_.reset();
        Act(handshake_.Continue(derivation->keys));
      });
}

// ----- the questions -----

void AdminQuery::NextQuestion() {
  if (answers_.size() == questions_.size()) {
    stream_->Write(kTerminate);
    stream_->FinishAndClose();
    End(std::move(answers_));
    return;
  }
  std::string message;
  wire::AppendQuery(message, questions_[answers_.size()].sql);
  stream_->Write(message);
  world_.loop.Arm(timer_, world_.loop.Now() + kTimeout);
}

void AdminQuery::OnMessage(char type, std::string_view body) {
  switch (type) {
    case 'D':
      AddRow(body);
      return;
    case 'Z':
      answers_.push_back(std::exchange(rows_, {}));
      row_bytes_ = 0;
      NextQuestion();
      return;
    case 'E': {
      const auto error = handshake::ParseServerError(body);
      FailQuestion(ErrorCode::kServerUnreachable,
                   error.has_value() ? fmt::format("the server says {}: {} (SQLSTATE {})",
                                                   error->severity, error->message, error->sqlstate)
                                     : "the server sent an invalid ErrorResponse message");
      return;
    }
    case 'T':  // what the rows hold is known
    case 'C':
    case 'I':
    case 'N':
    case 'S':
    case 'A':
      return;
    default:  // among others those of COPY
      FailQuestion(
          ErrorCode::kServerProtocolViolation,
          fmt::format("the server sent a message of type {}", static_cast<unsigned char>(type)));
  }
}

void AdminQuery::AddRow(std::string_view body) {
  row_bytes_ += body.size();
  if (row_bytes_ > kAnswerBytesMax) {
    FailQuestion(ErrorCode::kProgramLimit,
                 fmt::format("the server sent more than {} bytes of rows", kAnswerBytesMax));
    return;
  }
  ByteReader reader(body);
  AdminRow& row = rows_.emplace_back();
  for (uint16_t left = reader.U16(); left > 0 && reader.ok(); --left) {
    const uint32_t length = reader.U32();
    if (length == kNullLength) {
      row.emplace_back(std::nullopt);
    } else {
      row.emplace_back(reader.Bytes(length));
    }
  }
  if (!reader.AtEnd()) {
    FailQuestion(ErrorCode::kServerProtocolViolation, "the server sent an invalid DataRow message");
  }
}

// ----- the end -----

void AdminQuery::OnClosed(const Error& cause) {
  Fail(ErrorCode::kServerLost, fmt::format("the server closed the connection: {}", cause.detail));
}

void AdminQuery::OnTimeout() {
  if (phase_ == Phase::kLogin) {
    Fail(ErrorCode::kServerUnreachable,
         fmt::format("connect and login were not complete within connect_timeout = {} ms",
                     target_.connect_timeout.count() / 1000));
  } else {
    FailQuestion(ErrorCode::kServerUnreachable, fmt::format("the server did not answer within {} s",
                                                            kTimeout.count() / 1'000'000));
  }
}

void AdminQuery::FailQuestion(ErrorCode code, std::string_view what) {
  Fail(code, fmt::format("{}: {}", questions_[answers_.size()].what, what));
}

void AdminQuery::Fail(ErrorCode code, std::string_view what) {
  if (stream_ != nullptr) stream_->Close();
  End(Error{code, std::string(what)});
}

void AdminQuery::End(Result<AdminAnswers> answers) {
  phase_ = Phase::kOver;
  timer_.Disarm();
  connect_.reset();
  key_work_.reset();
  done_(std::move(answers));
}

}  // namespace pglynx::backend
