#include "config/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <system_error>

#include <fmt/format.h>

namespace pglynx::config {

namespace {

template <typename T>
struct Unit {
  std::string_view name;
  T size;
};

// Longest first, for FormatDuration.
constexpr std::array<Unit<Duration>, 6> kDurationUnits = {{{"d", std::chrono::hours(24)},
                                                           {"h", std::chrono::hours(1)},
                                                           {"m", std::chrono::minutes(1)},
                                                           {"s", std::chrono::seconds(1)},
                                                           {"ms", std::chrono::milliseconds(1)},
                                                           {"us", std::chrono::microseconds(1)}}};

constexpr std::array<Unit<uint64_t>, 6> kByteUnits = {{{"GiB", uint64_t{1} << 30U},
                                                       {"MiB", uint64_t{1} << 20U},
                                                       {"KiB", uint64_t{1} << 10U},
                                                       {"GB", 1'000'000'000},
                                                       {"MB", 1'000'000},
                                                       {"kB", 1'000}}};
constexpr size_t kBinaryUnits = 3;

struct NumberWithUnit {
  uint64_t count = 0;  // the largest value where there are too many digits
  std::string_view unit;
};

// Nothing if there is no digit in front.
std::optional<NumberWithUnit> Split(std::string_view text) {
  NumberWithUnit split;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), split.count);
  if (code == std::errc::invalid_argument) return std::nullopt;
  if (code == std::errc::result_out_of_range) split.count = std::numeric_limits<uint64_t>::max();
  split.unit = text.substr(static_cast<size_t>(end - text.data()));
  return split;
}

}  // namespace

Duration Scaled(uint64_t count, Duration unit) {
  const auto longest = static_cast<uint64_t>(Duration::max().count());
  const auto size = static_cast<uint64_t>(unit.count());
  if (count > longest / size) return Duration::max();
  return Duration(static_cast<Duration::rep>(count * size));
}

Result<Duration> ParseDuration(std::string_view text) {
  if (const auto split = Split(text)) {
    for (const auto& unit : kDurationUnits) {
      if (unit.name == split->unit) return Scaled(split->count, unit.size);
    }
  }
  return Error{ErrorCode::kConfigFile, "digits and one of the units us, ms, s, m, h, d"};
}

Result<uint64_t> ParseBytes(std::string_view text) {
  if (const auto split = Split(text)) {
    for (const auto& unit : kByteUnits) {
      if (unit.name != split->unit) continue;
      const uint64_t most = std::numeric_limits<uint64_t>::max();
      return split->count > most / unit.size ? most : split->count * unit.size;
    }
  }
  return Error{ErrorCode::kConfigFile, "digits and one of the units kB, MB, GB, KiB, MiB, GiB"};
}

std::string FormatDuration(Duration duration) {
  if (duration == Duration::zero()) return "0";
  for (const auto& unit : kDurationUnits) {
    if (duration % unit.size == Duration::zero()) {
      return fmt::format("{}{}", duration / unit.size, unit.name);
    }
  }
  return fmt::format("{}us", duration.count());
}

std::string FormatBytes(uint64_t bytes) {
  for (size_t i = 0; i < kBinaryUnits && bytes > 0; ++i) {
    const auto& unit = kByteUnits[i];
    if (bytes % unit.size == 0) return fmt::format("{}{}", bytes / unit.size, unit.name);
  }
  return fmt::format("{}", bytes);
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, code] = std::from_chars(text.data(), last, value);
  if (code != std::errc() || end != last || text.empty()) return std::nullopt;
  return value;
}

}  // namespace pglynx::config
