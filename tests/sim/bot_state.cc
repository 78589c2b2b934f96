// Bot: what it asks of the state of its session. Beyond what it says itself there are functions
// that change it unseen (hidden_*), and names that SQL and the protocol share.

#include <array>
#include <string_view>
#include <utility>

#include "sim/bot.h"

namespace pglynx::sim {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Parameters that a server reports.
constexpr std::array<Pair, 9> kReported = {{
    {"DateStyle", "German"},
    {"DateStyle", "ISO, DMY"},
    {"DateStyle", "sql"},
    {"TimeZone", "Europe/Berlin"},
    {"TimeZone", "Asia/Tokyo"},
    {"IntervalStyle", "iso_8601"},
    {"application_name", "swarm"},
    {"application_name", R"(it's; \ --)"},
    {"client_encoding", "latin1"},
}};
// And those that it does not.
constexpr std::array<Pair, 12> kOwn = {{
    {"statement_timeout", "60000"},
    {"statement_timeout", "90s"},
    {"lock_timeout", "5000"},
    {"work_mem", "64MB"},
    {"work_mem", "8192"},
    {"search_path", "public"},
    {"extra_float_digits", "3"},
    {"default_transaction_deferrable", "on"},
    {"app.tenant", "blue"},
    {"app.tenant", "it's \"red\""},
    {"app.request", ""},
    {"app.request", "7"},
}};
constexpr std::array<std::string_view, 3> kRoles = {"app_reader", "app_writer", "none"};
constexpr std::array<std::string_view, 2> kIsolations = {"repeatable read", "read committed"};
constexpr std::array<std::string_view, 4> kTables = {"t0", "t1", "t2", "hidden"};
constexpr std::array<std::string_view, 3> kChannels = {"c0", "c1", "c2"};
constexpr std::array<std::string_view, 4> kStatements = {"s0", "s1", "s2", "s3"};

template <typename Array>
auto PickFrom(Dice& dice, const Array& array) {
  return array[dice.Below(array.size())];
}

}  // namespace

Op Bot::SomeSetting() {
  if (dice_.Chance(0.1)) return SomeRole();
  if (dice_.Chance(0.5)) return SomeOwnSetting();
  const auto [name, value] = PickFrom(dice_, kReported);
  switch (dice_.Below(8)) {
    case 0:
    case 1:
      return Set(name, value);
    case 2:
      return SetLocal(name, value);
    case 3:
      return Reset(name);
    case 4:
      return SetConfig(name, value, dice_.Chance(0.3));
    case 5:
      return Current(name);
    default:
      return Show(name);
  }
}

Op Bot::SomeOwnSetting() {
  const auto [name, value] = PickFrom(dice_, kOwn);
  switch (dice_.Below(24)) {
    case 0:
      return ResetAll();
    case 1:
    case 2:
      return SetIsolation(PickFrom(dice_, kIsolations));
    case 3:
      return Current("default_transaction_isolation");
    case 4:  // as SET cannot say it
      return SetConfig("search_path", "app, public", dice_.Chance(0.3));
    case 5:
    case 6:
      return SetConfig(name, value, dice_.Chance(0.3));
    case 7:
    case 8:
      return SetLocal(name, value);
    case 9:
    case 10:
      return Reset(name);
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
      return Set(name, value);
    default:  // one that was never set is unknown to SHOW, on some servers
      return dice_.Chance(0.5) || name.starts_with("app.") ? Current(name) : Show(name);
  }
}

Op Bot::SomeRole() {
  switch (dice_.Below(5)) {
    case 0:
      return Reset("role");
    case 1:
      return SetLocal("role", PickFrom(dice_, kRoles));
    case 2:
    case 3:
      return Set("role", PickFrom(dice_, kRoles));
    default:
      return dice_.Chance(0.5) ? Show("role") : Current("role");
  }
}

Op Bot::SomeSessionState() {
  const std::string_view table = PickFrom(dice_, kTables);
  switch (dice_.Below(11)) {
    case 0:
      return CreateTemp(table);
    case 1:
      return Insert(table);
    case 2:
      return ReadTable(table);
    case 3:
      return dice_.Chance(0.8) ? DropTable(table) : DiscardTemp();
    case 4:
      return Listen(PickFrom(dice_, kChannels));
    case 5:
      return Unlisten(PickFrom(dice_, kChannels));
    case 6:
      return UnlistenAll();
    case 7:
      return TryLock(client_.number());
    case 8:
    case 9:
      return Unlock(client_.number());
    default:
      return UnlockAll();
  }
}

// What a function has set unseen is looked at too, so that it is set again here and there.
Op Bot::SomeHidden() {
  if (!hides_) return HiddenNothing();
  switch (dice_.Below(12)) {
    case 0:
    case 1:
      return HiddenLock(client_.number());
    case 2:
      return HiddenTemp();
    case 3:
      return HiddenListen(PickFrom(dice_, kChannels));
    case 4:
      return HiddenSet("extra_float_digits", dice_.Chance(0.5) ? "0" : "2");
    case 5:
      return HiddenSet("lock_timeout", "7s");
    case 6:  // which is reported
      return HiddenSet("IntervalStyle", "sql_standard");
    case 7:
      return Unlock(client_.number());
    case 8:
      return DropTable("hidden");
    case 9:
      return UnlistenAll();
    default:
      return HiddenNothing();
  }
}

Op Bot::SomeSqlName() {
  const std::string name(PickFrom(dice_, kStatements));
  switch (dice_.Below(12)) {
    case 0:
      return DeallocateAll();
    case 1:
      return DiscardPlans();
    case 2:
    case 3:
      return Deallocate(name);
    case 4:
    case 5:
    case 6:
      return Prepare(name, dice_.Chance(0.7));
    default: {
      const bool fits = dice_.Chance(0.95);
      return Execute(name, fits == client_.model().TakesParameter(name));
    }
  }
}

}  // namespace pglynx::sim
