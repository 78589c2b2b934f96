// One libFuzzer program per target; the build names it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  pglynx::fuzz::PGLYNX_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
