// Goal: shards and their servers: both forms of the file give the same value, in the order of the
// shards' numbers; roles and weights; how many there may be; and which servers go together. The
// texts of the errors are in the golden file.
#include <functional>

#include "config/fake_environment.h"
#include "support/catch.h"

using pglynx::balancer::Role;
using pglynx::config::Config;
using pglynx::config::ErrorText;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::Pool;
using pglynx::config::ServerTarget;
using pglynx::config::Shard;

namespace {

const std::string kPgcat = "[general]\nadmin_username = 'a'\nadmin_password = 'p'\n";
const std::string kUser = "[pools.app.users.0]\nusername = 'u'\npassword = 'p'\n";

Pool PoolOf(const std::string& text) {
  const LoadResult loaded = LoadText(text + kUser);
  INFO(text);
  INFO(ErrorText(loaded));
  REQUIRE(loaded);
  return loaded->pools[0];
}

bool IsTaken(const std::string& text) {
  return LoadText(text + kUser).has_value();
}

// How many lines of errors there are.
size_t ErrorCount(const std::string& text) {
  const LoadResult loaded = LoadText(text + kUser);
  return loaded ? 0 : loaded.errors().lines.size();
}

std::string OneShard(const std::string& servers) {
  return "[pools.app]\ndatabase = 'app'\nservers = [" + servers + "]\n";
}

std::string Repeated(size_t count, const std::function<std::string(size_t)>& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text(i);
  return all;
}

std::string ShardArray(size_t count) {
  return Repeated(count, [](size_t i) {
    return "[[pools.app.shards]]\ndatabase = 'd" + std::to_string(i) +
           "'\nservers = [{ host = 'db' }]\n";
  });
}

}  // namespace

TEST_CASE("shards and servers may be written in our form and in PgCat's") {
  const std::vector<Shard> expected = {
      {.database = "d0",
       .servers = {{.host = "10.0.0.1", .port = 5432, .role = Role::kPrimary},
                   {.host = "10.0.0.2", .port = 5433, .role = Role::kReplica}}},
      {.database = "d1", .servers = {{.host = "10.0.0.3", .port = 5432, .role = Role::kPrimary}}}};
  for (const char* text :
       {"[[pools.app.shards]]\ndatabase = 'd0'\nservers = [{ host = '10.0.0.1', role = 'primary' "
        "}, { host = '10.0.0.2', port = 5433, role = 'replica' }]\n[[pools.app.shards]]\n"
        "database = 'd1'\nservers = [{ host = '10.0.0.3', port = 5432, role = 'primary' }]\n",
        "[pools.app.shards.0]\ndatabase = 'd0'\nservers = [['10.0.0.1', 5432, 'primary'], "
        "['10.0.0.2', 5433, 'replica']]\n"
        "[pools.app.shards.1]\ndatabase = 'd1'\nservers = [['10.0.0.3', 5432, 'Primary']]\n",
        // The order is that of the numbers, not of the file.
        "[pools.app]\nshards.1 = { database = 'd1', servers = [['10.0.0.3', 5432, 'primary']] }\n"
        "shards.0 = { database = 'd0', servers = [['10.0.0.1', 5432, 'Primary'], { host = "
        "'10.0.0.2', port = 5433, role = 'Replica' }] }\n"}) {
    for (const std::string& head : {std::string(), kPgcat}) {
      INFO(text);
      CHECK(PoolOf(head + text).shards == expected);
    }
  }
}

TEST_CASE("eleven keyed shards are in the order of their numbers") {
  std::string text;
  for (size_t i = 11; i-- > 0;) {
    text += "[pools.app.shards." + std::to_string(i) + "]\ndatabase = 'd" + std::to_string(i) +
            "'\nservers = [['db', 5432]]\n";
  }
  const std::vector<Shard> shards = PoolOf(text).shards;
  REQUIRE(shards.size() == 11);
  for (size_t i = 0; i < shards.size(); ++i) CHECK(shards[i].database == "d" + std::to_string(i));
}

TEST_CASE("keyed shards are numbered from 0 without gaps and doubles") {
  const struct {
    std::vector<std::string> keys;
    size_t errors;
  } cases[] = {{{"0"}, 0},
               {{"0", "1", "2"}, 0},
               {{"2", "1", "0"}, 0},
               {{"00"}, 0},
               {{"1"}, 1},
               {{"0", "2"}, 1},
               {{"1", "2"}, 1},
               {{"0", "00"}, 1},
               {{"0", "1", "01"}, 1},
               {{"1", "3"}, 2},
               {{"0", "x"}, 1},
               {{"-1"}, 1},
               {{"0", "+1"}, 1},
               {{"0", "''"}, 1},
               {{"x", "y"}, 2},
               {{"0", "9223372036854775807"}, 1},
               {{"99999999999999999999"}, 1}};
  for (const auto& c : cases) {
    std::string text = "[pools.app]\n";
    for (const std::string& key : c.keys) {
      const bool is_bare = key.find_first_of("+'") == std::string::npos;
      text += "shards." + (is_bare || key == "''" ? key : "'" + key + "'") +
              " = { database = 'd', servers = [['db', 5432]] }\n";
    }
    INFO(text);
    CHECK(ErrorCount(text) == c.errors);
  }
}

TEST_CASE("a server has the role that is written, or is a peer") {
  const struct {
    const char* server;
    Role role;
  } cases[] = {
      {"{ host = 'db' }", Role::kPeer},
      {"['db', 5432]", Role::kPeer},
      {"{ host = 'db', role = 'primary' }", Role::kPrimary},
      {"{ host = 'db', role = 'Primary' }", Role::kPrimary},
      {"['db', 5432, 'replica']", Role::kReplica},
      {"['db', 5432, 'Replica']", Role::kReplica},
  };
  for (const auto& c : cases) {
    INFO(c.server);
    for (const std::string& head : {std::string(), kPgcat}) {
      CHECK(PoolOf(head + OneShard(c.server)).shards[0].servers[0].role == c.role);
    }
  }
  CHECK_FALSE(IsTaken(OneShard("['db', 5432, 'PRIMARY']")));
  CHECK(IsTaken(kPgcat + OneShard("['db', 5432, 'PRIMARY']")));
  for (const char* role : {"'any'", "'leader'", "''", "5", "true", "['primary']"}) {
    INFO(role);
    CHECK(ErrorCount(OneShard("{ host = 'db', role = " + std::string(role) + " }")) == 1);
  }
}

TEST_CASE("a server's weight is 1 to 100") {
  CHECK(PoolOf(OneShard("{ host = 'db' }")).shards[0].servers[0].weight == 1);
  for (const uint32_t weight : {1U, 2U, 99U, 100U}) {
    const std::string server = "{ host = 'db', weight = " + std::to_string(weight) + " }";
    CHECK(PoolOf(OneShard(server)).shards[0].servers[0].weight == weight);
  }
  for (const char* weight : {"0", "101", "-1", "1.0", "'1'", "true"}) {
    INFO(weight);
    CHECK(ErrorCount(OneShard("{ host = 'db', weight = " + std::string(weight) + " }")) == 1);
  }
}

TEST_CASE("a pool has 1 to 1024 shards, a shard 1 to 64 servers") {
  CHECK(PoolOf(ShardArray(1)).shards.size() == 1);
  const std::vector<Shard> shards = PoolOf(ShardArray(1024)).shards;
  REQUIRE(shards.size() == 1024);
  CHECK(shards.back().database == "d1023");
  CHECK(ErrorCount(ShardArray(1025)) == 1);
  CHECK(ErrorCount("[pools.app]\nshards = []\n") == 1);
  const auto servers = [](size_t count) {
    return OneShard(
        Repeated(count, [](size_t i) { return "['db" + std::to_string(i) + "', 1],"; }));
  };
  CHECK(PoolOf(servers(64)).shards[0].servers.size() == 64);
  CHECK(ErrorCount(servers(65)) == 1);
  CHECK(ErrorCount(servers(0)) == 1);
}

TEST_CASE("which servers may be in one shard") {
  const struct {
    const char* servers;
    size_t errors;
  } cases[] = {
      {"['a', 1], ['a', 2], ['b', 1]", 0},
      {"['a', 1], ['a', 1]", 1},
      {"['a', 5432], { host = 'a' }", 1},
      {"['::1', 1], ['[::1]', 1]", 1},
      {"['a', 1], ['a', 1], ['a', 1]", 2},
      {"['a', 1, 'primary'], ['a', 1, 'replica']", 1},
      {"['a', 1, 'primary'], ['b', 1, 'replica'], ['c', 1, 'replica']", 0},
      {"['a', 1, 'replica'], ['b', 1, 'replica']", 0},
      {"['a', 1, 'replica'], ['b', 1, 'primary']", 0},
      {"['a', 1, 'primary'], ['b', 1, 'primary']", 1},
      {"['a', 1, 'primary'], ['b', 1, 'replica'], ['c', 1, 'primary'], ['d', 1, 'primary']", 2},
      {"['a', 1], ['b', 1, 'primary']", 1},
      {"['a', 1, 'primary'], ['b', 1], ['c', 1]", 2},
      {"['a', 1], ['b', 1, 'primary'], ['c', 1, 'primary']", 3},
      // No more is said of what was refused itself.
      {"['a', 1, 'primary'], ['b', 1, 'leader']", 1},
      {"['a', 1], ['b', 1, 'leader'], ['c', 1, 'leader']", 2},
      {"['a', 0], ['a', 5432]", 1},
      {"['a b', 1], ['a b', 1]", 2},
      {"['a', 1], 5", 1},
  };
  for (const auto& c : cases) {
    INFO(c.servers);
    CHECK(ErrorCount(OneShard(c.servers)) == c.errors);
    CHECK(ErrorCount(kPgcat + OneShard(c.servers)) == c.errors);
  }
}

TEST_CASE("shards may share servers and differ in whether those have roles") {
  const std::vector<Shard> shards =
      PoolOf(
          "[pools.app]\nshards = [{ database = 'a', servers = [['db', 1, 'primary'], ['db', 2, "
          "'replica']] }, { database = 'b', servers = [['db', 1], ['db', 2]] }, { database = "
          "'a', servers = [['db', 3, 'replica']] }]\n")
          .shards;
  REQUIRE(shards.size() == 3);
  CHECK(shards[1].servers[0] == ServerTarget{.host = "db", .port = 1});
  CHECK(shards[2].servers[0].role == Role::kReplica);
}

TEST_CASE("the pool * has one shard, of as many servers as any") {
  const auto star = [](const std::string& lines) {
    return LoadText("[pools.'*']\nusers.0 = { username = 'u', password = 'p' }\n" + lines);
  };
  const LoadResult taken = star("servers = [['a', 1, 'primary'], ['b', 1, 'replica']]\n");
  REQUIRE(ErrorText(taken).empty());
  CHECK(taken->pools[0].shards[0].database.empty());
  CHECK(taken->pools[0].shards[0].servers.size() == 2);
  CHECK(star("shards = [{ servers = [['a', 1]] }]").has_value());
  CHECK_FALSE(star("shards = [{ servers = [['a', 1]] }, { servers = [['b', 1]] }]").has_value());
  CHECK_FALSE(star("shards.0 = { database = 'a', servers = [['a', 1]] }\n"
                   "shards.1 = { database = 'b', servers = [['b', 1]] }\n")
                  .has_value());
}

TEST_CASE("every shard needs its database and its servers") {
  for (const char* shard :
       {"{ servers = [['b', 1]] }", "{ database = 'b' }", "{ database = '', servers = [['b', 1]] }",
        "{ database = 'b', servers = [] }", "{ database = 'b', servers = 5 }",
        "{ database = 5, servers = [['b', 1]] }", "5"}) {
    INFO(shard);
    const std::string text = "[pools.app]\nshards = [{ database = 'a', servers = [['a', 1]] }, " +
                             std::string(shard) + "]\n";
    CHECK(ErrorCount(text) == 1);
  }
}
