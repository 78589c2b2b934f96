// An entry of servers: a table {host, port, role} or PgCat's array [host, port, role].

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/host_name.h"
#include "config/key_reader.h"
#include "config/sections.h"

namespace pglynx::config {

namespace {

enum class Role : uint8_t { kPrimary };
constexpr std::array<EnumName<Role>, 1> kRoles = {{{"primary", Role::kPrimary}}};

constexpr size_t kArrayItemsMin = 2;
constexpr size_t kArrayItemsMax = 3;

// The array as the table that it stands for.
TomlValue AsTable(const TomlValue& array) {
  static constexpr const char* kKeys[kArrayItemsMax] = {"host", "port", "role"};
  TomlValue table;
  table.place = array.place;
  for (size_t i = 0; i < array.items.size(); ++i) {
    table.entries.push_back({kKeys[i], array.items[i].place, array.items[i]});
  }
  return table;
}

// Pools with the same server share its limit, so they cannot mean different ones. A pool may leave
// it out: then its own connections count, but are not held back.
void ReadLimit(KeyReader& reader, ServerTarget& server) {
  if (!reader.ReadInteger("max_connections", kLimitRange, server.max_connections)) return;
  if (server.host.empty() || server.max_connections == 0) return;
  const Place place = reader.PlaceOf("max_connections");
  const auto [first, added] = reader.context().server_limits.try_emplace(
      {server.host, server.port}, ServerLimit{server.max_connections, place});
  if (added || first->second.max_connections == server.max_connections) return;
  reader.AddError("max_connections",
                  fmt::format("key 'max_connections' in {} is {}, but {} at {} for the same host "
                              "and port; allowed: the same value in all pools",
                              reader.where(), server.max_connections, first->second.max_connections,
                              reader.context().problems.Where(first->second.place)));
}

void ReadFields(KeyReader& reader, ServerTarget& server) {
  if (reader.Find("host") == nullptr) {
    reader.AddError("host", fmt::format("key 'host' is missing in {}", reader.where()));
  } else if (const auto text = reader.RawText("host")) {
    auto host = text->starts_with('/') ? std::nullopt : ParseHost(*text);
    if (IsSocketDirectory(*text)) host = *text;
    if (host) {
      server.host = *std::move(host);
    } else {
      reader.AddError("host", fmt::format("key 'host' in {} is not an IPv4 or IPv6 address, a "
                                          "host name or a socket directory beginning with '/'",
                                          reader.where()));
    }
  }
  reader.ReadPort("port", server.port);
  ReadLimit(reader, server);
  const TomlEntry* role = reader.Find("role");
  if (role != nullptr && (role->value.text == "replica" || role->value.text == "Replica")) {
    reader.AddError("role",
                    "key 'role': replicas are not available in this version; allowed: \"primary\"");
    return;
  }
  Role primary = Role::kPrimary;
  reader.ReadEnum("role", kRoles, primary);
}

}  // namespace

void ReadServer(const TomlValue& entry, const std::string& where, LoadContext& context,
                ServerTarget& server) {
  TomlValue table = entry;
  if (entry.kind == TomlValue::Kind::kArray) {
    if (entry.items.size() < kArrayItemsMin || entry.items.size() > kArrayItemsMax) {
      context.problems.AddError(
          entry.place,
          fmt::format("{} has {} items; allowed: [host, port, role]", where, entry.items.size()));
      return;
    }
    table = AsTable(entry);
  } else if (entry.kind != TomlValue::Kind::kTable) {
    context.problems.AddError(
        entry.place,
        fmt::format("{} needs a table or [host, port, role], not {}", where, KindName(entry.kind)));
    return;
  }
  KeyReader reader(table, Section::kServer, where, context);
  ReadFields(reader, server);
}

}  // namespace pglynx::config
