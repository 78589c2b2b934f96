// Goal: ClientHandshake and ServerHandshake log in with each other by every method, wherever
// the streams are cut, and send the same bytes whatever the cut. Method: both sides face to
// face over two in-memory streams, each cut at every position, and byte by byte.
#include <array>
#include <functional>

#include "pglynx/auth/md5.h"
#include "pglynx/handshake/client_handshake.h"
#include "pglynx/handshake/server_handshake.h"
#include "pglynx/wire/message_writer.h"
#include "support/catch.h"

using pglynx::SeededRandom;
using pglynx::auth::SecretString;
using pglynx::handshake::AuthPlan;
using pglynx::handshake::ClientHandshake;
using pglynx::handshake::Md5Secret;
using pglynx::handshake::PlainPassword;
using pglynx::handshake::ServerCredential;
using pglynx::handshake::ServerError;
using pglynx::handshake::ServerHandshake;
using ClientKind = ClientHandshake::ActionKind;
using ServerKind = ServerHandshake::ActionKind;

namespace {

constexpr std::string_view kPassword = "right";
constexpr size_t kNoCut = SIZE_MAX;

// One direction: bytes sent, bytes delivered so far, and where one delivery must end.
struct Pipe {
  // The next delivery: up to the cut, or all.
  std::string_view Next() {
    std::string_view ready = std::string_view(sent).substr(delivered);
    if (cut > delivered && cut - delivered < ready.size()) ready = ready.substr(0, cut - delivered);
    return ready.substr(0, chunk_bytes_max);
  }

  std::string sent;
  size_t delivered = 0;
  size_t cut = kNoCut;
  size_t chunk_bytes_max = kNoCut;
};

struct Outcome {
  bool done = false;                            // both sides are logged in
  std::optional<pglynx::Error> client_error;    // of the side that asks (ClientHandshake)
  std::optional<ServerError> server_error;      // of the side that is asked
  std::optional<pglynx::auth::ScramKeys> keys;  // recovered
  pglynx::wire::StartupParameters parameters;
  std::string cancel_secret;
};

// The pooler's two halves: `asked` logs in as a client of `asking`.
struct Login {
  Login(ServerCredential credential, AuthPlan plan)
      : random(17),
        asking(random),
        asked({.user = "app",
               .database = "shop",
               .parameters = {{"application_name", "test"}},
               .credential = std::move(credential)},
              random),
        answer(std::move(plan)) {}

  Outcome Run() {
    On(asked.Start());
    for (int idle = 0; idle < 2; ++idle) {
      for (std::string_view next = up.Next(); !next.empty(); next = up.Next()) Deliver(up, asking);
      for (std::string_view next = down.Next(); !next.empty(); next = down.Next()) {
        Deliver(down, asked);
        idle = 0;
      }
    }
    return outcome;
  }

  template <typename Side>
  void Deliver(Pipe& pipe, Side& side) {
    const std::string copy(pipe.Next());  // as a read block: gone after the call
    std::string_view input = copy;
    pipe.delivered += copy.size();
    while (On(side.Step(input))) {
    }
    CHECK(input.empty());
  }

  // Carries out an action; false if there is none to follow at once.
  bool On(ClientHandshake::Action action) {
    down.sent += action.send;
    switch (action.kind) {
      case ClientKind::kStartup:
        CHECK(asking.user() == "app");
        CHECK(asking.database() == "shop");
        return On(asking.Challenge(answer));
      case ClientKind::kAuthenticated:
        outcome.keys = action.scram_keys;
        pglynx::wire::AppendParameterStatus(down.sent, "TimeZone", "UTC");
        pglynx::wire::AppendBackendKeyData(down.sent, 7, "0123456789abcdef");
        pglynx::wire::AppendReadyForQuery(down.sent, 'I');
        return false;
      case ClientKind::kReject:
        outcome.client_error = action.error;
        return false;
      case ClientKind::kSend:
        return true;
      case ClientKind::kNone:
      case ClientKind::kCancel:
        return false;
    }
    return false;
  }

  bool On(ServerHandshake::Action action) {
    up.sent += action.send;
    switch (action.kind) {
      case ServerKind::kNeedScramKeys:
        return On(asked.Continue(
            pglynx::auth::DeriveScramKeys(kPassword, action.salt, action.iterations)));
      case ServerKind::kDone:
        outcome.done = true;
        outcome.parameters = asked.parameters();
        outcome.cancel_secret = asked.cancel_secret();
        return false;
      case ServerKind::kFailed:
        outcome.server_error = asked.server_error();
        return false;
      case ServerKind::kSend:
        return true;
      case ServerKind::kNone:
        return false;
    }
    return false;
  }

  SeededRandom random;
  ClientHandshake asking;
  ServerHandshake asked;
  AuthPlan answer;
  Pipe up;    // to the asking side
  Pipe down;  // to the asked side
  Outcome outcome;
};

struct Case {
  std::string_view name;
  ServerCredential credential;
  AuthPlan plan;
  bool succeeds;
};

std::vector<Case> Cases() {
  const auto verifier = pglynx::auth::MakeVerifier(kPassword, "0123456789abcdef", 2);
  const auto other = pglynx::auth::MakeVerifier("other", "0123456789abcdef", 2);
  const auto keys = pglynx::auth::DeriveScramKeys(kPassword, "0123456789abcdef", 2);
  const auto md5 = *pglynx::auth::MakeMd5Secret(kPassword, "app");
  const PlainPassword plain{SecretString(kPassword)};
  return {{"trust", {}, AuthPlan::Trust(), true},
          {"trust with a password", plain, AuthPlan::Trust(), true},
          {"SCRAM, password", plain, AuthPlan::Scram(verifier), true},
          {"SCRAM, keys", keys, AuthPlan::Scram(verifier), true},
          {"SCRAM, wrong password", plain, AuthPlan::Scram(other), false},
          {"SCRAM, keys of another verifier", keys, AuthPlan::Scram(other), false},
          {"md5, password", plain, AuthPlan::Md5(md5.view()), true},
          {"md5, secret", Md5Secret{md5}, AuthPlan::Md5(md5.view()), true},
          {"md5, wrong", Md5Secret{SecretString("md5" + std::string(32, 'a'))},
           AuthPlan::Md5(md5.view()), false},
          {"md5, unknown user", plain, AuthPlan::Md5Mock(), false}};
}

void CheckOutcome(const Case& one, const Outcome& outcome) {
  CHECK(outcome.done == one.succeeds);
  if (one.succeeds) {
    CHECK_FALSE(outcome.client_error.has_value());
    CHECK(outcome.parameters == pglynx::wire::StartupParameters{{"TimeZone", "UTC"}});
    CHECK(outcome.cancel_secret == "0123456789abcdef");
    CHECK(outcome.keys.has_value() == (one.plan.method == AuthPlan::Method::kScram));
    return;
  }
  REQUIRE(outcome.client_error.has_value());
  CHECK(outcome.client_error->code == pglynx::ErrorCode::kInvalidPassword);
  REQUIRE(outcome.server_error.has_value());
  CHECK(outcome.server_error->sqlstate == "28P01");
  CHECK(outcome.server_error->message == "password authentication failed for user \"app\"");
}

}  // namespace

TEST_CASE("The two handshakes log in with each other wherever the streams are cut") {
  for (const Case& one : Cases()) {
    INFO(one.name);
    Login whole(one.credential, one.plan);
    CheckOutcome(one, whole.Run());
    const auto check = [&one, &whole](const std::function<void(Login&)>& configure) {
      Login login(one.credential, one.plan);
      configure(login);
      CheckOutcome(one, login.Run());
      CHECK(login.up.sent == whole.up.sent);
      CHECK(login.down.sent == whole.down.sent);
    };
    for (size_t cut = 1; cut < whole.up.sent.size(); ++cut) {
      check([cut](Login& login) { login.up.cut = cut; });
    }
    for (size_t cut = 1; cut < whole.down.sent.size(); ++cut) {
      check([cut](Login& login) { login.down.cut = cut; });
    }
    for (const size_t chunk : {1U, 2U, 5U, 7U}) {
      check([chunk](Login& login) {
        login.up.chunk_bytes_max = chunk;
        login.down.chunk_bytes_max = chunk;
      });
    }
  }
}

TEST_CASE("An unknown user fails at SCRAM as with a wrong password") {
  const Case unknown{.name = "mock",
                     .credential = PlainPassword{SecretString(kPassword)},
                     .plan = AuthPlan::ScramMock("process secret"),
                     .succeeds = false};
  Login login(unknown.credential, unknown.plan);
  CheckOutcome(unknown, login.Run());
}

TEST_CASE("Keys recovered from one login open the next without the password") {
  const auto verifier = pglynx::auth::MakeVerifier(kPassword, "0123456789abcdef", 2);
  Login first(PlainPassword{SecretString(kPassword)}, AuthPlan::Scram(verifier));
  const Outcome outcome = first.Run();
  REQUIRE(outcome.keys.has_value());
  Login second(*outcome.keys, AuthPlan::Scram(verifier));
  CHECK(second.Run().done);
}
