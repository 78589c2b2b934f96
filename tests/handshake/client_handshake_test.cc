// Goal: ClientHandshake answers a client as Postgres does, takes nothing behind the login and
// refuses all else; an unknown user cannot be told from a wrong password. Method: recorded
// packets, tables of refusals, seeded noise. Whole logins are in login_test.cc.
#include "pglynx/handshake/client_handshake.h"

#include "pglynx/auth/scram_client.h"
#include "pglynx/core/bytes.h"
#include "pglynx/wire/authentication.h"
#include "support/catch.h"

using pglynx::ErrorCode;
using pglynx::SeededRandom;
using pglynx::handshake::AuthPlan;
using pglynx::handshake::ClientHandshake;
using pglynx::wire::StartupParameters;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using Kind = ClientHandshake::ActionKind;

namespace {

constexpr std::string_view kProcessSecret = "process secret";

std::string Startup(const StartupParameters& parameters, uint16_t minor = 0) {
  std::string out;
  pglynx::wire::AppendStartupMessage(out, minor, parameters);
  return out;
}

// Feeds all of `bytes`, which must lead to one action that takes them all.
ClientHandshake::Action Feed(ClientHandshake& handshake, std::string_view bytes) {
  ClientHandshake::Action action = handshake.Step(bytes);
  CHECK(bytes.empty());
  return action;
}

void CheckRefused(const ClientHandshake::Action& action, ErrorCode code, std::string_view text) {
  REQUIRE(action.kind == Kind::kReject);
  REQUIRE(action.error.has_value());
  CHECK(action.error->code == code);
  CHECK(action.error->detail == text);
  CHECK(action.send.starts_with('E'));
  CHECK(action.send.find("SFATAL") != std::string::npos);
  CHECK(action.send.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE("ClientHandshake refuses encryption once of each kind and goes on in plain text") {
  SeededRandom random(1);
  ClientHandshake handshake(random);
  std::string stream;
  pglynx::wire::AppendSslRequest(stream);
  pglynx::wire::AppendGssEncRequest(stream);
  stream += Startup({{"user", "app"}});
  stream += "behind";
  std::string_view input = stream;
  for (int i = 0; i < 2; ++i) {
    const auto action = handshake.Step(input);
    CHECK(action.kind == Kind::kSend);
    CHECK(action.send == "N");
  }
  CHECK(handshake.Step(input).kind == Kind::kStartup);
  CHECK(input == "behind");
  CHECK(handshake.Step(input).kind == Kind::kNone);  // the owner has not answered
  CHECK(input == "behind");
  const auto trusted = handshake.Challenge(AuthPlan::Trust());
  CHECK(trusted.kind == Kind::kAuthenticated);
  CHECK(trusted.send == "R\0\0\0\x08\0\0\0\0"sv);
  CHECK_FALSE(trusted.scram_keys.has_value());
  CHECK(handshake.Step(input).kind == Kind::kNone);
  CHECK(input == "behind");
}

TEST_CASE("ClientHandshake refuses a second request for encryption") {
  for (const bool gss : {false, true}) {
    SeededRandom random(1);
    ClientHandshake handshake(random);
    std::string request;
    gss ? pglynx::wire::AppendGssEncRequest(request) : pglynx::wire::AppendSslRequest(request);
    CHECK(Feed(handshake, request).kind == Kind::kSend);
    CheckRefused(Feed(handshake, request), ErrorCode::kProtocolViolation,
                 gss ? "GSSENCRequest was sent twice" : "SSLRequest was sent twice");
  }
}

TEST_CASE("ClientHandshake passes cancel requests on") {
  SeededRandom random(1);
  ClientHandshake handshake(random);
  std::string request;
  pglynx::wire::AppendCancelRequest(request, 42, "sixteen bytes!!!");
  const auto action = Feed(handshake, request);
  CHECK(action.kind == Kind::kCancel);
  CHECK(action.cancel.pid == 42);
  CHECK(action.cancel.secret == "sixteen bytes!!!");
  CHECK(action.send.empty());
  std::string_view more = "x";
  CHECK(handshake.Step(more).kind == Kind::kNone);
}

TEST_CASE("ClientHandshake tells who wants in") {
  SeededRandom random(1);
  ClientHandshake handshake(random);
  const StartupParameters sent = {{"user", "app"}, {"replication", "0"}, {"_pq_.x", "1"}};
  CHECK(Feed(handshake, Startup(sent)).kind == Kind::kStartup);
  CHECK(handshake.user() == "app");
  CHECK(handshake.database() == "app");  // as Postgres does
  CHECK(handshake.parameters() == StartupParameters{{"user", "app"}, {"replication", "0"}});
  ClientHandshake other(random);
  CHECK(Feed(other, Startup({{"user", "app"}, {"database", "shop"}})).kind == Kind::kStartup);
  CHECK(other.database() == "shop");
  ClientHandshake empty(random);
  CHECK(Feed(empty, Startup({{"user", "app"}, {"database", ""}})).kind == Kind::kStartup);
  CHECK(empty.database() == "app");
}

TEST_CASE("ClientHandshake wants a user") {
  SeededRandom random(1);
  for (const StartupParameters& parameters :
       {StartupParameters{}, StartupParameters{{"database", "shop"}},
        StartupParameters{{"user", ""}}}) {
    ClientHandshake handshake(random);
    CheckRefused(Feed(handshake, Startup(parameters)), ErrorCode::kInvalidAuthorization,
                 "no PostgreSQL user name specified in startup packet");
  }
}

TEST_CASE("ClientHandshake refuses first packets that cannot be") {
  SeededRandom random(1);
  const std::tuple<std::string_view, ErrorCode, std::string_view> cases[] = {
      {"GET ", ErrorCode::kProtocolViolation, "invalid length of startup packet"},
      {"\0\0\0\x04"sv, ErrorCode::kProtocolViolation, "invalid length of startup packet"},
      {"\0\0\0\x09\0\x03\0\0x"sv, ErrorCode::kProtocolViolation,
       "invalid startup packet layout: expected terminator as last byte"},
      {"\0\0\0\x08\0\x02\0\0"sv, ErrorCode::kFeatureNotSupported,
       "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"}};
  for (const auto& [packet, code, text] : cases) {
    ClientHandshake handshake(random);
    CheckRefused(Feed(handshake, packet), code, text);
    std::string_view more = "x";
    CHECK(handshake.Step(more).kind == Kind::kNone);
  }
}

TEST_CASE("ClientHandshake negotiates the protocol once and before all else") {
  const std::tuple<uint16_t, bool, uint16_t, std::string_view> cases[] = {
      {0, false, 0, ""sv},
      {1, false, 0, ""sv},
      {2, false, 2, ""sv},
      {3, false, 2, "v\0\0\0\x0c\0\x03\0\x02\0\0\0\0"sv},
      {9999, false, 2, "v\0\0\0\x0c\0\x03\0\x02\0\0\0\0"sv},
      {0, true, 0, "v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0"sv},
      {1, true, 0, "v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0"sv},
      {9999, true, 2, "v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0"sv}};
  for (const auto& [requested, with_option, minor, negotiation] : cases) {
    for (const bool trust : {false, true}) {
      CAPTURE(requested, with_option, trust);
      SeededRandom random(1);
      ClientHandshake handshake(random);
      StartupParameters parameters = {{"user", "app"}};
      if (with_option) parameters.push_back({"_pq_.x", "1"});
      CHECK(Feed(handshake, Startup(parameters, requested)).kind == Kind::kStartup);
      CHECK(handshake.minor() == minor);
      const auto action =
          handshake.Challenge(trust ? AuthPlan::Trust() : AuthPlan::ScramMock(kProcessSecret));
      CHECK(action.send.starts_with(negotiation));
      CHECK(action.send[negotiation.size()] == 'R');
    }
  }
}

TEST_CASE("ClientHandshake passes the owner's refusal on") {
  SeededRandom random(1);
  ClientHandshake handshake(random);
  CHECK(Feed(handshake, Startup({{"user", "app"}})).kind == Kind::kStartup);
  CheckRefused(handshake.Reject({ErrorCode::kTooManyConnections, "too many clients: 100"}),
               ErrorCode::kTooManyConnections, "too many clients: 100");
}

TEST_CASE("ClientHandshake refuses everything but the awaited password message") {
  std::string cleartext;
  pglynx::wire::AppendPasswordMessage(cleartext, "open sesame");
  std::string plus;
  pglynx::wire::AppendSaslInitialResponse(plus, "SCRAM-SHA-256-PLUS", "n,,n=,r=abc");
  std::string bound;
  pglynx::wire::AppendSaslInitialResponse(bound, "SCRAM-SHA-256", "p=x,,n=,r=abc");
  const std::pair<std::string, std::string_view> scram[] = {
      {"Q\0\0\0\x04"s, "expected password response, got message type 81"},
      {"Q\xff\xff\xff\xff"s, "expected password response, got message type 81"},
      {"p\0\0\0\x03"s, "invalid length of password message: at most 4096 bytes"},
      {"p\0\0\x10\0"s, "invalid length of password message: at most 4096 bytes"},
      {cleartext, "invalid SASLInitialResponse message"},
      {plus, "client selected an invalid SASL authentication mechanism: offered is SCRAM-SHA-256"},
      {"p\0\0\0\x16SCRAM-SHA-256\0\xff\xff\xff\xff"s,
       "SASLInitialResponse has no client-first-message"},
      {bound,
       "malformed SCRAM message: client selected SCRAM-SHA-256 without channel binding, but the "
       "message has channel binding data"}};
  for (const auto& [message, text] : scram) {
    for (const bool mock : {false, true}) {
      SeededRandom random(1);
      ClientHandshake handshake(random);
      Feed(handshake, Startup({{"user", "app"}}));
      handshake.Challenge(mock ? AuthPlan::ScramMock(kProcessSecret)
                               : AuthPlan::Scram(pglynx::auth::MakeVerifier("x", "salt", 1)));
      CheckRefused(Feed(handshake, message), ErrorCode::kProtocolViolation, text);
    }
  }
  for (const std::string& message : {"p\0\0\0\x04"s, "p\0\0\0\x06"s + "ab"}) {
    SeededRandom random(1);
    ClientHandshake handshake(random);
    Feed(handshake, Startup({{"user", "app"}}));
    handshake.Challenge(AuthPlan::Md5Mock());
    CheckRefused(Feed(handshake, message), ErrorCode::kProtocolViolation,
                 "invalid password packet size");
  }
}

TEST_CASE("ClientHandshake names the user of a wrong password on one line") {
  SeededRandom random(1);
  ClientHandshake handshake(random);
  Feed(handshake, Startup({{"user", "a\nb"}}));
  handshake.Challenge(AuthPlan::Md5("not an md5 secret"));
  std::string message;
  pglynx::wire::AppendPasswordMessage(message, "md5");
  CheckRefused(Feed(handshake, message), ErrorCode::kInvalidPassword,
               "password authentication failed for user \"a?b\"");
}

TEST_CASE("ClientHandshake shows an unknown user what a wrong password shows") {
  SeededRandom seed(4);
  const auto verifier = pglynx::auth::MakeVerifier("right", seed);
  for (const bool md5 : {false, true}) {
    std::vector<std::vector<size_t>> sizes;
    std::vector<std::string> last;
    for (const bool mock : {false, true}) {
      SeededRandom random(5);
      ClientHandshake handshake(random);
      Feed(handshake, Startup({{"user", "app"}}));
      auto plan = mock ? AuthPlan::ScramMock(kProcessSecret) : AuthPlan::Scram(verifier);
      if (md5) plan = mock ? AuthPlan::Md5Mock() : AuthPlan::Md5("md5" + std::string(32, 'a'));
      std::vector<std::string> sent = {handshake.Challenge(plan).send};
      std::string message;
      if (md5) {
        pglynx::wire::AppendPasswordMessage(message, "md5" + std::string(32, 'b'));
      } else {
        pglynx::auth::ScramClient client(random);
        pglynx::wire::AppendSaslInitialResponse(message, "SCRAM-SHA-256", client.Start());
        sent.push_back(Feed(handshake, message).send);
        const auto need = client.ReceiveServerFirst(std::string_view(sent.back()).substr(9));
        REQUIRE(need.has_value());
        CHECK(need->iterations == 4096);
        message.clear();
        pglynx::wire::AppendSaslResponse(
            message, client.Continue(pglynx::auth::DeriveScramKeys("wrong", need->salt, 1)));
      }
      const auto refused = Feed(handshake, message);
      CheckRefused(refused, ErrorCode::kInvalidPassword,
                   "password authentication failed for user \"app\"");
      sizes.emplace_back();
      for (const std::string& one : sent) sizes.back().push_back(one.size());
      last.push_back(refused.send);
    }
    CHECK(sizes[0] == sizes[1]);
    CHECK(last[0] == last[1]);
  }
}

TEST_CASE("ClientHandshake survives noise in every state") {
  for (uint64_t seed = 0; seed < 2'000; ++seed) {
    SeededRandom random(seed);
    ClientHandshake handshake(random);
    std::string stream;
    if (seed % 4 != 0) {
      stream = Startup({{"user", "app"}});
      std::string_view input = stream;
      REQUIRE(handshake.Step(input).kind == Kind::kStartup);
      handshake.Challenge(seed % 4 == 1 ? AuthPlan::Md5Mock()
                                        : AuthPlan::ScramMock(kProcessSecret));
    }
    const std::string body = random.Bytes(random.Next64() % 40);
    stream = seed % 4 == 0 ? "" : "p";
    pglynx::AppendU32(stream, static_cast<uint32_t>(body.size() + 4));
    if (seed % 4 == 3) stream += "SCRAM-SHA-256\0"s;
    stream += body;
    std::string_view input = stream;
    for (int step = 0; step < 10; ++step) {
      CHECK(handshake.Step(input).kind != Kind::kAuthenticated);
    }
  }
}
