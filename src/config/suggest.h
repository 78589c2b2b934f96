#pragma once

// "Did you mean" for a name that is not known.

#include <cstddef>
#include <span>
#include <string_view>

namespace pglynx::config {

// Fewest insertions, deletions, replacements and swaps of neighbours that turn one into the
// other. Time and memory grow with the product of the lengths.
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate that is nearest to `name` if it is near enough to be meant, else "".
std::string_view Nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace pglynx::config
