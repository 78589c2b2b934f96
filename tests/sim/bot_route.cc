// Bot: commands and comments that choose where its statements run, some of them wrong.

#include <array>
#include <string_view>

#include "sim/bot.h"

namespace pglynx::sim {
namespace {

constexpr std::array<std::string_view, 5> kRoles = {"any", "replica", "primary", "auto", "default"};
constexpr std::array<std::string_view, 3> kReads = {"on", "off", "default"};
constexpr std::array<std::string_view, 2> kChannels = {"c0", "c1"};

template <typename Array>
auto PickFrom(Dice& dice, const Array& array) {
  return array[dice.Below(array.size())];
}

}  // namespace

// Inside of a transaction, where it is refused, less often.
void Bot::AskToRoute() {
  const bool idle = client_.idle() && client_.model().status() == 'I';
  if (dice_.Chance(0.25)) {
    const std::string hint =
        dice_.Chance(0.5) ? "shard_id: " + SomeShard() : "sharding_key: " + SomeKey();
    constexpr std::array<std::string_view, 2> kBegins = {"BEGIN", "START TRANSACTION"};
    Op op = dice_.Chance(0.5) ? Echo() : Notify(PickFrom(dice_, kChannels));
    if (idle && dice_.Chance(0.3)) op = Begin(PickFrom(dice_, kBegins));
    client_.Query({op.Hinted(hint)});
    return;
  }
  if (!idle && dice_.Chance(0.7)) return client_.Query({Echo()});
  const Op command = SomeCommand();
  if (idle && dice_.Chance(habits_.extended)) {
    // Where it fails its name stays taken.
    const std::string name = "command" + std::to_string(++commands_);
    client_.Extended({(dice_.Chance(0.3) ? command.Described() : command).As(name).Closed()});
  } else {
    client_.Query({command});
  }
}

Op Bot::SomeCommand() {
  switch (dice_.Below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return SetShard(dice_.Chance(0.1) ? "ANY" : SomeShard());
    case 4:
    case 5:
    case 6:
      return SetShardingKey(SomeKey());
    case 7:
    case 8:
      return ShowShard();
    case 9:
      return dice_.Chance(0.7) ? SetServerRole(PickFrom(dice_, kRoles)) : ShowServerRole();
    case 10:
      return SetServerRole(PickFrom(dice_, kRoles));
    default:
      return dice_.Chance(0.7) ? SetPrimaryReads(PickFrom(dice_, kReads)) : ShowPrimaryReads();
  }
}

std::string Bot::SomeShard() {
  const size_t shards = client_.map() == nullptr ? 1 : client_.map()->shards.size();
  const uint64_t beyond = dice_.Chance(0.1) ? dice_.Between(0, 3) * 500 : 0;
  return std::to_string(dice_.Below(shards) + beyond);
}

std::string Bot::SomeKey() {
  if (dice_.Chance(0.05)) return "five";
  return (dice_.Chance(0.3) ? "-" : "") + std::to_string(dice_.Below(1000));
}

}  // namespace pglynx::sim
