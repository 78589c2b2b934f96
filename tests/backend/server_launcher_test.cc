// Goal: a login uses the target's secret where it has one that serves, else what a client's
// login has revealed. Method: a table of secrets.
#include "pglynx/backend/server_launcher.h"

#include <string>
#include <variant>

#include "support/catch.h"
#include "support/fake_backend.h"

using pglynx::auth::Credential;
using pglynx::auth::ScramKeys;
using pglynx::backend::ServerTarget;
using pglynx::handshake::Md5Secret;
using pglynx::handshake::PlainPassword;
using pglynx::handshake::ServerCredential;
using pglynx::test::BackendClient;
using pglynx::test::FakeBackend;

namespace {

ServerTarget TargetWith(std::string_view secret) {
  ServerTarget target = FakeBackend::Target();
  target.credential = *Credential::Parse(secret);
  return target;
}

std::string Verifier() {
  return pglynx::auth::MakeVerifier("pencil", "salt", 1).Format();
}

const std::string kMd5 = "md5" + std::string(32, 'a');

}  // namespace

TEST_CASE("Launcher proves itself with the target's own secret") {
  FakeBackend plain(TargetWith("pencil"));
  plain.pool.scram_client_key = plain.pool.scram_server_key = std::string(32, 'k');
  const ServerCredential password = plain.launcher.CredentialFor(plain.pool);
  REQUIRE(std::holds_alternative<PlainPassword>(password));
  CHECK(std::get<PlainPassword>(password).text.view() == "pencil");

  FakeBackend md5(TargetWith(kMd5));
  const ServerCredential secret = md5.launcher.CredentialFor(md5.pool);
  REQUIRE(std::holds_alternative<Md5Secret>(secret));
  CHECK(std::get<Md5Secret>(secret).text.view() == kMd5);
}

TEST_CASE("Launcher proves itself with the keys of a client's login where it has no other") {
  for (const std::string& secret : {std::string(), Verifier()}) {
    FakeBackend world(TargetWith(secret));
    CHECK(std::holds_alternative<std::monostate>(world.launcher.CredentialFor(world.pool)));
    world.pool.scram_client_key = std::string(32, 'c');
    CHECK(std::holds_alternative<std::monostate>(world.launcher.CredentialFor(world.pool)));
    world.pool.scram_server_key = std::string(32, 's');
    const ServerCredential keys = world.launcher.CredentialFor(world.pool);
    REQUIRE(std::holds_alternative<ScramKeys>(keys));
    CHECK(std::get<ScramKeys>(keys).client_key.view() == std::string(32, 'c'));
    CHECK(std::get<ScramKeys>(keys).server_key.view() == std::string(32, 's'));
  }
}

TEST_CASE("Launcher keeps the keys of one salt until its target changes") {
  FakeBackend world(TargetWith("pencil"));
  CHECK(world.launcher.FindKeys("salt", 1) == nullptr);
  world.launcher.KeepKeys("salt", 1, pglynx::auth::DeriveScramKeys("pencil", "salt", 1));
  REQUIRE(world.launcher.FindKeys("salt", 1) != nullptr);
  CHECK(world.launcher.FindKeys("salt", 2) == nullptr);
  CHECK(world.launcher.FindKeys("pepper", 1) == nullptr);
  world.launcher.KeepKeys("pepper", 1, pglynx::auth::DeriveScramKeys("pencil", "pepper", 1));
  CHECK(world.launcher.FindKeys("salt", 1) == nullptr);
  world.launcher.SetTarget(TargetWith("brush"));
  CHECK(world.launcher.FindKeys("pepper", 1) == nullptr);
}

TEST_CASE("Launcher connects to its new target from now on") {
  FakeBackend world;
  BackendClient first;
  world.LogIn(first);
  ServerTarget target = FakeBackend::Target();
  target.address = {"10.0.0.2", 5433};
  world.launcher.SetTarget(target);
  CHECK(first.lease->Peer() == "10.0.0.1:5432");  // as it was made
  world.pool.ReplaceServers();
  first.lease.Release();
  BackendClient second;
  world.LogIn(second);
  CHECK(second.lease->Peer() == "10.0.0.2:5433");
}
