# Compiler settings for every target: warnings are errors, ccache and mold where they are installed.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Dev CACHE STRING "" FORCE)
endif()
# Once every access is instrumented, gcc takes three times as long for what -O1 adds to -Og.
if(SLIPWAY_SANITIZE)
  set(optimise -Og)
else()
  set(optimise -O1)
endif()
set(CMAKE_CXX_FLAGS_DEV "${optimise} -g1" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEV "${optimise} -g1" CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG" CACHE STRING "" FORCE)

find_program(CCACHE ccache)
if(CCACHE)
  # The two kinds of sloppiness are what ccache asks for where a precompiled header is used.
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
                    -Werror -fstack-protector-strong)
if(SLIPWAY_SANITIZE)
  # A null or misaligned pointer shows without a test before each access, which would be a third of the compiler's work.
  # The check of dynamic types needs a spare descriptor, and cpprestsdk casts between unrelated types.
  add_compile_options(-fsanitize=${SLIPWAY_SANITIZE} -fno-sanitize=null,alignment,vptr -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SLIPWAY_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Instrumented code confuses gcc's flow analysis, and Boost.Asio has fences that ThreadSanitizer cannot see.
    add_compile_options(-Wno-maybe-uninitialized -Wno-array-bounds -Wno-restrict -Wno-tsan)
  endif()
else()
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # gcc 12 sees overlapping copies in std::string's insert and operator+ when it optimises (gcc's bug 105651).
    add_compile_options($<$<CONFIG:Release>:-Wno-restrict>)
  endif()
endif()
include_directories(${CMAKE_SOURCE_DIR})
if(SLIPWAY_PRECOMPILE)
  # Some libraries ask for it, some do not; one precompiled header needs one answer.
  add_compile_options(-pthread)
endif()
# cpprestsdk's macro U(x) breaks other headers.
add_compile_definitions(_TURN_OFF_PLATFORM_STRING)
