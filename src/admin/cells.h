#pragma once

// Helpers of the table builders: values to the text of a cell.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/pool/snapshot.h"

namespace pglynx::admin {

inline constexpr uint64_t kMicrosecondsPerSecond = 1'000'000;

inline std::string TextCell(std::string_view text) {
  return std::string(text);
}

inline std::optional<std::string> TextOrNull(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

// A number for an int4 column: it stops at the greatest one.
inline std::string Int4Cell(uint64_t value) {
  constexpr uint64_t kMax = std::numeric_limits<int32_t>::max();
  return std::to_string(std::min(value, kMax));
}

inline std::string NumericCell(uint64_t value) {
  return std::to_string(value);
}

// Kilobytes, as an int4 column holds no more than 2 GB of bytes; rounded up, so that what is
// there at all is not 0.
inline std::string KilobytesCell(uint64_t bytes) {
  constexpr uint64_t kKilobyte = 1024;
  return Int4Cell(bytes / kKilobyte + (bytes % kKilobyte == 0 ? 0 : 1));
}

// Connections to the database server, whatever they are for.
inline uint64_t ServersOf(const pool::PoolRow& row) {
  return uint64_t{row.sv_active} + row.sv_active_cancel + row.sv_being_canceled + row.sv_idle +
         row.sv_used + row.sv_tested + row.sv_login;
}

// Clients that have logged in.
inline uint64_t ClientsOf(const pool::PoolRow& row) {
  return uint64_t{row.cl_active} + row.cl_waiting;
}

}  // namespace pglynx::admin
