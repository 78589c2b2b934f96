#pragma once

// One client as the tests of SessionRoute see it: commands and comments in SQL, answers as text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/core/random.h"
#include "pglynx/routing/session_route.h"
#include "support/catch.h"

namespace pglynx::routing {

class FakeHealth final : public ShardHealth {
 public:
  [[nodiscard]] bool IsHealthy(uint32_t shard) const override {
    ++asked;
    return healthy.at(shard);
  }

  std::vector<bool> healthy = {};
  mutable size_t asked = 0;
};

// With its SQLSTATE in front.
inline std::string Shown(const Error& error) {
  const bool is_value = error.code == ErrorCode::kInvalidParameterValue;
  const bool is_active = error.code == ErrorCode::kActiveTransaction;
  return (is_value ? "22023 " : is_active ? "25001 " : "? ") + error.detail;
}

struct RouteClient {
  // "SET SHARD", "shard = 1", or the error.
  std::string Say(std::string_view command, const std::optional<BoundValue>& bound = std::nullopt) {
    const std::optional<sql::Directive> directive =
        sql::ParseDirective(command, sql::StringSyntax::kStandard);
    if (!directive) return "no directive";
    const Result<Reply> reply = route.Apply(*directive, bound, rules, random);
    if (!reply) return Shown(reply.error());
    if (reply->column.empty()) return std::string(reply->tag) + reply->value;
    CHECK(reply->tag == "SELECT 1");
    return std::string(reply->column) + " = " + reply->value;
  }

  std::string Hint(std::string_view comment) {
    const std::optional<sql::Hint> hint = sql::FindHint(comment);
    if (!hint) return "no hint";
    const Status status = route.ApplyHint(*hint, rules);
    return status ? "" : Shown(status.error());
  }

  std::string Place(bool needs_shard = true) {
    const Result<Route> place = route.Decide(needs_shard, rules, random, health);
    if (!place) return Shown(place.error());
    return std::to_string(place->shard) + " by " + place->reason;
  }

  Route Decided() {
    const Result<Route> place = route.Decide(true, rules, random, health);
    if (!place) FAIL(place.error().detail);
    return *place;
  }

  // A transaction: where it went.
  std::string Run(bool needs_shard = true) {
    std::string place = Place(needs_shard);
    route.OnTransactionEnd(needs_shard, rules);
    return place;
  }

  Rules rules = {.shards = 3};
  SessionRoute route{7};  // home shard 1
  SeededRandom random{11};
  FakeHealth health;
};

}  // namespace pglynx::routing
