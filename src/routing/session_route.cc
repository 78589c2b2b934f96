#include "pglynx/routing/session_route.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/sql/lexer.h"
#include "routing/shard_values.h"
#include "routing/shown.h"

namespace pglynx::routing {
namespace {

using balancer::WantedRole;
using sql::Directive;
using sql::Hint;

constexpr const char* kNoneChosen =
    "SET SHARDING KEY TO '...' or SET SHARD TO n before the transaction chooses one, and so does "
    "a comment /* sharding_key: ... */ or /* shard_id: n */ in its first statement.";

Error Refused(std::string detail) {
  return {ErrorCode::kInvalidParameterValue, std::move(detail)};
}

Error Malformed(const Directive& directive, const Rules& rules) {
  std::string detail =
      fmt::format("invalid {}: \"{}\"; allowed after TO: {}", TagOf(directive.kind),
                  Shown(directive.value.view()), AllowedOf(directive.kind));
  if (directive.kind == Directive::Kind::kSetShard) detail += "; " + ShardsText(rules);
  return Refused(std::move(detail));
}

WantedRole RoleOf(Directive::Role role, const Rules& rules) {
  switch (role) {
    case Directive::Role::kPrimary:
      return WantedRole::kPrimary;
    case Directive::Role::kReplica:
      return WantedRole::kReplica;
    case Directive::Role::kAny:
      return WantedRole::kAny;
    case Directive::Role::kAuto:
    case Directive::Role::kDefault:
      break;
  }
  return rules.default_role;
}

const char* RoleText(Directive::Role role, const Rules& rules) {
  if (role == Directive::Role::kAuto) return "auto";
  switch (RoleOf(role, rules)) {
    case WantedRole::kPrimary:
      return "primary";
    case WantedRole::kReplica:
      return "replica";
    case WantedRole::kAny:
      break;
  }
  return "any";
}

const char* ReadsText(Directive::Reads reads, const Rules& rules) {
  const bool is_on = reads == Directive::Reads::kDefault ? rules.primary_reads_enabled
                                                         : reads == Directive::Reads::kOn;
  return is_on ? "on" : "off";
}

uint32_t Draw(uint32_t count, Random& random) {
  return static_cast<uint32_t>(random.Next64() % count);
}

// Each healthy shard as likely as the next; any shard if none is healthy, so that the client is
// told what is wrong with it.
uint32_t DrawHealthy(uint32_t shards, Random& random, const ShardHealth& health) {
  const uint32_t drawn = Draw(shards, random);
  if (health.IsHealthy(drawn)) return drawn;
  uint32_t healthy = 0;
  for (uint32_t shard = 0; shard < shards; ++shard) healthy += health.IsHealthy(shard) ? 1U : 0U;
  if (healthy == 0) return drawn;
  uint32_t rest = Draw(healthy, random);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    if (health.IsHealthy(shard) && rest-- == 0) return shard;
  }
  return drawn;
}

Result<uint32_t> ShardOf(const Directive& directive, const std::optional<BoundValue>& bound,
                         const Rules& rules, Random& random) {
  if (directive.is_any) return Draw(rules.shards, random);
  const bool is_number = directive.kind == Directive::Kind::kSetShard;
  const ShardNaming naming = is_number ? ShardNaming::kNumber : ShardNaming::kKey;
  if (directive.parameter == 0) return ShardOfText(directive.value.view(), naming, rules);
  if (!bound) {
    return Refused(
        fmt::format("no value is bound to ${}: a parameter is allowed in the extended "
                    "protocol alone",
                    directive.parameter));
  }
  if (is_number && bound->bytes && IsText(*bound) && sql::EqualsIgnoreCase(*bound->bytes, "any")) {
    return Draw(rules.shards, random);
  }
  return ShardOfBound(*bound, naming, rules);
}

Error Fixed(std::string_view what, uint32_t shard) {
  return {ErrorCode::kActiveTransaction,
          fmt::format("{} must come with or before the first statement of a session: this one "
                      "stays on shard {} until it reconnects",
                      what, shard)};
}

}  // namespace

Result<Reply> SessionRoute::Apply(const Directive& directive,
                                  const std::optional<BoundValue>& bound, const Rules& rules,
                                  Random& random) {
  const bool chooses = directive.kind == Directive::Kind::kSetShardingKey ||
                       directive.kind == Directive::Kind::kSetShard;
  if (chooses && is_fixed_) return Fixed(TagOf(directive.kind), chosen_);
  if (directive.malformed) return Malformed(directive, rules);
  Reply reply = {TagOf(directive.kind), ColumnOf(directive.kind), {}};
  switch (directive.kind) {
    case Directive::Kind::kSetShardingKey:
    case Directive::Kind::kSetShard: {
      const Result<uint32_t> shard = ShardOf(directive, bound, rules, random);
      if (!shard) return shard.error();
      chosen_ = static_cast<uint16_t>(*shard);
      break;
    }
    case Directive::Kind::kSetServerRole:
      role_ = directive.role;
      break;
    case Directive::Kind::kSetPrimaryReads:
      primary_reads_ = directive.reads;
      break;
    case Directive::Kind::kShowShard:
      reply.value = chosen_ == kNoShard ? "unset" : std::to_string(chosen_);
      break;
    case Directive::Kind::kShowServerRole:
      reply.value = RoleText(role_, rules);
      break;
    case Directive::Kind::kShowPrimaryReads:
      reply.value = ReadsText(primary_reads_, rules);
      break;
  }
  return reply;
}

Status SessionRoute::ApplyHint(const Hint& hint, const Rules& rules) {
  const bool is_key = hint.kind == Hint::Kind::kShardingKey;
  const Result<uint32_t> shard =
      ShardOfText(hint.value.view(), is_key ? ShardNaming::kKey : ShardNaming::kNumber, rules);
  if (!shard) return shard.error();
  if (is_fixed_ && *shard != chosen_) return Fixed("a comment that names a shard", chosen_);
  hinted_ = static_cast<uint16_t>(*shard);
  return {};
}

Result<Route> SessionRoute::Decide(bool needs_shard, const Rules& rules, Random& random,
                                   const ShardHealth& health) const {
  Route route = {0, RoleOf(role_, rules), primary_reads_, "the only shard"};
  if (rules.shards == 1) return route;
  const auto go = [&route](uint32_t shard, const char* reason) {
    route.shard = shard;
    route.reason = reason;
  };
  if (is_fixed_) {
    go(chosen_, "the session's shard");
  } else if (hinted_ != kNoShard) {
    go(hinted_, "a comment");
  } else if (chosen_ != kNoShard) {
    go(chosen_, "a command");
  } else if (!needs_shard) {
    go(home_ % rules.shards, "the client's home shard");
  } else {
    switch (rules.default_shard) {
      case Rules::DefaultShard::kNone:
        return Error{ErrorCode::kInvalidParameterValue,
                     fmt::format("no shard is chosen: {}", ShardsText(rules)), kNoneChosen};
      case Rules::DefaultShard::kFixed:
        go(rules.fixed_shard, "default_shard");
        break;
      case Rules::DefaultShard::kRandom:
        go(Draw(rules.shards, random), "default_shard, random");
        break;
      case Rules::DefaultShard::kRandomHealthy:
        go(DrawHealthy(rules.shards, random, health), "default_shard, random_healthy");
        break;
    }
  }
  if (route.shard >= rules.shards) return NoSuchShard(route.shard, rules);
  return route;
}

void SessionRoute::OnTransactionEnd(bool bound_shard, const Rules& rules) {
  hinted_ = kNoShard;
  const bool is_used_up = bound_shard && rules.scope == Rules::Scope::kTransaction;
  if (is_used_up && !is_fixed_) chosen_ = kNoShard;
}

void SessionRoute::SetFixed(uint32_t shard) {
  PGLYNX_CHECK(shard < sharding::kShardsMax);
  chosen_ = static_cast<uint16_t>(shard);
  is_fixed_ = true;
}

}  // namespace pglynx::routing
