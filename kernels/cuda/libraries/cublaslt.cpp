#include "kernels/cuda/libraries/cublaslt.h"

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <optional>

#include "common/base/error.h"
#include "kernels/cuda/libraries/find_library.h"
#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {
namespace {

struct Loaded {
  std::optional<CublasLt> functions;
  CudaLibrary library{.name = "cublaslt"};
};

template <typename Function>
void find(const OpenedLibrary& library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(symbol_of(library, name));
}

CublasLt functions_of(const OpenedLibrary& library) {
  CublasLt made{};
  find(library, "cublasLtCreate", made.create);
  find(library, "cublasLtMatmul", made.matmul);
  find(library, "cublasLtMatmulDescCreate", made.desc_create);
  find(library, "cublasLtMatmulDescDestroy", made.desc_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", made.desc_set);
  find(library, "cublasLtMatrixLayoutCreate", made.layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", made.layout_destroy);
  find(library, "cublasLtMatrixLayoutSetAttribute", made.layout_set);
  find(library, "cublasLtMatmulPreferenceCreate", made.preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", made.preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", made.preference_set);
  find(library, "cublasLtMatmulAlgoGetHeuristic", made.heuristic);
  return made;
}

Loaded load() {
  Loaded loaded;
  const OpenedLibrary opened = open_library("libcublasLt.so.13");
  loaded.library.path = opened.path;
  loaded.library.absence = opened.absence;
  if (opened.handle == nullptr) return loaded;
  try {
    loaded.functions = functions_of(opened);
    decltype(&cublasLtGetVersion) version_of = nullptr;
    find(opened, "cublasLtGetVersion", version_of);
    const std::size_t version = version_of();  // 130101 is 13.1.1.
    loaded.library.version =
        fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  } catch (const Error& error) {
    loaded.functions.reset();
    loaded.library.absence = error.what();
  }
  return loaded;
}

const Loaded& loaded() {
  static const Loaded* one = new Loaded(load());  // Outlives whoever still runs a kernel.
  return *one;
}

}  // namespace

const CublasLt* cublaslt() { return loaded().functions ? &*loaded().functions : nullptr; }

const CudaLibrary& cublaslt_library() { return loaded().library; }

cublasLtHandle_t cublaslt_handle() {
  static std::mutex mutex;
  static auto* handles = new std::map<int, cublasLtHandle_t>;
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  const std::lock_guard lock(mutex);
  cublasLtHandle_t& handle = (*handles)[device];
  if (handle == nullptr) check_cublaslt(cublaslt()->create(&handle), "cublasLtCreate");
  return handle;
}

void check_cublaslt(cublasStatus_t status, std::string_view what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw unavailable("{}: cublasLt answers {}", what, static_cast<int>(status));
}

}  // namespace paceline::kernels::cuda
