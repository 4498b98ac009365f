# paceline_catalogue(KIND LIBRARY target FOLDERS folder... [OUTPUT_FOLDER folder])
#
# Writes all_KIND.cpp, which lists what the files directly in the folders define, and adds it to the
# library. The output folder, below the build's generated/, is the library's own when none is given. tools/write_catalogue.cpp says what each kind expects of a file.
function(paceline_catalogue kind)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LIBRARY;OUTPUT_FOLDER" "FOLDERS")
  get_target_property(type ${arg_LIBRARY} TYPE)
  set(entries)
  set(inputs)
  foreach(folder IN LISTS arg_FOLDERS)
    file(GLOB found CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
      ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
    list(APPEND entries ${found})
  endforeach()
  if(type STREQUAL "INTERFACE_LIBRARY" OR NOT entries)
    return()
  endif()
  get_property(output_folder GLOBAL PROPERTY PACELINE_FOLDER_${arg_LIBRARY})
  if(arg_OUTPUT_FOLDER)
    set(output_folder ${arg_OUTPUT_FOLDER})
  endif()

  # What a kernel's digest covers besides its own file.
  if(kind STREQUAL "kernels")
    file(GLOB_RECURSE inputs CONFIGURE_DEPENDS
      ${PROJECT_SOURCE_DIR}/kernels/*.h ${PROJECT_SOURCE_DIR}/kernels/*.cuh
      ${PROJECT_SOURCE_DIR}/kernels/*.cu)
    file(GLOB shared CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/cuda/support/*.cpp
      ${PROJECT_SOURCE_DIR}/kernels/cuda/libraries/*.cpp)
    list(APPEND inputs ${shared})
  endif()
  string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
  get_target_property(options ${arg_LIBRARY} COMPILE_OPTIONS)
  # Warnings change nothing that a kernel computes.
  list(FILTER options EXCLUDE REGEX "-W|NOTFOUND|COMPILE_LANGUAGE")
  list(JOIN options " " options)
  set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} \
${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}} ${options}")
  if(output_folder MATCHES "cuda")
    list(JOIN PACELINE_CUDA_FLAGS " " cuda_flags)
    string(APPEND compiler " nvcc ${CMAKE_CUDA_COMPILER_VERSION} ${cuda_flags}")
  endif()

  set(output ${PROJECT_BINARY_DIR}/generated/${output_folder}/all_${kind}.cpp)
  list(TRANSFORM entries PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE entry_paths)
  # The list changes when a file is removed, which no timestamp tells.
  file(CONFIGURE OUTPUT ${output}.list CONTENT "${compiler}\n${entries}\n" @ONLY)
  add_custom_command(OUTPUT ${output}
    COMMAND write_catalogue ${kind} ${output} ${PROJECT_SOURCE_DIR} ${compiler} ${entries}
    DEPENDS write_catalogue ${entry_paths} ${inputs} ${output}.list
    COMMENT "Listing ${kind}" VERBATIM)
  target_sources(${arg_LIBRARY} PRIVATE ${output})
endfunction()

# Runs while building, so it is built for speed of building; it never leaves this machine.
add_library(paceline_build_tools STATIC ${PROJECT_SOURCE_DIR}/cmake/tools/source_digest.cpp)
target_include_directories(paceline_build_tools PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(paceline_build_tools PUBLIC sodium)
foreach(tool write_catalogue print_source_digest write_embedded_steps)
  add_executable(${tool} ${PROJECT_SOURCE_DIR}/cmake/tools/${tool}.cpp)
  target_link_libraries(${tool} PRIVATE paceline_build_tools)
  set_target_properties(${tool} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/build_tools)
endforeach()
