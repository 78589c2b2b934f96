// Our login to a server, with the server's bytes from outside (handshake/server_handshake.h).
//
// Properties: cut anywhere, a login takes the same steps and the same bytes, and none behind
// its ReadyForQuery; with a SCRAM credential it is done only behind a server's right proof or
// without any question; the plain password goes out only as
// the first answer; errors are one line.
//
// Input: one byte for what we have to prove ourselves with, the cuts, then the stream. Nonces
// are constant, so that a seed can hold a whole login.
#include <optional>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/auth/md5.h"
#include "pglynx/handshake/server_handshake.h"

namespace pglynx::fuzz {
namespace {

using handshake::ServerHandshake;
using Kind = ServerHandshake::ActionKind;

constexpr std::string_view kUser = "alice";
constexpr std::string_view kPassword = "pencil";
constexpr std::string_view kSalt = "0123456789abcdef";

// Of the real server, whatever a stream asks for: deriving takes seconds where the stream
// says so.
const auth::ScramKeys& Keys() {
  static const auth::ScramKeys kKeys = auth::DeriveScramKeys(kPassword, kSalt, 1);
  return kKeys;
}

handshake::ServerCredential CredentialOf(uint8_t choice) {
  switch (choice % 4) {
    case 0:
      return std::monostate();
    case 1:
      return handshake::PlainPassword{auth::SecretString(kPassword)};
    case 2:
      return handshake::Md5Secret{*auth::MakeMd5Secret(kPassword, kUser)};
    default:
      return Keys();
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
  wire::StartupParameters parameters;
  uint32_t pid = 0;
  std::string secret;
  size_t taken = 0;
  bool operator==(const Transcript&) const = default;
};

class Login {
 public:
  explicit Login(uint8_t choice)
      : choice_(choice),
        handshake_({std::string(kUser), "db", {{"DateStyle", "ISO"}}, CredentialOf(choice)},
                   random_) {
    Take(handshake_.Start());
  }

  void Feed(std::string_view piece) {
    const size_t before = piece.size();
    while (true) {
      const size_t left = piece.size();
      ServerHandshake::Action action = handshake_.Step(piece);
      PGLYNX_CHECK(!over_ || (action.kind == Kind::kNone && piece.size() == left));
      const bool waits = action.kind == Kind::kNone;
      PGLYNX_CHECK(!waits || over_ || piece.empty());
      Take(std::move(action));
      if (waits) break;
    }
    transcript_.taken += before - piece.size();
  }

  Transcript Finish() {
    transcript_.parameters = handshake_.parameters();
    transcript_.pid = handshake_.pid();
    transcript_.secret = handshake_.cancel_secret();
    PGLYNX_CHECK(transcript_.secret.size() <= wire::kCancelSecretBytesMax || !done_);
    return transcript_;
  }

 private:
  void Take(ServerHandshake::Action action) {
    if (action.kind == Kind::kNone) return;
    PGLYNX_CHECK(action.error.has_value() == (action.kind == Kind::kFailed));
    if (transcript_.steps.empty()) {
      PGLYNX_CHECK(wire::ParseStartup(action.send)->has_value());
    } else {
      for (const Frame& frame : WholeFrames(action.send)) {
        PGLYNX_CHECK(frame.type == 'p');
        // In the clear it goes only where we have a plain one, as the first answer.
        const bool shows = frame.body.starts_with(kPassword);
        PGLYNX_CHECK(!shows || (choice_ % 4 == 1 && transcript_.steps.size() == 1));
      }
    }
    transcript_.steps.push_back(
        {action.kind, action.send, action.error ? action.error->detail : std::string()});
    if (action.kind == Kind::kNeedScramKeys) {
      PGLYNX_CHECK(choice_ % 4 == 1);
      PGLYNX_CHECK(!action.salt.empty() && action.salt.size() <= 1024);
      PGLYNX_CHECK(action.iterations >= 1 && action.iterations <= auth::kScramIterationsMax);
      Take(handshake_.Continue(Keys()));
    } else if (action.kind == Kind::kFailed) {
      over_ = true;
      PGLYNX_CHECK(IsOneLine(action.error->detail) && action.error->detail.size() < 2000);
    } else if (action.kind == Kind::kDone) {
      over_ = true;
      done_ = true;
    }
  }

  uint8_t choice_;
  ConstantRandom random_;
  ServerHandshake handshake_;
  Transcript transcript_;
  bool over_ = false;
  bool done_ = false;
};

Transcript LogIn(uint8_t choice, const std::vector<ExactBytes>& pieces) {
  Login login(choice);
  for (const ExactBytes& piece : pieces) login.Feed(piece.view());
  return login.Finish();
}

}  // namespace

void FuzzServerLogin(std::string_view bytes) {
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
