// A client's login, with us as the server (handshake/client_handshake.h).
//
// Properties: cut anywhere, a login takes the same steps and the same bytes, and none behind
// its end; a mock lets nobody in; keys come out of a SCRAM login and are those of the user;
// what is sent are whole messages, and a refusal's ErrorResponse says what the error says,
// on one line.
//
// Input: one byte for the way that the user proves itself, the cuts, then the stream. Nonces
// and salts are constant, so that a seed can hold a whole login.
#include <optional>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/auth/md5.h"
#include "pglynx/handshake/client_handshake.h"
#include "pglynx/handshake/server_error.h"

namespace pglynx::fuzz {
namespace {

using handshake::AuthPlan;
using handshake::ClientHandshake;
using Kind = ClientHandshake::ActionKind;

constexpr std::string_view kPassword = "pencil";
constexpr std::string_view kSalt = "0123456789abcdef";

const auth::ScramKeys& Keys() {
  static const auth::ScramKeys kKeys = auth::DeriveScramKeys(kPassword, kSalt, 1);
  return kKeys;
}

AuthPlan PlanOf(uint8_t choice, std::string_view user) {
  switch (choice % 6) {
    case 0:
      return AuthPlan::Trust();
    case 1:
      return AuthPlan::Scram(auth::VerifierOf(Keys(), kSalt, 1));
    case 2:
      return AuthPlan::ScramMock("the process's secret");
    case 3:
      return AuthPlan::Md5(auth::MakeMd5Secret(kPassword, user)->view());
    case 4:
      return AuthPlan::Md5Mock();
    default:
      return AuthPlan::Md5("no md5 secret");
  }
}

struct Step {
  Kind kind;
  std::string send;
  std::string error;
  bool operator==(const Step&) const = default;
};

struct Transcript {
  std::vector<Step> steps;
  size_t taken = 0;
  bool operator==(const Transcript&) const = default;
};

class Login {
 public:
  explicit Login(uint8_t choice) : choice_(choice) {}

  void Feed(std::string_view piece) {
    const size_t before = piece.size();
    while (true) {
      const size_t left = piece.size();
      ClientHandshake::Action action = handshake_.Step(piece);
      PGLYNX_CHECK(!over_ || (action.kind == Kind::kNone && piece.size() == left));
      const bool waits = action.kind == Kind::kNone;
      PGLYNX_CHECK(!waits || over_ || piece.empty());
      Take(std::move(action));
      if (waits) break;
    }
    transcript_.taken += before - piece.size();
  }

  [[nodiscard]] const Transcript& transcript() const { return transcript_; }

 private:
  void Take(ClientHandshake::Action action) {
    if (action.kind == Kind::kNone) return;
    CheckSent(action);
    transcript_.steps.push_back(
        {action.kind, action.send, action.error ? action.error->detail : std::string()});
    const bool is_mock = choice_ % 6 == 2 || choice_ % 6 == 4 || choice_ % 6 == 5;
    switch (action.kind) {
      case Kind::kNone:
      case Kind::kSend:
        break;
      case Kind::kStartup:
        PGLYNX_CHECK(!handshake_.user().empty() && !handshake_.database().empty());
        PGLYNX_CHECK(handshake_.minor() == 0 || handshake_.minor() == 2);
        started_ = true;
        if (choice_ >= 0xf8) {
          Take(handshake_.Reject({ErrorCode::kTooManyConnections, "too many"}));
        } else {
          Take(handshake_.Challenge(PlanOf(choice_, handshake_.user())));
        }
        break;
      case Kind::kAuthenticated:
        PGLYNX_CHECK(started_ && !is_mock);
        PGLYNX_CHECK(action.scram_keys.has_value() == (choice_ % 6 == 1));
        if (action.scram_keys) {
          PGLYNX_CHECK(action.scram_keys->client_key.bytes == Keys().client_key.bytes);
          PGLYNX_CHECK(action.scram_keys->server_key.bytes == Keys().server_key.bytes);
        }
        over_ = true;
        break;
      case Kind::kCancel:
        PGLYNX_CHECK(action.send.empty() && action.cancel.secret.size() >= 4);
        over_ = true;
        break;
      case Kind::kReject:
        over_ = true;
        break;
    }
  }

  void CheckSent(const ClientHandshake::Action& action) const {
    PGLYNX_CHECK(action.error.has_value() == (action.kind == Kind::kReject));
    if (!started_ && action.kind == Kind::kSend) {
      PGLYNX_CHECK(action.send == "N");
      return;
    }
    const std::vector<Frame> frames = WholeFrames(action.send);
    if (action.kind == Kind::kAuthenticated) {
      PGLYNX_CHECK(frames.back().type == 'R' &&
                   frames.back().body == std::string_view("\0\0\0\0", 4));
    }
    if (action.kind != Kind::kReject) return;
    PGLYNX_CHECK(!frames.empty() && frames.back().type == 'E');
    const auto error = handshake::ParseServerError(frames.back().body);
    PGLYNX_CHECK(error.has_value() && error->message == action.error->detail);
    PGLYNX_CHECK(error->severity == "FATAL" && error->sqlstate.size() == 5);
    PGLYNX_CHECK(IsOneLine(action.error->detail) && action.error->detail.size() < 500);
  }

  uint8_t choice_;
  ConstantRandom random_;
  ClientHandshake handshake_{random_};
  Transcript transcript_;
  bool started_ = false;
  bool over_ = false;
};

Transcript LogIn(uint8_t choice, const std::vector<ExactBytes>& pieces) {
  Login login(choice);
  for (const ExactBytes& piece : pieces) login.Feed(piece.view());
  return login.transcript();
}

}  // namespace

void FuzzClientLogin(std::string_view bytes) {
  Input input(bytes);
  const uint8_t choice = input.Byte();
  const Cuts cuts(input);
  const std::string_view stream = input.Rest();

  std::vector<ExactBytes> whole;
  whole.emplace_back(stream);
  const Transcript plain = LogIn(choice, whole);
  PGLYNX_CHECK(plain.taken <= stream.size());
  PGLYNX_CHECK(LogIn(choice, cuts.Apply(stream)) == plain);
  PGLYNX_CHECK(LogIn(choice, SingleBytes(stream)) == plain);
}

}  // namespace pglynx::fuzz
