#pragma once

#include <cstdint>
#include <memory>

#include "common/graph/dtype.h"
#include "kernels/cuda/libraries/cublaslt.h"

// Row-major products as cublasLt sees them: its matrices are column-major, so it computes the
// transpose of the output, columns by rows, as the weight times the transpose of x.
namespace paceline::kernels::cuda {

inline constexpr std::int64_t cublaslt_workspace_bytes = 32 << 20;
inline constexpr int cublaslt_algorithms_max = 8;

// One problem. Equal ones have the same algorithms.
struct CublasLtProblem {
  Dtype dtype = Dtype::f32;
  bool is_tf32 = false;
  bool transpose_x = false;       // x lies as [depth, rows].
  bool transpose_weight = false;  // The weight lies as [columns, depth].
  std::int64_t batches = 1, rows = 0, columns = 0, depth = 0;
  bool shares_weight = false;  // Of all batches.
  bool shares_x = false;
  std::int64_t weight_stride = 0, out_stride = 0;  // Of a batch, in elements; 0: without gaps.
  int epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  bool adds_residual = false;
  // In bytes, of what is least aligned.
  std::int64_t x_alignment = 256, weight_alignment = 256, residual_alignment = 256,
               out_alignment = 256;

  friend auto operator<=>(const CublasLtProblem&, const CublasLtProblem&) = default;
};

struct Destroy {
  void operator()(cublasLtMatmulDesc_t product) const { cublaslt()->desc_destroy(product); }
  void operator()(cublasLtMatrixLayout_t layout) const { cublaslt()->layout_destroy(layout); }
};
using CublasLtLayout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy>;

// Descriptors of a problem, and one algorithm for it.
class CublasLtPlan {
 public:
  CublasLtPlan(const CublasLtProblem& problem, const void* bias);

  // Takes algorithm number `index` of the heuristic's list. False: it has not so many.
  bool choose(int index);

  struct Operands {
    const void *x, *weight, *residual;  // residual: out where there is none.
    void *out, *workspace;
  };
  void run(const Operands& operands, CUstream_st* stream) const;

 private:
  CublasLtProblem problem_;
  cublasLtHandle_t handle_ = nullptr;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy> product_;
  CublasLtLayout weight_, x_, out_;
  cublasLtMatmulAlgo_t algorithm_ = {};
};

}  // namespace paceline::kernels::cuda
