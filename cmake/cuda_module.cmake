# The CUDA kernels (kernels/cuda), in a module of their own that is built where nvcc is found and
# loaded when a GPU is first asked for. It links CUDA's runtime statically and no other library of
# CUDA's: those are found at run time.

set(PACELINE_WITH_CUDA FALSE)
if(NOT PACELINE_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PACELINE_CUDA is AUTO, ON or OFF: ${PACELINE_CUDA}")
endif()
if(NOT PACELINE_CUDA STREQUAL "OFF" AND NOT PACELINE_SANITIZE AND NOT PACELINE_FUZZ
    AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_program(PACELINE_NVCC nvcc HINTS /usr/local/cuda/bin)
  if(PACELINE_NVCC)
    set(PACELINE_WITH_CUDA TRUE)
  elseif(PACELINE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "PACELINE_CUDA is ON and nvcc is neither on PATH nor in /usr/local/cuda/bin")
  else()
    message(STATUS "nvcc not found: no CUDA module")
  endif()
elseif(PACELINE_CUDA STREQUAL "ON")
  message(FATAL_ERROR "PACELINE_CUDA is ON: the module is built by GCC and without sanitizers")
endif()

if(PACELINE_WITH_CUDA)
  set(CMAKE_CUDA_COMPILER ${PACELINE_NVCC})
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90a-real)
  endif()
  if(PACELINE_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${PACELINE_CCACHE})
  endif()
  enable_language(CUDA)
  # CMake 3.25 does not know nvcc's flag for C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA_FLAGS_RELWITHDEBINFO "-O3 -DNDEBUG")
  set(PACELINE_CUDA_FLAGS --expt-relaxed-constexpr)
  find_package(CUDAToolkit REQUIRED)
  find_path(PACELINE_CUDNN_HEADER cudnn.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
  if(NOT PACELINE_CUDNN_HEADER)
    message(STATUS "cudnn.h not found beside CUDA's headers: no kernels of cuDNN")
  endif()
endif()

# What the module and the program must agree on; the program has it whether a module is built or not.
set(interface_digest ${PROJECT_BINARY_DIR}/generated/kernels/cuda/interface_digest.h)
file(GLOB interface CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/common/base/*.h
  ${PROJECT_SOURCE_DIR}/common/graph/*.h ${PROJECT_SOURCE_DIR}/kernels/*.h
  ${PROJECT_SOURCE_DIR}/kernels/cuda/module.h)
add_custom_command(OUTPUT ${interface_digest}
  COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -D OUTPUT=${interface_digest}
    -D "COMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE}"
    -P ${PROJECT_SOURCE_DIR}/cmake/interface_digest.cmake
  DEPENDS ${interface} ${PROJECT_SOURCE_DIR}/cmake/interface_digest.cmake
  COMMENT "Digest of the CUDA module's interface" VERBATIM)
add_custom_target(paceline_interface_digest DEPENDS ${interface_digest})

# paceline_cuda_module(KERNELS): lib/libpaceline_cuda.so beside bin/.
function(paceline_cuda_module kernels)
  target_include_directories(${kernels} PRIVATE ${PROJECT_BINARY_DIR}/generated)
  add_dependencies(${kernels} paceline_interface_digest)
  if(NOT PACELINE_WITH_CUDA)
    return()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cpp ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cu)
  add_library(paceline_cuda MODULE ${sources})
  set_target_properties(paceline_cuda PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
    LINKER_LANGUAGE CXX CUDA_RUNTIME_LIBRARY None
    CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(paceline_cuda PRIVATE
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_include_directories(paceline_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  foreach(flag IN LISTS PACELINE_CUDA_FLAGS)
    target_compile_options(paceline_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:${flag}>)
  endforeach()
  set(exports ${PROJECT_SOURCE_DIR}/cmake/cuda_module.map)
  target_link_options(paceline_cuda PRIVATE
    -Wl,--exclude-libs,ALL -Wl,--version-script=${exports} -Wl,--no-undefined)
  set_target_properties(paceline_cuda PROPERTIES LINK_DEPENDS ${exports})
  target_link_libraries(paceline_cuda PRIVATE paceline_ops CUDA::cudart_static)
  add_dependencies(paceline_cuda paceline_interface_digest)
  add_dependencies(${kernels} paceline_cuda)
  install(TARGETS paceline_cuda LIBRARY DESTINATION lib)
endfunction()
