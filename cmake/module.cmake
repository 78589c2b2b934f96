# pglynx_module(name MODULES <modules it may include> LIBRARIES <third party>)
#
# One static library per module from src/<name>/*.cc. Public headers are
# include/pglynx/<name>/; private ones lie beside their source and are included as
# "<name>/file.h".
function(pglynx_module name)
  cmake_parse_arguments(ARG "" "" "MODULES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(NOT sources)
    return() # not written yet
  endif()
  add_library(pglynx_${name} STATIC ${sources})
  target_include_directories(
    pglynx_${name}
    PUBLIC ${PROJECT_SOURCE_DIR}/include
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  foreach(module IN LISTS ARG_MODULES)
    if(TARGET pglynx_${module})
      target_link_libraries(pglynx_${name} PUBLIC pglynx_${module})
    endif()
  endforeach()
  target_link_libraries(pglynx_${name} PRIVATE pglynx_compile_options ${ARG_LIBRARIES})
endfunction()
