#include "kernels/cuda/device/few_rows.h"
#include "kernels/cuda/device/few_rows_mma.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

// Two to sixteen rows of halves on the tensor cores; other rows as few_rows_cuda, and operands that
// do not come in 16 bytes as products_cuda.
namespace paceline::kernels::cuda {
namespace {

void launch(const ProductArguments& p, const Call& call) {
  if (takes_few_rows_mma(p)) {
    launch_few_rows_mma(p, place_of(call));
  } else if (takes_few_rows(p)) {
    launch_few_rows(p, place_of(call));
  } else {
    launch_product(p, place_of(call));
  }
  check_launch("few_rows_mma_cuda");
}

void run(const Call& call) { launch(linear_arguments(call, false), call); }
void run_residual(const Call& call) { launch(linear_arguments(call, true), call); }

Kernel member(const char* op, void (*run)(const Call&)) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f16, Dtype::bf16}, {Strides::dense}, Precision::reorders, 0.29),
      .prepare = prepare_product,
      .run = run,
  };
  kernel.info.name = op;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

}  // namespace

std::vector<Kernel> few_rows_mma_cuda() {
  return {member("linear", run), member("linear_activation", run),
          member("linear_residual", run_residual)};
}

}  // namespace paceline::kernels::cuda
