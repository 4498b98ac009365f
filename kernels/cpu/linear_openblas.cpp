#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/openblas.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  call.inputs[0].dtype == Dtype::f32 ? run_linear<float>(call) : run_linear<double>(call);
}

}  // namespace

std::vector<Kernel> linear_openblas() {
  return blas_family<BlasAffineState>(
      openblas_cores(),
      {.info = {.op = "linear",
                .accepts = {.dtypes = {Dtype::f32, Dtype::f64}, .input_strides = affine_strides()},
                .precision = Precision::reorders,
                .expected_efficiency = 0.70},
       .run = run});
}

}  // namespace paceline::kernels::cpu
