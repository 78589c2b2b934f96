// Goal: a login finds the entry that the issue of a database's secrecy asks for, and a
// verifier survives a reload that leaves the password alone.
#include "pglynx/session/user_directory.h"

#include "pglynx/auth/scram.h"
#include "support/catch.h"

using pglynx::config::Secret;
using pglynx::session::UserDirectory;

namespace {

pglynx::config::Pool MakePool(std::string name,
                              std::vector<std::pair<std::string, std::string>> users) {
  pglynx::config::Pool pool;
  pool.name = std::move(name);
  for (auto& [user, password] : users) {
    pglynx::config::PoolUser entry;
    entry.username = user;
    entry.password = {Secret::Kind::kPlain, password};
    pool.users.push_back(std::move(entry));
  }
  return pool;
}

}  // namespace

TEST_CASE("the wanted database's entry comes before the first in the file") {
  pglynx::config::Config config;
  config.pools = {MakePool("one", {{"app", "first"}}), MakePool("two", {{"app", "second"}})};
  UserDirectory directory(config, {});
  CHECK(directory.Find("two", "app").user->secret.text == "second");
  CHECK(directory.Find("two", "app").serves_database);
  CHECK(directory.Find("three", "app").user->secret.text == "first");
  CHECK_FALSE(directory.Find("three", "app").serves_database);
  CHECK(directory.Find("one", "nobody").user == nullptr);
}

TEST_CASE("the pool * serves every database without an entry of its own") {
  pglynx::config::Config config;
  config.pools = {MakePool("one", {{"app", "first"}}), MakePool("*", {{"any", "star"}})};
  UserDirectory directory(config, {});
  CHECK(directory.Find("other", "any").serves_database);
  CHECK(directory.Find("other", "any").user->pool == "*");
  CHECK_FALSE(directory.Find("one", "any").serves_database);
  CHECK_FALSE(directory.Find("other", "app").serves_database);
}

TEST_CASE("a verifier is kept over a reload for the same password only") {
  pglynx::config::Config config;
  config.pools = {MakePool("one", {{"app", "same"}, {"other", "old"}})};
  UserDirectory before(config, {});
  const auto verifier = pglynx::auth::MakeVerifier("same", "0123456789abcdef", 1);
  before.FindByName("app")->credential.CacheVerifier(verifier);
  before.FindByName("other")->credential.CacheVerifier(
      pglynx::auth::MakeVerifier("old", "0123456789abcdef", 1));
  config.pools[0].users[1].password.text = "new";
  UserDirectory after(config, before);
  REQUIRE(after.FindByName("app")->credential.verifier() != nullptr);
  CHECK(after.FindByName("app")->credential.verifier()->salt == "0123456789abcdef");
  CHECK(after.FindByName("other")->credential.verifier() == nullptr);
}
