// The keys of a pool that say which shard and which of its servers a transaction goes to.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/names.h"
#include "config/sections.h"
#include "config/units.h"

namespace pglynx::config {

namespace {

using balancer::Role;
using balancer::WantedRole;
using sharding::KeyType;
using sharding::ShardingFunction;

constexpr TextRange kDefaultShardRange{0, 64};
constexpr TextRange kRegexRange{0, 1000, TextForm::kFreeText};
constexpr BytesRange kSearchRange{1, uint64_t{1} << 20U};
constexpr std::string_view kShardPrefix = "shard_";

std::optional<DefaultShard> ParseDefaultShard(std::string_view text, size_t shards) {
  if (text == "none") return DefaultShard{DefaultShard::Kind::kNone};
  if (text == "random") return DefaultShard{DefaultShard::Kind::kRandom};
  if (text == "random_healthy") return DefaultShard{DefaultShard::Kind::kRandomHealthy};
  if (!text.starts_with(kShardPrefix)) return std::nullopt;
  const std::optional<int64_t> number = ParseInteger(text.substr(kShardPrefix.size()));
  if (!number || *number < 0 || static_cast<uint64_t>(*number) >= shards) return std::nullopt;
  return DefaultShard{DefaultShard::Kind::kFixed, static_cast<uint32_t>(*number)};
}

void ReadDefaultShard(KeyReader& reader, Pool& pool) {
  std::string text;
  if (!reader.ReadText("default_shard", kDefaultShardRange, text)) return;
  const size_t shards = pool.shards.size();
  if (shards == 0) return;  // which is an error of its own
  if (const auto shard = ParseDefaultShard(text, shards)) {
    pool.default_shard = *shard;
    return;
  }
  reader.NotAllowed("default_shard",
                    fmt::format("\"none\", \"random\", \"random_healthy\", \"shard_0\"{}",
                                shards == 1 ? "" : fmt::format(" to \"shard_{}\"", shards - 1)));
}

bool Fits(KeyType type, ShardingFunction function) {
  const bool is_integer =
      type == KeyType::kSmallint || type == KeyType::kInteger || type == KeyType::kBigint;
  switch (function) {
    case ShardingFunction::kPgBigintHash:  // the smaller ones hash as the bigint of their value
      return is_integer;
    case ShardingFunction::kPgHash:
      return true;
    case ShardingFunction::kSha1:  // of a number, as PgCat has it
      return is_integer;
  }
  return false;
}

void ReadFunction(KeyReader& reader, Pool& pool) {
  const bool function_refused =
      !reader.ReadEnum("sharding_function", kShardingFunctions, pool.sharding_function) &&
      reader.Find("sharding_function") != nullptr;
  reader.ReadEnum("sharding_key_type", kKeyTypes, pool.sharding_key_type);
  if (function_refused || Fits(pool.sharding_key_type, pool.sharding_function)) return;
  std::string allowed;
  for (const auto& type : kKeyTypes) {
    if (!Fits(type.value, pool.sharding_function)) continue;
    allowed += fmt::format("{}\"{}\"", allowed.empty() ? "" : ", ", type.name);
  }
  const std::string_view function = NameIn(kShardingFunctions, pool.sharding_function);
  reader.NotAllowed(
      "sharding_key_type",
      fmt::format("{} with sharding_function = \"{}\"; any with \"pg_hash\"", allowed, function));
}

// RE2 has its home in other modules, which compile the pattern: what can be told without it is
// that a pattern without a parenthesis has no group and so would never give a value.
void ReadRegex(KeyReader& reader, const Environment& environment, std::string_view key,
               std::string& out) {
  if (!reader.ReadText(key, kRegexRange, out) || out.empty()) return;
  if (out.find('(') == std::string::npos) {
    reader.AddError(key, fmt::format("key '{}' has no group in parentheses: the text of the first "
                                     "group is the value",
                                     key));
  } else if (const std::optional<std::string> fault = environment.PatternFault(out)) {
    reader.AddError(key, fmt::format("key '{}': {}", key, *fault));
  }
}

void CheckDefaultRole(KeyReader& reader, const Pool& pool) {
  if (pool.default_role == WantedRole::kAny) return;
  const Role wanted = pool.default_role == WantedRole::kPrimary ? Role::kPrimary : Role::kReplica;
  for (size_t i = 0; i < pool.shards.size(); ++i) {
    const std::vector<ServerTarget>& servers = pool.shards[i].servers;
    const auto has = [&servers](Role role) {
      return std::any_of(servers.begin(), servers.end(),
                         [role](const ServerTarget& server) { return server.role == role; });
    };
    if (servers.empty() || has(wanted)) continue;
    reader.AddError(
        "default_role",
        fmt::format("key 'default_role' in {} is \"{}\", but {}", reader.where(),
                    NameIn(kDefaultRoles, pool.default_role),
                    has(Role::kPeer)
                        ? fmt::format("the servers of shard {} have no roles; allowed: \"any\"", i)
                        : fmt::format("shard {} has no server with that role", i)));
    return;  // one shard says what is wrong with the key
  }
}

}  // namespace

void ReadRouting(KeyReader& reader, Roles roles, const Environment& environment, Pool& pool) {
  if (reader.context().pgcat_form) {
    pool.load_balancing_mode = balancer::BalancingMode::kRandom;
    pool.primary_reads_enabled = false;
    pool.shard_scope = ShardScope::kSession;
    pool.default_shard = {DefaultShard::Kind::kFixed, 0};
  }
  reader.ReadEnum("load_balancing_mode", kBalancingModes, pool.load_balancing_mode);
  reader.ReadEnum("default_role", kDefaultRoles, pool.default_role);
  if (roles == Roles::kKnown) CheckDefaultRole(reader, pool);
  reader.ReadBool("primary_reads_enabled", pool.primary_reads_enabled);
  ReadFunction(reader, pool);
  reader.ReadEnum("shard_scope", kShardScopes, pool.shard_scope);
  ReadDefaultShard(reader, pool);
  ReadRegex(reader, environment, "sharding_key_regex", pool.sharding_key_regex);
  ReadRegex(reader, environment, "shard_id_regex", pool.shard_id_regex);
  reader.ReadBytes("regex_search_limit", kSearchRange, pool.regex_search_limit);
}

}  // namespace pglynx::config
