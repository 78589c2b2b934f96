#include "config/suggest.h"

#include <algorithm>
#include <vector>

namespace pglynx::config {

namespace {

constexpr size_t kNameBytesMax = 64;  // longer names get no suggestion

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> cells((a.size() + 1) * width);
  const auto cell = [&](size_t row, size_t column) -> size_t& {
    return cells[row * width + column];
  };
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cell(i, j) = i + j;
        continue;
      }
      const size_t replaced = cell(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0U : 1U);
      size_t best = std::min({cell(i - 1, j) + 1, cell(i, j - 1) + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, cell(i - 2, j - 2) + 1);
      }
      cell(i, j) = best;
    }
  }
  return cells.back();
}

std::string_view Nearest(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.size() > kNameBytesMax) return {};
  std::string_view nearest;
  size_t nearest_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < nearest_distance) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  return nearest;
}

}  // namespace pglynx::config
