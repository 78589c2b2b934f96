#pragma once

// Durations and sizes as the file writes them. Pure.
//   ParseDuration("250ms") is 250,000 us; FormatDuration turns it back.
// Errors say which forms are allowed; they do not quote the text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/core/result.h"
#include "pglynx/core/time.h"

namespace pglynx::config {

// Digits and a unit without a space: us, ms, s, m, h, d. What is too long for a Duration
// becomes the longest Duration, so that the caller's bound refuses it.
Result<Duration> ParseDuration(std::string_view text);

// Digits and a unit: kB, MB, GB (powers of 1000), KiB, MiB, GiB (of 1024). Too large
// becomes the largest value.
Result<uint64_t> ParseBytes(std::string_view text);

// `count` units of `unit`, or the longest Duration where that is too long. count >= 0.
Duration Scaled(uint64_t count, Duration unit);

// The largest unit that gives a whole number: "250ms", "90s", "1h"; "0" for zero.
std::string FormatDuration(Duration duration);

// "64MiB" where a whole number of binary units fits, else plain digits.
std::string FormatBytes(uint64_t bytes);

// Digits with an optional '-', nothing else. Nothing if it does not fit.
std::optional<int64_t> ParseInteger(std::string_view text);

}  // namespace pglynx::config
