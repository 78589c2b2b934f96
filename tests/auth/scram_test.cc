// Goal: keys and verifiers are those of RFC 7677 and of PostgreSQL 15; a verifier's text is
// read strictly. Method: vectors, a table of wrong texts, every prefix.
#include "pglynx/auth/scram.h"

#include "auth/crypto.h"
#include "auth/scram_text.h"
#include "support/catch.h"

using pglynx::auth::AsView;
using pglynx::auth::Base64Decode;
using pglynx::auth::Base64Encode;
using pglynx::auth::DeriveScramKeys;
using pglynx::auth::Digest;
using pglynx::auth::HmacSha256;
using pglynx::auth::IsNonce;
using pglynx::auth::kScramSaltBytes;
using pglynx::auth::MakeVerifier;
using pglynx::auth::ParseIterations;
using pglynx::auth::ScramKeys;
using pglynx::auth::ScramVerifier;
using pglynx::auth::Sha256;
using pglynx::auth::TakeAttribute;
using pglynx::auth::Xor;

namespace {

// rolpassword of two roles of PostgreSQL 15, passwords `correct horse` and `päss`.
constexpr std::string_view kAscii =
    "SCRAM-SHA-256$4096:ltX4Si3T8fGt4f90cIP3yQ==$i2MRO7yQNwozvh3pel7PtKUwbgSmH4u9GpAzszmzsXc=:"
    "7x6ydRO5UDjZAQnXpheOXqbf5YGbttyD6KoSiib2DdY=";
constexpr std::string_view kUtf8 =
    "SCRAM-SHA-256$4096:rT06nbaVLuQhVyT/iI3BUw==$0d/tRnB2ii45isma7jifSHePscn4XrEtMlxKkPC7yh4=:"
    "QMTUP6tu2T6numboZ0H/SAU2ZraJfYALl2fZGbLfXfI=";

}  // namespace

TEST_CASE("DeriveScramKeys gives the proof and signature of RFC 7677") {
  const ScramKeys keys = DeriveScramKeys("pencil", *Base64Decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  const std::string nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string auth_message = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + nonce +
                                   ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" + nonce;
  const Digest stored_key = Sha256(keys.client_key.view());
  const Digest signature = HmacSha256(AsView(stored_key), auth_message);
  CHECK(Base64Encode(AsView(Xor(keys.client_key.view(), AsView(signature)))) ==
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  CHECK(Base64Encode(AsView(HmacSha256(keys.server_key.view(), auth_message))) ==
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_CASE("MakeVerifier gives what Postgres stores") {
  for (const auto& [stored, password] :
       {std::pair(kAscii, "correct horse"), std::pair(kUtf8, "p\xc3\xa4ss")}) {
    const auto parsed = ScramVerifier::Parse(stored);
    REQUIRE(parsed.has_value());
    CHECK(parsed->iterations == 4096);
    CHECK(parsed->salt.size() == kScramSaltBytes);
    CHECK(parsed->Format() == stored);
    CHECK(MakeVerifier(password, parsed->salt, parsed->iterations).Format() == stored);
    CHECK(MakeVerifier("wrong", parsed->salt, parsed->iterations).Format() != stored);
  }
}

TEST_CASE("MakeVerifier with random numbers salts as Postgres does") {
  pglynx::SeededRandom random(3);
  const ScramVerifier verifier = MakeVerifier("x", random);
  CHECK(verifier.salt.size() == 16);
  CHECK(verifier.iterations == 4096);
  CHECK(MakeVerifier("x", random).salt != verifier.salt);
  CHECK(ScramVerifier::Parse(verifier.Format())->Format() == verifier.Format());
}

TEST_CASE("ScramVerifier::Parse refuses every other text and does not repeat it") {
  const std::string keys =
      "i2MRO7yQNwozvh3pel7PtKUwbgSmH4u9GpAzszmzsXc=:7x6ydRO5UDjZAQnXpheOXqbf5YGbttyD6KoSiib2DdY=";
  const std::string long_salt = Base64Encode(std::string(1025, 's'));
  const std::string cases[] = {
      "",
      "password",
      "SCRAM-SHA-1$4096:c2FsdA==$" + keys,
      "SCRAM-SHA-256$0:c2FsdA==$" + keys,
      "SCRAM-SHA-256$10000001:c2FsdA==$" + keys,
      "SCRAM-SHA-256$99999999999999999999:c2FsdA==$" + keys,
      "SCRAM-SHA-256$-1:c2FsdA==$" + keys,
      "SCRAM-SHA-256$4096 :c2FsdA==$" + keys,
      "SCRAM-SHA-256$:c2FsdA==$" + keys,
      "SCRAM-SHA-256$4096:$" + keys,
      "SCRAM-SHA-256$4096:c2FsdA=$" + keys,
      "SCRAM-SHA-256$4096:" + long_salt + "$" + keys,
      "SCRAM-SHA-256$4096$c2FsdA==:" + keys,
      "SCRAM-SHA-256$4096:c2FsdA==$" + keys + ":",
      "SCRAM-SHA-256$4096:c2FsdA==$" + keys + "=",
      "SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:c2FsdA==",
      "SCRAM-SHA-256$4096:c2FsdA==$i2MRO7yQNwozvh3pel7PtKUwbgSmH4u9GpAzszmzsXc=",
  };
  for (const std::string& text : cases) {
    CAPTURE(text);
    const auto parsed = ScramVerifier::Parse(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == pglynx::ErrorCode::kInvalidParameterValue);
    CHECK(parsed.error().detail.find("c2FsdA") == std::string::npos);
  }
  for (size_t length = 0; length < kAscii.size(); ++length) {
    CHECK_FALSE(ScramVerifier::Parse(kAscii.substr(0, length)).has_value());
  }
}

TEST_CASE("SCRAM attributes, nonces and counts are read strictly") {
  std::string_view message = "r=abc,s=,x";
  CHECK_FALSE(TakeAttribute(message, 's').has_value());
  CHECK(*TakeAttribute(message, 'r') == "abc");
  CHECK(*TakeAttribute(message, 's') == "");
  CHECK_FALSE(TakeAttribute(message, 'x').has_value());
  CHECK(message == "x");
  CHECK(IsNonce("a"));
  CHECK(IsNonce(std::string(1024, '~')));
  for (const std::string& nonce :
       {std::string(), std::string("a b"), std::string("a,b"), std::string("\x7f"),
        std::string("\x80"), std::string(1, '\0'), std::string(1025, 'a')}) {
    CHECK_FALSE(IsNonce(nonce));
  }
  CHECK(*ParseIterations("1") == 1);
  CHECK(*ParseIterations("10000000") == 10'000'000);
  for (const std::string_view text : {"", "0", "10000001", "4294967297", "+1", " 1", "1 ", "1e3"}) {
    CHECK_FALSE(ParseIterations(text).has_value());
  }
}
