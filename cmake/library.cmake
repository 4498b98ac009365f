# paceline_library(NAME FOLDER [LINKS target...] [EXCLUDE path...])
#
# A static library of all sources below FOLDER but main.cpp and the excluded paths (a path that ends in
# a slash excludes a folder). A folder without sources becomes an interface library.
function(paceline_library name folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LINKS;EXCLUDE")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
    ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "^${folder}/main\\.cpp$")
  foreach(path IN LISTS arg_EXCLUDE)
    string(REPLACE "." "\\." pattern ${path})
    if(NOT path MATCHES "/$")
      string(APPEND pattern "$")
    endif()
    list(FILTER sources EXCLUDE REGEX "^${pattern}")
  endforeach()

  if(sources)
    list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/)
    add_library(${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${name} ${scope} ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} ${scope} ${arg_LINKS} Threads::Threads)
  set_property(GLOBAL APPEND PROPERTY PACELINE_LIBRARIES ${name})
  set_property(GLOBAL PROPERTY PACELINE_FOLDER_${name} ${folder})
  set_property(GLOBAL PROPERTY PACELINE_LINKS_${name} ${arg_LINKS})
endfunction()

# paceline_program(NAME MAIN LIBRARY): the program of one main.cpp, once it exists.
function(paceline_program name main library)
  # Globbed, so that the build notices when the file appears.
  file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${main})
  if(NOT found)
    return()
  endif()
  add_executable(${name} ${found})
  target_link_libraries(${name} PRIVATE ${library})
  set_property(GLOBAL APPEND PROPERTY PACELINE_PROGRAMS ${name})
endfunction()
