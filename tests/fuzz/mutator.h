#pragma once

// Small seeded changes of a corpus file, for replay without libFuzzer: the same file, number
// and neighbours give the same bytes on every machine.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pglynx::fuzz {

// `seed_text` (the file's name) and `number` choose one to six changes of `bytes`: bits
// flipped, bytes set, taken out, put in or doubled, a piece of one of `others` put in, the tail
// cut off. The result has at most kMutatedBytesMax bytes.
inline constexpr size_t kMutatedBytesMax = size_t{1} << 14U;
std::string Mutate(std::string_view bytes, std::span<const std::string> others,
                   std::string_view seed_text, uint32_t number);

}  // namespace pglynx::fuzz
