#pragma once

// The rows of a snapshot by the server that they are about. Where a database has one server,
// that is the database itself, by its own name.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/pool/snapshot.h"

namespace pglynx::admin {

// What PgBouncer's columns for a database show: of a pool::PoolRow or a server's ConnectionRow.
template <typename Row>
const std::string& InstanceName(const Row& row) {
  return row.instance_name.empty() ? row.database : row.instance_name;
}

// The rows of one server: one for each user. Never empty; refers to the snapshot.
using Instance = std::vector<const pool::PoolRow*>;

// In the order of their first rows. No name stands there twice, in whatever order rows are.
inline std::vector<Instance> InstancesOf(const pool::Snapshot& snapshot) {
  std::vector<Instance> instances;
  std::map<std::string_view, size_t> index;
  for (const pool::PoolRow& row : snapshot.pools) {
    const auto [at, is_new] = index.try_emplace(InstanceName(row), instances.size());
    if (is_new) instances.emplace_back();
    instances[at->second].push_back(&row);
  }
  return instances;
}

}  // namespace pglynx::admin
