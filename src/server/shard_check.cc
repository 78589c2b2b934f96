#include "server/shard_check.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace pglynx::server {

// No arrays: theirs are in their elements' rows. No rows of tables, and none of what is temporary.
const std::string_view kTypesQuestion = R"sql(
SET search_path TO pg_catalog;
SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname), t.oid, t.typarray
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg!_toast%' ESCAPE '!' AND n.nspname NOT LIKE 'pg!_temp!_%' ESCAPE '!'
   AND t.typtype <> 'p'
   AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
   AND (t.typrelid = 0 OR (SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c')
 ORDER BY 1)sql";

// A table whose parent is partitioned by hash is a partition that is divided further, which is
// nobody's business but the shard's. Foreign tables are elsewhere. The column of collations came
// with version 12.
const std::string_view kPartitionsQuestion = R"sql(
SET search_path TO pg_catalog;
SELECT quote_ident(n.nspname) || '.' || quote_ident(r.relname), pg_get_partkeydef(r.oid),
       p.partnatts, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL), o.opcdefault,
       coalesce(to_jsonb(l) ->> 'collisdeterministic', 'true'),
       c.oid::regclass, substring(b.bound from 'modulus ([0-9]+)'),
       substring(b.bound from 'remainder ([0-9]+)')
  FROM pg_partitioned_table p
  JOIN pg_class r ON r.oid = p.partrelid
  JOIN pg_namespace n ON n.oid = r.relnamespace
  JOIN pg_opclass o ON o.oid = p.partclass[0]
  LEFT JOIN pg_collation l ON l.oid = p.partcollation[0]
  LEFT JOIN pg_attribute a
         ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] AND a.attnum > 0
  LEFT JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN (pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind <> 'f'
             CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid)) b(bound))
         ON i.inhparent = p.partrelid AND b.bound LIKE 'FOR VALUES WITH%'
 WHERE p.partstrat = 'h'
   AND NOT EXISTS (SELECT FROM pg_inherits u
                     JOIN pg_partitioned_table v ON v.partrelid = u.inhparent
                    WHERE u.inhrelid = p.partrelid AND v.partstrat = 'h')
 ORDER BY 1, 7)sql";

namespace {

using Shards = std::span<const std::optional<ShardFacts>>;

// Of a finding, of those that are alike.
constexpr size_t kNamedMax = 8;

bool Number(const std::optional<std::string>& cell, uint32_t& value) {
  if (!cell) return false;
  const char* const end = cell->data() + cell->size();
  const auto [stopped, fault] = std::from_chars(cell->data(), end, value);
  return fault == std::errc() && stopped == end;
}

// The first ones; the others as a number.
std::string Joined(const std::vector<std::string>& parts, std::string_view between) {
  const size_t named = std::min(parts.size(), kNamedMax);
  std::string text = fmt::format(
      "{}", fmt::join(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(named), between));
  if (named < parts.size()) text += fmt::format(" and {} more", parts.size() - named);
  return text;
}

std::string ShardsText(const std::vector<size_t>& shards) {
  std::vector<std::string> numbers;
  numbers.reserve(shards.size());
  for (const size_t shard : shards) numbers.push_back(std::to_string(shard));
  return fmt::format("{} {}", shards.size() == 1 ? "shard" : "shards", Joined(numbers, ", "));
}

// ----- types -----

// By OID, in which shards.
using Places = std::map<uint32_t, std::vector<size_t>>;

struct SeenType {
  Places oids;
  Places array_oids;
  std::vector<size_t> shards;
};

std::string DifferentOids(std::string_view what, const Places& places) {
  std::vector<std::string> parts;
  for (const auto& [oid, shards] : places) {
    parts.push_back(fmt::format("{} in {}", oid, ShardsText(shards)));
  }
  return fmt::format("{} has different OIDs: {}", what, Joined(parts, "; "));
}

std::vector<size_t> ShardsWithout(const std::vector<size_t>& with, Shards shards) {
  std::vector<size_t> without;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    if (shards[shard] && !std::binary_search(with.begin(), with.end(), shard)) {
      without.push_back(shard);
    }
  }
  return without;
}

void CompareTypes(Shards shards, std::vector<std::string>& findings) {
  std::map<std::string_view, SeenType> types;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    if (!shards[shard]) continue;
    for (const TypeFact& type : shards[shard]->types) {
      SeenType& seen = types[type.name];
      seen.oids[type.oid].push_back(shard);
      seen.array_oids[type.array_oid].push_back(shard);
      seen.shards.push_back(shard);
    }
  }
  for (const auto& [name, seen] : types) {
    const std::vector<size_t> without = ShardsWithout(seen.shards, shards);
    if (!without.empty()) {
      findings.push_back(fmt::format("type {} is missing in {}", name, ShardsText(without)));
    }
    if (seen.oids.size() > 1) {
      findings.push_back(DifferentOids(fmt::format("type {}", name), seen.oids));
    } else if (seen.array_oids.size() > 1) {
      findings.push_back(DifferentOids(fmt::format("array type {}[]", name), seen.array_oids));
    }
  }
}

// ----- partitions -----

bool IsNumber(sharding::KeyType type) {
  return type == sharding::KeyType::kSmallint || type == sharding::KeyType::kInteger ||
         type == sharding::KeyType::kBigint;
}

// As format_type says them. Equal numbers hash alike whatever their width, and equal texts too.
std::string_view FittingTypes(sharding::KeyType type) {
  using sharding::KeyType;
  if (IsNumber(type)) return "bigint, integer or smallint";
  switch (type) {
    case KeyType::kUuid:
      return "uuid";
    case KeyType::kDate:
      return "date";
    case KeyType::kTimestamp:
      return "timestamp without time zone";
    case KeyType::kTimestamptz:
      return "timestamp with time zone";
    default:
      return "text or character varying";
  }
}

bool Fits(std::string_view column, sharding::KeyType type) {
  using sharding::KeyType;
  if (IsNumber(type)) return column == "bigint" || column == "integer" || column == "smallint";
  if (type == KeyType::kText || type == KeyType::kVarchar) {
    return column == "text" || column == "character varying";
  }
  return column == FittingTypes(type);
}

// Empty: it is as the file says.
std::string KeyFault(const HashTableFact& table, sharding::KeyType type) {
  if (table.key_columns != 1) return fmt::format("has {} columns", table.key_columns);
  if (table.type.empty()) return "is an expression";
  if (!Fits(table.type, type)) return fmt::format("is of type {}", table.type);
  if (!table.default_class) return "has an operator class of its own";
  if (!table.deterministic) return "has a collation that is not deterministic";
  return {};
}

void CheckTable(const HashTableFact& table, sharding::KeyType type, size_t shard, size_t count,
                std::vector<std::string>& findings) {
  const std::string where = fmt::format("shard {}: table {}", shard, table.name);
  if (const std::string fault = KeyFault(table, type); !fault.empty()) {
    findings.push_back(fmt::format(
        "{}: its key, {}, {}; what fits is one column of type {}, with the default operator class "
        "and a deterministic collation",
        where, table.key, fault, FittingTypes(type)));
  }
  for (const PartitionFact& partition : table.partitions) {
    if (partition.modulus == count && partition.remainder == shard) continue;
    findings.push_back(fmt::format(
        "{}: partition {} has MODULUS {}, REMAINDER {}; what fits is MODULUS {}, REMAINDER {}",
        where, partition.name, partition.modulus, partition.remainder, count, shard));
  }
}

bool HasPartitions(const ShardFacts& facts) {
  return std::any_of(facts.tables.begin(), facts.tables.end(),
                     [](const HashTableFact& table) { return !table.partitions.empty(); });
}

// Of tables that have one elsewhere.
void FindMissingPartitions(Shards shards, std::vector<std::string>& findings) {
  std::map<std::string_view, std::vector<size_t>> present;  // the tables
  std::vector<size_t> with;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    if (!shards[shard]) continue;
    if (HasPartitions(*shards[shard])) with.push_back(shard);
    for (const HashTableFact& table : shards[shard]->tables) {
      if (!table.partitions.empty()) present[table.name].push_back(shard);
    }
  }
  if (with.empty()) return;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    if (!shards[shard]) continue;
    if (!std::binary_search(with.begin(), with.end(), shard)) {
      findings.push_back(fmt::format("shard {}: there is no hash partition, but there are in {}",
                                     shard, ShardsText(with)));
      continue;
    }
    for (const auto& [table, places] : present) {
      if (std::binary_search(places.begin(), places.end(), shard)) continue;
      findings.push_back(fmt::format("shard {}: table {} has no partition here, but in {}", shard,
                                     table, ShardsText(places)));
    }
  }
}

}  // namespace

Result<ShardFacts> ReadShardFacts(const backend::AdminRows& types,
                                  const backend::AdminRows& partitions) {
  const Error fault{ErrorCode::kServerProtocolViolation,
                    "the server answers a question about its catalog with other columns"};
  ShardFacts facts;
  for (const backend::AdminRow& row : types) {
    TypeFact& type = facts.types.emplace_back();
    if (row.size() != 3 || !row[0] || !Number(row[1], type.oid) ||
        !Number(row[2], type.array_oid)) {
      return fault;
    }
    type.name = *row[0];
  }
  for (const backend::AdminRow& row : partitions) {
    if (row.size() != 9 || !row[0]) return fault;
    if (facts.tables.empty() || facts.tables.back().name != *row[0]) {
      HashTableFact& table = facts.tables.emplace_back();
      table.name = *row[0];
      table.key = row[1].value_or("");
      if (!Number(row[2], table.key_columns)) return fault;
      table.type = row[3].value_or("");
      table.default_class = row[4] == "t";
      table.deterministic = row[5] == "true";
    }
    if (!row[6]) continue;
    PartitionFact& partition = facts.tables.back().partitions.emplace_back();
    partition.name = *row[6];
    if (!Number(row[7], partition.modulus) || !Number(row[8], partition.remainder)) return fault;
  }
  return facts;
}

std::vector<std::string> CompareShards(ShardRules rules, Shards shards) {
  std::vector<std::string> findings;
  CompareTypes(shards, findings);
  if (rules.function == sharding::ShardingFunction::kSha1) return findings;
  const sharding::KeyType type = sharding::KeyTypeFor(rules.function, rules.key_type);
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    if (!shards[shard]) continue;
    for (const HashTableFact& table : shards[shard]->tables) {
      CheckTable(table, type, shard, shards.size(), findings);
    }
  }
  FindMissingPartitions(shards, findings);
  return findings;
}

}  // namespace pglynx::server
