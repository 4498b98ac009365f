#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cpu/support/blas_family.h"

namespace paceline::kernels::cpu {

namespace openblas {

// Restores a variable of the environment, which OpenBLAS reads while it loads.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      had_value_ = true;
      old_value_ = old;
    }
    setenv(name, value, 1);
  }
  ~ScopedVariable() {
    if (had_value_) {
      setenv(name_, old_value_.c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  bool had_value_ = false;
  std::string old_value_;
};

template <typename Function>
Function find(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

// "OpenBLAS 0.3.21 NO_LAPACKE ..." to "0.3.21".
inline std::string version_of(std::string_view configuration) {
  const auto start = configuration.find_first_of("0123456789");
  if (start == std::string_view::npos) return "unknown";
  return std::string(configuration.substr(start, configuration.find(' ', start) - start));
}

inline std::string lower_case(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return lower;
}

// The core type is chosen while the library loads, once for each copy of it: every core type gets a
// namespace of its own. Nothing comes back when this machine lacks the library, or when OpenBLAS
// takes another core type than the one asked for, as it does where instructions are missing.
inline void load(const char* core, std::vector<BlasLibrary>& cores) {
  const ScopedVariable core_type("OPENBLAS_CORETYPE", core);
  const ScopedVariable threads("OPENBLAS_NUM_THREADS", "1");
  void* library = dlmopen(LM_ID_NEWLM, "libopenblas.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return;
  const auto corename = find<char* (*)()>(library, "openblas_get_corename");
  const auto configuration = find<char* (*)()>(library, "openblas_get_config");
  const Blas blas = {
      {find<Gemm<float>>(library, "cblas_sgemm"), find<Gemv<float>>(library, "cblas_sgemv")},
      {find<Gemm<double>>(library, "cblas_dgemm"), find<Gemv<double>>(library, "cblas_dgemv")}};
  const bool complete = corename && configuration && blas.of_floats.matrix &&
                        blas.of_floats.vector && blas.of_doubles.matrix && blas.of_doubles.vector;
  if (!complete || std::string_view(corename()) != core) {
    dlclose(library);
    return;
  }
  cores.push_back({lower_case(core), "openblas", version_of(configuration()) + " " + core, blas});
}

}  // namespace openblas

// The core types of OpenBLAS that this machine's processors can run, the widest vectors first;
// empty without the library. Each is held to one thread: callers spread their work over the oneTBB
// arena, so that no second pool fights for the cores. Loaded once, for the life of the program; any
// thread.
inline const std::vector<BlasLibrary>& openblas_cores() {
  static const std::vector<BlasLibrary> cores = [] {
    std::vector<BlasLibrary> loaded;
    for (const char* core :
         {"Sapphirerapids", "Cooperlake", "SkylakeX", "Zen", "Haswell", "Neoversen1", "Armv8"}) {
      openblas::load(core, loaded);
    }
    return loaded;
  }();
  return cores;
}

}  // namespace paceline::kernels::cpu
