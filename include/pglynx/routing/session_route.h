#pragma once

// Where a client's next transaction goes: to which shard and to a server of which role. One
// SessionRoute per client: a small value that remembers what the client chose by commands and by
// the comments of its statements. The Rules are the pool's. Pure; allocates only for errors.
//
// Who says the shard, the first that does:
//   1. a hint in a comment, for one statement or the transaction that it opens;
//   2. SET SHARDING KEY or SET SHARD, as long as Rules::scope says;
//   3. for a statement that needs no shard: the client's home shard, which stays the same;
//   4. Rules::default_shard.
// A session in session mode keeps the shard of its first statement (SetFixed).
//
//   if (const std::optional<sql::Directive> directive = sql::ParseDirective(query, syntax)) {
//     return Answer(route.Apply(*directive, std::nullopt, rules, random));
//   }
//   if (const auto hint = rules.hints->Find(query, syntax)) {
//     if (Status status = route.ApplyHint(*hint, rules); !status) return Refuse(status.error());
//   }
//   Result<Route> place = route.Decide(needs_shard, rules, random, health);
//   ...
//   route.OnTransactionEnd(needed_shard, rules);
//
// Values that are refused are a kInvalidParameterValue that says what is allowed and leaves the
// earlier choice as it was. Whether a transaction is open is the caller's to know: inside one a
// command is an error and a hint is not looked for.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/balancer/host.h"
#include "pglynx/core/random.h"
#include "pglynx/core/result.h"
#include "pglynx/sharding/hash.h"
#include "pglynx/sharding/key.h"
#include "pglynx/sql/comments.h"
#include "pglynx/sql/directive.h"

namespace pglynx::routing {

class HintRules;

// The part of a pool's configuration that is asked here. Shared by the pool's clients; outlives
// them.
struct Rules {
  enum class Scope : uint8_t {
    kTransaction,  // a chosen shard is used up by the next transaction that needs one
    kSession,      // until another is chosen
  };
  enum class DefaultShard : uint8_t { kNone, kFixed, kRandom, kRandomHealthy };

  uint32_t shards = 1;  // 1 to sharding::kShardsMax
  sharding::ShardingFunction function = sharding::ShardingFunction::kPgBigintHash;
  sharding::KeyType key_type = sharding::KeyType::kBigint;  // see sharding::KeyTypeFor
  Scope scope = Scope::kTransaction;
  DefaultShard default_shard = DefaultShard::kNone;
  uint32_t fixed_shard = 0;  // kFixed: below `shards`
  balancer::WantedRole default_role = balancer::WantedRole::kAny;
  bool primary_reads_enabled = true;
  const HintRules* hints = nullptr;  // borrowed; nullptr: comments are not looked at
};

// Which shards can serve now. Asked for DefaultShard::kRandomHealthy alone.
class ShardHealth {
 public:
  virtual ~ShardHealth() = default;
  [[nodiscard]] virtual bool IsHealthy(uint32_t shard) const = 0;
};

// What Bind gave for the parameter of a directive. Borrows.
struct BoundValue {
  std::optional<std::string_view> bytes = {};  // nullopt: NULL
  bool is_binary = false;                      // its format code
  // What Parse declared, 0 if nothing. In binary format it tells numbers from texts, whose binary
  // form is the text itself: drivers that are told `text` by Describe send that.
  uint32_t type_oid = 0;
};

// What a directive is answered with: CommandComplete for a SET, one row of one column before it
// for a SHOW.
struct Reply {
  std::string_view tag;     // of static storage
  std::string_view column;  // of static storage; empty for a SET
  std::string value;
};

struct Route {
  uint32_t shard = 0;
  balancer::WantedRole role = balancer::WantedRole::kAny;
  // kDefault: Rules::primary_reads_enabled.
  sql::Directive::Reads primary_reads = sql::Directive::Reads::kDefault;
  const char* reason = "";  // for the log: who said the shard
};

class SessionRoute {
 public:
  // `home` gives the home shard by its remainder: drawn at random, or the client's number.
  explicit SessionRoute(uint32_t home) : home_(home) {}

  // Carries a command out. `bound` is looked at if the directive names a parameter; a parameter
  // without it (a simple query) is refused. Only SET SHARD TO ANY draws. kActiveTransaction: the
  // session's shard is fixed.
  Result<Reply> Apply(const sql::Directive& directive, const std::optional<BoundValue>& bound,
                      const Rules& rules, Random& random);

  // For the next statement, up to OnTransactionEnd; a later hint takes the place of an earlier.
  // kActiveTransaction: the session's shard is fixed and is another.
  Status ApplyHint(const sql::Hint& hint, const Rules& rules);

  // For the transaction that begins. Refused if a shard is needed and nobody says it (with a hint
  // that names the commands), and if the chosen shard is gone since a reload. Asked twice, it draws
  // twice: a transaction stays with the first answer.
  [[nodiscard]] Result<Route> Decide(bool needs_shard, const Rules& rules, Random& random,
                                     const ShardHealth& health) const;

  // Also after a statement that was answered without a server. `bound_shard`: some statement of
  // the transaction needed its shard.
  void OnTransactionEnd(bool bound_shard, const Rules& rules);

  // Session mode, when the first statement has its server: the session stays on this shard.
  void SetFixed(uint32_t shard);

 private:
  static constexpr uint16_t kNoShard = UINT16_MAX;

  uint32_t home_;
  uint16_t chosen_ = kNoShard;  // by a command; of a fixed session its shard
  uint16_t hinted_ = kNoShard;
  sql::Directive::Role role_ = sql::Directive::Role::kDefault;
  sql::Directive::Reads primary_reads_ = sql::Directive::Reads::kDefault;
  bool is_fixed_ = false;
};

static_assert(sizeof(SessionRoute) <= 32);

}  // namespace pglynx::routing
