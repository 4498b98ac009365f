# Files that become part of a library.

# paceline_embed_steps(LIBRARY FOLDER): FOLDER/HOME/NNNN_name.sql, as common/store/embedded_steps.h says.
function(paceline_embed_steps library folder)
  get_target_property(type ${library} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  file(GLOB steps CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*/*.sql)
  set(output ${PROJECT_BINARY_DIR}/generated/common/store/embedded_steps.cpp)
  file(CONFIGURE OUTPUT ${output}.list CONTENT "${steps}\n" @ONLY)
  add_custom_command(OUTPUT ${output}
    COMMAND write_embedded_steps ${output} ${steps}
    DEPENDS write_embedded_steps ${steps} ${output}.list
    COMMENT "Embedding ${folder}" VERBATIM)
  target_sources(${library} PRIVATE ${output})
endfunction()

# paceline_embed_wire(LIBRARY FOLDER): the generated types of FOLDER/*.capnp, seen by LIBRARY alone.
# It includes them as "schema/wire/NAME.capnp.h".
function(paceline_embed_wire library folder)
  file(GLOB schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.capnp)
  get_target_property(type ${library} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY" OR NOT schemas)
    return()
  endif()
  set(CAPNPC_OUTPUT_DIR ${PROJECT_BINARY_DIR}/generated/capnp)
  set(CAPNPC_SRC_PREFIX ${PROJECT_SOURCE_DIR})
  file(MAKE_DIRECTORY ${CAPNPC_OUTPUT_DIR})
  capnp_generate_cpp(sources headers ${schemas})
  # Compiled apart: generated code has warnings of its own, and its headers are not ours to read.
  add_library(${library}_schema STATIC ${sources})
  target_include_directories(${library}_schema SYSTEM PUBLIC ${CAPNPC_OUTPUT_DIR})
  target_link_libraries(${library}_schema PUBLIC CapnProto::capnp)
  target_link_libraries(${library} PRIVATE ${library}_schema)
endfunction()

# paceline_embed_texts(LIBRARY TEMPLATE file...): the source TEMPLATE without ".in", in which @NAME_EXT@ is
# the text of the file NAME.EXT.
function(paceline_embed_texts library template)
  foreach(text IN LISTS ARGN)
    cmake_path(GET text FILENAME name)
    string(REPLACE "." "_" name ${name})
    file(READ ${PROJECT_SOURCE_DIR}/${text} ${name})
    set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${text})
  endforeach()
  string(REGEX REPLACE "\\.in$" "" output ${template})
  configure_file(${PROJECT_SOURCE_DIR}/${template} ${PROJECT_BINARY_DIR}/generated/${output} @ONLY)
  target_sources(${library} PRIVATE ${PROJECT_BINARY_DIR}/generated/${output})
endfunction()
