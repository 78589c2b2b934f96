// Goal: the keys of a pool that say which shard and server a transaction goes to: defaults in both
// forms, every value in every spelling, what is refused, and what has to fit the shards. The texts
// of the errors are in the golden file.
#include <functional>

#include "config/fake_environment.h"
#include "support/catch.h"

using pglynx::balancer::BalancingMode;
using pglynx::balancer::WantedRole;
using pglynx::config::Config;
using pglynx::config::DefaultShard;
using pglynx::config::ErrorText;
using pglynx::config::FakeEnvironment;
using pglynx::config::LoadResult;
using pglynx::config::LoadText;
using pglynx::config::Pool;
using pglynx::config::ShardScope;
using pglynx::sharding::KeyType;
using pglynx::sharding::ShardingFunction;

namespace {

const std::string kAdmin = "[admin]\npassword = 'p'\n";
const std::string kPgcat = "[general]\nadmin_username = 'a'\nadmin_password = 'p'\n";

// Three shards, each with a primary and a replica.
std::string FileOf(const std::string& lines, const std::string& head = kAdmin) {
  std::string text =
      head + "[pools.app]\n" + lines + "\nusers.0 = { username = 'u', password = 'p' }\n";
  for (const char* shard : {"0", "1", "2"}) {
    text += "[pools.app.shards." + std::string(shard) + "]\ndatabase = 'd" + shard +
            "'\nservers = [['a', 1, 'primary'], ['b', 1, 'replica']]\n";
  }
  return text;
}

Pool PoolOf(const std::string& lines, const std::string& head = kAdmin) {
  const LoadResult loaded = LoadText(FileOf(lines, head));
  INFO(lines);
  INFO(ErrorText(loaded));
  REQUIRE(loaded);
  CHECK(loaded->warnings.empty());
  return loaded->pools[0];
}

// The lines of errors; 0 = it is taken.
size_t ErrorCount(const std::string& text) {
  const LoadResult loaded = LoadText(text);
  return loaded ? 0 : loaded.errors().lines.size();
}

}  // namespace

TEST_CASE("our form has our defaults of routing, PgCat's has PgCat's") {
  const Pool ours = PoolOf("");
  CHECK(ours.load_balancing_mode == BalancingMode::kRoundRobin);
  CHECK(ours.primary_reads_enabled);
  CHECK(ours.shard_scope == ShardScope::kTransaction);
  CHECK(ours.default_shard == DefaultShard{});
  CHECK(ours.default_shard.kind == DefaultShard::Kind::kNone);
  const Pool pgcats = PoolOf("", kPgcat);
  CHECK(pgcats.load_balancing_mode == BalancingMode::kRandom);
  CHECK_FALSE(pgcats.primary_reads_enabled);
  CHECK(pgcats.shard_scope == ShardScope::kSession);
  CHECK(pgcats.default_shard == DefaultShard{DefaultShard::Kind::kFixed, 0});
  for (const Pool& pool : {ours, pgcats}) {
    CHECK(pool.default_role == WantedRole::kAny);
    CHECK(pool.sharding_function == ShardingFunction::kPgBigintHash);
    CHECK(pool.sharding_key_type == KeyType::kBigint);
    CHECK(pool.sharding_key_regex.empty());
    CHECK(pool.shard_id_regex.empty());
    CHECK(pool.regex_search_limit == 1000);
  }
}

TEST_CASE("each value of the keys of routing is taken, in both forms, and changes that key alone") {
  const std::string pg_hash = "sharding_function = 'pg_hash'\n";
  const auto type = [](KeyType key_type) {
    return [key_type](Pool& p) {
      p.sharding_function = ShardingFunction::kPgHash;
      p.sharding_key_type = key_type;
    };
  };
  const struct {
    std::string lines;
    std::function<void(Pool&)> apply;
  } cases[] = {
      {"load_balancing_mode = 'round_robin'",
       [](Pool& p) { p.load_balancing_mode = BalancingMode::kRoundRobin; }},
      {"load_balancing_mode = 'random'",
       [](Pool& p) { p.load_balancing_mode = BalancingMode::kRandom; }},
      {"load_balancing_mode = 'loc'",
       [](Pool& p) { p.load_balancing_mode = BalancingMode::kLeastOutstanding; }},
      {"load_balancing_mode = 'least_outstanding_connections'",
       [](Pool& p) { p.load_balancing_mode = BalancingMode::kLeastOutstanding; }},
      {"default_role = 'any'", [](Pool& p) { p.default_role = WantedRole::kAny; }},
      {"default_role = 'primary'", [](Pool& p) { p.default_role = WantedRole::kPrimary; }},
      {"default_role = 'replica'", [](Pool& p) { p.default_role = WantedRole::kReplica; }},
      {"primary_reads_enabled = true", [](Pool& p) { p.primary_reads_enabled = true; }},
      {"primary_reads_enabled = false", [](Pool& p) { p.primary_reads_enabled = false; }},
      {"sharding_function = 'pg_bigint_hash'", [](Pool&) {}},
      {"sharding_function = 'PgBigintHash'", [](Pool&) {}},
      {"sharding_function = 'pg_hash'",
       [](Pool& p) { p.sharding_function = ShardingFunction::kPgHash; }},
      {"sharding_function = 'sha1'",
       [](Pool& p) { p.sharding_function = ShardingFunction::kSha1; }},
      {"sharding_function = 'Sha1'",
       [](Pool& p) { p.sharding_function = ShardingFunction::kSha1; }},
      {pg_hash + "sharding_key_type = 'smallint'", type(KeyType::kSmallint)},
      {pg_hash + "sharding_key_type = 'integer'", type(KeyType::kInteger)},
      {pg_hash + "sharding_key_type = 'bigint'", type(KeyType::kBigint)},
      {pg_hash + "sharding_key_type = 'text'", type(KeyType::kText)},
      {pg_hash + "sharding_key_type = 'varchar'", type(KeyType::kVarchar)},
      {pg_hash + "sharding_key_type = 'uuid'", type(KeyType::kUuid)},
      {pg_hash + "sharding_key_type = 'date'", type(KeyType::kDate)},
      {pg_hash + "sharding_key_type = 'timestamp'", type(KeyType::kTimestamp)},
      {pg_hash + "sharding_key_type = 'timestamptz'", type(KeyType::kTimestamptz)},
      {"shard_scope = 'transaction'", [](Pool& p) { p.shard_scope = ShardScope::kTransaction; }},
      {"shard_scope = 'session'", [](Pool& p) { p.shard_scope = ShardScope::kSession; }},
      {"default_shard = 'none'", [](Pool& p) { p.default_shard = {DefaultShard::Kind::kNone}; }},
      {"default_shard = 'random'",
       [](Pool& p) { p.default_shard = {DefaultShard::Kind::kRandom}; }},
      {"default_shard = 'random_healthy'",
       [](Pool& p) { p.default_shard = {DefaultShard::Kind::kRandomHealthy}; }},
      {"default_shard = 'shard_0'",
       [](Pool& p) { p.default_shard = {DefaultShard::Kind::kFixed, 0}; }},
      {"default_shard = 'shard_2'",
       [](Pool& p) { p.default_shard = {DefaultShard::Kind::kFixed, 2}; }},
      {"sharding_key_regex = ''", [](Pool&) {}},
      {"sharding_key_regex = '/\\* key: (\\d+) \\*/'",
       [](Pool& p) { p.sharding_key_regex = "/\\* key: (\\d+) \\*/"; }},
      {"shard_id_regex = 'shard=(.*)'", [](Pool& p) { p.shard_id_regex = "shard=(.*)"; }},
      {"regex_search_limit = 1", [](Pool& p) { p.regex_search_limit = 1; }},
      {"regex_search_limit = '64KiB'", [](Pool& p) { p.regex_search_limit = 65536; }},
      {"regex_search_limit = 1048576", [](Pool& p) { p.regex_search_limit = 1048576; }},
  };
  for (const std::string& head : {kAdmin, kPgcat}) {
    for (const auto& c : cases) {
      INFO(c.lines);
      Pool expected = PoolOf("", head);
      c.apply(expected);
      CHECK(PoolOf(c.lines, head) == expected);
    }
  }
}

TEST_CASE("what the keys of routing refuse is one error each") {
  for (const char* line : {"load_balancing_mode = 'Random'",
                           "load_balancing_mode = ''",
                           "load_balancing_mode = 1",
                           "default_role = 'auto'",
                           "default_role = 'Primary'",
                           "default_role = true",
                           "primary_reads_enabled = 'on'",
                           "primary_reads_enabled = 1",
                           "sharding_function = 'md5'",
                           "sharding_function = 'SHA1'",
                           "sharding_function = 1",
                           "sharding_key_type = 'int'",
                           "sharding_key_type = 'Bigint'",
                           "sharding_key_type = 8",
                           "shard_scope = 'statement'",
                           "shard_scope = 1",
                           "default_shard = ''",
                           "default_shard = 'shard_3'",
                           "default_shard = 'shard_'",
                           "default_shard = 'shard_-1'",
                           "default_shard = 'shard_x'",
                           "default_shard = 'shard_99999999999999999999'",
                           "default_shard = 'shard_ 1'",
                           "default_shard = 'Random'",
                           "default_shard = 'healthy'",
                           "default_shard = 0",
                           "sharding_key_regex = 'key: \\d+'",
                           "sharding_key_regex = 5",
                           "shard_id_regex = ')'",
                           "shard_id_regex = ['()']",
                           "regex_search_limit = 0",
                           "regex_search_limit = -1",
                           "regex_search_limit = '2MiB'",
                           "regex_search_limit = true"}) {
    INFO(line);
    CHECK(ErrorCount(FileOf(line)) == 1);
  }
  CHECK(ErrorCount(FileOf("shard_id_regex = '(" + std::string(998, 'x') + ")'")) == 0);
  CHECK(ErrorCount(FileOf("shard_id_regex = '(" + std::string(999, 'x') + ")'")) == 1);
}

TEST_CASE("in PgCat's form names are taken in any case") {
  const Pool pool = PoolOf(
      "load_balancing_mode = 'LOC'\nsharding_function = 'SHA1'\nshard_scope = 'Session'\n"
      "default_role = 'Replica'",
      kPgcat);
  CHECK(pool.load_balancing_mode == BalancingMode::kLeastOutstanding);
  CHECK(pool.sharding_function == ShardingFunction::kSha1);
  CHECK(pool.default_role == WantedRole::kReplica);
}

TEST_CASE("the keys of routing take variables") {
  FakeEnvironment environment;
  environment.variables = {{"MODE", "loc"}, {"SHARD", "2"}, {"ON", "false"}, {"LIMIT", "99"}};
  const LoadResult loaded =
      LoadText(FileOf("load_balancing_mode = '${MODE}'\ndefault_shard = 'shard_${SHARD}'\n"
                      "primary_reads_enabled = '${ON}'\nregex_search_limit = '${LIMIT}'"),
               environment);
  REQUIRE(ErrorText(loaded).empty());
  CHECK(loaded->pools[0].load_balancing_mode == BalancingMode::kLeastOutstanding);
  CHECK(loaded->pools[0].default_shard == DefaultShard{DefaultShard::Kind::kFixed, 2});
  CHECK_FALSE(loaded->pools[0].primary_reads_enabled);
  CHECK(loaded->pools[0].regex_search_limit == 99);
}

TEST_CASE("the type of the key fits the sharding function") {
  const std::string integers[] = {"smallint", "integer", "bigint"};
  const std::string texts[] = {"text", "varchar"};
  const std::string others[] = {"uuid", "date", "timestamp", "timestamptz"};
  const auto taken = [](const std::string& function, const std::string& type) {
    const std::string line = function.empty() ? "" : "sharding_function = '" + function + "'\n";
    return ErrorCount(FileOf(line + "sharding_key_type = '" + type + "'")) == 0;
  };
  for (const std::string& type : integers) {
    for (const char* function : {"", "pg_bigint_hash", "pg_hash", "sha1"}) {
      CHECK(taken(function, type));
    }
  }
  for (const std::string& type : texts) {
    CHECK_FALSE(taken("", type));
    CHECK_FALSE(taken("pg_bigint_hash", type));
    CHECK(taken("pg_hash", type));
    CHECK_FALSE(taken("sha1", type));
  }
  for (const std::string& type : others) {
    CHECK_FALSE(taken("", type));
    CHECK(taken("pg_hash", type));
    CHECK_FALSE(taken("sha1", type));
  }
  // No more is said of a function that is wrong itself.
  CHECK(ErrorCount(FileOf("sharding_function = 'md5'\nsharding_key_type = 'uuid'")) == 1);
}

TEST_CASE("every shard has a server of the default role") {
  const struct {
    const char* first;
    const char* second;
    bool primary;
    bool replica;
  } cases[] = {
      {"['a', 1, 'primary'], ['b', 1, 'replica']", "['c', 1, 'replica'], ['d', 1, 'primary']", true,
       true},
      {"['a', 1, 'primary']", "['c', 1, 'primary']", true, false},
      {"['a', 1, 'replica']", "['c', 1, 'replica']", false, true},
      {"['a', 1, 'primary'], ['b', 1, 'replica']", "['c', 1, 'primary']", true, false},
      {"['a', 1, 'primary'], ['b', 1, 'replica']", "['c', 1, 'replica']", false, true},
      {"['a', 1, 'primary'], ['b', 1, 'replica']", "['c', 1]", false, false},
      {"['a', 1], ['b', 1]", "['c', 1], ['d', 1]", false, false},
  };
  for (const auto& c : cases) {
    INFO(c.first << "|" << c.second);
    const auto errors = [&c](const std::string& role) {
      return ErrorCount("[pools.app]\ndefault_role = '" + role +
                        "'\nusers.0 = { username = 'u', password = 'p' }\nshards = [{ database = "
                        "'a', servers = [" +
                        c.first + "] }, { database = 'b', servers = [" + c.second + "] }]\n");
    };
    CHECK(errors("any") == 0);
    CHECK(errors("primary") == (c.primary ? 0 : 1));
    CHECK(errors("replica") == (c.replica ? 0 : 1));
  }
  // No more is said of roles that are wrong themselves, and of servers that are none.
  for (const char* servers : {"[['a', 1, 'leader']]", "[5]", "[]"}) {
    INFO(servers);
    CHECK(ErrorCount("[pools.app]\ndefault_role = 'replica'\ndatabase = 'a'\nusers.0 = { username "
                     "= 'u', password = 'p' }\nservers = " +
                     std::string(servers) + "\n") == 1);
  }
}

TEST_CASE("one shard has the number 0 for a default shard") {
  const auto errors = [](const std::string& shard) {
    return ErrorCount(
        "[pools.app]\ndatabase = 'a'\nservers = [['a', 1]]\nusers.0 = { username = "
        "'u', password = 'p' }\ndefault_shard = '" +
        shard + "'\n");
  };
  for (const char* taken : {"none", "random", "random_healthy", "shard_0"}) {
    CHECK(errors(taken) == 0);
  }
  CHECK(errors("shard_1") == 1);
}
