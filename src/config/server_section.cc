// An entry of servers: a table {host, port, role} or PgCat's array [host, port, role].

#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/host_name.h"
#include "config/key_reader.h"
#include "config/sections.h"

namespace pglynx::config {

namespace {

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

// Pools and shards with the same server share its limit, so they cannot mean different ones. An
// entry may leave it out: then its own connections count, but are not held back.
void ReadLimit(KeyReader& reader, ServerTarget& server) {
  if (!reader.ReadInteger("max_connections", kLimitRange, server.max_connections)) return;
  if (server.host.empty() || server.max_connections == 0) return;
  const Place place = reader.PlaceOf("max_connections");
  const auto [first, added] = reader.context().server_limits.try_emplace(
      {server.host, server.port}, ServerLimit{server.max_connections, place});
  if (added || first->second.max_connections == server.max_connections) return;
  reader.AddError("max_connections",
                  fmt::format("key 'max_connections' in {} is {}, but {} at {} for the same host "
                              "and port; allowed: the same value everywhere",
                              reader.where(), server.max_connections, first->second.max_connections,
                              reader.context().problems.Where(first->second.place)));
}

bool ReadHost(KeyReader& reader, std::string& out) {
  if (reader.Find("host") == nullptr) {
    reader.AddError("host", fmt::format("key 'host' is missing in {}", reader.where()));
    return false;
  }
  const auto text = reader.RawText("host");
  if (!text) return false;
  auto host = text->starts_with('/') ? std::nullopt : ParseHost(*text);
  if (IsSocketDirectory(*text)) host = *text;
  if (!host) {
    reader.AddError("host", fmt::format("key 'host' in {} is not an IPv4 or IPv6 address, a "
                                        "host name or a socket directory beginning with '/'",
                                        reader.where()));
    return false;
  }
  out = *std::move(host);
  return true;
}

void ReadFields(KeyReader& reader, ServerEntry& entry) {
  const auto was_taken = [&reader](std::string_view key, bool read) {
    return read || reader.Find(key) == nullptr;
  };
  ServerTarget& server = entry.server;
  const bool has_host = ReadHost(reader, server.host);
  const bool has_port = was_taken("port", reader.ReadPort("port", server.port));
  entry.has_address = has_host && has_port;
  entry.has_role = was_taken("role", reader.ReadEnum("role", kRoles, server.role));
  reader.ReadInteger("weight", {1, balancer::kWeightMax}, server.weight);
  ReadLimit(reader, server);
}

}  // namespace

ServerEntry ReadServer(const TomlValue& entry, const std::string& where, LoadContext& context) {
  ServerEntry read;
  read.place = entry.place;
  TomlValue table = entry;
  if (entry.kind == TomlValue::Kind::kArray) {
    if (entry.items.size() < kArrayItemsMin || entry.items.size() > kArrayItemsMax) {
      context.problems.AddError(
          entry.place,
          fmt::format("{} has {} items; allowed: [host, port, role]", where, entry.items.size()));
      return read;
    }
    table = AsTable(entry);
  } else if (entry.kind != TomlValue::Kind::kTable) {
    context.problems.AddError(
        entry.place,
        fmt::format("{} needs a table or [host, port, role], not {}", where, KindName(entry.kind)));
    return read;
  }
  KeyReader reader(table, Section::kServer, where, context);
  ReadFields(reader, read);
  return read;
}

}  // namespace pglynx::config
