#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::kernels::cuda {

// A shared library of NVIDIA's, opened for the rest of the program.
struct OpenedLibrary {
  void* handle = nullptr;  // Null: it was not found.
  std::string path;
  std::string absence;  // Where it was looked for.
};

// Where NVIDIA's libraries may lie: PACELINE_CUDA_LIBRARIES (folders with ':' between them), the
// loader's own path (empty), /usr/local/cuda, and the packages of the python3 on PATH.
std::vector<std::filesystem::path> library_folders();

// The first that opens: "libcublasLt.so.13".
OpenedLibrary open_library(const std::string& file);

// Throws `unavailable` where the library lacks it.
void* symbol_of(const OpenedLibrary& library, const char* name);

}  // namespace paceline::kernels::cuda
