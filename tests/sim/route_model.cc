#include "sim/route_model.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "pglynx/sharding/hash.h"

namespace pglynx::sim {
namespace {

using balancer::Role;
using balancer::WantedRole;
using DefaultKind = config::DefaultShard::Kind;

constexpr std::string_view kShardHint = "shard_id: ";
constexpr std::string_view kKeyHint = "sharding_key: ";

std::optional<uint32_t> ShardOfNumber(std::string_view text, size_t shards) {
  uint32_t shard = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), shard);
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  return whole && shard < shards ? std::optional<uint32_t>(shard) : std::nullopt;
}

// The hash itself is checked against PostgreSQL elsewhere.
std::optional<uint32_t> ShardOfKey(std::string_view text, size_t shards) {
  const Result<sharding::Key> key = sharding::ParseKeyText(text, sharding::KeyType::kBigint);
  if (!key) return std::nullopt;
  return sharding::ShardOf(*key, sharding::ShardingFunction::kPgBigintHash,
                           static_cast<uint32_t>(shards));
}

// What leaves nothing in its session that the pooler does not carry to the next one.
bool LeavesNothing(const Op& op) {
  switch (op.kind) {
    case OpKind::kEcho:
    case OpKind::kRows:
    case OpKind::kSleep:
    case OpKind::kShow:
    case OpKind::kCurrent:
    case OpKind::kSet:
    case OpKind::kSetLocal:
    case OpKind::kReset:
    case OpKind::kResetAll:
    case OpKind::kBegin:
    case OpKind::kCommit:
    case OpKind::kRollback:
    case OpKind::kSavepoint:
    case OpKind::kRelease:
    case OpKind::kRollbackTo:
    case OpKind::kDivide:
    case OpKind::kBadSyntax:
    case OpKind::kNotify:
    case OpKind::kCopyIn:
    case OpKind::kCopyOut:
      return true;
    default:
      return op.IsCommand();
  }
}

}  // namespace

std::optional<PoolMap::Where> PoolMap::Find(size_t server) const {
  for (uint32_t shard = 0; shard < shards.size(); ++shard) {
    for (const Host& host : shards[shard]) {
      if (host.server == server) return Where{shard, host.role};
    }
  }
  return std::nullopt;
}

bool RouteModel::NeedsShard(const Op& op) {
  switch (op.kind) {
    case OpKind::kBadSyntax:
    case OpKind::kNotify:
    case OpKind::kCopyIn:
    case OpKind::kCopyOut:
      return true;
    default:
      return !LeavesNothing(op);
  }
}

void RouteModel::Asked(const Op& op) {
  // Where pools remember no statements a named one keeps its server.
  kept_ = kept_ || !LeavesNothing(op) || (!op.statement.empty() && !op.IsCommand());
}

// ----- commands -----

std::optional<uint32_t> RouteModel::ShardOf(const Op& op) const {
  const size_t shards = map_ == nullptr ? 1 : map_->shards.size();
  return op.kind == OpKind::kSetShard ? ShardOfNumber(op.value, shards)
                                      : ShardOfKey(op.value, shards);
}

std::optional<uint32_t> RouteModel::HintOf(const Op& op) const {
  const std::string_view hint = op.hint;
  if (hint.starts_with(kShardHint)) {
    return ShardOfNumber(hint.substr(kShardHint.size()), map_->shards.size());
  }
  if (hint.starts_with(kKeyHint)) {
    return ShardOfKey(hint.substr(kKeyHint.size()), map_->shards.size());
  }
  return std::nullopt;
}

std::string_view RouteModel::MustFail(const Op& op, char status) const {
  if (op.IsCommand()) {
    if (status != 'I') return status == 'T' ? "25001" : "25P02";
    if (session_.has_value()) return "25001";
    const bool chooses = op.kind == OpKind::kSetShard || op.kind == OpKind::kSetShardingKey;
    return chooses && op.value != "ANY" && !ShardOf(op).has_value() ? "22023" : "";
  }
  if (status != 'I' || kept() || !IsSharded()) return "";
  if (!op.hint.empty()) return HintOf(op).has_value() ? "" : "22023";
  const bool unset = chosen_.sure && !chosen_.shard.has_value();
  const bool refused = unset && map_->default_shard.kind == DefaultKind::kNone;
  return refused && NeedsShard(op) ? "22023" : "";
}

bool RouteModel::MayFail(const Op& op, char status, std::string_view sqlstate) const {
  if (op.IsCommand()) {
    if (sqlstate == MustFail(op, status)) return true;
    if (sqlstate == "25001") return status == 'E' || kept_ || (kept() && asked_);
    return false;
  }
  if (!IsSharded()) return false;
  // Refused in a transaction that has failed, before the server could read it.
  if (status == 'E' && sqlstate == "25P02") return true;
  // A session whose first statement found no server may be bound to its shard all the same.
  if (sqlstate == "25001") return !op.hint.empty() && map_->session_mode && asked_;
  if (sqlstate != "22023") return false;
  if (!op.hint.empty() && !HintOf(op).has_value()) return true;
  const bool chosen = chosen_.sure && chosen_.shard.has_value() && !kept();
  return map_->default_shard.kind == DefaultKind::kNone && !chosen;
}

std::optional<std::string> RouteModel::ExpectedRow(const Op& op) const {
  switch (op.kind) {
    case OpKind::kShowShard:
      if (!chosen_.sure || kept()) return std::nullopt;
      return chosen_.shard.has_value() ? std::to_string(*chosen_.shard) : "unset";
    case OpKind::kShowServerRole:
      if (role_ == "auto") return "auto";
      switch (Wanted()) {
        case WantedRole::kAny:
          return "any";
        case WantedRole::kPrimary:
          return "primary";
        case WantedRole::kReplica:
          return "replica";
      }
      return std::nullopt;
    case OpKind::kShowPrimaryReads:
      if (reads_ != "default") return reads_;
      return map_ == nullptr || map_->primary_reads_enabled ? "on" : "off";
    default:
      return std::nullopt;
  }
}

void RouteModel::Commanded(const Op& op, std::string_view shown) {
  switch (op.kind) {
    case OpKind::kSetShard:
    case OpKind::kSetShardingKey:
      chosen_ = {.sure = op.value != "ANY", .shard = ShardOf(op)};
      break;
    case OpKind::kSetServerRole:
      role_ = op.value;
      break;
    case OpKind::kSetPrimaryReads:
      reads_ = op.value;
      break;
    case OpKind::kShowShard:
      chosen_ = {.sure = true, .shard = ShardOfNumber(shown, sharding::kShardsMax)};
      break;
    default:
      break;
  }
}

WantedRole RouteModel::Wanted() const {
  if (role_ == "primary") return WantedRole::kPrimary;
  if (role_ == "replica") return WantedRole::kReplica;
  if (role_ == "any") return WantedRole::kAny;
  return map_ == nullptr ? WantedRole::kAny : map_->default_role;
}

bool RouteModel::wants_primary() const {
  // Who wants a replica is sent to the primary as one that wants it, by SET PRIMARY READS.
  return Wanted() == WantedRole::kPrimary || reads_ == "on";
}

// ----- statements -----

std::string RouteModel::Ran(const Op& op, std::optional<Place> place, bool needs) {
  const bool first_ever = !std::exchange(asked_, true);
  if (map_ == nullptr) return {};
  Transaction& transaction = transaction_;
  const bool needed = transaction.needs;
  transaction.needs = needed || needs;
  const bool begins = !transaction.place.has_value();
  // The comment of the first statement that reaches a server counts more than that of BEGIN.
  const bool behind_begin = std::exchange(transaction.opened, op.kind == OpKind::kBegin && begins);
  if ((begins || behind_begin) && !op.hint.empty()) {
    // Behind a BEGIN that was sent at once nobody reads one, so that it may be out of range.
    if (const std::optional<uint32_t> hint = HintOf(op)) transaction.hint = hint;
  }
  if (!place.has_value()) return {};
  const std::optional<PoolMap::Where> where = map_->Find(place->server);
  if (!where.has_value()) return "it ran on a server of another pool";
  if (begins) transaction.place = place;
  if (*transaction.place != *place) return "its transaction spans two servers";
  if (map_->session_mode) {
    if (!session_.has_value()) session_ = place;
    if (*session_ != *place) return "it has lost its server in session mode";
    if (!first_ever) return {};  // the shard was decided before
  }
  if (kept_ || transaction.failed) return {};  // what failed may have chosen the server
  if (!begins) return needs && !needed ? CheckLaterNeed(where->shard) : std::string();
  const bool with_next = op.kind == OpKind::kBegin && !needs;
  std::string wrong = with_next ? std::string() : CheckShard(where->shard, needs);
  return wrong.empty() ? CheckRole(where->role) : wrong;
}

std::string RouteModel::CheckShard(uint32_t shard, bool needs) {
  if (!IsSharded()) return {};
  const auto differs = [shard](uint32_t wanted, std::string_view who) {
    if (shard == wanted) return std::string();
    return fmt::format("it ran on shard {}, {} says {}", shard, who, wanted);
  };
  if (transaction_.hint.has_value()) return differs(*transaction_.hint, "its comment");
  if (!chosen_.sure) return {};
  if (chosen_.shard.has_value()) return differs(*chosen_.shard, "its command");
  if (needs) return CheckLaterNeed(shard);
  if (!home_.has_value()) home_ = shard;
  return differs(*home_, "its home");
}

// Nobody has chosen.
std::string RouteModel::CheckLaterNeed(uint32_t shard) const {
  const bool chosen = !chosen_.sure || chosen_.shard.has_value() || transaction_.hint.has_value();
  if (!IsSharded() || chosen) return {};
  if (map_->default_shard.kind == DefaultKind::kNone) {
    return fmt::format("it ran on shard {}, and none was chosen", shard);
  }
  const bool wrong =
      map_->default_shard.kind == DefaultKind::kFixed && shard != map_->default_shard.shard;
  return wrong ? fmt::format("it ran on shard {}, the default is {}", shard,
                             map_->default_shard.shard)
               : std::string();
}

std::string RouteModel::CheckRole(Role role) const {
  const WantedRole wanted = Wanted();
  if (balancer::HasRole(role, wanted)) return {};
  const bool reads = reads_ == "on" || (reads_ == "default" && map_->primary_reads_enabled);
  // The primary stands in for replicas that are banned.
  if (wanted == WantedRole::kReplica && reads && map_->may_ban) return {};
  return wanted == WantedRole::kReplica ? "it wants a replica and ran on the primary"
                                        : "it wants the primary and ran on a replica";
}

void RouteModel::OnIdle() {
  const Transaction over = std::exchange(transaction_, {});
  if (map_ == nullptr || map_->keeps_choice || map_->session_mode) return;
  // If it had no server the choice stays; where there is one shard it does not matter.
  if ((over.failed || !IsSharded()) && chosen_.shard.has_value()) {
    chosen_.sure = false;
  } else if (over.needs) {
    chosen_ = {};
  }
}

}  // namespace pglynx::sim
