#pragma once

// The enumerators of the configuration as the file writes them. One list for reading and
// for SHOW CONFIG.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pglynx/config/config.h"

namespace pglynx::config {

enum class Spelling : uint8_t { kOurs, kPgcats };

template <typename T>
struct EnumName {
  std::string_view name;
  T value;
  Spelling spelling = Spelling::kOurs;  // PgCat's are taken too, but not offered
};

// Our name; "" if there is none.
template <typename T, size_t kCount>
std::string_view NameIn(const std::array<EnumName<T>, kCount>& names, T value) {
  for (const EnumName<T>& name : names) {
    if (name.value == value && name.spelling == Spelling::kOurs) return name.name;
  }
  return {};
}

inline constexpr std::array<EnumName<PoolMode>, 2> kPoolModes = {
    {{"transaction", PoolMode::kTransaction}, {"session", PoolMode::kSession}}};

inline constexpr std::array<EnumName<SessionStatePolicy>, 3> kSessionStatePolicies = {
    {{"pin", SessionStatePolicy::kPin},
     {"error", SessionStatePolicy::kError},
     {"warn", SessionStatePolicy::kWarn}}};

inline constexpr std::array<EnumName<HiddenStatePolicy>, 3> kHiddenStatePolicies = {
    {{"probe", HiddenStatePolicy::kProbe},
     {"reset", HiddenStatePolicy::kReset},
     {"trust", HiddenStatePolicy::kTrust}}};

inline constexpr std::array<EnumName<balancer::Role>, 4> kRoles = {
    {{"primary", balancer::Role::kPrimary},
     {"replica", balancer::Role::kReplica},
     {"Primary", balancer::Role::kPrimary, Spelling::kPgcats},
     {"Replica", balancer::Role::kReplica, Spelling::kPgcats}}};

inline constexpr std::array<EnumName<balancer::WantedRole>, 3> kDefaultRoles = {
    {{"any", balancer::WantedRole::kAny},
     {"primary", balancer::WantedRole::kPrimary},
     {"replica", balancer::WantedRole::kReplica}}};

inline constexpr std::array<EnumName<balancer::BalancingMode>, 4> kBalancingModes = {
    {{"round_robin", balancer::BalancingMode::kRoundRobin},
     {"random", balancer::BalancingMode::kRandom},
     {"loc", balancer::BalancingMode::kLeastOutstanding},
     {"least_outstanding_connections", balancer::BalancingMode::kLeastOutstanding,
      Spelling::kPgcats}}};

inline constexpr std::array<EnumName<sharding::ShardingFunction>, 5> kShardingFunctions = {
    {{"pg_bigint_hash", sharding::ShardingFunction::kPgBigintHash},
     {"pg_hash", sharding::ShardingFunction::kPgHash},
     {"sha1", sharding::ShardingFunction::kSha1},
     {"PgBigintHash", sharding::ShardingFunction::kPgBigintHash, Spelling::kPgcats},
     {"Sha1", sharding::ShardingFunction::kSha1, Spelling::kPgcats}}};

inline constexpr std::array<EnumName<sharding::KeyType>, 9> kKeyTypes = {
    {{"smallint", sharding::KeyType::kSmallint},
     {"integer", sharding::KeyType::kInteger},
     {"bigint", sharding::KeyType::kBigint},
     {"text", sharding::KeyType::kText},
     {"varchar", sharding::KeyType::kVarchar},
     {"uuid", sharding::KeyType::kUuid},
     {"date", sharding::KeyType::kDate},
     {"timestamp", sharding::KeyType::kTimestamp},
     {"timestamptz", sharding::KeyType::kTimestamptz}}};

inline constexpr std::array<EnumName<ShardScope>, 2> kShardScopes = {
    {{"transaction", ShardScope::kTransaction}, {"session", ShardScope::kSession}}};

inline constexpr std::array<EnumName<AuthMethod>, 3> kAuthMethods = {
    {{"scram-sha-256", AuthMethod::kScramSha256},
     {"md5", AuthMethod::kMd5},
     {"trust", AuthMethod::kTrust}}};

inline constexpr std::array<EnumName<LogLevel>, 4> kLogLevels = {{{"error", LogLevel::kError},
                                                                  {"warn", LogLevel::kWarn},
                                                                  {"info", LogLevel::kInfo},
                                                                  {"debug", LogLevel::kDebug}}};

inline constexpr std::array<EnumName<LogFormat>, 3> kLogFormats = {
    {{"text", LogFormat::kText}, {"json", LogFormat::kJson}, {"logfmt", LogFormat::kLogfmt}}};

}  // namespace pglynx::config
