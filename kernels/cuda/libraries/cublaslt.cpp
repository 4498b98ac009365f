#include "kernels/cuda/libraries/cublaslt.h"

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <string>

#include "common/base/error.h"
#include "kernels/cuda/libraries/loaded_library.h"
#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {
namespace {

std::string find_all(const OpenedLibrary& library, CublasLt& made) {
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
  decltype(&cublasLtGetVersion) version_of = nullptr;
  find(library, "cublasLtGetVersion", version_of);
  return version_text(version_of());
}

using Loaded = LoadedLibrary<CublasLt>;

const Loaded& loaded() {
  static const Loaded* one = new Loaded(load_library<CublasLt>(
      "cublaslt", "libcublasLt.so.13", find_all));  // Outlives whoever still runs a kernel.
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
