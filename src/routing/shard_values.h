#pragma once

// The shard that a client names, by its number or by a key, as a text or as a bound parameter.
// Errors are kInvalidParameterValue and say what is allowed. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/core/result.h"
#include "pglynx/routing/session_route.h"

namespace pglynx::routing {

enum class ShardNaming : uint8_t { kNumber, kKey };

Result<uint32_t> ShardOfText(std::string_view text, ShardNaming naming, const Rules& rules);

// NULL is refused; in binary format so is a type that the key is not.
Result<uint32_t> ShardOfBound(const BoundValue& bound, ShardNaming naming, const Rules& rules);

// Whether Bind gave a text, in whichever format.
bool IsText(const BoundValue& bound);

Error NoSuchShard(int64_t shard, const Rules& rules);

// "shards are 0 to 2".
std::string ShardsText(const Rules& rules);

}  // namespace pglynx::routing
