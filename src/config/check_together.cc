// What concerns more than one table of the file.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "config/host_name.h"
#include "config/sections.h"

namespace pglynx::config {

namespace {

constexpr std::array<std::string_view, 3> kConsoleDatabases = {"pglynx", "pgbouncer", "pgcat"};

// Of `root`.section.key, as near as the file comes to it.
Place PlaceOf(const TomlValue& root, std::string_view section, std::string_view key) {
  const TomlEntry* table = root.Find(section);
  if (table == nullptr) return {};
  const TomlEntry* entry = table->value.Find(key);
  return entry == nullptr ? table->place : entry->value.place;
}

void CheckHosts(const TomlValue& root, LoadContext& context, const Config& config) {
  const std::vector<std::string>& hosts = config.general.hosts;
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (std::find(hosts.begin(), hosts.begin() + static_cast<ptrdiff_t>(i), hosts[i]) !=
        hosts.begin() + static_cast<ptrdiff_t>(i)) {
      context.problems.AddError(PlaceOf(root, "general", "host"),
                                fmt::format("key 'host' in [general] names {} twice", hosts[i]));
    }
  }
}

void CheckConsolePort(const TomlValue& root, LoadContext& context, Config& config) {
  if (!config.admin.enabled || config.admin.port != config.general.port) return;
  for (const std::string& host : config.general.hosts) {
    if (!HostsOverlap(host, config.admin.host)) continue;
    if (context.pgcat_form) {
      // The port of a pgcat.toml was free to choose; its console is on it anyway.
      config.admin.port = 0;
      context.problems.AddWarning(PlaceOf(root, "general", "port"),
                                  "the console has no port of its own: the client port is the "
                                  "console's default port");
      return;
    }
    const Place own = PlaceOf(root, "admin", "port");
    context.problems.AddError(own.line == 0 ? PlaceOf(root, "general", "port") : own,
                              fmt::format("the console and the clients cannot share port {} on "
                                          "{}; set another admin.port or general.port",
                                          config.admin.port, config.admin.host));
    return;
  }
}

void CheckConsoleNames(const TomlValue& root, LoadContext& context, const Config& config) {
  if (!config.admin.enabled || !config.admin.on_client_port) return;
  for (const std::string_view name : kConsoleDatabases) {
    if (const TomlEntry* pool = root.Find("pools")->value.Find(name)) {
      context.problems.AddError(
          pool->place, fmt::format("a pool cannot be named '{}' while the console answers there: "
                                   "admin.on_client_port is true",
                                   name));
    }
  }
}

void CheckStatsUsers(const TomlValue& root, LoadContext& context, const Config& config) {
  const auto is_pool_user = [&config](const std::string& name) {
    return std::any_of(config.pools.begin(), config.pools.end(), [&name](const Pool& pool) {
      return std::any_of(pool.users.begin(), pool.users.end(),
                         [&name](const PoolUser& user) { return user.username == name; });
    });
  };
  const std::vector<std::string>& users = config.admin.stats_users;
  for (size_t i = 0; i < users.size(); ++i) {
    // Names were read only if all items are strings, so the places are there.
    const Place place = root.Find("admin")->value.Find("stats_users")->value.items[i].place;
    if (!is_pool_user(users[i])) {
      context.problems.AddError(
          place, fmt::format("key 'stats_users': {} is not a user of any pool", Quoted(users[i])));
    }
  }
}

}  // namespace

void CheckTogether(const TomlValue& root, LoadContext& context, Config& config) {
  CheckHosts(root, context, config);
  CheckConsolePort(root, context, config);
  const TomlEntry* pools = root.Find("pools");
  if (pools != nullptr && pools->value.kind == TomlValue::Kind::kTable) {
    CheckConsoleNames(root, context, config);
    CheckStatsUsers(root, context, config);
  }
  if (!config.admin.enabled) {
    context.problems.AddWarning(context.pgcat_form ? PlaceOf(root, "general", "admin_password")
                                                   : PlaceOf(root, "admin", "password"),
                                context.pgcat_form
                                    ? "the console is disabled: admin_password is not set"
                                    : "the console is disabled: [admin] sets no password");
  }
}

}  // namespace pglynx::config
