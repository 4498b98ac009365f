#pragma once

#include <optional>
#include <string>

#include "common/base/error.h"
#include "kernels/cuda/libraries/find_library.h"
#include "kernels/cuda/module.h"

namespace paceline::kernels::cuda {

// A library's functions, and what is told of it. No functions: it is missing or lacks one of them,
// as the absence says.
template <typename Functions>
struct LoadedLibrary {
  std::optional<Functions> functions = {};
  CudaLibrary library = {};
};

template <typename Function>
void find(const OpenedLibrary& library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(symbol_of(library, name));
}

// Opens `file`. `find_all` fills the functions and returns the library's version; where it throws
// there is no such library here.
template <typename Functions>
LoadedLibrary<Functions> load_library(const std::string& name, const std::string& file,
                                      std::string (*find_all)(const OpenedLibrary&, Functions&)) {
  LoadedLibrary<Functions> loaded{.library = {.name = name}};
  const OpenedLibrary opened = open_library(file);
  loaded.library.path = opened.path;
  loaded.library.absence = opened.absence;
  if (opened.handle == nullptr) return loaded;
  try {
    loaded.library.version = find_all(opened, loaded.functions.emplace());
  } catch (const Error& error) {
    loaded.functions.reset();
    loaded.library.absence = error.what();
  }
  return loaded;
}

// "13.1.1" of 130101.
inline std::string version_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace paceline::kernels::cuda
