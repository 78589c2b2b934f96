# Every target links this: the warnings of the house style, hardening and sanitizers.
add_library(pglynx_compile_options INTERFACE)
target_compile_options(
  pglynx_compile_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
            -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wimplicit-fallthrough
            -Wundef -Wextra-semi -fno-omit-frame-pointer)
if(PGLYNX_WERROR)
  target_compile_options(pglynx_compile_options INTERFACE -Werror)
endif()
if(PGLYNX_DCHECK)
  target_compile_definitions(pglynx_compile_options INTERFACE PGLYNX_DCHECK_ON _GLIBCXX_ASSERTIONS)
endif()
if(PGLYNX_COVERAGE)
  target_compile_options(pglynx_compile_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(pglynx_compile_options INTERFACE --coverage)
endif()
if(PGLYNX_SANITIZE)
  target_compile_options(pglynx_compile_options INTERFACE -fsanitize=address,undefined
                                                          -fno-sanitize-recover=all)
  # Instrumented code hides the initialisation of variants from g++ 12; the dev preset, with
  # the same warnings and no instrumentation, keeps this one.
  target_compile_options(pglynx_compile_options INTERFACE -Wno-maybe-uninitialized)
  target_link_options(pglynx_compile_options INTERFACE -fsanitize=address,undefined)
else()
  # Hardening as Debian builds its own packages. Fortify needs optimisation and clashes
  # with ASan.
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_options(
    pglynx_compile_options INTERFACE -fstack-protector-strong
                                     $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE
                                     -D_FORTIFY_SOURCE=2>)
  target_link_options(pglynx_compile_options INTERFACE -pie -Wl,-z,relro,-z,now)
  # For cmake/query_path.ld.
  target_compile_options(pglynx_compile_options
                         INTERFACE $<$<CONFIG:Release>:-ffunction-sections>)
endif()

find_program(PGLYNX_CCACHE ccache)
if(PGLYNX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PGLYNX_CCACHE})
endif()
