// The shards of a pool with their servers, and what the servers of one shard must not be.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/key_reader.h"
#include "config/members.h"
#include "config/sections.h"
#include "config/units.h"

namespace pglynx::config {

namespace {

constexpr TextRange kNameRange{1, 255};
constexpr TextRange kOptionalNameRange{0, 255};

// PgCat's number of a shard: digits alone.
std::optional<uint64_t> ShardNumber(const std::string& label) {
  const std::optional<int64_t> number = ParseInteger(label);
  if (!number || label.starts_with('-')) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

class ShardsReader {
 public:
  ShardsReader(KeyReader& pool_reader, const std::string& where, Pool& pool)
      : reader_(pool_reader), where_(where), context_(pool_reader.context()), pool_(pool) {}

  Roles Read() {
    const TomlEntry* shards = reader_.Find("shards");
    if (shards == nullptr) {
      ReadShard(reader_, where_);
      return roles_;
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
    CheckNumbers(shards->value);
    CheckCount(shards->value);
    for (const Member& member : members) {
      const std::string where = fmt::format("{}.shards.{}", where_, member.label);
      KeyReader shard(*member.table, Section::kShard, fmt::format("[{}]", where), context_);
      ReadShard(shard, where);
    }
    return roles_;
  }

 private:
  // PgCat takes gaps, and then sends "shard 1" to the shard that is second in the file.
  void CheckNumbers(const TomlValue& shards) {
    std::multimap<uint64_t, const TomlEntry*> by_number;
    for (const TomlEntry& entry : shards.entries) {
      if (const auto number = ShardNumber(entry.key)) {
        by_number.emplace(*number, &entry);
      } else {
        AddNumberError(entry, "is not a number");
      }
    }
    uint64_t next = 0;
    const TomlEntry* previous = nullptr;
    for (const auto& [number, entry] : by_number) {
      if (number < next) {  // "1" and "01"
        AddNumberError(*entry, fmt::format("is there twice: also at {}",
                                           context_.problems.Where(previous->place)));
      } else if (number > next) {
        AddNumberError(*entry, fmt::format("is there, but not {}", next));
      }
      next = number + 1;
      previous = entry;
    }
  }

  void AddNumberError(const TomlEntry& entry, const std::string& what) {
    context_.problems.AddError(
        entry.place, fmt::format("shard '{}' in {} {}; shards are numbered from 0 without gaps",
                                 entry.key, reader_.where(), what));
  }

  void CheckCount(const TomlValue& shards) {
    const size_t count = shards.items.size() + shards.entries.size();
    if (pool_.name == "*" && count > 1) {
      // Its databases are the clients': which of them would be a shard of which?
      reader_.AddError("shards", "the pool \"*\" can have only one shard");
    } else if (count > sharding::kShardsMax) {
      reader_.AddError("shards", fmt::format("{} has {} shards; allowed: 1 to {}", reader_.where(),
                                             count, sharding::kShardsMax));
    }
  }

  void ReadShard(KeyReader& reader, const std::string& where) {
    Shard& shard = pool_.shards.emplace_back();
    if (reader.Find("database") != nullptr) {
      reader.ReadText("database", pool_.name == "*" ? kOptionalNameRange : kNameRange,
                      shard.database);
    } else if (pool_.name != "*") {
      reader.AddError("database", fmt::format("key 'database' is missing in {}", reader.where()));
    }
    const TomlEntry* servers = reader.Find("servers");
    if (servers == nullptr) {
      reader.AddError("servers", fmt::format("key 'servers' is missing in {}", reader.where()));
      return;
    }
    if (servers->value.kind != TomlValue::Kind::kArray || servers->value.items.empty()) {
      reader.AddError("servers", fmt::format("key 'servers' in {} needs an array of servers: "
                                             "[{{ host = \"10.0.0.1\", port = 5432 }}]",
                                             reader.where()));
      return;
    }
    const std::vector<TomlValue>& items = servers->value.items;
    if (items.size() > kServersMax) {
      reader.AddError("servers", fmt::format("key 'servers' in {} has {} servers; allowed: 1 to {}",
                                             reader.where(), items.size(), kServersMax));
    }
    std::vector<ServerEntry> entries;
    for (size_t i = 0; i < items.size(); ++i) {
      entries.push_back(ReadServer(items[i], fmt::format("{}.servers[{}]", where, i), context_));
      shard.servers.push_back(entries.back().server);
      if (!entries.back().has_role) roles_ = Roles::kRefused;
    }
    CheckAddresses(entries, where);
    CheckRoles(entries, where);
  }

  void CheckAddresses(const std::vector<ServerEntry>& entries, const std::string& where) {
    std::map<std::pair<std::string, uint16_t>, Place> places;
    for (size_t i = 0; i < entries.size(); ++i) {
      const ServerTarget& server = entries[i].server;
      if (!entries[i].has_address) continue;
      const auto [first, added] = places.try_emplace({server.host, server.port}, entries[i].place);
      if (added) continue;
      AddServerError(entries[i], where, i,
                     fmt::format("has the same host and port as the server at {}; allowed: each "
                                 "server once in a shard",
                                 context_.problems.Where(first->second)));
    }
  }

  // Each server that does not go with the first one of the shard, or with its primary.
  void CheckRoles(const std::vector<ServerEntry>& entries, const std::string& where) {
    const ServerEntry* first = nullptr;
    const ServerEntry* primary = nullptr;
    const auto is_peer = [](const ServerEntry& entry) {
      return entry.server.role == balancer::Role::kPeer;
    };
    for (size_t i = 0; i < entries.size(); ++i) {
      const ServerEntry& entry = entries[i];
      if (!entry.has_role) continue;
      if (first == nullptr) first = &entry;
      if (is_peer(entry) != is_peer(*first)) {
        AddServerError(
            entry, where, i,
            fmt::format("has {} role, unlike the server at {}; allowed: a role for "
                        "every server of a shard, or for none",
                        is_peer(entry) ? "no" : "a", context_.problems.Where(first->place)));
      }
      if (entry.server.role != balancer::Role::kPrimary) continue;
      if (primary != nullptr) {
        AddServerError(entry, where, i,
                       fmt::format("is a second primary beside the server at {}; allowed: one in "
                                   "a shard",
                                   context_.problems.Where(primary->place)));
      } else {
        primary = &entry;
      }
    }
  }

  void AddServerError(const ServerEntry& entry, const std::string& where, size_t index,
                      const std::string& what) {
    context_.problems.AddError(entry.place, fmt::format("{}.servers[{}] {}", where, index, what));
  }

  KeyReader& reader_;
  const std::string& where_;
  LoadContext& context_;
  Pool& pool_;
  Roles roles_ = Roles::kKnown;
};

}  // namespace

Roles ReadShards(KeyReader& pool_reader, const std::string& where, Pool& pool) {
  return ShardsReader(pool_reader, where, pool).Read();
}

}  // namespace pglynx::config
