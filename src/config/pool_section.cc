// [pools.X] with its shards; the keys of its users are read in user_section.cc.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/names.h"
#include "config/sections.h"
#include "config/units.h"

namespace pglynx::config {

namespace {

constexpr TextRange kNameRange{1, 255};
constexpr TextRange kOptionalNameRange{0, 255};
constexpr IntegerRange kMaxPinnedRange{0, 10000};  // as far as pool_size goes
constexpr TextRange kQueryRange{0, 65536, TextForm::kFreeText};

// A member of an array of tables or of PgCat's keyed tables.
struct Member {
  std::string label;  // "0"
  const TomlValue* table;
  Place place;
};

bool HasNoMembers(const TomlValue& value) {
  const bool holds_members =
      value.kind == TomlValue::Kind::kArray || value.kind == TomlValue::Kind::kTable;
  return holds_members && value.items.empty() && value.entries.empty();
}

// The members that are tables, PgCat's in the order of their numbers. Others are reported.
std::vector<Member> Members(const TomlEntry& entry, const std::string& where,
                            LoadContext& context) {
  std::vector<Member> members;
  const TomlValue& value = entry.value;
  for (size_t i = 0; i < value.items.size(); ++i) {
    members.push_back({std::to_string(i), &value.items[i], value.items[i].place});
  }
  for (const TomlEntry& keyed : value.entries) {
    members.push_back({keyed.key, &keyed.value, keyed.place});
  }
  if (value.kind != TomlValue::Kind::kTable && value.kind != TomlValue::Kind::kArray) {
    context.problems.AddError(entry.place, fmt::format("{}.{} needs tables, not {}", where,
                                                       entry.key, KindName(value.kind)));
  }
  std::erase_if(members, [&](const Member& member) {
    if (member.table->kind == TomlValue::Kind::kTable) return false;
    context.problems.AddError(member.place, fmt::format("{}.{} needs tables, not {}", where,
                                                        entry.key, KindName(member.table->kind)));
    return true;
  });
  std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    const auto first = ParseInteger(a.label);
    const auto second = ParseInteger(b.label);
    if (first && second) return *first < *second;
    return first.has_value() && !second.has_value();  // numbers before names
  });
  return members;
}

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

  Pool Read(Timeouts timeouts) {
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
    ReadTimeouts(reader_, timeouts);
    ReadTarget();
    ReadUsers(timeouts);
    return std::move(pool_);
  }

 private:
  // database and servers: of the pool itself or of its one shard.
  void ReadTarget() {
    const TomlEntry* shards = reader_.Find("shards");
    if (shards == nullptr) {
      ReadShard(reader_, where_);
      return;
    }
    for (const char* key : {"database", "servers"}) {
      if (const TomlEntry* entry = reader_.Find(key)) {
        context_.problems.AddError(
            entry->place, fmt::format("key '{}' must not be set beside '{}.shards'", key, where_));
      }
    }
    const std::vector<Member> members = Members(*shards, where_, context_);
    if (HasNoMembers(shards->value)) {
      reader_.AddError("shards", fmt::format("{} needs a shard", reader_.where()));
    }
    for (size_t i = 0; i < members.size(); ++i) CheckShard(members[i], i);
    if (!members.empty()) {
      const std::string where = fmt::format("{}.shards.{}", where_, members.front().label);
      KeyReader shard(*members.front().table, Section::kShard, fmt::format("[{}]", where),
                      context_);
      ReadShard(shard, where);
    }
  }

  void CheckShard(const Member& member, size_t index) {
    if (index > 0) {
      context_.problems.AddError(
          member.place,
          fmt::format("{}: more than one shard is not available in this version", reader_.where()));
    } else if (member.label != "0") {
      context_.problems.AddError(
          member.place, fmt::format("shard '{}' in {}: shards are numbered from 0 without gaps",
                                    member.label, reader_.where()));
    }
  }

  void ReadShard(KeyReader& shard, const std::string& where) {
    if (shard.Find("database") != nullptr) {
      shard.ReadText("database", pool_.name == "*" ? kOptionalNameRange : kNameRange,
                     pool_.server.database);
    } else if (pool_.name != "*") {
      shard.AddError("database", fmt::format("key 'database' is missing in {}", shard.where()));
    }
    const TomlEntry* servers = shard.Find("servers");
    if (servers == nullptr) {
      shard.AddError("servers", fmt::format("key 'servers' is missing in {}", shard.where()));
      return;
    }
    if (servers->value.kind != TomlValue::Kind::kArray || servers->value.items.empty()) {
      shard.AddError("servers", fmt::format("key 'servers' in {} needs an array with one server: "
                                            "[{{ host = \"10.0.0.1\", port = 5432 }}]",
                                            shard.where()));
      return;
    }
    const std::vector<TomlValue>& items = servers->value.items;
    ReadServer(items.front(), fmt::format("{}.servers[0]", where), context_, pool_.server);
    for (size_t i = 1; i < items.size(); ++i) {
      context_.problems.AddError(
          items[i].place,
          fmt::format("{}: more than one server is not available in this version", shard.where()));
    }
  }

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

void ReadPools(const TomlValue& root, const Timeouts& inherited, LoadContext& context,
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
