# Code generated while the program runs (kernels/generated). LLVM is in a module of its own, which is
# built where LLVM is found and loaded when it is first needed.

if(LLVM_FOUND)
  set(without_llvm kernels/generated/module/ kernels/generated/no_llvm.cpp)
else()
  set(without_llvm kernels/generated/module/ kernels/generated/compiler.cpp)
endif()

# paceline_llvm_module(KERNELS): lib/libpaceline_llvm.so beside bin/.
function(paceline_llvm_module kernels)
  if(NOT LLVM_FOUND)
    return()
  endif()
  set_source_files_properties(${PROJECT_SOURCE_DIR}/kernels/generated/compiler.cpp PROPERTIES
    COMPILE_DEFINITIONS PACELINE_LLVM_VERSION="${LLVM_PACKAGE_VERSION}")
  add_library(paceline_llvm MODULE ${PROJECT_SOURCE_DIR}/kernels/generated/module/llvm_module.cpp)
  target_include_directories(paceline_llvm PRIVATE ${PROJECT_SOURCE_DIR})
  target_include_directories(paceline_llvm SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
  target_link_libraries(paceline_llvm PRIVATE LLVM)
  set_target_properties(paceline_llvm PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  add_dependencies(${kernels} paceline_llvm)
  # A bundle would have to carry libLLVM, 130 MB: it goes without, and `doctor` says so.
  if(NOT PACELINE_BUNDLE)
    install(TARGETS paceline_llvm LIBRARY DESTINATION lib)
  endif()
endfunction()
