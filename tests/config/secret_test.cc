// Goal: the forms of a secret are told apart as PostgreSQL does, a broken verifier is
// refused at every cut, and no error shows any of it.
#include "config/secret.h"

#include "config/fake_environment.h"
#include "support/catch.h"

using pglynx::config::ClassifySecret;
using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::LoadConfig;
using pglynx::config::LoadText;
using pglynx::config::Secret;
using pglynx::config::TemporaryDirectory;

namespace {

const std::string kSalt = "c2FsdHNhbHRzYWx0c2FsdA==";
const std::string kKey = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
const std::string kVerifier = "SCRAM-SHA-256$4096:" + kSalt + "$" + kKey + ":" + kKey;
const std::string kMd5 = "md50123456789abcdef0123456789abcdef";

std::string PoolWith(const std::string& user_keys) {
  return "[pools.app]\ndatabase = 'app'\nservers = [{ host = 'db' }]\n"
         "[[pools.app.users]]\nusername = 'app'\n" +
         user_keys + "\n";
}

}  // namespace

TEST_CASE("ClassifySecret tells the forms of a secret apart") {
  const struct {
    std::string text;
    Secret::Kind kind;
  } cases[] = {{"", Secret::Kind::kNone},
               {"hunter2", Secret::Kind::kPlain},
               {"md5", Secret::Kind::kPlain},
               {kMd5, Secret::Kind::kMd5},
               {kMd5 + "0", Secret::Kind::kPlain},
               {"md50123456789ABCDEF0123456789ABCDEF", Secret::Kind::kPlain},
               {"scram-sha-256$4096", Secret::Kind::kPlain},
               {kVerifier, Secret::Kind::kScram}};
  for (const auto& c : cases) {
    INFO(c.text);
    const auto secret = ClassifySecret(c.text);
    REQUIRE(secret);
    CHECK(secret->kind == c.kind);
    CHECK(secret->text == c.text);
  }
}

TEST_CASE("ClassifySecret refuses a broken verifier, at every cut too") {
  const std::string prefix = "SCRAM-SHA-256$";
  for (const std::string& body :
       {"0:" + kSalt + "$" + kKey + ":" + kKey, "-1:" + kSalt + "$" + kKey + ":" + kKey,
        "10000001:" + kSalt + "$" + kKey + ":" + kKey, "x:" + kSalt + "$" + kKey + ":" + kKey,
        "4096:$" + kKey + ":" + kKey, "4096:" + kSalt + "$" + kSalt + ":" + kKey,
        "4096:" + kSalt + "$" + kKey + ":" + kKey + ":", "4096:a*==$" + kKey + ":" + kKey,
        "4096:" + kSalt + "$" + kKey + ":" + kKey + "AAAA", "4096:====$" + kKey + ":" + kKey}) {
    INFO(body);
    CHECK_FALSE(ClassifySecret(prefix + body));
  }
  for (size_t length = prefix.size(); length < kVerifier.size(); ++length) {
    CHECK_FALSE(ClassifySecret(kVerifier.substr(0, length)));
  }
  // Bits behind the salt's only byte: valid here once, and then unreadable for auth at the start.
  // Found by fuzzing.
  CHECK_FALSE(ClassifySecret(prefix + "4096:AB==$" + kKey + ":" + kKey));
  CHECK_FALSE(ClassifySecret(std::string("a\0b", 3)));
  CHECK(ClassifySecret(std::string(1000, 'x')));
  CHECK_FALSE(ClassifySecret(std::string(1001, 'x')));
}

TEST_CASE("the server's secret is the client's unless it is set") {
  const struct {
    std::string keys;
    Secret::Kind password;
    Secret::Kind server;
    std::string server_user;
  } cases[] = {
      {"password = 'p'", Secret::Kind::kPlain, Secret::Kind::kPlain, "app"},
      {"password = 'p'\nserver_username = 's'", Secret::Kind::kPlain, Secret::Kind::kPlain, "s"},
      {"password = '" + kVerifier + "'", Secret::Kind::kScram, Secret::Kind::kScram, "app"},
      {"password = '" + kVerifier + "'\nserver_password = 's'", Secret::Kind::kScram,
       Secret::Kind::kPlain, "app"},
      {"password = 'p'\nserver_password = '" + kMd5 + "'\nserver_username = 's'",
       Secret::Kind::kPlain, Secret::Kind::kMd5, "s"},
      {"password = 'p'\nserver_password = ''\nserver_username = ''", Secret::Kind::kPlain,
       Secret::Kind::kPlain, "app"},
  };
  for (const auto& c : cases) {
    INFO(c.keys);
    const auto loaded = LoadText(PoolWith(c.keys));
    REQUIRE(ErrorText(loaded).empty());
    const auto& user = loaded->pools[0].users[0];
    CHECK(user.password.kind == c.password);
    CHECK(user.server_password.kind == c.server);
    CHECK(user.server_username == c.server_user);
  }
}

TEST_CASE("an md5 secret is taken with auth.method md5") {
  const auto loaded = LoadText("auth.method = 'md5'\n" + PoolWith("password = '" + kMd5 + "'"));
  REQUIRE(ErrorText(loaded).empty());
  CHECK(loaded->pools[0].users[0].server_password == Secret{Secret::Kind::kMd5, kMd5});
}

TEST_CASE("trust needs no secret") {
  const auto loaded = LoadText("auth.method = 'trust'\n" + PoolWith(""));
  REQUIRE(ErrorText(loaded).empty());
  CHECK(loaded->pools[0].users[0].password.kind == Secret::Kind::kNone);
  CHECK(loaded->pools[0].users[0].server_password.kind == Secret::Kind::kNone);
}

TEST_CASE("a secret comes from a file beside the configuration or from a variable") {
  const TemporaryDirectory directory;
  CHECK(directory.Write("secrets/app", "from file\r\n").ends_with("/secrets/app"));
  FakeEnvironment environment;
  environment.variables["APP"] = "${not expanded}";
  const std::string path = directory.Write(
      "t.toml", PoolWith("password_file = 'secrets/app'\nserver_password_env = 'APP'"));
  const auto loaded = LoadConfig(path, environment);
  REQUIRE(ErrorText(loaded).empty());
  CHECK(loaded->pools[0].users[0].password.text == "from file");
  CHECK(loaded->pools[0].users[0].server_password.text == "${not expanded}");
}

TEST_CASE("a file or variable without a secret is an error that does not show it") {
  const TemporaryDirectory directory;
  const std::string empty = directory.Write("empty", "\n");
  const std::string large = directory.Write("large", std::string(5000, 'x'));
  const std::string nul = directory.Write("nul", std::string("hunter\0two", 10));
  FakeEnvironment environment;
  environment.variables["EMPTY"] = "";
  const struct {
    std::string keys;
    std::string error;
  } cases[] = {
      {"password_file = '" + empty + "'", "t.toml:6:17: key 'password_file': the file is empty\n"},
      {"password_file = '" + large + "'",
       "t.toml:6:17: key 'password_file': the file cannot be read: longer than 4096 bytes\n"},
      {"password_file = '/hunter2/none'",
       "t.toml:6:17: key 'password_file': the file cannot be read: No such file or directory\n"},
      {"password_file = '" + nul + "'",
       "t.toml:6:17: key 'password_file': the secret holds a NUL\n"},
      {"password_env = 'HUNTER2'",
       "t.toml:6:16: key 'password_env': the environment variable is not set\n"},
      {"password_env = 'EMPTY'",
       "t.toml:6:16: key 'password_env': the environment variable is empty\n"},
      {"password_env = 5", "t.toml:6:16: key 'password_env' needs a string, not an integer\n"},
      {"password_env = 'A'\npassword = 'hunter2'",
       "t.toml:6:16: only one of these may be set: password, password_env\n"},
  };
  for (const auto& c : cases) {
    INFO(c.keys);
    CHECK(ErrorText(LoadText(PoolWith(c.keys), environment)) == c.error);
  }
}

TEST_CASE("files that hold secrets and can be read by everyone are warned of") {
  const TemporaryDirectory directory;
  const std::string secret = directory.Write("secret", "s\n", 0644);
  const auto count = [&](const std::string& keys, mode_t mode) {
    FakeEnvironment environment;
    environment.variables["APP"] = "p";
    const auto loaded = LoadConfig(
        directory.Write("t.toml", "[admin]\npassword_env = 'APP'\n" + PoolWith(keys), mode),
        environment);
    REQUIRE(ErrorText(loaded).empty());
    size_t warnings = 0;
    for (const std::string& line : loaded->warnings) {
      if (line.find("read by every user") != std::string::npos) ++warnings;
    }
    return warnings;
  };
  CHECK(count("password = 'p'", 0640) == 0);
  CHECK(count("password = 'p'", 0644) == 1);
  CHECK(count("password = '${APP}'", 0644) == 0);
  CHECK(count("password_env = 'APP'", 0644) == 0);
  CHECK(count("password_file = 'secret'", 0600) == 1);
  CHECK(count("password = 'p'\nserver_password_file = '" + secret + "'", 0644) == 2);
}
