# register_suites(NAME PROGRAM LISTING LABEL label COST figure SERIAL yes ENVIRONMENT NAME=VALUE...)
#
# Read by CTest when it starts: one entry for each suite of a googletest program. LISTING is a file that keeps the program's list, since asking starts the program.
function(register_suites name program listing)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "LABEL;COST;SERIAL" "ENVIRONMENT")
  if(NOT EXISTS "${program}")
    add_test("${name}_NOT_BUILT" "${name}_NOT_BUILT")
    set_tests_properties("${name}_NOT_BUILT" PROPERTIES LABELS ${arg_LABEL})
    return()
  endif()
  if(NOT EXISTS "${listing}" OR "${program}" IS_NEWER_THAN "${listing}")
    execute_process(COMMAND "${program}" --gtest_list_tests
      OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${program} does not list its tests: ${result}\n${output}${errors}")
    endif()
    # Parameters stand in comments, and may hold what CMake would read as the end of an item.
    string(REGEX REPLACE " *#[^\n]*" "" output "${output}")
    file(WRITE "${listing}" "${output}")
  endif()

  set(suites "")
  set(suite "")
  file(STRINGS "${listing}" lines)
  foreach(line IN LISTS lines)
    if(line MATCHES "^([^ ]+)\\.$")
      set(suite "${CMAKE_MATCH_1}")
      set("cases_${suite}" 0)
    elseif(suite MATCHES "(^|/)DISABLED_" OR line MATCHES "^ +DISABLED_")
      continue()
    elseif(line MATCHES "^  ")
      list(APPEND suites "${suite}")
      math(EXPR "cases_${suite}" "${cases_${suite}} + 1")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES suites)

  foreach(suite IN LISTS suites)
    set(entry "${name}.${suite}")
    add_test("${entry}" "${program}" "--gtest_filter=${suite}.*" "--gtest_brief=1")
    # Skipped means that every case was: CTest lets a skip outweigh a failure.
    set_tests_properties("${entry}" PROPERTIES
      LABELS ${arg_LABEL} COST ${arg_COST} RUN_SERIAL ${arg_SERIAL} TIMEOUT 600
      ENVIRONMENT "${arg_ENVIRONMENT}" SKIP_REGULAR_EXPRESSION
      "PASSED  \\] 0 tests\\.\n\\[  SKIPPED \\] ${cases_${suite}} tests?\\.")
  endforeach()
endfunction()
