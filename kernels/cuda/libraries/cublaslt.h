#pragma once

#include <cublasLt.h>

#include <string_view>

#include "kernels/cuda/module.h"

namespace paceline::kernels::cuda {

// What we call of cublasLt, under its own names without the prefix.
struct CublasLt {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
};

// Found and opened by the first call. Null: cublaslt_library() says why. Any thread.
const CublasLt* cublaslt();
const CudaLibrary& cublaslt_library();

// Of the thread's current device, made by its first call and kept.
cublasLtHandle_t cublaslt_handle();

// Throws `unavailable` for what is no success.
void check_cublaslt(cublasStatus_t status, std::string_view what);

}  // namespace paceline::kernels::cuda
