# Every library that the project uses, found once. A new one is a decision of the whole project.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CapnProto REQUIRED)
find_package(cppzmq REQUIRED)
find_package(TBB REQUIRED)
find_package(dnnl REQUIRED)

# Those that ship no CMake configuration, or another one on each distribution.
function(paceline_pkg_config name module)
  pkg_check_modules(PACELINE_${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(${name} INTERFACE PkgConfig::PACELINE_${name})
endfunction()

paceline_pkg_config(sodium libsodium)
paceline_pkg_config(pqxx libpqxx)
paceline_pkg_config(hwloc hwloc)
paceline_pkg_config(httplib cpp-httplib)
paceline_pkg_config(hwy libhwy)

# Optional: without it no code is generated, and everything runs.
find_package(LLVM 19.1 CONFIG QUIET HINTS /usr/lib/llvm-19)
if(NOT LLVM_FOUND)
  message(STATUS "LLVM 19 not found (llvm-19-dev): no generated kernels")
endif()
