// Goal: every way to log in, on both sides of the pooler; a refusal tells an honest operator the
// cause and a stranger nothing.
// Method: libpq for logins that should succeed, a client of bytes for the messages of those that
// fail; a PostgreSQL with a role for each method, others that are stopped and started again.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"
#include "support/e2e/raw_messages.h"

using pglynx::e2e::AppConfig;
using pglynx::e2e::AppOptions;
using pglynx::e2e::AppPooler;
using pglynx::e2e::Connection;
using pglynx::e2e::Eventually;
using pglynx::e2e::Field;
using pglynx::e2e::Fill;
using pglynx::e2e::FreePort;
using pglynx::e2e::Pooler;
using pglynx::e2e::PostgresCluster;
using pglynx::e2e::QueryResult;
using pglynx::e2e::RawClient;
using pglynx::e2e::RawMessage;
using pglynx::e2e::Superuser;
using pglynx::e2e::Types;

namespace {

constexpr std::chrono::milliseconds kAtOnce{3'000};  // far below connect_timeout and its like

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A PostgreSQL with the role and the database `app`, and one that may be stopped.
std::unique_ptr<PostgresCluster> OwnCluster() {
  auto cluster = std::make_unique<PostgresCluster>();
  cluster->Exec("create role app login password 'secret'");
  cluster->Exec("create database app owner app");
  return cluster;
}

// One role for each method that pg_hba.conf may ask for.
PostgresCluster& MethodsCluster() {
  static PostgresCluster cluster(
      {.settings = {},
       .hba = {"host all md5_role 127.0.0.1/32 md5", "host all scram_in_md5_role 127.0.0.1/32 md5",
               "host all plain_role 127.0.0.1/32 password",
               "host all trust_role 127.0.0.1/32 trust",
               "host all refused_role 127.0.0.1/32 reject"}});
  static const bool prepared = [] {
    cluster.Exec("create database app");
    for (const char* role :
         {"app", "scram_in_md5_role", "plain_role", "trust_role", "refused_role"}) {
      cluster.Exec("create role " + std::string(role) + " login password 'at the server'");
    }
    cluster.Exec(
        "set password_encryption = 'md5'; create role md5_role login password 'at the server'");
    return true;
  }();
  static_cast<void>(prepared);
  return cluster;
}

std::string Verifier() {
  return Superuser().Exec("select rolpassword from pg_authid where rolname = 'app'").value();
}

// The configuration with another secret of the user app.
std::string ConfigWithSecret(const AppOptions& options, const std::string& secret) {
  return Fill(AppConfig(options), {{"password = \"secret\"", "password = \"" + secret + "\""}});
}

std::string CString(const std::string& text) {
  return text + '\0';
}

// What a stranger without the right password sees of a SCRAM login, nonces left out.
std::string ScramRefusal(const Pooler& pooler, const std::string& user,
                         const std::string& database) {
  RawClient client(pooler.port());
  client.Send(RawClient::Startup({{"user", user}, {"database", database}}));
  std::vector<RawMessage> messages = {client.Read()};
  const std::string first = "n,,n=,r=a-nonce";
  client.Send(RawClient::Frame(
      'p',
      CString("SCRAM-SHA-256") + RawClient::Int32(static_cast<uint32_t>(first.size())) + first));
  messages.push_back(client.Read());
  const std::string server_first = messages.back().body.substr(4);
  const std::string nonce = server_first.substr(0, server_first.find(','));
  const std::string last = "c=biws," + nonce + ",p=" + std::string(43, 'A') + "=";
  client.Send(RawClient::Frame('p', last));
  messages.push_back(client.Read());
  CHECK(client.ClosedByPeer());
  const RawMessage& error = messages.back();
  const std::string rest = server_first.substr(nonce.size());
  return Types(messages) + messages.front().body.substr(4) + " salt " +
         std::to_string(rest.find(",i=")) + rest.substr(rest.find(",i=")) + " nonce " +
         std::to_string(nonce.size()) + " " + Field(error, 'S') + Field(error, 'C') + " " +
         Fill(Field(error, 'M'), {{user, "USER"}});
}

std::string Md5Refusal(const Pooler& pooler, const std::string& user, const std::string& database) {
  RawClient client(pooler.port());
  client.Send(RawClient::Startup({{"user", user}, {"database", database}}));
  const RawMessage request = client.Read();
  client.Send(RawClient::Frame('p', CString("md5" + std::string(32, '0'))));
  const RawMessage error = client.Read();
  CHECK(client.ClosedByPeer());
  return Types({request, error}) + std::to_string(request.body.size()) + " " + Field(error, 'S') +
         Field(error, 'C') + " " + Fill(Field(error, 'M'), {{user, "USER"}});
}

// The salt that a stranger is told, which must not change from login to login.
std::string ScramSalt(const Pooler& pooler, const std::string& user) {
  RawClient client(pooler.port());
  client.Send(RawClient::Startup({{"user", user}, {"database", "app"}}));
  client.Read();
  const std::string first = "n,,n=,r=a-nonce";
  client.Send(RawClient::Frame(
      'p',
      CString("SCRAM-SHA-256") + RawClient::Int32(static_cast<uint32_t>(first.size())) + first));
  const std::string reply = client.Read().body;
  return reply.substr(reply.find(",s="));
}

}  // namespace

TEST_CASE("clients log in by SCRAM, md5 and trust") {
  const std::string method = GENERATE(as<std::string>(), "scram-sha-256", "md5", "trust");
  CAPTURE(method);
  const AppPooler pooler({.pool_size = 1, .auth = method});
  Connection client = pooler.Client();
  CHECK(client.error().empty());
  CHECK(client.Exec("select current_user").value() == "app");
  Connection wrong = pooler.Connect("app", "app", "wrong");
  CHECK(wrong.ok() == (method == "trust"));
  Connection empty = pooler.Connect("app", "app", "");
  CHECK(empty.ok() == (method == "trust"));
  CHECK_FALSE(pooler.Connect("app", "nobody", "secret").ok());
}

TEST_CASE("the pooler logs in at servers by SCRAM, md5, password and trust") {
  const std::string role = GENERATE(as<std::string>(), "app", "md5_role", "scram_in_md5_role",
                                    "plain_role", "trust_role");
  CAPTURE(role);
  const AppPooler pooler(
      {.pool_size = 1,
       .user = "server_username = \"" + role + "\"\nserver_password = \"at the server\"",
       .server_port = MethodsCluster().port()});
  Connection client = pooler.Client();
  CHECK(client.error().empty());
  CHECK(client.Exec("select current_user").value() == role);
}

TEST_CASE("why a server refused the pooler is told to the client") {
  const auto [user, cause] = GENERATE(table<std::string, std::string>(
      {{"server_username = \"app\"\nserver_password = \"wrong\"",
        "password authentication failed for user \"app\""},
       {"server_username = \"md5_role\"\nserver_password = \"wrong\"",
        "password authentication failed for user \"md5_role\""},
       {"server_username = \"refused_role\"\nserver_password = \"at the server\"",
        "pg_hba.conf rejects connection"},
       {"server_username = \"missing\"\nserver_password = \"at the server\"",
        "password authentication failed for user \"missing\""}}));
  const AppPooler pooler({.pool_size = 1, .user = user, .server_port = MethodsCluster().port()});
  const auto start = std::chrono::steady_clock::now();
  const Connection client = pooler.Client();
  CHECK(std::chrono::steady_clock::now() - start < kAtOnce);
  CHECK_FALSE(client.ok());
  CAPTURE(client.error());
  CHECK(Has(client.error(), cause));
  CHECK(Has(client.error(), std::to_string(MethodsCluster().port())));
}

TEST_CASE("a SCRAM verifier lets clients in, and their own keys open the server") {
  Pooler pooler(ConfigWithSecret({.pool_size = 2, .auth = "scram-sha-256"}, Verifier()));
  for (int i = 0; i < 3; ++i) {
    Connection client = pooler.Connect("app", "app", "secret");
    CHECK(client.error().empty());
    CHECK(client.Exec("select current_user").value() == "app");
  }
  Connection holder = pooler.Connect("app", "app", "secret");
  Connection second = pooler.Connect("app", "app", "secret");
  REQUIRE(holder.Exec("begin").ok());
  REQUIRE(holder.Exec("select 1").ok());
  CHECK(second.Exec("select 1").value() == "1");  // a further server, by the same keys
  CHECK(Has(pooler.Connect("app", "app", "wrong").error(), "password authentication failed"));
}

TEST_CASE("a SCRAM verifier with a server_password, and under auth.method md5") {
  const std::string method = GENERATE(as<std::string>(), "scram-sha-256", "md5");
  CAPTURE(method);
  Pooler pooler(ConfigWithSecret({.pool_size = 1,
                                  .auth = method,
                                  .user = "server_password = \"at the server\"",
                                  .server_port = MethodsCluster().port()},
                                 Verifier()));
  Connection client = pooler.Connect("app", "app", "secret");
  CHECK(client.error().empty());
  CHECK(client.Exec("select 1").value() == "1");
  CHECK_FALSE(pooler.Connect("app", "app", "at the server").ok());
}

TEST_CASE("an md5 secret lets clients in and opens an md5 server") {
  const std::string secret =
      Superuser().Exec("select 'md5' || md5('at the server' || 'md5_role')").value();
  const std::string config =
      Fill(ConfigWithSecret({.pool_size = 1, .auth = "md5", .server_port = MethodsCluster().port()},
                            secret),
           {{"username = \"app\"", "username = \"md5_role\""}});
  Pooler pooler(config);
  Connection client = pooler.Connect("app", "md5_role", "at the server");
  CHECK(client.error().empty());
  CHECK(client.Exec("select current_user").value() == "md5_role");
  CHECK(Has(pooler.Connect("app", "md5_role", "wrong").error(),
            "password authentication failed for user \"md5_role\""));
}

TEST_CASE("a wrong password and an unknown user look the same") {
  SECTION("by SCRAM") {
    const AppPooler pooler({.pool_size = 1, .auth = "scram-sha-256"});
    const std::string wrong = ScramRefusal(pooler, "app", "app");
    CHECK(Has(wrong, "FATAL28P01"));
    CHECK(ScramRefusal(pooler, "stranger", "app") == wrong);
    CHECK(ScramRefusal(pooler, "stranger", "missing") == wrong);
    CHECK(ScramRefusal(pooler, "app", "missing") == wrong);
    CHECK(ScramSalt(pooler, "app") == ScramSalt(pooler, "app"));
    CHECK(ScramSalt(pooler, "stranger") == ScramSalt(pooler, "stranger"));
    CHECK(ScramSalt(pooler, "stranger") != ScramSalt(pooler, "other"));
  }
  SECTION("by SCRAM with a verifier") {
    Pooler pooler(ConfigWithSecret({.auth = "scram-sha-256"}, Verifier()));
    const std::string wrong = ScramRefusal(pooler, "app", "app");
    CHECK(ScramRefusal(pooler, "stranger", "app") == wrong);
    CHECK(ScramRefusal(pooler, "app", "missing") == wrong);
  }
  SECTION("by md5") {
    const AppPooler pooler({.pool_size = 1, .auth = "md5"});
    const std::string wrong = Md5Refusal(pooler, "app", "app");
    CHECK(Has(wrong, "FATAL28P01"));
    CHECK(Md5Refusal(pooler, "stranger", "app") == wrong);
    CHECK(Md5Refusal(pooler, "stranger", "missing") == wrong);
    CHECK(Md5Refusal(pooler, "app", "missing") == wrong);
  }
}

TEST_CASE("that a database does not exist is told to those who proved who they are") {
  const std::string method = GENERATE(as<std::string>(), "scram-sha-256", "md5");
  CAPTURE(method);
  const AppPooler pooler({.pool_size = 1, .auth = method});
  CHECK(Has(pooler.Connect("missing", "app", "secret").error(),
            "database \"missing\" does not exist"));
  CHECK(Has(pooler.Connect("missing", "app", "wrong").error(), "password authentication failed"));
}

TEST_CASE("an unknown database is 3D000") {
  const AppPooler pooler({.pool_size = 1});
  RawClient client(pooler.port());
  const RawMessage error = client.Login("app", "missing").back();
  CHECK(Field(error, 'S') == "FATAL");
  CHECK(Field(error, 'C') == "3D000");
  CHECK(client.ClosedByPeer());
}

TEST_CASE("requests for encryption are answered N, and the login goes on") {
  const AppPooler pooler({.pool_size = 1});
  const std::string ssl = RawClient::Int32(8) + RawClient::Int32(80877103);
  const std::string gss = RawClient::Int32(8) + RawClient::Int32(80877104);
  const std::vector<std::string> requests =
      GENERATE_COPY(std::vector<std::string>{ssl}, std::vector<std::string>{gss},
                    std::vector<std::string>{ssl, gss}, std::vector<std::string>{gss, ssl});
  RawClient client(pooler.port());
  for (const std::string& request : requests) {
    client.Send(request);
    CHECK(client.ReadByte() == 'N');
  }
  CHECK(client.Login("app", "app").back().type == 'Z');
}

TEST_CASE("libpq prefers encryption, does without it where it may, and not where it must") {
  const AppPooler pooler({.pool_size = 1, .auth = "scram-sha-256"});
  CHECK(pooler.Client({{"sslmode", "prefer"}, {"gssencmode", "prefer"}}).ok());
  CHECK_FALSE(pooler.Client({{"sslmode", "require"}}).ok());
}

TEST_CASE("a login at a dead server fails at once, with host, port and cause") {
  const uint16_t port = FreePort();
  const AppPooler pooler({.pool_size = 1, .server_port = port});
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const Connection client = pooler.Client();
    CHECK(std::chrono::steady_clock::now() - start < kAtOnce);
    CHECK_FALSE(client.ok());
    CAPTURE(client.error());
    CHECK(Has(client.error(), "127.0.0.1"));
    CHECK(Has(client.error(), std::to_string(port)));
    CHECK(Has(client.error(), "refused"));
  }
}

TEST_CASE("when a server is back, so is the service") {
  const std::unique_ptr<PostgresCluster> cluster = OwnCluster();
  cluster->Stop();
  const AppPooler pooler({.pool_size = 1, .server_port = cluster->port()});
  CHECK_FALSE(pooler.Client().ok());
  cluster->Start();
  CHECK(Eventually([&] { return pooler.Client().ok(); }, kAtOnce));
  CHECK(pooler.Client().Exec("select 1").value() == "1");
}

TEST_CASE("logins need no server once one has been seen") {
  const std::unique_ptr<PostgresCluster> cluster = OwnCluster();
  const AppPooler pooler({.pool_size = 1, .server_port = cluster->port()});
  {
    Connection first = pooler.Client();
    REQUIRE(first.Exec("select 1").value() == "1");
  }
  cluster->Stop();
  Connection second = pooler.Client();
  CHECK(second.error().empty());
  CHECK_FALSE(second.Parameter("server_version").empty());
  const auto start = std::chrono::steady_clock::now();
  const QueryResult failed = second.Exec("select 1");
  CHECK(std::chrono::steady_clock::now() - start < kAtOnce);
  CAPTURE(failed.error, failed.sqlstate);
  CHECK_FALSE(failed.ok());
  CHECK(Has(failed.error, "127.0.0.1"));
  CHECK(Has(failed.error, std::to_string(cluster->port())));
  CHECK(Has(failed.error, "refused"));
  cluster->Start();
  CHECK(Eventually([&] { return pooler.Client().Exec("select 1").ok(); }, kAtOnce));
}

TEST_CASE("the login's settings are those of the server and of the client's startup packet") {
  const AppPooler pooler({.pool_size = 1});
  const Connection direct = pglynx::e2e::Postgres().Connect("app", "app", "secret");
  const Connection client =
      pooler.Client({{"application_name", "named"}, {"options", "-c DateStyle=German"}});
  REQUIRE(client.error().empty());
  CHECK(client.Parameter("application_name") == "named");
  CHECK(client.Parameter("DateStyle") == "German, DMY");
  for (const char* name : {"server_version", "server_encoding", "integer_datetimes",
                           "standard_conforming_strings", "is_superuser", "TimeZone"}) {
    CAPTURE(name);
    CHECK(client.Parameter(name) == direct.Parameter(name));
  }
}
