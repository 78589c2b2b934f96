// [pools.X]; the keys of its shards and users are read in files of their own.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/members.h"
#include "config/names.h"
#include "config/sections.h"

namespace pglynx::config {

namespace {

constexpr TextRange kNameRange{1, 255};
constexpr IntegerRange kMaxPinnedRange{0, 10000};  // as far as pool_size goes
constexpr TextRange kQueryRange{0, 65536, TextForm::kFreeText};

class PoolReader {
 public:
  PoolReader(const TomlEntry& entry, LoadContext& context, Config& config)
      : where_(fmt::format("pools.{}", entry.key)),
        reader_(entry.value, Section::kPool, fmt::format("[{}]", where_), context),
        context_(context),
        config_(config) {
    pool_.name = entry.key;
    if (context.pgcat_form) pool_.prepared_statements_cache_size = 0;
  }

  Pool Read(InheritedTimes times) {
    const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < 0x20; };
    if (pool_.name.empty() || pool_.name.size() > kNameRange.bytes_max ||
        std::any_of(pool_.name.begin(), pool_.name.end(), is_control)) {
      reader_.AddError("", fmt::format("a pool's name has 1 to {} bytes, no control characters",
                                       kNameRange.bytes_max));
    }
    reader_.ReadEnum("pool_mode", kPoolModes, pool_.mode);
    reader_.ReadInteger("prepared_statements_cache_size", {0, 10000},
                        pool_.prepared_statements_cache_size);
    reader_.ReadBool("deferred_begin", pool_.deferred_begin);
    reader_.ReadEnum("on_session_state", kSessionStatePolicies, pool_.on_session_state);
    reader_.ReadEnum("on_hidden_state", kHiddenStatePolicies, pool_.on_hidden_state);
    reader_.ReadInteger("max_pinned", kMaxPinnedRange, pool_.max_pinned);
    reader_.ReadInteger("max_client_conn", kLimitRange, pool_.max_client_conn);
    pool_.max_db_connections = config_.general.max_db_connections;
    reader_.ReadInteger("max_db_connections", kLimitRange, pool_.max_db_connections);
    reader_.ReadText("connect_query", kQueryRange, pool_.connect_query);
    ReadTimeouts(reader_, times.timeouts);
    ReadHealthTimes(reader_, times.health);
    times.health.CopyTo(pool_);
    const Roles roles = ReadShards(reader_, where_, pool_);
    ReadRouting(reader_, roles, context_.environment, pool_);
    ReadUsers(times.timeouts);
    return std::move(pool_);
  }

 private:
  void ReadUsers(const Timeouts& timeouts) {
    const TomlEntry* users = reader_.Find("users");
    const std::vector<Member> members =
        users == nullptr ? std::vector<Member>() : Members(*users, where_, context_);
    if (users == nullptr || HasNoMembers(users->value)) {
      reader_.AddError("users",
                       fmt::format("{} needs a user: [[{}.users]]", reader_.where(), where_));
    }
    std::map<std::string, Place, std::less<>> places;
    for (const Member& member : members) {
      KeyReader reader(*member.table, Section::kUser,
                       fmt::format("[{}.users.{}]", where_, member.label), context_);
      PoolUser user = ReadUser(reader, reader_, pool_, timeouts, config_);
      const auto [first, added] = places.emplace(user.username, member.place);
      if (!added && !user.username.empty()) {
        reader.AddError("username",
                        fmt::format("user {} is in {} twice: also at {}", Quoted(user.username),
                                    reader_.where(), context_.problems.Where(first->second)));
      }
      pool_.users.push_back(std::move(user));
    }
  }

  std::string where_;  // "pools.app"
  KeyReader reader_;
  LoadContext& context_;
  const Config& config_;
  Pool pool_;
};

}  // namespace

void ReadPools(const TomlValue& root, const InheritedTimes& inherited, LoadContext& context,
               Config& config) {
  const TomlEntry* pools = root.Find("pools");
  if (pools != nullptr && !IsTable(*pools, context)) return;
  if (pools == nullptr || pools->value.entries.empty()) {
    context.problems.AddError(pools == nullptr ? Place{} : pools->place,
                              "there is no pool; at least one is needed: [pools.NAME]");
    return;
  }
  for (const TomlEntry& entry : pools->value.entries) {
    if (!IsTable(entry, context)) continue;
    config.pools.push_back(PoolReader(entry, context, config).Read(inherited));
  }
}

}  // namespace pglynx::config
