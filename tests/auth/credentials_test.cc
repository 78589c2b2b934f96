// Goal: a secret's text is taken for the kind that Postgres would take it for.
#include "pglynx/auth/credentials.h"

#include "support/catch.h"

using pglynx::auth::Credential;
using Kind = pglynx::auth::Credential::Kind;

TEST_CASE("Credential::Parse tells passwords, md5 secrets and verifiers apart") {
  const std::pair<std::string_view, Kind> cases[] = {
      {"", Kind::kNone},
      {"open sesame", Kind::kPlainPassword},
      {"md5", Kind::kPlainPassword},
      {"md5be7c196ba46fc85c5c274253855bb5d", Kind::kPlainPassword},
      {"md5be7c196ba46fc85c5c274253855bb5d1", Kind::kMd5Secret},
      {"SCRAM-SHA-256", Kind::kPlainPassword},
      {"SCRAM-SHA-256$4096:ltX4Si3T8fGt4f90cIP3yQ==$i2MRO7yQNwozvh3pel7PtKUwbgSmH4u9GpAzszmzsXc=:"
       "7x6ydRO5UDjZAQnXpheOXqbf5YGbttyD6KoSiib2DdY=",
       Kind::kScramVerifier}};
  for (const auto& [text, kind] : cases) {
    CAPTURE(text);
    const auto credential = Credential::Parse(text);
    REQUIRE(credential.has_value());
    CHECK(credential->kind() == kind);
    CHECK((credential->verifier() != nullptr) == (kind == Kind::kScramVerifier));
    const bool has_secret = kind == Kind::kPlainPassword || kind == Kind::kMd5Secret;
    CHECK(credential->secret().view() == (has_secret ? text : ""));
  }
}

TEST_CASE("Credential::Parse refuses a broken verifier instead of taking it for a password") {
  const auto credential = Credential::Parse("SCRAM-SHA-256$4096:zzz");
  REQUIRE_FALSE(credential.has_value());
  CHECK(credential.error().code == pglynx::ErrorCode::kInvalidParameterValue);
}

TEST_CASE("Credential keeps the verifier made from its password") {
  auto credential = Credential::Parse("open sesame");
  const auto verifier = pglynx::auth::MakeVerifier("open sesame", "salt", 1);
  credential->CacheVerifier(verifier);
  REQUIRE(credential->verifier() != nullptr);
  CHECK(credential->verifier()->Format() == verifier.Format());
  const Credential copy = *credential;
  CHECK(copy.verifier()->Format() == verifier.Format());
}
