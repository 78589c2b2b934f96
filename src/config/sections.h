#pragma once

// The readers of the file's tables, called by load.cc in this order. Each fills its part of
// `config`, which holds the defaults before, and reports into `context`.

#include <cstdint>
#include <string>

#include "config/load_context.h"
#include "config/timeouts.h"
#include "config/toml_document.h"
#include "pglynx/config/config.h"

namespace pglynx::config {

// Whether the file is a pgcat.toml: general.admin_username is there, [admin] is not.
bool IsPgcatForm(const TomlValue& root);

// The keys at the top of the file, [general], [admin] and [auth]. Returns the times that pools
// inherit.
InheritedTimes ReadSettings(const TomlValue& root, LoadContext& context, Config& config);

// [pools.X] with its shards and users. After ReadSettings.
void ReadPools(const TomlValue& root, const InheritedTimes& inherited, LoadContext& context,
               Config& config);

// Of the servers of a pool: whether one of them was refused.
enum class Roles : uint8_t { kKnown, kRefused };

// database and servers of the pool itself, which are one shard, or of its shards. `pool_reader` is
// the one of its table, `where` is "pools.X".
Roles ReadShards(KeyReader& pool_reader, const std::string& where, Pool& pool);

// The keys of a pool that say which shard and server a transaction goes to. After ReadShards.
void ReadRouting(KeyReader& reader, Roles roles, const Environment& environment, Pool& pool);

// One of the users of `pool`, whose own keys and shards are read already, as is all of `config` but
// the pools. `pool_reader` is the one of its table, `timeouts` are the pool's.
PoolUser ReadUser(KeyReader& reader, KeyReader& pool_reader, const Pool& pool, Timeouts timeouts,
                  const Config& config);

// An entry of servers as the file has it.
struct ServerEntry {
  ServerTarget server;
  Place place;
  bool has_address = false;  // host and port were taken
  bool has_role = false;     // there is a role, or none is asked for: none was refused
};

// One entry of servers, [host, port, role] or a table, as `where` in errors. Entries of one server
// have to agree on max_connections.
ServerEntry ReadServer(const TomlValue& entry, const std::string& where, LoadContext& context);

// The entry as a table: false and an error if it is none.
bool IsTable(const TomlEntry& entry, LoadContext& context);

// What concerns more than one table: listeners, names of the console, stats_users.
void CheckTogether(const TomlValue& root, LoadContext& context, Config& config);

}  // namespace pglynx::config
