# What the sanitizer builds run.
add_custom_target(quick_tests)
add_custom_target(fuzz_targets)

# paceline_tests(NAME LABEL label [FOLDERS folder...] [EXCLUDE regex...] [LINKS target...])
#
# One program of all sources below the folders, with one CTest entry for each of its test suites.
function(paceline_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "LABEL" "FOLDERS;EXCLUDE;LINKS")
  set(sources)
  foreach(folder IN LISTS arg_FOLDERS)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE
    paceline_test_support ${arg_LINKS} GTest::gmock GTest::gtest_main)
  if(arg_LABEL MATCHES "^(unit|sim)$")
    add_dependencies(quick_tests ${name})
  endif()
  paceline_register(${name} ${arg_LABEL} ${arg_SERIAL})
endfunction()

# CTest starts the costly first, so the quick have the higher figure.
function(paceline_cost label result)
  set(${result} 10 PARENT_SCOPE)
  if(label STREQUAL "unit")
    set(${result} 30 PARENT_SCOPE)
  elseif(label STREQUAL "sim")
    set(${result} 20 PARENT_SCOPE)
  endif()
endfunction()

# Registers each suite of a googletest program when CTest starts: case by case, the processes would
# cost more than the tests.
function(paceline_register program label serial)
  paceline_cost(${label} cost)
  set(environment PACELINE_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
    PACELINE_SOURCE_DIR=${PROJECT_SOURCE_DIR} PACELINE_BUILD_DIR=${PROJECT_BINARY_DIR})
  list(JOIN environment "]==] [==[" environment)
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${program}_register.cmake)
  file(GENERATE OUTPUT ${script} CONTENT "\
include([==[${PROJECT_SOURCE_DIR}/cmake/register_suites.cmake]==])
register_suites(${program} [==[$<TARGET_FILE:${program}>]==]
  [==[${CMAKE_CURRENT_BINARY_DIR}/${program}.suites]==]
  LABEL ${label} COST ${cost} SERIAL ${serial}
  ENVIRONMENT [==[${environment}]==])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()

# paceline_scripts(LABEL FOLDER): each FOLDER/*_test.sh is a test by its exit status; 77 skips it.
function(paceline_scripts label folder)
  file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*_test.sh)
  foreach(script IN LISTS scripts)
    cmake_path(GET script STEM name)
    set(name ${label}_scripts.${name})
    add_test(NAME ${name} COMMAND bash ${script})
    paceline_cost(${label} cost)
    set_tests_properties(${name} PROPERTIES
      LABELS ${label} COST ${cost} TIMEOUT 900 SKIP_RETURN_CODE 77
      ENVIRONMENT "PACELINE_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};\
PACELINE_SOURCE_DIR=${PROJECT_SOURCE_DIR};PACELINE_BUILD_DIR=${PROJECT_BINARY_DIR}")
    if(label STREQUAL "end_to_end")
      set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
  endforeach()
endfunction()

# paceline_fuzz_targets(FOLDER DATA LINKS target...): each FOLDER/NAME.cpp defines LLVMFuzzerTestOneInput.
# With PACELINE_FUZZ libFuzzer drives it, and its test looks for a minute, from the files of DATA/NAME/;
# otherwise it replays those files as a unit test.
function(paceline_fuzz_targets folder data)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LINKS")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM target)
    add_executable(fuzz_${target} ${source})
    target_link_libraries(fuzz_${target} PRIVATE ${arg_LINKS})
    add_dependencies(fuzz_targets fuzz_${target})
    if(PACELINE_FUZZ)
      target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
      # What it learns is kept in the build tree; the first folder of the two is the one written to.
      set(corpus ${PROJECT_BINARY_DIR}/corpus/${target})
      set(seeds ${PROJECT_SOURCE_DIR}/${data}/${target})
      file(MAKE_DIRECTORY ${corpus})
      if(NOT EXISTS ${seeds})
        set(seeds)
      endif()
      add_test(NAME fuzz.${target}
        COMMAND fuzz_${target} -max_total_time=60 -rss_limit_mb=4096 -timeout=20
                -artifact_prefix=${corpus}. ${corpus} ${seeds})
      set_tests_properties(fuzz.${target} PROPERTIES LABELS fuzz TIMEOUT 300)
      continue()
    endif()
    add_dependencies(quick_tests fuzz_${target})
    target_sources(fuzz_${target} PRIVATE ${PROJECT_SOURCE_DIR}/${folder}/replay/main.cpp)
    add_test(NAME fuzz.${target}
      COMMAND fuzz_${target} ${PROJECT_SOURCE_DIR}/${data}/${target})
    set_tests_properties(fuzz.${target} PROPERTIES LABELS unit TIMEOUT 300 COST 30)
  endforeach()
endfunction()

# paceline_benchmarks(FOLDER LINKS target...): a program bench_NAME of each FOLDER/NAME.cpp; no tests.
function(paceline_benchmarks folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM target)
    add_executable(bench_${target} ${source})
    target_link_libraries(bench_${target} PRIVATE ${arg_LINKS} benchmark::benchmark)
  endforeach()
endfunction()
