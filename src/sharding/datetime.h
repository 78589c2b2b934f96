#pragma once

// Dates and times in ISO 8601 form as PostgreSQL reads and stores them ("Date/Time Input" in its
// manual, src/backend/utils/adt/datetime.c). The forms are those of key.h; nullopt for any other.

#include <cstdint>
#include <optional>
#include <string_view>

namespace pglynx::sharding {

// Days since 2000-01-01; the ends of the range for -infinity and infinity.
std::optional<int32_t> ParseDate(std::string_view text);

enum class ZoneOffset : uint8_t { kNone, kRequired };

// Microseconds since 2000-01-01 00:00 (with an offset: of UTC); the ends of the range for
// -infinity and infinity.
std::optional<int64_t> ParseTimestamp(std::string_view text, ZoneOffset zone_offset);

}  // namespace pglynx::sharding
