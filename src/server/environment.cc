#include "pglynx/server/environment.h"

#include "pglynx/routing/hint_rules.h"

namespace pglynx::server {

std::optional<std::string> ServerEnvironment::PatternFault(std::string_view pattern) const {
  const auto rules = routing::HintRules::Compile(
      {.shard_id_regex = std::string(pattern), .sharding_key_regex = {}, .regex_search_limit = 1});
  if (rules) return std::nullopt;
  return rules.error().detail;
}

}  // namespace pglynx::server
