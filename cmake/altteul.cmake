# SPDX-License-Identifier: Apache-2.0

# What every target of the project shares: flags, and how a layer and its tests are declared.

add_library(altteul_flags INTERFACE)
target_include_directories(altteul_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(altteul_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow
  # GCC 12 invents overlapping copies inside std::string (its bug 105651) and uninitialized members
  # inside nlohmann::json; clang and the sanitizers look for the real ones.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict$<SEMICOLON>-Wno-maybe-uninitialized>
  # Fused multiply-adds are written out where they are meant, so that an output does not depend on
  # what the compiler felt like (ARCHITECTURE.md, "Same tokens, same bits").
  -ffp-contract=off
  $<$<BOOL:${ALT_WERROR}>:-Werror>
  # `dev` is Debug with -O1: all checks on, and still fast enough to run real models.
  $<$<CONFIG:Debug>:-O1>)
if(ALT_SANITIZE)
  target_compile_options(altteul_flags INTERFACE
    -fsanitize=${ALT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(altteul_flags INTERFACE -fsanitize=${ALT_SANITIZE})
  if(ALT_BUILD_FUZZERS)
    target_compile_options(altteul_flags INTERFACE -fsanitize=fuzzer-no-link)
  endif()
endif()

# What ./check builds and runs, so that nothing is proved twice: under a sanitizer `unit_checks`,
# without one `program_checks`, the program and what only real models can show.
add_custom_target(unit_checks)
add_custom_target(program_checks)

# alt_layer(NAME [HOT] SOURCES file... [DEPENDS target...]): the library altteul_NAME. Under a
# sanitizer only HOT layers, where time goes, are optimized: that takes longer than the tests do.
function(alt_layer name)
  cmake_parse_arguments(ARG "HOT" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(altteul_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(altteul_${name} PUBLIC altteul_flags ${ARG_DEPENDS})
  if(ALT_SANITIZE AND NOT ARG_HOT)
    target_compile_options(altteul_${name} PRIVATE -O0)
  endif()
endfunction()

# alt_test(NAME SOURCES file... [DEPENDS target...] [SLOW_TIMEOUT seconds] [THREADS filter]): the
# GoogleTest program NAME_test. Each test is one CTest, labelled `unit`; suites that are called
# ...Slow... are labelled `slow` where SLOW_TIMEOUT says how long they may take. ThreadSanitizer
# watches the tests that THREADS names, and no others: they are those that start threads.
function(alt_test name)
  if(NOT ALT_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "SLOW_TIMEOUT;THREADS" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_DEPENDS} GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE ALT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(ALT_SANITIZE)
    target_compile_options(${name}_test PRIVATE -O0)
  endif()
  if(ALT_SANITIZE STREQUAL "thread")
    if(ARG_THREADS)
      alt_add_tests(${name}_test unit "${ARG_THREADS}")
      add_dependencies(unit_checks ${name}_test)
    endif()
    return()
  endif()
  add_dependencies(unit_checks ${name}_test)
  if(ARG_SLOW_TIMEOUT)
    alt_add_tests(${name}_test unit "-*Slow*")
    alt_add_tests(${name}_test slow "*Slow*" TIMEOUT ${ARG_SLOW_TIMEOUT})
    add_dependencies(program_checks ${name}_test)
  else()
    alt_add_tests(${name}_test unit "*")
  endif()
endfunction()

# alt_layer_test(NAME SOURCES file... [THREADS filter]): the unit tests beside a layer's sources.
function(alt_layer_test name)
  alt_test(${name} ${ARGN} DEPENDS altteul_${name})
endfunction()

# alt_add_tests(PROGRAM LABEL FILTER property...): where a process starts more slowly than most tests
# run, in the emulator and with sanitizers, a few processes share them all.
function(alt_add_tests program label filter)
  set(properties LABELS ${label} ${ARGN})
  if(CMAKE_CROSSCOMPILING OR ALT_SANITIZE)
    foreach(shard RANGE 3)
      set(name ${program}_${label}_${shard})
      add_test(NAME ${name} COMMAND ${program} --gtest_filter=${filter} --gtest_brief=1)
      set_tests_properties(${name} PROPERTIES ${properties}
        ENVIRONMENT "GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${shard}")
    endforeach()
  else()
    gtest_discover_tests(${program} TEST_FILTER ${filter}
      PROPERTIES ${properties} DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
