#pragma once

// The readers of the file's tables, called by load.cc in this order. Each fills its part of
// `config`, which holds the defaults before, and reports into `context`.

#include "config/load_context.h"
#include "config/timeouts.h"
#include "config/toml_document.h"
#include "pglynx/config/config.h"

namespace pglynx::config {

// Whether the file is a pgcat.toml: general.admin_username is there, [admin] is not.
bool IsPgcatForm(const TomlValue& root);

// The keys at the top of the file, [general], [admin] and [auth]. Returns the timeouts that
// pools inherit.
Timeouts ReadSettings(const TomlValue& root, LoadContext& context, Config& config);

// [pools.X] with its users and its server. After ReadSettings.
void ReadPools(const TomlValue& root, const Timeouts& inherited, LoadContext& context,
               Config& config);

// One of the users of `pool`, whose own keys are read already, as is all of `config` but the
// pools. `pool_reader` is the one of its table, `timeouts` are the pool's.
PoolUser ReadUser(KeyReader& reader, KeyReader& pool_reader, const Pool& pool, Timeouts timeouts,
                  const Config& config);

// One entry of servers, [host, port, role] or a table, as `where` in errors. Entries of one server
// have to agree on max_connections.
void ReadServer(const TomlValue& entry, const std::string& where, LoadContext& context,
                ServerTarget& server);

// The entry as a table: false and an error if it is none.
bool IsTable(const TomlEntry& entry, LoadContext& context);

// What concerns more than one table: listeners, names of the console, stats_users.
void CheckTogether(const TomlValue& root, LoadContext& context, Config& config);

}  // namespace pglynx::config
