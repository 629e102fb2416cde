# What nearly every file includes is read once. Only headers of the standard library: one of ours would rebuild all.
if(SLIPWAY_PRECOMPILE)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/precompiled.cc CONTENT "")
  add_library(precompiled OBJECT ${CMAKE_BINARY_DIR}/generated/precompiled.cc)
  target_precompile_headers(precompiled PRIVATE <algorithm> <array> <charconv> <chrono> <cstdint> <deque> <functional>
                            <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <utility> <variant>
                            <vector>)
endif()
function(slipway_precompiled target)
  if(SLIPWAY_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM precompiled)
  endif()
endfunction()

# slipway_library(reconciler/base [INTERFACE] LINK ...): every .cc file of the folder and the folders in it as static
# library reconciler_base.
function(slipway_library folder)
  cmake_parse_arguments(ARG "INTERFACE" "" "LINK" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc ${CMAKE_SOURCE_DIR}/${folder}/*/*.cc)
  if(ARG_INTERFACE OR NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_LINK})
  else()
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
    slipway_precompiled(${name})
  endif()
endfunction()

# slipway_binary(cmd/slipway LINK ...): the folder's files as program `slipway`, linked with every library of ours.
function(slipway_binary folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  get_filename_component(name ${folder} NAME)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc ${CMAKE_SOURCE_DIR}/${folder}/*/*.cc)
  if(NOT sources)
    return()
  endif()
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources)
    add_library(cmd_${name} STATIC ${sources})
    target_link_libraries(cmd_${name} PUBLIC ${SLIPWAY_ALL} ${ARG_LINK})
    slipway_precompiled(cmd_${name})
  else()
    add_library(cmd_${name} INTERFACE)
    target_link_libraries(cmd_${name} INTERFACE ${SLIPWAY_ALL} ${ARG_LINK})
  endif()
  add_executable(${name} ${CMAKE_SOURCE_DIR}/${folder}/main.cc)
  target_link_libraries(${name} PRIVATE cmd_${name})
endfunction()

set(SLIPWAY_ALL reconciler_base reconciler_api reconciler_ports reconciler_cel reconciler_schema reconciler_planner reconciler_store
    reconciler_apiserver reconciler_client reconciler_runtime reconciler_release reconciler_fleet reconciler_analysis reconciler_source reconciler_metrics
    providers_transport providers_vm providers_traffic)

# Every file that the build generates for the sources to include: what a tool that reads sources needs beside them.
add_custom_target(embedded)

# slipway_embed(name GLOB pattern...): the files' bytes as `std::span<const EmbeddedFile> slipway::name()`, declared in
# generated header "embedded/name.h".
function(slipway_embed name)
  cmake_parse_arguments(ARG "" "" "GLOB" ${ARGN})
  set(files)
  foreach(pattern ${ARG_GLOB})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${pattern})
    list(APPEND files ${found})
  endforeach()
  list(SORT files)
  set(out ${CMAKE_BINARY_DIR}/generated/embedded)
  add_custom_command(OUTPUT ${out}/${name}.cc ${out}/${name}.h
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUT=${out} "-DFILES=${files}" -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  add_library(${name} STATIC ${out}/${name}.cc)
  target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/generated)
  add_dependencies(embedded ${name})
endfunction()
