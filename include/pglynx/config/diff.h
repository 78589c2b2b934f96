#pragma once

// What a reload will do: the difference of two valid configurations. A value; it owns its
// strings. Order: settings as in SHOW CONFIG; pools removed or changed in the old order,
// then those added in the new order.
//
//   const ConfigDiff diff = Diff(*running, *loaded);
//   for (const std::string& line : diff.Describe()) log.Info(line);

#include <cstdint>
#include <string>
#include <vector>

#include "pglynx/config/config.h"

namespace pglynx::config {

// A key of [general], [admin] or [auth] with another value.
struct SettingChange {
  std::string key;        // As in ConfigRow.
  std::string old_value;  // Masked.
  std::string new_value;  // Masked: equal to the old one where a secret was replaced.
  bool needs_restart = false;

  bool operator==(const SettingChange&) const = default;
};

// One real pool is a (pool, user).
struct PoolChange {
  enum class Kind : uint8_t { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kChanged;
  std::string pool;
  std::string user;
  // Server connections of before must not be used any more: all of them with another server user
  // or password, pool_mode or connect_query; those concerned where a server or shard is gone or a
  // shard has another database. Only with kChanged.
  bool server_changed = false;
  // What changed, as named in the file; "servers" and "shards" where some came or went. The order
  // of the servers of a shard is no change. Only with kChanged.
  std::vector<std::string> keys;

  bool operator==(const PoolChange&) const = default;
};

struct ConfigDiff {
  std::vector<SettingChange> settings;
  std::vector<PoolChange> pools;

  [[nodiscard]] bool empty() const { return settings.empty() && pools.empty(); }
  // Keys whose change a reload does not apply.
  [[nodiscard]] std::vector<std::string> RestartKeys() const;
  // One line for each change, without secrets; none if nothing changed.
  [[nodiscard]] std::vector<std::string> Describe() const;
};

// Timeouts and limits that users inherit from [general] appear for [general] and for each such
// user.
ConfigDiff Diff(const Config& old_config, const Config& new_config);

}  // namespace pglynx::config
