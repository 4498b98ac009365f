# cmake -D ROOT=folder -D MAP=file -P check_includes.cmake
#
# Fails, naming each line, when a source includes a folder that the map does not allow it.

cmake_minimum_required(VERSION 3.25)
file(STRINGS "${MAP}" lines)
set(folders)
foreach(line IN LISTS lines)
  if(line MATCHES "^([^:]+): ?(.*)$")
    set(folder "${CMAKE_MATCH_1}")
    string(REPLACE " " ";" allowed "${CMAKE_MATCH_2}")
    list(APPEND folders "${folder}")
    set("allowed_${folder}" ${folder} ${allowed})
  endif()
endforeach()

# Every folder whose inclusion is ruled, also those that no library stands for.
set(known ${folders} schema tests)

function(folder_of path result)
  set(${result} "" PARENT_SCOPE)
  foreach(folder IN LISTS known)
    if("${path}" MATCHES "^${folder}/")
      set(${result} "${folder}" PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

set(wrong)
set(count 0)
foreach(folder IN LISTS folders)
  file(GLOB_RECURSE sources RELATIVE "${ROOT}"
    "${ROOT}/${folder}/*.h" "${ROOT}/${folder}/*.cpp"
    "${ROOT}/${folder}/*.cu" "${ROOT}/${folder}/*.cuh")
  foreach(source IN LISTS sources)
    math(EXPR count "${count} + 1")
    file(STRINGS "${ROOT}/${source}" includes REGEX "^[ \t]*#[ \t]*include[ \t]*[\"<]")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^[^\"<]*[\"<]([^\">]*).*$" "\\1" path "${include}")
      folder_of("${path}" target)
      if(target AND NOT target IN_LIST "allowed_${folder}")
        string(APPEND wrong "  ${source} includes ${path}\n")
      endif()
    endforeach()
  endforeach()
endforeach()

if(wrong)
  message(FATAL_ERROR
    "A folder may include only what the map of CMakeLists.txt links to it:\n${wrong}")
endif()
message(STATUS "${count} files include what the map allows")
