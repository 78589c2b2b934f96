// Goal: each plan carries what its method needs and no more.
#include "pglynx/handshake/auth_plan.h"

#include "support/catch.h"

using pglynx::handshake::AuthPlan;

TEST_CASE("AuthPlan carries what its method needs") {
  CHECK(AuthPlan().method == AuthPlan::Method::kTrust);
  CHECK(AuthPlan::Trust().secret.empty());
  const auto verifier = pglynx::auth::MakeVerifier("right", "salt", 1);
  const AuthPlan scram = AuthPlan::Scram(verifier);
  CHECK(scram.method == AuthPlan::Method::kScram);
  REQUIRE(scram.verifier.has_value());
  CHECK(scram.verifier->Format() == verifier.Format());
  const AuthPlan scram_mock = AuthPlan::ScramMock("process secret");
  CHECK(scram_mock.method == AuthPlan::Method::kScramMock);
  CHECK_FALSE(scram_mock.verifier.has_value());
  CHECK(scram_mock.secret.view() == "process secret");
  const AuthPlan md5 = AuthPlan::Md5("md5 secret");
  CHECK(md5.method == AuthPlan::Method::kMd5);
  CHECK(md5.secret.view() == "md5 secret");
  const AuthPlan md5_mock = AuthPlan::Md5Mock();
  CHECK(md5_mock.method == AuthPlan::Method::kMd5Mock);
  CHECK(md5_mock.secret.empty());
}
