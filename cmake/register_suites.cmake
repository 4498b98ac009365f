# Run by CTest for each test program: one entry a test suite. Expects program, name, label, serial,
# cost and environment.

if(NOT EXISTS "${program}")
  add_test("${name}_NOT_BUILT" "${name}_NOT_BUILT")
  set_tests_properties("${name}_NOT_BUILT" PROPERTIES LABELS "${label}")
  return()
endif()

# Kept from the last run, since a listing starts the program.
set(listing "${CMAKE_CURRENT_LIST_DIR}/${name}_suites.txt")
get_filename_component(listing_folder "${program}" DIRECTORY)
set(listing "${listing_folder}/${name}.suites")
if(NOT EXISTS "${listing}" OR "${program}" IS_NEWER_THAN "${listing}")
  execute_process(COMMAND "${program}" --gtest_list_tests
    OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${program} does not list its tests: ${result}\n${output}${errors}")
  endif()
  file(WRITE "${listing}" "${output}")
endif()

file(STRINGS "${listing}" lines REGEX "^[A-Za-z_].*\\.( |$)")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "\\.( .*)?$" "" suite "${line}")
  if(suite MATCHES "^DISABLED_")
    continue()
  endif()
  set(entry "${name}.${suite}")
  add_test("${entry}" "${program}" "--gtest_filter=${suite}.*" "--gtest_brief=1")
  set_tests_properties("${entry}" PROPERTIES
    LABELS "${label}" TIMEOUT 600 SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]"
    ENVIRONMENT "${environment}")
  if(cost)
    set_tests_properties("${entry}" PROPERTIES COST ${cost})
  endif()
  if(serial)
    set_tests_properties("${entry}" PROPERTIES RUN_SERIAL ON)
  endif()
endforeach()
