// Goal: ServerHandshake logs in by every method it has a proof for, tells why it cannot
// otherwise, and takes nothing from a server that the protocol forbids. Method: tables of
// server streams, every prefix, limits, seeded noise. Whole logins are in login_test.cc.
#include "pglynx/handshake/server_handshake.h"

#include "pglynx/auth/md5.h"
#include "pglynx/auth/scram_server.h"
#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"
#include "support/catch.h"

using pglynx::ErrorCode;
using pglynx::SeededRandom;
using pglynx::auth::SecretString;
using pglynx::handshake::Md5Secret;
using pglynx::handshake::PlainPassword;
using pglynx::handshake::ServerCredential;
using pglynx::handshake::ServerHandshake;
using pglynx::handshake::ServerLogin;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using Kind = ServerHandshake::ActionKind;

namespace {

std::string Message(char type, std::string_view body) {
  std::string message(1, type);
  pglynx::AppendU32(message, static_cast<uint32_t>(body.size() + 4));
  return message.append(body);
}

const std::string kOk = Message('R', "\0\0\0\0"sv);
const std::string kCleartext = Message('R', "\0\0\0\x03"sv);
const std::string kMd5 = Message('R', "\0\0\0\x05salt"sv);
const std::string kSasl = Message('R', "\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv);
const std::string kReady = Message('Z', "I");
const std::string kKey = Message('K', "\0\0\0\x2asecr"sv);

ServerLogin Login(ServerCredential credential) {
  return {.user = "app",
          .database = "shop",
          .parameters = {{"application_name", "pglynx"}},
          .credential = std::move(credential)};
}

ServerCredential Plain(std::string_view text) {
  return PlainPassword{SecretString(text)};
}
ServerCredential Md5(std::string_view text) {
  return Md5Secret{SecretString(text)};
}
ServerCredential Keys() {
  return pglynx::auth::DeriveScramKeys("right", "salt", 1);
}

// Starts a login and steps through `stream` until nothing more is done; the last action that
// was not kNone.
ServerHandshake::Action Play(ServerHandshake& handshake, std::string_view stream) {
  ServerHandshake::Action last = handshake.Start();
  while (true) {
    ServerHandshake::Action action = handshake.Step(stream);
    if (action.kind == Kind::kNone) return last;
    last = std::move(action);
  }
}

void CheckFailed(const ServerHandshake::Action& action, ErrorCode code, std::string_view why) {
  REQUIRE(action.kind == Kind::kFailed);
  REQUIRE(action.error.has_value());
  CHECK(action.error->code == code);
  CHECK(action.error->detail ==
        "login of user \"app\" to database \"shop\" failed: " + std::string(why));
  CHECK(action.send.empty());
}

}  // namespace

TEST_CASE("ServerHandshake opens with protocol 3.0, user, database and the parameters") {
  SeededRandom random(1);
  ServerHandshake handshake(Login({}), random);
  const auto action = handshake.Start();
  CHECK(action.kind == Kind::kSend);
  CHECK(action.send ==
        "\0\0\0\x38\0\x03\0\0user\0app\0database\0shop\0application_name\0pglynx\0\0"sv);
}

TEST_CASE("ServerHandshake collects parameters and the key until the server is ready") {
  const std::string stream = Message('v', "\0\x03\0\0\0\0\0\0"sv) + Message('N', "SNOTICE\0\0"sv) +
                             kOk + Message('S', "TimeZone\0UTC\0"sv) +
                             Message('N', "SNOTICE\0\0"sv) + kKey +
                             Message('S', "is_superuser\0off\0"sv) + kReady;
  for (size_t cut = 0; cut < stream.size(); ++cut) {
    SeededRandom random(1);
    ServerHandshake handshake(Login({}), random);
    handshake.Start();
    std::string_view input = std::string_view(stream).substr(0, cut);
    CHECK(handshake.Step(input).kind == Kind::kNone);
    CHECK(input.empty());
    const std::string rest = stream.substr(cut) + "behind";
    input = rest;
    CHECK(handshake.Step(input).kind == Kind::kDone);
    CHECK(input == "behind");
    CHECK(handshake.parameters() ==
          pglynx::wire::StartupParameters{{"TimeZone", "UTC"}, {"is_superuser", "off"}});
    CHECK(handshake.pid() == 42);
    CHECK(handshake.cancel_secret() == "secr");
    CHECK(handshake.Step(input).kind == Kind::kNone);
    CHECK(input == "behind");
  }
}

TEST_CASE("ServerHandshake takes cancel keys of every allowed length and does without") {
  for (const size_t bytes : {0U, 4U, 32U, 256U}) {
    SeededRandom random(1);
    ServerHandshake handshake(Login({}), random);
    const std::string key = bytes == 0 ? "" : Message('K', "\0\0\0\1"s + std::string(bytes, 's'));
    CHECK(Play(handshake, kOk + key + kReady).kind == Kind::kDone);
    CHECK(handshake.cancel_secret().size() == bytes);
  }
}

TEST_CASE("ServerHandshake answers a request for a password if it has one") {
  const std::string secret(pglynx::auth::MakeMd5Secret("open sesame", "app")->view());
  const std::string response = *pglynx::auth::MakeMd5Response(secret, "salt");
  const std::tuple<std::string, ServerCredential, std::string> cases[] = {
      {kCleartext, Plain("open sesame"), "open sesame"},
      {kMd5, Plain("open sesame"), response},
      {kMd5, Md5(secret), response}};
  for (const auto& [request, credential, answer] : cases) {
    SeededRandom random(1);
    ServerHandshake handshake(Login(credential), random);
    const auto action = Play(handshake, request);
    CHECK(action.kind == Kind::kSend);
    CHECK(action.send == Message('p', answer + '\0'));
    std::string rest = kOk + kReady;
    std::string_view input = rest;
    CHECK(handshake.Step(input).kind == Kind::kDone);
  }
}

TEST_CASE("ServerHandshake says what was asked and what we have") {
  const std::string secret = "md5" + std::string(32, 'a');
  const std::tuple<std::string, ServerCredential, std::string_view> cases[] = {
      {kCleartext, {}, "the server asks for a cleartext password, but we have no password"},
      {kCleartext, Md5(secret),
       "the server asks for a cleartext password, but we have an md5 secret"},
      {kCleartext, Keys(),
       "the server asks for a cleartext password, but we have the client's SCRAM keys"},
      {kMd5, {}, "the server asks for an md5 password, but we have no password"},
      {kMd5, Keys(), "the server asks for an md5 password, but we have the client's SCRAM keys"},
      {kSasl, {}, "the server asks for SCRAM-SHA-256, but we have no password"},
      {kSasl, Md5(secret), "the server asks for SCRAM-SHA-256, but we have an md5 secret"},
      {Message('R', "\0\0\0\x0aOAUTHBEARER\0\0"sv), Plain("x"),
       "the server offers SASL mechanism \"OAUTHBEARER\" but not SCRAM-SHA-256, which alone is "
       "supported"},
      {Message('R', "\0\0\0\x07"sv), Plain("x"),
       "the server asks for GSSAPI (authentication request 7), which is not supported; supported "
       "are password, md5 and SCRAM-SHA-256"},
      {Message('R', "\0\0\0\x02"sv), Plain("x"),
       "the server asks for Kerberos V5 (authentication request 2), which is not supported; "
       "supported are password, md5 and SCRAM-SHA-256"}};
  for (const auto& [request, credential, why] : cases) {
    SeededRandom random(1);
    ServerHandshake handshake(Login(credential), random);
    CheckFailed(Play(handshake, request), ErrorCode::kServerUnreachable, why);
    CHECK_FALSE(handshake.server_error().has_value());
  }
  SeededRandom random(1);
  ServerHandshake handshake(Login(Md5("no md5 secret")), random);
  CheckFailed(Play(handshake, kMd5), ErrorCode::kInvalidAuthorization,
              "the stored secret is not an md5 secret (\"md5\" and 32 hex digits)");
}

TEST_CASE("ServerHandshake carries the server's own refusal at any time") {
  const std::string refusal =
      Message('E', "SFATAL\0VFATAL\0C53300\0Msorry, too\nmany clients already\0Dwhy\0Hwait\0\0"sv);
  for (const std::string& before : {""s, kMd5, kOk, kOk + kKey}) {
    SeededRandom random(1);
    ServerHandshake handshake(Login(Plain("x")), random);
    CheckFailed(Play(handshake, before + refusal), ErrorCode::kServerFull,
                "the server says FATAL: sorry, too?many clients already (SQLSTATE 53300)");
    REQUIRE(handshake.server_error().has_value());
    CHECK(handshake.server_error()->sqlstate == "53300");
    CHECK(handshake.server_error()->message == "sorry, too\nmany clients already");
    CHECK(handshake.server_error()->detail == "why");
    CHECK(handshake.server_error()->hint == "wait");
  }
}

TEST_CASE("ServerHandshake tells a server that is not ready from one that does not want us") {
  const std::pair<std::string_view, ErrorCode> cases[] = {
      {"57P03", ErrorCode::kServerNotReady},
      {"53300", ErrorCode::kServerFull},
      {"28P01", ErrorCode::kServerUnreachable},
      {"3D000", ErrorCode::kServerUnreachable},
  };
  for (const auto& [sqlstate, code] : cases) {
    CAPTURE(sqlstate);
    SeededRandom random(1);
    ServerHandshake handshake(Login(Plain("x")), random);
    std::string body = "SFATAL\0C"s;
    body += sqlstate;
    body += "\0Mwords\0\0"sv;
    CheckFailed(Play(handshake, Message('E', body)), code,
                "the server says FATAL: words (SQLSTATE " + std::string(sqlstate) + ")");
  }
}

TEST_CASE("ServerHandshake refuses what the protocol forbids") {
  const std::pair<std::string, std::string_view> cases[] = {
      {kReady, "expected an authentication request, got message type 90"},
      {kKey, "expected an authentication request, got message type 75"},
      {"H\0\0\0\0"s, "message type 72 has an invalid length or more than 65536 bytes"},
      {"R\0\1\0\0"s, "message type 82 has an invalid length or more than 65536 bytes"},
      {Message('R', ""), "authentication message without a code"},
      {Message('R', "\0\0\0\0x"sv), "authentication message is too long"},
      {Message('R', "\0\0\0\x05sal"sv), "AuthenticationMD5Password: the salt has not 4 bytes"},
      {Message('R', "\0\0\0\x0aX\0"sv), "AuthenticationSASL: invalid list of mechanisms"},
      {Message('R', "\0\0\0\x0b"sv), "SASL message without a SASL request"},
      {Message('R', "\0\0\0\x0c"sv), "SASL message without a SASL request"},
      {kMd5 + kMd5, "authentication request 5 out of order"},
      {kSasl + kOk, "authentication request 0 out of order"},  // it has proven nothing
      {kSasl + Message('R', "\0\0\0\x0cv="sv), "authentication request 12 out of order"},
      {kSasl + Message('R', "\0\0\0\x0br=x"sv),
       "malformed SCRAM message from the server: the nonce does not continue ours"},
      {kOk + kOk, "authentication message behind its end"},
      {kOk + Message('v', "\0\x03\0\0\0\0\0\0"sv), "NegotiateProtocolVersion after the login"},
      {Message('v', "\0\x03\0\0\0\0\0\1"sv), "invalid NegotiateProtocolVersion message"},
      {kOk + Message('S', "TimeZone\0UTC"sv), "invalid ParameterStatus message"},
      {kOk + Message('K', "\0\0\0\1key"sv),
       "invalid BackendKeyData message: the secret has 4 to 256 bytes"},
      {kOk + Message('K', std::string(261, 'k')),
       "invalid BackendKeyData message: the secret has 4 to 256 bytes"},
      {kOk + Message('Z', "T"), "the first ReadyForQuery does not say idle"},
      {kOk + Message('Z', ""), "the first ReadyForQuery does not say idle"},
      {kOk + Message('T', ""), "unexpected message type 84 before ReadyForQuery"},
      {Message('E', "SFATAL"), "invalid ErrorResponse message"}};
  for (const auto& [stream, why] : cases) {
    SeededRandom random(1);
    ServerHandshake handshake(Login(Plain("x")), random);
    CheckFailed(Play(handshake, stream), ErrorCode::kServerProtocolViolation, why);
    std::string_view more = kReady;
    CHECK(handshake.Step(more).kind == Kind::kNone);
  }
}

TEST_CASE("ServerHandshake bounds what a server may send before it is ready") {
  SeededRandom random(1);
  ServerHandshake handshake(Login({}), random);
  const std::string notice = Message('N', std::string(60'000, 'n'));
  std::string stream = kOk;
  for (int i = 0; i < 17; ++i) stream += notice;
  CHECK(Play(handshake, stream).kind == Kind::kSend);
  stream = notice;
  std::string_view input = stream;
  CheckFailed(handshake.Step(input), ErrorCode::kServerProtocolViolation,
              "more than 1048576 bytes before ReadyForQuery");
}

TEST_CASE("ServerHandshake refuses a server that does not know the password") {
  SeededRandom random(1);
  // One that has only the StoredKey, as from a stolen copy of half a verifier.
  auto verifier = pglynx::auth::MakeVerifier("right", "salt", 1);
  verifier.server_key.bytes.fill('x');
  pglynx::auth::ScramServer server(verifier, random);
  ServerHandshake handshake(Login(Keys()), random);
  const auto initial = Play(handshake, kSasl);
  std::string answer = Message(
      'R', "\0\0\0\x0b"s + *server.ReceiveClientFirst(std::string_view(initial.send).substr(23)));
  std::string_view input = answer;
  const auto proof = handshake.Step(input);
  REQUIRE(proof.kind == Kind::kSend);
  const auto success = server.ReceiveClientFinal(std::string_view(proof.send).substr(5));
  REQUIRE(success.has_value());
  answer = Message('R', "\0\0\0\x0c"s + success->server_final);
  input = answer;
  CheckFailed(handshake.Step(input), ErrorCode::kServerProtocolViolation,
              "the server's SCRAM signature is wrong: it does not know the password");
}

TEST_CASE("ServerHandshake survives noise in every state") {
  for (uint64_t seed = 0; seed < 3'000; ++seed) {
    SeededRandom random(seed);
    ServerHandshake handshake(Login(seed % 2 == 0 ? Plain("x") : Keys()), random);
    std::string stream = std::array{""s, kMd5, kSasl, kOk}[seed % 4];
    for (int i = 0; i < 4; ++i) {
      const char type = "RSKZNEvT"[random.Next64() % 8];
      std::string body = random.Bytes(random.Next64() % 16);
      for (char& c : body) c = static_cast<char>(c & 3);
      stream += random.Next64() % 8 == 0 ? body : Message(type, body);
    }
    const auto last = Play(handshake, stream);
    if (seed % 4 == 2) CHECK(last.kind != Kind::kDone);
  }
}
