#include "kernels/cuda/device/few_rows.h"

#include "kernels/cuda/device/few_rows_blocks.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

// One to sixteen rows times a weight at the speed of memory. Operands that do not come in 16 bytes
// are multiplied as products_cuda does.
namespace paceline::kernels::cuda {
namespace {

void launch(const ProductArguments& p, const Call& call) {
  takes_few_rows(p) ? launch_few_rows(p, place_of(call)) : launch_product(p, place_of(call));
  check_launch("few_rows_cuda");
}

void run(const Call& call) { launch(linear_arguments(call, false), call); }
void run_residual(const Call& call) { launch(linear_arguments(call, true), call); }

void run_quantized(const Call& call) {
  const ProductArguments p = quantized_arguments(call);
  takes_few_rows_blocks(p) ? launch_few_rows_blocks(p, place_of(call))
                           : launch_product(p, place_of(call));
  check_launch("few_rows_cuda");
}

Kernel member(const char* op, void (*run)(const Call&)) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, 0.3),
      .prepare = prepare_product,
      .run = run,
  };
  kernel.info.name = op;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

Kernel quantized() {
  Kernel kernel = member("linear_quantized", run_quantized);
  kernel.info.accepts.attributes = {};
  return kernel;
}

}  // namespace

std::vector<Kernel> few_rows_cuda() {
  return {member("linear", run), member("linear_activation", run),
          member("linear_residual", run_residual), quantized()};
}

}  // namespace paceline::kernels::cuda
