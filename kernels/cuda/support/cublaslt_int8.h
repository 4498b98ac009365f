#pragma once

#include <cstdint>

#include "kernels/cuda/support/cublaslt_plan.h"

namespace paceline::kernels::cuda {

// A product of signed bytes, x[rows,depth] and weight[columns,depth], both dense, as 32-bit sums
// [rows,columns]. All extents are multiples of 16, addresses of 256 bytes.
class CublasLtInt8 {
 public:
  CublasLtInt8(std::int64_t rows, std::int64_t columns, std::int64_t depth);

  // Takes algorithm number `index` of the heuristic's list. False: it has not so many.
  bool choose(int index);

  struct Operands {
    const std::int8_t *x, *weight;
    std::int32_t* sums;
    void* workspace;  // Of cublaslt_workspace_bytes.
  };
  void run(const Operands& operands, CUstream_st* stream) const;

 private:
  std::int64_t rows_, columns_, depth_;
  cublasLtHandle_t handle_ = nullptr;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy> product_;
  CublasLtLayout weight_, x_, sums_;
  cublasLtMatmulAlgo_t algorithm_ = {};
};

}  // namespace paceline::kernels::cuda
