// Goal: ScramClient and ScramServer understand each other and nobody else; whoever does not
// know the password learns nothing. Method: RFC 7677's exchange, both sides face to face,
// tables of refused messages, every prefix and every changed byte, seeded noise.
#include "auth/crypto.h"
#include "pglynx/auth/scram_client.h"
#include "pglynx/auth/scram_server.h"
#include "support/catch.h"

using pglynx::ErrorCode;
using pglynx::SeededRandom;
using pglynx::auth::AsView;
using pglynx::auth::Base64Decode;
using pglynx::auth::Base64Encode;
using pglynx::auth::DeriveScramKeys;
using pglynx::auth::Digest;
using pglynx::auth::HmacSha256;
using pglynx::auth::MakeVerifier;
using pglynx::auth::ScramClient;
using pglynx::auth::ScramKeys;
using pglynx::auth::ScramServer;
using pglynx::auth::ScramVerifier;
using pglynx::auth::Sha256;

namespace {

constexpr std::string_view kRfcNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kRfcFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kRfcFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

ScramVerifier RfcVerifier() {
  return MakeVerifier("pencil", *Base64Decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
}

ScramVerifier Cheap(std::string_view password) {
  return MakeVerifier(password, "0123456789", 2);
}

}  // namespace

TEST_CASE("ScramServer plays the exchange of RFC 7677") {
  ScramServer server = ScramServer::WithNonceForTest(RfcVerifier(), kRfcNonce);
  const auto first = server.ReceiveClientFirst(kRfcFirst);
  REQUIRE(first.has_value());
  CHECK(*first ==
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const auto success = server.ReceiveClientFinal(kRfcFinal);
  REQUIRE(success.has_value());
  CHECK(success->server_final == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  const ScramKeys keys = DeriveScramKeys("pencil", RfcVerifier().salt, 4096);
  CHECK(success->keys.client_key.view() == keys.client_key.view());
  CHECK(success->keys.server_key.view() == keys.server_key.view());
}

TEST_CASE("ScramServer refuses each final message that differs from the right one") {
  const ScramVerifier verifier = RfcVerifier();
  for (size_t at = 0; at < kRfcFinal.size(); ++at) {
    for (const char mask : {'\x01', '\x20'}) {
      ScramServer server = ScramServer::WithNonceForTest(verifier, kRfcNonce);
      REQUIRE(server.ReceiveClientFirst(kRfcFirst).has_value());
      std::string wrong(kRfcFinal);
      wrong[at] = static_cast<char>(wrong[at] ^ mask);
      CHECK_FALSE(server.ReceiveClientFinal(wrong).has_value());
    }
    ScramServer server = ScramServer::WithNonceForTest(verifier, kRfcNonce);
    REQUIRE(server.ReceiveClientFirst(kRfcFirst).has_value());
    const auto cut = server.ReceiveClientFinal(kRfcFinal.substr(0, at));
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().code == ErrorCode::kProtocolViolation);
    CHECK_FALSE(server.ReceiveClientFinal(kRfcFinal).has_value());  // no second try
  }
}

TEST_CASE("ScramServer refuses wrong first messages") {
  SeededRandom random(1);
  const std::pair<std::string, ErrorCode> cases[] = {
      {"", ErrorCode::kProtocolViolation},
      {"n", ErrorCode::kProtocolViolation},
      {"n,", ErrorCode::kProtocolViolation},
      {"n,,", ErrorCode::kProtocolViolation},
      {"x,,n=,r=abc", ErrorCode::kProtocolViolation},
      {"p=tls-server-end-point,,n=,r=abc", ErrorCode::kProtocolViolation},
      {"n,a=admin,n=,r=abc", ErrorCode::kFeatureNotSupported},
      {"n,b,n=,r=abc", ErrorCode::kProtocolViolation},
      {"n,,m=x,n=,r=abc", ErrorCode::kFeatureNotSupported},
      {"n,,r=abc", ErrorCode::kProtocolViolation},
      {"n,,n=user", ErrorCode::kProtocolViolation},
      {"n,,n=user,r=", ErrorCode::kProtocolViolation},
      {"n,,n=user,r=a b", ErrorCode::kProtocolViolation},
      {"n,,n=user,r=abc,", ErrorCode::kFeatureNotSupported},
      {"n,,n=user,r=abc,x=y", ErrorCode::kFeatureNotSupported},
      {"n,,n=,r=" + std::string(1025, 'a'), ErrorCode::kProtocolViolation},
      {"n,,n=" + std::string(4096, 'a') + ",r=abc", ErrorCode::kProtocolViolation}};
  for (const auto& [message, code] : cases) {
    CAPTURE(message);
    ScramServer server(Cheap("x"), random);
    const auto answer = server.ReceiveClientFirst(message);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == code);
    CHECK_FALSE(server.ReceiveClientFirst("n,,n=,r=abc").has_value());
  }
}

TEST_CASE("ScramServer refuses wrong final messages") {
  SeededRandom random(1);
  const std::string proof = Base64Encode(std::string(32, 'p'));
  // NONCE stands for the nonce that server-first has told.
  const std::pair<std::string, ErrorCode> cases[] = {
      {"c=biws,r=NONCE,p=" + proof, ErrorCode::kInvalidPassword},
      {"c=eSws,r=NONCE,p=" + proof, ErrorCode::kProtocolViolation},  // it had said "n"
      {"r=NONCE,p=" + proof, ErrorCode::kProtocolViolation},
      {"c=biws,p=" + proof, ErrorCode::kProtocolViolation},
      {"c=biws,m=x,r=NONCE,p=" + proof, ErrorCode::kFeatureNotSupported},
      {"c=biws,r=NONCEx,p=" + proof, ErrorCode::kProtocolViolation},
      {"c=biws,r=abc,p=" + proof, ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE", ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE,x=y,p=" + proof, ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE,p=" + proof + ",", ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE,p=" + proof + ",x=y", ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE,p=cHBw", ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE,p=", ErrorCode::kProtocolViolation},
      {"c=biws,r=NONCE,p=" + std::string(4096, 'A'), ErrorCode::kProtocolViolation}};
  for (const auto& [pattern, code] : cases) {
    CAPTURE(pattern);
    ScramServer server(Cheap("x"), random);
    const auto first = server.ReceiveClientFirst("n,,n=,r=abc");
    REQUIRE(first.has_value());
    std::string message = pattern;
    const size_t at = message.find("NONCE");
    if (at != std::string::npos) message.replace(at, 5, first->substr(2, first->find(',') - 2));
    const auto answer = server.ReceiveClientFinal(message);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == code);
  }
  ScramServer server(Cheap("x"), random);
  CHECK_FALSE(server.ReceiveClientFinal("c=biws,r=abc,p=" + proof).has_value());
}

TEST_CASE("ScramClient and ScramServer agree on the right password only") {
  SeededRandom random(7);
  const ScramVerifier verifier = Cheap("right");
  for (const std::string_view password : {"right", "wrong", ""}) {
    ScramServer server(verifier, random);
    ScramClient client(random);
    const auto first = server.ReceiveClientFirst(client.Start());
    REQUIRE(first.has_value());
    const auto need = client.ReceiveServerFirst(*first);
    REQUIRE(need.has_value());
    CHECK(need->salt == "0123456789");
    CHECK(need->iterations == 2);
    const ScramKeys keys = DeriveScramKeys(password, need->salt, need->iterations);
    const auto success = server.ReceiveClientFinal(client.Continue(keys));
    REQUIRE(success.has_value() == (password == "right"));
    if (!success) {
      CHECK(success.error().code == ErrorCode::kInvalidPassword);
      continue;
    }
    CHECK(client.ReceiveServerFinal(success->server_final).has_value());
    // The recovered keys log in again, without the password.
    ScramServer second(verifier, random);
    ScramClient relay(random);
    REQUIRE(relay.ReceiveServerFirst(*second.ReceiveClientFirst(relay.Start())).has_value());
    const auto relayed = second.ReceiveClientFinal(relay.Continue(success->keys));
    REQUIRE(relayed.has_value());
    CHECK(relay.ReceiveServerFinal(relayed->server_final).has_value());
  }
}

TEST_CASE("ScramServer accepts a client that could bind the channel") {
  SeededRandom random(8);
  ScramServer server(Cheap("right"), random);
  const auto first = server.ReceiveClientFirst("y,,n=,r=abc");
  REQUIRE(first.has_value());
  const std::string bare = "c=eSws,r=" + first->substr(2, first->find(',') - 2);
  const ScramKeys keys = DeriveScramKeys("right", "0123456789", 2);
  const Digest stored_key = Sha256(keys.client_key.view());
  const Digest signature = HmacSha256(AsView(stored_key), "n=,r=abc," + *first + "," + bare);
  std::string proof(32, '\0');
  for (size_t i = 0; i < proof.size(); ++i) {
    proof[i] = static_cast<char>(keys.client_key.bytes[i] ^ signature[i]);
  }
  CHECK(server.ReceiveClientFinal(bare + ",p=" + Base64Encode(proof)).has_value());
}

TEST_CASE("A mock exchange looks like that of a real user and always fails") {
  SeededRandom random(9);
  const std::string process_secret = random.Bytes(32);
  const ScramVerifier real = MakeVerifier("right", random);
  std::vector<std::string> firsts;
  for (const bool mock : {false, true, true}) {
    ScramServer server =
        mock ? ScramServer::Mock(process_secret, "nobody", random) : ScramServer(real, random);
    ScramClient client(random);
    firsts.push_back(*server.ReceiveClientFirst(client.Start()));
    const auto need = client.ReceiveServerFirst(firsts.back());
    REQUIRE(need.has_value());
    const auto failed = server.ReceiveClientFinal(
        client.Continue(DeriveScramKeys("guess", need->salt, need->iterations)));
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().code == ErrorCode::kInvalidPassword);
    CHECK(failed.error().detail == "the SCRAM proof does not fit the password");
  }
  CHECK(firsts[0].size() == firsts[1].size());
  const auto tail = [](const std::string& text) { return text.substr(text.find(",s=")); };
  CHECK(tail(firsts[1]) == tail(firsts[2]));  // the salt of a name stays
  ScramServer other = ScramServer::Mock(process_secret, "somebody", random);
  CHECK(tail(*other.ReceiveClientFirst("n,,n=,r=abc")) != tail(firsts[1]));
}

TEST_CASE("ScramClient refuses wrong server-first messages") {
  SeededRandom random(2);
  const std::pair<std::string, bool> cases[] = {
      {"r=NONCEx,s=c2FsdA==,i=1", true},
      {"r=NONCEx,s=c2FsdA==,i=10000000", true},
      {"", false},
      {"r=NONCE,s=c2FsdA==,i=1", false},
      {"r=xNONCE,s=c2FsdA==,i=1", false},
      {"r=NONCEx y,s=c2FsdA==,i=1", false},
      {"m=x,r=NONCEx,s=c2FsdA==,i=1", false},
      {"s=c2FsdA==,i=1", false},
      {"r=NONCEx,i=1", false},
      {"r=NONCEx,s=,i=1", false},
      {"r=NONCEx,s=c2Fsd,i=1", false},
      {"r=NONCEx,s=" + Base64Encode(std::string(1025, 's')) + ",i=1", false},
      {"r=NONCEx,s=c2FsdA==", false},
      {"r=NONCEx,s=c2FsdA==,i=0", false},
      {"r=NONCEx,s=c2FsdA==,i=10000001", false},
      {"r=NONCEx,s=c2FsdA==,i=-1", false},
      {"r=NONCEx,s=c2FsdA==,i=1,", false},
      {"r=NONCEx,s=c2FsdA==,i=1,x=y", false},
      {"r=NONCEx,s=c2FsdA==,i=1" + std::string(4096, ' '), false}};
  for (const auto& [pattern, good] : cases) {
    CAPTURE(pattern);
    ScramClient client(random);
    std::string message = pattern;
    const size_t at = message.find("NONCE");
    if (at != std::string::npos) message.replace(at, 5, client.Start().substr(8));
    const auto need = client.ReceiveServerFirst(message);
    REQUIRE(need.has_value() == good);
    if (good) {
      CHECK_FALSE(client.ReceiveServerFirst(message).has_value());
    } else {
      CHECK(need.error().code == ErrorCode::kServerProtocolViolation);
    }
  }
}

TEST_CASE("ScramClient refuses a server that does not prove itself") {
  const std::pair<std::string, ErrorCode> cases[] = {
      {"", ErrorCode::kServerProtocolViolation},
      {"e=other\nerror", ErrorCode::kServerUnreachable},
      {"v=", ErrorCode::kServerProtocolViolation},
      {"v=c2FsdA==", ErrorCode::kServerProtocolViolation},
      {"v=" + Base64Encode(std::string(32, 'v')), ErrorCode::kServerProtocolViolation},
      {"v=" + Base64Encode(std::string(32, 'v')) + ",", ErrorCode::kServerProtocolViolation},
      {"v=" + std::string(4096, 'A'), ErrorCode::kServerProtocolViolation}};
  for (const auto& [message, code] : cases) {
    CAPTURE(message);
    SeededRandom random(2);
    ScramClient client(random);
    REQUIRE(client.ReceiveServerFirst("r=" + client.Start().substr(8) + "x,s=c2FsdA==,i=1")
                .has_value());
    client.Continue(DeriveScramKeys("x", "salt", 1));
    const auto proven = client.ReceiveServerFinal(message);
    REQUIRE_FALSE(proven.has_value());
    CHECK(proven.error().code == code);
    CHECK(proven.error().detail.find('\n') == std::string::npos);
  }
}

TEST_CASE("Noise never passes for a SCRAM message") {
  SeededRandom random(11);
  const ScramVerifier verifier = Cheap("right");
  for (int i = 0; i < 5'000; ++i) {
    std::string noise = random.Bytes(random.Next64() % 64);
    if (i % 2 == 0) {
      for (char& c : noise) c = "nyp,=rcsivm+/A1"[static_cast<unsigned char>(c) % 15];
    }
    ScramServer server(verifier, random);
    if (server.ReceiveClientFirst(noise).has_value()) {
      CHECK_FALSE(server.ReceiveClientFinal(noise).has_value());
    }
    ScramClient client(random);
    CHECK_FALSE(client.ReceiveServerFirst(noise).has_value());
  }
}
