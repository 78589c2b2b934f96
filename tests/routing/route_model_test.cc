// Goal: any sequence of commands, hints and transactions does what the rules say. Method: seeded
// random sequences against a second, plainer reading of the rules in this file.
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "pglynx/core/random.h"
#include "pglynx/routing/session_route.h"
#include "routing/route_client.h"
#include "support/catch.h"

namespace {

using pglynx::SeededRandom;
using pglynx::routing::BoundValue;
using pglynx::routing::RouteClient;
using pglynx::routing::Rules;
using pglynx::routing::SessionRoute;
using pglynx::sharding::Key;
using pglynx::sharding::ShardOf;

constexpr const char* kAnything = "?";  // one shard or another

// What the client should be told, in the words of RouteClient.
class Model {
 public:
  Model(const Rules& rules, uint32_t home) : rules_(rules), home_(home) {}

  std::string SetShard(const std::string& number) {
    if (fixed_) return "25001";
    if (!Exists(number)) return "22023";
    chosen_ = number;
    return "SET SHARD";
  }
  std::string SetKey(int64_t key) {
    if (fixed_) return "25001";
    chosen_ = KeyShard(key);
    return "SET SHARDING KEY";
  }
  std::string SetAny() {
    if (fixed_) return "25001";
    chosen_ = rules_.shards == 1 ? "0" : kAnything;
    return "SET SHARD";
  }
  // What SET SHARD TO ANY came to.
  void Learn(const std::string& number) {
    if (chosen_ == kAnything) chosen_ = number;
  }
  std::string HintShard(const std::string& number) {
    return Exists(number) ? HintAt(number) : "22023";
  }
  std::string HintKey(int64_t key) { return HintAt(KeyShard(key)); }

  [[nodiscard]] std::string Shard() const { return fixed_ ? *fixed_ : chosen_.value_or("unset"); }
  [[nodiscard]] std::string Place(bool needs_shard) const {
    if (rules_.shards == 1) return "0";
    if (fixed_) return *fixed_;
    if (hinted_) return *hinted_;
    if (chosen_) return *chosen_;
    if (!needs_shard) return std::to_string(home_ % rules_.shards);
    if (rules_.default_shard == Rules::DefaultShard::kNone) return "22023";
    if (rules_.default_shard != Rules::DefaultShard::kFixed) return kAnything;
    return std::to_string(rules_.fixed_shard);
  }
  void End(bool needed_shard) {
    hinted_.reset();
    if (needed_shard && rules_.scope == Rules::Scope::kTransaction) chosen_.reset();
  }
  void Fix(const std::string& number) { fixed_ = number; }

 private:
  [[nodiscard]] bool Exists(const std::string& number) const {
    for (uint32_t shard = 0; shard < rules_.shards; ++shard) {
      if (number == std::to_string(shard)) return true;
    }
    return false;
  }
  [[nodiscard]] std::string KeyShard(int64_t key) const {
    return std::to_string(ShardOf(Key(key), rules_.function, rules_.shards));
  }
  std::string HintAt(const std::string& number) {
    if (fixed_ && number != *fixed_) return "25001";
    hinted_ = number;
    return "";
  }

  const Rules& rules_;
  uint32_t home_;
  std::optional<std::string> chosen_;
  std::optional<std::string> hinted_;
  std::optional<std::string> fixed_;
};

class Run {
 public:
  explicit Run(uint64_t seed) : random_(seed), seed_(seed), model_(client_.rules, Setup()) {}

  void Step() {
    switch (Below(9)) {
      case 0: {
        const std::string number = Number();
        Same(client_.Say("SET SHARD TO " + number), model_.SetShard(number));
        break;
      }
      case 1: {
        const int64_t key = KeyValue();
        Same(client_.Say("SET SHARDING KEY TO '" + std::to_string(key) + "'"), model_.SetKey(key));
        break;
      }
      case 2:
        Same(client_.Say("SET SHARD TO ANY"), model_.SetAny());
        break;
      case 3: {
        const std::string number = Number();
        Same(client_.Hint("/* shard_id: " + number + " */"), model_.HintShard(number));
        break;
      }
      case 4: {
        const int64_t key = KeyValue();
        Same(client_.Hint("-- sharding_key=" + std::to_string(key)), model_.HintKey(key));
        break;
      }
      case 5: {
        const std::string number = Number();
        Same(client_.Say("SET SHARD TO $1", BoundValue{.bytes = number}), model_.SetShard(number));
        break;
      }
      default:
        Transact();
        break;
    }
    CheckShown();
  }

  [[nodiscard]] int transactions() const { return transactions_; }

 private:
  uint64_t Below(uint64_t count) { return random_.Next64() % count; }

  // Gives the home.
  uint32_t Setup() {
    const std::array<uint32_t, 4> counts = {1, 2, 3, 16};
    Rules& rules = client_.rules;
    rules.shards = counts.at(Below(counts.size()));
    rules.scope = Below(2) == 0 ? Rules::Scope::kTransaction : Rules::Scope::kSession;
    rules.default_shard = static_cast<Rules::DefaultShard>(Below(4));
    rules.fixed_shard = static_cast<uint32_t>(Below(rules.shards));
    rules.function = static_cast<pglynx::sharding::ShardingFunction>(Below(3));
    for (uint32_t shard = 0; shard < rules.shards; ++shard) {
      client_.health.healthy.push_back(Below(2) == 0);
    }
    const auto home = static_cast<uint32_t>(random_.Next64());
    client_.route = SessionRoute(home);
    return home;
  }
  std::string Number() { return std::to_string(Below(client_.rules.shards + 2)); }
  int64_t KeyValue() {
    return static_cast<int64_t>(random_.Next64() >> Below(64)) * (Below(2) == 0 ? 1 : -1);
  }

  void Transact() {
    const bool needs_shard = Below(2) == 0;
    const std::string place = client_.Place(needs_shard);
    const std::string shard = place.substr(0, place.find(' '));
    Same(shard, model_.Place(needs_shard));
    ++transactions_;
    // In session mode, now and then.
    if (shard != "22023" && Below(60) == 0) {
      client_.route.SetFixed(static_cast<uint32_t>(std::stoul(shard)));
      model_.Fix(shard);
    }
    client_.route.OnTransactionEnd(needs_shard, client_.rules);
    model_.End(needs_shard);
  }

  void CheckShown() {
    const std::string shown = client_.Say("SHOW SHARD");
    Same(shown.substr(8), model_.Shard());
    model_.Learn(shown.substr(8));
  }

  // The code alone of an error.
  void Same(const std::string& said, const std::string& wanted) const {
    const bool is_same = wanted == kAnything ? std::stoul(said) < client_.rules.shards
                         : wanted.starts_with("2") && wanted.size() == 5 ? said.starts_with(wanted)
                                                                         : said == wanted;
    if (!is_same) FAIL("seed " << seed_ << ": \"" << said << "\" is not \"" << wanted << "\"");
  }

  SeededRandom random_;
  uint64_t seed_;
  RouteClient client_;
  Model model_;
  int transactions_ = 0;
};

}  // namespace

TEST_CASE("SessionRoute does what a second reading of its rules says") {
  int transactions = 0;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    Run run(seed);
    for (int step = 0; step < 100; ++step) run.Step();
    transactions += run.transactions();
  }
  CHECK(transactions > 15000);
}
