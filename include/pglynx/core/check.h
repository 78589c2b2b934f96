#pragma once

// Broken invariants. `PGLYNX_CHECK` is on in every build and ends the process: it stands
// only where going on could mix the bytes or the state of two clients, or where the
// program contradicts itself. `PGLYNX_DCHECK` is for what is expensive to test; it is off in
// the release preset. Bytes from outside must never be able to reach either.

namespace pglynx {

// Writes `file:line: CHECK failed: condition` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace pglynx

#define PGLYNX_CHECK(condition)                              \
  do {                                                       \
    if (!(condition)) [[unlikely]] {                         \
      ::pglynx::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                        \
  } while (false)

#if defined(PGLYNX_DCHECK_ON)
#define PGLYNX_DCHECK(condition) PGLYNX_CHECK(condition)
#else
#define PGLYNX_DCHECK(condition) \
  do {                           \
    if (false && (condition)) {  \
    }                            \
  } while (false)
#endif
