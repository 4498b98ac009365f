#include "kernels/cuda/support/cublaslt_plan.h"

#include <map>
#include <mutex>
#include <vector>

#include "common/base/error.h"

namespace paceline::kernels::cuda {
namespace {

cudaDataType_t data_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return CUDA_R_64F;
    case Dtype::f16:
      return CUDA_R_16F;
    case Dtype::bf16:
      return CUDA_R_16BF;
    default:
      return CUDA_R_32F;
  }
}

cublasComputeType_t compute_type(const CublasLtProblem& problem) {
  if (problem.dtype == Dtype::f64) return CUBLAS_COMPUTE_64F;
  return problem.is_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

CublasLtLayout layout(Dtype dtype, std::int64_t rows, std::int64_t columns, std::int64_t batches,
                      std::int64_t batch_stride) {
  cublasLtMatrixLayout_t made = nullptr;
  check_cublaslt(cublaslt()->layout_create(&made, data_type(dtype), rows, columns, rows),
                 "a matrix's layout");
  CublasLtLayout owned(made);
  if (batches == 1) return owned;
  const auto count = static_cast<std::int32_t>(batches);
  cublaslt()->layout_set(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count));
  cublaslt()->layout_set(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch_stride,
                         sizeof(batch_stride));
  return owned;
}

using Algorithms = std::vector<cublasLtMatmulAlgo_t>;

void prefer(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
            std::uint32_t value) {
  check_cublaslt(cublaslt()->preference_set(preference, attribute, &value, sizeof(value)),
                 "cublasLt's preference");
}

}  // namespace

CublasLtPlan::CublasLtPlan(const CublasLtProblem& p, const void* bias)
    : problem_(p), handle_(cublaslt_handle()) {
  const CublasLt& lt = *cublaslt();
  cublasLtMatmulDesc_t product = nullptr;
  check_cublaslt(
      lt.desc_create(&product, compute_type(p), p.dtype == Dtype::f64 ? CUDA_R_64F : CUDA_R_32F),
      "a product's description");
  product_.reset(product);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    check_cublaslt(lt.desc_set(product, attribute, &value, sizeof(value)), "cublasLt's product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_weight ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_x ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<cublasLtEpilogue_t>(p.epilogue));
  if (bias != nullptr) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  weight_ = layout(p.dtype, p.transpose_weight ? p.depth : p.columns,
                   p.transpose_weight ? p.columns : p.depth, p.batches,
                   p.shares_weight        ? 0
                   : p.weight_stride != 0 ? p.weight_stride
                                          : p.depth * p.columns);
  x_ = layout(p.dtype, p.transpose_x ? p.rows : p.depth, p.transpose_x ? p.depth : p.rows,
              p.batches, p.shares_x ? 0 : p.depth * p.rows);
  out_ = layout(p.dtype, p.columns, p.rows, p.batches,
                p.out_stride != 0 ? p.out_stride : p.columns * p.rows);
}

bool CublasLtPlan::choose(int index) {
  const CublasLt& lt = *cublaslt();
  const CublasLtProblem& p = problem_;
  static std::mutex mutex;
  static auto* known = new std::map<std::pair<cublasLtHandle_t, CublasLtProblem>, Algorithms>;
  const std::lock_guard lock(mutex);
  const auto [place, is_new] = known->try_emplace({handle_, p});
  Algorithms& algorithms = place->second;
  if (is_new) {
    cublasLtMatmulPreference_t preference = nullptr;
    check_cublaslt(lt.preference_create(&preference), "cublasLt's preference");
    const auto workspace = static_cast<std::size_t>(cublaslt_workspace_bytes);
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                      sizeof(workspace));
    // Parts of sums are added in the type of sums, never in that of the output.
    prefer(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
    const auto bytes = [](std::int64_t alignment) { return static_cast<std::uint32_t>(alignment); };
    prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, bytes(p.weight_alignment));
    prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, bytes(p.x_alignment));
    prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, bytes(p.residual_alignment));
    prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, bytes(p.out_alignment));
    cublasLtMatmulHeuristicResult_t found[cublaslt_algorithms_max] = {};
    int count = 0;
    const cublasStatus_t status =
        lt.heuristic(handle_, product_.get(), weight_.get(), x_.get(), out_.get(), out_.get(),
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

void CublasLtPlan::run(const Operands& operands, CUstream_st* stream) const {
  const float one = 1, added = problem_.adds_residual ? 1 : 0;
  const double one64 = 1, added64 = added;
  const bool is_double = problem_.dtype == Dtype::f64;
  check_cublaslt(cublaslt()->matmul(
                     handle_, product_.get(), is_double ? static_cast<const void*>(&one64) : &one,
                     operands.weight, weight_.get(), operands.x, x_.get(),
                     is_double ? static_cast<const void*>(&added64) : &added, operands.residual,
                     out_.get(), operands.out, out_.get(), &algorithm_, operands.workspace,
                     cublaslt_workspace_bytes, stream),
                 "cublasLtMatmul");
}

}  // namespace paceline::kernels::cuda
