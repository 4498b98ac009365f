#include "kernels/cpu/support/blas_matmul.h"
#include "kernels/cpu/support/openblas.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  call.inputs[0].dtype == Dtype::f32 ? run_matmul<float>(call) : run_matmul<double>(call);
}

}  // namespace

std::vector<Kernel> matmul_openblas() {
  return blas_family<BlasMatmulState>(
      openblas_cores(), {.info = {.op = "matmul",
                                  .accepts = {.dtypes = {Dtype::f32, Dtype::f64},
                                              .rank_min = 2,
                                              .input_strides = {Strides::dense_inner}},
                                  .precision = Precision::reorders,
                                  .expected_efficiency = 0.70},
                         .run = run});
}

}  // namespace paceline::kernels::cpu
