#include "kernels/cuda/support/cublaslt_int8.h"

#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "common/base/error.h"

namespace paceline::kernels::cuda {
namespace {

CublasLtLayout layout(cudaDataType_t type, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t made = nullptr;
  check_cublaslt(cublaslt()->layout_create(&made, type, rows, columns, rows), "a matrix's layout");
  return CublasLtLayout(made);
}

}  // namespace

// The library's matrices are column-major: the transpose of the sums is the weight, transposed as
// it wants the first factor of bytes to be, times the transpose of x.
CublasLtInt8::CublasLtInt8(std::int64_t rows, std::int64_t columns, std::int64_t depth)
    : rows_(rows), columns_(columns), depth_(depth), handle_(cublaslt_handle()) {
  const CublasLt& lt = *cublaslt();
  cublasLtMatmulDesc_t product = nullptr;
  check_cublaslt(lt.desc_create(&product, CUBLAS_COMPUTE_32I, CUDA_R_32I),
                 "a product's description");
  product_.reset(product);
  const cublasOperation_t transposed = CUBLAS_OP_T;
  check_cublaslt(lt.desc_set(product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed)),
                 "cublasLt's product");
  weight_ = layout(CUDA_R_8I, depth, columns);
  x_ = layout(CUDA_R_8I, depth, rows);
  sums_ = layout(CUDA_R_32I, columns, rows);
}

bool CublasLtInt8::choose(int index) {
  using Problem = std::tuple<cublasLtHandle_t, std::int64_t, std::int64_t, std::int64_t>;
  static std::mutex mutex;
  static auto* known = new std::map<Problem, std::vector<cublasLtMatmulAlgo_t>>;
  const CublasLt& lt = *cublaslt();
  const std::lock_guard lock(mutex);
  const auto [place, is_new] = known->try_emplace({handle_, rows_, columns_, depth_});
  std::vector<cublasLtMatmulAlgo_t>& algorithms = place->second;
  if (is_new) {
    cublasLtMatmulPreference_t preference = nullptr;
    check_cublaslt(lt.preference_create(&preference), "cublasLt's preference");
    const auto workspace = static_cast<std::size_t>(cublaslt_workspace_bytes);
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                      sizeof(workspace));
    cublasLtMatmulHeuristicResult_t found[cublaslt_algorithms_max] = {};
    int count = 0;
    const cublasStatus_t status =
        lt.heuristic(handle_, product_.get(), weight_.get(), x_.get(), sums_.get(), sums_.get(),
                     preference, cublaslt_algorithms_max, found, &count);
    lt.preference_destroy(preference);
    for (int i = 0; status == CUBLAS_STATUS_SUCCESS && i < count; ++i) {
      if (found[i].state == CUBLAS_STATUS_SUCCESS) algorithms.push_back(found[i].algo);
    }
  }
  if (index >= static_cast<int>(algorithms.size())) return false;
  algorithm_ = algorithms[index];
  return true;
}

void CublasLtInt8::run(const Operands& operands, CUstream_st* stream) const {
  const std::int32_t one = 1, none = 0;
  check_cublaslt(
      cublaslt()->matmul(handle_, product_.get(), &one, operands.weight, weight_.get(), operands.x,
                         x_.get(), &none, operands.sums, sums_.get(), operands.sums, sums_.get(),
                         &algorithm_, operands.workspace, cublaslt_workspace_bytes, stream),
      "cublasLtMatmul of bytes");
}

}  // namespace paceline::kernels::cuda
